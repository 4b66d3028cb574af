//! What can be wrong with a certificate, a revocation list or a path.

use const_oid::ObjectIdentifier;
use thiserror::Error;

use super::{Certificate, KeyUsage};
use crate::{Found, KeyError, SignatureError};

/// Why bytes are not a certificate or a revocation list, or why its signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// What is signed names another signature algorithm than what is not signed.
    #[error("inner and outer signature algorithm differ")]
    AlgorithmMismatch,
    /// Not as many certificates as expected.
    #[error("found {found} certificates")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// A PEM block stands there, but its frame or its base64 is broken.
    #[error("PEM block is damaged")]
    DamagedPem,
    /// An extension is not as RFC 5280 wants it.
    #[error("extension {id} is malformed")]
    Extension {
        /// The extension.
        id: ObjectIdentifier,
    },
    /// Something else than a certificate in PEM.
    #[error("found {found}, expected a PEM block `CERTIFICATE`")]
    ForeignBlock {
        /// What was found.
        found: Found,
    },
    /// The signer's key cannot be used.
    #[error("key of the signer: {error}")]
    IssuerKey {
        /// What is wrong with it.
        error: KeyError,
    },
    /// The bytes are not strict DER of the structure.
    #[error("{part} is malformed")]
    Malformed {
        /// The part.
        part: &'static str,
    },
    /// The signature is wrong.
    #[error("signature: {error}")]
    Signature {
        /// What is wrong with it.
        error: SignatureError,
    },
    /// The signature algorithm is not served, or not with these parameters.
    #[error("signature algorithm {oid} is not supported")]
    SignatureAlgorithm {
        /// The algorithm.
        oid: ObjectIdentifier,
    },
    /// More bytes than are read.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// Bytes that would be read.
        limit: usize,
    },
    /// A part is larger than in any honest certificate.
    #[error("{part} is too large")]
    TooMany {
        /// The part.
        part: &'static str,
    },
}

/// Why no path leads from a certificate to an anchor.
///
/// When several paths fail, the most specific fault is told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("certificate `{}`: {fault}", certificate.subject())]
pub struct PathError {
    pub(super) certificate: Certificate,
    pub(super) fault: PathFault,
}

impl PathError {
    /// The certificate at fault.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self) -> &PathFault {
        &self.fault
    }
}

/// What is wrong with a certificate in a path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathFault {
    /// Too much work; the search was given up. Another order of the same certificates may have found a path.
    #[error("search for a path was given up after {limit} {what}")]
    Budget {
        /// What was counted.
        what: &'static str,
        /// How many were allowed.
        limit: u32,
    },
    /// It has expired.
    #[error("expired")]
    Expired {
        /// The moment that counts.
        time: i64,
        /// Its last second.
        not_after: i64,
    },
    /// It names a purpose list without the one that is needed, or no list where one is needed.
    #[error("not for the purpose {purpose}")]
    ExtendedKeyUsage {
        /// The purpose.
        purpose: ObjectIdentifier,
    },
    /// Its key may not be used for what it is used for.
    #[error("key usage does not permit this")]
    KeyUsage {
        /// Uses that are needed.
        needed: KeyUsage,
    },
    /// It is a certification authority, which the last certificate must not be.
    #[error("is a certification authority")]
    LeafIsAuthority,
    /// The path through it is longer than it allows.
    #[error("path is longer than its {limit} certificates below")]
    PathLength {
        /// Certificates that may lie between it and the last.
        limit: u64,
    },
    /// It has a name that a certificate above it does not permit, or that cannot be checked.
    #[error("has a name that a certificate above it does not permit")]
    NameConstraint,
    /// It issued another certificate, but is no certification authority.
    #[error("is not a certification authority")]
    NotAuthority,
    /// It is not valid yet.
    #[error("not valid yet")]
    NotYetValid {
        /// The moment that counts.
        time: i64,
        /// Its first second.
        not_before: i64,
    },
    /// No certificate policy holds for the whole path (RFC 5280, section 6.1).
    #[error("no certificate policy holds for the whole path")]
    Policy,
    /// It was revoked.
    #[error("revoked")]
    Revoked {
        /// Since when.
        time: i64,
        /// The `CRLReason`, 0 if none is given.
        reason: u8,
    },
    /// No usable list says whether it was revoked.
    #[error("revocation status is unknown")]
    RevocationUnknown,
    /// Its serial number is zero.
    #[error("serial number is zero")]
    SerialZero,
    /// Its signature is wrong, or the issuer's key cannot be used.
    #[error("{error}")]
    Signature {
        /// What is wrong.
        error: CertificateError,
    },
    /// It has a critical extension that is not understood.
    #[error("critical extension {id} is not understood")]
    UnknownCriticalExtension {
        /// The extension.
        id: ObjectIdentifier,
    },
    /// No certificate with the name of its issuer is at hand, and no anchor has it.
    #[error("issuer `{}` is not known or not trusted", issuer)]
    UnknownIssuer {
        /// The name.
        issuer: String,
    },
}

impl PathFault {
    /// Which fault is told when several paths fail: the higher the closer to a good path.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Budget { .. } => u8::MAX,
            Self::Revoked { .. } => 120,
            Self::RevocationUnknown => 115,
            Self::Policy => 110,
            Self::NameConstraint => 105,
            Self::Expired { .. } => 100,
            Self::NotYetValid { .. } => 95,
            Self::ExtendedKeyUsage { .. } => 90,
            Self::KeyUsage { .. } => 85,
            Self::LeafIsAuthority => 80,
            Self::PathLength { .. } => 75,
            Self::NotAuthority => 70,
            Self::UnknownCriticalExtension { .. } => 65,
            Self::SerialZero => 60,
            Self::Signature { .. } => 50,
            Self::UnknownIssuer { .. } => 0,
        }
    }

    /// Whether the whole search ends, not only this path.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self, Self::Budget { .. })
    }
}
