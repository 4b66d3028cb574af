//! Trusted roots: which logs and authorities count, and when they counted (protobuf-specs `sigstore_trustroot.proto`).
//!
//! The crate `sigstore-trust-root` reads the clock and files, skips keys it cannot read without a word, and needs a
//! process-wide crypto provider and a second generation of the ASN.1 crates; so the reader is our own.
//!
//! Nothing is filtered by the present: old keys stay in a root on purpose, and are compared with the time of the evidence.

mod document;
mod error;
mod key_details;

use verimage_core::{Timestamp, json};
use verimage_crypto::{Algorithm, KeyKind, PublicKey};

pub(crate) use error::{Fault, TrustRootError};
pub(crate) use key_details::KeyDetails;

/// What a trusted root names, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustRoot {
    pub(crate) transparency_logs: Vec<TransparencyLog>,
    pub(crate) certificate_authorities: Vec<Authority>,
    pub(crate) certificate_logs: Vec<TransparencyLog>,
    pub(crate) timestamp_authorities: Vec<Authority>,
}

impl TrustRoot {
    /// Reads a trusted root, or the one inside a client's trust configuration.
    ///
    /// Unknown fields are ignored, as later versions add some; keys that occur twice are refused.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, TrustRootError> {
        let value = json::strict_value(bytes).map_err(|error| TrustRootError::new("", Fault::Json(error.to_string())))?;
        document::read(value)
    }
}

/// A log of signatures (Rekor) or of certificates (CT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransparencyLog {
    pub(crate) base_url: String,
    /// As the root says it. For Ed25519 keys of Rekor v2 it is no hash of the key alone, so it is never recomputed.
    pub(crate) id: Vec<u8>,
    pub(crate) key: LogKey,
    /// How the log's checkpoints name its key, where the root says so.
    pub(crate) checkpoint_key_id: Option<Vec<u8>>,
    pub(crate) validity: Validity,
    pub(crate) operator: Option<String>,
}

impl TransparencyLog {
    /// A log of which nothing but the key is known.
    pub(crate) fn of_key(key: PublicKey) -> Self {
        Self {
            base_url: String::new(),
            id: key.fingerprint().as_bytes().to_vec(),
            key: LogKey::of_kind(key),
            checkpoint_key_id: None,
            validity: Validity { start: None, end: None },
            operator: None,
        }
    }
}

/// The key of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogKey {
    Usable {
        key: PublicKey,
        algorithm: Algorithm,
    },
    /// A type that is not served. Other logs of the same root stay usable.
    Unusable {
        reason: String,
    },
}

impl LogKey {
    /// A key with the algorithm that logs use with its kind.
    fn of_kind(key: PublicKey) -> Self {
        let name = match key.kind() {
            KeyKind::EcdsaP256 => "PKIX_ECDSA_P256_SHA_256",
            KeyKind::EcdsaP384 => "PKIX_ECDSA_P384_SHA_256",
            KeyKind::EcdsaP521 => "PKIX_ECDSA_P521_SHA_256",
            KeyKind::Ed25519 => "PKIX_ED25519",
            KeyKind::Rsa { .. } => "PKIX_RSA_PKCS1V5",
            _ => "",
        };
        match KeyDetails::named(name) {
            Some(details) => Self::Usable { key, algorithm: details.algorithm },
            None => Self::Unusable { reason: format!("logs do not sign with keys of the kind {}", key.kind()) },
        }
    }
}

/// Who issues certificates or timestamps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) organization: Option<String>,
    pub(crate) common_name: Option<String>,
    pub(crate) uri: Option<String>,
    /// Certificates in DER: the lowest first, the anchor last.
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) validity: Validity,
    pub(crate) operator: Option<String>,
}

/// A closed range of time; a missing end is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) start: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
}

impl Validity {
    /// Whether the time lies in the range, both ends included.
    pub(crate) fn contains(&self, time: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }
}

#[cfg(test)]
mod tests;
