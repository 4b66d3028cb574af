#!/usr/bin/env bash
# Licences, banned packages, duplicates and sources, by cargo-deny. Installed once into the cache.
set -euo pipefail
version=0.20.2
root="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools/cargo-deny-$version"
if [ ! -x "$root/bin/cargo-deny" ]; then
    echo "installing cargo-deny $version (once, some minutes)"
    CARGO_TARGET_DIR="$root/build" cargo install --quiet --locked --root "$root" "cargo-deny@$version"
    rm -rf "$root/build"
fi
cargo fetch --quiet --locked
"$root/bin/cargo-deny" --offline check licenses bans sources
# The bindings are workspaces of their own.
for binding in bindings/*/Cargo.toml; do
    cargo fetch --quiet --manifest-path "$binding"
    "$root/bin/cargo-deny" --offline --manifest-path "$binding" --config deny.toml check licenses bans sources
done
