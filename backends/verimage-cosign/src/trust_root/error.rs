//! What can be wrong with a trusted root, and where.

use thiserror::Error;
use verimage_crypto::{KeyError, KeyKind};

/// A fault, and the entry that has it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {fault}", if .at.is_empty() { "trusted root" } else { .at.as_str() })]
pub(crate) struct TrustRootError {
    /// As `tlogs[1].publicKey.validFor.start`; empty for the whole.
    pub(crate) at: String,
    pub(crate) fault: Fault,
}

impl TrustRootError {
    pub(crate) fn new(at: impl Into<String>, fault: Fault) -> Self {
        Self { at: at.into(), fault }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("is not base64, or empty")]
    Base64,
    #[error("is the same as `{first}`")]
    Duplicate { first: String },
    #[error("ends before it starts")]
    EmptyRange,
    #[error("{0}")]
    Json(String),
    #[error("the key cannot be read: {0}")]
    Key(#[from] KeyError),
    #[error("`{details}` does not fit the {found} key")]
    KeyDetails { details: String, found: KeyKind },
    #[error("the media type `{found}` is not that of a trusted root")]
    MediaType { found: String },
    #[error("is missing")]
    Missing,
    #[error("`{found}` is not a time of RFC 3339")]
    Time { found: String },
    #[error("is too short")]
    TooShort,
    #[error("has {found} entries, at most {most} are read")]
    TooMany { found: usize, most: usize },
}
