//! Bodies of log entries, and what they must have in common with the signature that they are to prove.
//!
//! The types of the crate `sigstore-rekor` ignore unknown fields and stand on `sigstore-merkle`, so they are not used.

mod document;

use std::fmt;

use thiserror::Error;
use verimage_crypto::x509::Certificate;
use verimage_crypto::{HashAlgorithm, KeyKind, MessageDigest, PublicKey};

use crate::trust_root::KeyDetails;

/// A signature that an entry is to prove.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding<'a> {
    pub(crate) signature: &'a [u8],
    pub(crate) verifier: Verifier<'a>,
    pub(crate) signed: Signed<'a>,
}

/// With what the signature was verified.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verifier<'a> {
    /// The leaf certificate, byte for byte as it was found, and the kind of its key.
    Certificate { der: &'a [u8], key: KeyKind },
    /// The key of the policy.
    Key(&'a PublicKey),
}

impl Verifier<'_> {
    fn key_kind(&self) -> KeyKind {
        match self {
            Self::Certificate { key, .. } => *key,
            Self::Key(key) => key.kind(),
        }
    }
}

/// What was signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signed<'a> {
    /// A payload or an artifact.
    Message(HashOf<'a>),
    /// A DSSE envelope.
    Envelope {
        /// The encoding that is signed.
        encoding: HashOf<'a>,
        /// SHA-256 of the payload.
        payload: &'a [u8],
        /// SHA-256 of the envelope as it is stored: for attestations outside bundles alone. In bundles it depends on
        /// how the client once wrote the envelope.
        envelope: Option<&'a [u8]>,
    },
}

/// A hash and its algorithm: the one with which the signature was verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashOf<'a> {
    pub(crate) algorithm: HashAlgorithm,
    pub(crate) bytes: &'a [u8],
}

impl<'a> From<&'a MessageDigest> for HashOf<'a> {
    fn from(digest: &'a MessageDigest) -> Self {
        Self { algorithm: digest.algorithm(), bytes: digest.as_bytes() }
    }
}

/// Kind and version of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryKind {
    pub(crate) kind: String,
    pub(crate) version: String,
}

impl fmt::Display for EntryKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind.escape_debug(), self.version.escape_debug())
    }
}

/// The body of an entry, in the terms that all kinds share.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) kind: EntryKind,
    /// Only the oldest kind does not have it.
    signature: Option<Vec<u8>>,
    verifier: LoggedVerifier,
    /// Rekor v2 alone says it.
    key_details: Option<KeyDetails>,
    content: Content,
}

#[derive(Debug)]
enum LoggedVerifier {
    Certificate(Vec<u8>),
    Key(PublicKey),
}

#[derive(Debug)]
enum Content {
    /// `hashedrekord`: the hash that was signed.
    Message { algorithm: HashAlgorithm, hash: Vec<u8> },
    /// `dsse` and `intoto`: SHA-256 of payload and envelope.
    Envelope { payload: Vec<u8>, envelope: Option<Vec<u8>> },
    /// `intoto` 0.0.1: SHA-256 of the envelope as it is stored, with its signature.
    Stored { payload: Option<Vec<u8>>, envelope: Vec<u8> },
}

/// Why a body is not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum BodyError {
    #[error("entries of the kind `{0}` are not supported")]
    Kind(String),
    #[error("the entry's body: {0}")]
    Malformed(String),
    #[error("the entry's body has {0} signatures, expected one")]
    Signatures(usize),
}

/// What the entry and the signature do not have in common.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Mismatch {
    #[error("the entry is for another artifact")]
    Artifact,
    #[error("the entry is for another envelope")]
    Envelope,
    #[error("the entry says {entry}, the signature is over {signed}")]
    HashAlgorithm { entry: HashAlgorithm, signed: HashAlgorithm },
    #[error("the entry's key type does not fit the {0} key, or its hash")]
    KeyDetails(KeyKind),
    #[error("an entry of the kind `{0}` cannot prove this signature")]
    Kind(String),
    #[error("the entry is for another payload")]
    Payload,
    #[error("the entry is for another signature")]
    Signature,
    #[error("the entry names another certificate or key")]
    Verifier,
}

impl Body {
    /// Reads the body of an entry of a known kind strictly.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BodyError> {
        document::read(bytes)
    }

    /// Compares all that the entry says with the signature. One entry proves one signature (CVE-2022-23649,
    /// CVE-2022-36056, CVE-2026-22703).
    pub(crate) fn check(&self, binding: &Binding<'_>) -> Result<(), Mismatch> {
        if self.signature.as_deref().is_some_and(|signature| signature != binding.signature) {
            return Err(Mismatch::Signature);
        }
        self.check_verifier(&binding.verifier)?;
        self.check_content(&binding.signed)
    }

    fn check_verifier(&self, verifier: &Verifier<'_>) -> Result<(), Mismatch> {
        let same = match (&self.verifier, verifier) {
            (LoggedVerifier::Certificate(logged), Verifier::Certificate { der, .. }) => logged == der,
            (LoggedVerifier::Key(logged), Verifier::Key(key)) => logged == *key,
            // A key that stands in a certificate is that key.
            (LoggedVerifier::Certificate(logged), Verifier::Key(key)) => {
                Certificate::from_der(logged).is_ok_and(|certificate| certificate.spki_der() == key.spki_der())
            }
            (LoggedVerifier::Key(_), Verifier::Certificate { .. }) => false,
        };
        let kind = verifier.key_kind();
        match &self.key_details {
            _ if !same => Err(Mismatch::Verifier),
            Some(details) if !details.fits(kind) => Err(Mismatch::KeyDetails(kind)),
            _ => Ok(()),
        }
    }

    fn check_content(&self, signed: &Signed<'_>) -> Result<(), Mismatch> {
        match (&self.content, signed) {
            (Content::Message { algorithm, hash }, Signed::Message(message) | Signed::Envelope { encoding: message, .. }) => {
                if *algorithm != message.algorithm {
                    return Err(Mismatch::HashAlgorithm { entry: *algorithm, signed: message.algorithm });
                }
                if hash == message.bytes { Ok(()) } else { Err(Mismatch::Artifact) }
            }
            (Content::Envelope { payload, envelope }, Signed::Envelope { payload: signed, envelope: stored, .. }) => {
                if payload != signed {
                    return Err(Mismatch::Payload);
                }
                match (envelope, stored) {
                    (Some(logged), Some(stored)) if logged != stored => Err(Mismatch::Envelope),
                    _ => Ok(()),
                }
            }
            (Content::Stored { payload, envelope }, Signed::Envelope { payload: signed, envelope: Some(stored), .. }) => {
                if envelope != stored {
                    return Err(Mismatch::Envelope);
                }
                if payload.as_ref().is_some_and(|logged| logged != signed) { Err(Mismatch::Payload) } else { Ok(()) }
            }
            (Content::Stored { .. }, _) | (Content::Envelope { .. }, Signed::Message(_)) => Err(Mismatch::Kind(self.kind.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
