//! Which rule a chain breaks.

use jiff::Timestamp;
use thiserror::Error;
use verimage_crypto::{
    KeyError,
    x509::{CertificateError, ObjectIdentifier},
};

use crate::UnsupportedKey;

/// Which rule a certificate chain breaks. Each names the certificate by its subject.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields have one meaning throughout: the subject of the certificate, and what was found
pub enum ChainError {
    /// The key of an authority is too short, or of a kind that is not served.
    #[error("key of the authority \"{subject}\" is not supported: {error}")]
    AuthorityKey { subject: String, error: KeyError },
    /// There is no certificate.
    #[error("certificate chain must contain at least one certificate")]
    Empty,
    /// The leaf is for a purpose that a signing certificate must not have.
    #[error("certificate with subject \"{subject}\": extended key usage must not contain {purpose} eku")]
    ForeignPurpose { subject: String, purpose: &'static str },
    /// The leaf has a use that a signing key must not have.
    #[error("certificate with subject \"{subject}\": The key usage must be \"Digital Signature\" only, but found \"{found}\"")]
    ForeignUsage { subject: String, found: &'static str },
    /// The signature of a certificate is with an algorithm that is not served, such as SHA-1.
    #[error("certificate with subject \"{subject}\": cannot verify signature: insecure algorithm {oid}")]
    InsecureAlgorithm { subject: String, oid: ObjectIdentifier },
    /// The only certificate is not signed with its own key.
    #[error("invalid self-signed certificate. subject: \"{subject}\". Error: {error}")]
    InvalidSelfSigned { subject: String, error: CertificateError },
    /// Key usage is missing.
    #[error("certificate with subject \"{subject}\": key usage extension must be present")]
    KeyUsageMissing { subject: String },
    /// Key usage is not critical.
    #[error("certificate with subject \"{subject}\": key usage extension must be marked critical")]
    KeyUsageNotCritical { subject: String },
    /// The leaf is an authority.
    #[error("certificate with subject \"{subject}\": if the basic constraints extension is present, the ca field must be set to false")]
    LeafIsAuthority { subject: String },
    /// The key of the leaf is not one of the six kinds.
    #[error("certificate with subject \"{subject}\": {error}")]
    LeafKey { subject: String, error: UnsupportedKey },
    /// An issuer is no authority, or does not say so critically.
    #[error("certificate with subject \"{subject}\": ca field in basic constraints must be present, critical, and set to true")]
    NotAuthority { subject: String },
    /// The key of an issuer is not for signing certificates.
    #[error("certificate with subject \"{subject}\": key usage must have the bit positions for key cert sign set")]
    NotForCertificates { subject: String },
    /// The key of the leaf is not for signatures.
    #[error("certificate with subject \"{subject}\": The key usage must have the bit positions for \"Digital Signature\" set")]
    NotForSignatures { subject: String },
    /// The signer of a timestamp is not for timestamps alone.
    #[error("timestamp signing certificate with subject \"{subject}\" must have and only have Timestamping as extended key usage")]
    NotForTimestamps { subject: String },
    /// A certificate was not signed by the next one.
    #[error("certificate with subject \"{subject}\" is not issued by \"{issuer}\"")]
    NotIssued { subject: String, issuer: String },
    /// More authorities stand below one than it allows.
    #[error("certificate with subject \"{subject}\": expected path length of {expected} but certificate has path length {found} instead")]
    PathLength { subject: String, expected: u64, found: u64 },
    /// The last certificate is not signed with its own key.
    #[error(
        "root certificate with subject \"{subject}\" is not self-signed. Certificate chain must end with a valid self-signed root certificate"
    )]
    RootNotSelfSigned { subject: String },
    /// An authority in the middle of the chain is signed with its own key.
    #[error(
        "intermediate certificate with subject \"{subject}\" is self-signed. Certificate chain must not contain self-signed intermediate certificate"
    )]
    SelfSignedIntermediate { subject: String },
    /// The leaf of a longer chain is signed with its own key.
    #[error("leaf certificate with subject \"{subject}\" is self-signed. Certificate chain must not contain self-signed leaf certificate")]
    SelfSignedLeaf { subject: String },
    /// A serial number is zero or negative.
    #[error("certificate with subject \"{subject}\": serial number must be positive")]
    Serial { subject: String },
}

/// A certificate that is not valid when it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValidityError {
    /// It had expired.
    #[error("certificate \"{subject}\" expired at \"{not_after}\"")]
    Expired {
        /// The certificate.
        subject: String,
        /// Its last second.
        not_after: Timestamp,
    },
    /// It was not valid yet.
    #[error("certificate \"{subject}\" is valid from \"{not_before}\"")]
    NotYetValid {
        /// The certificate.
        subject: String,
        /// Its first second.
        not_before: Timestamp,
    },
}
