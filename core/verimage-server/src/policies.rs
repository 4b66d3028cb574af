//! Which policy judges, and how its file is taken up again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use verimage::{Policy, PolicyError, PolicyLoader};

use crate::config::ServerConfig;

/// The policy for every namespace, and those of single ones.
#[derive(Debug)]
pub(crate) struct Policies {
    loader: PolicyLoader,
    /// The first is for every namespace that is not named.
    files: Vec<PolicyFile>,
    by_namespace: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct PolicyFile {
    path: PathBuf,
    policy: RwLock<Policy>,
    /// Why what is in the file now is not in force; told once.
    refused: Mutex<Option<String>>,
}

/// What became of a file that was read again.
pub(crate) enum Change {
    Changed(Policy),
    /// Not in force; whether this was not said before.
    Refused {
        reason: String,
        is_new: bool,
    },
}

impl Policies {
    pub(crate) async fn load(config: &ServerConfig) -> Result<Self, PolicyError> {
        let loader = config.trust_stores.iter().fold(PolicyLoader::new(), |loader, folder| loader.trust_stores(folder.clone()));
        let mut policies = Self { loader, files: Vec::new(), by_namespace: BTreeMap::new() };
        policies.add(&config.policy, &[]).await?;
        for own in &config.namespace_policies {
            policies.add(&own.policy, &own.namespaces).await?;
        }
        Ok(policies)
    }

    async fn add(&mut self, path: &Path, namespaces: &[String]) -> Result<(), PolicyError> {
        let policy = RwLock::new(self.loader.load_async(path).await?);
        self.by_namespace.extend(namespaces.iter().map(|namespace| (namespace.clone(), self.files.len())));
        self.files.push(PolicyFile { path: path.to_owned(), policy, refused: Mutex::default() });
        Ok(())
    }

    /// The policy for objects of a namespace, or of the cluster.
    pub(crate) fn of(&self, namespace: Option<&str>) -> Option<Policy> {
        let file = namespace.and_then(|namespace| self.by_namespace.get(namespace)).copied().unwrap_or_default();
        self.files.get(file).map(PolicyFile::policy)
    }

    /// Reads every file again. What cannot be loaded leaves the old policy in force.
    pub(crate) async fn reload(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for file in &self.files {
            changes.extend(file.take(self.loader.load_async(&file.path).await));
        }
        changes
    }
}

impl PolicyFile {
    fn policy(&self) -> Policy {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&self, loaded: Result<Policy, PolicyError>) -> Option<Change> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(policy) => {
                *refused = None;
                let old = self.policy();
                if policy.digest() == old.digest() && policy.material_digest() == old.material_digest() {
                    return None;
                }
                *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy.clone();
                Some(Change::Changed(policy))
            }
            Err(error) => {
                let reason = error.to_string();
                let is_new = refused.as_ref() != Some(&reason);
                *refused = Some(reason.clone());
                Some(Change::Refused { reason, is_new })
            }
        }
    }
}
