#!/usr/bin/env bash
# Fuzzes each target, or those that are named, for some seconds, one after the other. What is found that goes further stays in
# fuzz/corpus; docs/fuzzing.md gets the figures, added to those that were there.
#   fuzz/long.sh SECONDS [TARGET...]
set -euo pipefail
cd "$(dirname "$0")"
seconds="${1:?how many seconds for each target}"
shift
. ./cargo-fuzz.sh
have_cargo_fuzz
build_targets
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in ${*:-$targets}; do
    mkdir -p "corpus/$target"
    fuzz "$target" "corpus/$target" -max_total_time="$seconds" -print_final_stats=1 >"$log" || true
    ./table.py "$target" "$seconds" "$log" ../docs/fuzzing.md
done
for target in $targets; do
    no_findings "$target"
done
