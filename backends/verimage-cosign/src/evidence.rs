//! What a signature carries beside itself: certificates, log entries, timestamps. Nothing here is verified.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use verimage_core::json;
use verimage_crypto::x509::Certificate;

use crate::log::encoding::base64_bytes;
use crate::log::entry::{Demand, LogEntry, bundle_entries};
use crate::log::error::LogError;

const CERTIFICATE_ANNOTATION: &str = "dev.sigstore.cosign/certificate";
const CHAIN_ANNOTATION: &str = "dev.sigstore.cosign/chain";
const LOG_ANNOTATION: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP_ANNOTATION: &str = "dev.sigstore.cosign/rfc3161timestamp";
/// The most certificates of an annotated chain that are read.
const MAX_CHAIN: usize = 16;

/// The evidence of one signature, in the terms that all forms share. A part that cannot be read matters only to policies
/// that need it.
#[derive(Debug)]
pub(crate) struct Material {
    /// The signer's certificate first; those behind it are hints for the path and never anchors.
    pub(crate) certificates: Result<Vec<Certificate>, String>,
    /// Whether they are a chain where the format has room for the first alone. cosign 3 writes such bundles for certificates
    /// of one's own, and the public instance never does.
    pub(crate) misplaced_chain: bool,
    pub(crate) entries: Entries,
    /// Timestamp responses or tokens in DER.
    pub(crate) timestamps: Result<Vec<Vec<u8>>, String>,
}

/// Log entries as found.
#[derive(Debug)]
pub(crate) enum Entries {
    Annotation(Option<String>),
    Bundle { entries: Vec<Value>, demand: Demand },
}

impl Entries {
    pub(crate) fn read(&self) -> Result<Vec<LogEntry>, LogError> {
        match self {
            Self::Annotation(None) => Ok(Vec::new()),
            Self::Annotation(Some(text)) => Ok(vec![LogEntry::from_annotation(text)?]),
            Self::Bundle { entries, demand } => bundle_entries(entries, *demand),
        }
    }
}

impl Material {
    /// The annotations of a layer (cosign `SIGNATURE_SPEC.md`, "Properties"); empty ones are those that are not there.
    pub(crate) fn of_annotations(annotations: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| annotations.get(name).filter(|text| !text.trim().is_empty());
        Self {
            certificates: certificates(text(CERTIFICATE_ANNOTATION), text(CHAIN_ANNOTATION)),
            misplaced_chain: false,
            entries: Entries::Annotation(text(LOG_ANNOTATION).cloned()),
            timestamps: text(TIMESTAMP_ANNOTATION).map(|text| timestamp(text)).into_iter().collect(),
        }
    }
}

/// The first certificate of its annotation, as cosign takes it, and a chain that may come with it.
fn certificates(leaf: Option<&String>, chain: Option<&String>) -> Result<Vec<Certificate>, String> {
    let Some(leaf) = leaf else { return Ok(Vec::new()) };
    let mut certificates = Certificate::all_from_pem(leaf.as_bytes()).map_err(|error| format!("the certificate annotation: {error}"))?;
    certificates.truncate(1);
    if let Some(chain) = chain {
        let chain = Certificate::all_from_pem(chain.as_bytes()).map_err(|error| format!("the chain annotation: {error}"))?;
        if chain.len() > MAX_CHAIN {
            return Err(format!("the chain annotation has {} certificates, at most {MAX_CHAIN} are read", chain.len()));
        }
        certificates.extend(chain);
    }
    Ok(certificates)
}

fn timestamp(text: &str) -> Result<Vec<u8>, String> {
    let document: TimestampDocument = json::from_slice(text.as_bytes()).map_err(|error| format!("the timestamp annotation: {error}"))?;
    let token = base64_bytes(&document.token).filter(|token| !token.is_empty());
    token.ok_or_else(|| "the timestamp annotation is not base64, or empty".to_owned())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampDocument {
    #[serde(rename = "SignedRFC3161Timestamp")]
    token: String,
}
