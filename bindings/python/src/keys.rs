//! Key resolvers written in Python.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use verimage::{KeyReference, KeyResolver, KeyResolverError};

use crate::store::{Reason, Refusal, call};

/// An object with `schemes` and `resolve(reference)`.
#[derive(Clone, Debug)]
pub(crate) struct PyKeyResolver {
    object: Arc<Py<PyAny>>,
    schemes: &'static [&'static str],
}

impl<'a, 'py> FromPyObject<'a, 'py> for PyKeyResolver {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let usable = object.getattr("resolve").is_ok_and(|method| method.is_callable());
        let schemes = object.getattr("schemes").and_then(|schemes| schemes.extract::<Vec<String>>());
        match (usable, schemes) {
            (true, Ok(schemes)) => Ok(Self { object: Arc::new(object.to_owned().unbind()), schemes: kept(schemes) }),
            _ => Err(PyTypeError::new_err("a key resolver has `schemes`, a sequence of str, and a method `resolve(reference)`")),
        }
    }
}

#[async_trait]
impl KeyResolver for PyKeyResolver {
    fn schemes(&self) -> &[&str] {
        self.schemes
    }

    async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        let (object, text) = (self.object.clone(), reference.text());
        let answer = call("key resolver", move |py| object.bind(py).call_method1("resolve", (text,))?.extract::<Vec<u8>>()).await;
        answer.map_err(|Refusal { reason, detail }| match reason {
            Reason::NotFound => KeyResolverError::invalid(detail),
            Reason::Unauthorized => KeyResolverError::unauthorized(detail),
            Reason::RateLimited => KeyResolverError::new(verimage::Code::StoreRateLimited, detail),
            _ => KeyResolverError::unavailable(detail),
        })
    }
}

/// The trait lends its schemes for as long as the resolver lives; so each list is kept once, for good.
fn kept(schemes: Vec<String>) -> &'static [&'static str] {
    static KEPT: Mutex<BTreeMap<Vec<String>, &'static [&'static str]>> = Mutex::new(BTreeMap::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.entry(schemes.clone()).or_insert_with(|| {
        let schemes = schemes.into_iter().map(|scheme| &*scheme.leak());
        schemes.collect::<Vec<_>>().leak()
    })
}
