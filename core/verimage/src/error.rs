//! Why a question could not be asked.

use verimage_core::{PolicyError, TranscriptError};

use crate::source::SourceError;

/// Why a question could not be asked. A denied image is no error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The image reference cannot be read, or the layout not opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The engine's configuration contradicts itself or names files that cannot be read.
    #[error("configuration: {0}")]
    Configuration(String),
    /// The transcript cannot be replayed.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// This machine's clock shows no time that can be written.
    #[error("the clock of this machine is out of range")]
    Clock,
}

impl Error {
    /// A stable word for each kind: a failure code for policies, else `usage` or `configuration`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Policy(error) => error.code.as_str(),
            Self::Source(_) => "usage",
            Self::Configuration(_) | Self::Clock => "configuration",
            Self::Transcript(_) => "transcript-invalid",
        }
    }
}
