//! What a check found: evidence for, or a failure with its code.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::code::{Code, CodeClass};
use crate::digest::Digest;
use crate::want::Want;

/// The judgement over one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureReport {
    /// The scheme that judged.
    pub verifier: String,
    /// Where the signature came from.
    pub source: Want,
    /// The position of the signature at its source, from 0.
    pub index: usize,
    /// Evidence, or the first check that failed.
    pub outcome: Result<Evidence, Failure>,
}

impl SignatureReport {
    /// A report over the signature number `index` of `source`.
    pub fn new(verifier: &str, source: Want, index: usize, outcome: Result<Evidence, Failure>) -> Self {
        Self { verifier: verifier.to_owned(), source, index, outcome }
    }
}

/// Proof that a signer vouched for a digest. Only a check that verified it may make one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// The digest that the signed bytes name.
    pub subject: Digest,
    /// The size in bytes that the signed bytes name; evidence for a manifest of another size is none.
    pub size: Option<u64>,
    /// Who signed.
    pub signer: Signer,
    /// Authenticated times of signing.
    pub signed_at: Vec<VerifiedTime>,
    /// What the verified bytes say besides, by name.
    pub facts: BTreeMap<String, String>,
    /// Whether every check passed. A lax policy may let a signature count although some of its checks did not.
    pub trusted: bool,
    /// What the verdict must say aloud about this signature, as stable words.
    pub warnings: BTreeSet<String>,
}

impl Evidence {
    /// Evidence that `signer` vouched for `subject`.
    pub fn new(subject: Digest, signer: Signer) -> Self {
        Self { subject, size: None, signer, signed_at: Vec::new(), facts: BTreeMap::new(), trusted: true, warnings: BTreeSet::new() }
    }

    /// Of a manifest with this size in bytes.
    #[must_use]
    pub fn with_size(self, size: u64) -> Self {
        Self { size: Some(size), ..self }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_fact(mut self, name: &str, value: impl Into<String>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}

/// A time of signing that somebody trusted vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTime {
    /// The time.
    pub time: Timestamp,
    /// Who vouches: `rekor`, `tsa`.
    pub source: String,
}

/// Who signed. Two signers are one if they have the same name or share a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    name: String,
    key: Option<Digest>,
}

impl Signer {
    /// A signer known by name: an issuer and subject, a certificate authority and distinguished name, a fingerprint.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), key: None }
    }

    /// A signer known by its public key; `spki` is the SHA-256 digest of the key's SubjectPublicKeyInfo.
    pub fn key(spki: Digest) -> Self {
        Self { name: format!("key:SHA256:{}", spki.hex()), key: Some(spki) }
    }

    /// Adds the key that signed, so that one key under two names is one signer.
    #[must_use]
    pub fn with_key(self, spki: Digest) -> Self {
        Self { key: Some(spki), ..self }
    }

    /// The name, as reports print it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether both may be one and the same.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.name == other.name || (self.key.is_some() && self.key == other.key)
    }
}

/// Why a signature, or a leaf, does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The stable reason.
    pub code: Code,
    /// What was expected and what was found, for people.
    pub detail: String,
    /// Whether it could not be found out, although the code alone means that proof is wrong.
    unknown: bool,
}

impl Failure {
    /// A failure with its detail for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), unknown: false }
    }

    /// The same failure because somebody could not be asked: it is inconclusive.
    #[must_use]
    pub fn because_unreachable(self) -> Self {
        Self { unknown: true, ..self }
    }

    /// What the failure means for the decision.
    pub fn class(&self) -> CodeClass {
        if self.unknown { CodeClass::Inconclusive } else { self.code.class() }
    }
}
