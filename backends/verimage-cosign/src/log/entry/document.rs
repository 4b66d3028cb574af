//! Log entries as bundles and annotations hold them.

use serde::Deserialize;
use serde_json::Value;
use verimage_core::json;

use super::{Demand, InclusionProof, LogEntry};
use crate::log::body::EntryKind;
use crate::log::encoding::{Number, base64_bytes, hex_bytes};
use crate::log::error::LogError;
use crate::log::merkle::TreeHash;

/// One of `tlogEntries` of a bundle, which was read strictly. Unknown fields are ignored.
pub(super) fn from_bundle(value: &Value, demand: Demand) -> Result<LogEntry, LogError> {
    let document = EntryDocument::deserialize(value).map_err(malformed)?;
    Ok(LogEntry {
        demand,
        log_id: bytes("logId", document.log_id.and_then(|id| id.key_id))?,
        log_index: number(document.log_index),
        kind: Some(document.kind_version.ok_or_else(|| LogError::Malformed("`kindVersion` is missing".to_owned()))?.into()),
        integrated_time: number(document.integrated_time),
        promise: document.inclusion_promise.map(|promise| bytes("inclusionPromise", promise.signed_entry_timestamp)).transpose()?,
        proof: document.inclusion_proof.map(proof).transpose()?,
        body: bytes("canonicalizedBody", document.canonicalized_body)?,
    })
}

/// The annotation `dev.sigstore.cosign/bundle` of a layer.
pub(super) fn from_annotation(text: &str) -> Result<LogEntry, LogError> {
    let AnnotationDocument { signed_entry_timestamp, payload } = json::from_slice(text.as_bytes()).map_err(malformed)?;
    let log_id = hex_bytes(&payload.log_id).filter(|id| !id.is_empty());
    Ok(LogEntry {
        demand: Demand::Promise,
        log_id: log_id.ok_or_else(|| LogError::Malformed("`logID` is not small hexadecimal digits".to_owned()))?,
        log_index: payload.log_index,
        kind: None,
        integrated_time: payload.integrated_time,
        promise: Some(bytes("SignedEntryTimestamp", Some(signed_entry_timestamp))?),
        proof: None,
        body: bytes("body", Some(payload.body))?,
    })
}

fn proof(document: ProofDocument) -> Result<InclusionProof, LogError> {
    let hash = |text: Option<String>| Ok(TreeHash::try_from(bytes("inclusionProof", text)?.as_slice())?);
    Ok(InclusionProof {
        index: number(document.log_index),
        size: number(document.tree_size),
        root: hash(document.root_hash)?,
        hashes: document.hashes.unwrap_or_default().into_iter().map(|text| hash(Some(text))).collect::<Result<_, LogError>>()?,
        checkpoint: document.checkpoint.and_then(|checkpoint| checkpoint.envelope).filter(|note| !note.is_empty()),
    })
}

fn malformed(error: serde_json::Error) -> LogError {
    LogError::Malformed(error.to_string())
}

fn bytes(name: &str, text: Option<String>) -> Result<Vec<u8>, LogError> {
    let decoded = base64_bytes(&text.unwrap_or_default()).filter(|bytes| !bytes.is_empty());
    decoded.ok_or_else(|| LogError::Malformed(format!("`{name}` is not base64, or empty")))
}

/// Writers of proto3 JSON leave out zero.
fn number(value: Option<Number>) -> u64 {
    value.map_or(0, |number| number.0)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryDocument {
    log_index: Option<Number>,
    log_id: Option<LogIdDocument>,
    kind_version: Option<KindDocument>,
    integrated_time: Option<Number>,
    inclusion_promise: Option<PromiseDocument>,
    inclusion_proof: Option<ProofDocument>,
    canonicalized_body: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogIdDocument {
    key_id: Option<String>,
}

#[derive(Deserialize)]
struct KindDocument {
    kind: String,
    version: String,
}

impl From<KindDocument> for EntryKind {
    fn from(document: KindDocument) -> Self {
        Self { kind: document.kind, version: document.version }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromiseDocument {
    signed_entry_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofDocument {
    log_index: Option<Number>,
    root_hash: Option<String>,
    tree_size: Option<Number>,
    hashes: Option<Vec<String>>,
    checkpoint: Option<CheckpointDocument>,
}

#[derive(Deserialize)]
struct CheckpointDocument {
    envelope: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AnnotationDocument {
    signed_entry_timestamp: String,
    payload: AnnotationPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnnotationPayload {
    body: String,
    integrated_time: u64,
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}
