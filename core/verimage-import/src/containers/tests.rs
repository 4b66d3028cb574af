use serde_json::{Value, json};
use verimage_core::Code;

use super::import;

fn native(policy: &Value) -> Value {
    let imported = import(&policy.to_string()).unwrap_or_else(|error| panic!("{error}"));
    serde_json::to_value(&imported.policy).unwrap()
}

fn refusal(policy: &str) -> (Code, String) {
    let error = import(policy).err().unwrap_or_else(|| panic!("{policy}"));
    (error.code, error.pointer)
}

/// A policy whose default is this list.
fn list(requirement: &str) -> String {
    format!(r#"{{"default":[{requirement}]}}"#)
}

#[test]
fn scopes_become_rules_in_their_own_language() {
    let policy = json!({"default": [{"type": "reject"}], "transports": {
        "docker": {"registry.example/team": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/keys/a.gpg"}], "*.example": [{"type": "insecureAcceptAnything"}], "": [{"type": "reject"}]},
        "docker-daemon": {"": [{"type": "insecureAcceptAnything"}]},
        "unheard-of": {"/ any thing": [{"type": "reject"}]}}});
    let native = native(&policy);
    let rules: Vec<(&str, &str)> = native["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["name"].as_str().unwrap(), rule["images"][0].as_str().unwrap()))
        .collect();
    assert_eq!(rules[0], ("default", "**"));
    for pattern in ["docker:registry.example/team", "docker:*.example", "docker:", "docker-daemon:", "unheard-of:/ any thing"] {
        assert!(rules.contains(&(pattern, pattern)), "{pattern}");
    }
    assert!(native["rules"].as_array().unwrap().iter().all(|rule| rule["dialect"] == "containers" && rule["subject"] == "platform"));
    assert_eq!(native["trust"], json!({"openpgp:/keys/a.gpg": {"openpgp": {"file": "/keys/a.gpg"}}}));
}

#[test]
fn lists_hold_as_a_whole() {
    let signed = |path: &str| json!({"type": "signedBy", "keyType": "GPGKeys", "keyPath": path});
    let require = |list: Value| native(&json!({"default": list}))["rules"][0]["require"].clone();
    let leaf = |path: &str| json!({"simpleSigning": {"keys": [format!("openpgp:{path}")], "signedIdentity": "matchRepoDigestOrExact"}});
    assert_eq!(require(json!([signed("/a")])), leaf("/a"));
    assert_eq!(require(json!([{"type": "insecureAcceptAnything"}, signed("/a")])), leaf("/a"));
    assert_eq!(require(json!([signed("/a"), signed("/b")])), json!({"allOf": [leaf("/a"), leaf("/b")]}));
    assert!(require(json!([signed("/a"), {"type": "reject"}])).get("deny").is_some());
    assert!(native(&json!({"default": [signed("/a"), {"type": "reject"}]})).get("trust").is_none());
    let base = json!({"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}});
    assert_eq!(require(json!([base])), json!({"deny": {"reason": "signedBaseLayer not implemented yet!"}}));
}

#[test]
fn keys_and_identities() {
    let require = |requirement: Value| native(&json!({"default": [requirement]}))["rules"][0]["require"].clone();
    let signed = |identity: Value| {
        require(json!({"type": "signedBy", "keyType": "GPGKeys", "keyPaths": ["/a", "/b"], "signedIdentity": identity}))["simpleSigning"]
            .clone()
    };
    assert_eq!(signed(json!({"type": "matchExact"})), json!({"keys": ["openpgp:/a", "openpgp:/b"], "signedIdentity": "matchExact"}));
    for (identity, expected) in [
        (json!({"type": "exactReference", "dockerReference": "r.example/a:1"}), json!({"exactReference": "r.example/a:1"})),
        (json!({"type": "exactRepository", "dockerRepository": "r.example/a:1"}), json!({"exactRepository": "r.example/a"})),
        (
            json!({"type": "remapIdentity", "prefix": "m.example", "signedPrefix": "r.example"}),
            json!({"remapIdentity": {"prefix": "m.example", "signedPrefix": "r.example"}}),
        ),
    ] {
        assert_eq!(signed(identity)["signedIdentity"], expected);
    }
    let cosign =
        |name: &str| json!({"cosign": {"key": name, "transparency": "none", "format": "simpleSigning", "reference": "matchRepository"}});
    let identity = json!({"type": "matchRepository"});
    assert_eq!(require(json!({"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": identity})), cosign("publicKey:/k"));
    let both = require(json!({"type": "sigstoreSigned", "keyPaths": ["/k", "/l"], "signedIdentity": identity}));
    assert_eq!(both, json!({"anyOf": [cosign("publicKey:/k"), cosign("publicKey:/l")]}));
}

#[test]
fn data_become_text() {
    let anchor = |data: &str| {
        let native = native(&json!({"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyData": data}]}));
        native["trust"].as_object().unwrap().values().next().unwrap()["openpgp"]["armor"].as_str().unwrap().to_owned()
    };
    assert_eq!(anchor("dGV4\ndA=="), "text");
    assert!(anchor("mQEN").starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n"));
}

/// Every key goes with every log: one signature must fit both.
#[test]
fn sigstore_signers_and_logs_become_leaves() {
    let leaf = |signer: Value, transparency: Value| {
        let mut leaf = signer;
        let rest = json!({"transparency": transparency, "format": "simpleSigning", "reference": "matchRepoDigestOrExact"});
        leaf.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({"cosign": leaf})
    };
    let log = |path: &str| json!({"root": format!("transparencyLog:{path}")});
    let certificate = |members: Value| json!({"certificate": members});
    let key = |path: &str| json!({"key": format!("publicKey:{path}")});
    let mail = json!({"subject": "e", "subjectKind": "email"});
    for (requirement, require, anchor) in [
        (
            json!({"keyPath": "/k", "rekorPublicKeyPath": "/r"}),
            leaf(key("/k"), log("/r")),
            ("transparencyLog:/r", json!({"transparencyLog": {"file": "/r"}})),
        ),
        (
            json!({"keyPaths": ["/k", "/l"], "rekorPublicKeyPaths": ["/r", "/s"]}),
            json!({"anyOf": [leaf(key("/k"), log("/r")), leaf(key("/k"), log("/s")), leaf(key("/l"), log("/r")), leaf(key("/l"), log("/s"))]}),
            ("publicKey:/l", json!({"publicKey": {"file": "/l"}})),
        ),
        (
            json!({"fulcio": {"caData": "Yw==", "oidcIssuer": "i", "subjectEmail": "e"}, "rekorPublicKeyData": "cg=="}),
            leaf(
                certificate(
                    json!({"chain": "x509:data:2e7d2c03a9507ae2", "identity": [{"issuer": "i", "subject": "e", "subjectKind": "email"}]}),
                ),
                log("data:454349e422f05297"),
            ),
            ("x509:data:2e7d2c03a9507ae2", json!({"x509": {"pem": "c", "type": "ca"}})),
        ),
        (
            json!({"pki": {"caRootsPath": "/c", "subjectEmail": "e"}}),
            leaf(certificate(json!({"chain": "x509:/c", "identity": [mail]})), json!("none")),
            ("x509:/c", json!({"x509": {"file": "/c", "type": "ca"}})),
        ),
        (
            json!({"pki": {"caRootsPath": "/c", "caIntermediatesPath": "/i", "subjectEmail": "e", "subjectHostname": "h"}}),
            leaf(
                certificate(json!({"chain": "x509:/c", "intermediates": "x509:/i",
                    "identity": [{"subject": "e", "subjectKind": "email", "also": [{"subject": "h", "subjectKind": "dns"}]}]})),
                json!("none"),
            ),
            ("x509:/i", json!({"x509": {"file": "/i", "type": "ca"}})),
        ),
    ] {
        let mut requirement = requirement;
        requirement["type"] = "sigstoreSigned".into();
        let native = native(&json!({"default": [requirement]}));
        assert_eq!(native.pointer("/rules/0/require"), Some(&require), "{requirement}");
        assert_eq!(native["trust"][anchor.0], anchor.1, "{requirement}");
    }
}

/// The grammar of the specification, section 4.2: one broken rule a row.
#[test]
fn what_podman_refuses_is_refused() {
    const KEY: &str = r#""type":"signedBy","keyType":"GPGKeys","keyPath":"/a""#;
    let policies = [
        "",
        "[]",
        "{}",
        "null",
        r#"{"default":null}"#,
        r#"{"default":[]}"#,
        r#"{"default":{}}"#,
        r#"{"default":[{"type":"reject"}],"x":1}"#,
        r#"{"default":[{"type":"reject"}],"default":[{"type":"reject"}]}"#,
        r#"{"default":[{"type":"reject"}],"transports":null}"#,
        r#"{"default":[{"type":"reject"}],"transports":{"docker":null}}"#,
        r#"{"default":[{"type":"reject"}],"transports":{"docker":{"":[]}}}"#,
        r#"{"default":[{"type":"reject"}],"transports":{"dir":{"/":[{"type":"reject"}]}}}"#,
        r#"{"default":[{"type":"reject"}],"transports":{"dir":{"relative":[{"type":"reject"}]}}}"#,
        r#"{"default":[{"type":"reject"}],"transports":{"oci":{"/a/../b":[{"type":"reject"}]}}}"#,
        r#"{"default":[{"type":"reject"}],"transports":{"tarball":{"/x":[{"type":"reject"}]}}}"#,
        r#"{"default":[{"type":"reject"}],"transports":{"atomic":{"a/b/c/d":[{"type":"reject"}]}}}"#,
        r#"{"default":[{"type":"reject"}],"transports":{"docker:x":{"y":[{"type":"reject"}]}}}"#,
        r#"{"default":[{"type":"reject"}]} {}"#,
        "{\"default\":[{\"type\":\"reject\"}],}",
        "# comment\n{\"default\":[{\"type\":\"reject\"}]}",
        "\u{feff}{\"default\":[{\"type\":\"reject\"}]}",
        r#"{"Default":[{"type":"reject"}]}"#,
    ];
    for policy in policies {
        assert_eq!(refusal(policy).0, Code::PolicyInvalid, "{policy}");
    }
    for requirement in [
        r#""reject""#,
        "{}",
        r#"{"type":"Reject"}"#,
        r#"{"Type":"reject"}"#,
        r#"{"type":"reject","x":1}"#,
        r#"{"type":"insecureAcceptAnything","x":1}"#,
        r#"{"type":"signedBy","keyPath":"/a"}"#,
        r#"{"type":"signedBy","keyType":"gpgkeys","keyPath":"/a"}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys"}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyPath":""}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyPath":null}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyPaths":[]}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyPaths":"/a"}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyPaths":null}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyDatas":["YQ=="]}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyPath":"/a","keyData":"YQ=="}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyData":"_-=="}"#,
        r#"{"type":"signedBy","keyType":"GPGKeys","keyData":"YQ"}"#,
        r#"{"type":"signedBaseLayer"}"#,
        r#"{"type":"signedBaseLayer","baseLayerIdentity":{}}"#,
        r#"{"type":"sigstoreSigned"}"#,
        r#"{"type":"sigstoreSigned","keyType":"GPGKeys","keyPath":"/k"}"#,
        r#"{"type":"sigstoreSigned","keyPath":"/k","keyData":"YQ=="}"#,
        r#"{"type":"sigstoreSigned","keyPaths":[]}"#,
        r#"{"type":"sigstoreSigned","keyPath":"/k","rekorPublicKeyPath":"/r","rekorPublicKeyData":"YQ=="}"#,
        r#"{"type":"sigstoreSigned","fulcio":{"caPath":"/c","oidcIssuer":"i","subjectEmail":"e"}}"#,
        r#"{"type":"sigstoreSigned","fulcio":{"caPath":"/c","subjectEmail":"e"},"rekorPublicKeyPath":"/r"}"#,
        r#"{"type":"sigstoreSigned","pki":{"caRootsPath":"/c"}}"#,
        r#"{"type":"sigstoreSigned","pki":{"subjectEmail":"e"}}"#,
        r#"{"type":"sigstoreSigned","pki":{"caRootsPath":"/c","subjectEmail":"e"},"rekorPublicKeyPath":"/r"}"#,
    ] {
        assert_eq!(refusal(&list(requirement)).0, Code::PolicyInvalid, "{requirement}");
    }
    for identity in [
        "null",
        "{}",
        "[]",
        r#"{"type":"matchAny"}"#,
        r#"{"type":"matchExact","x":1}"#,
        r#"{"type":"exactReference"}"#,
        r#"{"type":"exactReference","dockerReference":"r.example/a"}"#,
        r#"{"type":"exactReference","dockerReference":"UPPER/x:1"}"#,
        r#"{"type":"exactRepository","dockerRepository":"r.example/A"}"#,
        r#"{"type":"remapIdentity","prefix":"r.example"}"#,
        r#"{"type":"remapIdentity","prefix":"r.example/","signedPrefix":"r.example"}"#,
        r#"{"type":"remapIdentity","prefix":"","signedPrefix":"r.example"}"#,
    ] {
        assert_eq!(refusal(&list(&format!(r#"{{{KEY},"signedIdentity":{identity}}}"#))).0, Code::PolicyInvalid, "{identity}");
    }
    assert!(import(&list(&format!("{{{KEY}}}"))).is_ok());
    for key_type in ["signedByGPGKeys", "X509Certificates", "signedByX509CAs"] {
        assert!(import(&list(&format!(r#"{{"type":"signedBy","keyType":"{key_type}","keyPath":"/a"}}"#))).is_ok());
    }
}
