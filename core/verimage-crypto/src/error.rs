//! What can be wrong with a key or with a signature.

use std::fmt;

use thiserror::Error;

use crate::{Algorithm, KeyKind};

/// Why bytes are not a public key that `verimage` uses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A PEM block stands there, but its frame or its base64 is broken.
    #[error("PEM block is damaged")]
    DamagedPem,
    /// The point is not on the curve, or not in the one form that is read: uncompressed for ECDSA, 32
    /// bytes for Ed25519.
    #[error("public point is not on the curve or not in the expected form")]
    InvalidPoint,
    /// The bytes are not the DER structure of a public key.
    #[error("public key is not valid DER")]
    MalformedDer,
    /// A second PEM block follows; a key file holds one key.
    #[error("more than one PEM block found, expected exactly one")]
    MoreThanOneBlock,
    /// The key can be read, but is not written in the one form that DER allows.
    #[error("public key is not in canonical DER")]
    NotCanonical,
    /// Something else than a public key in PEM.
    #[error("found {found}, expected a PEM block `PUBLIC KEY` or `RSA PUBLIC KEY`")]
    NotPublicKey {
        /// What was found.
        found: Found,
    },
    /// The crypto set refused a key that passed all checks.
    #[error("crypto set `{set}` refused the {kind} key")]
    RefusedBySet {
        /// Name of the crypto set.
        set: &'static str,
        /// Kind of the key.
        kind: KeyKind,
    },
    /// The RSA exponent is not an odd number from 3 to 2^33-1.
    #[error("RSA exponent is not an odd number from 3 to 2^33-1")]
    RsaExponent,
    /// The RSA modulus is even, so it is no product of two primes.
    #[error("RSA modulus is even")]
    RsaModulusEven,
    /// The RSA modulus is too short to be safe or too long to be served.
    #[error("RSA modulus has {bits} bits, expected 2048 to 8192")]
    RsaModulusSize {
        /// Length of the modulus.
        bits: u32,
    },
    /// The Ed25519 point has small order: anyone can sign for it.
    #[error("Ed25519 point has small order")]
    SmallOrderPoint,
    /// Text other than white space follows the PEM block.
    #[error("text follows the PEM block")]
    TrailingText,
    /// The elliptic curve is not given by its name.
    #[error("elliptic curve is not given by its name")]
    UnnamedCurve,
    /// A key of an algorithm that is not served.
    #[error("public key algorithm {oid} is not supported")]
    UnsupportedAlgorithm {
        /// Object identifier of the algorithm.
        oid: String,
    },
    /// An elliptic curve other than P-256, P-384 and P-521.
    #[error("elliptic curve {oid} is not supported, expected P-256, P-384 or P-521")]
    UnsupportedCurve {
        /// Object identifier of the curve.
        oid: String,
    },
}

/// What stood where a public key in PEM was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// Bytes that are not text, as DER is.
    Binary,
    /// An X.509 certificate.
    Certificate,
    /// No bytes but white space.
    Nothing,
    /// An OpenPGP block.
    OpenPgp,
    /// A PEM block of another type.
    OtherBlock {
        /// The type in the block's first line.
        label: String,
    },
    /// A private key. It should not be where verifiers can read it.
    PrivateKey,
    /// A public key in the one-line form of OpenSSH.
    SshPublicKey,
    /// Text without a PEM block.
    Text,
}

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary => out.write_str("binary data"),
            Self::Certificate => out.write_str("a certificate"),
            Self::Nothing => out.write_str("nothing"),
            Self::OpenPgp => out.write_str("an OpenPGP block"),
            Self::OtherBlock { label } => write!(out, "a PEM block `{label}`"),
            Self::PrivateKey => out.write_str("a private key"),
            Self::SshPublicKey => out.write_str("an OpenSSH public key"),
            Self::Text => out.write_str("text without a PEM block"),
        }
    }
}

/// Why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The key is of another kind than the algorithm needs.
    #[error("algorithm {algorithm} does not fit the {key} key")]
    AlgorithmMismatch {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// The kind of the key.
        key: KeyKind,
    },
    /// The signature is not strict DER of two integers.
    #[error("signature is not valid DER")]
    Encoding,
    /// The signature does not have the one length that the key and the algorithm allow.
    #[error("signature has {found} bytes, expected {expected}")]
    Length {
        /// Bytes that a signature by this key has.
        expected: usize,
        /// Bytes that this signature has.
        found: usize,
    },
    /// The signature is well formed, but the key did not make it for this message.
    #[error("signature does not match the message and the key")]
    Mismatch,
    /// A number in the signature is outside the range in which it is unique.
    #[error("signature holds a number that is out of range")]
    OutOfRange,
    /// The point `R` of an Ed25519 signature is not canonical or has small order.
    #[error("signature holds a weak or non-canonical point")]
    WeakPoint,
}

impl From<Refused> for SignatureError {
    fn from(Refused: Refused) -> Self {
        Self::Mismatch
    }
}

/// The short no of a part of a crypto set: the key cannot be used, or the signature does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("refused by the crypto set")]
pub struct Refused;

/// Drops what a crypto library has to say: the reasons differ between sets, the verdict does not.
pub(crate) fn refused<E>(_: E) -> Refused {
    Refused
}
