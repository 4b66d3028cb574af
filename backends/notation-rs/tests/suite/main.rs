//! The specifications, section by section, with a signer that does wrong what it is asked to. One test for each row.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, unreachable_pub, missing_docs)]

mod algorithms;
mod attacks;
mod chains;
mod corpus;
mod divergences;
mod envelopes;
mod levels;
mod policies;
mod revocations;
mod sign;
mod stores;
mod timestamps;
mod validity;

use notation_rs::{
    Timestamp,
    envelope::{Envelope, Format, IntegrityError, PssSalt, VerifiedEnvelope},
    revocation::Material,
    trust_policy::{OciDocument, Statement},
    verify::{Expected, Outcome, Verification},
    {StoreName, StoreType, TrustStore, TrustStores},
};
use verimage_crypto::CryptoSet;

/// When everything happens, unless a test says otherwise: within the validity of all certificates.
const NOW: &str = "2025-06-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Under every crypto set, which must agree.
#[track_caller]
fn integrity_with(format: Format, bytes: &[u8], salt: PssSalt) -> Result<VerifiedEnvelope, IntegrityError> {
    let envelope = Envelope::parse(format, bytes)?;
    let outcomes = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|set| envelope.verify_integrity(&set, salt));
    let [first, second] = &outcomes;
    match (first, second) {
        (Ok(first), Ok(second)) => assert_eq!(first.warnings(), second.warnings()),
        (Err(first), Err(second)) => assert_eq!(first, second),
        _ => panic!("the crypto sets disagree: {outcomes:?}"),
    }
    outcomes.into_iter().next().unwrap()
}

#[track_caller]
fn jws(jws: &sign::Jws) -> Result<VerifiedEnvelope, IntegrityError> {
    integrity_with(Format::Jws, &jws.build(), PssSalt::AnyInJws)
}

#[track_caller]
fn cose(cose: &sign::Cose) -> Result<VerifiedEnvelope, IntegrityError> {
    integrity_with(Format::Cose, &cose.build(), PssSalt::AnyInJws)
}

fn store(store_type: StoreType, certificates: &[Vec<u8>]) -> TrustStore {
    let files = certificates.iter().map(|der| ("test.crt", der.as_slice()));
    TrustStore::new(store_type, StoreName::new("test").unwrap(), files, &CryptoSet::rustcrypto()).unwrap()
}

/// The root of every chain, for signers, for authorities and for timestamps.
fn stores() -> TrustStores {
    let root = [sign::Pki::new(sign::Key::P256("leaf")).root.der(sign::certificate::ROOT)];
    StoreType::ALL.into_iter().map(|store_type| store(store_type, &root)).collect()
}

/// A statement with these members; the level is strict and everybody is trusted, unless they say otherwise.
fn statement(members: serde_json::Value) -> Statement {
    let mut statement = serde_json::json!({"name": "test", "registryScopes": ["*"], "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:test", "signingAuthority:test"], "trustedIdentities": ["*"]});
    for (name, value) in members.as_object().unwrap() {
        statement[name] = value.clone();
    }
    let document = serde_json::json!({"version": "1.0", "trustPolicies": [statement]});
    OciDocument::parse(document.to_string().as_bytes()).unwrap().statements()[0].clone()
}

const EXPECTED: Expected<'_> = Expected::Artifact { media_type: sign::MEDIA_TYPE, digest: sign::DIGEST, size: sign::SIZE };

/// The whole verification, under every crypto set, which must agree.
#[track_caller]
fn verify_at(statement: &Statement, format: Format, bytes: &[u8], now: &str) -> Outcome {
    let stores = stores();
    let outcomes = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()]
        .map(|set| Verification::new(statement, &stores, set).verify(format, bytes, EXPECTED, at(now), &Material::new()));
    assert_eq!(outcomes[0].checks, outcomes[1].checks);
    outcomes.into_iter().next().unwrap()
}

#[track_caller]
fn verify(statement: &Statement, bytes: &[u8]) -> Outcome {
    verify_at(statement, Format::Jws, bytes, NOW)
}

fn strict() -> Statement {
    statement(serde_json::json!({}))
}

/// Refused, and with what.
macro_rules! refused {
    ($outcome:expr, $pattern:pat $(if $guard:expr)?) => {
        match $outcome {
            Err($pattern) $(if $guard)? => {}
            other => panic!("expected {}, found {other:?}", stringify!($pattern)),
        }
    };
}
use refused;
