# For the other scripts: cargo-fuzz on the PATH, every target built, and their names in `targets`.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-../target}/fuzz"

version=0.13.2
root="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools/cargo-fuzz-$version"

# Whether there is a cargo-fuzz now.
have_cargo_fuzz() {
    if [ ! -x "$root/bin/cargo-fuzz" ]; then
        echo "installing cargo-fuzz $version (once, some minutes)"
        CARGO_TARGET_DIR="$root/build" cargo install --quiet --locked --root "$root" "cargo-fuzz@$version" || return 1
        rm -rf "$root/build"
    fi
    export PATH="$root/bin:$PATH" RUSTC_BOOTSTRAP=1
}

build_targets() {
    cargo fuzz build --fuzz-dir . --features libfuzzer >/dev/null
    targets=$(cargo fuzz list --fuzz-dir .)
}

# Runs the target $1 over the folder $2, which takes what is found, with the other options.
fuzz() {
    local target="$1" corpus="$2"
    shift 2
    local seeds=("seeds/$target")
    [ "$target" != policy ] || seeds+=(../tests/tests/policy/samples)
    cargo fuzz run --fuzz-dir . --features libfuzzer "$target" "$corpus" "${seeds[@]}" -- \
        -max_len=65536 -rss_limit_mb=2048 -timeout=10 "$@" 2>&1
}

# Stops if a target left something behind.
no_findings() {
    test -z "$(ls -A "artifacts/$1" 2>/dev/null)" || { echo "findings in fuzz/artifacts/$1"; exit 1; }
}
