//! Errors of the library as exceptions of `verimage._errors`, one class for each layer.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use verimage::{Error, PolicyError};

/// An instance of a class of `verimage._errors`; if that module cannot be used, the error of trying.
fn raise<'py>(py: Python<'py>, class: &str, arguments: impl PyCallArgs<'py>) -> PyErr {
    let class = py.import("verimage._errors").and_then(|module| module.getattr(class));
    class.and_then(|class| class.call1(arguments)).map_or_else(|error| error, PyErr::from_value)
}

/// A policy that cannot be used.
pub(crate) fn policy(py: Python<'_>, error: &PolicyError) -> PyErr {
    let (line, column) = error.location.unzip();
    let arguments =
        (error.to_string(), error.code.as_str(), error.pointer.as_str(), error.file.as_deref(), line, column, error.hint.as_deref());
    raise(py, "PolicyError", arguments)
}

/// Options that do not fit.
pub(crate) fn configuration(py: Python<'_>, message: &str) -> PyErr {
    raise(py, "ConfigurationError", (message, "configuration"))
}

/// A defect of the library.
pub(crate) fn internal(py: Python<'_>, message: &str) -> PyErr {
    raise(py, "InternalError", (message, "internal"))
}

/// A question that could not be asked.
pub(crate) fn library(py: Python<'_>, error: &Error) -> PyErr {
    match error {
        Error::Policy(error) => policy(py, error),
        Error::Source(_) => raise(py, "ImageReferenceError", (error.to_string(), error.code())),
        _ => raise(py, "ConfigurationError", (error.to_string(), error.code())),
    }
}

/// An image that is not admitted.
pub(crate) fn denied(py: Python<'_>, class: &str, verdict: Bound<'_, PyAny>) -> PyErr {
    raise(py, class, (verdict,))
}
