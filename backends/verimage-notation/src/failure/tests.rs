//! Every refusal of `notation-rs` has its code.

use notation_rs::chain::{ChainError, ValidityError};
use notation_rs::plugin::Capability;
use notation_rs::{
    Label, PayloadError, SignatureAlgorithm, StoreName, StoreType, Timestamp, TimestampError, TrustStoreError, UnsupportedKey,
};
use verimage_core::CodeClass;
use verimage_crypto::{KeyError, SignatureError};

use super::*;

fn text() -> String {
    "x".to_owned()
}

fn time() -> Timestamp {
    "2025-01-01T00:00:00Z".parse().unwrap()
}

fn expired() -> ValidityError {
    ValidityError::Expired { subject: text(), not_after: time() }
}

#[test]
fn each_failure_of_integrity_has_its_code() {
    let (key, header) = (SignatureAlgorithm::EcdsaSha256, SignatureAlgorithm::EcdsaSha384);
    for (error, expected) in [
        (IntegrityError::AlgorithmMismatch { key, header }, Code::SignatureInvalid),
        (ChainError::Empty.into(), Code::CertificateUntrusted),
        (EnvelopeError::CriticalMissing.into(), Code::PayloadMalformed),
        (EnvelopeError::UnknownCritical { label: Label::from("x") }.into(), Code::PluginRequired),
        (UnsupportedKey::RsaSize { bits: 1024 }.into(), Code::KeyUnsupported),
        (PayloadError::Member { name: "size", expected: "a number" }.into(), Code::PayloadMalformed),
        (SignatureError::Mismatch.into(), Code::SignatureInvalid),
        (IntegrityError::SignatureKey(KeyError::InvalidPoint), Code::KeyUnsupported),
        (IntegrityError::SaltLength { found: 32, expected: 64 }, Code::SignatureInvalid),
    ] {
        let failure = of_check(&CheckError::Integrity(error), false);
        assert_eq!((failure.code, failure.class()), (expected, CodeClass::Deny), "{}", failure.detail);
    }
}

#[test]
fn each_failure_of_a_check_has_its_code() {
    let (name, reason, statement, subject) = (text(), text(), text(), text());
    let version = || "1.0.0".parse().unwrap();
    let store = StoreName::new("x").unwrap();
    for (error, expected) in [
        (CheckError::TargetMismatch { member: "size", found: text(), expected: text() }, Code::SubjectMismatch),
        (CheckError::MetadataMissing { key: text() }, Code::AnnotationMismatch),
        (CheckError::PluginRequired { name: text(), min_version: None }, Code::PluginRequired),
        (CheckError::PluginTooOld { name: text(), version: version(), least: version() }, Code::PluginRequired),
        (CheckError::PluginWithoutCapability { name: text() }, Code::PluginRequired),
        (CheckError::PluginFailed { name: text(), reason: text() }, Code::PluginRequired),
        (CheckError::AttributeNotProcessed { label: Label::from("x"), name: text() }, Code::PluginRequired),
        (CheckError::RefusedByPlugin { name, capability: Capability::TrustedIdentity, reason }, Code::PluginRequired),
        (CheckError::TrustStore(TrustStoreError::NotFound { store_type: StoreType::Ca, name: store }), Code::CertificateUntrusted),
        (CheckError::NoTrustedCertificates, Code::CertificateUntrusted),
        (CheckError::Untrusted, Code::CertificateUntrusted),
        (CheckError::NoX509Identities { statement: text() }, Code::IdentityMismatch),
        (CheckError::IdentityMismatch { subject, identities: Vec::new(), statement }, Code::IdentityMismatch),
        (CheckError::Expired { expiry: time() }, Code::SignatureExpired),
        (CheckError::NotValidNow(expired()), Code::CertificateExpired),
        (CheckError::NotValidWhenSigned { time: time(), error: expired() }, Code::CertificateExpired),
        (CheckError::FromTheFuture { time: time() }, Code::TimestampInvalid),
        (CheckError::Timestamp(TimestampError::Missing), Code::TimestampMissing),
        (CheckError::Timestamp(TimestampError::NotToken), Code::TimestampInvalid),
        (CheckError::Timestamp(TimestampError::Outside(expired())), Code::TimestampInvalid),
        (CheckError::Revoked { role: "signing", subject: text() }, Code::CertificateRevoked),
        (CheckError::RevocationUnknown { role: "signing", subject: text(), reasons: Vec::new() }, Code::RevocationUnknown),
        (CheckError::RevocationNotAsked, Code::RevocationUnknown),
    ] {
        let unreachable = matches!(error, CheckError::RevocationUnknown { .. });
        for (silent, class) in [(false, CodeClass::Deny), (true, if unreachable { CodeClass::Inconclusive } else { CodeClass::Deny })] {
            let failure = of_check(&error, silent);
            assert_eq!((failure.code, failure.class()), (expected, class), "{}", failure.detail);
        }
    }
}
