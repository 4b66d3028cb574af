use serde_json::{Value, json};
use verimage_core::{Code, PolicyError};

use super::import as import_objects;
use crate::Imported;
use crate::objects::Objects;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8nXRh950IZbRj8Ra/N9sbqOPZrfM\n5/KAQN0/KjHcorm/J5yctVd7iEcnessRQjU917hmKO6JWVGHpDguIyakZA==\n-----END PUBLIC KEY-----\n";
const OTHER_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
const ENTRY: &str = "/spec/rules/0/verifyImages/0";
const ATTESTOR: &str = "/spec/rules/0/verifyImages/0/attestors/0/entries/0";
const RULE: &str = "/rules/0";

fn import(document: &Value) -> Result<Imported, PolicyError> {
    Objects::of(document).and_then(|objects| import_objects(&objects))
}

/// A policy of one entry with these members.
fn policy(entry: Value) -> Value {
    json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "demo"},
        "spec": {"validationFailureAction": "Enforce", "rules": [{
            "name": "check", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "verifyImages": [entry],
        }]},
    })
}

fn key() -> Value {
    json!({"keys": {"publicKeys": PEM}})
}

fn entry(members: Value) -> Value {
    let mut entry = json!({"imageReferences": ["r.example/*"], "attestors": [{"entries": [key()]}]});
    entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    entry
}

fn attestor(attestor: Value) -> Value {
    policy(entry(json!({"attestors": [{"entries": [attestor]}]})))
}

fn keyless(members: Value) -> Value {
    let mut keyless = json!({"issuer": "https://issuer.example", "subject": "a@b.example", "rekor": {"url": "https://rekor.sigstore.dev"}});
    keyless.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    attestor(json!({"keyless": keyless}))
}

fn attested(members: Value) -> Value {
    let mut attestation = json!({"type": "https://a.example/t", "attestors": [{"entries": [key()]}]});
    attestation.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    policy(json!({"imageReferences": ["r.example/*"], "attestations": [attestation]}))
}

fn condition(key: &str, operator: &str, value: Value) -> Value {
    attested(json!({"conditions": [{"all": [{"key": key, "operator": operator, "value": value}]}]}))
}

/// The document with another value at a pointer; the last name may be new.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(list) => list[name.parse::<usize>().unwrap()] = value,
        None => parent[name] = value,
    }
    document
}

fn native(document: &Value) -> Value {
    serde_json::to_value(import(document).unwrap().policy).unwrap()
}

fn found(document: &Value, pointer: &str) -> Value {
    let native = native(document);
    native.pointer(pointer).cloned().unwrap_or_else(|| panic!("{pointer} is not in {native:#}"))
}

fn refused(document: &Value) -> PolicyError {
    import(document).unwrap_err()
}

#[test]
fn an_entry_is_a_rule_that_always_applies() {
    let native = native(&policy(entry(json!({"skipImageReferences": ["r.example/base*"]}))));
    let expected = json!({
        "apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": "allow",
        "trust": {"key-1": {"publicKey": {"pem": PEM}}},
        "stores": {"signatures-1": {"type": "tag"}},
        "rules": [{
            "name": "check", "dialect": "kyverno", "images": ["r.example/*"], "except": ["r.example/base*"], "apply": "always",
            "mode": "enforce", "subject": "index", "requireDigest": false, "requirePresent": false,
            "require": {"cosign": {"key": "key-1", "format": "simpleSigning", "transparency": "required", "stores": ["signatures-1"]}},
        }],
    });
    assert_eq!(native, expected);
}

#[test]
fn every_member_of_an_entry_counts() {
    let leaf = "/rules/0/require/cosign";
    for (members, pointer, expected) in [
        (json!({"imageReferences": ["a.example/*", "b.example/*"]}), "/images", json!(["a.example/*", "b.example/*"])),
        (json!({"failureAction": "Audit"}), "/mode", json!("audit")),
        (json!({"mutateDigest": false}), "/requireDigest", json!(true)),
        (json!({"mutateDigest": false, "verifyDigest": false}), "/requireDigest", json!(false)),
        (json!({"mutateDigest": true, "verifyDigest": true, "required": true, "useCache": false}), "/requireDigest", json!(false)),
        (json!({"type": "Cosign"}), "/require/cosign/format", json!("simpleSigning")),
        (json!({"type": "SigstoreBundle"}), "/require/cosign/format", json!("bundle")),
    ] {
        assert_eq!(found(&policy(entry(members.clone())), &format!("{RULE}{pointer}")), expected, "{members}");
    }
    let placed = policy(entry(json!({"repository": "s.example/signatures"})));
    assert_eq!(found(&placed, "/stores/signatures-1"), json!({"type": "tag", "repository": "s.example/signatures"}));
    let referred = policy(entry(json!({"cosignOCI11": true})));
    assert_eq!(found(&referred, "/stores/signatures-1"), json!({"type": "auto"}));
    assert!(native(&policy(entry(json!({"type": "SigstoreBundle"})))).pointer(&format!("{leaf}/stores")).is_none());
    let old = policy(json!({"image": "r.example/*", "key": PEM}));
    assert_eq!((found(&old, "/rules/0/images"), found(&old, &format!("{leaf}/key"))), (json!(["r.example/*"]), json!("key-1")));
}

#[test]
fn every_member_of_a_policy_counts() {
    let base = policy(entry(json!({})));
    for (action, mode) in [("Audit", "audit"), ("audit", "audit"), ("enforce", "enforce")] {
        assert_eq!(found(&with(base.clone(), "/spec/validationFailureAction", json!(action)), "/rules/0/mode"), mode);
    }
    assert_eq!(found(&with(base.clone(), "/spec/validationFailureAction", Value::Null), "/rules/0/mode"), "audit");
    let two = with(base.clone(), "/spec/rules/0/verifyImages", json!([entry(json!({})), entry(json!({}))]));
    assert_eq!((found(&two, "/rules/0/name"), found(&two, "/rules/1/name")), (json!("check#0"), json!("check#1")));
    for same in [
        with(base.clone(), "/spec/background", json!(false)),
        with(base.clone(), "/spec/webhookTimeoutSeconds", json!(30)),
        with(base.clone(), "/spec/failurePolicy", json!("Fail")),
        with(base.clone(), "/spec/applyRules", json!("All")),
        with(base.clone(), "/spec/admission", json!(true)),
        with(base.clone(), "/spec/rules/0/match", json!({"resources": {"kinds": ["v1/Pod", "Deployment"]}})),
        with(base.clone(), "/spec/rules/0/match", json!({"all": [{"resources": {"kinds": ["*"]}}]})),
        with(base.clone(), "/spec/rules/0/exclude", json!({})),
        with(base.clone(), "/kind", json!("Policy")),
        with(base.clone(), "/apiVersion", json!("kyverno.io/v2beta1")),
    ] {
        assert_eq!(native(&same), native(&base));
    }
}

#[test]
fn lists_of_attestors_are_trees() {
    let leaf =
        |name: &str| json!({"cosign": {"key": name, "format": "simpleSigning", "transparency": "required", "stores": ["signatures-1"]}});
    let [one, two, three] = ["key-1", "key-2", "key-3"].map(leaf);
    let keys = |text: &str| json!({"keys": {"publicKeys": text}});
    let both = format!("{PEM}{OTHER_PEM}");
    let third = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    for (attestors, expected) in [
        (json!([{"entries": [keys(PEM)]}, {"entries": [keys(OTHER_PEM)]}]), json!({"allOf": [one, two]})),
        (json!([{"entries": [keys(PEM), keys(OTHER_PEM)]}]), json!({"allOf": [one, two]})),
        (json!([{"count": 1, "entries": [keys(PEM), keys(OTHER_PEM)]}]), json!({"anyOf": [one, two]})),
        (json!([{"count": 2, "entries": [keys(PEM), keys(OTHER_PEM)]}]), json!({"allOf": [one, two]})),
        (json!([{"count": 1, "entries": [keys(&both)]}]), json!({"anyOf": [one, two]})),
        (json!([{"entries": [keys(&both)]}]), json!({"allOf": [one, two]})),
        (
            json!([{"count": 2, "entries": [keys(&both), keys(third)]}]),
            json!({"threshold": {"k": 2, "distinct": "entry", "of": [one, two, three]}}),
        ),
        (
            json!([{"count": 1, "entries": [keys(PEM), {"attestor": {"entries": [keys(&both)]}}]}]),
            json!({"anyOf": [one, {"allOf": [one, two]}]}),
        ),
    ] {
        assert_eq!(found(&policy(entry(json!({"attestors": attestors}))), "/rules/0/require"), expected, "{attestors}");
    }
}

#[test]
fn every_member_of_a_key_counts() {
    let trust = |keys: Value| found(&attestor(json!({"keys": keys})), "/trust/key-1/publicKey");
    assert_eq!(trust(json!({"publicKeys": "k8s://ns/name"})), json!({"ref": "k8s://ns/name"}));
    assert_eq!(trust(json!({"secret": {"namespace": "ns", "name": "name"}})), json!({"ref": "k8s://ns/name"}));
    assert_eq!(trust(json!({"kms": "awskms:///alias/release"})), json!({"ref": "awskms:///alias/release"}));
    for hash in ["sha256", "sha384", "sha512"] {
        assert_eq!(trust(json!({"publicKeys": PEM, "signatureAlgorithm": hash})), json!({"pem": PEM, "hash": hash}));
    }
    let leaf = |document: &Value| found(document, "/rules/0/require/cosign");
    let ignored = leaf(&attestor(json!({"keys": {"publicKeys": PEM, "rekor": {"ignoreTlog": true}, "ctlog": {"ignoreSCT": true}}})));
    assert_eq!((&ignored["transparency"], ignored.get("sct")), (&json!("none"), None));
    let stamped = leaf(&attestor(json!({"keys": {"publicKeys": PEM, "ctlog": {"tsaCertChain": "chain"}}})));
    assert_eq!(stamped["timestamp"], json!({"tsa": "timestamps-1"}));
    let noted = leaf(&attestor(json!({"keys": {"publicKeys": PEM}, "annotations": {"a": "b"}, "repository": "s.example/own"})));
    assert_eq!(noted["annotations"], json!({"a": "b"}));
    let own = policy(entry(
        json!({"repository": "s.example/all", "attestors": [{"entries": [{"keys": {"publicKeys": PEM}, "repository": "s.example/own"}]}]}),
    ));
    assert_eq!(found(&own, "/stores"), json!({"signatures-1": {"type": "tag", "repository": "s.example/own"}}));
}

#[test]
fn a_log_of_ones_own_is_a_trusted_root() {
    let document = attestor(json!({"keys": {"publicKeys": PEM, "rekor": {"url": "https://log.example/", "pubkey": PEM}}}));
    assert_eq!(found(&document, "/rules/0/require/cosign/transparency"), json!({"root": "log-1"}));
    let root: Value = serde_json::from_str(found(&document, "/trust/log-1/trustedRoot/json").as_str().unwrap()).unwrap();
    assert_eq!(
        (&root["tlogs"][0]["baseUrl"], &root["tlogs"][0]["publicKey"]["keyDetails"]),
        (&json!("https://log.example"), &json!("PKIX_ECDSA_P256_SHA_256"))
    );
}

#[test]
fn every_member_of_a_keyless_attestor_counts() {
    let identity = |members: Value| found(&keyless(members), "/rules/0/require/cosign/keyless/identities/0");
    assert_eq!(identity(json!({})), json!({"issuer": "https://issuer.example", "subject": "a@b.example"}));
    assert_eq!(
        identity(json!({"subject": "*@b.example", "issuer": "https://i?"})),
        json!({"issuerGlob": "https://i?", "subjectGlob": "*@b.example"})
    );
    let expressions = json!({"subject": null, "issuer": null, "subjectRegExp": "^a|b$", "issuerRegExp": "i"});
    assert_eq!(identity(expressions), json!({"issuerRegex": "(?s:.*)(?:i)(?s:.*)", "subjectRegex": "(?s:.*)(?:^a|b$)(?s:.*)"}));
    let escaping = keyless(json!({"subject": null, "subjectRegExp": "x)|(?:"}));
    assert!(refused(&escaping).pointer.ends_with("/keyless/subjectRegExp"));
    let extensions = json!({"additionalExtensions": {"githubWorkflowRef": "refs/tags/*", "githubWorkflowTrigger": "push"}});
    assert_eq!(identity(extensions)["extensions"], json!({"githubWorkflowRef": {"glob": "refs/tags/*"}, "githubWorkflowTrigger": "push"}));
    let leaf = |members: Value| found(&keyless(members), "/rules/0/require/cosign");
    assert_eq!(leaf(json!({"rekor": {"ignoreTlog": true}}))["transparency"], json!("none"));
    assert_eq!(leaf(json!({"ctlog": {"ignoreSCT": true}}))["sct"], json!("none"));
    let own = leaf(json!({"roots": "pem", "ctlog": {"ignoreSCT": true}}));
    assert_eq!(
        own["certificate"],
        json!({"chain": "authority-1", "identity": [{"issuer": "https://issuer.example", "subject": "a@b.example"}]})
    );
}

#[test]
fn certificates_pin_or_certify() {
    let certificate = |members: Value| found(&attestor(json!({"certificates": members})), "/rules/0/require/cosign/certificate");
    let without = json!({"ignoreSCT": true});
    assert_eq!(certificate(json!({"cert": "pem"})), json!({"leaf": "certificate-1"}));
    assert_eq!(certificate(json!({"certChain": "pem", "ctlog": without})), json!({"chain": "authority-1", "identity": "any"}));
    let both = json!({"cert": "leaf", "certChain": "chain", "ctlog": without});
    assert_eq!(certificate(both), json!({"leaf": "certificate-1", "chain": "authority-1", "identity": "any"}));
    let notary =
        policy(entry(json!({"type": "Notary", "attestors": [{"entries": [{"certificates": {"cert": "one", "certChain": "two"}}]}]})));
    assert_eq!(
        found(&notary, "/rules/0/require"),
        json!({"notation": {"stores": ["authority-1"], "identities": ["*"], "level": "strict"}})
    );
    assert_eq!(found(&notary, "/trust/authority-1/x509"), json!({"pem": "one\ntwo\n", "type": "ca"}));
}

#[test]
fn attestations_keep_their_conditions() {
    let conditions = |document: &Value| found(document, "/rules/0/attestations/0/conditions");
    let named = attested(json!({"name": "scan"}));
    assert_eq!(found(&named, "/rules/0/attestations/0/name"), "scan");
    assert_eq!(found(&attested(json!({})), "/rules/0/attestations/0/statements"), "all");
    let text = |path: &str| json!({"path": path, "op": "matches", "value": "(?s:.*)"});
    for (key, operator, value, expected) in [
        ("{{ builder.id }}", "Equals", json!("x"), json!({"path": "/builder/id", "op": "eq", "value": "x"})),
        ("{{a[0].\"b/c\"}}", "Equal", json!(true), json!({"path": "/a/0/b~1c", "op": "eq", "value": true})),
        ("{{ a }}", "Equals", json!("v1.*"), json!({"path": "/a", "op": "matches", "value": "v1\\.(?s:.*)"})),
        ("{{ a }}", "NotEquals", json!("x"), json!({"all": [text("/a"), {"path": "/a", "op": "ne", "value": "x"}]})),
        ("{{ a }}", "NotEquals", json!(true), json!({"path": "/a", "op": "eq", "value": false})),
        ("{{ a }}", "AnyIn", json!(["x", 1]), json!({"path": "/a", "op": "in", "value": ["x", 1]})),
        ("{{ a }}", "AnyNotIn", json!(["x"]), json!({"all": [text("/a"), {"path": "/a", "op": "notIn", "value": ["x"]}]})),
        ("{{ a }}", "GreaterThan", json!(7), json!({"path": "/a", "op": "gt", "value": 7})),
        ("{{ a }}", "LessThanOrEquals", json!(7.5), json!({"path": "/a", "op": "le", "value": 7.5})),
    ] {
        assert_eq!(conditions(&condition(key, operator, value)), expected, "{key} {operator}");
    }
    let one = |value: u8| json!({"key": "{{ a }}", "operator": "Equals", "value": value, "message": "m"});
    let eq = |value: u8| json!({"path": "/a", "op": "eq", "value": value});
    let both = attested(json!({"conditions": [{"all": [one(1), one(2)], "any": [one(3)]}, {"any": [one(4)]}]}));
    assert_eq!(conditions(&both), json!({"all": [{"all": [{"all": [eq(1), eq(2)]}, {"any": [eq(3)]}]}, {"any": [eq(4)]}]}));
}

#[test]
fn what_has_no_native_form_is_refused_where_it_stands() {
    let base = policy(entry(json!({})));
    let keys = json!([{"resources": {"kinds": ["Pod"]}}]);
    let spec = |pointer: &str, value: Value| (with(base.clone(), pointer, value), pointer.to_owned());
    let inside = |member: &str, value: Value| (policy(entry(json!({member: value}))), format!("{ENTRY}/{member}"));
    let below = |document: Value, pointer: &str| (document, pointer.to_owned());
    for (document, pointer) in [
        spec("/apiVersion", json!("kyverno.io/v9")),
        spec("/spec/validationFailureActionOverrides", json!([{"action": "Audit", "namespaces": ["a"]}])),
        spec("/spec/failurePolicy", json!("Ignore")),
        spec("/spec/applyRules", json!("One")),
        spec("/spec/admission", json!(false)),
        below(
            with(base.clone(), "/spec/webhookConfiguration", json!({"matchConditions": [{"name": "a"}]})),
            "/spec/webhookConfiguration/matchConditions",
        ),
        below(
            with(base.clone(), "/spec/webhookConfiguration", json!({"failurePolicy": "Ignore"})),
            "/spec/webhookConfiguration/failurePolicy",
        ),
        spec("/spec/rules/0/exclude", json!({"any": keys})),
        below(
            with(base.clone(), "/spec/rules/0/context", json!([{"name": "a", "apiCall": {"urlPath": "/"}}])),
            "/spec/rules/0/context/0/apiCall",
        ),
        spec("/spec/rules/0/preconditions", json!({"all": [1]})),
        spec("/spec/rules/0/celPreconditions", json!([1])),
        spec("/spec/rules/0/imageExtractors", json!({"TaskRun": [1]})),
        spec("/spec/rules/0/validate", json!({"message": "m"})),
        spec("/spec/rules/0/mutate", json!({"a": 1})),
        spec("/spec/rules/0/generate", json!({"a": 1})),
        spec("/spec/rules/0/match", json!({"any": [{"resources": {"kinds": ["Deployment"]}}]})),
        below(with(base.clone(), "/spec/rules/0/match/any/0/subjects", json!([1])), "/spec/rules/0/match/any/0/subjects"),
        below(
            with(base.clone(), "/spec/rules/0/match/any/0/resources/namespaces", json!(["a"])),
            "/spec/rules/0/match/any/0/resources/namespaces",
        ),
        inside("required", json!(false)),
        inside("imageRegistryCredentials", json!({"secrets": ["a"]})),
        inside("validate", json!({"message": "m"})),
        inside("issuer", json!("a")),
        inside("subject", json!("a")),
        inside("roots", json!("a")),
        inside("annotations", json!({"a": "b"})),
        inside("additionalExtensions", json!({"a": "b"})),
        below(policy(json!({"imageReferences": ["r.example/*"]})), ENTRY),
        below(policy(entry(json!({"imageReferences": ["hashicorp/vault*"]}))), &format!("{ENTRY}/imageReferences/0")),
        below(policy(entry(json!({"imageReferences": ["{{ a }}"]}))), &format!("{ENTRY}/imageReferences/0")),
    ] {
        check(&document, Code::PolicyUnsupportedField, &pointer);
    }
}

fn check(document: &Value, code: Code, pointer: &str) {
    let error = refused(document);
    assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{error}");
    assert!(code == Code::PolicyInvalid || error.hint.is_some(), "{error}");
}

#[test]
fn attestors_without_native_form_are_refused_where_they_stand() {
    let log = |rekor: Value| attestor(json!({"keys": {"publicKeys": PEM, "rekor": rekor}}));
    let at = |document: Value, below: &str| (document, format!("{ATTESTOR}{below}"));
    let rsa = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----";
    for (document, pointer) in [
        at(attestor(json!({"keys": {"publicKeys": "{{ keys.data.production }}"}})), "/keys/publicKeys"),
        at(attestor(json!({"keys": {"publicKeys": "https://keys.example/a.pub"}})), "/keys/publicKeys"),
        at(attestor(json!({"keys": {"kms": "a"}})), "/keys/kms"),
        at(attestor(json!({"keys": {"publicKeys": PEM, "signatureAlgorithm": "sha224"}})), "/keys/signatureAlgorithm"),
        at(attestor(json!({"keys": {"publicKeys": PEM, "ctlog": {"pubkey": PEM}}})), "/keys/ctlog/pubkey"),
        at(log(json!({"url": "https://log.example"})), "/keys/rekor"),
        at(log(json!({"ignoreTlog": true, "pubkey": PEM})), "/keys/rekor/pubkey"),
        at(log(json!({"pubkey": rsa})), "/keys/rekor/pubkey"),
        at(keyless(json!({"subject": null})), "/keyless"),
        at(keyless(json!({"issuer": null})), "/keyless"),
        at(keyless(json!({"subjectRegExp": "a"})), "/keyless/subjectRegExp"),
        at(keyless(json!({"additionalExtensions": {"oidcIssuer": "a"}})), "/keyless/additionalExtensions/oidcIssuer"),
        at(keyless(json!({"ctlog": {"pubkey": PEM}})), "/keyless/ctlog/pubkey"),
        at(keyless(json!({"roots": "pem"})), "/keyless"),
        at(attestor(json!({"certificates": {"certChain": "pem"}})), "/certificates"),
        at(attestor(json!({"attestor": {"entries": [key()]}, "annotations": {"a": "b"}})), "/annotations"),
        at(attestor(json!({"attestor": {"entries": [key()]}, "repository": "s.example/a"})), "/repository"),
    ] {
        check(&document, Code::PolicyUnsupportedField, &pointer);
    }
}

/// Members that Kyverno reads for one type of signatures and passes over for another.
#[test]
fn what_the_source_never_enforces_is_refused() {
    let typed = |kind: &str, attestor: Value| policy(entry(json!({"type": kind, "attestors": [{"entries": [attestor]}]})));
    let notary = |members: Value| typed("Notary", members);
    let bundle = |members: Value| typed("SigstoreBundle", members);
    let certificates = json!({"cert": "pem"});
    let keyless = |member: &str, value: Value| json!({"keyless": {"issuer": "i", "subject": "s", "rekor": {}, member: value}});
    for (document, below) in [
        (notary(json!({"certificates": certificates, "annotations": {"a": "b"}})), "/annotations"),
        (notary(json!({"certificates": certificates, "repository": "s.example/a"})), "/repository"),
        (notary(json!({"certificates": {"cert": "pem", "rekor": {"url": "u"}}})), "/certificates/rekor"),
        (notary(json!({"certificates": {"cert": "pem", "ctlog": {"ignoreSCT": true}}})), "/certificates/ctlog"),
        (bundle(json!({"certificates": certificates})), "/certificates"),
        (bundle(json!({"keys": {"publicKeys": PEM}, "annotations": {"a": "b"}})), "/annotations"),
        (bundle(json!({"keys": {"publicKeys": PEM}, "repository": "s.example/a"})), "/repository"),
        (bundle(json!({"keys": {"publicKeys": PEM, "rekor": {"pubkey": PEM}}})), "/keys/rekor/pubkey"),
        (bundle(keyless("roots", json!("pem"))), "/keyless/roots"),
        (bundle(keyless("additionalExtensions", json!({"githubWorkflowRef": "a"}))), "/keyless/additionalExtensions"),
        (bundle(keyless("ctlog", json!({"pubkey": PEM}))), "/keyless/ctlog/pubkey"),
        (bundle(keyless("ctlog", json!({"tsaCertChain": "pem"}))), "/keyless/ctlog/tsaCertChain"),
    ] {
        check(&document, Code::PolicyUnsupportedField, &format!("{ATTESTOR}{below}"));
    }
    for kind in ["Notary", "SigstoreBundle"] {
        check(
            &policy(entry(json!({"type": kind, "repository": "s.example/a"}))),
            Code::PolicyUnsupportedField,
            &format!("{ENTRY}/repository"),
        );
    }
}

#[test]
fn attestations_without_native_form_are_refused_where_they_stand() {
    let at = |document: Value, below: &str| (document, format!("{ENTRY}/attestations{below}"));
    let of = |key: &str, operator: &str, value: Value, member: &str| {
        at(condition(key, operator, value), &format!("/0/conditions/0/all/0/{member}"))
    };
    let notary =
        json!({"type": "Notary", "attestors": [{"entries": [{"certificates": {"cert": "pem"}}]}], "attestations": [{"type": "a/b"}]});
    for (document, pointer) in [
        at(policy(entry(notary)), ""),
        at(attested(json!({"attestors": []})), "/0"),
        at(attested(json!({"type": "vuln"})), "/0/type"),
        at(
            attested(json!({"attestors": [{"entries": [{"keys": {"publicKeys": PEM}, "annotations": {"a": "b"}}]}]})),
            "/0/attestors/0/entries/0/annotations",
        ),
        of("{{ time_since('','{{a}}','') }}", "Equals", json!("x"), "key"),
        of("{{ a[?b=='c'].d || 'none' }}", "Equals", json!("x"), "key"),
        of("{{ a | length(@) }}", "Equals", json!(0), "key"),
        of("{{ request.operation }}", "Equals", json!("CREATE"), "key"),
        of("{{ a[] }}", "Equals", json!("x"), "key"),
        of("{{ a[-1] }}", "Equals", json!("x"), "key"),
        of("{{ [0] }}", "Equals", json!("x"), "key"),
        of("{{ a. }}", "Equals", json!("x"), "key"),
        of("{{ a }}{{ b }}", "Equals", json!("x"), "key"),
        of("a", "Equals", json!("x"), "key"),
        of("{{ a }}", "Equals", json!("{{ b }}"), "value"),
        of("{{ a }}", "Equals", json!(["x"]), "value"),
        of("{{ a }}", "NotEquals", json!("x*"), "value"),
        of("{{ a }}", "NotEquals", json!("10h"), "value"),
        of("{{ a }}", "NotEquals", json!(1), "value"),
        of("{{ a }}", "In", json!("1-5"), "value"),
        at(condition("{{ a }}", "AnyIn", json!(["x*"])), "/0/conditions/0/all/0/value/0"),
        of("{{ a }}", "LessThan", json!("10h"), "value"),
        of("{{ a }}", "DurationLessThan", json!("10h"), "operator"),
    ] {
        check(&document, Code::PolicyUnsupportedField, &pointer);
    }
}

#[test]
fn what_kyverno_refuses_is_malformed() {
    let base = policy(entry(json!({})));
    let spec = |pointer: &str, value: Value| (with(base.clone(), pointer, value), pointer.to_owned());
    let at = |document: Value, below: &str| (document, format!("{ATTESTOR}{below}"));
    let notary = |attestor: Value| policy(entry(json!({"type": "Notary", "attestors": [{"entries": [attestor]}]})));
    let attestation = |document: Value, below: &str| (document, format!("{ENTRY}/attestations/0{below}"));
    for (document, pointer) in [
        spec("/other", json!(1)),
        spec("/spec/other", json!(1)),
        spec("/spec/rules", json!([])),
        spec("/spec/rules/0/other", json!(1)),
        (with(base.clone(), "/spec/rules/0/name", Value::Null), "/spec/rules/0".to_owned()),
        spec("/spec/rules/0/match/other", json!(1)),
        (with(base.clone(), "/spec/rules/0/match/all", json!([])), "/spec/rules/0/match".to_owned()),
        spec("/spec/rules/0/verifyImages/0/other", json!(1)),
        spec("/spec/rules/0/verifyImages/0/type", json!("Gpg")),
        spec("/spec/rules/0/verifyImages/0/failureAction", json!("Warn")),
        spec("/spec/rules/0/verifyImages/0/imageReferences", json!([])),
        spec("/spec/rules/0/verifyImages/0/image", json!("r.example/*")),
        spec("/spec/rules/0/verifyImages/0/key", json!(PEM)),
        spec("/spec/rules/0/verifyImages/0/mutateDigest", json!("yes")),
        spec("/spec/rules/0/verifyImages/0/attestors/0/count", json!(2)),
        spec("/spec/rules/0/verifyImages/0/attestors/0/count", json!(0)),
        spec("/spec/rules/0/verifyImages/0/attestors/0/entries", json!([])),
        at(attestor(json!({})), ""),
        at(attestor(json!({"keys": {"publicKeys": PEM}, "keyless": {}})), ""),
        at(attestor(json!({"keys": {}})), "/keys"),
        at(attestor(json!({"keys": {"publicKeys": PEM, "kms": "awskms:///a"}})), "/keys"),
        at(attestor(json!({"keys": {"publicKeys": format!("{PEM}x")}})), "/keys/publicKeys"),
        at(attestor(json!({"keys": {"publicKeys": PEM, "signatureAlgorithm": "md5"}})), "/keys/signatureAlgorithm"),
        at(attestor(json!({"keys": {"secret": {"name": "a"}}})), "/keys/secret"),
        at(attestor(json!({"keys": {"publicKeys": PEM, "rekor": {"other": 1}}})), "/keys/rekor/other"),
        at(keyless(json!({"rekor": null})), "/keyless"),
        at(keyless(json!({"subject": null, "subjectRegExp": "a)|(b"})), "/keyless/subjectRegExp"),
        at(keyless(json!({"issuer": null, "issuerRegExp": "("})), "/keyless/issuerRegExp"),
        at(attestor(json!({"certificates": {}})), "/certificates"),
        at(notary(json!({"keys": {"publicKeys": PEM}})), "/keys"),
        at(notary(json!({"certificates": {}})), "/certificates"),
        attestation(attested(json!({"type": null})), ""),
        attestation(attested(json!({"predicateType": "a/b"})), "/predicateType"),
        attestation(attested(json!({"conditions": [{}]})), "/conditions/0"),
        attestation(condition("{{ a }}", "Like", json!(1)), "/conditions/0/all/0/operator"),
    ] {
        check(&document, Code::PolicyInvalid, &pointer);
    }
}

#[test]
fn keys_come_from_secrets_of_the_same_file() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "security"},
        "stringData": {"cosign.pub": PEM}});
    for keys in [
        json!({"publicKeys": "k8s://security/keys"}),
        json!({"secret": {"name": "keys", "namespace": "security"}, "signatureAlgorithm": "sha512"}),
    ] {
        let policy = attestor(json!({"keys": keys}));
        let anchor = found(&json!([policy, secret]), "/trust/key-1/publicKey");
        assert_eq!(anchor["pem"], PEM);
        assert_eq!(anchor.get("hash"), keys.get("signatureAlgorithm"));
        let elsewhere = with(secret.clone(), "/metadata/namespace", json!("other"));
        assert_eq!(found(&json!([policy, elsewhere]), "/trust/key-1/publicKey/ref"), json!("k8s://security/keys"));
        let wrong = with(secret.clone(), "/stringData", json!({"cosign.key": PEM}));
        assert_eq!(refused(&json!([policy, wrong])).pointer, "/1");
        let wrong = with(secret.clone(), "/stringData/cosign.pub", json!("no key"));
        assert_eq!(refused(&json!([policy, wrong])).pointer, "/1/stringData/cosign.pub");
    }
}

#[test]
fn config_maps_of_the_same_file_fill_in_variables() {
    let context = json!([{"name": "keys", "configMap": {"name": "team", "namespace": "security"}}]);
    let policy = |text: &str| with(attestor(json!({"keys": {"publicKeys": text}})), "/spec/rules/0/context", context.clone());
    let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "team"},
        "data": {"production": PEM, "a.pub": OTHER_PEM, "again": "{{ keys.data.production }}"}});
    let pem = |text: &str| found(&json!([config_map, policy(text)]), "/trust/key-1/publicKey/pem");
    assert_eq!(pem("{{ keys.data.production }}"), json!(PEM));
    assert_eq!(pem("{{keys.data.\"a.pub\"}}"), json!(OTHER_PEM));
    assert_eq!(
        found(&json!([config_map, policy("{{ keys.data.production }}\n{{ keys.data.\"a.pub\" }}")]), "/trust/key-2/publicKey/pem"),
        OTHER_PEM
    );
    for text in [
        "{{ keys.data.missing }}",
        "{{ other.data.production }}",
        "{{ keys.data.production",
        "{{ keys.data.again }}",
        "{{ keys.data.a.pub }}",
    ] {
        let error = refused(&json!([config_map, policy(text)]));
        assert_eq!(
            (error.code, error.pointer.as_str()),
            (Code::PolicyUnsupportedField, "/1/spec/rules/0/verifyImages/0/attestors/0/entries/0/keys/publicKeys"),
            "{text}"
        );
    }
    let without = refused(&policy("{{ keys.data.production }}"));
    assert_eq!((without.code, without.pointer.as_str()), (Code::PolicyUnsupportedField, "/spec/rules/0/context/0/configMap"));
}

#[test]
fn several_policies_are_one() {
    let other = with(with(policy(entry(json!({}))), "/metadata/name", json!("other")), "/spec/validationFailureAction", json!("Audit"));
    let both = json!({"apiVersion": "v1", "kind": "List", "items": [policy(entry(json!({}))), other]});
    for (rule, name, mode) in [(0, "demo/check", "enforce"), (1, "other/check", "audit")] {
        assert_eq!(found(&both, &format!("/rules/{rule}/name")), name);
        assert_eq!(found(&both, &format!("/rules/{rule}/mode")), mode);
    }
    let broken = with(both, "/items/1/spec/rules/0/verifyImages/0/imageReferences", json!([]));
    assert_eq!(refused(&broken).pointer, "/items/1/spec/rules/0/verifyImages/0/imageReferences");
}
