#!/usr/bin/env bash
# The live suites with the debug build of the command line; arguments go to each of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/env.sh
export VERIMAGE="${CARGO_TARGET_DIR:-$PWD/target}/debug/verimage"
python3 tests/interop/cosign.py "$@" | { grep -E "FAIL|SKIPPED|passed" || true; }
exit "${PIPESTATUS[0]}"
