//! Policies without a file: the short forms of the command line, desugared to the native model.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A policy over any image that demands one cosign signature by a key, as the flags of `cosign verify` say it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct QuickPolicy {
    /// The key: a file, or a reference such as `env://NAME`.
    pub cosign_key: String,
    /// Another repository that holds the signatures, as `COSIGN_REPOSITORY`.
    pub signature_repository: Option<String>,
    /// Whether the transparency log is left out, as `--insecure-ignore-tlog`.
    pub insecure_ignore_log: bool,
    /// Demanded annotations, as `-a key=value`.
    pub annotations: BTreeMap<String, String>,
    /// Whether the payload must name the reference.
    pub reference: QuickReference,
}

/// Whether the payload must name the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuickReference {
    /// It may name anything.
    #[default]
    Off,
    /// It names the repository.
    Repository,
    /// It names the repository and the tag or digest.
    Exact,
}

impl QuickPolicy {
    /// The native policy as YAML.
    ///
    /// # Errors
    /// A sentence, if the YAML cannot be written.
    pub fn to_yaml(&self) -> Result<String, String> {
        serde_saphyr::to_string(&self.to_value()).map_err(|error| error.to_string())
    }

    fn to_value(&self) -> Value {
        let key = if self.cosign_key.contains("://") { json!({"ref": self.cosign_key}) } else { json!({"file": self.cosign_key}) };
        let mut leaf = Map::from_iter([("key".to_owned(), json!("key"))]);
        if self.insecure_ignore_log {
            leaf.insert("transparency".to_owned(), json!("none"));
        }
        match self.reference {
            QuickReference::Off => {}
            QuickReference::Repository => drop(leaf.insert("reference".to_owned(), json!("repository"))),
            QuickReference::Exact => drop(leaf.insert("reference".to_owned(), json!("exact"))),
        }
        if !self.annotations.is_empty() {
            leaf.insert("annotations".to_owned(), json!(self.annotations));
        }
        let mut policy = Map::from_iter([
            ("apiVersion".to_owned(), json!("verimage/v1")),
            ("kind".to_owned(), json!("ImagePolicy")),
            ("trust".to_owned(), json!({"key": {"publicKey": key}})),
        ]);
        if let Some(repository) = &self.signature_repository {
            leaf.insert("stores".to_owned(), json!(["signatures"]));
            policy.insert("stores".to_owned(), json!({"signatures": {"type": "auto", "repository": repository}}));
        }
        policy.insert("rules".to_owned(), json!([{"name": "command-line", "images": ["**/**"], "require": {"cosign": leaf}}]));
        Value::Object(policy)
    }
}
