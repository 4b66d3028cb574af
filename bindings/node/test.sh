#!/usr/bin/env bash
# Builds the addon and the package, packs it, installs it into an empty folder, and tests what was installed.
# Everything is made in the build folder; tools are kept in the cache.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
root="$(cd "$here/../.." && pwd)"
target="${CARGO_TARGET_DIR:-$root/target}"
work="$target/node"

if ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null || ! command -v npm >/dev/null; then
    echo "skipped: the Node package needs node 18 or newer, and npm"
    exit 0
fi
npm="npm --no-audit --no-fund --no-update-notifier --loglevel=error"

tools="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools/node-$(cksum <"$here/package-lock.json" | cut -d' ' -f1)"
if [ ! -d "$tools/node_modules" ]; then
    rm -rf "$tools" "$tools.new"
    mkdir -p "$tools.new"
    cp "$here/package.json" "$here/package-lock.json" "$tools.new"
    if ! (cd "$tools.new" && $npm ci --ignore-scripts >/dev/null); then
        echo "skipped: the tools that build the Node package cannot be had"
        exit 0
    fi
    mv "$tools.new" "$tools"
fi

stage="$work/stage"
rm -rf "$work"
mkdir -p "$stage" "$work/installed"
cp -r "$here/package.json" "$here/README.md" "$here/tsconfig.json" "$here/lib" "$here/bin" \
    "$here/examples" "$here/native.js" "$here/native.d.ts" "$root/CHANGELOG.md" "$stage"
ln -s "$tools/node_modules" "$stage/node_modules"

profile="${VERIMAGE_NODE_PROFILE:-dev}"
CARGO_TARGET_DIR="$target" cargo build --quiet --locked --lib --profile "$profile" --manifest-path "$here/Cargo.toml"
built="$target/${profile/dev/debug}"
machine="$(node -p '[process.platform, process.arch].concat(process.platform === "linux"
    ? (process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl") : []).join("-")')"
cp "$built/libverimage_node.so" "$stage/verimage.$machine.node" 2>/dev/null ||
    cp "$built/libverimage_node.dylib" "$stage/verimage.$machine.node"

cd "$stage"
node_modules/.bin/tsc --project tsconfig.json
tarball="$($npm pack --ignore-scripts --silent --pack-destination "$work" | tail -1)"

# As a user has it: the tarball alone, and what uses it.
cd "$work/installed"
echo '{"name": "user", "private": true}' >package.json
$npm install --offline --ignore-scripts "$work/$tarball" >/dev/null
cp -r "$here/test" "$here/bench" .
mkdir node_modules/@types
ln -s "$tools/node_modules/@types/node" node_modules/@types/node
ln -s "$tools/node_modules/undici-types" node_modules/undici-types
for file in test/types.mts test/types.cts; do
    "$tools/node_modules/.bin/tsc" --strict --noEmit --module node16 --target es2022 --types node "$file"
done
export VERIMAGE_REPOSITORY="$root"
if [ $# -gt 0 ]; then
    exec "$@"
fi
node --expose-gc --test --test-reporter=spec test/ >"$work/test.log" || {
    cat "$work/test.log" >&2
    exit 1
}
tail -8 "$work/test.log"
