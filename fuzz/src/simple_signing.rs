//! GPG simple signing: key files, messages, whole verifications; containers `policy.json`.

use std::sync::LazyLock;

use verimage::{CryptoSet, Digest, FolderMaterial, ImageRef, Limits, Policy, PolicyLoader, Verdict};
use verimage_core::{Answer, Blob, Context, Progress, Session, StoreError, Timestamp, Want, What};
use verimage_simple_signing::{KeyRing, Payload};

use crate::set;

/// The key of every seed: ECDSA P-256, so that a set whose checks always say yes goes deep.
const KEY: &[u8] = include_bytes!("../seeds/openpgp.asc");
const SEEDS: [&[u8]; 3] = [
    include_bytes!("../seeds/simple-signing/plain"),
    include_bytes!("../seeds/simple-signing/compressed"),
    include_bytes!("../seeds/simple-signing/old-order"),
];

fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("a time")
}

static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::parse(KEY, &CryptoSet::rustcrypto()).expect("a key"));
static LAX_RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::parse(KEY, &set::<true>()).expect("a key"));
/// Everything that was ever signed.
static SIGNED: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| SEEDS.into_iter().map(|seed| RING.verify(seed, now()).expect("a good seed").content).collect());

/// A message, or a key file. Where checks are real, what is trusted is what was signed; where every check says yes, it goes
/// deep, and what is allowed is the digest that the reference names.
pub fn simple_signing(data: &[u8]) {
    if let Ok(signed) = RING.verify(data, now()) {
        assert!(SIGNED.contains(&signed.content), "nobody signed this");
    }
    if let Ok(signed) = LAX_RING.verify(data, now()) {
        let _ = Payload::parse(&signed.content);
    }
    if let Ok(ring) = KeyRing::parse(data, &set::<true>()) {
        assert!(!ring.fingerprints().is_empty());
        let _ = ring.verify(SEEDS[0], now());
    }
    let verdict = judge(data);
    assert!(!verdict.admitted || verdict.digest == Some(image().digest().expect("a digest").to_string()));
}

fn image() -> ImageRef {
    ImageRef::parse(&format!("registry.example/team/app:1.0@{}", Digest::sha256(b"manifest"))).expect("a reference")
}

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let policy = serde_json::json!({
        "apiVersion": "verimage/v1", "kind": "ImagePolicy",
        "trust": {"key": {"openpgp": {"armor": std::str::from_utf8(KEY).expect("text")}}},
        "rules": [{"name": "fuzz", "images": ["**/**"], "require": {"simpleSigning": {"keys": ["key"], "signedIdentity": "matchRepository"}}}],
    });
    PolicyLoader::with_crypto(set::<true>()).load_text(&policy.to_string(), "fuzz", &FolderMaterial::new(None)).expect("the policy loads")
});

/// The verdict over an image whose lookaside holds this file.
fn judge(file: &[u8]) -> Verdict {
    let limits = Limits::default();
    let context = Context::new(now(), &limits);
    let mut session = Session::new(&POLICY, image(), None);
    loop {
        match session.step(&context) {
            Progress::Done(verdict) => return *verdict,
            Progress::Pause => {}
            Progress::Fetch(wants) => {
                let answer = |want: Want| {
                    let result = match want.what {
                        What::Lookaside { index: 1, .. } => Ok(vec![Blob::new(file.to_vec())]),
                        _ => Err(StoreError::not_found("404")),
                    };
                    Answer { result, want }
                };
                session.supply(wants.into_iter().map(answer).collect(), &context);
            }
        }
    }
}

/// A policy is read or refused at a place; what is read has a rule for everything.
pub fn containers_policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match verimage_import::import_containers(text) {
        Ok(imported) => assert!(imported.policy.rules.iter().any(|rule| rule.images == ["**"])),
        Err(error) => assert!(!error.message.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seeds are whole: an image with one of them is allowed.
    #[test]
    fn real_messages_go_deep() {
        for seed in SEEDS {
            assert!(judge(seed).admitted, "{}", judge(seed).message);
        }
    }
}
