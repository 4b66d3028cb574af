#!/usr/bin/env bash
# What an audit costs: references, different ones, milliseconds that the registry takes for an answer, workers, seconds, bytes of the
# table. PROFILE=dev measures the build that `make` has.
set -euo pipefail
cd "$(dirname "$0")"
export PROFILE="${PROFILE:-release}"

skip() {
    echo "SKIPPED: audit-on-ray: $1" >&2
    exit 0
}

. ./setup.sh
for size in "1000 100 0" "10000 1000 0" "100000 100 0" "100000 10000 0" "1000 100 20" "10000 1000 20" "100000 10000 20"; do
    read -r references different delay <<<"$size"
    fleet "$different" "$references" "$delay"
    for workers in 1 2; do
        begin="$(date +%s%N)"
        "$python" audit.py --policy policy.yaml --output "$work/verdicts.parquet" --workers "$workers" "$work/references.txt" \
            >"$work/printed" 2>&1 || [ $? = 1 ] || { cat "$work/printed" >&2 && exit 1; }
        milliseconds=$((($(date +%s%N) - begin) / 1000000))
        printf '| %s | %s | %s | %s | %d.%d | %s |\n' "$references" "$different" "$delay" "$workers" $((milliseconds / 1000)) \
            $((milliseconds % 1000 / 100)) "$(stat -c %s "$work/verdicts.parquet")"
    done
done
