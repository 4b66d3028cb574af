//! Why log entries do not prove a signature.

use thiserror::Error;
use verimage_core::Code;

use super::body::{BodyError, EntryKind, Mismatch};
use super::checkpoint::CheckpointError;
use super::entry::MAX_ENTRIES;
use super::merkle::MerkleError;
use super::set::SetError;

/// Why log entries do not prove a signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum LogError {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("the proof is over {proof} entries, the checkpoint over {checkpoint}")]
    CheckpointSize { proof: u64, checkpoint: u64 },
    #[error("the proof and the checkpoint name different roots")]
    CheckpointRoot,
    #[error("log entry {position}: {error}")]
    Entry { position: usize, error: Box<LogError> },
    #[error("the entry has the index {entry}, its proof is for {proof}")]
    Index { entry: u64, proof: u64 },
    #[error("the entry says `{said}`, its body `{found}`")]
    Kind { said: EntryKind, found: EntryKind },
    #[error("the log entry is not well formed: {0}")]
    Malformed(String),
    #[error("the entry is not for this signature: {0}")]
    Mismatch(#[from] Mismatch),
    #[error("the inclusion proof has no checkpoint")]
    NoCheckpoint,
    #[error("the signature is sound, but no transparency log entry proves it")]
    NoEntry,
    #[error("the entry has no promise of its log")]
    NoPromise,
    #[error("the entry has no inclusion proof")]
    NoProof,
    #[error("the inclusion proof: {0}")]
    Proof(#[from] MerkleError),
    #[error("the entry occurs twice")]
    Repeated,
    #[error(transparent)]
    Set(#[from] SetError),
    #[error("there are {found} log entries, at most {MAX_ENTRIES} are read")]
    TooMany { found: usize },
    #[error("the trusted root has no log {id}")]
    UnknownLog { id: String },
    #[error("the log {id} cannot be asked: {reason}")]
    UnusableLog { id: String, reason: String },
}

impl LogError {
    /// The code of this refusal.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::NoCheckpoint | Self::NoEntry | Self::NoPromise | Self::NoProof | Self::UnknownLog { .. } | Self::UnusableLog { .. } => {
                Code::LogMissing
            }
            Self::Checkpoint(_)
            | Self::CheckpointRoot
            | Self::CheckpointSize { .. }
            | Self::Index { .. }
            | Self::Proof(_)
            | Self::Set(_) => Code::LogProofInvalid,
            Self::Body(_) | Self::Kind { .. } | Self::Mismatch(_) => Code::LogEntryMismatch,
            Self::Malformed(_) | Self::Repeated => Code::PayloadMalformed,
            Self::TooMany { .. } => Code::LimitExceeded,
            Self::Entry { error, .. } => error.code(),
        }
    }
}
