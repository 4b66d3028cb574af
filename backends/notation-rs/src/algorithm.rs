//! Signature algorithms: the leaf key alone decides which one it is.

use std::fmt;

use thiserror::Error;
use verimage_crypto::{Algorithm, EcdsaEncoding, HashAlgorithm, KeyError, KeyKind, x509::Certificate};

/// A signature algorithm of the Notary Project (signature specification, "Signature Algorithm Requirements").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PSS with SHA-256, for RSA keys of 2048 bits.
    RsassaPssSha256,
    /// RSASSA-PSS with SHA-384, for RSA keys of 3072 bits.
    RsassaPssSha384,
    /// RSASSA-PSS with SHA-512, for RSA keys of 4096 bits.
    RsassaPssSha512,
    /// ECDSA with SHA-256, for keys on P-256.
    EcdsaSha256,
    /// ECDSA with SHA-384, for keys on P-384.
    EcdsaSha384,
    /// ECDSA with SHA-512, for keys on P-521.
    EcdsaSha512,
}

/// A leaf key that the Notary Project does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnsupportedKey {
    /// An elliptic curve other than P-256, P-384 and P-521.
    #[error("ecdsa key on curve {oid} is not supported")]
    Curve {
        /// The curve.
        oid: String,
    },
    /// A key that is neither RSA nor ECDSA.
    #[error("unsupported public key type: {kind}")]
    Kind {
        /// What it is.
        kind: String,
    },
    /// A key that is broken.
    #[error("malformed public key: {error}")]
    Malformed {
        /// What is wrong with it.
        error: KeyError,
    },
    /// An RSA key of another size.
    #[error("rsa key size {bits} bits is not supported")]
    RsaSize {
        /// Length of the modulus.
        bits: u32,
    },
}

impl SignatureAlgorithm {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::RsassaPssSha256, Self::RsassaPssSha384, Self::RsassaPssSha512, Self::EcdsaSha256, Self::EcdsaSha384, Self::EcdsaSha512];

    /// The one algorithm that the key of a signing certificate stands for.
    ///
    /// # Errors
    /// [`UnsupportedKey`] for any key that is not one of the six.
    pub fn of_certificate(certificate: &Certificate) -> Result<Self, UnsupportedKey> {
        let key = certificate.public_key().map_err(UnsupportedKey::from)?;
        match key.kind() {
            KeyKind::EcdsaP256 => Ok(Self::EcdsaSha256),
            KeyKind::EcdsaP384 => Ok(Self::EcdsaSha384),
            KeyKind::EcdsaP521 => Ok(Self::EcdsaSha512),
            // The size of a modulus is counted in bytes.
            KeyKind::Rsa { bits } => match bits.div_ceil(u8::BITS) {
                256 => Ok(Self::RsassaPssSha256),
                384 => Ok(Self::RsassaPssSha384),
                512 => Ok(Self::RsassaPssSha512),
                _ => Err(UnsupportedKey::RsaSize { bits }),
            },
            kind => Err(UnsupportedKey::Kind { kind: kind.to_string() }),
        }
    }

    /// The algorithm that the header `alg` of a JWS names.
    pub(crate) fn from_jws(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.jws_name() == name)
    }

    /// The algorithm that the header 1 of a COSE message names.
    pub(crate) fn from_cose(number: i128) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.cose_number() == number)
    }

    /// The name in JWS (RFC 7518, section 3.1).
    #[must_use]
    pub fn jws_name(self) -> &'static str {
        match self {
            Self::RsassaPssSha256 => "PS256",
            Self::RsassaPssSha384 => "PS384",
            Self::RsassaPssSha512 => "PS512",
            Self::EcdsaSha256 => "ES256",
            Self::EcdsaSha384 => "ES384",
            Self::EcdsaSha512 => "ES512",
        }
    }

    /// The number in COSE (RFC 9053, section 2; RFC 8230, section 2).
    #[must_use]
    pub fn cose_number(self) -> i128 {
        match self {
            Self::RsassaPssSha256 => -37,
            Self::RsassaPssSha384 => -38,
            Self::RsassaPssSha512 => -39,
            Self::EcdsaSha256 => -7,
            Self::EcdsaSha384 => -35,
            Self::EcdsaSha512 => -36,
        }
    }

    /// The hash of the message. The digests of blobs and of timestamps follow it.
    #[must_use]
    pub fn hash(self) -> HashAlgorithm {
        match self {
            Self::RsassaPssSha256 | Self::EcdsaSha256 => HashAlgorithm::Sha256,
            Self::RsassaPssSha384 | Self::EcdsaSha384 => HashAlgorithm::Sha384,
            Self::RsassaPssSha512 | Self::EcdsaSha512 => HashAlgorithm::Sha512,
        }
    }

    /// The algorithm as the crypto sets know it; strict about the salt.
    pub(crate) fn primitive(self) -> Algorithm {
        let hash = self.hash();
        match self {
            Self::RsassaPssSha256 | Self::RsassaPssSha384 | Self::RsassaPssSha512 => Algorithm::RsaPss { hash },
            Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512 => Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Fixed },
        }
    }
}

/// As the command line of the Notary Project writes it.
impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::RsassaPssSha256 => "RSASSA-PSS-SHA-256",
            Self::RsassaPssSha384 => "RSASSA-PSS-SHA-384",
            Self::RsassaPssSha512 => "RSASSA-PSS-SHA-512",
            Self::EcdsaSha256 => "ECDSA-SHA-256",
            Self::EcdsaSha384 => "ECDSA-SHA-384",
            Self::EcdsaSha512 => "ECDSA-SHA-512",
        })
    }
}

impl From<&KeyError> for UnsupportedKey {
    fn from(error: &KeyError) -> Self {
        match error {
            KeyError::RsaModulusSize { bits } => Self::RsaSize { bits: *bits },
            KeyError::UnsupportedAlgorithm { oid } => Self::Kind { kind: oid.clone() },
            KeyError::UnsupportedCurve { oid } => Self::Curve { oid: oid.clone() },
            error => Self::Malformed { error: error.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_back() {
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(SignatureAlgorithm::from_jws(algorithm.jws_name()), Some(algorithm));
            assert_eq!(SignatureAlgorithm::from_cose(algorithm.cose_number()), Some(algorithm));
        }
    }

    #[test]
    fn attack_other_algorithms_have_no_name() {
        for name in ["none", "HS256", "RS256", "ES256K", "EdDSA", "ps256", "PS256 ", ""] {
            assert_eq!(SignatureAlgorithm::from_jws(name), None, "{name}");
        }
        for number in [-8, -47, -257, 5, 0, -65535] {
            assert_eq!(SignatureAlgorithm::from_cose(number), None, "{number}");
        }
    }
}
