//! What callers pass: policies, images and the options of one question.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use verimage::{ImageRef, ImageSource, Request};

use crate::errors;
use crate::policy::Policy;

/// A policy: loaded, a file, or a dictionary as JSON text.
#[derive(Debug)]
pub(crate) enum PolicyArgument {
    Loaded(verimage::Policy),
    File(PathBuf),
    Text(String),
}

impl PolicyArgument {
    pub(crate) fn read(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(policy) = given.cast::<Policy>() {
            return Ok(Self::Loaded(policy.get().policy.clone()));
        }
        if given.is_instance_of::<PyDict>() {
            return Ok(Self::Text(json_of(given)?));
        }
        given.extract().map(Self::File).map_err(|_| {
            let kind = given.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
            PyTypeError::new_err(format!("a policy is a path, a dict or a Policy, not {kind}"))
        })
    }
}

/// A dictionary as JSON text.
pub(crate) fn json_of(dict: &Bound<'_, PyAny>) -> PyResult<String> {
    let options = PyDict::new(dict.py());
    options.set_item("allow_nan", false)?;
    dict.py().import("json")?.call_method("dumps", (dict,), Some(&options))?.extract()
}

/// The options of one question.
#[derive(Debug)]
pub(crate) struct QuestionArguments<'a> {
    pub(crate) image: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) platform: Option<&'a str>,
    pub(crate) at: Option<&'a str>,
    pub(crate) all_evidence: bool,
}

impl QuestionArguments<'_> {
    pub(crate) fn request(&self, py: Python<'_>) -> PyResult<Request> {
        let unusable = |what: &str, error: &dyn std::fmt::Display| errors::configuration(py, &format!("{what}: {error}"));
        let source = ImageSource::parse(self.image).map_err(|error| errors::library(py, &error.into()))?;
        let mut request = Request::new(source);
        let name = self.name.map(ImageRef::parse).transpose();
        request.name = name.map_err(|error| unusable("name", &error))?;
        request.platform = self.platform.map(str::parse).transpose().map_err(|error| unusable("platform", &error))?;
        request.at = self.at.map(str::parse).transpose().map_err(|error| unusable("at", &error))?;
        request.all_evidence = self.all_evidence;
        Ok(request)
    }
}
