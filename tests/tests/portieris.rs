//! Policies of Portieris over real signatures: the same verdict through the policy and through its native form.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod admission;

use admission::{Case, check, judge, text};
use serde_json::{Value, json};
use verimage::{Code, Decision, FolderMaterial, PolicyLoader};

/// The key of a delegation of the collection `team`, as its `targets` lists it.
fn delegation_key(name: &str) -> String {
    let targets: Value = serde_json::from_str(&text("notary-v1/collections/team/targets.json")).unwrap();
    let delegations = &targets["signed"]["delegations"];
    let role = delegations["roles"].as_array().unwrap().iter().find(|role| role["name"] == format!("targets/{name}")).unwrap();
    let key = &delegations["keys"][role["keyids"][0].as_str().unwrap()];
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", key["keyval"]["public"].as_str().unwrap())
}

fn secret(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
}

/// A policy of the cluster, with the Secrets that it names.
fn policy(repositories: &Value) -> String {
    let signer = |name: &str, key: &str| json!({"name": name, "publicKey": delegation_key(key)});
    let documents = [
        json!({"apiVersion": "portieris.cloud.ibm.com/v1", "kind": "ClusterImagePolicy", "metadata": {"name": "demo"},
            "spec": {"repositories": repositories}}),
        secret("gpg", &json!({"key": text("simple-signing/keys/ed25519.asc")})),
        secret("several", &json!({"key": text("simple-signing/keys/several.asc")})),
        secret("alice", &signer("alice", "alice")),
        secret("bob", &signer("bob", "bob")),
        secret("false-alice", &signer("alice", "bob")),
    ];
    documents.map(|document| document.to_string()).join("\n---\n")
}

fn repositories() -> Value {
    let simple = |requirements: Value| json!({"simple": {"requirements": requirements}});
    let by_gpg = |identity: Value| json!({"type": "signedBy", "keySecret": "gpg", "signedIdentity": identity});
    let trust = |signers: &[&str]| {
        let secrets: Vec<Value> = signers.iter().map(|name| json!({"name": name})).collect();
        json!({"enabled": true, "trustServer": "https://notary.example", "signerSecrets": secrets})
    };
    let signed_as = json!({"type": "matchExactReference", "dockerReference": "registry.example/demo/ed25519:v1"});
    json!([
        {"name": "registry.example/*", "policy": simple(json!([{"type": "reject"}]))},
        {"name": "registry.example/demo/*", "policy": simple(json!([by_gpg(json!({}))]))},
        {"name": "registry.example/demo/open", "policy": null},
        {"name": "registry.example/demo/open:closed", "policy": simple(json!([{"type": "reject"}]))},
        {"name": "registry.example/demo/*sa2048", "policy": simple(json!([{"type": "insecureAcceptAnything"}, {"type": "signedBy", "keySecret": "several"}]))},
        {"name": "registry.example/demo/team", "policy": {"mutateImage": false, "trust": trust(&[])}},
        {"name": "registry.example/demo/team:agreed", "policy": {"trust": trust(&["alice", "bob"])}},
        {"name": "registry.example/demo/team:disputed", "policy": {"trust": trust(&["bob"])}},
        {"name": "registry.example/demo/team:alice-only", "policy": {"trust": trust(&["alice"])}},
        {"name": "registry.example/demo/tags", "policy": {"trust": trust(&[]), "simple": {"requirements": [by_gpg(signed_as.clone())]}}},
        {"name": "registry.example/demo/tags:v2", "policy": {"trust": trust(&[]), "simple": {"requirements": [by_gpg(signed_as)]}}},
        {"name": "docker.io/library/*", "policy": null},
        {"name": "nginx", "policy": simple(json!([{"type": "reject"}]))},
    ])
}

const DENIED: Option<&str> = Some("policy-rejects");
const NOT_FOUND: Option<&str> = Some("signature-not-found");

const CASES: &[Case] = &[
    (None, "registry.example/demo/ed25519:v1", Some("registry.example/demo/*"), "allow", None),
    (None, "registry.example/demo/ed25519:other", Some("registry.example/demo/*"), "deny", Some("reference-mismatch")),
    (None, "registry.example/demo/unsigned:v1", Some("registry.example/demo/*"), "deny", NOT_FOUND),
    (None, "registry.example/demo/rsa2048:v1", Some("registry.example/demo/*sa2048"), "allow", None),
    (None, "registry.example/demo/open:v1", Some("registry.example/demo/open"), "allow", None),
    (None, "registry.example/demo/open", Some("registry.example/demo/open"), "allow", None),
    (None, "registry.example/demo/open:closed", Some("registry.example/demo/open:closed"), "deny", DENIED),
    (None, "registry.example/other/app:v1", Some("registry.example/*"), "deny", DENIED),
    (None, "REGISTRY.example/other/app:v1", Some("registry.example/*"), "deny", DENIED),
    (None, "evil.example/registry.example/demo/open:v1", None, "deny", Some("policy-no-match")),
    (None, "registry.example/demo/team:targets-only", Some("registry.example/demo/team"), "allow", None),
    (None, "registry.example/demo/team:dev-1", Some("registry.example/demo/team"), "deny", NOT_FOUND),
    (None, "registry.example/demo/team:agreed", Some("registry.example/demo/team:agreed"), "allow", None),
    // bob signed another digest than was released.
    (None, "registry.example/demo/team:disputed", Some("registry.example/demo/team:disputed"), "deny", Some("tag-digest-mismatch")),
    // Portieris asks for what was released, whoever signed beside.
    (None, "registry.example/demo/team:alice-only", Some("registry.example/demo/team:alice-only"), "deny", NOT_FOUND),
    (None, "registry.example/demo/tags:v1", Some("registry.example/demo/tags"), "allow", None),
    (None, "registry.example/demo/tags:v2", Some("registry.example/demo/tags:v2"), "deny", NOT_FOUND),
    (None, "docker.io/library/redis:7", Some("docker.io/library/*"), "allow", None),
    (None, "redis", Some("docker.io/library/*"), "allow", None),
    // Which of the spellings was meant is not known, so both rules judge.
    (None, "docker.io/library/nginx:1", Some("nginx"), "deny", DENIED),
    (None, "nginx", Some("nginx"), "deny", DENIED),
];

#[test]
fn a_policy_and_its_native_form_give_the_same_verdicts() {
    check(&policy(&repositories()), CASES);
}

/// That `targets` lists a key for a delegation says nothing; the key must have signed. And what was trusted on first use is told.
#[test]
fn signers_are_known_by_their_keys() {
    let of = |secret: &str| {
        let trust = json!({"enabled": true, "trustServer": "https://notary.example", "signerSecrets": [{"name": secret}]});
        policy(&json!([{"name": "registry.example/demo/team", "policy": {"trust": trust}}]))
    };
    let judged = |text: &str| {
        let [foreign, native] = admission::both(text).map(|policy| judge(None, "registry.example/demo/team:agreed", &policy));
        assert_eq!((foreign.decision, &foreign.code), (native.decision, &native.code));
        (foreign.decision, foreign.code, foreign.warnings)
    };
    assert_eq!(judged(&of("alice")), (Decision::Allow, None, vec!["notary-trusted-on-first-use".to_owned()]));
    let (decision, code, _) = judged(&of("false-alice"));
    assert_eq!((decision, code.as_deref()), (Decision::Deny, Some("delegation-missing")));
}

#[test]
fn errors_point_at_the_policy_and_its_secrets() {
    let load = |text: &str| PolicyLoader::new().load_text(text, "policy.yaml", &FolderMaterial::new(None)).unwrap_err();
    let one =
        |secret: &str| policy(&json!([{"name": "*", "policy": {"simple": {"requirements": [{"type": "signedBy", "keySecret": secret}]}}}]));
    let requirement = "/0/spec/repositories/0/policy/simple/requirements/0";
    let error = load(&one("other"));
    assert_eq!((error.code, error.pointer), (Code::PolicyUnsupportedField, format!("{requirement}/keySecret")));
    let error = load(&one("gpg").replace("BEGIN PGP", "BEGIN PIG"));
    assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyInvalid, "/0/spec/repositories/0/policy"), "{error}");
}
