//! Why there is no answer, as a plain value.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use napi_derive::napi;
use verimage::{Error, PolicyError};

/// Why there is no answer. The package makes an error of it, one class for each layer.
#[derive(Debug, Default)]
#[napi(object, object_from_js = false)]
pub struct Refusal {
    /// Where it went wrong.
    #[napi(ts_type = "'policy' | 'usage' | 'configuration' | 'aborted' | 'internal'")]
    pub layer: &'static str,
    /// The stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// The place in the policy.
    pub pointer: Option<String>,
    /// The policy's file.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// What to do.
    pub hint: Option<String>,
}

impl Refusal {
    /// An option that cannot be read.
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::new("usage", "usage", message)
    }

    /// Settings that contradict each other or name what is not there.
    pub(crate) fn configuration(message: impl ToString) -> Self {
        Self::new("configuration", "configuration", message)
    }

    /// The caller took the question back.
    pub(crate) fn aborted() -> Self {
        Self::new("aborted", "aborted", "the verification was aborted")
    }

    pub(crate) fn internal() -> Self {
        Self::new("internal", "internal", "verimage failed; this is a defect of verimage, please report it")
    }

    fn new(layer: &'static str, code: &str, message: impl ToString) -> Self {
        Self { layer, code: code.to_owned(), message: message.to_string(), ..Self::default() }
    }
}

impl From<PolicyError> for Refusal {
    fn from(error: PolicyError) -> Self {
        let number = |number: usize| u32::try_from(number).ok();
        Self {
            layer: "policy",
            code: error.code.to_string(),
            message: error.to_string(),
            line: error.location.and_then(|(line, _)| number(line)),
            column: error.location.and_then(|(_, column)| number(column)),
            pointer: Some(error.pointer),
            file: error.file,
            hint: error.hint,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Policy(error) => error.into(),
            Error::Source(_) => Self::new("usage", error.code(), error),
            _ => Self::new("configuration", error.code(), error),
        }
    }
}

/// What comes of a piece of work; a panic in it is a refusal and goes no further.
pub(crate) async fn contained<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(Refusal::internal()))
}

/// As [`contained`], at once.
pub(crate) fn contained_now<T>(work: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Refusal::internal()))
}
