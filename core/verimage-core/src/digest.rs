//! Content digests, as the OCI image specification defines them (descriptor.md, "Digests").

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A hash algorithm that may name content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// SHA-256, 64 hexadecimal digits.
    Sha256,
    /// SHA-384, 96 hexadecimal digits.
    Sha384,
    /// SHA-512, 128 hexadecimal digits.
    Sha512,
}

impl DigestAlgorithm {
    /// The name that stands before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of the hash in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn hash(self, content: &[u8]) -> [u8; LONGEST] {
        match self {
            Self::Sha256 => padded(&Sha256::digest(content)),
            Self::Sha384 => padded(&Sha384::digest(content)),
            Self::Sha512 => padded(&Sha512::digest(content)),
        }
    }
}

/// The length of the longest hash, in bytes.
const LONGEST: usize = 64;

fn padded(hash: &[u8]) -> [u8; LONGEST] {
    let mut bytes = [0; LONGEST];
    bytes.iter_mut().zip(hash).for_each(|(byte, of_hash)| *byte = *of_hash);
    bytes
}

/// A content digest such as `sha256:9f86…`: a known algorithm and lower-case hexadecimal of its exact length.
///
/// ```
/// use verimage_core::Digest;
/// let digest = Digest::sha256(b"hello");
/// assert!(digest.matches(b"hello"));
/// assert!("sha256:ABCD".parse::<Digest>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: DigestAlgorithm,
    /// With zeros behind a shorter hash.
    hash: [u8; LONGEST],
}

impl Digest {
    /// Parses the text form; upper case, other lengths and unknown algorithms are refused.
    ///
    /// # Errors
    /// [`DigestError`] says which of the three it was.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let (name, digits) = text.split_once(':').ok_or(DigestError::Malformed)?;
        let algorithm = match name {
            "sha256" => DigestAlgorithm::Sha256,
            "sha384" => DigestAlgorithm::Sha384,
            "sha512" => DigestAlgorithm::Sha512,
            _ => return Err(DigestError::UnknownAlgorithm),
        };
        if digits.len() != algorithm.length() * 2 {
            return Err(DigestError::WrongLength { algorithm: algorithm.name(), expected: algorithm.length() * 2 });
        }
        if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::Malformed);
        }
        let mut hash = [0; LONGEST];
        let bytes = hash.get_mut(..algorithm.length()).ok_or(DigestError::Malformed)?;
        hex::decode_to_slice(digits, bytes).map_err(|_| DigestError::Malformed)?;
        Ok(Self { algorithm, hash })
    }

    /// The SHA-256 digest of `content`.
    pub fn sha256(content: &[u8]) -> Self {
        Self { algorithm: DigestAlgorithm::Sha256, hash: DigestAlgorithm::Sha256.hash(content) }
    }

    /// A digest whose SHA-256 hash is already known.
    pub fn of_sha256(hash: [u8; 32]) -> Self {
        Self { algorithm: DigestAlgorithm::Sha256, hash: padded(&hash) }
    }

    /// The algorithm before the colon.
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// The hash as lower-case hexadecimal, without the algorithm.
    pub fn hex(&self) -> String {
        self.with_digits(str::to_owned)
    }

    /// The hexadecimal digits without an allocation.
    fn with_digits<T>(&self, use_digits: impl FnOnce(&str) -> T) -> T {
        let mut buffer = [0; 2 * LONGEST];
        // The buffer is twice as long as the hash, which is all that could be wrong.
        let _ = hex::encode_to_slice(self.hash, &mut buffer);
        let digits = buffer.get(..2 * self.algorithm.length()).unwrap_or_default();
        use_digits(str::from_utf8(digits).unwrap_or_default())
    }

    /// Whether `content` hashes to this digest.
    pub fn matches(&self, content: &[u8]) -> bool {
        self.algorithm.hash(content) == self.hash
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.algorithm.name())?;
        formatter.write_str(":")?;
        self.with_digits(|digits| formatter.write_str(digits))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Reads a digest without a copy of its text.
struct Text;

impl Visitor<'_> for Text {
    type Value = Digest;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a digest")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
        Digest::parse(text).map_err(E::custom)
    }
}

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Not `algorithm:hex`, or a digit that is not lower-case hexadecimal.
    #[error("a digest is `algorithm:hex` with lower-case hexadecimal digits")]
    Malformed,
    /// An algorithm other than sha256, sha384 and sha512.
    #[error("unknown digest algorithm (known: sha256, sha384, sha512)")]
    UnknownAlgorithm,
    /// The wrong number of hexadecimal digits.
    #[error("a {algorithm} digest has {expected} hexadecimal digits")]
    WrongLength {
        /// The algorithm named before the colon.
        algorithm: &'static str,
        /// How many digits it has.
        expected: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn round_trips_and_matches_content() {
        let digest = Digest::parse(HELLO).unwrap();
        assert_eq!(digest, Digest::sha256(b"hello"));
        assert_eq!(digest.to_string(), HELLO);
        assert!(digest.matches(b"hello") && !digest.matches(b"hellO"));
    }

    #[test]
    fn refuses_what_is_not_canonical() {
        assert_eq!(Digest::parse(&HELLO.to_uppercase()), Err(DigestError::UnknownAlgorithm));
        assert_eq!(Digest::parse(&HELLO.replace("2cf2", "2CF2")), Err(DigestError::Malformed));
        assert_eq!(Digest::parse("sha256:../../../etc/passwd"), Err(DigestError::WrongLength { algorithm: "sha256", expected: 64 }));
        assert_eq!(Digest::parse(&format!("{HELLO}0")), Err(DigestError::WrongLength { algorithm: "sha256", expected: 64 }));
        assert_eq!(Digest::parse(&HELLO.replace("2cf2", "é1")), Err(DigestError::WrongLength { algorithm: "sha256", expected: 64 }));
        assert_eq!(Digest::parse("md5:00"), Err(DigestError::UnknownAlgorithm));
        assert_eq!(Digest::parse("sha256"), Err(DigestError::Malformed));
    }
}
