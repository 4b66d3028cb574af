//! Why a trust root is not to be had.

use verimage_core::Code;

/// Why a trust root is not to be had, or was not updated. What was there before is left as it was.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The update was refused, or could not be carried out.
    #[error("{message}")]
    Failed {
        /// Which check failed, or what could not be found out.
        code: Code,
        /// What was seen.
        message: String,
    },
    /// A mirror other than the public one is asked for the first time, and no root is given to begin with.
    #[error("the mirror `{mirror}` needs root metadata to begin with")]
    RootNeeded {
        /// The mirror.
        mirror: String,
    },
    /// The options do not fit together.
    #[error("{0}")]
    Usage(String),
}

impl TrustError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Failed { code, message: message.into() }
    }

    /// The failure code, or `usage`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failed { code, .. } => code.as_str(),
            Self::RootNeeded { .. } | Self::Usage(_) => "usage",
        }
    }
}
