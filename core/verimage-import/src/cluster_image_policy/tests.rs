use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use verimage_core::{Code, PolicyError};

use super::import as import_objects;
use crate::Imported;
use crate::objects::Objects;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8nXRh950IZbRj8Ra/N9sbqOPZrfM\n5/KAQN0/KjHcorm/J5yctVd7iEcnessRQjU917hmKO6JWVGHpDguIyakZA==\n-----END PUBLIC KEY-----\n";
const OTHER_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nQUJD\nREVG\n-----END CERTIFICATE-----\n";
const AUTHORITY: &str = "/spec/authorities/0";
const LEAF: &str = "/rules/0/require/cosign";

fn import(document: &Value) -> Result<Imported, PolicyError> {
    Objects::of(document).and_then(|objects| import_objects(&objects))
}

/// A policy with these authorities.
fn policy(authorities: Value) -> Value {
    json!({
        "apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy", "metadata": {"name": "demo"},
        "spec": {"images": [{"glob": "r.example/**"}], "authorities": authorities},
    })
}

fn by_key(members: Value) -> Value {
    extended(json!({"key": {"data": PEM}}), members)
}

fn by_identity(keyless: Value, members: Value) -> Value {
    let identity = json!({"issuer": "https://issuer.example", "subject": "a@b.example"});
    extended(json!({"keyless": extended(json!({"identities": [identity]}), keyless)}), members)
}

fn extended(mut object: Value, members: Value) -> Value {
    object.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    object
}

fn attesting(members: Value, types: &[&str]) -> Value {
    let attestation = |kind: &&str| json!({"name": format!("must have {kind}"), "predicateType": kind});
    extended(members, json!({"attestations": types.iter().map(attestation).collect::<Vec<_>>()}))
}

fn in_base64(text: &str) -> Value {
    STANDARD.encode(text).into()
}

fn log() -> Value {
    json!({"baseURL": "https://log.example", "hashAlgorithm": "sha-256", "publicKey": in_base64(PEM)})
}

fn authority() -> Value {
    json!({"subject": {"organization": "o", "commonName": "c"}, "uri": "https://ca.example", "certChain": in_base64(&CERTIFICATE.repeat(2))})
}

fn keys() -> Value {
    json!({"certificateAuthorities": [authority()], "tLogs": [log()], "ctLogs": [log()], "timestampAuthorities": [authority()]})
}

fn trust_root(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": name}, "spec": spec})
}

/// The policy of one authority, and a TrustRoot `own`.
fn rooted(authority: Value) -> Value {
    json!([policy(json!([authority])), trust_root("own", json!({"sigstoreKeys": keys()}))])
}

/// The document with another value at a pointer; the last name may be new.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[name] = value;
    document
}

fn config_map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-policy-controller", "namespace": "cosign-system"}, "data": data})
}

fn native(document: &Value) -> Value {
    serde_json::to_value(import(document).unwrap().policy).unwrap()
}

fn found(document: &Value, pointer: &str) -> Value {
    let native = native(document);
    native.pointer(pointer).cloned().unwrap_or_else(|| panic!("{pointer} is not in {native:#}"))
}

fn leaf(authority: Value) -> Value {
    found(&rooted(authority), LEAF)
}

fn check(document: &Value, code: Code, pointer: &str) {
    let error = import(document).unwrap_err();
    assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{error}");
    assert!(code == Code::PolicyInvalid || error.hint.is_some(), "{error}");
}

#[test]
fn a_policy_is_a_rule_that_always_applies() {
    let expected = json!({
        "apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": "deny",
        "trust": {"key-1": {"publicKey": {"pem": PEM}}},
        "stores": {"signatures-1": {"type": "tag"}},
        "rules": [{
            "name": "demo", "dialect": "policyController", "images": ["r.example/**"], "apply": "always",
            "mode": "enforce", "subject": "index", "requireDigest": false, "requirePresent": false,
            "require": {"cosign": {"key": "key-1", "format": "simpleSigning", "transparency": "none", "stores": ["signatures-1"]}},
        }],
    });
    assert_eq!(native(&policy(json!([by_key(json!({}))]))), expected);
}

#[test]
fn every_member_of_a_policy_counts() {
    let base = policy(json!([by_key(json!({}))]));
    let globs = with(base.clone(), "/spec/images", json!([{"glob": "*"}, {"glob": "r.example/a@*"}]));
    assert_eq!(found(&globs, "/rules/0/images"), json!(["*", "r.example/a@*"]));
    for same in [
        with(base.clone(), "/spec/mode", json!("enforce")),
        with(base.clone(), "/spec/mode", json!("")),
        with(base.clone(), "/spec/match", json!([])),
        with(base.clone(), "/status", json!({"conditions": [1]})),
        with(base.clone(), "/spec/authorities/0/name", json!("somebody")),
        with(base.clone(), "/spec/authorities/0/signatureFormat", json!("legacy")),
        with(base.clone(), "/apiVersion", json!("policy.sigstore.dev/v1alpha1")),
    ] {
        assert_eq!(native(&same), native(&base), "{same}");
    }
}

/// What a policy in the mode `warn` matches is admitted there, so it must be matched here.
#[test]
fn warnings_neither_block_nor_leave_unmatched() {
    let warning = with(policy(json!([by_key(json!({}))])), "/spec/mode", json!("warn"));
    let rules = found(&warning, "/rules");
    assert_eq!((&rules[0]["name"], &rules[0]["mode"]), (&json!("demo"), &json!("audit")));
    assert_eq!((&rules[1]["name"], &rules[1]["mode"]), (&json!("demo#matched"), &json!("enforce")));
    assert_eq!(rules[1]["images"], rules[0]["images"]);
    assert!(rules[1]["require"]["allow"]["reason"].as_str().unwrap().contains("`demo`"));
    let admitting = json!([warning, config_map(json!({"no-match-policy": "allow"}))]);
    assert_eq!(found(&admitting, "/rules").as_array().unwrap().len(), 1);
}

#[test]
fn settings_of_the_controller_count() {
    let set = |data: Value| json!([policy(json!([by_key(json!({}))])), config_map(data)]);
    for (word, unmatched) in [("deny", "deny"), ("allow", "allow"), ("warn", "allow")] {
        assert_eq!(found(&set(json!({"no-match-policy": word})), "/unmatched"), unmatched);
    }
    assert_eq!(found(&set(json!({"enable-oci11": "true"})), "/stores/signatures-1/type"), "auto");
    assert_eq!(found(&set(json!({"enable-oci11": "false"})), "/stores/signatures-1/type"), "tag");
    let idle = json!({"fail-on-empty-authorities": "false", "annotate-validation-results": "true", "_example": "x"});
    assert_eq!(native(&set(idle)), native(&policy(json!([by_key(json!({}))]))));
    check(&set(json!({"no-match-policy": "ignore"})), Code::PolicyInvalid, "/1/data/no-match-policy");
    check(&set(json!({"enable-oci11": "maybe"})), Code::PolicyInvalid, "/1/data/enable-oci11");
    check(&set(json!({"other": "x"})), Code::PolicyUnsupportedField, "/1/data/other");
    let twice = json!([set(json!({}))[0], config_map(json!({})), with(config_map(json!({})), "/metadata/namespace", Value::Null)]);
    check(&twice, Code::PolicyInvalid, "/1");
    let elsewhere = with(set(json!({})), "/1/metadata/namespace", json!("d"));
    check(&elsewhere, Code::PolicyUnsupportedField, "/1/metadata/namespace");
    let empty = set(json!({"fail-on-empty-authorities": "false"}));
    check(&with(empty, "/0/spec/authorities", json!([])), Code::PolicyInvalid, "/0/spec");
}

#[test]
fn one_authority_is_enough_and_every_policy_counts() {
    let key = |name: &str| json!({"cosign": {"key": name, "format": "simpleSigning", "transparency": "none", "stores": ["signatures-1"]}});
    let two = policy(json!([by_key(json!({})), {"key": {"data": OTHER_PEM}}]));
    assert_eq!(found(&two, "/rules/0/require"), json!({"anyOf": [key("key-1"), key("key-2")]}));
    let other = with(policy(json!([{"key": {"data": OTHER_PEM}}])), "/metadata/name", json!("other"));
    let both = json!({"apiVersion": "v1", "kind": "List", "items": [policy(json!([by_key(json!({}))])), other]});
    let rules = found(&both, "/rules");
    assert_eq!((&rules[0]["name"], &rules[1]["name"]), (&json!("demo"), &json!("other")));
    assert_eq!((&rules[0]["require"], &rules[1]["require"]), (&key("key-1"), &key("key-2")));
    let broken = with(both, "/items/1/spec/images", json!([]));
    check(&broken, Code::PolicyInvalid, "/items/1/spec/images");
}

#[test]
fn every_member_of_a_key_counts() {
    let anchor = |key: Value| found(&policy(json!([{"key": key}])), "/trust/key-1/publicKey");
    assert_eq!(anchor(json!({"secretRef": {"name": "keys"}})), json!({"ref": "k8s://cosign-system/keys"}));
    assert_eq!(anchor(json!({"secretRef": {"name": "keys", "namespace": "ns"}})), json!({"ref": "k8s://ns/keys"}));
    assert_eq!(anchor(json!({"kms": "awskms:///alias/release"})), json!({"ref": "awskms:///alias/release"}));
    for hash in ["sha256", "sha384", "sha512"] {
        assert_eq!(anchor(json!({"data": PEM, "hashAlgorithm": hash})), json!({"pem": PEM, "hash": hash}));
    }
}

#[test]
fn keys_come_from_secrets_of_the_same_file() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "cosign-system"},
        "data": {"any.pub": in_base64(PEM)}});
    let policy = policy(json!([{"key": {"secretRef": {"name": "keys"}, "hashAlgorithm": "sha512"}}]));
    assert_eq!(found(&json!([policy, secret]), "/trust/key-1/publicKey"), json!({"pem": PEM, "hash": "sha512"}));
    let elsewhere = with(secret.clone(), "/metadata/namespace", json!("other"));
    assert_eq!(found(&json!([policy, elsewhere]), "/trust/key-1/publicKey/ref"), json!("k8s://cosign-system/keys"));
    check(&json!([policy, with(secret.clone(), "/data/more", in_base64(PEM))]), Code::PolicyInvalid, "/1");
    check(&json!([policy, with(secret, "/data/any.pub", in_base64("no key"))]), Code::PolicyInvalid, "/1/data/any.pub");
}

/// policy-controller's `IgnoreTlog`: off is written out, so that every verdict says so.
#[test]
fn whether_a_log_is_asked_is_written_out() {
    let public = json!({"url": "https://rekor.sigstore.dev/"});
    let own = json!({"trustRootRef": "own", "url": "https://log.example"});
    let log = |authority: Value| leaf(authority)["transparency"].clone();
    let in_own = json!({"root": "root-1"});
    let with_log = |ctlog: &Value| json!({"ctlog": ctlog});
    let own_ca = json!({"trustRootRef": "own", "url": "https://fulcio.example"});
    for (authority, expected) in [
        (by_key(json!({})), json!("none")),
        (by_key(with_log(&json!({}))), json!("none")),
        (by_key(with_log(&public)), json!("required")),
        (by_key(with_log(&own)), in_own.clone()),
        (by_key(json!({"rfc3161timestamp": {"trustRootRef": "own"}})), json!("none")),
        (by_identity(json!({}), json!({})), json!("required")),
        (by_identity(json!({}), with_log(&json!({}))), json!("none")),
        (by_identity(json!({}), with_log(&public)), json!("required")),
        (by_identity(json!({}), with_log(&own)), in_own.clone()),
        (by_identity(json!({}), json!({"rfc3161timestamp": {"trustRootRef": "own"}})), json!("none")),
        (by_identity(own_ca.clone(), json!({})), json!("none")),
        (by_identity(own_ca.clone(), with_log(&json!({}))), json!("none")),
        (by_identity(own_ca.clone(), with_log(&public)), json!({"root": "sigstore-public-good"})),
        (by_identity(own_ca.clone(), with_log(&own)), in_own),
        (by_identity(json!({}), json!({"signatureFormat": "bundle"})), json!("required")),
        (by_identity(own_ca.clone(), json!({"signatureFormat": "bundle"})), json!("required")),
        (by_identity(own_ca.clone(), json!({"signatureFormat": "bundle", "ctlog": own})), json!("required")),
        (by_identity(own_ca, json!({"signatureFormat": "bundle", "rfc3161timestamp": {"trustRootRef": "own"}})), json!("required")),
        (by_key(json!({"signatureFormat": "bundle"})), json!("none")),
    ] {
        assert_eq!(log(authority.clone()), expected, "{authority}");
    }
}

#[test]
fn timestamps_count_where_they_are_asked_for() {
    let stamp = |authority: Value| leaf(authority).get("timestamp").cloned();
    let asked = json!({"rfc3161timestamp": {"trustRootRef": "own"}});
    assert_eq!(stamp(by_key(json!({}))), None);
    assert_eq!(stamp(by_identity(json!({}), json!({}))), Some(json!("none")));
    assert_eq!(stamp(by_key(asked.clone())), Some(json!({"tsa": "root-1"})));
    assert_eq!(stamp(by_identity(json!({}), asked)), Some(json!({"tsa": "root-1"})));
    let public = json!({"signatureFormat": "bundle", "rfc3161timestamp": {}});
    assert_eq!(stamp(by_identity(json!({}), public)), Some(json!({"tsa": "sigstore-public-good"})));
}

#[test]
fn every_member_of_keyless_counts() {
    let named = |identity: Value| leaf(json!({"keyless": {"identities": [identity]}}))["keyless"]["identities"][0].clone();
    assert_eq!(named(json!({"issuer": "i", "subject": "s*"})), json!({"issuer": "i", "subject": "s*"}));
    assert_eq!(
        named(json!({"issuerRegExp": "i", "subjectRegExp": "^a|b$", "subject": ""})),
        json!({"issuerRegex": "(?s:.*)(?:i)(?s:.*)", "subjectRegex": "(?s:.*)(?:^a|b$)(?s:.*)"})
    );
    let two = leaf(json!({"keyless": {"identities": [{"issuer": "i", "subject": "s"}, {"issuer": "j", "subject": "t"}]}}));
    assert_eq!(two["keyless"]["identities"].as_array().unwrap().len(), 2);
    assert_eq!(two["keyless"].get("root"), None);
    let plain = leaf(by_identity(json!({"url": "https://fulcio.sigstore.dev/"}), json!({})));
    assert_eq!((plain.get("sct"), plain["keyless"].get("root")), (None, None));
    assert_eq!(leaf(by_identity(json!({"insecureIgnoreSCT": true}), json!({})))["sct"], "none");
    assert_eq!(leaf(by_identity(json!({"insecureIgnoreSCT": false}), json!({}))).get("sct"), None);
    assert_eq!(leaf(by_identity(json!({"trustRootRef": "own"}), json!({})))["keyless"]["root"], "root-1");
    let without = json!([
        policy(json!([by_identity(json!({"trustRootRef": "own"}), json!({}))])),
        trust_root("own", json!({"sigstoreKeys": {"certificateAuthorities": [authority()]}}))
    ]);
    check(&without, Code::PolicyUnsupportedField, "/0/spec/authorities/0/keyless/trustRootRef");
    let ignoring = with(without, "/0/spec/authorities/0/keyless/insecureIgnoreSCT", json!(true));
    assert_eq!(found(&ignoring, &format!("{LEAF}/keyless/root")), "root-1");
}

#[test]
fn places_and_forms_are_kept() {
    let placed = policy(json!([by_key(json!({"source": [{"oci": "s.example/signatures", "tagPrefix": "p-"}]}))]));
    assert_eq!(found(&placed, "/stores/signatures-1"), json!({"type": "tag", "repository": "s.example/signatures", "tagPrefix": "p-"}));
    let prefixed = policy(json!([by_key(json!({"source": [{"tagPrefix": "p-"}]}))]));
    assert_eq!(found(&prefixed, "/stores/signatures-1"), json!({"type": "tag", "tagPrefix": "p-"}));
    let bundles = policy(json!([by_identity(json!({}), json!({"signatureFormat": "bundle", "source": [{"oci": "s.example/a"}]}))]));
    assert_eq!(found(&bundles, "/stores/signatures-1"), json!({"type": "referrers", "repository": "s.example/a"}));
    assert_eq!(found(&bundles, &format!("{LEAF}/format")), "bundle");
    let beside = leaf(by_identity(json!({}), json!({"signatureFormat": "bundle", "source": []})));
    assert_eq!((beside["format"].as_str(), beside.get("stores")), (Some("bundle"), None));
}

#[test]
fn static_authorities_decide() {
    let require = |body: Value| found(&policy(json!([{"static": body}])), "/rules/0/require");
    assert_eq!(require(json!({"action": "fail", "message": "no"})), json!({"deny": {"reason": "no"}}));
    assert_eq!(require(json!({"action": "pass", "message": "ours"})), json!({"allow": {"reason": "ours"}}));
    for (action, node) in [("pass", "allow"), ("fail", "deny")] {
        let reason = require(json!({"action": action, "message": " "}))[node]["reason"].clone();
        assert!(reason.as_str().unwrap().contains("every image"), "{reason}");
    }
}

#[test]
fn with_attestations_the_signature_is_not_looked_at() {
    let leaf = json!({"cosign": {"key": "key-1", "transparency": "none", "stores": ["signatures-1"]}});
    let of = |kind: &str, require: &Value| json!({"name": format!("must have {kind}"), "predicateType": kind, "require": require, "statements": "any"});
    let one = policy(json!([attesting(by_key(json!({})), &["vuln", "https://a.example/t"])]));
    assert_eq!(found(&one, "/rules/0/attestations"), json!([of("vuln", &leaf), of("https://a.example/t", &leaf)]));
    assert!(native(&one).pointer("/rules/0/require").is_none());
    let other = json!({"cosign": {"key": "key-2", "transparency": "none", "stores": ["signatures-1"]}});
    let two = policy(json!([attesting(by_key(json!({})), &["vuln"]), attesting(json!({"key": {"data": OTHER_PEM}}), &["vuln"])]));
    assert_eq!(found(&two, "/rules/0/attestations"), json!([of("vuln", &json!({"anyOf": [leaf, other]}))]));
    let bundle = policy(json!([attesting(by_identity(json!({}), json!({"signatureFormat": "bundle"})), &["vuln"])]));
    assert_eq!(found(&bundle, "/rules/0/attestations/0/require/cosign/format"), "bundle");
}

#[test]
fn a_trust_root_is_a_trusted_root() {
    let document = rooted(by_key(json!({"ctlog": {"trustRootRef": "own"}})));
    let root: Value = serde_json::from_str(found(&document, "/trust/root-1/trustedRoot/json").as_str().unwrap()).unwrap();
    assert_eq!(root["mediaType"], "application/vnd.dev.sigstore.trustedroot+json;version=0.1");
    for logs in ["tlogs", "ctlogs"] {
        let log = &root[logs][0];
        assert_eq!((&log["baseUrl"], &log["hashAlgorithm"]), (&json!("https://log.example"), &json!("SHA2_256")));
        assert_eq!(log["publicKey"]["keyDetails"], "PKIX_ECDSA_P256_SHA_256");
        assert_eq!(log["publicKey"]["validFor"], json!({"start": "1970-01-01T00:00:00Z"}));
    }
    for authorities in ["certificateAuthorities", "timestampAuthorities"] {
        assert_eq!(
            root[authorities],
            json!([{"subject": {"organization": "o", "commonName": "c"}, "uri": "https://ca.example",
                "certChain": {"certificates": [{"rawBytes": "QUJDREVG"}, {"rawBytes": "QUJDREVG"}]}}])
        );
    }
    let text = root.to_string();
    let whole = json!([document[0], trust_root("own", json!({"trustedRootJSON": text}))]);
    assert_eq!(found(&whole, "/trust/root-1"), found(&document, "/trust/root-1"));
    let unused = json!([policy(json!([by_key(json!({}))])), document[1]]);
    assert!(native(&unused).get("trust").unwrap().get("root-1").is_none());
}

#[test]
fn a_trust_root_that_is_not_there_is_undefined() {
    for (authority, below) in [
        (by_key(json!({"ctlog": {"trustRootRef": "other"}})), "/ctlog/trustRootRef"),
        (by_key(json!({"rfc3161timestamp": {"trustRootRef": "other"}})), "/rfc3161timestamp/trustRootRef"),
        (by_identity(json!({"trustRootRef": "other"}), json!({})), "/keyless/trustRootRef"),
    ] {
        check(&rooted(authority), Code::PolicyUndefinedName, &format!("/0{AUTHORITY}{below}"));
    }
}

#[test]
fn what_has_no_native_form_is_refused_where_it_stands() {
    let base = policy(json!([by_key(json!({}))]));
    let spec = |pointer: &str, value: Value| (with(base.clone(), pointer, value), pointer.to_owned());
    let at = |authority: Value, below: &str| (policy(json!([authority])), format!("{AUTHORITY}{below}"));
    let several = |second: Value, at: usize| (policy(json!([by_key(json!({})), second])), format!("/spec/authorities/{at}"));
    let attested = attesting(by_key(json!({})), &["vuln"]);
    let source = |members: Value| json!({"source": [extended(json!({"oci": "s.example/a"}), members)]});
    let tag_prefix = policy(json!([by_key(source(json!({"tagPrefix": "p"})))]));
    for (document, pointer) in [
        spec("/apiVersion", json!("policy.sigstore.dev/v9")),
        spec("/spec/match", json!([{"resource": "pods", "version": "v1"}])),
        spec("/spec/policy", json!({"type": "cue", "data": "x"})),
        spec("/spec/policy", json!({})),
        (with(base.clone(), "/spec/images", json!([{"glob": "r.example//a"}])), "/spec/images/0/glob".to_owned()),
        (with(base.clone(), "/spec/images", json!([{"glob": "r.example/a:v1*"}])), "/spec/images/0/glob".to_owned()),
        at(
            by_identity(json!({"identities": [{"issuer": "i", "subjectRegExp": "a)|(b"}]}), json!({})),
            "/keyless/identities/0/subjectRegExp",
        ),
        at(by_identity(json!({"identities": [{"issuerRegExp": "(", "subject": "s"}]}), json!({})), "/keyless/identities/0/issuerRegExp"),
        at(json!({"key": {"data": format!("{PEM}{OTHER_PEM}")}}), "/key/data"),
        at(json!({"key": {"kms": "k8s://ns/name"}}), "/key/kms"),
        at(json!({"key": {"data": PEM, "hashAlgorithm": "sha224"}}), "/key/hashAlgorithm"),
        at(by_key(json!({"ctlog": {"url": "https://log.example"}})), "/ctlog/url"),
        at(by_key(json!({"rfc3161timestamp": {}})), "/rfc3161timestamp"),
        at(by_key(json!({"ctlog": {"url": "https://rekor.sigstore.dev"}, "rfc3161timestamp": {"trustRootRef": "a"}})), "/ctlog"),
        at(by_key(source(json!({"signaturePullSecrets": [{"name": "a"}]}))), "/source/0/signaturePullSecrets"),
        at(
            by_identity(json!({}), extended(source(json!({"tagPrefix": "p"})), json!({"signatureFormat": "bundle"}))),
            "/source/0/tagPrefix",
        ),
        (json!([tag_prefix, config_map(json!({"enable-oci11": "true"}))]), format!("/0{AUTHORITY}/source/0/tagPrefix")),
        at(by_identity(json!({"ca-cert": {"data": CERTIFICATE}}), json!({})), "/keyless/ca-cert"),
        at(by_identity(json!({"ca-cert": {}}), json!({})), "/keyless/ca-cert"),
        at(by_identity(json!({"url": "https://fulcio.example"}), json!({})), "/keyless/url"),
        at(by_identity(json!({"identities": []}), json!({})), "/keyless"),
        at(by_identity(json!({"identities": [{"issuer": "i"}]}), json!({})), "/keyless/identities/0"),
        at(by_identity(json!({"identities": [{"subject": "s"}]}), json!({})), "/keyless/identities/0"),
        at(json!({"static": {"action": "pass"}, "signatureFormat": "bundle"}), "/signatureFormat"),
        at(json!({"static": {"action": "pass"}, "rfc3161timestamp": {}}), "/rfc3161timestamp"),
        at(
            extended(attested.clone(), json!({"attestations": [{"name": "a", "predicateType": "vuln", "policy": {"type": "rego"}}]})),
            "/attestations/0/policy",
        ),
        several(json!({"static": {"action": "pass"}}), 1),
        several(json!({"static": {"action": "fail"}}), 1),
        several(attested.clone(), 1),
        (policy(json!([attested, attesting(by_key(json!({})), &["spdx"])])), "/spec/authorities/1".to_owned()),
        (
            policy(json!([attesting(by_key(json!({})), &["vuln", "spdx"]), attesting(by_key(json!({})), &["vuln", "spdx"])])),
            AUTHORITY.to_owned(),
        ),
    ] {
        check(&document, Code::PolicyUnsupportedField, &pointer);
    }
}

#[test]
fn what_policy_controller_refuses_is_malformed() {
    let base = policy(json!([by_key(json!({}))]));
    let spec = |pointer: &str, value: Value| (with(base.clone(), pointer, value), pointer.to_owned());
    let below = |document: Value, pointer: &str| (document, pointer.to_owned());
    let at = |authority: Value, below: &str| (policy(json!([authority])), format!("{AUTHORITY}{below}"));
    let bundle = |members: Value| by_identity(json!({}), extended(json!({"signatureFormat": "bundle"}), members));
    let beside = |name: &str, value: Value| at(json!({"static": {"action": "pass"}, name: value}), &format!("/{name}"));
    for (document, pointer) in [
        spec("/other", json!(1)),
        spec("/spec/other", json!(1)),
        spec("/spec/mode", json!("audit")),
        spec("/spec/images", json!([])),
        spec("/spec/match", json!({"a": 1})),
        below(with(base.clone(), "/kind", json!("ImagePolicy")), ""),
        below(with(base.clone(), "/metadata", json!({})), "/metadata"),
        below(with(base.clone(), "/spec/authorities", json!([])), "/spec"),
        below(with(base.clone(), "/spec/authorities", Value::Null), "/spec"),
        below(with(base.clone(), "/spec/images", json!([{}])), "/spec/images/0"),
        below(with(base.clone(), "/spec/images", json!([{"glob": "[a-z]*"}])), "/spec/images/0/glob"),
        below(with(base.clone(), "/spec/images", json!([{"glob": "a/*", "regex": "b"}])), "/spec/images/0/regex"),
        at(json!({}), ""),
        at(json!({"key": {"data": PEM}, "keyless": {}}), ""),
        at(by_key(json!({"other": 1})), "/other"),
        at(json!({"key": {}}), "/key"),
        at(json!({"key": {"data": PEM, "kms": "awskms:///a"}}), "/key"),
        at(json!({"key": {"data": "no key"}}), "/key/data"),
        at(json!({"key": {"data": "\n"}}), "/key/data"),
        at(json!({"key": {"data": PEM, "hashAlgorithm": "md5"}}), "/key/hashAlgorithm"),
        at(json!({"key": {"secretRef": {}}}), "/key/secretRef"),
        at(by_key(json!({"signatureFormat": "new"})), "/signatureFormat"),
        at(by_key(json!({"source": [{}]})), "/source/0"),
        at(by_key(json!({"source": [{"oci": "a"}, {"oci": "b"}]})), "/source/1"),
        at(by_key(json!({"ctlog": {"other": 1}})), "/ctlog/other"),
        at(by_key(json!({"rfc3161timestamp": {"other": 1}})), "/rfc3161timestamp/other"),
        at(by_identity(json!({"other": 1}), json!({})), "/keyless/other"),
        at(
            by_identity(json!({"identities": [{"issuer": "i", "subject": "s", "subjectRegExp": "t"}]}), json!({})),
            "/keyless/identities/0/subjectRegExp",
        ),
        at(bundle(json!({"ctlog": {"trustRootRef": "own"}})), "/ctlog"),
        at(bundle(json!({"rfc3161timestamp": {"trustRootRef": "own"}})), "/rfc3161timestamp"),
        at(json!({"static": {}}), "/static"),
        at(json!({"static": {"action": "warn"}}), "/static/action"),
        beside("ctlog", json!({})),
        beside("source", json!([{"oci": "a"}])),
        beside("attestations", json!([{"name": "a", "predicateType": "vuln"}])),
        at(by_key(json!({"attestations": [{"name": "a"}]})), "/attestations/0"),
        at(by_key(json!({"attestations": [{"predicateType": "vuln"}]})), "/attestations/0"),
        below(trust_root("own", json!({"sigstoreKeys": keys()})), ""),
    ] {
        check(&document, Code::PolicyInvalid, &pointer);
    }
}

/// Whether a policy names it or not.
#[test]
fn trust_roots_are_well_formed() {
    let base = json!([policy(json!([by_key(json!({}))])), trust_root("own", json!({"sigstoreKeys": keys()}))]);
    let spec = |spec: Value, below: &str| (with(base.clone(), "/1/spec", spec), format!("/1/spec{below}"));
    let at = |pointer: &str, value: Value| {
        let pointer = format!("/1/spec/sigstoreKeys/{pointer}");
        (with(base.clone(), &pointer, value), pointer)
    };
    let without = |pointer: &str| {
        let (document, pointer) = at(pointer, Value::Null);
        (document, pointer.rsplit_once('/').unwrap().0.to_owned())
    };
    for (document, pointer) in [
        spec(json!({}), ""),
        spec(json!({"other": 1}), "/other"),
        spec(json!({"sigstoreKeys": keys(), "trustedRootJSON": "{}"}), ""),
        spec(json!({"trustedRootJSON": "{"}), "/trustedRootJSON"),
        spec(json!({"trustedRootJSON": "{\"a\": 1, \"a\": 2}"}), "/trustedRootJSON"),
        spec(json!({"sigstoreKeys": {"tLogs": [log()]}}), "/sigstoreKeys"),
        at("other", json!([])),
        at("tLogs/0/other", json!(1)),
        at("tLogs/0/publicKey", json!(PEM)),
        at("tLogs/0/publicKey", in_base64("no key")),
        at("ctLogs/0/publicKey", in_base64(&PEM.repeat(2))),
        without("tLogs/0/baseURL"),
        without("tLogs/0/hashAlgorithm"),
        at("certificateAuthorities/0/certChain", in_base64(PEM)),
        at("certificateAuthorities/0/certChain", in_base64("")),
        at("timestampAuthorities/0/certChain", json!("%")),
        without("certificateAuthorities/0/uri"),
        without("certificateAuthorities/0/subject"),
        without("certificateAuthorities/0/subject/commonName"),
        without("certificateAuthorities/0/subject/organization"),
        (json!([base[0], base[1], base[1]]), "/2/metadata/name".to_owned()),
    ] {
        check(&document, Code::PolicyInvalid, &pointer);
    }
    for (document, pointer) in [
        spec(json!({"remote": {"root": "", "mirror": "https://tuf.example"}}), "/remote"),
        spec(json!({"repository": {"root": "", "mirrorFS": "", "targets": "targets"}}), "/repository"),
        spec(json!({"remote": {}, "sigstoreKeys": keys()}), "/remote"),
        at("tLogs/0/hashAlgorithm", json!("sha-512")),
        at("ctLogs/0/logID", json!("ctfe")),
        at("ctLogs/0/publicKey", in_base64("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----")),
        (with(base.clone(), "/1/apiVersion", json!("policy.sigstore.dev/v1beta1")), "/1/apiVersion".to_owned()),
    ] {
        check(&document, Code::PolicyUnsupportedField, &pointer);
    }
    for (member, authority, below) in [
        ("tLogs", by_key(json!({"ctlog": {"trustRootRef": "own"}})), "/ctlog/trustRootRef"),
        ("timestampAuthorities", by_key(json!({"rfc3161timestamp": {"trustRootRef": "own"}})), "/rfc3161timestamp/trustRootRef"),
        ("certificateAuthorities", by_identity(json!({"trustRootRef": "own"}), json!({})), "/keyless/trustRootRef"),
    ] {
        let document = with(rooted(authority), &format!("/1/spec/sigstoreKeys/{member}"), json!([]));
        check(&document, Code::PolicyInvalid, &format!("/0{AUTHORITY}{below}"));
    }
}

#[test]
fn errors_about_the_native_form_point_at_the_policy() {
    let two = json!([by_key(json!({})), by_identity(json!({}), json!({}))]);
    let one = json!([by_identity(json!({}), json!({}))]);
    let attested = json!([attesting(by_key(json!({})), &["vuln"])]);
    let same = attesting(by_identity(json!({}), json!({})), &["vuln"]);
    for (authorities, native, source) in [
        (&two, "/rules/0/require/anyOf/0/cosign/key", "/spec/authorities/0/key"),
        (&two, "/rules/0/require/anyOf/1/cosign/keyless/identities/0", "/spec/authorities/1/keyless"),
        (&two, "/rules/0/require/anyOf/1/cosign/sct", "/spec/authorities/1"),
        (&two, "/rules/0/require/anyOf", "/spec/authorities"),
        (&one, "/rules/0/require/cosign/keyless", "/spec/authorities/0/keyless"),
        (&one, "/rules/0/require/cosign/stores/0", "/spec/authorities/0"),
        (&one, "/rules/0/images/0", "/spec/images"),
        (&one, "/rules/0/name", ""),
        (&one, "/stores/signatures-1/repository", "/spec/authorities/0"),
        (&attested, "/trust/key-1", "/spec/authorities/0/key/data"),
        (&attested, "/rules/0/attestations/0/predicateType", "/spec/authorities/0/attestations/0/predicateType"),
        (&attested, "/rules/0/attestations/0/name", "/spec/authorities/0/attestations/0"),
        (&attested, "/rules/0/attestations/0/require/cosign/key", "/spec/authorities/0/key"),
        (&json!([same, same]), "/rules/0/attestations/0/require/anyOf/1/cosign", "/spec/authorities/1"),
    ] {
        let imported = import(&policy(authorities.clone())).unwrap();
        assert_eq!(imported.blame_source(PolicyError::invalid(native, "wrong")).pointer, source, "{native}");
    }
}
