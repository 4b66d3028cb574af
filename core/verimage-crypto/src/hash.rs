//! Message hashes.

use std::fmt;

use sha2::{Digest, Sha256, Sha384, Sha512};

/// A hash algorithm that signatures may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// How many bytes a digest has.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Hashes a message.
    ///
    /// ```
    /// let digest = verimage_crypto::HashAlgorithm::Sha256.digest(b"");
    /// assert_eq!(digest.as_bytes()[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    /// ```
    #[must_use]
    pub fn digest(self, message: &[u8]) -> MessageDigest {
        MessageDigest(match self {
            Self::Sha256 => Bytes::Sha256(Sha256::digest(message).into()),
            Self::Sha384 => Bytes::Sha384(Sha384::digest(message).into()),
            Self::Sha512 => Bytes::Sha512(Sha512::digest(message).into()),
        })
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// The hash of a message, together with the algorithm that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageDigest(Bytes);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Bytes {
    Sha256([u8; 32]),
    Sha384([u8; 48]),
    Sha512([u8; 64]),
}

impl MessageDigest {
    /// A digest that somebody else made; nothing if it has not the length of the algorithm's.
    #[must_use]
    pub fn from_bytes(algorithm: HashAlgorithm, bytes: &[u8]) -> Option<Self> {
        let bytes = match algorithm {
            HashAlgorithm::Sha256 => Bytes::Sha256(bytes.try_into().ok()?),
            HashAlgorithm::Sha384 => Bytes::Sha384(bytes.try_into().ok()?),
            HashAlgorithm::Sha512 => Bytes::Sha512(bytes.try_into().ok()?),
        };
        Some(Self(bytes))
    }

    /// The algorithm that made this digest.
    #[must_use]
    pub fn algorithm(&self) -> HashAlgorithm {
        match self.0 {
            Bytes::Sha256(_) => HashAlgorithm::Sha256,
            Bytes::Sha384(_) => HashAlgorithm::Sha384,
            Bytes::Sha512(_) => HashAlgorithm::Sha512,
        }
    }

    /// The digest itself: 32, 48 or 64 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Sha256(bytes) => bytes,
            Bytes::Sha384(bytes) => bytes,
            Bytes::Sha512(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_gives_its_own_length() {
        for (algorithm, length) in [(HashAlgorithm::Sha256, 32), (HashAlgorithm::Sha384, 48), (HashAlgorithm::Sha512, 64)] {
            let digest = algorithm.digest(b"abc");
            assert_eq!(digest.as_bytes().len(), length);
            assert_eq!(digest.algorithm(), algorithm);
            assert_eq!(algorithm.length(), length);
            assert_eq!(MessageDigest::from_bytes(algorithm, digest.as_bytes()), Some(digest));
            assert_eq!(MessageDigest::from_bytes(algorithm, &digest.as_bytes()[1..]), None);
        }
    }

    #[test]
    fn known_answer() {
        // FIPS 180-4 example "abc".
        assert_eq!(
            hex::encode(HashAlgorithm::Sha256.digest(b"abc").as_bytes()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
