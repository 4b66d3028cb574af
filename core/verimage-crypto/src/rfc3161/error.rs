//! Why a time stamp does not count.

use thiserror::Error;

use crate::{
    HashAlgorithm,
    x509::{CertificateError, ObjectIdentifier, PathError},
};

/// Why a time stamp does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// A signed attribute is absent, stands more than once or does not have one value.
    #[error("signed attribute {id} does not stand exactly once with one value")]
    Attribute {
        /// The attribute.
        id: ObjectIdentifier,
    },
    /// The content is of another type.
    #[error("content is of type {found}, expected {expected}")]
    ContentType {
        /// The type expected.
        expected: ObjectIdentifier,
        /// The type found.
        found: ObjectIdentifier,
    },
    /// The attribute that names the signing certificate names another.
    #[error("signing certificate attribute names another certificate")]
    EssMismatch,
    /// The scheme wants the signing certificate to be named by the newer attribute, and it is not.
    #[error("signing certificate attribute of version 2 is missing")]
    EssMissing,
    /// The time lies in the future.
    #[error("time stamp lies in the future")]
    Future {
        /// The stamped time, in seconds since 1970.
        gen_time: i64,
        /// The time at which it is judged.
        now: i64,
    },
    /// A hash or signature algorithm is not served, or not with these parameters.
    #[error("algorithm {oid} is not supported")]
    Algorithm {
        /// The algorithm.
        oid: ObjectIdentifier,
    },
    /// What was stamped is something else.
    #[error("time stamp is of another message")]
    Imprint {
        /// The hash of the message that was stamped.
        hash: HashAlgorithm,
    },
    /// The bytes are not strict DER of the structure.
    #[error("{part} is malformed")]
    Malformed {
        /// The part.
        part: &'static str,
    },
    /// The digest that is signed is not that of the content.
    #[error("message digest attribute does not match the content")]
    MessageDigest,
    /// No path leads from the signer to an anchor.
    #[error(transparent)]
    Path(#[from] Box<PathError>),
    /// The authority refused to make a time stamp.
    #[error("response has status {status} and no time stamp")]
    Rejected {
        /// `PKIStatus`.
        status: u64,
    },
    /// The signature is wrong.
    #[error(transparent)]
    Signature(CertificateError),
    /// The signer's certificate is a certification authority.
    #[error("signer is a certification authority")]
    SignerIsAuthority,
    /// The certificate that is named as the signer's is not the pinned one, or is not at hand.
    #[error("certificate of the signer is not the expected one or is missing")]
    SignerUnknown,
    /// The signer's certificate is not for time stamps alone, or does not say so critically.
    #[error("signer's certificate is not for time stamping alone")]
    SignerPurpose,
    /// No signer, or more than are looked at: one, or in some schemes a few.
    #[error("found {found} signers, which is none or too many")]
    Signers {
        /// How many there are.
        found: usize,
    },
    /// More bytes than are read.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// Bytes that would be read.
        limit: usize,
    },
    /// The structure is of a version that is not served.
    #[error("{part} is of version {found}")]
    Version {
        /// The structure.
        part: &'static str,
        /// Its version.
        found: u64,
    },
    /// A critical extension of the time stamp is not understood.
    #[error("critical extension {id} of the time stamp is not understood")]
    UnknownCriticalExtension {
        /// The extension.
        id: ObjectIdentifier,
    },
}
