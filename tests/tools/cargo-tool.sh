#!/usr/bin/env bash
# Prints the folder of a pinned cargo subcommand: `cargo-tool.sh cargo-deny 0.20.2`. Installed once into the cache.
set -euo pipefail
name=$1 version=$2
root="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools/$name-$version"
if [ ! -x "$root/bin/$name" ]; then
    echo "installing $name $version (once, some minutes)" >&2
    CARGO_TARGET_DIR="$root/build" cargo install --quiet --locked --root "$root" "$name@$version" >&2
    rm -rf "$root/build"
fi
echo "$root/bin"
