use serde_json::{Value, json};
use verimage_core::{Code, PolicyError};

use super::import as import_objects;
use crate::Imported;
use crate::objects::Objects;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
const OTHER_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n";
const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n";
const POLICY: &str = "/0/spec/repositories/0/policy";
const REQUIREMENT: &str = "/0/spec/repositories/0/policy/simple/requirements/0";

fn import(document: &Value) -> Result<Imported, PolicyError> {
    Objects::of(document).and_then(|objects| import_objects(&objects))
}

fn secret(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "ns"}, "stringData": data})
}

/// A policy of a namespace with one repository, and the Secrets that it may name.
fn policy(pattern: &str, policy: &Value) -> Value {
    json!([
        {"apiVersion": "portieris.cloud.ibm.com/v1", "kind": "ImagePolicy", "metadata": {"name": "demo", "namespace": "ns"},
            "spec": {"repositories": [{"name": pattern, "policy": policy}]}},
        secret("gpg", &json!({"key": ARMOR})),
        secret("alice", &json!({"name": "alice", "publicKey": PEM})),
        secret("bob", &json!({"name": "bob", "publicKey": OTHER_PEM})),
        secret("again", &json!({"name": "alice", "publicKey": OTHER_PEM})),
        secret("empty", &json!({"name": "alice"})),
    ])
}

fn simple(requirements: &Value) -> Value {
    policy("r.example/*", &json!({"simple": {"requirements": requirements}}))
}

fn signed_by(members: &Value) -> Value {
    let mut requirement = json!({"type": "signedBy", "keySecret": "gpg"});
    requirement.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    simple(&json!([requirement]))
}

fn trust(members: &Value) -> Value {
    let mut trust = json!({"enabled": true, "trustServer": "https://notary.example"});
    trust.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    policy("r.example/*", &json!({"trust": trust}))
}

fn native(document: &Value) -> Value {
    serde_json::to_value(import(document).unwrap().policy).unwrap()
}

fn found(document: &Value, pointer: &str) -> Value {
    let native = native(document);
    native.pointer(pointer).cloned().unwrap_or_else(|| panic!("{pointer} is not in {native:#}"))
}

fn require(document: &Value) -> Value {
    found(document, "/rules/0/require")
}

fn refused(document: &Value) -> (Code, String) {
    let error = import(document).unwrap_err();
    (error.code, error.pointer)
}

fn simple_leaf(identity: &Value) -> Value {
    json!({"simpleSigning": {"keys": ["key-1"], "signedIdentity": identity}})
}

#[test]
fn a_repository_is_a_rule() {
    let expected = json!({
        "apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": "deny",
        "trust": {"key-1": {"openpgp": {"armor": ARMOR}}},
        "rules": [{
            "name": "r.example/*", "dialect": "portieris", "images": ["r.example/*"], "apply": "select", "mode": "enforce",
            "subject": "index", "requireDigest": false, "requirePresent": false,
            "require": simple_leaf(&json!("matchRepoDigestOrExact")),
        }],
    });
    assert_eq!(native(&signed_by(&json!({}))), expected);
}

#[test]
fn an_empty_policy_allows() {
    for empty in [Value::Null, json!({}), json!({"trust": {"enabled": false}}), json!({"simple": {"requirements": []}})] {
        let allow = json!({"allow": {"reason": "the policy for `r.example/*` demands nothing"}});
        assert_eq!(require(&policy("r.example/*", &empty)), allow, "{empty}");
    }
    for pattern in ["*", "docker.io/library/nginx", "docker.io/library/nginx*", "*nginx*"] {
        assert!(require(&policy(pattern, &Value::Null)).get("allow").is_some(), "{pattern}");
    }
    for pattern in ["nginx", "nginx*", "*nginx"] {
        let short = policy(pattern, &Value::Null);
        assert_eq!(refused(&short), (Code::PolicyUnsupportedField, "/0/spec/repositories/0/name".to_owned()), "{pattern}");
        assert!(import(&short).unwrap_err().hint.unwrap().contains("`docker.io/library/"));
    }
    assert!(require(&policy("nginx", &json!({"simple": {"requirements": [{"type": "reject"}]}}))).get("deny").is_some());
}

/// The digest is in every verdict; who acts on it decides what becomes of the tag.
#[test]
fn whether_the_image_is_rewritten_changes_nothing() {
    for mutate in [true, false] {
        let document =
            policy("r.example/*", &json!({"mutateImage": mutate, "simple": {"requirements": [{"type": "signedBy", "keySecret": "gpg"}]}}));
        assert_eq!(native(&document), native(&signed_by(&json!({}))));
    }
    assert_eq!(refused(&policy("r.example/*", &json!({"mutateImage": "no"}))), (Code::PolicyInvalid, format!("{POLICY}/mutateImage")));
}

#[test]
fn every_member_of_simple_counts() {
    let leaf = simple_leaf(&json!("matchRepoDigestOrExact"));
    let key = json!({"type": "signedBy", "keySecret": "gpg"});
    let exact = json!({"type": "signedBy", "keySecret": "gpg", "signedIdentity": {"type": "matchExact"}});
    assert_eq!(require(&simple(&json!([key, exact]))), json!({"allOf": [leaf, simple_leaf(&json!("matchExact"))]}));
    assert_eq!(require(&simple(&json!([key, {"type": "insecureAcceptAnything"}]))), leaf);
    assert!(require(&simple(&json!([{"type": "insecureAcceptAnything"}]))).get("allow").is_some());
    assert_eq!(require(&simple(&json!([{"type": "reject"}]))), json!({"deny": {"reason": "the image is rejected by policy"}}));
    let placed = policy("r.example/*", &json!({"simple": {"requirements": [key], "storeURL": "https://sigs.example/store"}}));
    assert_eq!(found(&placed, "/stores/signatures-1"), json!({"type": "lookaside", "url": "https://sigs.example/store"}));
    assert_eq!(require(&placed)["simpleSigning"]["stores"], json!(["signatures-1"]));
    assert_eq!(native(&signed_by(&json!({"keySecretNamespace": "ns"}))), native(&signed_by(&json!({}))));
    let elsewhere = signed_by(&json!({"keySecretNamespace": "other"}));
    assert_eq!(refused(&elsewhere), (Code::PolicyUnsupportedField, format!("{REQUIREMENT}/keySecret")));
}

#[test]
fn every_identity_counts() {
    let identity = |identity: Value| require(&signed_by(&json!({"signedIdentity": identity})))["simpleSigning"]["signedIdentity"].clone();
    for kind in ["matchExact", "matchRepository", "matchRepoDigestOrExact"] {
        assert_eq!(identity(json!({"type": kind})), kind);
    }
    assert_eq!(identity(json!({})), "matchRepoDigestOrExact");
    for kind in ["matchExactReference", "exactReference"] {
        assert_eq!(identity(json!({"type": kind, "dockerReference": "v.example/a:1"})), json!({"exactReference": "v.example/a:1"}));
    }
    for kind in ["matchExactRepository", "exactRepository"] {
        assert_eq!(identity(json!({"type": kind, "dockerRepository": "v.example/a"})), json!({"exactRepository": "v.example/a"}));
    }
    assert_eq!(
        identity(json!({"type": "remapIdentity", "prefix": "m.example", "signedPrefix": "v.example"})),
        json!({"remapIdentity": {"prefix": "m.example", "signedPrefix": "v.example"}})
    );
    let at = format!("{REQUIREMENT}/signedIdentity");
    for (identity, code, pointer) in [
        (json!({"type": "other"}), Code::PolicyInvalid, "/type"),
        (json!({"type": "exactReference"}), Code::PolicyInvalid, ""),
        (json!({"type": "remapIdentity", "prefix": "m.example"}), Code::PolicyInvalid, ""),
        (json!({"type": "matchExact", "more": 1}), Code::PolicyInvalid, "/more"),
        (json!({"type": "matchExact", "dockerReference": "v.example/a:1"}), Code::PolicyUnsupportedField, "/dockerReference"),
        (json!({"dockerRepository": "v.example/a"}), Code::PolicyUnsupportedField, "/dockerRepository"),
        (
            json!({"type": "exactReference", "dockerReference": "v.example/a:1", "prefix": "m.example"}),
            Code::PolicyUnsupportedField,
            "/prefix",
        ),
        (json!({"type": "matchExact", "signedPrefix": "v.example"}), Code::PolicyUnsupportedField, "/signedPrefix"),
    ] {
        assert_eq!(refused(&signed_by(&json!({"signedIdentity": identity}))), (code, format!("{at}{pointer}")), "{identity}");
    }
}

/// Portieris pins no root but the keys of signers, and so does the native form: aloud.
#[test]
fn every_member_of_trust_counts() {
    let leaf = json!({"notaryV1": {"server": "https://notary.example", "insecureTrustOnFirstUse": true}});
    assert_eq!(require(&trust(&json!({}))), leaf);
    let signed = trust(&json!({"signerSecrets": [{"name": "alice"}, {"name": "bob"}]}));
    let expected = json!({"allOf": [leaf, {"notaryV1": {
        "server": "https://notary.example", "insecureTrustOnFirstUse": true,
        "delegations": ["alice", "bob"], "delegationKeys": {"alice": "key-1", "bob": "key-2"},
    }}]});
    assert_eq!(require(&signed), expected);
    assert_eq!(found(&signed, "/trust/key-2"), json!({"publicKey": {"pem": OTHER_PEM}}));
    let by_default = |pattern: &str| require(&policy(pattern, &json!({"trust": {"enabled": true}})))["notaryV1"]["server"].clone();
    assert_eq!((by_default("docker.io/a/*"), by_default("quay.io/*")), (json!("https://notary.docker.io"), json!("https://quay.io:443")));
    let both = policy(
        "r.example/*",
        &json!({
            "simple": {"requirements": [{"type": "signedBy", "keySecret": "gpg"}]}, "trust": {"enabled": true, "trustServer": "https://notary.example"},
        }),
    );
    assert_eq!(require(&both), json!({"allOf": [simple_leaf(&json!("matchRepoDigestOrExact")), leaf]}));
    let secrets = format!("{POLICY}/trust/signerSecrets");
    for (document, code, pointer) in [
        (trust(&json!({"signerSecrets": [{"name": "carol"}]})), Code::PolicyUnsupportedField, format!("{secrets}/0/name")),
        (trust(&json!({"signerSecrets": [{"name": "empty"}]})), Code::PolicyInvalid, "/5".to_owned()),
        (trust(&json!({"signerSecrets": [{"name": "alice"}, {"name": "again"}]})), Code::PolicyInvalid, "/4/stringData/name".to_owned()),
        (trust(&json!({"signerSecrets": [{"name": "alice", "more": 1}]})), Code::PolicyInvalid, format!("{secrets}/0/more")),
        (trust(&json!({"enabled": false})), Code::PolicyUnsupportedField, format!("{POLICY}/trust/trustServer")),
        (policy("*", &json!({"trust": {"signerSecrets": [{"name": "alice"}]}})), Code::PolicyUnsupportedField, secrets.clone()),
        (policy("*", &json!({"trust": {"enabled": true}})), Code::PolicyUnsupportedField, format!("{POLICY}/trust")),
        (policy("icr.io/*", &json!({"trust": {"enabled": true}})), Code::PolicyUnsupportedField, format!("{POLICY}/trust")),
        (trust(&json!({"more": 1})), Code::PolicyInvalid, format!("{POLICY}/trust/more")),
    ] {
        assert_eq!(refused(&document), (code, pointer), "{document}");
    }
}

#[test]
fn what_has_no_native_form_is_refused_where_it_stands() {
    let key = json!({"type": "signedBy", "keySecret": "gpg"});
    for (document, pointer) in [
        (policy("*", &json!({"vulnerability": {"ICCRVA": {"enabled": true}}})), format!("{POLICY}/vulnerability/ICCRVA")),
        (policy("*", &json!({"vulnerability": {"ICCRVA": {"account": "a"}}})), format!("{POLICY}/vulnerability/ICCRVA/account")),
        (policy("*", &json!({"simple": {"requirements": [key], "storeSecret": "s"}})), format!("{POLICY}/simple/storeSecret")),
        (policy("*", &json!({"simple": {"storeURL": "https://a.example"}})), format!("{POLICY}/simple/storeURL")),
        (
            policy("*", &json!({"simple": {"requirements": [{"type": "reject"}], "storeURL": "https://a.example"}})),
            format!("{POLICY}/simple/storeURL"),
        ),
        (simple(&json!([{"type": "reject"}, key])), format!("{POLICY}/simple/requirements")),
        (simple(&json!([{"type": "reject", "keySecret": "gpg"}])), format!("{REQUIREMENT}/keySecret")),
        (simple(&json!([{"type": "insecureAcceptAnything", "keySecretNamespace": "ns"}])), format!("{REQUIREMENT}/keySecretNamespace")),
        (
            simple(&json!([{"type": "insecureAcceptAnything", "signedIdentity": {"type": "matchExact"}}])),
            format!("{REQUIREMENT}/signedIdentity"),
        ),
        (policy("r.example/a?", &Value::Null), "/0/spec/repositories/0/name".to_owned()),
    ] {
        assert_eq!(refused(&document), (Code::PolicyUnsupportedField, pointer), "{document}");
    }
    assert!(native(&policy("*", &json!({"vulnerability": {"ICCRVA": {"enabled": false}}})))["rules"][0]["require"]["allow"].is_object());
}

#[test]
fn what_is_no_policy_is_refused() {
    for (document, pointer) in [
        (simple(&json!([{"type": "other"}])), format!("{REQUIREMENT}/type")),
        (simple(&json!([{"keySecret": "gpg"}])), REQUIREMENT.to_owned()),
        (simple(&json!([{"type": "signedBy"}])), REQUIREMENT.to_owned()),
        (simple(&json!([{"type": "signedBy", "keySecret": "alice"}])), "/2".to_owned()),
        (signed_by(&json!({"more": 1})), format!("{REQUIREMENT}/more")),
        (policy("*", &json!({"cosign": {}})), format!("{POLICY}/cosign")),
        (policy("*", &json!({"vulnerability": {"other": {}}})), format!("{POLICY}/vulnerability/other")),
        (
            policy("*", &json!({"simple": {"requirements": [{"type": "signedBy", "keySecret": "gpg"}], "storeURL": "file:///a"}})),
            format!("{POLICY}/simple/storeURL"),
        ),
        (json!({"apiVersion": "portieris.cloud.ibm.com/v1", "kind": "ImagePolicyList"}), "/kind".to_owned()),
        (json!({"apiVersion": "portieris.cloud.ibm.com/v1", "kind": "ImagePolicy"}), String::new()),
        (
            json!({"apiVersion": "portieris.cloud.ibm.com/v1", "kind": "ImagePolicy", "spec": {"repositories": []}}),
            "/spec/repositories".to_owned(),
        ),
        (
            json!({"apiVersion": "portieris.cloud.ibm.com/v1", "kind": "ImagePolicy", "spec": {"repositories": [{}]}}),
            "/spec/repositories/0".to_owned(),
        ),
    ] {
        assert_eq!(refused(&document), (Code::PolicyInvalid, pointer), "{document}");
    }
    let old = json!({"apiVersion": "portieris.cloud.ibm.com/v2", "kind": "ImagePolicy"});
    assert_eq!(refused(&old), (Code::PolicyUnsupportedField, "/apiVersion".to_owned()));
}

#[test]
fn several_policies_are_one_if_they_are_for_the_same_objects() {
    let of = |kind: &str, namespace: Option<&str>, pattern: &str| {
        let spec = json!({"repositories": [{"name": pattern}]});
        json!({"apiVersion": "portieris.cloud.ibm.com/v1", "kind": kind, "metadata": {"namespace": namespace}, "spec": spec})
    };
    let (cluster, own) = ("ClusterImagePolicy", "ImagePolicy");
    for (one, other) in [((cluster, None), (cluster, None)), ((own, Some("ns")), (own, Some("ns"))), ((own, None), (own, Some("default")))]
    {
        let rules = found(&json!([of(one.0, one.1, "a.example/*"), of(other.0, other.1, "b.example/*")]), "/rules");
        assert_eq!((&rules[0]["name"], &rules[1]["name"]), (&json!("a.example/*"), &json!("b.example/*")));
    }
    for (one, other) in
        [((cluster, None), (own, Some("ns"))), ((own, Some("ns")), (cluster, None)), ((own, Some("ns")), (own, Some("other")))]
    {
        let document = json!([of(one.0, one.1, "a.example/*"), of(other.0, other.1, "b.example/*")]);
        assert_eq!(refused(&document), (Code::PolicyUnsupportedField, "/1".to_owned()));
    }
    let twice = json!([of(cluster, None, "*"), of(cluster, None, "*")]);
    assert_eq!(refused(&twice), (Code::PolicyUnsupportedField, "/1/spec/repositories/0/name".to_owned()));
}

/// A policy of the cluster names Secrets of each namespace in which something runs.
#[test]
fn secrets_are_those_of_the_policys_namespace() {
    let mut document = signed_by(&json!({}));
    document[0]["kind"] = json!("ClusterImagePolicy");
    assert_eq!(refused(&document), (Code::PolicyUnsupportedField, format!("{REQUIREMENT}/keySecret")));
    document[1]["metadata"] = json!({"name": "gpg"});
    assert_eq!(require(&document), simple_leaf(&json!("matchRepoDigestOrExact")));
    let mut named = signed_by(&json!({"keySecretNamespace": "ns"}));
    named[0]["kind"] = json!("ClusterImagePolicy");
    assert_eq!(require(&named), simple_leaf(&json!("matchRepoDigestOrExact")));
}

#[test]
fn errors_of_the_native_form_point_at_the_policy() {
    let imported = import(&signed_by(&json!({}))).unwrap();
    for (pointer, source) in [
        ("/rules/0/require/simpleSigning/keys/0", POLICY),
        ("/rules/0/images/0", "/0/spec/repositories/0/name"),
        ("/rules/0/name", "/0/spec/repositories/0"),
        ("/trust/key-1/openpgp/armor", "/1/stringData/key"),
    ] {
        assert_eq!(imported.blame_source(PolicyError::invalid(pointer, "wrong")).pointer, source, "{pointer}");
    }
}
