//! Rules for certificate chains (signature specification, "Certificate Requirements").
//!
//! A chain is ordered and complete: leaf, intermediates, self-signed root. Nothing is searched, fetched or sorted. Of the
//! extensions, only basic constraints, key usage and extended key usage decide, as the specification wants it.

mod error;

use jiff::Timestamp;
use verimage_crypto::{
    CryptoSet,
    x509::{Certificate, CertificateError, KeyUsage, ObjectIdentifier},
};

use crate::{SignatureAlgorithm, Warning};

pub use error::{ChainError, ValidityError};

const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
/// Extensions that decide.
const EVALUATED: [ObjectIdentifier; 3] = [ObjectIdentifier::new_unwrap("2.5.29.19"), KEY_USAGE, ObjectIdentifier::new_unwrap("2.5.29.37")];

const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// Purposes that a signing certificate must not have.
const FOREIGN_PURPOSES: [(ObjectIdentifier, &str); 6] = [
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"), "ServerAuth"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"), "ClientAuth"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4"), "EmailProtection"),
    (TIME_STAMPING, "Timestamping"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9"), "OCSPSigning"),
    (ObjectIdentifier::new_unwrap("2.5.29.37.0"), "Any"),
];

/// Uses that a signing key must not have.
const FOREIGN_USAGES: [(KeyUsage, &str); 7] = [
    (KeyUsage::KEY_ENCIPHERMENT, "KeyEncipherment"),
    (KeyUsage::DATA_ENCIPHERMENT, "DataEncipherment"),
    (KeyUsage::KEY_AGREEMENT, "KeyAgreement"),
    (KeyUsage::KEY_CERT_SIGN, "CertSign"),
    (KeyUsage::CRL_SIGN, "CRLSign"),
    (KeyUsage::ENCIPHER_ONLY, "EncipherOnly"),
    (KeyUsage::DECIPHER_ONLY, "DecipherOnly"),
];

/// Checks a chain that signed an artifact, but for time.
///
/// # Errors
/// [`ChainError`] with the first rule that is broken, from the leaf to the root.
pub fn check_code_signing(chain: &[Certificate], set: &CryptoSet) -> Result<Vec<Warning>, ChainError> {
    let leaf = chain.first().ok_or(ChainError::Empty)?;
    check_structure(chain, set)?;
    check_end_entity(leaf)?;
    if !has_critical_key_usage(leaf) {
        return Err(ChainError::KeyUsageNotCritical { subject: subject(leaf) });
    }
    for purpose in leaf.extended_key_usage().into_iter().flat_map(|usage| &usage.purposes) {
        if let Some((_, name)) = FOREIGN_PURPOSES.iter().find(|(id, _)| id == purpose) {
            return Err(ChainError::ForeignPurpose { subject: subject(leaf), purpose: name });
        }
    }
    Ok(chain.iter().flat_map(ignored_extensions).collect())
}

/// Checks a chain that signed a timestamp, but for time.
///
/// # Errors
/// As [`check_code_signing`]; and the leaf is for timestamps alone, critically.
pub fn check_time_stamping(chain: &[Certificate], set: &CryptoSet) -> Result<(), ChainError> {
    let leaf = chain.first().ok_or(ChainError::Empty)?;
    check_structure(chain, set)?;
    check_end_entity(leaf)?;
    match leaf.extended_key_usage() {
        Some(usage) if usage.critical && usage.purposes == [TIME_STAMPING] => Ok(()),
        _ => Err(ChainError::NotForTimestamps { subject: subject(leaf) }),
    }
}

/// Whether every certificate is valid from one moment to another, both included.
///
/// # Errors
/// [`ValidityError`] names the first certificate that is not.
pub fn check_validity(chain: &[Certificate], from: Timestamp, until: Timestamp) -> Result<(), ValidityError> {
    for certificate in chain {
        let validity = certificate.validity();
        // Beyond the years that can be written, nobody is early or late.
        let begin = Timestamp::from_second(validity.not_before).unwrap_or(Timestamp::MIN);
        let end = valid_until(certificate);
        if from < begin {
            return Err(ValidityError::NotYetValid { subject: subject(certificate), not_before: begin });
        }
        if until > end {
            return Err(ValidityError::Expired { subject: subject(certificate), not_after: end });
        }
    }
    Ok(())
}

/// The last moment at which a certificate is valid.
pub(crate) fn valid_until(certificate: &Certificate) -> Timestamp {
    Timestamp::from_second(certificate.validity().not_after).unwrap_or(Timestamp::MAX)
}

/// Order, signatures, and the rules for authorities.
fn check_structure(chain: &[Certificate], set: &CryptoSet) -> Result<(), ChainError> {
    for certificate in chain {
        check_serial(certificate)?;
        certificate.signature_algorithm().map_err(|oid| ChainError::InsecureAlgorithm { subject: subject(certificate), oid })?;
    }
    if let [only] = chain {
        return check_self_signature(only, set).map_err(|error| ChainError::InvalidSelfSigned { subject: subject(only), error });
    }
    for (index, pair) in chain.windows(2).enumerate() {
        let [certificate, issuer] = pair else { continue };
        check_issued(certificate, issuer, set)?;
        let is_authority = certificate.is_ca() && check_self_signature(certificate, set).is_ok();
        if is_authority {
            let subject = subject(certificate);
            return Err(if index == 0 { ChainError::SelfSignedLeaf { subject } } else { ChainError::SelfSignedIntermediate { subject } });
        }
    }
    if let Some(root) = chain.last() {
        check_self_signature(root, set).map_err(|_| ChainError::RootNotSelfSigned { subject: subject(root) })?;
    }
    for (below, authority) in (0_u64..).zip(chain.iter().skip(1)) {
        check_authority(authority, below)?;
    }
    Ok(())
}

/// RFC 5280, section 4.1.2.2: serial numbers are positive.
fn check_serial(certificate: &Certificate) -> Result<(), ChainError> {
    let serial = certificate.serial();
    let positive = serial.first().is_some_and(|first| first & 0x80 == 0) && serial.iter().any(|byte| *byte != 0);
    if positive { Ok(()) } else { Err(ChainError::Serial { subject: subject(certificate) }) }
}

/// Names are compared byte by byte.
fn check_issued(certificate: &Certificate, issuer: &Certificate, set: &CryptoSet) -> Result<(), ChainError> {
    let not_issued = || ChainError::NotIssued { subject: subject(certificate), issuer: subject(issuer) };
    if certificate.issuer().der() != issuer.subject().der() {
        return Err(not_issued());
    }
    match certificate.verify_signed_by(issuer, set) {
        Ok(()) => Ok(()),
        Err(CertificateError::IssuerKey { error }) => Err(ChainError::AuthorityKey { subject: subject(issuer), error }),
        Err(_) => Err(not_issued()),
    }
}

pub(crate) fn check_self_signature(certificate: &Certificate, set: &CryptoSet) -> Result<(), CertificateError> {
    if certificate.issuer().der() != certificate.subject().der() {
        return Err(CertificateError::Malformed { part: "issuer, which is not the subject," });
    }
    certificate.verify_signed_by(certificate, set)
}

/// `below` is the number of authorities between this one and the leaf.
pub(crate) fn check_authority(certificate: &Certificate, below: u64) -> Result<(), ChainError> {
    let subject = || subject(certificate);
    let constraints = certificate.basic_constraints().filter(|constraints| constraints.critical && constraints.is_ca);
    let constraints = constraints.ok_or_else(|| ChainError::NotAuthority { subject: subject() })?;
    if let Some(found) = constraints.path_length.filter(|length| *length < below) {
        return Err(ChainError::PathLength { subject: subject(), expected: below, found });
    }
    let usage = certificate.key_usage().ok_or_else(|| ChainError::KeyUsageMissing { subject: subject() })?;
    if !has_critical_key_usage(certificate) {
        return Err(ChainError::KeyUsageNotCritical { subject: subject() });
    }
    if !usage.contains(KeyUsage::KEY_CERT_SIGN) {
        return Err(ChainError::NotForCertificates { subject: subject() });
    }
    certificate.public_key().map(|_| ()).map_err(|error| ChainError::AuthorityKey { subject: subject(), error: error.clone() })
}

/// The rules for keys that sign artifacts or timestamps.
fn check_end_entity(certificate: &Certificate) -> Result<(), ChainError> {
    let subject = || subject(certificate);
    if certificate.is_ca() {
        return Err(ChainError::LeafIsAuthority { subject: subject() });
    }
    let usage = certificate.key_usage().ok_or_else(|| ChainError::KeyUsageMissing { subject: subject() })?;
    if !usage.contains(KeyUsage::DIGITAL_SIGNATURE) {
        return Err(ChainError::NotForSignatures { subject: subject() });
    }
    if let Some((_, found)) = FOREIGN_USAGES.iter().find(|(foreign, _)| usage.intersects(*foreign)) {
        return Err(ChainError::ForeignUsage { subject: subject(), found });
    }
    SignatureAlgorithm::of_certificate(certificate).map(|_| ()).map_err(|error| ChainError::LeafKey { subject: subject(), error })
}

fn has_critical_key_usage(certificate: &Certificate) -> bool {
    certificate.extension(KEY_USAGE).is_some_and(verimage_crypto::x509::Extension::is_critical)
}

fn ignored_extensions(certificate: &Certificate) -> impl Iterator<Item = Warning> {
    let ignored = certificate.extensions().iter().filter(|extension| extension.is_critical() && !EVALUATED.contains(&extension.id()));
    ignored.map(|extension| Warning::CriticalExtension { subject: subject(certificate), id: extension.id() })
}

pub(crate) fn subject(certificate: &Certificate) -> String {
    certificate.subject().to_string()
}
