//! What does not fail a signature, but should be told.

use std::fmt;

use verimage_crypto::{HashAlgorithm, x509::ObjectIdentifier};

/// Something that does not fail a signature, but should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A certificate of the chain has a critical extension that is not evaluated, as the specification wants it.
    CriticalExtension {
        /// The certificate.
        subject: String,
        /// The extension.
        id: ObjectIdentifier,
    },
    /// The timestamp is over another hash than the leaf key stands for.
    ImprintHash {
        /// The hash of the timestamp.
        found: HashAlgorithm,
        /// The hash of the key.
        expected: HashAlgorithm,
    },
    /// A certificate says nowhere where its revocation could be asked for.
    NoRevocationSource {
        /// The certificate.
        subject: String,
    },
    /// A delegated OCSP responder whose own revocation was not asked for.
    ResponderNotChecked {
        /// The certificate of the responder.
        subject: String,
    },
    /// The salt of an RSASSA-PSS signature has not the length of the hash, which JWS demands and signers neglect.
    PssSaltLength {
        /// The length found.
        found: usize,
        /// The length of the hash.
        expected: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CriticalExtension { subject, id } => {
                write!(out, "critical extension {id} of certificate \"{subject}\" is not evaluated")
            }
            Self::ImprintHash { found, expected } => write!(out, "timestamp is over {found}, the signing key stands for {expected}"),
            Self::NoRevocationSource { subject } => {
                write!(out, "certificate \"{subject}\" names neither an OCSP responder nor a revocation list")
            }
            Self::ResponderNotChecked { subject } => write!(out, "revocation of the OCSP responder \"{subject}\" was not checked"),
            Self::PssSaltLength { found, .. } => write!(out, "jws-pss-salt-length={found}"),
        }
    }
}
