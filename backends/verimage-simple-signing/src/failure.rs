//! Failures in the words of `verimage`.

use std::fmt;

use verimage_core::{Code, Failure};

use crate::envelope::{MAX_MESSAGE_BYTES, MessageError};
use crate::payload::PayloadError;

/// Why a key file holds nothing to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRingError {
    /// It cannot be read as keys.
    Malformed(String),
    /// It holds keys, and none of them may sign images.
    Unusable(String),
}

impl fmt::Display for KeyRingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(formatter, "it is no OpenPGP key file: {reason}"),
            Self::Unusable(reasons) => write!(formatter, "No public keys imported: {reasons}"),
        }
    }
}

impl std::error::Error for KeyRingError {}

pub(crate) fn malformed(reason: impl fmt::Display) -> Failure {
    Failure::new(Code::PayloadMalformed, reason.to_string())
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::Malformed(reason) => malformed(format!("no signed OpenPGP message: {reason}")),
            MessageError::TooLarge => {
                Self::new(Code::LimitExceeded, format!("the OpenPGP message has more than {MAX_MESSAGE_BYTES} bytes"))
            }
        }
    }
}

impl From<PayloadError> for Failure {
    fn from(error: PayloadError) -> Self {
        malformed(error)
    }
}
