#!/usr/bin/env bash
# Makes a release of the commit that is checked out, in FOLDER: the binary, its bill of materials, its image, the wheel, the npm
# package, and SHA256SUMS over all of them. Built from the commit alone, not from what else lies in the checkout.
#
#   cli/deploy/release.sh [--twice] [--profile NAME] [--parts "binary sbom image wheel npm"] FOLDER
#
# --twice builds the binary in a second folder as well, and fails if its bytes are others. Parts that are not named are left as
# they are in FOLDER. --profile dev is quick, and for trials of this script only.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
profile=release
twice=no
parts="binary sbom image wheel npm"

usage() {
    sed -n '5s/^# *//p' "$0" >&2
    exit 2
}

while [ $# -gt 1 ]; do
    case "$1" in
    --twice) twice=yes ;;
    --profile) profile="$2" && shift ;;
    --parts) parts="$2" && shift ;;
    *) usage ;;
    esac
    shift
done
case "${1:-}" in "" | -*) usage ;; esac
mkdir -p "$1"
folder="$(cd "$1" && pwd)"

# Everything that a build could pick up from this machine and this moment is said here.
export LC_ALL=C TZ=UTC CARGO_INCREMENTAL=0 CARGO_TERM_PROGRESS_WHEN=never
SOURCE_DATE_EPOCH="$(git -C "$root" log -1 --format=%ct)"
export SOURCE_DATE_EPOCH
umask 022
version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")"
host="$(rustc -vV | sed -n 's/^host: //p')"
cargo_home="${CARGO_HOME:-$HOME/.cargo}"
work="${CARGO_TARGET_DIR:-$root/target}/release-of-$version"
trap 'rm -rf "$work"' EXIT
rm -rf "$work"
if [ -n "$(git -C "$root" status --porcelain)" ]; then echo "what is not committed is not in this release" >&2; fi

# Static where the standard library for musl and its C compiler are installed, else for this machine's glibc.
triple="$host"
musl="${host/-gnu/-musl}"
if [ -d "$(rustc --print sysroot)/lib/rustlib/$musl" ] && command -v musl-gcc >/dev/null; then triple="$musl"; fi
binary="verimage-$version-$triple"

skip() {
    echo "SKIPPED: $1: $2" >&2
}

# source_of NAME: the commit in a folder of its own.
source_of() {
    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1/source"
    git -C "$root" archive HEAD | tar -x -C "$work/$1/source"
}

# in_folder NAME COMMAND...: a build whose result does not say where it was built.
in_folder() {
    local source="$work/$1/source" target="$work/$1/target" separator=$'\x1f' flags
    shift
    flags="--remap-path-prefix=$cargo_home=/cargo$separator--remap-path-prefix=$source=/verimage$separator--remap-path-prefix=$target=/target"
    (
        cd "$source"
        export CARGO_TARGET_DIR="$target" CARGO_ENCODED_RUSTFLAGS="$flags"
        export CFLAGS="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$source=/verimage -ffile-prefix-map=$target=/target"
        "$@"
    )
}

# names_no_machine NAME: no folder of this machine stands in what is read.
names_no_machine() {
    local found
    found="$(strings -a | grep -F -e "$work" -e "$root" -e "$HOME/." -e "$cargo_home" || true)"
    if [ -n "$found" ]; then
        echo "$1 names the machine that built it: ${found:0:500}" >&2
        exit 1
    fi
}

build_binary() {
    source_of "$1"
    in_folder "$1" cargo build --quiet --locked --profile "$profile" --target "$triple" --package verimage-cli
    strip --strip-all -o "$2" "$work/$1/target/$triple/${profile/dev/debug}/verimage"
    rm -rf "${work:?}/$1"
}

binary() {
    build_binary one "$folder/$binary"
    names_no_machine "$binary" <"$folder/$binary"
    echo "$binary is linked with: $(readelf -d "$folder/$binary" | sed -n 's/.*Shared library: \[\(.*\)\]/\1/p' | tr '\n' ' ')"
    if [ "$twice" = no ]; then return; fi
    build_binary another/folder "$work/second"
    if ! cmp "$folder/$binary" "$work/second"; then
        echo "a second build gave other bytes" >&2
        exit 1
    fi
    echo "$binary is the same from a second folder: sha256:$(sha256sum <"$work/second" | cut -d' ' -f1)"
}

sbom() {
    source_of sbom
    local tool file="verimage-$version.cdx.json"
    tool="$("$root/tests/tools/cargo-tool.sh" cargo-cyclonedx 0.5.9)" || { skip sbom "cargo-cyclonedx cannot be had" && return; }
    in_folder sbom env PATH="$tool:$PATH" cargo cyclonedx --quiet --manifest-path cli/Cargo.toml --format json --spec-version 1.5 \
        --describe binaries --no-build-deps --target "$triple"
    in_folder sbom cargo tree --locked --package verimage-cli --edges normal --target "$triple" --no-dedupe --prefix none --format '{p}' |
        python3 "$here/bill.py" "$work/sbom/source/cli/verimage_bin.cdx.json" "$work/sbom/source" >"$folder/$file"
    names_no_machine "$file" <"$folder/$file"
}

image() {
    python3 "$here/oci.py" image "$folder/$binary" "$version" "$folder/verimage-$version.oci.tar"
}

# maturin, as the tests of the Python package have it; installed once into the cache.
maturin() {
    local pinned tools
    pinned="$(grep '^maturin==' "$root/bindings/python/tests/requirements.txt")"
    tools="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools/${pinned/==/-}"
    if [ ! -x "$tools/bin/maturin" ]; then
        rm -rf "$tools"
        python3 -m venv "$tools" >&2 && "$tools/bin/pip" install --quiet --disable-pip-version-check "$pinned" >&2 || return
    fi
    echo "$tools/bin"
}

# Both packages are built in one folder: most of what they are built from is the same.
packages() {
    if [ ! -d "$work/packages" ]; then source_of packages; fi
}

wheel() {
    local tools wheels="$work/packages/wheels" file
    tools="$(maturin)" || { skip wheel "maturin cannot be had" && return; }
    packages
    in_folder packages "$tools/maturin" build --quiet --locked --profile "$profile" --interpreter "$tools/python" \
        --manifest-path bindings/python/Cargo.toml --out "$wheels"
    file="$(cd "$wheels" && echo *.whl)"
    python3 -m zipfile -e "$wheels/$file" "$work/packages/content"
    find "$work/packages/content" -type f -exec cat {} + | names_no_machine "$file"
    mv "$wheels/$file" "$folder"
}

npm() {
    local file
    packages
    in_folder packages env VERIMAGE_NODE_PROFILE="$profile" bindings/node/test.sh true
    file="$(cd "$work/packages/target" && ls node/*.tgz)" || { skip npm "it was not built" && return; }
    tar -xzOf "$work/packages/target/$file" | names_no_machine "$file"
    mv "$work/packages/target/$file" "$folder"
}

for part in $parts; do
    case "$part" in
    binary | sbom | image | wheel | npm) "$part" ;;
    *) usage ;;
    esac
done
cd "$folder"
find . -maxdepth 1 -type f ! -name 'SHA256SUMS*' -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS
cat SHA256SUMS
