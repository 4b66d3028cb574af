#!/usr/bin/env bash
# Replays the seeds, then fuzzes each target for a number of runs from a fixed seed, so that the gate sees the same each
# time. Without cargo-fuzz the second part is skipped aloud. Long runs: `cargo fuzz run --fuzz-dir fuzz TARGET`.
set -euo pipefail
cd "$(dirname "$0")"
runs="${1:-20000}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-../target}/fuzz"
cargo test --quiet

version=0.13.2
root="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools/cargo-fuzz-$version"
if [ ! -x "$root/bin/cargo-fuzz" ]; then
    echo "installing cargo-fuzz $version (once, some minutes)"
    CARGO_TARGET_DIR="$root/build" cargo install --quiet --locked --root "$root" "cargo-fuzz@$version" || {
        echo "skipped: cargo-fuzz cannot be installed here"
        exit 0
    }
    rm -rf "$root/build"
fi
export PATH="$root/bin:$PATH" RUSTC_BOOTSTRAP=1
cargo fuzz build --fuzz-dir . --features libfuzzer >/dev/null
for target in bundle certificate containers-policy manifest notation-envelope notation-policy notation-revocation notary-collection notary-metadata payload policy reference session simple-signing timestamp trusted-root; do
    found=$(mktemp -d)
    seeds=("seeds/$target")
    [ "$target" != policy ] || seeds+=(../tests/tests/policy/samples)
    echo "fuzz $target, $runs runs"
    cargo fuzz run --fuzz-dir . --features libfuzzer "$target" "$found" "${seeds[@]}" -- \
        -seed=1 -runs="$runs" -max_len=65536 -rss_limit_mb=2048 -timeout=10 -print_final_stats=0 2>&1 | grep -E "DONE|ERROR|panicked|SUMMARY" || true
    rm -rf "$found"
    test -z "$(ls -A "artifacts/$target" 2>/dev/null)" || { echo "findings in fuzz/artifacts/$target"; exit 1; }
done
