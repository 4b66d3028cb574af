//! One log entry, wherever it was found: its promise, its proof, its body, and the signature that they are to prove.

mod document;

use serde_json::Value;
use verimage_core::Timestamp;
use verimage_crypto::Fingerprint;

use super::body::{Binding, Body, EntryKind};
use super::checkpoint::{Checkpoint, Generation};
use super::error::LogError;
use super::logs::{Log, Logs};
use super::merkle::{TreeHash, verify_inclusion};
use super::set::Promised;
use crate::trust_root::Validity;

/// The most entries that are read of one bundle, as in sigstore-go.
pub(crate) const MAX_ENTRIES: usize = 32;

/// What the format demands of each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Bundles of version 0.1 and annotations: the log's promise. A proof may come with it.
    Promise,
    /// Bundles of version 0.2 and later: an inclusion proof with its checkpoint. A promise may come with it.
    Proof,
}

/// An entry, nothing of it verified.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    pub(super) demand: Demand,
    pub(super) log_id: Vec<u8>,
    pub(super) log_index: u64,
    /// Annotations do not say it.
    pub(super) kind: Option<EntryKind>,
    /// Seconds since 1970; nothing but a promise makes it believable.
    pub(super) integrated_time: u64,
    pub(super) promise: Option<Vec<u8>>,
    pub(super) proof: Option<InclusionProof>,
    pub(super) body: Vec<u8>,
}

/// An inclusion proof as found.
#[derive(Clone, Debug)]
pub(crate) struct InclusionProof {
    pub(super) index: u64,
    pub(super) size: u64,
    pub(super) root: TreeHash,
    pub(super) hashes: Vec<TreeHash>,
    pub(super) checkpoint: Option<String>,
}

/// What an entry proved: its log has this signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEvidence {
    /// The log.
    pub(crate) log_id: Vec<u8>,
    /// The log's key, so that thresholds count logs, and not entries or identifiers.
    pub(crate) key: Fingerprint,
    pub(crate) operator: Option<String>,
    /// The entry's number, if the log signed it: with a proof alone, Rekor v1 does not.
    pub(crate) log_index: Option<u64>,
    /// When the log saw the entry, if the log signed that.
    pub(crate) time: Option<Timestamp>,
    /// When the log's key counts.
    validity: Validity,
}

impl LogEvidence {
    /// Whether the log's key counts at another verified time of the same signature: an entry without a promise has no
    /// time of its own, so its key must be held against the timestamps.
    pub(crate) fn counts_at(&self, time: Timestamp) -> bool {
        self.validity.contains(time)
    }
}

impl LogEntry {
    /// One of `tlogEntries` of a bundle, which was read strictly.
    pub(crate) fn from_bundle(value: &Value, demand: Demand) -> Result<Self, LogError> {
        document::from_bundle(value, demand)
    }

    /// The annotation `dev.sigstore.cosign/bundle` of a layer.
    pub(crate) fn from_annotation(text: &str) -> Result<Self, LogError> {
        document::from_annotation(text)
    }

    /// Verifies that a log which counts has this entry, and that the entry is for this signature.
    pub(crate) fn verify(&self, logs: &Logs, binding: &Binding<'_>) -> Result<LogEvidence, LogError> {
        let log = logs.find(&self.log_id)?;
        let time = self.verify_promise(log)?;
        let generation = self.verify_proof(log)?;
        self.verify_body(binding)?;
        let (operator, validity) = (log.description.operator.clone(), log.description.validity);
        let log_index = (time.is_some() || generation == Some(Generation::Two)).then_some(self.log_index);
        Ok(LogEvidence { log_id: self.log_id.clone(), key: log.key().fingerprint(), operator, log_index, time, validity })
    }

    /// Section "SignedEntryTimestamp": without it, the integrated time is no time.
    fn verify_promise(&self, log: &Log) -> Result<Option<Timestamp>, LogError> {
        let Some(promise) = &self.promise else {
            return if self.demand == Demand::Promise { Err(LogError::NoPromise) } else { Ok(None) };
        };
        Ok(Some(self.promised().verify(promise, log)?))
    }

    /// What a promise signs.
    pub(super) fn promised(&self) -> Promised<'_> {
        let Self { body, integrated_time, log_id, log_index, .. } = self;
        Promised { body, integrated_time: *integrated_time, log_id, log_index: *log_index }
    }

    /// The generation of the log whose checkpoint came with the proof.
    fn verify_proof(&self, log: &Log) -> Result<Option<Generation>, LogError> {
        let Some(proof) = &self.proof else {
            return if self.demand == Demand::Proof { Err(LogError::NoProof) } else { Ok(None) };
        };
        let generation = match &proof.checkpoint {
            Some(note) => Some(self.verify_checkpoint(note, proof, log)?),
            None if self.demand == Demand::Proof => return Err(LogError::NoCheckpoint),
            None => None,
        };
        verify_inclusion(proof.index, proof.size, &TreeHash::leaf(&self.body), &proof.hashes, &proof.root)?;
        Ok(generation)
    }

    /// The root and the size are those that the log signed. Rekor v1 counts proofs by shard, v2 has one index.
    fn verify_checkpoint(&self, note: &str, proof: &InclusionProof, log: &Log) -> Result<Generation, LogError> {
        let checkpoint = Checkpoint::parse(note)?;
        let generation = checkpoint.verify(log)?;
        if checkpoint.size != proof.size {
            return Err(LogError::CheckpointSize { proof: proof.size, checkpoint: checkpoint.size });
        }
        if checkpoint.root != proof.root {
            return Err(LogError::CheckpointRoot);
        }
        if generation == Generation::Two && proof.index != self.log_index {
            return Err(LogError::Index { entry: self.log_index, proof: proof.index });
        }
        Ok(generation)
    }

    fn verify_body(&self, binding: &Binding<'_>) -> Result<(), LogError> {
        let body = Body::parse(&self.body)?;
        match &self.kind {
            Some(said) if *said != body.kind => Err(LogError::Kind { said: said.clone(), found: body.kind }),
            _ => Ok(body.check(binding)?),
        }
    }

    /// The same entry twice would count twice.
    fn repeats(&self, other: &Self) -> bool {
        self.log_id == other.log_id && (self.log_index == other.log_index || self.body == other.body)
    }
}

/// Reads `tlogEntries` of a bundle: at most 32, none twice.
pub(crate) fn bundle_entries(values: &[Value], demand: Demand) -> Result<Vec<LogEntry>, LogError> {
    if values.len() > MAX_ENTRIES {
        return Err(LogError::TooMany { found: values.len() });
    }
    let mut entries: Vec<LogEntry> = Vec::new();
    for (position, value) in values.iter().enumerate() {
        let entry = LogEntry::from_bundle(value, demand).map_err(|error| at(position, error))?;
        if entries.iter().any(|other| entry.repeats(other)) {
            return Err(at(position, LogError::Repeated));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Verifies that there are entries, and that every one of them proves the signature: a wrong entry is never outvoted.
pub(crate) fn verify_all(entries: &[LogEntry], logs: &Logs, binding: &Binding<'_>) -> Result<Vec<LogEvidence>, LogError> {
    if entries.is_empty() {
        return Err(LogError::NoEntry);
    }
    let entries = entries.iter().enumerate();
    entries.map(|(position, entry)| entry.verify(logs, binding).map_err(|error| at(position, error))).collect()
}

fn at(position: usize, error: LogError) -> LogError {
    LogError::Entry { position, error: Box::new(error) }
}

#[cfg(test)]
mod tests;
