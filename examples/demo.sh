#!/usr/bin/env bash
# Judges three shipped images offline: one signed with the real cosign, one unsigned, one tampered with.
set -euo pipefail
cd "$(dirname "$0")/.."
verimage="${CARGO_TARGET_DIR:-target}/debug/verimage"
policy=tests/fixtures/cosign/cases/p256/policy.yaml

judge() {
    local expected=$1 image=$2 status=0
    echo "\$ verimage verify oci:$image --as registry.example/demo/app:v1 --policy $policy"
    "$verimage" verify "oci:$image" --as registry.example/demo/app:v1 --policy "$policy" --offline --at 2026-01-01T00:00:00Z || status=$?
    echo "exit $status"
    echo
    [ "$status" = "$expected" ] || { echo "the demo expected exit $expected" >&2; exit 1; }
}

judge 0 tests/fixtures/cosign/layouts/p256:v1
judge 1 tests/fixtures/cosign/layouts/unsigned:v1
judge 1 tests/fixtures/cosign/layouts/attack-tampered-signature:v1
