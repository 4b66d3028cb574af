//! What one role says about a file of another, or about a target (specification section 2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use verimage_crypto::HashAlgorithm;

use crate::{
    failure::{Check, Fault, Malformed},
    members::Members,
};

/// Length and hashes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileMeta {
    pub(crate) length: u64,
    pub(crate) sha256: [u8; 32],
    sha512: Option<[u8; 64]>,
}

impl FileMeta {
    /// SHA-256 must be there, SHA-512 may; each has its exact length. Other algorithms, and other spellings, are not known.
    pub(crate) fn read(value: &Value) -> Result<Self, Malformed> {
        let members = Members::of(value, "an entry")?;
        let length = members.integer("length")?;
        let length = u64::try_from(length).map_err(|_| members.fault("length", "is negative"))?;
        let mut meta = Self { length, sha256: [0; 32], sha512: None };
        let mut has_sha256 = false;
        for (algorithm, value) in members.map_or_empty("hashes")? {
            match algorithm.as_str() {
                "sha256" => {
                    meta.sha256 = hash(algorithm, value)?;
                    has_sha256 = true;
                }
                "sha512" => meta.sha512 = Some(hash(algorithm, value)?),
                _ => {}
            }
        }
        if has_sha256 { Ok(meta) } else { Err(Malformed::new(Check::Hash, "has no sha256 among its hashes")) }
    }

    /// C2 and C3, over the bytes received. The reference takes the length as an upper bound; here it is the length.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), Fault> {
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        check_hash("sha256", HashAlgorithm::Sha256, &self.sha256, bytes)?;
        if let Some(sha512) = &self.sha512 {
            check_hash("sha512", HashAlgorithm::Sha512, sha512, bytes)?;
        }
        if found == self.length { Ok(()) } else { Err(Fault::Length { expected: self.length, found: Some(found) }) }
    }
}

fn hash<const LENGTH: usize>(algorithm: &str, value: &Value) -> Result<[u8; LENGTH], Malformed> {
    let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Malformed::new(Check::Hash, format!("has a {algorithm} that is not {LENGTH} bytes in base64")))
}

fn check_hash(name: &'static str, algorithm: HashAlgorithm, expected: &[u8], bytes: &[u8]) -> Result<(), Fault> {
    let found = algorithm.digest(bytes);
    if found.as_bytes() == expected {
        return Ok(());
    }
    Err(Fault::Hash { algorithm: name, expected: hex::encode(expected), found: hex::encode(found.as_bytes()) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meta(sha256: &str, sha512: Option<&str>, length: i64) -> Value {
        json!({"length": length, "hashes": {"sha256": sha256, "sha512": sha512, "other": 1}})
    }

    fn base64(algorithm: HashAlgorithm, bytes: &[u8]) -> String {
        STANDARD.encode(algorithm.digest(bytes).as_bytes())
    }

    #[test]
    fn every_known_hash_and_the_length_must_match() {
        let (sha256, sha512) = (base64(HashAlgorithm::Sha256, b"abc"), base64(HashAlgorithm::Sha512, b"abc"));
        let good = FileMeta::read(&meta(&sha256, Some(&sha512), 3)).unwrap();
        assert_eq!(good.check(b"abc"), Ok(()));
        assert!(matches!(good.check(b"abd"), Err(Fault::Hash { algorithm: "sha256", .. })));
        let wrong = FileMeta::read(&meta(&sha256, Some(&base64(HashAlgorithm::Sha512, b"abd")), 3)).unwrap();
        assert!(matches!(wrong.check(b"abc"), Err(Fault::Hash { algorithm: "sha512", .. })));
        for length in [2, 4] {
            let wrong = FileMeta::read(&meta(&sha256, Some(&sha512), length)).unwrap();
            assert_eq!(wrong.check(b"abc"), Err(Fault::Length { expected: length as u64, found: Some(3) }));
        }
    }

    #[test]
    fn hashes_are_whole() {
        let sha256 = base64(HashAlgorithm::Sha256, b"abc");
        assert!(FileMeta::read(&meta(&sha256, Some("AA=="), 3)).is_err());
        assert!(FileMeta::read(&meta(&sha256, None, 3)).is_err(), "null is no hash");
        assert!(FileMeta::read(&json!({"length": 3, "hashes": {"sha256": sha256}})).is_ok());
        assert!(FileMeta::read(&json!({"length": -1, "hashes": {"sha256": sha256}})).is_err());
        for hashes in [json!({"SHA256": sha256}), json!({"sha256": STANDARD.encode([0; 31])}), json!({}), json!(null), json!([])] {
            assert!(FileMeta::read(&json!({"length": 3, "hashes": hashes})).is_err(), "{hashes}");
        }
    }
}
