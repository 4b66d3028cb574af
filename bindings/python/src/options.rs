//! The options of an engine, kept so that each process can build its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use serde_json::{Map, Value};
use verimage::core::{Repository, SignatureStore};
use verimage::registry::{Credential, RegistryConfig};
use verimage::{Builder, Error, Keeping, LayoutStore, Limits, Selector, StateFolder, Verdicts, Verimage};

use crate::store::PyStore;

/// What answers for a repository: a store, or a layout by its path.
#[derive(Debug, FromPyObject)]
pub(crate) enum RepositoryArgument {
    #[pyo3(transparent)]
    Layout(PathBuf),
    #[pyo3(transparent)]
    Store(PyStore),
}

/// As `verimage.Verimage` takes them.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) offline: bool,
    pub(crate) plain_http: Vec<String>,
    pub(crate) ca_files: Vec<PathBuf>,
    pub(crate) auth_file: Option<PathBuf>,
    pub(crate) credentials: BTreeMap<String, Credential>,
    pub(crate) registries_conf: Option<PathBuf>,
    pub(crate) registries_d: Option<PathBuf>,
    pub(crate) allow_private: Vec<String>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) registry: Option<PyStore>,
    pub(crate) lookaside: Option<PyStore>,
    pub(crate) notary: Option<PyStore>,
    pub(crate) web: Option<PyStore>,
    pub(crate) stores: BTreeMap<String, PyStore>,
    pub(crate) repositories: BTreeMap<String, RepositoryArgument>,
    /// For how long verdicts that allow are kept at most.
    pub(crate) keep_verdicts: Duration,
}

impl Options {
    pub(crate) fn build(&self) -> Result<Verimage, Error> {
        let mut builder = Verimage::builder().timeout(self.timeout).limits(self.limits.clone());
        builder = if self.offline { builder.offline() } else { builder.servers(self.servers()?) };
        builder = self.registries_d.iter().fold(builder, Builder::registries_d);
        builder = self.allow_private.iter().fold(builder, |builder, host| builder.allow_private(host));
        builder = self.state_dir.iter().fold(builder, |builder, folder| builder.state(Arc::new(StateFolder::new(folder))));
        builder = self.given_stores(builder);
        for (name, given) in &self.repositories {
            let repository = Repository::parse(name).map_err(|error| unusable(name, &error))?;
            builder = builder.repository(&repository, given.store().map_err(|error| unusable(name, &error))?);
        }
        if !self.keep_verdicts.is_zero() {
            // Whoever asks again after a denial may just have signed.
            let keeping = Keeping { allowed: self.keep_verdicts, denied: Duration::ZERO, ..Keeping::default() };
            builder = builder.verdicts(Verdicts::new(keeping));
        }
        builder.build()
    }

    fn given_stores(&self, mut builder: Builder) -> Builder {
        let store = |store: &PyStore| Arc::new(store.clone()) as Arc<dyn SignatureStore>;
        builder = self.registry.iter().map(store).fold(builder, Builder::registry);
        builder = self.lookaside.iter().map(store).fold(builder, Builder::lookaside);
        builder = self.notary.iter().map(store).fold(builder, Builder::notary);
        builder = self.web.iter().map(store).fold(builder, Builder::web);
        self.stores.iter().fold(builder, |builder, (name, given)| builder.store(name, store(given)))
    }

    fn servers(&self) -> Result<RegistryConfig, Error> {
        let machine = RegistryConfig::from_environment().map_err(|error| Error::Configuration(error.to_string()))?;
        let mut config = machine.timeout(self.timeout);
        config = self.plain_http.iter().fold(config, RegistryConfig::plain_http);
        config = self.ca_files.iter().fold(config, RegistryConfig::ca_file);
        config = self.auth_file.iter().fold(config, RegistryConfig::auth_file);
        config = self.registries_conf.iter().fold(config, RegistryConfig::registries_conf);
        Ok(self.credentials.iter().fold(config, |config, (place, credential)| config.credential(place, credential.clone())))
    }
}

impl RepositoryArgument {
    fn store(&self) -> Result<Arc<dyn SignatureStore>, verimage::LayoutError> {
        Ok(match self {
            Self::Store(store) => Arc::new(store.clone()),
            Self::Layout(path) if path.is_dir() => Arc::new(LayoutStore::open_folder(path, Selector::Only)?),
            Self::Layout(path) => Arc::new(LayoutStore::open_archive(path, Selector::Only)?),
        })
    }
}

fn unusable(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Configuration(format!("repository `{}`: {error}", name.escape_debug()))
}

/// Limits by their names, in the words of Python: `manifest_bytes`. What is not named stays as it is.
pub(crate) fn limits(given: &BTreeMap<String, i64>) -> Result<Limits, String> {
    let fields: Map<String, Value> = given.iter().map(|(name, value)| (camel_case(name), Value::from(*value))).collect();
    serde_json::from_value(Value::Object(fields)).map_err(|error| format!("limits: {error}"))
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut text, word| {
        let mut letters = word.chars();
        text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        text + letters.as_str()
    })
}
