//! The server's configuration, `kind: ServerConfig`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verimage::registry::{RegistryConfig, TokenFile};
use verimage::{Keeping, Verdicts};
use verimage_admission::Extractor;
use verimage_core::policy::read_config;
use verimage_import::Document;

use crate::redis::Redis;
use crate::server::StartError;

/// The longest time that an API server waits, in seconds.
const LONGEST_DEADLINE: u64 = 29;

/// What the server is told.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerConfig {
    /// `verimage/v1`.
    pub api_version: ApiVersion,
    /// `ServerConfig`.
    pub kind: Kind,
    /// Where it listens.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// The policy, in any format that verimage reads; a relative path starts at the folder of this file, as all do.
    pub policy: PathBuf,
    /// Policies of single namespaces, which judge there in the place of `policy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespace_policies: Vec<NamespacePolicy>,
    /// The certificate that API servers know it by.
    pub tls: Tls,
    /// The folder of trust stores that a policy of notation names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_stores: Option<PathBuf>,
    /// How long a review may take, in seconds, 1 to 29; a `timeout` of the request that is shorter counts, less a second.
    #[serde(default = "deadline")]
    pub deadline_seconds: u64,
    /// How often policy, keys and certificates are read again, in seconds, 1 to 3600.
    #[serde(default = "reload")]
    pub reload_seconds: u64,
    /// How long it still answers after it was told to stop, in seconds, at most 300.
    #[serde(default = "drain")]
    pub drain_seconds: u64,
    /// Namespaces whose objects are admitted without a look, such as that of the server itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_namespaces: Vec<String>,
    /// Where other kinds of objects have their images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extractors: Vec<Extractor>,
    /// Whether images of loopback registries are judged: of this machine, not of the node that would pull them.
    #[serde(default)]
    pub loopback_registries: bool,
    /// How long verdicts are kept.
    #[serde(default)]
    pub cache: Cache,
    /// Tokens for registries, read from files again and again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registry_tokens: Vec<RegistryToken>,
    /// Reads registries with the pull secrets of the workloads. Without it, with the server's own credentials alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_secrets: Option<PullSecretsConfig>,
}

/// A token for a registry, in a file that somebody else rotates.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistryToken {
    /// The registry, `host` or `host/path`.
    pub host: String,
    /// The file. A change counts within a minute, and at once when the registry refuses the old token.
    pub file: PathBuf,
    /// The user whose password the token is, such as `oauth2accesstoken`; without it, the registry takes the token itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Whether the server refuses to start without the token. Images of that registry are never read without it.
    #[serde(default)]
    pub required: bool,
}

impl RegistryToken {
    pub(crate) fn file(&self) -> TokenFile {
        TokenFile { path: self.file.clone(), username: self.username.clone() }
    }
}

/// Where pull secrets are read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PullSecretsConfig {
    /// A kubeconfig; without it, the one of `kubectl` on this machine, else the cluster in which the server runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// How long what was read is used, in seconds, at most 600.
    #[serde(default = "kept_seconds")]
    pub kept_seconds: u64,
}

/// A policy for some namespaces.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamespacePolicy {
    /// The names of the namespaces, each in one such list at most.
    pub namespaces: Vec<String>,
    /// The policy, in any format that verimage reads.
    pub policy: PathBuf,
}

/// How long verdicts are kept, and how many. A verdict is kept for a digest under one policy with one set of keys.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cache {
    /// The longest time for one that allows, in seconds, at most 86400: an hour. It ends where the evidence does.
    pub allowed_seconds: u64,
    /// How long one that denies, in seconds, at most 3600: 30.
    pub denied_seconds: u64,
    /// How long what a tag names is believed without asking, in seconds, at most 30: not at all.
    pub resolved_seconds: u64,
    /// How much memory all of it takes, about, in MiB, 1 to 4096: 64.
    pub megabytes: u64,
    /// Where replicas share verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedCache>,
}

/// Redis or Valkey, which replicas share. It is asked before registries are, and believed only what a replica wrote; without it
/// everything takes longer and nothing else changes.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SharedCache {
    /// `redis://HOST:PORT/DATABASE`.
    pub redis: String,
    /// A file with the secret that authenticates entries, at least 32 random bytes, the same for every replica.
    pub key_file: PathBuf,
    /// A file with the password of the server, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

impl Default for Cache {
    fn default() -> Self {
        let Keeping { allowed, denied, resolved, bytes } = Keeping::default();
        Self {
            allowed_seconds: allowed.as_secs(),
            denied_seconds: denied.as_secs(),
            resolved_seconds: resolved.as_secs(),
            megabytes: bytes >> 20,
            shared: None,
        }
    }
}

impl Cache {
    /// The memory that this says, shared if it says so.
    pub(crate) fn verdicts(&self) -> Result<Verdicts, StartError> {
        let verdicts = Verdicts::new(self.keeping());
        let Some(SharedCache { redis, key_file, password_file }) = &self.shared else { return Ok(verdicts) };
        let read =
            |file: &Path| std::fs::read(file).map_err(|error| StartError::Shared(format!("`{}` cannot be read: {error}", file.display())));
        let password = password_file.as_deref().map(|file| read(file).map(|text| String::from_utf8_lossy(&text).trim().to_owned()));
        let place = Redis::new(redis, password.transpose()?.as_deref()).map_err(|error| StartError::Shared(error.to_string()))?;
        verdicts.shared(Arc::new(place), &read(key_file)?).map_err(|error| StartError::Shared(error.to_string()))
    }

    fn keeping(&self) -> Keeping {
        let seconds = Duration::from_secs;
        Keeping {
            allowed: seconds(self.allowed_seconds),
            denied: seconds(self.denied_seconds),
            resolved: seconds(self.resolved_seconds),
            bytes: self.megabytes << 20,
        }
    }
}

/// The version of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ApiVersion {
    /// Version 1.
    #[serde(rename = "verimage/v1")]
    V1,
}

/// The kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Kind {
    /// A server.
    ServerConfig,
}

/// Certificate and key, PEM files.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// The certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

fn kept_seconds() -> u64 {
    60
}

fn listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 8443))
}

fn deadline() -> u64 {
    9
}

fn reload() -> u64 {
    30
}

fn drain() -> u64 {
    5
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{place}: {message}")]
pub struct ConfigError {
    file: String,
    place: String,
    message: String,
}

impl ServerConfig {
    /// Reads a configuration, YAML or JSON.
    ///
    /// # Errors
    /// [`ConfigError`], with line and column where it is known.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let error = |place: String, message: String| ConfigError { file: file.clone(), place, message };
        let text = std::fs::read_to_string(path).map_err(|reason| error(String::new(), format!("it cannot be read: {reason}")))?;
        let at = |location: Option<(usize, usize)>| location.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
        let document = Document::parse(&text).map_err(|reason| error(at(reason.location), reason.message))?;
        let read: Result<Self, _> = read_config(document.value(), "");
        let mut config = read.map_err(|reason| error(at(document.location(&reason.pointer)), reason.message))?;
        config.check().map_err(|(pointer, message)| error(at(document.location(&pointer)), message))?;
        config.start_at(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn check(&self) -> Result<(), (String, String)> {
        let within = |field: &str, value: u64, least: u64, most: u64| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err((format!("/{field}"), format!("`{field}` is a number from {least} to {most}"))),
        };
        within("deadlineSeconds", self.deadline_seconds, 1, LONGEST_DEADLINE)?;
        within("reloadSeconds", self.reload_seconds, 1, 3600)?;
        within("drainSeconds", self.drain_seconds, 0, 300)?;
        within("cache/allowedSeconds", self.cache.allowed_seconds, 0, 86_400)?;
        within("cache/deniedSeconds", self.cache.denied_seconds, 0, 3600)?;
        within("cache/resolvedSeconds", self.cache.resolved_seconds, 0, 30)?;
        within("cache/megabytes", self.cache.megabytes, 1, 4096)?;
        within("pullSecrets/keptSeconds", self.pull_secrets.as_ref().map_or(0, |pull| pull.kept_seconds), 0, 600)?;
        self.check_namespaces()?;
        for (index, extractor) in self.extractors.iter().enumerate() {
            extractor.check().map_err(|error| (format!("/extractors/{index}{}", error.pointer), error.message))?;
        }
        Ok(())
    }

    /// A namespace that stands twice, or also among those that are admitted without a look, has no one meaning.
    fn check_namespaces(&self) -> Result<(), (String, String)> {
        let mut known: BTreeSet<&str> = self.excluded_namespaces.iter().map(String::as_str).collect();
        for (index, own) in self.namespace_policies.iter().enumerate() {
            let place = format!("/namespacePolicies/{index}/namespaces");
            if own.namespaces.is_empty() {
                return Err((place, "at least one namespace is needed".to_owned()));
            }
            if let Some(twice) = own.namespaces.iter().find(|namespace| !known.insert(namespace.as_str())) {
                return Err((place, format!("the namespace `{twice}` stands here and elsewhere")));
            }
        }
        Ok(())
    }

    fn start_at(&mut self, folder: &Path) {
        let paths = [&mut self.policy, &mut self.tls.certificate, &mut self.tls.key].into_iter().chain(&mut self.trust_stores);
        let paths = paths.chain(self.namespace_policies.iter_mut().map(|own| &mut own.policy));
        let paths = paths.chain(self.registry_tokens.iter_mut().map(|token| &mut token.file));
        let shared = self.cache.shared.iter_mut().flat_map(|shared| [&mut shared.key_file].into_iter().chain(&mut shared.password_file));
        let paths = paths.chain(shared).chain(self.pull_secrets.iter_mut().filter_map(|pull| pull.kubeconfig.as_mut()));
        paths.for_each(|path| *path = folder.join(&*path));
    }

    /// How registries are reached, with the tokens that this configuration names.
    #[must_use]
    pub fn servers(&self, config: RegistryConfig) -> RegistryConfig {
        self.registry_tokens.iter().fold(config, |config, token| config.token_file(&token.host, token.file()))
    }

    /// How long a review may take, if its request waits so long.
    pub(crate) fn deadline(&self, asked: Option<Duration>) -> Duration {
        let own = Duration::from_secs(self.deadline_seconds);
        let second = Duration::from_secs(1);
        // Half of what is too short to leave a second.
        asked.map_or(own, |asked| own.min(asked.saturating_sub(second).max(asked / 2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "apiVersion: verimage/v1\nkind: ServerConfig\npolicy: policy.yaml\ntls: { certificate: tls.crt, key: /run/tls.key }\n";

    fn load(text: &str) -> Result<ServerConfig, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.yaml"), text).unwrap();
        let mut loaded = ServerConfig::load(&folder.path().join("server.yaml"));
        if let Ok(config) = &mut loaded {
            config.policy = config.policy.strip_prefix(folder.path()).unwrap().to_owned();
        }
        loaded
    }

    #[test]
    fn defaults_and_paths() {
        let config = load(GOOD).unwrap();
        assert_eq!((config.listen.port(), config.deadline_seconds, config.policy.to_str()), (8443, 9, Some("policy.yaml")));
        assert_eq!(config.tls.key, Path::new("/run/tls.key"));
        for (asked, expected) in [(None, 9000), (Some(30_000), 9000), (Some(5_000), 4000), (Some(1_000), 500), (Some(0), 0)] {
            assert_eq!(config.deadline(asked.map(Duration::from_millis)), Duration::from_millis(expected), "{asked:?}");
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        for (more, place) in [
            ("unknown: 1\n", "server.yaml:5"),
            ("deadlineSeconds: 30\n", "server.yaml:5"),
            ("reloadSeconds: 0\n", "server.yaml:5"),
            ("drainSeconds: 301\n", "server.yaml:5"),
            ("extractors:\n- { group: a, kind: B }\n", "server.yaml:6"),
            ("extractors:\n- { group: a, kind: B, images: [x] }\n", "server.yaml:6"),
            ("policy: other\n", "server.yaml:5"),
            ("cache: { resolvedSeconds: 31 }\n", "server.yaml:5"),
            ("cache: { megabytes: 0 }\n", "server.yaml:5"),
            ("namespacePolicies:\n- { namespaces: [], policy: p }\n", "server.yaml:6"),
            ("namespacePolicies:\n- { namespaces: [a, b, a], policy: p }\n", "server.yaml:6"),
            ("namespacePolicies:\n- { namespaces: [a], policy: p }\n- { namespaces: [a], policy: q }\n", "server.yaml:7"),
            ("excludedNamespaces: [a]\nnamespacePolicies:\n- { namespaces: [a], policy: p }\n", "server.yaml:7"),
        ] {
            let error = load(&format!("{GOOD}{more}")).unwrap_err().to_string();
            assert!(error.contains(place), "{more}: {error}");
        }
        assert!(load("kind: ServerConfig").is_err() && load("[").is_err());
        assert!(ServerConfig::load(Path::new("/nowhere/server.yaml")).is_err());
    }
}
