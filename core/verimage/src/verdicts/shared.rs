//! Verdicts that several processes share. Whoever can write to the place must not be able to allow an image, so entries carry a
//! code that only holders of the secret can make, and name the question that they answer.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use verimage_core::{Decision, Digest, Verdict, async_trait};

use super::Kept;

/// The least bytes of a secret.
const LEAST_SECRET: usize = 32;
/// The largest entry that is read, in bytes.
const MAX_ENTRY: usize = 1 << 20;
/// What stands before the text of an entry, in bytes.
const CODE: usize = 32;

/// A place outside of this process that keeps bytes for a while, such as Redis. It may lose any of them, answer with anything, or
/// not at all: what is not an entry of ours is as good as nothing.
#[async_trait]
pub trait SharedPlace: Debug + Send + Sync {
    /// What is there under a name; nothing also if it does not answer soon.
    async fn get(&self, name: &str) -> Option<Vec<u8>>;

    /// Keeps an entry under a name for at most so long.
    async fn put(&self, name: &str, entry: Vec<u8>, lifetime: Duration);
}

/// The secret of those that share is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret of shared verdicts has fewer than {LEAST_SECRET} bytes")]
pub struct ShortSecret;

#[derive(Clone, Debug)]
pub(super) struct Shared {
    place: Arc<dyn SharedPlace>,
    mac: Hmac<Sha256>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The question with its digest.
    key: String,
    from: Timestamp,
    until: Timestamp,
    verdict: Verdict,
}

impl Shared {
    pub(super) fn new(place: Arc<dyn SharedPlace>, secret: &[u8]) -> Result<Self, ShortSecret> {
        let mac = Some(secret).filter(|secret| secret.len() >= LEAST_SECRET).and_then(|secret| Hmac::new_from_slice(secret).ok());
        Ok(Self { place, mac: mac.ok_or(ShortSecret)? })
    }

    pub(super) async fn get(&self, key: &str) -> Option<Kept> {
        self.read(key, &self.place.get(&name(key)).await?)
    }

    /// Keeps a verdict; nobody waits for it.
    pub(super) fn put(&self, key: &str, kept: &Kept) {
        let lifetime = Duration::try_from(kept.until.duration_since(kept.from)).unwrap_or_default();
        let Some(entry) = self.write(key, kept).filter(|_| !lifetime.is_zero()) else { return };
        let (place, name) = (Arc::clone(&self.place), name(key));
        tokio::spawn(async move { place.put(&name, entry, lifetime).await });
    }

    fn write(&self, key: &str, kept: &Kept) -> Option<Vec<u8>> {
        let entry = Entry { key: key.to_owned(), from: kept.from, until: kept.until, verdict: Verdict::clone(&kept.verdict) };
        let text = serde_json::to_vec(&entry).ok()?;
        let code = self.mac.clone().chain_update(&text).finalize().into_bytes();
        Some([code.as_slice(), &text].concat()).filter(|entry| entry.len() <= MAX_ENTRY)
    }

    /// Only what was written with the secret, for this question, and allows: what one does not find, another may.
    fn read(&self, key: &str, bytes: &[u8]) -> Option<Kept> {
        let (code, text) = bytes.split_at_checked(CODE).filter(|_| bytes.len() <= MAX_ENTRY)?;
        self.mac.clone().chain_update(text).verify_slice(code).ok()?;
        let entry: Entry = serde_json::from_slice(text).ok()?;
        let is_ours = entry.key == key && entry.verdict.decision == Decision::Allow;
        is_ours.then(|| Kept::new(Arc::new(entry.verdict), entry.from, entry.until))
    }
}

/// A question as a name: it holds references of images, which may be long.
fn name(key: &str) -> String {
    format!("verimage:verdict:{}", Digest::sha256(key.as_bytes()).hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nowhere;

    #[async_trait]
    impl SharedPlace for Nowhere {
        async fn get(&self, _: &str) -> Option<Vec<u8>> {
            None
        }

        async fn put(&self, _: &str, _: Vec<u8>, _: Duration) {}
    }

    fn shared(secret: &[u8]) -> Result<Shared, ShortSecret> {
        Shared::new(Arc::new(Nowhere), secret)
    }

    fn kept(decision: &str) -> Kept {
        let verdict = serde_json::json!({"version": 1, "image": "a.example/a", "digest": null, "subject": {"kind": null, "platform": null},
            "decision": decision, "admitted": decision == "allow", "mode": "enforce", "rule": null, "code": null, "message": "", "hint": null,
            "at": "2026-01-01T00:00:00Z", "policy": {"source": "", "digest": ""}, "trustMaterial": {"digest": "", "oldest": null},
            "rules": [], "warnings": [], "leaves": [], "reports": []});
        let time = |text: &str| text.parse().unwrap();
        Kept::new(Arc::new(serde_json::from_value(verdict).unwrap()), time("2026-01-01T00:00:00Z"), time("2026-01-01T01:00:00Z"))
    }

    #[test]
    fn only_holders_of_the_secret_write_entries() {
        let ours = shared(&[1; 32]).unwrap();
        let entry = ours.write("question", &kept("allow")).unwrap();
        let read = ours.read("question", &entry).unwrap();
        assert_eq!((&*read.verdict, read.from, read.until), (&*kept("allow").verdict, kept("allow").from, kept("allow").until));
        assert!(shared(&[2; 32]).unwrap().read("question", &entry).is_none());
        assert!(ours.read("another question", &entry).is_none(), "an entry under a name that is not its own");
        for at in 0..entry.len() {
            for bit in 0..8 {
                let mut changed = entry.clone();
                changed[at] ^= 1 << bit;
                assert!(ours.read("question", &changed).is_none(), "byte {at}, bit {bit}");
            }
        }
        for cut in 0..entry.len() {
            assert!(ours.read("question", &entry[..cut]).is_none());
        }
        assert!(ours.read("question", &[entry.as_slice(), b" "].concat()).is_none());
    }

    #[test]
    fn only_what_allows_is_shared_and_secrets_are_long() {
        let ours = shared(&[1; 32]).unwrap();
        assert!(ours.read("q", &ours.write("q", &kept("allow")).unwrap()).is_some());
        for decision in ["deny", "inconclusive"] {
            assert!(ours.read("q", &ours.write("q", &kept(decision)).unwrap()).is_none(), "{decision}");
        }
        assert_eq!(shared(&[1; 31]).map(drop), Err(ShortSecret));
        assert!(!format!("{ours:?}").contains("[1, 1"), "secrets are not shown");
    }
}
