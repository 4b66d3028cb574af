//! The binary as a user meets it: standard output, standard error and exit code of every command.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

// What counts requests is for the other binary of tests.
#[allow(dead_code)]
mod support;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use support::mirror::serve_folder;
use support::registry::{Mood, serve};
use support::{Case, check_all, compare, run, transcribe, workspace};

/// Cases that need a registry with a port of its own.
const REGISTRY: [&str; 5] = ["registry-allow", "registry-forbidden", "registry-inspect", "registry-resolve", "registry-signature-missing"];

macro_rules! cases {
    ($($name:literal $args:literal $([$($key:literal $value:literal),+])?;)+) => {
        [$(Case { name: $name, args: $args, env: &[$($(($key, $value)),+)?] },)+]
    };
}

#[test]
#[rustfmt::skip]
fn commands_say_what_their_snapshots_say() {
    check_all(&cases! {
        // Allowed.
        "allow" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "allow-short-form" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog";
        "allow-without-name" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --cosign-key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog=true";
        "allow-annotations" "verify oci:tests/fixtures/cosign/layouts/annotations:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog -a team=core,stage=release";
        "allow-key-from-environment" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --key env://KEY --insecure-ignore-tlog" ["KEY" "-----BEGIN PUBLIC KEY-----\nnot a key\n-----END PUBLIC KEY-----"];
        "allow-json" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/p256/policy.yaml --format json --at 2026-01-01T00:00:00Z";
        "allow-platform" "verify oci:tests/fixtures/cosign/layouts/multi-recursive:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/multi-recursive-arm64/policy.yaml --platform linux/arm64";
        "allow-two-signers" "verify oci:tests/fixtures/cosign/layouts/two-signers:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/threshold-two-signers/policy.yaml --all-evidence";
        "allow-without-signature" "verify oci:tests/fixtures/cosign/layouts/unsigned:v1 --as mirror.example/app:v1 --policy cli/tests/fixtures/several-rules.yaml";
        "allow-unmatched" "verify oci:tests/fixtures/cosign/layouts/unsigned:v1 --as quay.io/app:v1 --policy cli/tests/fixtures/several-rules.yaml";
        "allow-with-audit" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --policy cli/tests/fixtures/several-rules.yaml";
        "policy-from-environment" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1" ["VERIMAGE_POLICY" "tests/fixtures/cosign/cases/p256/policy.yaml"];

        "allow-cluster-image-policy" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --policy cli/tests/fixtures/cluster-image-policies.yaml";
        "allow-trust-policy" "verify oci:tests/fixtures/notation/layouts/jws-rsa2048:v1 --as registry.example/demo/app:v1 --policy cli/tests/fixtures/trustpolicy.json --trust-store tests/fixtures/notation/truststore --at 2030-01-01T00:00:00Z";
        "allow-trust-policy-skip" "verify oci:tests/fixtures/cosign/layouts/unsigned:v1 --as registry.example/scratch:v1 --policy cli/tests/fixtures/trustpolicy.json --trust-store tests/fixtures/notation/truststore";
        "allow-trust-policy-audit" "verify oci:tests/fixtures/notation/layouts/jws-rsa2048:v1 --as quay.io/demo/app:v1 --policy cli/tests/fixtures/trustpolicy.json --trust-store tests/fixtures/notation/truststore --at 2030-01-01T00:00:00Z --format json";

        "allow-trust-policy-lax" "verify oci:tests/fixtures/notation/layouts/jws-rsa2048:v1 --as quay.io/demo/app:v1 --policy cli/tests/fixtures/trustpolicy.json --trust-store tests/fixtures/notation/truststore --at 2030-01-01T00:00:00Z";

        // Denied, each for its reason.
        "deny-trust-policy-unsigned" "verify oci:tests/fixtures/cosign/layouts/unsigned:v1 --as registry.example/demo/app:v1 --policy cli/tests/fixtures/trustpolicy.json --trust-store tests/fixtures/notation/truststore";
        "deny-unsigned" "verify oci:tests/fixtures/cosign/layouts/unsigned:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/unsigned/policy.yaml";
        "deny-unsigned-json" "verify oci:tests/fixtures/cosign/layouts/unsigned:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/unsigned/policy.yaml --format json --at 2026-01-01T00:00:00Z";
        "deny-wrong-key" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --key tests/fixtures/cosign/keys/other.pub --insecure-ignore-tlog";
        "deny-other-digest" "verify oci:tests/fixtures/cosign/layouts/attack-other-digest:v1 --as registry.example/demo/app:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog";
        "deny-malformed" "verify oci:tests/fixtures/cosign/layouts/attack-duplicate-json-keys:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/attack-duplicate-json-keys/policy.yaml";
        "deny-annotation" "verify oci:tests/fixtures/cosign/layouts/annotations:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog -a team=edge";
        "deny-reference" "verify oci:tests/fixtures/cosign/layouts/identity:v1 --as registry.example/demo/other:v1 --policy tests/fixtures/cosign/cases/reference-repository-mismatch/policy.yaml";
        "deny-log-missing" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog=false";
        "deny-threshold" "verify oci:tests/fixtures/cosign/layouts/two-signers:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/threshold-same-key-twice/policy.yaml";
        "deny-all-of" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/all-of-missing/policy.yaml --all-evidence";
        "deny-platform" "verify oci:tests/fixtures/cosign/layouts/multi:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/multi-platform/policy.yaml --platform linux/amd64";
        "deny-every-platform" "verify oci:tests/fixtures/cosign/layouts/multi:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/multi-platform-unknown/policy.yaml";
        "deny-no-match" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as quay.io/app:v1 --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "deny-no-name" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "deny-ambiguous" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as twins.example/aba:v1 --policy cli/tests/fixtures/several-rules.yaml";
        "deny-rejected" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --as twins.example/ab:v1 --policy cli/tests/fixtures/several-rules.yaml";

        // Could not be found out.
        "inconclusive-image-absent" "verify oci:tests/fixtures/cosign/layouts/p256:absent --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/image-absent/policy.yaml";
        "inconclusive-limit" "verify oci:tests/fixtures/cosign/layouts/attack-too-many-layers:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/attack-too-many-layers/policy.yaml";
        "inconclusive-offline" "verify registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline";
        "inconclusive-separate-offline" "verify oci:tests/fixtures/cosign/layouts/separate:v1 --as registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/separate/policy.yaml --offline";
        "inconclusive-no-layout" "verify --as registry.example/demo/app:v1 --at 2026-01-01T00:00:00Z oci:tests/fixtures/cosign/layouts --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "inconclusive-broken-layout" "verify --as registry.example/demo/app:v1 --at 2026-01-01T00:00:00Z oci:tests/fixtures/cosign/layouts/attack-broken-index:v1 --policy tests/fixtures/cosign/cases/p256/policy.yaml --format json";

        // Several images: a denial counts more than not knowing, and that more than a pass.
        "several-allowed" "verify oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/annotations:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog";
        "several-denied" "verify oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --jobs 1";
        "several-inconclusive" "verify oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:nowhere --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog";
        "several-json" "verify registry.example/demo/a:v1 quay.io/b:v1 --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --format json --at 2026-01-01T00:00:00Z";
        "several-jsonl" "verify registry.example/demo/a:v1 quay.io/b:v1 --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --format jsonl --at 2026-01-01T00:00:00Z";

        "several-sarif" "verify oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z --format sarif";
        "several-junit" "verify oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z --format junit";
        "audit-mode-sarif" "verify oci:tests/fixtures/notation/layouts/jws-rsa2048:v1 --as registry.example/legacy/app:v1 --policy cli/tests/fixtures/audit-only.yaml --at 2026-01-01T00:00:00Z --format sarif";
        "audit-mode-junit" "verify oci:tests/fixtures/notation/layouts/jws-rsa2048:v1 --as registry.example/legacy/app:v1 --policy cli/tests/fixtures/audit-only.yaml --at 2026-01-01T00:00:00Z --format junit";

        // Many images.
        "audit-layouts" "audit oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z";
        "audit-layouts-jsonl" "audit oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z --format jsonl";
        "audit-layouts-sarif" "audit oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z --format sarif";
        "audit-layouts-junit" "audit oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z --format junit";
        "audit-layouts-vsa" "audit oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z --format vsa";
        "audit-layouts-policyreport" "audit oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:absent oci:tests/fixtures/cosign/layouts/unsigned:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z --format policyreport";
        "audit-allowed" "audit oci:tests/fixtures/cosign/layouts/p256:v1 oci:tests/fixtures/cosign/layouts/p256:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog --at 2026-01-01T00:00:00Z";
        "audit-list" "audit --images cli/tests/fixtures/fleet.txt --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z";
        "audit-manifests" "audit --manifests cli/tests/fixtures/manifests --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z";
        "audit-manifests-sarif" "audit --manifests cli/tests/fixtures/manifests --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z --format sarif";
        "audit-manifests-policyreport" "audit --manifests cli/tests/fixtures/manifests --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z --format policyreport";
        "audit-no-objects" "audit --manifests cli/tests/fixtures/manifests/values.yaml --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z";
        "audit-not-yaml" "audit --manifests cli/tests/cli.rs --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z";
        "audit-list-not-there" "audit --images nowhere.txt --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z";
        "audit-nothing" "audit --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "audit-empty-list" "audit --images cli/tests/fixtures/empty-fleet.txt --policy tests/fixtures/cosign/cases/p256/policy.yaml --shard 1/2";
        "audit-context-offline" "audit --context a --offline --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "audit-no-kubeconfig" "audit --context a --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "audit-rate" "audit a.example/b --key x --rate 10";
        "audit-shard" "audit a.example/b --key x --shard 3/2";
        "audit-resume-not-verdicts" "audit a.example/b --resume README.md --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z";
        "audit-output-not-there" "audit a.example/b --output nowhere/report.html --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z";
        "hostile-audit-text" "audit --manifests cli/tests/fixtures/hostile-pod.json --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z --format text";
        "hostile-audit-jsonl" "audit --manifests cli/tests/fixtures/hostile-pod.json --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z --format jsonl";
        "hostile-audit-sarif" "audit --manifests cli/tests/fixtures/hostile-pod.json --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z --format sarif";
        "hostile-audit-junit" "audit --manifests cli/tests/fixtures/hostile-pod.json --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z --format junit";
        "hostile-audit-policyreport" "audit --manifests cli/tests/fixtures/hostile-pod.json --policy tests/fixtures/cosign/cases/p256/policy.yaml --offline --at 2026-01-01T00:00:00Z --format policyreport";

        // Policies that cannot be used.
        "policy-unknown-field" "verify registry.example/demo/app:v1 --policy cli/tests/fixtures/unknown-field.yaml";
        "policy-undefined-name" "verify registry.example/demo/app:v1 --policy cli/tests/fixtures/undefined-key.yaml";
        "policy-foreign" "verify registry.example/demo/app:v1 --policy cli/tests/fixtures/cluster-image-policy.yaml";
        "policy-kyverno-unsupported" "verify registry.example/demo/app:v1 --policy cli/tests/fixtures/kyverno-preconditions.yaml";
        "policy-not-there" "verify registry.example/demo/app:v1 --policy nowhere.yaml";
        "policy-is-a-folder" "verify registry.example/demo/app:v1 --policy cli";
        "policy-steering" "verify registry.example/demo/app:v1 --policy cli/tests/fixtures/steering.yaml";
        "policy-unsupported-key" "verify registry.example/demo/app:v1 --policy tests/fixtures/cosign/cases/key-p224/policy.yaml";
        "policy-none-found" "verify registry.example/demo/app:v1" ["XDG_CONFIG_HOME" "/nonexistent/configuration"];
        "policy-none-found-foreign" "verify registry.example/demo/app:v1" ["XDG_CONFIG_HOME" "[ROOT]/cli/tests/fixtures/configuration"];
        "policy-none-found-relative" "verify registry.example/demo/app:v1" ["XDG_CONFIG_HOME" "cli", "HOME" "."];
        "key-not-there" "verify registry.example/demo/app:v1 --key nowhere.pub";

        // Arguments that cannot be used.
        "usage-nothing" "verify";
        "usage-unknown-option" "verify registry.example/app:v1 --polic x";
        "usage-unknown-command" "verfy registry.example/app:v1";
        "usage-image" "verify registry.example/App --key x";
        "usage-transport" "verify docker-daemon:app --key x";
        "usage-contradiction" "verify registry.example/app:v1 --policy a.yaml --cosign-key cosign.pub";
        "usage-contradiction-detail" "verify registry.example/app:v1 --policy a.yaml --insecure-ignore-tlog";
        "usage-detail-without-key" "verify registry.example/app:v1 -a a=b";
        "usage-format" "verify registry.example/app:v1 --key x --format xml";
        "usage-name-of-registry-image" "verify registry.example/app:v1 --as registry.example/other:v1 --key x";
        "usage-name-of-several" "verify oci:a oci:b --as registry.example/other:v1 --key x";
        "usage-two-digests" "verify oci:a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --as a.example/b@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 --key x";
        "usage-annotations" "verify oci:a --key x -a a=1 -a a=2";
        "usage-annotation-form" "verify oci:a --key x -a a";
        "usage-duration" "verify oci:a --key x --timeout 30";
        "usage-jobs" "verify oci:a --key x --jobs 0";
        "usage-time" "verify oci:a --key x --at yesterday";
        "usage-platform" "verify oci:a --key x --platform linux";
        "usage-repository" "verify oci:a --key x --signature-repository Registry.example/a:tag";
        "usage-repository-from-environment" "verify oci:a --key x" ["COSIGN_REPOSITORY" "a//b"];
        "usage-ca-file" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --key tests/fixtures/cosign/keys/p256.pub --ca-file nowhere.pem";
        "usage-registries-conf" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --key tests/fixtures/cosign/keys/p256.pub --registries-conf README.md";
        "usage-replay" "verify --replay tests/fixtures/cosign/keys/p256.pub --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "usage-record-replay" "verify oci:a --key x --record a --replay b";

        // What would judge.
        "print-policy" "verify --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog -a team=core --print-policy" ["COSIGN_REPOSITORY" "registry.example/signatures"];
        "print-policy-reference" "verify --key env://KEY --print-policy" ["KEY" "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----"];
        "print-policy-file" "verify --policy tests/fixtures/cosign/cases/p256/policy.yaml --print-policy";

        "print-policy-pinned-key" "verify --key env://KEY#SHA256:5cd252fb0ce8932436faf8ccd1040981b89ee4ad6b9fe9e2a2b7e71aacb27cd3 --print-policy" ["KEY" "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----"];

        // Keys from elsewhere.
        "key-cloud" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --insecure-ignore-tlog --key awskms:///alias/release";
        "key-not-pinned" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --insecure-ignore-tlog --key https://keys.example/release.pub";
        "key-unpinned-file" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --insecure-ignore-tlog --key tests/fixtures/cosign/keys/p256.pub --insecure-unpinned-key";
        "key-offline" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --insecure-ignore-tlog --key gitlab://group/project --offline";
        "key-without-token" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --insecure-ignore-tlog --key gitlab://group/project";
        "key-of-no-cluster" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --insecure-ignore-tlog --key k8s://tenants/release";
        "key-another" "verify oci:tests/fixtures/cosign/layouts/p256:v1 --insecure-ignore-tlog --key env://KEY#SHA256:0000500a4052c9ca01ce50ca8e62d15d4ab7b9ff6cc2d66ea359fc5ebe7b38a6" ["KEY" "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----"];
        "key-with-password" "policy check cli/tests/fixtures/key-with-password.yaml";
        "key-unpinned-without-key" "verify registry.example/app:v1 --insecure-unpinned-key";

        // The other commands.
        "resolve" "resolve oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1";
        "resolve-nameless" "resolve oci:tests/fixtures/cosign/layouts/p256:v1";
        "resolve-json" "resolve oci:tests/fixtures/cosign/layouts/multi:v1 --as registry.example/demo/app:v1 --format json";
        "resolve-absent" "resolve oci:tests/fixtures/cosign/layouts/p256:absent";
        "resolve-offline" "resolve registry.example/app:v1 --offline";
        "triangulate" "triangulate registry.example/app@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 --offline";
        "triangulate-repository" "triangulate nginx@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 --format json --offline" ["COSIGN_REPOSITORY" "registry.example/signatures"];
        "triangulate-tag" "triangulate oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --signature-repository registry.example/signatures";
        "inspect" "inspect oci:tests/fixtures/cosign/layouts/annotations:v1 --as registry.example/demo/app:v1";
        "inspect-json" "inspect oci:tests/fixtures/cosign/layouts/annotations:v1 --as registry.example/demo/app:v1 --format json";
        "inspect-two-signers" "inspect oci:tests/fixtures/cosign/layouts/two-signers:v1";
        "inspect-unsigned" "inspect oci:tests/fixtures/cosign/layouts/unsigned:v1 --suggest-policy";
        "inspect-broken" "inspect oci:tests/fixtures/cosign/layouts/attack-truncated-manifest:v1";
        "inspect-suggest" "inspect oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --suggest-policy" ["COSIGN_REPOSITORY" "registry.example/demo/app"];
        "policy-init" "policy init";
        "policy-init-key" "policy init --image registry.example/team/** --cosign-key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog";
        "policy-init-keys" "policy init --key tests/fixtures/cosign/keys/p256.pub --key tests/fixtures/cosign/keys/other.pub --signature-repository registry.example/signatures";
        "policy-init-pattern" "policy init --image nginx --key tests/fixtures/cosign/keys/p256.pub";
        "policy-init-no-key" "policy init --key nowhere.pub";
        "policy-check" "policy check tests/fixtures/cosign/cases/threshold-two-signers/policy.yaml";
        "policy-check-several" "policy check cli/tests/fixtures/several-rules.yaml";
        "policy-check-remarks" "policy check cli/tests/fixtures/remarks.yaml --at 2044-12-15T00:00:00Z";
        "policy-check-remarks-json" "policy check cli/tests/fixtures/remarks.yaml --at 2090-01-01T00:00:00Z --format json";
        "policy-check-strict" "policy check cli/tests/fixtures/remarks.yaml --at 2026-12-01T00:00:00Z --strict";
        "policy-check-strict-good" "policy check tests/fixtures/cosign/cases/threshold-two-signers/policy.yaml --strict";
        "policy-check-json" "policy check cli/tests/fixtures/several-rules.yaml --format json";
        "policy-check-trust-policy" "policy check cli/tests/fixtures/trustpolicy.json --trust-store tests/fixtures/notation/truststore";
        "policy-check-no-trust-store" "policy check cli/tests/fixtures/trustpolicy.json --trust-store cli/tests/fixtures";
        "policy-check-trust-policy-typo" "policy check cli/tests/fixtures/trustpolicy-typo.json";
        "policy-convert-kyverno" "policy convert examples/cosign-signature-repository/kyverno.yaml";
        "policy-convert-cluster-image-policy" "policy convert cli/tests/fixtures/cluster-image-policies.yaml";
        "policy-convert" "policy convert cli/tests/fixtures/trustpolicy.json";
        "policy-convert-native" "policy convert tests/fixtures/cosign/cases/p256/policy.yaml";
        "policy-convert-plugin" "policy convert cli/tests/fixtures/trustpolicy-plugin.json";
        "usage-trust-store-with-key" "verify registry.example/demo/app:v1 --key cosign.pub --trust-store x";
        "policy-check-bad" "policy check cli/tests/fixtures/unknown-field.yaml";
        "policy-explain" "policy explain registry.example/demo/app:v1 --policy cli/tests/fixtures/several-rules.yaml";
        "policy-explain-json" "policy explain registry.example/demo/app@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 --policy cli/tests/fixtures/several-rules.yaml --format json";
        "policy-explain-excepted" "policy explain registry.example/demo/tools/a --policy cli/tests/fixtures/several-rules.yaml";
        "policy-explain-ambiguous" "policy explain twins.example/aba --policy cli/tests/fixtures/several-rules.yaml";
        "policy-explain-no-match" "policy explain nginx --policy tests/fixtures/cosign/cases/p256/policy.yaml";
        "policy-explain-layout" "policy explain dir:tests/fixtures/simple-signing/dirs --policy examples/simple-signing/policy.json";
        "policy-explain-named" "policy explain oci:tests/fixtures/cosign/layouts/p256:v1 --as registry.example/demo/app:v1 --policy cli/tests/fixtures/several-rules.yaml";
        "policy-explain-short-form" "policy explain nginx --key tests/fixtures/cosign/keys/p256.pub --signature-repository registry.example/signatures";
        "trust-show" "trust show --at 2026-12-01T00:00:00Z";
        "trust-show-json" "trust show --at 2026-12-01T00:00:00Z --format json";
        "trust-show-never-asked" "trust show --mirror https://tuf.example";
        "trust-update-no-root" "trust update --mirror https://tuf.example";
        "trust-update-plain-http" "trust update --mirror http://tuf.example";
        "trust-update-root-not-there" "trust update --mirror https://tuf.example --root nowhere.json";
        "trust-update-nowhere" "trust update --mirror https://tuf.example" ["HOME" ""];
        "codes" "codes";
        "codes-json" "codes --format json";
        "codes-markdown" "codes --format markdown";

        // What comes from outside cannot steer the terminal.
        "hostile-inspect" "inspect oci:cli/tests/fixtures/hostile:v1";
        "hostile-inspect-json" "inspect oci:cli/tests/fixtures/hostile:v1 --format json";
        "hostile-names" "verify oci:cli/tests/fixtures/hostile:absent --key tests/fixtures/cosign/keys/p256.pub";
        "hostile-reason" "verify oci:cli/tests/fixtures/hostile:v1 --policy cli/tests/fixtures/steering-reason.yaml";
        "hostile-reason-sarif" "verify oci:cli/tests/fixtures/hostile:v1 --policy cli/tests/fixtures/steering-reason.yaml --format sarif --at 2026-01-01T00:00:00Z";
        "hostile-reason-junit" "verify oci:cli/tests/fixtures/hostile:v1 --policy cli/tests/fixtures/steering-reason.yaml --format junit --at 2026-01-01T00:00:00Z";
        "hostile-reason-json" "verify oci:cli/tests/fixtures/hostile:v1 --policy cli/tests/fixtures/steering-reason.yaml --format json --at 2026-01-01T00:00:00Z";

        // Help.
        "help" "--help";
        "help-verify" "verify --help";
        "help-audit" "audit --help";
        "help-policy" "policy --help";
        "help-policy-init" "policy init --help";
        "help-inspect" "inspect --help";
        "help-trust-update" "trust update --help";
    }, &REGISTRY);
}

#[test]
fn registries_are_reached_over_http_on_loopback() {
    let layouts = workspace().join("tests/fixtures/cosign/layouts");
    let signed = serve(&layouts.join("p256"), Mood::Open);
    let unsigned = serve(&layouts.join("unsigned"), Mood::Open);
    let closed = serve(&layouts.join("p256"), Mood::Closed);
    let mut failures = Vec::new();
    for (name, host, args) in [
        ("registry-allow", &signed, "verify HOST/demo/app:v1 --key tests/fixtures/cosign/keys/p256.pub --insecure-ignore-tlog"),
        ("registry-signature-missing", &unsigned, "verify HOST/demo/app:v1 --key tests/fixtures/cosign/keys/p256.pub"),
        ("registry-forbidden", &closed, "verify HOST/demo/app:v1 --key tests/fixtures/cosign/keys/p256.pub"),
        ("registry-resolve", &signed, "resolve HOST/demo/app:v1"),
        ("registry-inspect", &signed, "inspect HOST/demo/app:v1"),
    ] {
        let real = args.replace("HOST", host);
        let output = run(&real.split(' ').collect::<Vec<_>>(), &[]);
        failures.extend(compare(name, &transcribe(args, &output, &[(host, "HOST")])).err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_registry_that_does_not_answer_is_not_waited_for() {
    let layout = workspace().join("tests/fixtures/cosign/layouts/p256");
    let host = serve(&layout, Mood::Silent);
    let image = format!("{host}/demo/app:v1");
    let output = run(&["verify", &image, "--key", "tests/fixtures/cosign/keys/p256.pub", "--timeout", "200ms"], &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stdout).contains("could not be judged: deadline-exceeded"));
    let output = run(&["resolve", &image, "--timeout", "200ms"], &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("error: deadline-exceeded"));
}

/// containerd starts this program for each image that is pulled, and pulls it if the exit code is 0.
#[cfg(unix)]
#[test]
fn containerd_asks_in_its_own_words() {
    let layouts = workspace().join("tests/fixtures/cosign/layouts");
    let folder = scratch("image-verifier");
    let program = folder.join("verimage-image-verifier");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_verimage"), &program).unwrap();
    let pem = fs::read_to_string(workspace().join("tests/fixtures/cosign/keys/p256.pub")).unwrap();
    let rule = serde_json::json!({"name": "all", "images": ["**/**"], "require": {"cosign": {"key": "k", "transparency": "none"}}});
    let policy = serde_json::json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": {"k": {"publicKey": {"pem": pem}}}, "rules": [rule]});
    fs::write(folder.join("policy.yaml"), policy.to_string()).unwrap();
    let digest = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136";
    let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    for (layout, digest, code) in [("p256", digest, 0), ("unsigned", digest, 1), ("p256", other, 1)] {
        let name = format!("{}/demo/app:v1", serve(&layouts.join(layout), Mood::Open));
        let asked = ["-name", &name, "-digest", digest, "-stdin-media-type", "application/vnd.oci.image.manifest.v1+json"];
        let mut command = Command::new(&program);
        command.args(asked).env_clear().env("HOME", "/nonexistent").env("CONTAINERS_REGISTRIES_CONF", "/dev/null");
        let output = command.env("VERIMAGE_POLICY", folder.join("policy.yaml")).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{layout}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(digest), "{output:?}");
    }
    assert_eq!(Command::new(&program).args(["-name", "a"]).env_clear().output().unwrap().status.code(), Some(2));
}

/// The fixture folders that every frontend passes, each with what it has more cases than.
#[test]
fn the_shared_cases_come_out_as_expected() {
    let registries = scratch("cases").join("registries.conf");
    for (root, at_least) in [("cosign", 100), ("cosign-certificates", 100), ("notation", 100)] {
        let fixtures = workspace().join("tests/fixtures").join(root);
        let cases: Vec<PathBuf> = fs::read_dir(fixtures.join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let failures: Vec<String> = cases.iter().filter_map(|case| failure(&fixtures, case, &registries)).collect();
        assert!(failures.is_empty() && cases.len() > at_least, "{root}: {} cases\n{}", cases.len(), failures.join("\n"));
    }
}

/// What is wrong with the answer to a case. The layout that stands for another repository is served as one.
fn failure(fixtures: &Path, path: &Path, registries: &Path) -> Option<String> {
    let case: Value = serde_json::from_slice(&fs::read(path.join("case.json")).unwrap()).unwrap();
    let text = |field: &str| case[field].as_str();
    let image = text("image").unwrap().replacen(':', &format!(":{}/", fixtures.display()), 1);
    let policy = path.join("policy.yaml");
    let mut args = vec!["verify", &image, "--policy", policy.to_str().unwrap(), "--format", "json"];
    args.extend(["--at", text("at").unwrap_or("2026-01-01T00:00:00Z")]);
    args.extend(text("as").into_iter().flat_map(|name| ["--as", name]));
    args.extend(text("platform").into_iter().flat_map(|platform| ["--platform", platform]));
    if let Some(layout) = text("signatures") {
        let host = serve(&fixtures.join(layout), Mood::Open);
        let prefix = "registry.example/demo/signatures";
        fs::write(registries, format!("[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{host}/demo/app\"\n")).unwrap();
        args.extend(["--registries-conf", registries.to_str().unwrap()]);
    } else {
        args.push("--offline");
    }
    let output = run(&args, &[]);
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let expected = &case["expect"];
    let code = expected["code"].as_str();
    let fits = match expected["decision"].as_str().unwrap() {
        "allow" => output.status.code() == Some(0) && verdict["digest"] == expected["digest"],
        "deny" => output.status.code() == Some(1) && verdict["code"] == expected["code"],
        "inconclusive" => output.status.code() == Some(3) && (verdict["code"] == expected["code"] || complaint.contains(code.unwrap())),
        _ => output.status.code() == Some(2) && complaint.contains(code.unwrap()),
    };
    (!fits).then(|| format!("{}: expected {expected}, got {:?} {verdict} {complaint}", path.display(), output.status))
}

/// A web server, a GitLab and a cluster that have the key of the layout `p256`.
#[test]
fn keys_are_fetched_from_where_they_are() {
    let folder = scratch("keys");
    let key = fs::read_to_string(workspace().join("tests/fixtures/cosign/keys/p256.pub")).unwrap();
    let write = |path: &str, content: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("k.pub", &key);
    let variable = serde_json::json!({"key": "COSIGN_PUBLIC_KEY", "value": key});
    write("api/v4/projects/group%2Fproject/variables/COSIGN_PUBLIC_KEY", &variable.to_string());
    let encoded = serde_json::json!({"kind": "Secret", "data": {"cosign.pub": STANDARD.encode(&key)}});
    write("api/v1/namespaces/tenants/secrets/release", &encoded.to_string());
    let server = serve_folder(&folder);
    let kubeconfig = format!(
        "current-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\nusers: [{{name: a, user: {{token: hidden}}}}]\n\
         clusters: [{{name: a, cluster: {{server: \"{server}\"}}}}]\n"
    );
    write("kubeconfig", &kubeconfig);
    let kubeconfig = folder.join("kubeconfig");
    let environment = [("GITLAB_HOST", server.as_str()), ("GITLAB_TOKEN", "hidden"), ("KUBECONFIG", kubeconfig.to_str().unwrap())];
    let verify = |key: &[&str]| {
        let arguments = [&["verify", "oci:tests/fixtures/cosign/layouts/p256:v1", "--insecure-ignore-tlog", "--key"], key].concat();
        let output = run(&arguments, &environment);
        (output.status.code(), [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat())
    };
    let address = format!("{server}/k.pub");
    for (key, warns) in [
        (&["gitlab://group/project"][..], false),
        (&["k8s://tenants/release"], false),
        (&[address.as_str(), "--insecure-unpinned-key"], true),
    ] {
        let (exit, said) = verify(key);
        assert!(exit == Some(0) && said.contains("key-not-pinned") == warns && !said.contains("hidden"), "{key:?}: {said}");
    }
    for (key, exit) in [("gitlab://group/other", 2), ("k8s://tenants/other", 2), ("gitlab://group/project#SHA256:00", 2)] {
        let (found, said) = verify(&[key]);
        assert!(found == Some(exit) && !said.contains("hidden"), "{key}: {said}");
    }
}

#[test]
fn a_trust_root_is_fetched_kept_and_shown() {
    let (folder, mirror) = (scratch("trust"), serve_folder(&workspace().join("tests/fixtures/tuf/good")));
    let home = [("XDG_DATA_HOME", folder.to_str().unwrap())];
    let root = "tests/fixtures/tuf/good/1.root.json";
    let update = |more: &[&str]| run(&[&["trust", "update", "--mirror", &mirror], more].concat(), &home);
    let show = |more: &[&str]| run(&[&["trust", "show", "--mirror", &mirror], more].concat(), &home);

    let first = update(&["--root", root, "--at", "2030-01-02T00:00:00Z"]);
    let said = String::from_utf8(first.stdout).unwrap();
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(said.contains("has a new trust root") && said.contains("root 3, timestamp 3, snapshot 3, targets 3"), "{said}");
    let again = update(&["--at", "2030-01-03T00:00:00Z", "--format", "json"]);
    let report: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((report["changed"].as_bool(), report["dated"].as_str()), (Some(false), Some("2030-01-03T00:00:00Z")));

    let stale = show(&["--at", "2030-02-02T00:00:00Z", "--format", "json"]);
    let shown: Value = serde_json::from_slice(&stale.stdout).unwrap();
    assert_eq!((shown["origin"].as_str(), shown["ageInDays"].as_u64()), (Some("updated"), Some(30)));
    assert_eq!((shown["expires"].as_str(), shown["warning"].as_str()), (Some("2030-01-08T00:00:00Z"), Some("metadata-expired")));
    let text = String::from_utf8(show(&["--at", "2030-02-02T00:00:00Z"]).stdout).unwrap();
    assert!(text.contains("30 days old") && text.contains("warning:  metadata-expired"), "{text}");
    let published = fs::read(workspace().join("core/verimage/data/trusted_root.json")).unwrap();
    assert!(show(&["--format", "trusted-root"]).stdout == published, "the file is given as it was published");

    let late = update(&["--at", "2031-06-01T00:00:00Z"]);
    assert_eq!(late.status.code(), Some(1), "old metadata is refused");
    assert!(String::from_utf8_lossy(&late.stderr).contains("error: metadata-expired: "));
    let file = PathBuf::from(shown["path"].as_str().unwrap());
    fs::write(&file, "{}").unwrap();
    for damaged in [show(&[]), update(&["--at", "2030-01-03T00:00:00Z"])] {
        assert_eq!(damaged.status.code(), Some(3), "it could not be found out");
        let complaint = String::from_utf8_lossy(&damaged.stderr).into_owned();
        assert!(complaint.contains("error: trust-state-unreadable: ") && complaint.contains(file.to_str().unwrap()), "{complaint}");
    }
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_recording_gives_the_same_verdict() {
    let file = scratch("record").join("transcript.json");
    let file = file.to_str().unwrap();
    let policy = "tests/fixtures/cosign/cases/p256/policy.yaml";
    for (layout, exit) in [("p256", 0), ("unsigned", 1), ("attack-other-digest", 1), ("attack-too-many-layers", 3)] {
        let image = format!("oci:tests/fixtures/cosign/layouts/{layout}:v1");
        let common = ["--policy", policy, "--format", "json"];
        let mut args = vec!["verify", &image, "--as", "registry.example/demo/app:v1", "--record", file, "--at", "2026-01-01T00:00:00Z"];
        args.extend(common);
        let recorded = run(&args, &[]);
        let mut args = vec!["verify", "--replay", file];
        args.extend(common);
        let replayed = run(&args, &[]);
        assert_eq!((recorded.status.code(), replayed.status.code()), (Some(exit), Some(exit)), "{layout}");
        assert_eq!(String::from_utf8_lossy(&recorded.stdout), String::from_utf8_lossy(&replayed.stdout), "{layout}");

        args.extend(["--at", "2027-01-01T00:00:00Z", "registry.example/demo/app:v1"]);
        let later: Value = serde_json::from_slice(&run(&args, &[]).stdout).unwrap();
        assert_eq!(later["at"], "2027-01-01T00:00:00Z");
    }
    let other = run(&["verify", "registry.example/demo/other:v1", "--replay", file, "--policy", policy], &[]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("is a recording of registry.example/demo/app:v1"));
}

/// CVE-2023-33957: whoever lists what an image has is not drowned in it.
#[test]
fn an_inspection_shows_a_part_and_how_much_there_is_beside_it() {
    for (layout, left_out) in
        [("attack-too-many-layers", Some("and 937 more")), ("attack-bundle-too-many-referrers", Some("and 6 more")), ("p256", None)]
    {
        let inspected = run(&["inspect", &format!("oci:tests/fixtures/cosign/layouts/{layout}:v1")], &[]);
        let text = String::from_utf8(inspected.stdout).unwrap();
        assert_eq!(inspected.status.code(), Some(0), "{layout}: {text}");
        assert_eq!(text.contains(" more"), left_out.is_some(), "{layout}: {text}");
        assert!(left_out.is_none_or(|words| text.contains(words)), "{layout}: {text}");
    }
}

#[test]
fn a_recording_cannot_steer_the_terminal() {
    let file = scratch("steering").join("transcript.json");
    let image = "registry.example/demo/app:v1";
    let policy = "tests/fixtures/cosign/cases/p256/policy.yaml";
    run(&["verify", image, "--offline", "--record", file.to_str().unwrap(), "--policy", policy], &[]);
    let mut transcript: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    transcript["answers"][0]["error"]["detail"] = "\u{1b}[2J\u{9b}31m\r\u{202e}gnp".into();
    fs::write(&file, transcript.to_string()).unwrap();
    for format in ["text", "json", "jsonl", "sarif", "junit"] {
        let output = run(&["verify", "--replay", file.to_str().unwrap(), "--policy", policy, "--format", format], &[]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert!(text.contains("202e") && !text.contains(['\u{1b}', '\u{9b}', '\r', '\u{202e}']), "{text}");
    }
}

#[test]
fn a_first_policy_is_written_once_and_loads() {
    let folder = scratch("init");
    let file = folder.join("policy.yaml");
    let file = file.to_str().unwrap();
    let args = ["policy", "init", "--image", "registry.example/demo/**", "--key", "tests/fixtures/cosign/keys/p256.pub"];
    let args = [&args[..], &["--insecure-ignore-tlog", "--output", file]].concat();
    let first = run(&args, &[]);
    assert_eq!((first.status.code(), first.stdout.len()), (Some(0), 0));
    let again = run(&args, &[]);
    assert_eq!(again.status.code(), Some(2), "an existing file is not replaced");
    let image = "oci:tests/fixtures/cosign/layouts/p256:v1";
    let verified = run(&["verify", image, "--as", "registry.example/demo/app:v1", "--policy", file], &[]);
    assert_eq!(verified.status.code(), Some(0));
    let name = ["verify", image, "--as", "registry.example/demo/app:v1"];
    for (key, home) in [("XDG_CONFIG_HOME", "configuration"), ("HOME", "home/.config")] {
        let folder = folder.join(home);
        fs::create_dir_all(folder.join("verimage")).unwrap();
        fs::copy(file, folder.join("verimage/policy.yaml")).unwrap();
        let value = folder.to_str().unwrap().trim_end_matches("/.config");
        assert_eq!(run(&name, &[(key, value)]).status.code(), Some(0), "{key}");
    }
}

#[test]
fn a_printed_policy_judges_as_its_short_form() {
    let file = scratch("print").join("policy.yaml");
    let short = ["--key", "tests/fixtures/cosign/keys/p256.pub", "--insecure-ignore-tlog", "-a", "team=core"];
    let printed = run(&[&["verify", "--print-policy"], &short[..]].concat(), &[]);
    fs::write(&file, printed.stdout).unwrap();
    let image = ["verify", "oci:tests/fixtures/cosign/layouts/annotations:v1", "--format", "json", "--at", "2026-01-01T00:00:00Z"];
    let verdict = |more: &[&str]| {
        let output = run(&[&image[..], more].concat(), &[]);
        let mut verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        verdict["policy"]["source"] = Value::Null;
        (output.status.code(), verdict)
    };
    assert_eq!(verdict(&short), verdict(&["--policy", file.to_str().unwrap()]));
}

#[test]
fn schemas_describe_what_is_printed() {
    let schema = |args: &[&str]| -> Value { serde_json::from_slice(&run(args, &[]).stdout).unwrap() };
    let policy = schema(&["policy", "schema"]);
    assert!(policy["$defs"]["Requirement"]["oneOf"].as_array().unwrap().len() >= 6);
    let described = schema(&["policy", "schema", "--verdict"]);
    let verdict =
        schema(&["verify", "a.example/b", "--offline", "--format", "json", "--policy", "tests/fixtures/cosign/cases/p256/policy.yaml"]);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(keys(&described["properties"]), keys(&verdict));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], &[]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("triangulate") && script.contains("cosign-key"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_changes_no_exit_code() {
    let policy = "tests/fixtures/cosign/cases/unsigned/policy.yaml";
    let image = "oci:tests/fixtures/cosign/layouts/unsigned:v1";
    for (args, exit) in [
        (vec!["completions", "bash"], 0),
        (vec!["verify", image, "--as", "registry.example/demo/app:v1", "--policy", policy], 1),
        (vec!["verify", image, image, "--format", "jsonl", "--policy", policy], 1),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verimage"));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.args(args).current_dir(workspace()).env("HOME", "/nonexistent").stdout(writer).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(exit), "{complaint}");
        assert!(!complaint.contains("panic"), "{complaint}");
    }
}

/// Every example of every `--help` that needs nothing but this repository is run.
#[test]
fn the_examples_of_the_help_work() {
    let commands = [
        "verify",
        "audit",
        "resolve",
        "triangulate",
        "inspect",
        "policy init",
        "policy check",
        "policy explain",
        "policy schema",
        "trust show",
        "codes",
    ];
    for command in commands {
        let help = run(&[&command.split(' ').collect::<Vec<_>>()[..], &["--help"]].concat(), &[]).stdout;
        let help = String::from_utf8(help).unwrap().replace("\\\n", " ");
        let examples = help.lines().map(str::trim).filter(|line| line.starts_with("verimage "));
        let runnable: Vec<&str> =
            examples.filter(|line| line.contains("tests/fixtures") || line.contains(" > ") || !line.contains('.')).collect();
        assert!(!runnable.is_empty(), "{command}");
        for example in runnable {
            let words: Vec<&str> = example.split('>').next().unwrap().split_whitespace().skip(1).collect();
            assert_eq!(run(&words, &[]).status.code(), Some(0), "{example}");
        }
    }
}
