//! `Policy`: a policy that can judge.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use verimage::{FolderMaterial, PolicyError, PolicyLoader};

use crate::arguments::{PolicyArgument, json_of};
use crate::keys::PyKeyResolver;
use crate::tasks;

/// A policy with its keys: loaded once, used for many images, by any number of threads.
#[pyclass(frozen, module = "verimage", name = "Policy")]
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) policy: verimage::Policy,
}

#[pymethods]
impl Policy {
    /// Loads a policy file of any known format, and asks for the keys that it refers to. Relative paths in it start at its
    /// folder. With `offline`, nobody is asked.
    #[staticmethod]
    #[pyo3(signature = (path, *, offline = false, key_resolvers = Vec::new(), trust_stores = None),
        text_signature = "(path, *, offline=False, key_resolvers=(), trust_stores=None)")]
    fn load(
        py: Python<'_>,
        path: PathBuf,
        offline: bool,
        key_resolvers: Vec<PyKeyResolver>,
        trust_stores: Option<PathBuf>,
    ) -> PyResult<Self> {
        Loading { offline, key_resolvers, trust_stores }.wait(py, PolicyArgument::File(path))
    }

    /// Loads a policy of any known format from text. Relative paths in it start at `base`; without one they are an error.
    #[staticmethod]
    #[pyo3(signature = (text, *, base = None, source = "text", offline = false, key_resolvers = Vec::new(), trust_stores = None),
        text_signature = "(text, *, base=None, source='text', offline=False, key_resolvers=(), trust_stores=None)")]
    fn from_text(
        py: Python<'_>,
        text: String,
        base: Option<PathBuf>,
        source: &str,
        offline: bool,
        key_resolvers: Vec<PyKeyResolver>,
        trust_stores: Option<PathBuf>,
    ) -> PyResult<Self> {
        let loading = Loading { offline, key_resolvers, trust_stores };
        tasks::wait(py, async { Ok(Self { policy: loading.text(&text, source, base).await? }) })
    }

    /// Loads a policy from a dictionary, as `from_text` does.
    #[staticmethod]
    #[pyo3(signature = (document, *, base = None, source = "dict", offline = false, key_resolvers = Vec::new(), trust_stores = None),
        text_signature = "(document, *, base=None, source='dict', offline=False, key_resolvers=(), trust_stores=None)")]
    fn from_dict(
        py: Python<'_>,
        document: &Bound<'_, PyDict>,
        base: Option<PathBuf>,
        source: &str,
        offline: bool,
        key_resolvers: Vec<PyKeyResolver>,
        trust_stores: Option<PathBuf>,
    ) -> PyResult<Self> {
        Self::from_text(py, json_of(document)?, base, source, offline, key_resolvers, trust_stores)
    }

    /// The file, or how the policy was given.
    #[getter]
    fn source(&self) -> &str {
        self.policy.source()
    }

    /// The digest of its text.
    #[getter]
    fn digest(&self) -> String {
        self.policy.digest().to_string()
    }

    /// The digest over all its keys and roots.
    #[getter]
    fn material_digest(&self) -> String {
        self.policy.material_digest().to_string()
    }

    fn __repr__(&self) -> String {
        format!("<verimage.Policy {:?} {}>", self.policy.source(), self.policy.digest())
    }
}

/// How policies are loaded.
#[derive(Clone, Debug)]
pub(crate) struct Loading {
    pub(crate) offline: bool,
    pub(crate) key_resolvers: Vec<PyKeyResolver>,
    pub(crate) trust_stores: Option<PathBuf>,
}

impl Loading {
    pub(crate) fn wait(&self, py: Python<'_>, given: PolicyArgument) -> PyResult<Policy> {
        tasks::wait(py, async { Ok(Policy { policy: self.load(given).await? }) })
    }

    pub(crate) async fn load(&self, given: PolicyArgument) -> Result<verimage::Policy, PolicyError> {
        match given {
            PolicyArgument::Loaded(policy) => Ok(policy),
            PolicyArgument::File(path) => self.file(&path).await,
            PolicyArgument::Text(text) => self.text(&text, "dict", None).await,
        }
    }

    async fn file(&self, path: &Path) -> Result<verimage::Policy, PolicyError> {
        if self.offline { self.loader().load(path) } else { self.loader().load_async(path).await }
    }

    async fn text(&self, text: &str, source: &str, base: Option<PathBuf>) -> Result<verimage::Policy, PolicyError> {
        let material = FolderMaterial::new(base).trust_stores(self.trust_stores.clone());
        match self.offline {
            true => self.loader().load_text(text, source, &material),
            false => self.loader().load_text_async(text, source, &material).await,
        }
    }

    /// The resolver that is named first is asked first.
    fn loader(&self) -> PolicyLoader {
        let loader = self.trust_stores.iter().fold(PolicyLoader::new(), |loader, folder| loader.trust_stores(folder.clone()));
        let resolvers = self.key_resolvers.iter().rev();
        resolvers.fold(loader, |loader, resolver| loader.with_key_resolver(Arc::new(resolver.clone())))
    }
}
