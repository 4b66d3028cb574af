//! A crypto set that writes down what it is asked, so that the same questions can be asked again without anything else.

use std::sync::{Arc, Mutex};

use verimage::CryptoSet;
use verimage_crypto::{
    EcdsaKey, EcdsaVerifier, Ed25519Key, Ed25519Verifier, MessageDigest, PublicKey, Refused, RsaKey, RsaPadding, RsaVerifier,
};

use crate::Check;

/// The questions so far, one list for all keys of the set.
#[derive(Clone, Default)]
struct Checks(Arc<Mutex<Vec<Check>>>);

impl Checks {
    fn add(&self, check: Check) {
        self.0.lock().expect("no thread panicked").push(check);
    }
}

/// Records the checks of one set.
pub(crate) struct Recorder {
    set: CryptoSet,
    checks: Checks,
}

impl Recorder {
    /// Over this set, which answers.
    pub(crate) fn over(inner: CryptoSet) -> Self {
        let checks = Checks::default();
        // A set holds its parts for ever; there are a handful of recorders in a process.
        let part: &'static Part = Box::leak(Box::new(Part { inner, checks: checks.clone() }));
        Self { set: CryptoSet { ecdsa: part, ed25519: part, rsa: part, ..inner }, checks }
    }

    /// The set that records.
    pub(crate) fn set(&self) -> CryptoSet {
        self.set
    }

    /// What was asked since the last time, each to be asked again.
    pub(crate) fn take(&self) -> Vec<Check> {
        std::mem::take(&mut *self.checks.0.lock().expect("no thread panicked"))
    }
}

struct Part {
    inner: CryptoSet,
    checks: Checks,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(formatter)
    }
}

impl EcdsaVerifier for Part {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
        Ok(Box::new(Recorded { key: Arc::from(self.inner.ecdsa.load(key)?), checks: self.checks.clone() }))
    }
}

impl Ed25519Verifier for Part {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn Ed25519Key>, Refused> {
        Ok(Box::new(Recorded { key: Arc::from(self.inner.ed25519.load(key)?), checks: self.checks.clone() }))
    }
}

impl RsaVerifier for Part {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn RsaKey>, Refused> {
        Ok(Box::new(Recorded { key: Arc::from(self.inner.rsa.load(key)?), checks: self.checks.clone() }))
    }
}

struct Recorded<K: ?Sized> {
    key: Arc<K>,
    checks: Checks,
}

impl EcdsaKey for Recorded<dyn EcdsaKey> {
    fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let (key, asked, about) = (self.key.clone(), digest.to_vec(), signature.to_vec());
        self.checks.add(Box::new(move || key.verify(&asked, &about).is_ok()));
        self.key.verify(digest, signature)
    }
}

impl Ed25519Key for Recorded<dyn Ed25519Key> {
    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Refused> {
        let (key, asked, about) = (self.key.clone(), message.to_vec(), *signature);
        self.checks.add(Box::new(move || key.verify(&asked, &about).is_ok()));
        self.key.verify(message, signature)
    }
}

impl RsaKey for Recorded<dyn RsaKey> {
    fn verify(&self, padding: RsaPadding, digest: &MessageDigest, signature: &[u8]) -> Result<(), Refused> {
        let (key, asked, about) = (self.key.clone(), *digest, signature.to_vec());
        self.checks.add(Box::new(move || key.verify(padding, &asked, &about).is_ok()));
        self.key.verify(padding, digest, signature)
    }
}
