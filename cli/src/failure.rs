//! Why a command ends without its answer, and the exit codes.

use std::io;

use verimage::core::{StoreError, StoreErrorKind};
use verimage::trust::TrustError;
use verimage::{Code, CodeClass, Error, PolicyError, SourceError};

/// How the process ends: a contract with every script that calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Every image is admitted, or the question was answered.
    Admitted,
    /// Some image could not be judged, and none is denied.
    Inconclusive,
    /// Some image is denied.
    Denied,
    /// The question could not be asked: arguments, policy or configuration.
    Usage,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Admitted => 0,
            Self::Denied => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
        }
    }
}

/// Why a command ends without its answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Arguments, files or configuration do not fit.
    Usage { message: String, notes: Vec<String>, hint: Option<String> },
    /// The policy cannot be used; `text` is what was loaded, if it is there to be shown.
    Policy { error: Box<PolicyError>, text: Option<String> },
    /// What was asked for could not be found out, or what was found is refused.
    Unknown { code: Code, message: String, hint: String },
    /// The answer could not be written.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), notes: Vec::new(), hint: None }
    }

    pub(crate) fn usage_with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), notes: Vec::new(), hint: Some(hint.into()) }
    }

    pub(crate) fn policy(error: PolicyError, text: Option<String>) -> Self {
        Self::Policy { error: Box::new(error), text }
    }

    /// The refusal of a store that was asked for the image itself.
    pub(crate) fn of_image(place: &str, error: &StoreError) -> Self {
        let code = match error.kind {
            StoreErrorKind::NotFound => Code::ImageNotFound,
            other => Code::of_store_error(other),
        };
        Self::Unknown { code, message: format!("{place}: {error}"), hint: code.remedy().to_owned() }
    }

    /// What a place gave for an image is none.
    pub(crate) fn no_image(image: &str, reason: &str) -> Self {
        let code = Code::StoreUnavailable;
        Self::Unknown { code, message: format!("{image}: what is there is no image: {reason}"), hint: code.remedy().to_owned() }
    }

    /// The same failure, with the image that it is about.
    #[must_use]
    pub(crate) fn about(self, image: &str) -> Self {
        match self {
            Self::Usage { message, notes, hint } => Self::Usage { message: format!("{image}: {message}"), notes, hint },
            Self::Unknown { code, message, hint } => Self::Unknown { code, message: format!("{image}: {message}"), hint },
            other => other,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unknown { code, .. } if code.class() == CodeClass::Deny => Exit::Denied,
            Self::Unknown { .. } => Exit::Inconclusive,
            // A key that could not be had says nothing about the policy.
            Self::Policy { error, .. } if error.code.class() == CodeClass::Inconclusive => Exit::Inconclusive,
            Self::Usage { .. } | Self::Policy { .. } | Self::Output(_) => Exit::Usage,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Policy(error) => Self::policy(error, None),
            Error::Source(error) => error.into(),
            other => Self::usage(other.to_string()),
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        let message = error.to_string();
        match error {
            TrustError::Failed { code, .. } => Self::Unknown { code, message, hint: code.remedy().to_owned() },
            TrustError::RootNeeded { .. } => Self::usage_with_hint(message, "give it with `--root FILE`, from a source that you trust"),
            _ => Self::usage(message),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
