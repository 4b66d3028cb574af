use serde_json::{Value, json};
use verimage_core::policy::Lint;
use verimage_core::{Code, PolicyError};

use super::import as import_objects;
use crate::Imported;
use crate::objects::Objects;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8nXRh950IZbRj8Ra/N9sbqOPZrfM\n5/KAQN0/KjHcorm/J5yctVd7iEcnessRQjU917hmKO6JWVGHpDguIyakZA==\n-----END PUBLIC KEY-----\n";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
const ATTESTOR: &str = "/spec/attestors/0";
const LEAF: &str = "/rules/0/require/cosign";

fn import(document: &Value) -> Result<Imported, PolicyError> {
    Objects::of(document).and_then(|objects| import_objects(&objects))
}

fn expression(attestors: &str, comparison: &str) -> String {
    format!("images.containers.map(i, verifyImageSignatures(i, [{attestors}])).all(e, e {comparison})")
}

/// A policy with one attestor, called `a`.
fn policy(attestor: &Value) -> Value {
    let mut attestor = attestor.clone();
    attestor["name"] = "a".into();
    json!({
        "apiVersion": "policies.kyverno.io/v1alpha1", "kind": "ImageValidatingPolicy", "metadata": {"name": "demo"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]},
            ]},
            "matchImageReferences": [{"glob": "r.example/*"}],
            "attestors": [attestor],
            "validations": [{"expression": expression("attestors.a", "> 0"), "message": "unsigned"}],
        },
    })
}

fn key() -> Value {
    json!({"cosign": {"key": {"data": PEM}}})
}

fn cosign(members: Value) -> Value {
    let mut cosign = key();
    cosign["cosign"].as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    policy(&cosign)
}

fn keyless(identity: Value) -> Value {
    policy(&json!({"cosign": {"keyless": {"identities": [identity]}}}))
}

/// The document with another value at a pointer; the last name may be new.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}"));
    match parent.as_array_mut() {
        Some(list) => list[name.parse::<usize>().unwrap()] = value,
        None => parent[name] = value,
    }
    document
}

fn found(document: &Value, pointer: &str) -> Value {
    let native = serde_json::to_value(import(document).unwrap().policy).unwrap();
    native.pointer(pointer).cloned().unwrap_or_else(|| panic!("{pointer} is not in {native:#}"))
}

#[track_caller]
fn refused(document: &Value, code: Code, pointer: &str) {
    let error = import(document).unwrap_err();
    assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{error}");
}

#[test]
fn a_policy_is_a_rule_that_always_applies() {
    let native = serde_json::to_value(import(&policy(&key())).unwrap().policy).unwrap();
    let expected = json!({
        "apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": "allow",
        "trust": {"key-1": {"publicKey": {"pem": PEM}}},
        "rules": [{
            "name": "demo", "dialect": "imageValidatingPolicy", "images": ["r.example/*"], "apply": "always", "mode": "enforce",
            "subject": "index", "requireDigest": false, "requirePresent": false,
            "require": {"cosign": {"key": "key-1", "transparency": "required"}},
        }],
    });
    assert_eq!(native, expected);
}

#[test]
fn actions_and_settings_change_the_rule() {
    let spec = |member: &str, value: Value| with(policy(&key()), &format!("/spec/{member}"), value);
    for (actions, mode) in
        [(json!(["Deny"]), "enforce"), (json!(["Audit"]), "audit"), (json!(["Warn"]), "audit"), (json!(["Audit", "Deny"]), "enforce")]
    {
        assert_eq!(found(&spec("validationActions", actions), "/rules/0/mode"), mode);
    }
    for (settings, required) in [
        (json!({"mutateDigest": false}), true),
        (json!({"mutateDigest": false, "verifyDigest": false}), false),
        (json!({"verifyDigest": true, "required": true}), false),
    ] {
        assert_eq!(found(&spec("validationConfigurations", settings), "/rules/0/requireDigest"), required);
    }
    for (member, value) in [
        ("webhookConfiguration", json!({"timeoutSeconds": 30})),
        ("evaluation", json!({"background": {"enabled": false}, "admission": {"enabled": true}, "mode": "Kubernetes"})),
        ("autogen", json!({"podControllers": {"controllers": []}})),
        ("failurePolicy", json!("Fail")),
        ("auditAnnotations", json!([])),
    ] {
        assert!(import(&spec(member, value)).is_ok(), "{member}");
    }
}

#[test]
fn counts_become_nodes() {
    let several = |comparison: &str| {
        let attestors: Vec<Value> = ["a", "b", "c"].iter().map(|name| with(key(), "/name", json!(name))).collect();
        let document = with(policy(&key()), "/spec/attestors", attestors.into());
        let text = expression("attestors.a, attestors.b, attestors.c", comparison);
        with(document, "/spec/validations/0/expression", text.into())
    };
    for (comparison, node) in [("> 0", "anyOf"), (">= 1", "anyOf"), ("== 3", "allOf"), ("> 2", "allOf"), (">= 2", "threshold")] {
        let require = found(&several(comparison), "/rules/0/require");
        assert!(require.get(node).is_some(), "{comparison}: {require}");
    }
    assert_eq!(found(&several(">= 2"), "/rules/0/require/threshold/k"), 2);
    assert_eq!(found(&several(">= 2"), "/rules/0/require/threshold/distinct"), "entry");
    for comparison in ["== 2", ">= 0", "> 3", "< 1"] {
        refused(&several(comparison), Code::PolicyUnsupportedField, "/spec/validations/0/expression");
    }
}

#[test]
fn every_validation_counts() {
    let document = with(policy(&key()), "/spec/attestations", json!([{"name": "sbom", "intoto": {"type": "https://a.example/t"}}]));
    let second = "images.containers.all(i, verifyAttestationSignatures(i, attestations.sbom, [attestors.a]) > 0)";
    let text = [expression("attestors.a", "> 0"), second.to_owned()].map(|expression| json!({"expression": expression}));
    let both = with(document.clone(), "/spec/validations", json!(text));
    assert_eq!(found(&both, "/rules/0/require/cosign/key"), "key-1");
    let expected = json!([{"name": "sbom", "predicateType": "https://a.example/t", "statements": "any",
        "require": {"cosign": {"key": "key-1", "transparency": "required"}}}]);
    assert_eq!(found(&both, "/rules/0/attestations"), expected);
    refused(&document, Code::PolicyUnsupportedField, "/spec/attestations/0");
    let referrer = with(both.clone(), "/spec/attestations/0", json!({"name": "sbom", "referrer": {"type": "sbom/x"}}));
    refused(&referrer, Code::PolicyUnsupportedField, "/spec/attestations/0/referrer");
    let annotated = with(both.clone(), "/spec/attestors/0/cosign/annotations", json!({"a": "b"}));
    refused(&annotated, Code::PolicyUnsupportedField, "/spec/attestors/0/cosign/annotations");
    let notary = json!({"name": "a", "notary": {"certs": {"value": CERTIFICATE}}});
    refused(&with(both, "/spec/attestors/0", notary), Code::PolicyUnsupportedField, "/spec/attestors/0/notary");
}

#[test]
fn cosign_attestors_become_leaves() {
    for (document, field, value) in [
        (policy(&json!({"cosign": {"key": {"kms": "awskms:///a"}}})), "/trust/key-1/publicKey/ref", json!("awskms:///a")),
        (policy(&json!({"cosign": {"key": {"data": PEM, "hashAlgorithm": "sha512"}}})), "/trust/key-1/publicKey/hash", json!("sha512")),
        (cosign(json!({"annotations": {"stage": "production"}})), "/rules/0/require/cosign/annotations/stage", json!("production")),
        (cosign(json!({"source": {"repository": "r.example/s"}})), "/stores/signatures-1/repository", json!("r.example/s")),
        (cosign(json!({"source": {"repository": "r.example/s"}})), "/stores/signatures-1/type", json!("auto")),
        (cosign(json!({"source": {"tagPrefix": "x-"}})), "/stores/signatures-1/tagPrefix", json!("x-")),
        (cosign(json!({"source": {"tagPrefix": "x-"}})), "/rules/0/require/cosign/format", json!("simpleSigning")),
        (cosign(json!({"ctlog": {"url": "https://rekor.sigstore.dev"}})), "/rules/0/require/cosign/transparency", json!("required")),
        (cosign(json!({"ctlog": {"url": "u", "insecureIgnoreTlog": true}})), "/rules/0/require/cosign/transparency", json!("none")),
        (cosign(json!({"ctlog": {"url": "u", "rekorPubKey": PEM}})), "/rules/0/require/cosign/transparency/root", json!("log-1")),
        (
            cosign(json!({"ctlog": {"url": "https://rekor.sigstore.dev", "tsaCertChain": CERTIFICATE}})),
            "/rules/0/require/cosign/timestamp/tsa",
            json!("timestamps-1"),
        ),
        (keyless(json!({"issuer": "i", "subject": "s*"})), "/rules/0/require/cosign/keyless/identities/0/subject", json!("s*")),
        (
            keyless(json!({"issuerRegExp": "^i$", "subject": "s"})),
            "/rules/0/require/cosign/keyless/identities/0/issuerRegex",
            json!("(?s:.*)(?:^i$)(?s:.*)"),
        ),
    ] {
        assert_eq!(found(&document, field), value, "{document}");
    }
    let lenient = with(
        keyless(json!({"issuer": "i", "subject": "s"})),
        "/spec/attestors/0/cosign/ctlog",
        json!({"url": "https://rekor.sigstore.dev", "insecureIgnoreSCT": true}),
    );
    assert_eq!(found(&lenient, &format!("{LEAF}/sct")), "none");
}

#[test]
fn certificates_become_leaves() {
    let ignoring = json!({"url": "https://rekor.sigstore.dev", "insecureIgnoreSCT": true});
    let certificate = |members: Value| policy(&json!({"cosign": {"certificate": members, "ctlog": ignoring}}));
    let pem = json!({"value": CERTIFICATE});
    assert_eq!(found(&certificate(json!({"cert": pem})), &format!("{LEAF}/certificate")), json!({"leaf": "certificate-1"}));
    assert_eq!(
        found(&certificate(json!({"cert": pem, "certChain": pem})), &format!("{LEAF}/certificate")),
        json!({"leaf": "certificate-1", "chain": "certificate-1", "identity": "any"})
    );
    let own = json!({"identities": [{"issuer": "i", "subject": "s"}], "roots": CERTIFICATE});
    let own = policy(&json!({"cosign": {"keyless": own, "ctlog": ignoring}}));
    let expected = json!({"chain": "authority-1", "identity": [{"issuer": "i", "subject": "s"}]});
    assert_eq!(found(&own, &format!("{LEAF}/certificate")), expected);
    let strict = policy(&json!({"cosign": {"certificate": {"certChain": pem}}}));
    refused(&strict, Code::PolicyUnsupportedField, &format!("{ATTESTOR}/cosign"));
    refused(&certificate(json!({})), Code::PolicyInvalid, &format!("{ATTESTOR}/cosign/certificate"));
    let computed = certificate(json!({"cert": {"expression": "x"}}));
    refused(&computed, Code::PolicyUnsupportedField, &format!("{ATTESTOR}/cosign/certificate/cert/expression"));
}

#[test]
fn notary_attestors_become_leaves() {
    let notary = json!({"notary": {"certs": {"value": CERTIFICATE}, "tsaCerts": {"value": CERTIFICATE}}});
    let expected = json!({"stores": ["authority-1", "timestamps-1"], "identities": ["*"], "level": "strict"});
    assert_eq!(found(&policy(&notary), "/rules/0/require/notation"), expected);
}

#[test]
fn what_has_no_native_form_is_refused_where_it_stands() {
    let spec = |member: &str, value: Value| (with(policy(&key()), &format!("/spec/{member}"), value), format!("/spec/{member}"));
    let constraint = |member: &str| {
        let pointer = format!("/spec/matchConstraints/{member}");
        (with(policy(&key()), &pointer, json!({"matchLabels": {"a": "b"}})), pointer)
    };
    let below = |members: Value, place: &str| (cosign(members), format!("{ATTESTOR}/cosign{place}"));
    for (document, pointer) in [
        spec("credentials", json!({"secrets": ["a"]})),
        spec("images", json!([{"name": "x", "expression": "y"}])),
        spec("matchConditions", json!([{"name": "x", "expression": "y"}])),
        spec("variables", json!([{"name": "x", "expression": "y"}])),
        spec("failurePolicy", json!("Ignore")),
        constraint("namespaceSelector"),
        constraint("objectSelector"),
        constraint("excludeResourceRules"),
        (
            with(policy(&key()), "/spec/matchConstraints/resourceRules/0/resources", json!(["deployments"])),
            "/spec/matchConstraints".to_owned(),
        ),
        (with(policy(&key()), "/spec/matchConstraints/resourceRules/0/operations", json!(["DELETE"])), "/spec/matchConstraints".to_owned()),
        (
            with(policy(&key()), "/spec/matchConstraints/resourceRules/0/resourceNames", json!(["a"])),
            "/spec/matchConstraints/resourceRules/0/resourceNames".to_owned(),
        ),
        (with(policy(&key()), "/spec/evaluation", json!({"mode": "JSON"})), "/spec/evaluation/mode".to_owned()),
        (
            with(policy(&key()), "/spec/evaluation", json!({"admission": {"enabled": false}})),
            "/spec/evaluation/admission/enabled".to_owned(),
        ),
        (
            with(policy(&key()), "/spec/validationConfigurations", json!({"required": false})),
            "/spec/validationConfigurations/required".to_owned(),
        ),
        (
            with(policy(&key()), "/spec/matchImageReferences/0", json!({"expression": "true"})),
            "/spec/matchImageReferences/0/expression".to_owned(),
        ),
        (with(policy(&key()), "/spec/matchImageReferences/0/glob", json!("{a,b}")), "/spec/matchImageReferences/0/glob".to_owned()),
        (with(policy(&key()), "/spec/validations/0/expression", json!("true")), "/spec/validations/0/expression".to_owned()),
        (with(policy(&key()), "/kind", json!("ValidatingPolicy")), "/kind".to_owned()),
        below(json!({"tuf": {"mirror": "https://m.example"}}), "/tuf"),
        below(json!({"source": {"PullSecrets": [{"name": "a"}]}}), "/source/PullSecrets"),
        below(json!({"ctlog": {"url": "u"}}), "/ctlog"),
        below(json!({"ctlog": {"url": "u", "ctLogPubKey": PEM}}), "/ctlog/ctLogPubKey"),
        below(json!({"ctlog": {"url": "u", "rekorPubKey": PEM, "insecureIgnoreTlog": true}}), "/ctlog/rekorPubKey"),
        below(json!({"key": {"expression": "x"}}), "/key/expression"),
        below(json!({"key": {"kms": "somewhere"}}), "/key/kms"),
        below(json!({"key": {"data": PEM, "hashAlgorithm": "sha224"}}), "/key/hashAlgorithm"),
        (keyless(json!({"issuer": "i"})), format!("{ATTESTOR}/cosign/keyless/identities/0")),
        (keyless(json!({"issuer": "i", "subjectRegExp": "x)|(?:"})), format!("{ATTESTOR}/cosign/keyless/identities/0/subjectRegExp")),
        (
            keyless(json!({"issuer": "i", "issuerRegExp": "i", "subject": "s"})),
            format!("{ATTESTOR}/cosign/keyless/identities/0/issuerRegExp"),
        ),
    ] {
        refused(&document, Code::PolicyUnsupportedField, &pointer);
    }
}

#[test]
fn what_is_no_such_policy_is_invalid() {
    let both = json!({"cosign": {"key": {"data": PEM}, "keyless": {"identities": [{"issuer": "i", "subject": "s"}]}}});
    for (document, pointer) in [
        (with(policy(&key()), "/spec/other", json!(1)), "/spec/other"),
        (with(policy(&key()), "/spec/validations", json!([])), "/spec/validations"),
        (with(policy(&key()), "/spec/matchImageReferences", json!([])), "/spec/matchImageReferences"),
        (with(policy(&key()), "/spec/validationActions", json!(["Deny", "Warn"])), "/spec/validationActions"),
        (with(policy(&key()), "/spec/validationActions", json!(["Block"])), "/spec/validationActions/0"),
        (
            with(policy(&key()), "/spec/attestors", json!([with(key(), "/name", json!("a")), with(key(), "/name", json!("a"))])),
            "/spec/attestors/1/name",
        ),
        (policy(&both), "/spec/attestors/0/cosign"),
        (policy(&json!({"cosign": {}})), "/spec/attestors/0/cosign"),
        (policy(&json!({})), "/spec/attestors/0"),
        (cosign(json!({"key": {"data": PEM, "kms": "awskms:///a"}})), "/spec/attestors/0/cosign/key"),
        (cosign(json!({"key": {"data": format!("{PEM}{PEM}")}})), "/spec/attestors/0/cosign/key/data"),
        (cosign(json!({"ctlog": {"insecureIgnoreTlog": true}})), "/spec/attestors/0/cosign/ctlog"),
        (cosign(json!({"other": 1})), "/spec/attestors/0/cosign/other"),
    ] {
        refused(&document, Code::PolicyInvalid, pointer);
    }
    let undefined = with(policy(&key()), "/spec/validations/0/expression", json!(expression("attestors.b, attestors.a", "> 0")));
    refused(&undefined, Code::PolicyUndefinedName, "/spec/validations/0/expression");
}

#[test]
fn expressions_that_match_anywhere_are_remarked_upon() {
    let remarks = |identity: Value| import(&keyless(identity)).unwrap().remarks;
    let found = remarks(json!({"issuerRegExp": "i.example", "subjectRegExp": "^s$"}));
    let places: Vec<_> = found.iter().map(|remark| (remark.lint, remark.pointer.as_str())).collect();
    assert_eq!(places, [(Lint::UnanchoredRegex, "/spec/attestors/0/cosign/keyless/identities/0/issuerRegExp")]);
    assert_eq!(remarks(json!({"issuer": "i", "subject": "s"})), []);
}
