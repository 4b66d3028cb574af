#!/usr/bin/env bash
# The live suites with the debug build of the command line; arguments go to them. Then the real notation, the real
# notary and the real skopeo on their fixtures.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/env.sh
export VERIMAGE="${CARGO_TARGET_DIR:-$PWD/target}/debug/verimage"
suites=(cosign notation_live notary simple_signing)
# The tools of this one take long to build.
if [ "${1:-}" = --require ]; then suites+=(admission); fi
for suite in "${suites[@]}"; do
    python3 "tests/interop/$suite.py" "$@" | { grep -E "FAIL|SKIPPED|passed" || true; }
done
if [ -n "${NOTATION:-}" ] || [ "${1:-}" = --require ]; then
    python3 tests/fixtures/notation/check.py
else
    echo "SKIPPED: NOTATION is not set or empty"
fi
if [ -n "${NOTARY:-}" ] || [ "${1:-}" = --require ]; then
    python3 tests/fixtures/notary-v1/check.py
else
    echo "SKIPPED: NOTARY is not set or empty"
fi
if [ -n "${SKOPEO:-}" ] && [ -n "${GPG:-}" ] || [ "${1:-}" = --require ]; then
    python3 tests/fixtures/simple-signing/check.py
else
    echo "SKIPPED: SKOPEO or GPG is not set or empty"
fi
