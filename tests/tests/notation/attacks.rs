//! Advisories and findings of audits, through the whole product: what `notation-rs` refuses has its code.

use serde_json::json;
use verimage::{Code, CryptoSet, PolicyError};

use crate::sign::{
    Pki,
    certificate::{BASIC_CONSTRAINTS, ROOT, TIME_STAMPING, basic_constraints, purposes},
    der::oid,
    token::{Attributes, CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE, Token},
};
use crate::world::{JWS, KEY, World, jws};

fn load(world: &World) -> Result<(), PolicyError> {
    world.policy(CryptoSet::rustcrypto()).map(drop)
}

/// CVE-2023-25656: a name with a value in hexadecimal, or without end.
#[test]
fn names_that_exhaust_whoever_reads_them() {
    let named = |name: &str| load(&World::new().with("identities", json!([format!("x509.subject: {name}")])));
    named("C=US, ST=WA, O=Acme").unwrap();
    let long = format!("C=US, ST=WA, O={}", "a".repeat(1 << 20));
    for name in ["C=US, ST=WA, O=#1c84ffffffff", "C=US, ST=WA, O=Acme, CN=#0500", &long] {
        let error = named(name).unwrap_err();
        assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyInvalid, "/rules/0/require/notation"), "{error}");
    }
}

/// Audit 2025, INFO-6: what the signer of a token signs stands there once, and is about this token.
#[test]
fn signed_attributes_of_a_token() {
    let with = |change: &dyn Fn(&mut Attributes)| {
        let mut envelope = jws();
        let token = Token::new(&envelope.signature());
        let mut attributes = token.attributes();
        change(&mut attributes);
        envelope.token = Some(token.with_signers(&[token.signer(&attributes)]));
        World::new().stamped().attach(JWS, &envelope.build())
    };
    with(&|_| {}).accepts();
    for id in [CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE] {
        let position = |attributes: &Attributes| attributes.iter().position(|(known, _)| *known == id).unwrap();
        let twice = with(&|attributes| attributes.push(attributes[position(attributes)].clone()));
        let two_values = with(&|attributes| {
            let at = position(attributes);
            let value = attributes[at].1[0].clone();
            attributes[at].1.push(value);
        });
        let absent = with(&|attributes| attributes.retain(|(known, _)| *known != id));
        for world in [twice, two_values, absent] {
            world.denies("timestamp-invalid");
        }
    }
    with(&|attributes| attributes[0].1 = vec![oid("1.2.840.113549.1.7.1")]).denies("timestamp-invalid");
}

/// Audit 2025, INFO-8: an anchor for timestamps is the root of an authority.
#[test]
fn anchors_for_timestamps_are_roots() {
    let trusting = |der: &[u8]| load(&World::new().stamped().trusting("stamps", der));
    let pki = Pki::new(KEY);
    trusting(&pki.root.der(ROOT)).unwrap();
    let no_authority = pki.root.clone().replacing(BASIC_CONSTRAINTS, basic_constraints(true, false, None));
    let [leaf, intermediate, _] = pki.chain().try_into().unwrap();
    for der in [leaf, intermediate, no_authority.der(ROOT), pki.leaf.with(purposes(true, &[TIME_STAMPING])).der(ROOT)] {
        let error = trusting(&der).unwrap_err();
        assert_eq!(error.code, Code::PolicyInvalid, "{error}");
    }
}

/// Audit 2025, INFO-9: certificates that say nowhere who could have revoked them pass, and the verdict says so.
#[test]
fn certificates_without_a_revocation_source_are_told() {
    let told = |world: World| world.judge().warnings.contains(&"notation-no-revocation-source".to_owned());
    let world = World::new().attach(JWS, &jws().build());
    world.accepts();
    assert!(told(world.clone()));
    assert!(!told(world.with("level", json!({"revocation": "skip"}))));
}

/// A signature by an authority's time is looked for below another kind of anchor than one by the signer's own.
#[test]
fn who_signs_does_not_vouch_for_his_own_time() {
    let by_authority = crate::sign::Jws::by_authority(KEY).payload(&jws().payload).build();
    let world = World::new().attach(JWS, &by_authority);
    world.accepts();
    world.without("authority").denies("certificate-untrusted");
    World::new().attach(JWS, &jws().build()).without("acme").denies("certificate-untrusted");
}
