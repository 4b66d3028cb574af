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

# Bindings that are workspaces of their own. What they bring must be what is tested here: the same versions.
versions() {
    awk '/^name = /{name=$3} /^version = /{print name, $3}' "$1" | sort
}
for lock in bindings/*/Cargo.lock; do
    binding="${lock%.lock}.toml"
    comm -13 <(versions Cargo.lock) <(versions "$lock") | while read -r name version; do
        ! grep -qx "name = $name" Cargo.lock || {
            echo "$lock has another version of $name: $version; cp Cargo.lock $lock && cargo fetch --manifest-path $binding" >&2
            exit 1
        }
    done
    cargo fetch --quiet --manifest-path "$binding"
    "$root/bin/cargo-deny" --offline --manifest-path "$binding" --config deny.toml check licenses bans sources
done
