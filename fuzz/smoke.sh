#!/usr/bin/env bash
# Replays the seeds, then fuzzes each target for a number of runs from a fixed seed, so that the gate sees the same each
# time. Without cargo-fuzz the second part is skipped aloud. Long runs: fuzz/long.sh.
set -euo pipefail
cd "$(dirname "$0")"
runs="${1:-20000}"
. ./cargo-fuzz.sh
cargo test --quiet
have_cargo_fuzz || { echo "skipped: cargo-fuzz cannot be installed here"; exit 0; }
build_targets
for target in $targets; do
    found=$(mktemp -d)
    # Whole verifications and policies take a hundred times as long as the others.
    case "$target" in policy | session) count=$((runs / 10)) ;; *) count=$runs ;; esac
    echo "fuzz $target, $count runs"
    fuzz "$target" "$found" -seed=1 -runs="$count" -print_final_stats=0 | grep -E "DONE|ERROR|panicked|SUMMARY" || true
    rm -rf "$found"
    no_findings "$target"
done
