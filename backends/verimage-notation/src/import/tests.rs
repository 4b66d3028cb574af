//! What a trust policy becomes, and what it cannot become.

use super::*;

fn statement(members: &Value) -> Value {
    let mut whole = json!({"name": "production", "registryScopes": ["registry.example/app"], "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:acme"], "trustedIdentities": ["x509.subject: C=US, ST=WA, O=Acme"]});
    whole.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    whole
}

fn imported(statements: &[Value]) -> Result<Imported, PolicyError> {
    import(&json!({"version": "1.0", "trustPolicies": statements}).to_string())
}

fn rules(statements: &[Value]) -> Value {
    serde_json::to_value(imported(statements).unwrap().policy).unwrap()["rules"].clone()
}

#[test]
fn a_statement_becomes_a_rule_and_its_stores_anchors() {
    let stores = json!({"trustStores": ["ca:acme", "tsa:acme"], "registryScopes": ["registry.example:5000/a/b", "docker.io/nginx"]});
    let native = serde_json::to_value(imported(&[statement(&stores)]).unwrap().policy).unwrap();
    assert_eq!(native["unmatched"], "deny");
    assert_eq!(
        native["trust"],
        json!({"ca.acme": {"x509": {"trustStore": "acme", "type": "ca"}}, "tsa.acme": {"x509": {"trustStore": "acme", "type": "tsa"}}})
    );
    assert_eq!(native["rules"][0]["images"], json!(["registry.example:5000/a/b", "docker.io/library/nginx"]));
    let leaf = json!({"stores": ["ca.acme", "tsa.acme"], "identities": ["x509.subject: C=US, ST=WA, O=Acme"], "level": "strict",
        "verifyTimestamp": "always"});
    assert_eq!(native["rules"][0]["require"], json!({"notation": leaf}));
    assert_eq!((&native["rules"][0]["name"], &native["rules"][0]["mode"]), (&json!("production"), &json!("enforce")));
}

#[test]
fn everything_is_everything_and_anybody_is_anybody() {
    let rules = rules(&[statement(&json!({"registryScopes": ["*"], "trustedIdentities": ["*"]}))]);
    assert_eq!(rules[0]["images"], json!(["**/**"]));
    assert_eq!(rules[0]["require"]["notation"]["identities"], json!(["*"]));
}

#[test]
fn a_level_with_overrides_says_each_check_that_is_not_enforced() {
    for (verification, expected) in [
        (json!({"level": "permissive"}), json!("permissive")),
        (json!({"level": "audit"}), json!("audit")),
        (json!({"level": "strict", "override": {"revocation": "skip"}}), json!({"revocation": "skip"})),
        (json!({"level": "strict", "override": {"revocation": "enforce"}}), json!("strict")),
        (
            json!({"level": "audit", "override": {"authenticity": "enforce", "revocation": "skip"}}),
            json!({"authenticTimestamp": "log", "expiry": "log", "revocation": "skip"}),
        ),
    ] {
        let rules = rules(&[statement(&json!({"signatureVerification": verification}))]);
        assert_eq!(rules[0]["require"]["notation"]["level"], expected, "{verification}");
    }
}

#[test]
fn timestamps_may_be_for_expired_certificates_only() {
    let verification = json!({"level": "strict", "verifyTimestamp": "afterCertExpiry"});
    let rules = rules(&[statement(&json!({"signatureVerification": verification}))]);
    assert_eq!(rules[0]["require"]["notation"]["verifyTimestamp"], "afterCertExpiry");
}

#[test]
fn skipping_is_said_aloud() {
    let skip = json!({"signatureVerification": {"level": "skip"}, "trustStores": [], "trustedIdentities": []});
    let reason = "the trust policy statement \"production\" skips verification";
    assert_eq!(rules(&[statement(&skip)])[0]["require"], json!({"allow": {"reason": reason}}));
}

#[test]
fn what_has_no_native_form_is_refused_at_its_place() {
    let plugin = "com.example.signer:arn:profile";
    for (members, pointer) in [
        (json!({"trustedIdentities": ["x509.subject: C=US, ST=WA, O=Acme", plugin]}), "/trustPolicies/1/trustedIdentities/1"),
        (json!({"registryScopes": ["registry.example/app", "local/layout"]}), "/trustPolicies/1/registryScopes/1"),
        (json!({"registryScopes": ["host/app"]}), "/trustPolicies/1/registryScopes/0"),
    ] {
        let other = statement(&json!({"name": "other", "registryScopes": ["registry.example/other"]}));
        let error = imported(&[other, statement(&members)]).unwrap_err();
        assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyUnsupportedField, pointer), "{members}");
        assert!(error.hint.is_some(), "{members}");
    }
}

#[test]
fn what_breaks_the_specification_is_refused_at_its_place() {
    for (members, pointer, words) in [
        (json!({"trustedIdentites": []}), "/trustPolicies/0/trustedIdentites", "is not known"),
        (json!({"trustStores": ["acme"]}), "/trustPolicies/0", "malformed trust store value"),
        (json!({"signatureVerification": {"level": "Strict"}}), "/trustPolicies/0", "invalid signature verification level"),
        (json!({"registryScopes": ["registry.example/*"]}), "", "wild card"),
    ] {
        let error = imported(&[statement(&members)]).unwrap_err();
        assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyInvalid, pointer), "{members}");
        assert!(error.message.contains(words), "{}", error.message);
    }
}

#[test]
fn a_policy_for_files_is_none_for_images() {
    let mut files = statement(&json!({"globalPolicy": true}));
    files.as_object_mut().unwrap().remove("registryScopes");
    let error = imported(&[files]).unwrap_err();
    assert_eq!(error.code, Code::PolicyUnsupportedField);
    assert!(error.message.contains("for files"), "{}", error.message);
}

#[test]
fn errors_of_the_native_form_point_at_the_statement() {
    let imported = imported(&[statement(&json!({"trustStores": ["ca:acme", "tsa:acme"]}))]).unwrap();
    for (pointer, expected) in [
        ("/trust/tsa.acme/x509/trustStore", "/trustPolicies/0/trustStores/1"),
        ("/rules/0/require/notation/stores/0", "/trustPolicies/0/trustStores"),
        ("/rules/0/require/notation/level", "/trustPolicies/0"),
    ] {
        assert_eq!(imported.blame_source(PolicyError::invalid(pointer, "wrong")).pointer, expected);
    }
}
