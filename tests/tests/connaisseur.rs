//! Configurations of Connaisseur over real signatures: the same verdict through the configuration and through its native form.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod admission;

use std::fs;
use std::path::Path;

use admission::{Case, check, judge, text};
use serde_json::json;
use verimage::{Code, Decision, FolderMaterial, PolicyLoader};

/// A validator of each type.
fn configuration() -> String {
    let key = |name: &str| text(&format!("cosign/keys/{name}.pub"));
    let pin = |name: &str| text(&format!("notary-v1/pins/{name}.pub"));
    let rule = |pattern: &str, validator: &str, with: serde_json::Value| json!({"pattern": pattern, "validator": validator, "with": with});
    let unlogged = |with: serde_json::Value| {
        let mut options = json!({"verifyInTransparencyLog": false});
        options.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        options
    };
    json!({
        "kubernetes": {"deployment": {"replicasCount": 3}},
        "application": {
            "features": {"cache": {"expirySeconds": 30}, "automaticChildApproval": true},
            "validators": [
                {"name": "allow", "type": "static", "approve": true},
                {"name": "default", "type": "static", "approve": false},
                {"name": "dct", "type": "notaryv1", "host": "notary.example",
                    "trustRoots": [{"name": "default", "key": pin("team")}, {"name": "tags", "key": pin("tags")}]},
                {"name": "keys", "type": "cosign", "trustRoots": [
                    {"name": "default", "key": key("p256")}, {"name": "other", "key": key("other")}, {"name": "ed25519", "key": key("ed25519")}]},
                {"name": "twins", "type": "cosign", "trustRoots": [{"name": "a", "key": key("p256")}, {"name": "b", "key": key("p256")}]},
            ],
            "policy": [
                {"pattern": "*:*"},
                rule("registry.example/demo/*", "dct", json!({})),
                rule("registry.example/demo/team:both*", "default", json!({})),
                rule("registry.example/demo/team:disputed", "dct", json!({"delegations": ["alice"]})),
                rule("registry.example/demo/team:a*", "dct", json!({"delegations": ["alice", "targets/bob"]})),
                rule("registry.example/demo/tags:*", "dct", json!({"trustRoot": "tags"})),
                rule("*/open/*", "allow", json!({})),
                rule("*/open/closed*", "default", json!({})),
                rule("cosign.example/*", "keys", unlogged(json!({}))),
                rule("cosign.example/logged/*", "keys", json!({})),
                rule("cosign.example/two/*", "keys", unlogged(json!({"trustRoot": "*", "threshold": 2}))),
                rule("cosign.example/other/*", "keys", unlogged(json!({"trustRoot": "*", "required": ["other"]}))),
                rule("cosign.example/twins/*", "twins", unlogged(json!({"trustRoot": "*", "threshold": 2}))),
            ],
        },
    })
    .to_string()
}

const DENIED: Option<&str> = Some("policy-rejects");
const NOT_FOUND: Option<&str> = Some("signature-not-found");

const CASES: &[Case] = &[
    (None, "registry.example/demo/team:agreed", Some("registry.example/demo/team:a*"), "allow", None),
    (None, "registry.example/demo/team:alice-only", Some("registry.example/demo/team:a*"), "deny", NOT_FOUND),
    (None, "registry.example/demo/team:disputed", Some("registry.example/demo/team:disputed"), "allow", None),
    (None, "registry.example/demo/team:both", Some("registry.example/demo/team:both*"), "deny", DENIED),
    // Connaisseur looks in `targets/releases` alone; docker would find it in `targets`.
    (None, "registry.example/demo/team:targets-only", Some("registry.example/demo/*"), "deny", NOT_FOUND),
    (None, "registry.example/demo/tags:v1", Some("registry.example/demo/tags:*"), "allow", None),
    (None, "REGISTRY.example/demo/team:targets-only", Some("registry.example/demo/*"), "deny", NOT_FOUND),
    (None, "registry.example/demo/unknown:v1", Some("registry.example/demo/*"), "deny", NOT_FOUND),
    (None, "registry.example/open/app:v1", Some("*/open/*"), "allow", None),
    (None, "registry.example/open/closed:v1", Some("*/open/closed*"), "deny", DENIED),
    (None, "evil.example/registry.example/open/app:v1", Some("*/open/*"), "allow", None),
    (None, "nginx", Some("*:*"), "deny", DENIED),
    (None, "elsewhere.example/app", Some("*:*"), "deny", DENIED),
    (Some("p256"), "cosign.example/app:v1", Some("cosign.example/*"), "allow", None),
    (Some("ed25519"), "cosign.example/app:v1", Some("cosign.example/*"), "deny", Some("signature-invalid")),
    (Some("unsigned"), "cosign.example/app:v1", Some("cosign.example/*"), "deny", NOT_FOUND),
    (Some("bundle-p256"), "cosign.example/app:v1", Some("cosign.example/*"), "deny", NOT_FOUND),
    (Some("attack-other-digest"), "cosign.example/app:v1", Some("cosign.example/*"), "deny", Some("subject-mismatch")),
    (Some("p256"), "cosign.example/logged/app:v1", Some("cosign.example/logged/*"), "deny", Some("log-missing")),
    (Some("two-signers"), "cosign.example/two/app:v1", Some("cosign.example/two/*"), "allow", None),
    (Some("p256"), "cosign.example/two/app:v1", Some("cosign.example/two/*"), "deny", Some("threshold-not-met")),
    (Some("two-signers"), "cosign.example/other/app:v1", Some("cosign.example/other/*"), "allow", None),
    (Some("p256"), "cosign.example/other/app:v1", Some("cosign.example/other/*"), "deny", Some("signature-invalid")),
    // Two trust roots with one key are one signer.
    (Some("p256"), "cosign.example/twins/app:v1", Some("cosign.example/twins/*"), "deny", Some("threshold-not-met")),
];

#[test]
fn a_configuration_and_its_native_form_give_the_same_verdicts() {
    check(&configuration(), CASES);
}

#[test]
fn in_detection_mode_nothing_is_blocked() {
    let watched = configuration().replace("\"automaticChildApproval\"", "\"detectionMode\":true,\"automaticChildApproval\"");
    let narrow = watched.replace("\"*:*\"", "\"some.example/*\"");
    for (policy, image, decision) in [
        (&watched, "nginx", Decision::Deny),
        (&watched, "registry.example/demo/team:alice-only", Decision::Deny),
        (&watched, "registry.example/demo/team:agreed", Decision::Allow),
        (&narrow, "nginx", Decision::Deny),
    ] {
        for policy in admission::both(policy) {
            let verdict = judge(None, image, &policy);
            assert_eq!((verdict.decision, verdict.admitted), (decision, true), "{image}: {}", verdict.message);
        }
    }
}

/// The story of examples/notary-v1.
#[test]
fn the_printed_configuration_names_a_validator_that_is_not_there() {
    let example = |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/notary-v1").join(name)).unwrap();
    let load = |text: &str| PolicyLoader::new().load_text(text, "connaisseur.yaml", &FolderMaterial::new(None));
    let error = load(&example("connaisseur-as-printed.yaml")).unwrap_err();
    assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyUndefinedName, "/application/policy/0"), "{error}");
    assert!(error.message.contains("`default`") && error.location.is_some(), "{error}");
    let filled = load(&example("connaisseur.yaml")).unwrap();
    assert_eq!(filled.rules().iter().map(|rule| rule.name()).collect::<Vec<_>>(), ["*:*", "docker.io/projectnexus/*:*"]);
    let elsewhere = judge(None, "nginx", &filled);
    assert_eq!((elsewhere.decision, elsewhere.code.as_deref()), (Decision::Deny, DENIED), "{}", elsewhere.message);
}
