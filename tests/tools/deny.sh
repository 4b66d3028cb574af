#!/usr/bin/env bash
# Licences, banned packages, duplicates and sources, by cargo-deny. Installed once into the cache.
set -euo pipefail
deny="$(tests/tools/cargo-tool.sh cargo-deny 0.20.2)/cargo-deny"
cargo fetch --quiet --locked
"$deny" --offline check licenses bans sources

# Bindings that are workspaces of their own. What they bring must be what is tested here: the same versions, or one more of their own.
versions() {
    awk '/^name = /{name=$3} /^version = /{print name, $3}' "$1" | sort
}
names() {
    cut -d' ' -f1 | sort -u
}
# libloading: napi needs the newer; the older serves PKCS #11 alone, which no binding has.
apart='"libloading"'
for lock in bindings/*/Cargo.lock; do
    binding="${lock%.lock}.toml"
    both="$(comm -12 <(versions Cargo.lock | names) <(versions "$lock" | names))"
    other="$(comm -23 <(echo "$both") <(comm -12 <(versions Cargo.lock) <(versions "$lock") | names) | grep -vx "$apart" || true)"
    if [ -n "$other" ]; then
        echo "$lock has other versions of" $other"; cp Cargo.lock $lock && cargo fetch --manifest-path $binding" >&2
        exit 1
    fi
    cargo fetch --quiet --manifest-path "$binding"
    "$deny" --offline --manifest-path "$binding" --config deny.toml check licenses bans sources
done
