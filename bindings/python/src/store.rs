//! Signature stores written in Python.

use std::sync::Arc;

use async_trait::async_trait;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use verimage::ImageRef;
use verimage::core::{Blob, SignatureStore, StoreError, StoreErrorKind};

use crate::process;
use crate::want::Want;

/// An object with `fetch(image, want)`.
#[derive(Clone, Debug)]
pub(crate) struct PyStore {
    object: Arc<Py<PyAny>>,
}

impl<'a, 'py> FromPyObject<'a, 'py> for PyStore {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.getattr("fetch").is_ok_and(|method| method.is_callable()) {
            return Ok(Self { object: Arc::new(object.to_owned().unbind()) });
        }
        Err(PyTypeError::new_err("a signature store has a method `fetch(image, want)`"))
    }
}

#[async_trait]
impl SignatureStore for PyStore {
    async fn fetch(&self, image: &ImageRef, want: &verimage::core::Want) -> Result<Vec<Blob>, StoreError> {
        let (object, image, want) = (self.object.clone(), image.to_string(), want.clone());
        let answer = call("signature store", move |py| {
            let max_bytes = want.max_bytes;
            blobs(&object.bind(py).call_method1("fetch", (image, Want { want }))?, max_bytes)
        });
        answer.await.and_then(|blobs| blobs).map_err(|refusal| StoreError::new(refusal.reason.kind(), refusal.detail))
    }
}

/// Bytes, or a sequence of them; never more than were asked for.
fn blobs(answer: &Bound<'_, PyAny>, max_bytes: u64) -> PyResult<Result<Vec<Blob>, Refusal>> {
    let found: Vec<Bound<'_, PyBytes>> = match answer.cast::<PyBytes>() {
        Ok(bytes) => vec![bytes.clone()],
        Err(_) => answer.extract().map_err(|_| PyTypeError::new_err("`fetch` returns bytes or a sequence of bytes"))?,
    };
    let size: u64 = found.iter().map(|bytes| bytes.as_bytes().len() as u64).sum();
    if size > max_bytes {
        return Ok(Err(Refusal { reason: Reason::TooLarge, detail: format!("more than {max_bytes} bytes") }));
    }
    Ok(Ok(found.iter().map(|bytes| Blob::new(bytes.as_bytes().to_vec())).collect()))
}

/// Why Python code did not bring what it was asked for.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// The reasons that `verimage.StoreError` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    NotFound,
    Unauthorized,
    RateLimited,
    TooLarge,
    DeadlineExceeded,
    Unavailable,
}

impl Reason {
    fn of(text: &str) -> Self {
        match text {
            "not-found" => Self::NotFound,
            "unauthorized" => Self::Unauthorized,
            "rate-limited" => Self::RateLimited,
            "too-large" => Self::TooLarge,
            "deadline-exceeded" => Self::DeadlineExceeded,
            _ => Self::Unavailable,
        }
    }

    fn kind(self) -> StoreErrorKind {
        match self {
            Self::NotFound => StoreErrorKind::NotFound,
            Self::Unauthorized => StoreErrorKind::Unauthorized,
            Self::RateLimited => StoreErrorKind::RateLimited,
            Self::TooLarge => StoreErrorKind::TooLarge,
            Self::DeadlineExceeded => StoreErrorKind::DeadlineExceeded,
            Self::Unavailable => StoreErrorKind::Unavailable,
        }
    }
}

/// Calls Python code on a thread that may wait, so that neither the runtime nor the interpreter is held up by it.
/// Only `verimage.StoreError` says a reason; whatever else is raised is logged, and the place counts as unavailable.
pub(crate) async fn call<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce(Python<'_>) -> PyResult<T> + Send + 'static,
) -> Result<T, Refusal> {
    let unavailable = |detail: &str| Refusal { reason: Reason::Unavailable, detail: format!("the {what} {detail}") };
    let attached = move || process::attached(|py| work(py).map_err(|error| refusal(py, what, &error)));
    match tokio::task::spawn_blocking(attached).await {
        Ok(Some(answer)) => answer,
        Ok(None) => Err(unavailable("is gone: the interpreter ends")),
        Err(_) => Err(unavailable("could not be called")),
    }
}

fn refusal(py: Python<'_>, what: &str, error: &PyErr) -> Refusal {
    let value = error.value(py);
    let said = || -> PyResult<Option<Refusal>> {
        if !value.is_instance(&py.import("verimage._errors")?.getattr("StoreError")?)? {
            return Ok(None);
        }
        let reason = Reason::of(&value.getattr("reason")?.extract::<String>()?);
        Ok(Some(Refusal { reason, detail: value.getattr("detail")?.extract()? }))
    };
    if let Ok(Some(refusal)) = said() {
        return refusal;
    }
    // There is nobody left to tell if this fails.
    let _ = log(py, what, error);
    Refusal { reason: Reason::Unavailable, detail: format!("the {what} raised {error}") }
}

fn log(py: Python<'_>, what: &str, error: &PyErr) -> PyResult<()> {
    let options = PyDict::new(py);
    options.set_item("exc_info", error.value(py))?;
    let logger = py.import("logging")?.call_method1("getLogger", ("verimage",))?;
    logger.call_method("error", (format!("the {what} raised"),), Some(&options)).map(drop)
}
