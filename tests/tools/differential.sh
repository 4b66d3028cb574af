#!/usr/bin/env bash
# Another verifier about the bundles of the tests' instance and about the public conformance bundles.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
cargo build --quiet --locked --manifest-path tests/oracle/Cargo.toml --target-dir "$target"
VERIMAGE_ORACLE="$target/debug/oracle" cargo test --quiet -p verimage-tests --test sigstore_differential -- --nocapture "$@"
