use serde_json::{Value, json};
use verimage_core::{Code, PolicyError};

use super::import as import_objects;
use crate::Imported;
use crate::objects::Objects;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8nXRh950IZbRj8Ra/N9sbqOPZrfM\n5/KAQN0/KjHcorm/J5yctVd7iEcnessRQjU917hmKO6JWVGHpDguIyakZA==\n-----END PUBLIC KEY-----\n";
const OTHER_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
const OTHER_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMBBB\n-----END CERTIFICATE-----\n";
const VALIDATOR: &str = "/application/validators/0";
const WITH: &str = "/application/policy/0/with";

fn import(document: &Value) -> Result<Imported, PolicyError> {
    Objects::of(document).and_then(|objects| import_objects(&objects))
}

/// A configuration of one rule with these options, for a validator with these members.
fn configuration(validator: &Value, with: &Value) -> Value {
    let mut own = json!({"name": "v"});
    own.as_object_mut().unwrap().extend(validator.as_object().unwrap().clone());
    let rule = json!({"pattern": "r.example/*", "validator": "v", "with": with});
    json!({"application": {"validators": [own], "policy": [rule]}})
}

/// A cosign validator of three trust roots.
fn cosign(members: &Value, with: &Value) -> Value {
    let third = PEM.replace("8nXR", "9nXR");
    let roots = json!([{"name": "default", "key": PEM}, {"name": "b", "key": OTHER_PEM}, {"name": "c", "key": third}]);
    let mut validator = json!({"type": "cosign", "trustRoots": roots});
    validator.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    configuration(&validator, with)
}

fn keyless(keyless: &Value, host: &Value, with: &Value) -> Value {
    cosign(&json!({"host": host, "trustRoots": [{"name": "default", "keyless": keyless}]}), with)
}

fn notary(members: &Value, with: &Value) -> Value {
    let roots = json!([{"name": "default", "key": PEM}, {"name": "b", "key": OTHER_PEM}]);
    let mut validator = json!({"type": "notaryv1", "trustRoots": roots});
    validator.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    configuration(&validator, with)
}

fn notation(members: &Value, with: &Value) -> Value {
    let roots = json!([{"name": "default", "cert": CERTIFICATE}, {"name": "b", "cert": OTHER_CERTIFICATE, "tsCert": CERTIFICATE}]);
    let mut validator = json!({"type": "notation", "trustRoots": roots});
    validator.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    configuration(&validator, with)
}

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

fn refused(document: &Value) -> (Code, String) {
    let error = import(document).unwrap_err();
    assert!(!error.message.is_empty());
    (error.code, error.pointer)
}

fn leaf(name: &str) -> Value {
    json!({"cosign": {"key": name, "transparency": "required", "format": "simpleSigning", "stores": ["signatures-1"]}})
}

#[test]
fn a_rule_is_a_rule() {
    let expected = json!({
        "apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": "deny",
        "trust": {"key-1": {"publicKey": {"pem": PEM}}},
        "stores": {"signatures-1": {"type": "tag"}},
        "rules": [{
            "name": "r.example/*", "dialect": "connaisseur", "images": ["r.example/*"], "apply": "select", "mode": "enforce",
            "subject": "index", "requireDigest": false, "requirePresent": false, "require": leaf("key-1"),
        }],
    });
    assert_eq!(native(&cosign(&json!({}), &json!({}))), expected);
}

#[test]
fn both_shapes_and_spellings_are_one() {
    let helm = notary(&json!({}), &json!({"trustRoot": "b"}));
    let application = helm["application"].clone();
    let bare = json!({"validators": application["validators"], "policy": application["policy"], "alerting": {}});
    let old = bare.to_string().replace("trustRoot", "trust_root");
    let more = with(helm.clone(), "/kubernetes", json!({"deployment": {"replicasCount": 3}}));
    let more = with(with(more, "/alerting", json!({"admitRequest": {"receivers": [{"template": "slack"}]}})), "/global", json!({}));
    let more = with(with(more, "/application/logLevel", json!("info")), "/application/logFormat", json!("json"));
    for same in [bare, serde_json::from_str(&old).unwrap(), more] {
        assert_eq!(native(&same), native(&helm), "{same}");
    }
    let twice = with(helm, "/application/validators/0/trust_roots", json!([]));
    assert_eq!(refused(&twice), (Code::PolicyInvalid, format!("{VALIDATOR}/trust_roots")));
}

#[test]
fn features_change_the_mode_or_nothing() {
    let base = cosign(&json!({}), &json!({}));
    let features = |features: Value| with(base.clone(), "/application/features", features);
    for same in [
        json!({}),
        json!({"automaticChildApproval": true, "automaticUnchangedApproval": false, "detectionMode": false}),
        json!({"automaticChildApproval": false, "cache": {"expirySeconds": 0, "cacheErrors": false}}),
        json!({"namespacedValidation": {"mode": "validate"}, "resourceValidationMode": "podsOnly"}),
    ] {
        assert_eq!(native(&features(same)), native(&base));
    }
    let watched = native(&features(json!({"detectionMode": true})));
    assert_eq!((&watched["rules"][0]["mode"], &watched["rules"][1]["mode"]), (&json!("audit"), &json!("audit")));
    assert_eq!(
        (&watched["rules"][1]["images"], &watched["rules"][1]["require"]),
        (&json!(["*"]), &json!({"deny": {"reason": "no rule matches"}}))
    );
    let all = with(features(json!({"detectionMode": true})), "/application/policy/0/pattern", json!("*"));
    assert_eq!(native(&all)["rules"].as_array().unwrap().len(), 1);
    for (wrong, code, pointer) in [
        (json!({"automaticUnchangedApproval": true}), Code::PolicyUnsupportedField, "/automaticUnchangedApproval"),
        (json!({"cache": {"expirySeconds": -1}}), Code::PolicyInvalid, "/cache/expirySeconds"),
        (json!({"cache": {"other": 1}}), Code::PolicyInvalid, "/cache/other"),
        (json!({"detectionMode": "yes"}), Code::PolicyInvalid, "/detectionMode"),
        (json!({"namespacedValidation": {"mode": "x"}}), Code::PolicyInvalid, "/namespacedValidation/mode"),
        (json!({"resourceValidationMode": "x"}), Code::PolicyInvalid, "/resourceValidationMode"),
        (json!({"other": true}), Code::PolicyInvalid, "/other"),
    ] {
        assert_eq!(refused(&features(wrong)), (code, format!("/application/features{pointer}")));
    }
    let failing = json!({"rejectRequest": {"receivers": [{"template": "slack", "failIfAlertSendingFails": true}]}});
    let pointer = "/alerting/rejectRequest/receivers/0/failIfAlertSendingFails".to_owned();
    assert_eq!(refused(&with(base, "/alerting", failing)), (Code::PolicyUnsupportedField, pointer));
}

#[test]
fn static_validators_allow_or_deny() {
    let fixed = |approve: bool, pattern: &str| {
        with(configuration(&json!({"type": "static", "approve": approve}), &json!({})), "/application/policy/0/pattern", json!(pattern))
    };
    assert_eq!(found(&fixed(false, "r.example/*"), "/rules/0/require"), json!({"deny": {"reason": "the validator `v` denies"}}));
    let allow = json!({"allow": {"reason": "the validator `v` approves whatever matches"}});
    for pattern in ["*", "*:*", "*r.example/*", "*/*"] {
        assert_eq!(found(&fixed(true, pattern), "/rules/0/require"), allow, "{pattern}");
    }
    for pattern in ["r.example/*:*", "*r.example/a", "r.example/a", "registry.k8s.io/*"] {
        assert_eq!(refused(&fixed(true, pattern)), (Code::PolicyUnsupportedField, "/application/policy/0/pattern".to_owned()), "{pattern}");
    }
    let hint = import(&fixed(true, "r.example/a:*")).unwrap_err().hint.unwrap();
    assert!(hint.contains("`*r.example/a:*`") && hint.contains("`r.example/**`"), "{hint}");
    let missing = configuration(&json!({"type": "static"}), &json!({}));
    assert_eq!(refused(&missing), (Code::PolicyInvalid, VALIDATOR.to_owned()));
}

#[test]
fn names_that_are_not_there_are_told() {
    let base = cosign(&json!({}), &json!({}));
    let policy = "/application/policy/0";
    for (document, pointer) in [
        (with(base.clone(), "/application/policy/0/validator", json!("other")), format!("{policy}/validator")),
        (with(base.clone(), "/application/policy/0/validator", json!("")), policy.to_owned()),
        (with(base.clone(), "/application/policy/0", json!({"pattern": "*:*"})), policy.to_owned()),
        (cosign(&json!({}), &json!({"trustRoot": "other"})), format!("{WITH}/trustRoot")),
        (cosign(&json!({}), &json!({"trustRoot": "*", "required": ["b", "other"]})), format!("{WITH}/required/1")),
        (cosign(&json!({"trustRoots": [{"name": "a", "key": PEM}]}), &json!({})), policy.to_owned()),
    ] {
        assert_eq!(refused(&document), (Code::PolicyUndefinedName, pointer), "{document}");
    }
}

#[test]
fn thresholds_count_signers() {
    let require = |with: Value| found(&cosign(&json!({}), &with), "/rules/0/require");
    let [one, two, three] = ["key-1", "key-2", "key-3"].map(leaf);
    assert_eq!(require(json!({"trustRoot": "b"})), leaf("key-1"));
    assert_eq!(require(json!({"trustRoot": "*"})), json!({"allOf": [one, two, three]}));
    assert_eq!(require(json!({"trustRoot": "*", "threshold": 0})), json!({"allOf": [one, two, three]}));
    assert_eq!(require(json!({"trustRoot": "*", "threshold": 1})), json!({"anyOf": [one, two, three]}));
    let counted = |count: usize, of: Value| json!({"threshold": {"k": count, "distinct": "signer", "of": of}});
    assert_eq!(require(json!({"trustRoot": "*", "threshold": 2})), counted(2, json!([one, two, three])));
    assert_eq!(require(json!({"trustRoot": "*", "threshold": 3})), counted(3, json!([one, two, three])));
    assert_eq!(require(json!({"trustRoot": "*", "required": ["b"]})), leaf("key-1"));
    assert_eq!(require(json!({"trustRoot": "*", "required": ["b", "c"], "threshold": 2})), json!({"allOf": [one, two]}));
    assert_eq!(
        require(json!({"trustRoot": "*", "required": ["default"], "threshold": 2})),
        json!({"allOf": [one, counted(2, json!([one, two, three]))]})
    );
    for (with, pointer) in [
        (json!({"threshold": 2}), "threshold"),
        (json!({"trustRoot": "b", "threshold": 1}), "threshold"),
        (json!({"trustRoot": "b", "required": ["b"]}), "required"),
        (json!({"trustRoot": "*", "threshold": 4}), "threshold"),
    ] {
        assert_eq!(refused(&cosign(&json!({}), &with)), (Code::PolicyUnsupportedField, format!("{WITH}/{pointer}")), "{with}");
    }
    assert_eq!(refused(&cosign(&json!({}), &json!({"trustRoot": "*", "threshold": -1}))).0, Code::PolicyInvalid);
}

#[test]
fn every_member_of_a_cosign_validator_counts() {
    let cosign_leaf = |host: Value, with: Value| found(&cosign(&json!({"host": host}), &with), "/rules/0/require/cosign");
    assert_eq!(cosign_leaf(json!({}), json!({"verifyInTransparencyLog": false}))["transparency"], "none");
    assert_eq!(cosign_leaf(json!({}), json!({"verify_in_transparency_log": false}))["transparency"], "none");
    for public in [json!("rekor.sigstore.dev"), json!({"rekor": "https://rekor.sigstore.dev/"}), json!({"rekor": ""})] {
        assert_eq!(cosign_leaf(public, json!({}))["transparency"], "required");
    }
    let bare = cosign(&json!({"host": {"rekor": "log.example", "rekorPubkey": PEM}}), &json!({}));
    let own = json!({"rekor": "https://log.example/", "rekorPubkey": PEM});
    assert_eq!(native(&bare), native(&cosign(&json!({"host": own}), &json!({}))));
    assert_eq!(cosign_leaf(own.clone(), json!({}))["transparency"], json!({"root": "log-1"}));
    let root = found(&cosign(&json!({"host": own}), &json!({})), "/trust/log-1/trustedRoot/json");
    let root: Value = serde_json::from_str(root.as_str().unwrap()).unwrap();
    assert_eq!((&root["tlogs"][0]["baseUrl"], root.get("ctlogs")), (&json!("https://log.example"), None));
    let trust = |key: &str| {
        let roots = json!([{"name": "default", "key": key}]);
        found(&cosign(&json!({"trustRoots": roots}), &json!({})), "/trust/key-1/publicKey")
    };
    assert_eq!(trust("k8s://ns/name"), json!({"ref": "k8s://ns/name"}));
    assert_eq!(trust("awskms:///alias/release"), json!({"ref": "awskms:///alias/release"}));
    let in_file = cosign(&json!({"trustRoots": [{"name": "default", "key": "k8s://ns/name"}]}), &json!({}));
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "name"}, "stringData": {"cosign.pub": PEM}});
    assert_eq!(found(&json!([in_file, secret]), "/trust/key-1/publicKey"), json!({"pem": PEM}));
}

#[test]
fn every_member_of_a_keyless_trust_root_counts() {
    let exact = json!({"issuer": "https://i.example", "subject": "a@b.example"});
    let found_in = |root: &Value, host: Value, with: Value| found(&keyless(root, &host, &with), "/rules/0/require/cosign");
    let plain = found_in(&exact, json!({}), json!({}));
    assert_eq!(plain["keyless"], json!({"identities": [exact]}));
    assert_eq!((&plain["transparency"], plain.get("sct")), (&json!("required"), None));
    let expressions = json!({"issuerRegex": "i$", "subjectRegex": "^a|b"});
    assert_eq!(
        found_in(&expressions, json!({}), json!({}))["keyless"]["identities"][0],
        json!({"issuerRegex": "(?s:.*)(?:i$)(?s:.*)", "subjectRegex": "(?s:.*)(?:^a|b)(?s:.*)"})
    );
    assert_eq!(found_in(&exact, json!({}), json!({"verifySCT": false}))["sct"], "none");
    let own = json!({"fulcioCert": format!("{CERTIFICATE}{OTHER_CERTIFICATE}"), "ctLogPubkey": PEM});
    let found_own = found_in(&exact, own.clone(), json!({}));
    assert_eq!(
        (&found_own["keyless"]["root"], &found_own["transparency"]),
        (&json!("instance-1"), &json!({"root": "sigstore-public-good"}))
    );
    let root = found(&keyless(&exact, &own, &json!({})), "/trust/instance-1/trustedRoot/json");
    let root: Value = serde_json::from_str(root.as_str().unwrap()).unwrap();
    let chain = |index: usize| root["certificateAuthorities"][index]["certChain"]["certificates"].clone();
    assert_eq!(chain(0), json!([{"rawBytes": "MBBB"}, {"rawBytes": "MAAA"}]));
    assert_eq!(chain(1), json!([{"rawBytes": "MAAA"}, {"rawBytes": "MBBB"}]));
    assert!(root["ctlogs"][0]["publicKey"]["rawBytes"].is_string());
    let without = found_in(&exact, json!({"fulcioCert": CERTIFICATE, "ctLogPubkey": PEM}), json!({"verifySCT": false}));
    assert_eq!((&without["sct"], &without["keyless"]["root"]), (&json!("none"), &json!("instance-1")));
    for (host, pointer) in [(json!({"ctLogPubkey": PEM}), "ctLogPubkey"), (json!({"fulcioCert": CERTIFICATE}), "fulcioCert")] {
        let refusal = refused(&keyless(&exact, &host, &json!({})));
        assert_eq!(refusal, (Code::PolicyUnsupportedField, format!("{VALIDATOR}/host/{pointer}")));
    }
    for (root, pointer) in [
        (json!({"issuer": "i"}), ""),
        (json!({"subject": "i"}), ""),
        (json!({"issuer": "i", "issuerRegex": "i", "subject": "s"}), "/issuerRegex"),
        (json!({"issuer": "i", "subjectRegex": "x)|(?:"}), "/subjectRegex"),
        (json!({"issuer": "i", "subject": "s", "more": "m"}), "/more"),
    ] {
        let refusal = refused(&keyless(&root, &json!({}), &json!({})));
        assert_eq!(refusal, (Code::PolicyInvalid, format!("{VALIDATOR}/trustRoots/0/keyless{pointer}")), "{root}");
    }
}

#[test]
fn every_member_of_a_notary_v1_validator_counts() {
    let require = |members: Value, with: Value| found(&notary(&members, &with), "/rules/0/require");
    let leaf = |root: &str| json!({"notaryV1": {"server": "https://notary.docker.io", "root": root, "search": "released"}});
    assert_eq!(require(json!({}), json!({})), leaf("root-1"));
    assert_eq!(require(json!({}), json!({"trustRoot": "*"})), json!({"allOf": [leaf("root-1"), leaf("root-2")]}));
    assert_eq!(found(&notary(&json!({}), &json!({"trustRoot": "b"})), "/trust/root-1"), json!({"tufRoot": {"pem": OTHER_PEM}}));
    for (host, server) in [("notary.example", "https://notary.example"), ("http://notary.example:4443", "http://notary.example:4443")] {
        assert_eq!(require(json!({"host": host}), json!({}))["notaryV1"]["server"], server);
    }
    let delegated = json!({"server": "https://notary.docker.io", "root": "root-1", "delegations": ["alice", "targets/bob"]});
    assert_eq!(require(json!({}), json!({"delegations": ["alice", "targets/bob"]}))["notaryV1"], delegated);
    for (key, code) in [
        (CERTIFICATE.to_owned(), Code::PolicyInvalid),
        ("awskms://key".to_owned(), Code::PolicyInvalid),
        (format!("{PEM}trailing"), Code::PolicyInvalid),
        (format!("{PEM}{OTHER_PEM}"), Code::PolicyUnsupportedField),
    ] {
        let document = notary(&json!({"trustRoots": [{"name": "default", "key": key}]}), &json!({}));
        assert_eq!(refused(&document), (code, format!("{VALIDATOR}/trustRoots/0/key")));
    }
    let empty = notary(&json!({}), &json!({"delegations": []}));
    assert_eq!(refused(&empty), (Code::PolicyInvalid, format!("{WITH}/delegations")));
}

#[test]
fn every_member_of_a_notation_validator_counts() {
    let leaf = |with: Value| found(&notation(&json!({}), &with), "/rules/0/require/notation");
    assert_eq!(leaf(json!({})), json!({"stores": ["authority-1"], "identities": ["*"], "level": "strict"}));
    assert_eq!(leaf(json!({"trustRoot": "*"}))["stores"], json!(["authority-1", "authority-2", "timestamps-1"]));
    for level in ["strict", "permissive", "audit"] {
        assert_eq!(leaf(json!({"verificationLevel": level}))["level"], level);
    }
    for when in ["always", "afterCertExpiry"] {
        assert_eq!(leaf(json!({"verifyTimestamp": when}))["verifyTimestamp"], when);
    }
    let trust = found(&notation(&json!({}), &json!({"trustRoot": "b"})), "/trust");
    assert_eq!(trust["authority-1"], json!({"x509": {"pem": OTHER_CERTIFICATE, "type": "ca"}}));
    assert_eq!(trust["timestamps-1"], json!({"x509": {"pem": CERTIFICATE, "type": "tsa"}}));
    assert_eq!(native(&notation(&json!({"type": "notaryv2"}), &json!({}))), native(&notation(&json!({}), &json!({}))));
    for (with, pointer) in
        [(json!({"verificationLevel": "skip"}), "verificationLevel"), (json!({"verifyTimestamp": "never"}), "verifyTimestamp")]
    {
        assert_eq!(refused(&notation(&json!({}), &with)), (Code::PolicyInvalid, format!("{WITH}/{pointer}")));
    }
    let two = notation(&json!({"trustRoots": [{"name": "default", "cert": format!("{CERTIFICATE}{OTHER_CERTIFICATE}")}]}), &json!({}));
    assert_eq!(refused(&two), (Code::PolicyUnsupportedField, format!("{VALIDATOR}/trustRoots/0/cert")));
    let none = notation(&json!({"trustRoots": [{"name": "default", "tsCert": CERTIFICATE}]}), &json!({}));
    assert_eq!(refused(&none), (Code::PolicyInvalid, format!("{VALIDATOR}/trustRoots/0")));
}

/// The digest is in every verdict; who acts on it decides what becomes of the tag.
#[test]
fn the_mode_of_a_rule_changes_nothing() {
    for mode in ["mutate", "insecureValidateOnly"] {
        assert_eq!(native(&cosign(&json!({}), &json!({"mode": mode}))), native(&cosign(&json!({}), &json!({}))));
    }
    assert_eq!(refused(&cosign(&json!({}), &json!({"mode": "other"}))), (Code::PolicyInvalid, format!("{WITH}/mode")));
}

#[test]
fn what_has_no_native_form_is_refused_where_it_stands() {
    let base = cosign(&json!({}), &json!({}));
    for (document, pointer) in [
        (cosign(&json!({"auth": {"secretName": "s"}}), &json!({})), format!("{VALIDATOR}/auth")),
        (cosign(&json!({"auth": {"useKeychain": true}}), &json!({})), format!("{VALIDATOR}/auth")),
        (notary(&json!({"cert": CERTIFICATE}), &json!({})), format!("{VALIDATOR}/cert")),
        (cosign(&json!({"host": {"rekor": "log.example"}}), &json!({})), format!("{VALIDATOR}/host/rekor")),
        (cosign(&json!({"host": "log.example"}), &json!({})), format!("{VALIDATOR}/host")),
        (cosign(&json!({"trustRoots": [{"name": "default", "key": "cosign.pub"}]}), &json!({})), format!("{VALIDATOR}/trustRoots/0/key")),
        (
            cosign(&json!({"trustRoots": [{"name": "default", "key": format!("{PEM}{OTHER_PEM}")}]}), &json!({})),
            format!("{VALIDATOR}/trustRoots/0/key"),
        ),
        (cosign(&json!({}), &json!({"delegations": ["a"]})), format!("{WITH}/delegations")),
        (cosign(&json!({}), &json!({"verificationLevel": "strict"})), format!("{WITH}/verificationLevel")),
        (notary(&json!({}), &json!({"threshold": 1})), format!("{WITH}/threshold")),
        (notary(&json!({}), &json!({"required": ["b"]})), format!("{WITH}/required")),
        (notary(&json!({}), &json!({"verifySCT": true})), format!("{WITH}/verifySCT")),
        (notation(&json!({}), &json!({"verifyInTransparencyLog": true})), format!("{WITH}/verifyInTransparencyLog")),
        (configuration(&json!({"type": "static", "approve": false}), &json!({"trustRoot": "a"})), format!("{WITH}/trustRoot")),
        (with(base.clone(), "/application/policy/0/pattern", json!("r.example/{a,b}")), "/application/policy/0/pattern".to_owned()),
        (
            with(base.clone(), "/application/policy", json!([{"pattern": "a", "validator": "v"}, {"pattern": "a", "validator": "v"}])),
            "/application/policy/0/pattern".to_owned(),
        ),
    ] {
        assert_eq!(refused(&document), (Code::PolicyUnsupportedField, pointer), "{document}");
    }
}

#[test]
fn what_connaisseur_refuses_is_refused() {
    let base = cosign(&json!({}), &json!({}));
    for (document, pointer) in [
        (with(base.clone(), "/application/validators/0/type", json!("x")), format!("{VALIDATOR}/type")),
        (with(base.clone(), "/application/validators/0/type", Value::Null), VALIDATOR.to_owned()),
        (with(base.clone(), "/application/validators/0/name", Value::Null), VALIDATOR.to_owned()),
        (with(base.clone(), "/application/validators/0/more", json!(1)), format!("{VALIDATOR}/more")),
        (with(base.clone(), "/application/validators/0/trustRoots", json!([])), format!("{VALIDATOR}/trustRoots")),
        (with(base.clone(), "/application/validators/0/trustRoots/1/name", json!("default")), format!("{VALIDATOR}/trustRoots/1/name")),
        (with(base.clone(), "/application/validators/0/trustRoots/0", json!({"name": "default"})), format!("{VALIDATOR}/trustRoots/0")),
        (
            with(base.clone(), "/application/validators/0/trustRoots/0", json!({"name": "default", "cert": CERTIFICATE})),
            format!("{VALIDATOR}/trustRoots/0/cert"),
        ),
        (with(base.clone(), "/application/validators", json!([])), "/application/validators".to_owned()),
        (with(base.clone(), "/application/policy", json!([])), "/application/policy".to_owned()),
        (with(base.clone(), "/application/policy/0/pattern", json!("")), "/application/policy/0".to_owned()),
        (with(base.clone(), "/application/policy/0/more", json!("")), "/application/policy/0/more".to_owned()),
        (with(base.clone(), "/application/policy/0/with/more", json!("")), format!("{WITH}/more")),
        (with(base.clone(), "/application/more", json!("")), "/application/more".to_owned()),
        (with(base.clone(), "/validators", json!([])), "/validators".to_owned()),
        (json!([base, base]), "/1".to_owned()),
    ] {
        assert_eq!(refused(&document), (Code::PolicyInvalid, pointer), "{document}");
    }
    let validator = base["application"]["validators"][0].clone();
    let twins = with(base, "/application/validators", json!([validator, validator]));
    assert_eq!(refused(&twins), (Code::PolicyInvalid, "/application/validators/1/name".to_owned()));
}

#[test]
fn errors_of_the_native_form_point_at_the_configuration() {
    let imported = import(&notary(&json!({}), &json!({"trustRoot": "b"}))).unwrap();
    for (pointer, source) in [
        ("/rules/0/require/notaryV1/root", VALIDATOR),
        ("/rules/0/images/0", "/application/policy/0/pattern"),
        ("/rules/0/name", "/application/policy/0"),
        ("/trust/root-1/tufRoot/pem", "/application/validators/0/trustRoots/1/key"),
    ] {
        assert_eq!(imported.blame_source(PolicyError::invalid(pointer, "wrong")).pointer, source, "{pointer}");
    }
}
