//! Names of the signature algorithms.

use std::fmt;

use crate::HashAlgorithm;

/// A signature algorithm with everything that must be agreed before a signature is looked at.
///
/// Which algorithms may be tried for a key is the knowledge of a signature scheme, not of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA (FIPS 186-5) over the curve of the key, with any of the hashes.
    Ecdsa {
        /// Hash of the message.
        hash: HashAlgorithm,
        /// Byte form of the signature.
        encoding: EcdsaEncoding,
    },
    /// Ed25519 over the message itself (RFC 8032, section 5.1), verified strictly.
    Ed25519,
    /// Ed25519ph (RFC 8032, section 5.1): over the SHA-512 hash of the message, with an empty context, verified strictly.
    /// No other algorithm accepts its signatures, nor it theirs: the hashed bytes begin with a name of their own.
    Ed25519ph,
    /// RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2).
    RsaPkcs1 {
        /// Hash of the message.
        hash: HashAlgorithm,
    },
    /// RSASSA-PSS (RFC 8017, section 8.1), MGF1 over the same hash, salt exactly as long as the hash.
    RsaPss {
        /// Hash of the message.
        hash: HashAlgorithm,
    },
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecdsa { hash, encoding } => write!(out, "ECDSA with {hash} ({encoding})"),
            Self::Ed25519 => out.write_str("Ed25519"),
            Self::Ed25519ph => out.write_str("Ed25519ph"),
            Self::RsaPkcs1 { hash } => write!(out, "RSA PKCS#1 v1.5 with {hash}"),
            Self::RsaPss { hash } => write!(out, "RSA PSS with {hash}"),
        }
    }
}

/// Byte form of an ECDSA signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EcdsaEncoding {
    /// ASN.1 `SEQUENCE { r INTEGER, s INTEGER }` in DER: X.509, cosign.
    Der,
    /// `r` then `s`, each as wide as the field of the curve: JWS, COSE, Notary v1.
    Fixed,
}

impl fmt::Display for EcdsaEncoding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Der => "DER",
            Self::Fixed => "fixed width",
        })
    }
}

/// Padding of an RSA signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RsaPadding {
    /// RSASSA-PKCS1-v1_5.
    Pkcs1,
    /// RSASSA-PSS with the salt as long as the hash.
    Pss,
}
