#!/usr/bin/env bash
# The audit on a real Ray, over 200 references. Skipped aloud where Ray cannot be had; with --require that is a failure.
set -euo pipefail
cd "$(dirname "$0")"
required="${1:-}"

skip() {
    echo "SKIPPED: audit-on-ray: $1" >&2
    [ "$required" != --require ] || exit 1
    exit 0
}

. ./setup.sh
fleet 40 200
"$python" test_audit.py "$work"
