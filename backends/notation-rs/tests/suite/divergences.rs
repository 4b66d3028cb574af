//! Section "Divergences": where the reference is laxer than the specification, and this crate is not. One test for each row
//! that is about formats; rows about fetching belong to the crate that fetches.

use notation_rs::{
    Warning,
    chain::ChainError,
    envelope::{EnvelopeError, Format, IntegrityError, PssSalt},
    trust_policy::{BlobDocument, OciDocument, PolicyError},
    verify::CheckError,
};
use serde_json::{Value, json};

use crate::{
    cose, integrity_with, jws, refused,
    sign::{
        Cose, Draft, Jws, Key, Padding, Pki,
        certificate::{BASIC_CONSTRAINTS, basic_constraints, key_usage, purposes},
        cose::{SIGNED, X5CHAIN, bytes, int, list, tag, text},
        der::{oid, sequence},
        jws::{EXPIRY, SIGNING_TIME},
        payload,
    },
    strict, verify_at,
};

const KEY: Key = Key::P256("leaf");

#[test]
fn unknown_critical_attributes_without_a_plugin_fail() {
    refused!(jws(&Jws::new(KEY).set_critical("vendor", "1")), IntegrityError::Envelope(EnvelopeError::UnknownCritical { .. }));
    refused!(jws(&Jws::new(KEY).set_critical("b64", "false")), IntegrityError::Envelope(EnvelopeError::Forbidden { .. }));
}

fn leaf_with_purpose(purpose: &str) -> Result<(), IntegrityError> {
    let mut pki = Pki::new(KEY);
    pki.leaf = pki.leaf.with(purposes(false, &[purpose]));
    jws(&Jws::new(KEY).chain(pki.chain())).map(drop)
}

#[test]
fn any_extended_key_usage_on_a_leaf_fails() {
    refused!(leaf_with_purpose("2.5.29.37.0"), IntegrityError::Chain(ChainError::ForeignPurpose { purpose: "Any", .. }));
}

#[test]
fn ocsp_signing_on_a_leaf_fails() {
    refused!(leaf_with_purpose("1.3.6.1.5.5.7.3.9"), IntegrityError::Chain(ChainError::ForeignPurpose { purpose: "OCSPSigning", .. }));
}

#[test]
fn basic_constraints_of_authorities_that_are_not_critical_fail() {
    let mut pki = Pki::new(KEY);
    pki.intermediate = pki.intermediate.replacing(BASIC_CONSTRAINTS, basic_constraints(false, true, None));
    refused!(jws(&Jws::new(KEY).chain(pki.chain())), IntegrityError::Chain(ChainError::NotAuthority { .. }));
}

#[test]
fn sha1_on_a_single_self_signed_certificate_fails() {
    let mut draft = Draft::new("leaf", "leaf", KEY).with(key_usage(true, 0x80));
    draft.algorithm = Some(sequence(&[&oid("1.2.840.10045.4.1")]));
    refused!(jws(&Jws::new(KEY).chain(vec![draft.der(KEY)])), IntegrityError::Chain(ChainError::InsecureAlgorithm { .. }));
}

#[test]
fn salts_in_jws_are_any_with_a_warning_and_can_be_strict() {
    for (bits, salt) in [(4096, 32), (2048, 16)] {
        let envelope = Jws::new(Key::Rsa(bits)).padding(Padding::Salt(salt));
        assert!(matches!(jws(&envelope).unwrap().warnings(), [Warning::PssSaltLength { .. }]));
        refused!(integrity_with(Format::Jws, &envelope.build(), PssSalt::Strict), IntegrityError::SaltLength { .. });
    }
}

#[test]
fn more_members_in_jws_fail() {
    let mut envelope = Jws::new(KEY);
    envelope.more.push(("x".to_owned(), "1".to_owned()));
    refused!(jws(&envelope), IntegrityError::Envelope(EnvelopeError::UnknownMember { .. }));
}

#[test]
fn names_that_stand_twice_or_in_another_case_fail() {
    refused!(jws(&Jws::new(KEY).add("cty", r#""x""#)), IntegrityError::Envelope(EnvelopeError::Json(_)));
    refused!(jws(&Jws::new(KEY).set("CTY", r#""x""#)), IntegrityError::Envelope(EnvelopeError::CaseVariant { .. }));
    let later = payload().replacen("}}}", r#"}},"TARGETARTIFACT":{}}"#, 1);
    refused!(jws(&Jws::new(KEY).payload(&later)), IntegrityError::Payload(_));
}

#[test]
fn a_signing_time_under_signing_authority_fails_in_cose() {
    let both = Cose::by_authority(KEY).set(text(SIGNING_TIME), tag(1, int(SIGNED)));
    refused!(cose(&both), IntegrityError::Envelope(EnvelopeError::TimeOfOtherScheme { .. }));
}

#[test]
fn a_chain_among_the_signed_headers_is_not_read() {
    let envelope = Cose::new(KEY);
    let chain = list(&envelope.chain.iter().map(|der| bytes(der)).collect::<Vec<_>>());
    let envelope = envelope.chain(Vec::new()).set(int(X5CHAIN), chain);
    refused!(cose(&envelope), IntegrityError::Envelope(EnvelopeError::CertificateChainMissing));
}

fn skipping(member: &str, value: Value) -> Value {
    let statement = json!({"name": "a", "signatureVerification": {"level": "skip"}, member: value});
    json!({"version": "1.0", "trustPolicies": [statement]})
}

#[test]
fn a_global_scope_that_skips_fails() {
    let document = skipping("registryScopes", json!(["*"]));
    refused!(OciDocument::parse(document.to_string().as_bytes()), PolicyError::GlobalScopeSkips { .. });
}

#[test]
fn a_global_blob_statement_that_skips_fails() {
    let document = skipping("globalPolicy", json!(true));
    refused!(BlobDocument::parse(document.to_string().as_bytes()), PolicyError::GlobalSkips);
}

#[test]
fn a_signature_expires_at_the_very_moment() {
    let bytes = Jws::new(KEY).set_critical(EXPIRY, r#""2025-06-01T00:00:00Z""#).build();
    let failure = |now: &str| verify_at(&strict(), Format::Jws, &bytes, now).failure().cloned();
    assert!(matches!(failure("2025-06-01T00:00:00Z"), Some(CheckError::Expired { .. })));
    assert_eq!(failure("2025-05-31T23:59:59Z"), None);
}

#[test]
fn the_store_named_dot_dot_fails() {
    let mut document = skipping("registryScopes", json!(["a/b"]));
    document["trustPolicies"][0]["signatureVerification"]["level"] = json!("strict");
    document["trustPolicies"][0]["trustStores"] = json!(["ca:.."]);
    document["trustPolicies"][0]["trustedIdentities"] = json!(["*"]);
    refused!(OciDocument::parse(document.to_string().as_bytes()), PolicyError::TrustStore { .. });
}

#[test]
fn unknown_members_of_policies_fail() {
    let mut document = skipping("registryScopes", json!(["a/b"]));
    document["trustPolicies"][0]["trustedIdentites"] = json!(["*"]);
    refused!(OciDocument::parse(document.to_string().as_bytes()), PolicyError::UnknownMember { .. });
}
