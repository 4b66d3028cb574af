//! Section "Document validation": one test for each row, with the text that the reference has; scopes and identities.

use notation_rs::{
    DistinguishedName, StoreType,
    trust_policy::{BlobDocument, Leniency, OciDocument, PolicyError, Reading, SelectionError, VerifyTimestamp},
};
use serde_json::{Value, json};

use crate::sign::{
    Draft, Key,
    certificate::{ROOT, part},
    der::sequence,
};

fn statement() -> Value {
    json!({"name": "a", "registryScopes": ["registry.example/a"], "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:acme"], "trustedIdentities": ["*"]})
}

fn oci(statements: &[Value]) -> Result<OciDocument, PolicyError> {
    OciDocument::parse(json!({"version": "1.0", "trustPolicies": statements}).to_string().as_bytes())
}

fn blob(statements: &[Value]) -> Result<BlobDocument, PolicyError> {
    BlobDocument::parse(json!({"version": "1.0", "trustPolicies": statements}).to_string().as_bytes())
}

/// The first statement with members set to something else; null removes.
fn with(members: Value) -> Value {
    let mut statement = statement();
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => drop(statement.as_object_mut().unwrap().remove(name)),
            value => statement[name] = value.clone(),
        }
    }
    statement
}

fn for_blobs(members: Value) -> Value {
    let mut statement = with(members);
    statement.as_object_mut().unwrap().remove("registryScopes");
    statement
}

#[track_caller]
fn refused(outcome: Result<OciDocument, PolicyError>, text: &str) {
    let error = outcome.expect_err(text).to_string();
    assert!(error.contains(text), "found: {error}");
}

fn verification(value: Value) -> Result<OciDocument, PolicyError> {
    oci(&[with(json!({"signatureVerification": value}))])
}

fn identities(list: &[&str]) -> Result<OciDocument, PolicyError> {
    oci(&[with(json!({"trustedIdentities": list}))])
}

fn scopes(list: &[&str]) -> Result<OciDocument, PolicyError> {
    oci(&[with(json!({"registryScopes": list}))])
}

const ACME: &str = "x509.subject: C=US, ST=WA, O=acme";

#[test]
fn row_1_version_is_there() {
    for document in [json!({"trustPolicies": [statement()]}), json!({"version": "", "trustPolicies": [statement()]})] {
        refused(
            OciDocument::parse(document.to_string().as_bytes()),
            "oci trust policy document has empty version, version must be specified",
        );
    }
}

#[test]
fn row_2_version_is_known() {
    for version in ["1", "1.1", "2.0", " 1.0"] {
        let document = json!({"version": version, "trustPolicies": [statement()]});
        refused(
            OciDocument::parse(document.to_string().as_bytes()),
            &format!("oci trust policy document uses unsupported version \"{version}\""),
        );
    }
}

#[test]
fn row_3_there_is_a_statement() {
    refused(oci(&[]), "oci trust policy document can not have zero trust policy statements");
    assert!(blob(&[]).unwrap_err().to_string().contains("blob trust policy document can not have zero"));
}

#[test]
fn row_4_names_are_unique() {
    refused(
        oci(&[statement(), with(json!({"registryScopes": ["b/c"]}))]),
        "multiple oci trust policy statements use the same name \"a\", statement names must be unique",
    );
}

#[test]
fn row_5_statements_have_names() {
    for name in [Value::Null, json!("")] {
        refused(oci(&[with(json!({"name": name}))]), "a trust policy statement is missing a name, every statement requires a name");
    }
}

#[test]
fn row_6_there_is_a_level() {
    let text = "statement \"a\" has invalid signatureVerification: signature verification level is empty or missing";
    refused(oci(&[with(json!({"signatureVerification": null}))]), text);
    refused(verification(json!({})), text);
    refused(verification(json!({"level": ""})), text);
}

#[test]
fn row_7_the_level_is_known() {
    for level in ["Strict", "STRICT", "custom", "strict "] {
        refused(verification(json!({"level": level})), &format!("invalid signature verification level \"{level}\""));
    }
}

#[test]
fn row_8_skip_has_no_override() {
    refused(
        verification(json!({"level": "skip", "override": {"expiry": "log"}})),
        "signature verification level \"skip\" can't be used to customize signature verification",
    );
}

#[test]
fn row_9_overrides_are_of_known_types() {
    for name in ["Expiry", "authenticity ", "x"] {
        refused(
            verification(json!({"level": "strict", "override": {name: "log"}})),
            &format!("verification type \"{name}\" in custom signature verification is not supported"),
        );
    }
}

#[test]
fn row_10_overrides_have_known_actions() {
    for action in ["Log", "warn", ""] {
        refused(
            verification(json!({"level": "strict", "override": {"expiry": action}})),
            &format!("verification action \"{action}\" in custom signature verification is not supported"),
        );
    }
}

#[test]
fn row_11_integrity_is_never_overridden() {
    for action in ["enforce", "log", "skip"] {
        refused(
            verification(json!({"level": "permissive", "override": {"integrity": action}})),
            "\"integrity\" verification can not be overridden in custom signature verification",
        );
    }
}

#[test]
fn row_12_only_revocation_is_skipped() {
    for check in ["authenticity", "authenticTimestamp", "expiry"] {
        refused(
            verification(json!({"level": "strict", "override": {check: "skip"}})),
            &format!("\"{check}\" verification can not be skipped in custom signature verification"),
        );
    }
    assert!(verification(json!({"level": "strict", "override": {"revocation": "skip"}})).is_ok());
}

#[test]
fn row_13_verify_timestamp_has_two_values() {
    for value in ["Always", "never"] {
        refused(
            verification(json!({"level": "strict", "verifyTimestamp": value})),
            &format!("verifyTimestamp must be \"always\" or \"afterCertExpiry\", but got \"{value}\""),
        );
    }
    let document = verification(json!({"level": "strict", "verifyTimestamp": "afterCertExpiry"})).unwrap();
    assert_eq!(document.statements()[0].verify_timestamp, VerifyTimestamp::AfterCertExpiry);
}

#[test]
fn row_14_who_skips_trusts_nobody() {
    let text = "is set to skip signature verification but configured with trust stores and/or trusted identities";
    for (stores, identities) in [(json!(["ca:acme"]), Value::Null), (Value::Null, json!(["*"])), (json!(["ca:acme"]), json!(["*"]))] {
        let members = json!({"signatureVerification": {"level": "skip"}, "trustStores": stores, "trustedIdentities": identities});
        refused(oci(&[with(members)]), text);
    }
    // Go writes lists that are not there as null.
    let mut skip = statement();
    skip["signatureVerification"] = json!({"level": "skip"});
    skip["trustStores"] = Value::Null;
    skip["trustedIdentities"] = Value::Null;
    assert!(oci(&[skip]).is_ok());
}

#[test]
fn row_15_who_verifies_trusts_somebody() {
    let text = "is either missing trust stores or trusted identities, both must be specified";
    for missing in ["trustStores", "trustedIdentities"] {
        refused(oci(&[with(json!({missing: null}))]), text);
        refused(oci(&[with(json!({missing: []}))]), text);
    }
}

#[test]
fn row_16_stores_have_a_type_and_a_name() {
    refused(
        oci(&[with(json!({"trustStores": ["acme"]}))]),
        "has malformed trust store value \"acme\". The required format is <TrustStoreType>:<TrustStoreName>",
    );
}

#[test]
fn row_17_types_of_stores_are_known() {
    for (value, store_type) in [("CA:acme", "CA"), ("x:acme", "x"), (":acme", "")] {
        refused(
            oci(&[with(json!({"trustStores": [value]}))]),
            &format!("uses an unsupported trust store type \"{store_type}\" in trust store value \"{value}\""),
        );
    }
}

#[test]
fn row_18_names_of_stores_lead_nowhere() {
    for name in ["", "..", ".", "a/b", "*", "a b", "a:b"] {
        refused(
            oci(&[with(json!({"trustStores": [format!("ca:{name}")]}))]),
            &format!("uses an unsupported trust store name \"{name}\" in trust store value \"ca:{name}\""),
        );
    }
}

#[test]
fn row_19_everybody_is_alone() {
    refused(identities(&["*", ACME]), "uses a wildcard trusted identity '*', a wildcard identity cannot be used in conjunction");
    refused(identities(&["*", "*"]), "uses a wildcard trusted identity '*'");
}

#[test]
fn row_20_identities_are_not_empty() {
    refused(identities(&[""]), "trust policy statement \"a\" has an empty trusted identity");
}

#[test]
fn row_21_identities_have_a_kind() {
    refused(identities(&["x509.subject"]), "has trusted identity \"x509.subject\" missing separator");
}

#[test]
fn row_22_identities_have_a_value() {
    refused(identities(&["x509.subject:"]), "has trusted identity \"x509.subject:\" without an identity value");
}

#[test]
fn row_23_names_are_valid() {
    refused(identities(&["x509.subject: C=US, O=acme"]), "has no mandatory RDN attribute for \"ST\"");
    refused(identities(&["x509.subject: C=US, ST=WA, O=#0102"]), "does not support x509.subject identities containing \"=#\"");
}

#[test]
fn row_24_names_do_not_overlap() {
    let narrow = "x509.subject: CN=x, O=acme, S=WA, C=US";
    for list in [[ACME, narrow], [narrow, ACME], [ACME, ACME]] {
        refused(identities(&list), "has overlapping x509 trustedIdentities");
    }
    assert!(identities(&[narrow, "x509.subject: CN=y, O=acme, S=WA, C=US"]).is_ok());
}

#[test]
fn row_25_there_is_a_scope() {
    for scopes in [Value::Null, json!([])] {
        refused(oci(&[with(json!({"registryScopes": scopes}))]), "oci trust policy statement \"a\" has zero registry scopes");
    }
}

#[test]
fn row_26_all_is_alone() {
    refused(scopes(&["*", "a/b"]), "oci trust policy statement \"a\" uses wildcard registry scope '*'");
}

#[test]
fn row_27_no_other_wildcards() {
    for scope in ["a/*", "*.example/a", "a/b*", "**"] {
        refused(scopes(&[scope]), &format!("registry scope \"{scope}\" with wild card(s) is not valid"));
    }
}

#[test]
fn row_28_scopes_are_repositories() {
    for scope in ["", "a", "https://a/b", "a/b:c", "a/B", "a/b/"] {
        refused(scopes(&[scope]), &format!("registry scope \"{scope}\" is not valid"));
    }
}

#[test]
fn row_29_a_scope_stands_once() {
    refused(scopes(&["a/b", "a/b"]), "registry scope \"a/b\" is present in multiple oci trust policy statements");
    for scope in ["a/b", "*"] {
        let two = [with(json!({"registryScopes": [scope]})), with(json!({"name": "b", "registryScopes": [scope]}))];
        refused(oci(&two), &format!("registry scope \"{scope}\" is present in multiple oci trust policy statements"));
    }
}

#[test]
fn row_30_one_blob_statement_is_global() {
    let two = [for_blobs(json!({"globalPolicy": true})), for_blobs(json!({"name": "b", "globalPolicy": true}))];
    assert_eq!(blob(&two), Err(PolicyError::MultipleGlobal));
    assert!(blob(&[two[0].clone(), for_blobs(json!({"name": "b", "globalPolicy": false}))]).is_ok());
}

#[test]
fn row_31_the_global_blob_statement_verifies() {
    let skip = json!({"globalPolicy": true, "signatureVerification": {"level": "skip"}, "trustStores": null, "trustedIdentities": null});
    assert_eq!(blob(&[for_blobs(skip)]), Err(PolicyError::GlobalSkips));
}

#[test]
fn row_32_the_statement_for_all_verifies() {
    let skip = json!({"registryScopes": ["*"], "signatureVerification": {"level": "skip"}, "trustStores": null, "trustedIdentities": null});
    let bytes = json!({"version": "1.0", "trustPolicies": [with(skip)]}).to_string().into_bytes();
    refused(OciDocument::parse(&bytes), "global scope '*' cannot use verification level skip");
    let document = OciDocument::parse_with(&bytes, Reading::default().global_skip(Leniency::AsReference)).unwrap();
    assert!(document.select("a/b@x").unwrap().level.is_skip());
}

#[test]
fn unknown_members_are_named_or_passed_over() {
    for (document, path) in [
        (json!({"version": "1.0", "trustPolicies": [statement()], "x": 1}), "`/x`"),
        (json!({"version": "1.0", "trustPolicies": [with(json!({"trustedIdentites": ["*"]}))]}), "`/trustPolicies/0/trustedIdentites`"),
        (json!({"version": "1.0", "trustPolicies": [with(json!({"globalPolicy": true}))]}), "`/trustPolicies/0/globalPolicy`"),
        (
            json!({"version": "1.0", "trustPolicies": [with(json!({"signatureVerification": {"level": "strict", "overrides": {}}}))]}),
            "`/trustPolicies/0/signatureVerification/overrides`",
        ),
    ] {
        let bytes = document.to_string().into_bytes();
        refused(OciDocument::parse(&bytes), path);
        assert!(OciDocument::parse_with(&bytes, Reading::default().unknown_members(Leniency::AsReference)).is_ok());
    }
}

#[test]
fn documents_are_strict_json() {
    let good = json!({"version": "1.0", "trustPolicies": [statement()]}).to_string();
    assert!(OciDocument::parse(good.as_bytes()).is_ok());
    for bad in
        [format!("{good}{good}"), good.replacen("\"name\":\"a\"", "\"name\":\"b\",\"name\":\"a\"", 1), format!("// x\n{good}"), "[]".into()]
    {
        refused(OciDocument::parse(bad.as_bytes()), "malformed trust policy. ");
    }
    refused(oci(&[with(json!({"trustStores": "ca:acme"}))]), "`/trustPolicies/0/trustStores` should be an array");
    refused(oci(&[with(json!({"trustStores": [1]}))]), "`/trustPolicies/0/trustStores` should be an array of strings");
    refused(oci(&[json!("a")]), "`/trustPolicies/0` should be an object");
}

#[test]
fn scopes_select_exactly_or_else_all() {
    let all = with(json!({"name": "all", "registryScopes": ["*"]}));
    let document = oci(&[all.clone(), statement()]).unwrap();
    let select = |artifact: &str| document.select(artifact).map(|statement| statement.name.clone());
    assert_eq!(select("registry.example/a@sha256:00").as_deref(), Ok("a"));
    for other in ["registry.example/a/b@x", "registry.example:443/a@x", "Registry.example/a@x", "registry.example/ab@x"] {
        assert_eq!(select(other).as_deref(), Ok("all"), "{other}");
    }
    for bad in ["registry.example/a", "registry.example/a:tag@sha256:00", "a@sha256:00", "https://registry.example/a@x", "@x"] {
        assert_eq!(select(bad), Err(SelectionError::Reference { value: bad.to_owned() }), "{bad}");
    }
    let alone = oci(&[statement()]).unwrap();
    assert!(matches!(alone.select("b/c@x"), Err(SelectionError::NotApplicable { .. })));
    assert_eq!(alone.near_miss("Registry.Example:443/a"), Some("registry.example/a"));
    assert_eq!(alone.near_miss("registry.example/b"), None);
}

#[test]
fn blobs_are_selected_by_name_or_globally() {
    let document = blob(&[for_blobs(json!({})), for_blobs(json!({"name": "g", "globalPolicy": true}))]).unwrap();
    assert_eq!(document.select("a").unwrap().name, "a");
    assert_eq!(document.global().unwrap().name, "g");
    assert_eq!(document.select(" "), Err(SelectionError::NameEmpty));
    assert!(matches!(document.select("A"), Err(SelectionError::NoSuchName { .. })));
    assert_eq!(blob(&[for_blobs(json!({}))]).unwrap().global(), Err(SelectionError::NoGlobal));
}

#[test]
fn statements_say_what_they_trust() {
    let document = oci(&[with(json!({"trustStores": ["ca:a", "signingAuthority:b", "tsa:c"]}))]).unwrap();
    let stores: Vec<_> = document.statements()[0].trust_stores.iter().map(|store| (store.store_type, store.name.as_str())).collect();
    assert_eq!(stores, [(StoreType::Ca, "a"), (StoreType::SigningAuthority, "b"), (StoreType::Tsa, "c")]);
}

const UTF8: u8 = 0x0c;
const C: &str = "2.5.4.6";
const ST: &str = "2.5.4.8";
const O: &str = "2.5.4.10";
const OU: &str = "2.5.4.11";
const CN: &str = "2.5.4.3";

/// Whether an identity matches a subject of these parts, beside C=US and ST=WA.
fn matches(identity: &str, parts: &[Vec<u8>]) -> bool {
    let mut draft = Draft::leaf("root", Key::P256("leaf"));
    let base = [part(&[(C, 0x13, b"US")]), part(&[(ST, UTF8, b"WA")])].concat();
    draft.subject = sequence(&[&base, &parts.concat()]);
    DistinguishedName::parse(identity).unwrap().matches(draft.issue(ROOT).subject())
}

#[test]
fn identities_are_part_of_the_subject() {
    let acme = part(&[(O, UTF8, b"acme")]);
    assert!(matches("C=US, ST=WA, O=acme", &[acme.clone(), part(&[(CN, UTF8, b"x")])]));
    assert!(matches("O=acme, S=WA, C=US, CN=x", &[part(&[(CN, UTF8, b"x")]), acme.clone()]));
    assert!(!matches("C=US, ST=WA, O=acme, CN=x", std::slice::from_ref(&acme)));
    assert!(!matches("C=US, ST=WA, O=Acme", std::slice::from_ref(&acme)));
    assert!(!matches("C=US, ST=WA, O=acme, unknown=x", &[acme]));
}

#[test]
fn attack_values_that_look_like_more_attributes() {
    let tricky = part(&[(CN, UTF8, b"x,O=acme")]);
    assert!(!matches("C=US, ST=WA, O=acme", std::slice::from_ref(&tricky)));
    assert!(matches(r"C=US, ST=WA, O=acme, CN=x\,O\=acme", &[part(&[(O, UTF8, b"acme")]), tricky]));
}

#[test]
fn attack_attributes_that_stand_twice_or_together() {
    let two = [part(&[(O, UTF8, b"acme")]), part(&[(O, UTF8, b"evil")])];
    assert!(!matches("C=US, ST=WA, O=acme", &two));
    assert!(!matches("C=US, ST=WA, O=acme", &[part(&[(O, UTF8, b"acme"), (OU, UTF8, b"x")])]));
    // Others may stand twice or together.
    let others = [part(&[(O, UTF8, b"acme")]), part(&[(OU, UTF8, b"x")]), part(&[(OU, UTF8, b"y"), (CN, UTF8, b"z")])];
    assert!(matches("C=US, ST=WA, O=acme", &others));
    assert!(!matches("C=US, ST=WA, O=acme, OU=x", &others));
}

#[test]
fn attack_values_in_other_string_types() {
    for (tag, text) in [(0x13, &b"acme"[..]), (0x1e, b"\0a\0c\0m\0e"), (0x16, b"acme")] {
        assert!(matches("C=US, ST=WA, O=acme", &[part(&[(O, tag, text)])]), "{tag}");
    }
    // T.61, control characters, spaces at the end.
    for (tag, text) in [(0x14, &b"acme"[..]), (UTF8, b"acme\0"), (UTF8, b"acme\0evil"), (UTF8, b"acme "), (UTF8, b" acme")] {
        assert!(!matches("C=US, ST=WA, O=acme", &[part(&[(O, tag, text)])]), "{tag} {text:?}");
    }
}

#[test]
fn attributes_without_a_short_name_match_by_identifier() {
    let mail = part(&[("1.2.840.113549.1.9.1", 0x16, b"a@b")]);
    assert!(matches("C=US, ST=WA, O=acme, 1.2.840.113549.1.9.1=a@b", &[part(&[(O, UTF8, b"acme")]), mail]));
}
