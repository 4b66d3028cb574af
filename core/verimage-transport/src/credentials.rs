//! Credentials, and the files that hold them: containers-auth.json(5) and docker's `config.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use serde::Deserialize;
use verimage_core::StoreError;

use crate::config::{ConfigError, RegistryConfig};
use crate::helper;
use crate::registries::{DOCKER_HUB, DOCKER_HUB_SERVER, Endpoint};

/// The name under which Docker Hub's credentials are stored.
pub(crate) const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// What a registry is shown. `Debug` shows the kind and no secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// A user name and a password, or what stands for one.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// A refresh token, which the token service changes into a token for one repository.
    IdentityToken(String),
    /// A token that the registry itself takes.
    RegistryToken(String),
}

impl Credential {
    /// A user name and a password.
    pub fn basic(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Basic { username: username.into(), password: password.into() }
    }

    /// The credentials of a pull secret of Kubernetes: the entry `.dockerconfigjson`, or the older `.dockercfg`, which has its
    /// entries at the top. Helpers that it names are never started. A name in which `*` stands for labels of hosts is passed over.
    ///
    /// # Errors
    /// [`ConfigError`] if it is none. The message repeats nothing of it.
    pub fn of_pull_secret(entry: &str, bytes: &[u8]) -> Result<BTreeMap<String, Self>, ConfigError> {
        let malformed = |_| ConfigError::malformed(entry, "this is no file with credentials");
        let auths = match entry {
            ".dockercfg" => serde_json::from_slice(bytes).map_err(malformed)?,
            _ => serde_json::from_slice::<AuthFile>(bytes).map_err(malformed)?.auths.unwrap_or_default(),
        };
        let usable = |(key, entry): (String, Entry)| Some((folded(&key), entry.credential().filter(|_| !entry.is_empty())?));
        Ok(auths.into_iter().filter_map(usable).filter(|(key, _)| !key.contains('*')).collect())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Basic { .. } => "Basic(..)",
            Self::IdentityToken(_) => "IdentityToken(..)",
            Self::RegistryToken(_) => "RegistryToken(..)",
        })
    }
}

/// The largest token that is read from a file, in bytes.
const MAX_TOKEN_BYTES: usize = 64 << 10;
/// How long what was read from a token's file is used without a look at the file.
const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// A file with a token, as whoever rotates it writes it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFile {
    /// The file. What surrounds the token in it, such as the end of the line, does not count.
    pub path: PathBuf,
    /// The user whose password the token is; nothing if the registry takes the token itself.
    pub username: Option<String>,
}

impl TokenFile {
    /// What the file holds now.
    ///
    /// # Errors
    /// [`ConfigError`] if it cannot be read, or holds no token.
    pub fn read(&self) -> Result<Credential, ConfigError> {
        let bytes = fs::read(&self.path).map_err(|error| ConfigError::unreadable(&self.path, &error))?;
        let malformed = || ConfigError::malformed(self.path.display(), "this file holds no token");
        let text = Some(bytes).filter(|bytes| bytes.len() <= MAX_TOKEN_BYTES).and_then(|bytes| String::from_utf8(bytes).ok());
        let token = text.as_deref().map(str::trim).filter(|token| !token.is_empty()).ok_or_else(malformed)?;
        Ok(match &self.username {
            Some(username) => Credential::basic(username, token),
            None => Credential::RegistryToken(token.to_owned()),
        })
    }
}

/// A credential that was given, or the file that holds it.
#[derive(Clone, Debug)]
enum Given {
    Credential(Credential),
    File(TokenFile),
}

/// A credential, and how long it is used before somebody looks again.
pub(crate) struct Found {
    pub(crate) credential: Credential,
    pub(crate) life: Option<Duration>,
}

/// All places that may know a credential, in the order in which they are asked.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// Those of whoever asks, before our own.
    reader: BTreeMap<String, Credential>,
    own: BTreeMap<String, Given>,
    files: Vec<PathBuf>,
    helper_directories: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthFile {
    auths: Option<BTreeMap<String, Entry>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl Credentials {
    /// Takes over the sources; files that are there must be readable.
    pub(crate) fn new(config: &RegistryConfig) -> Result<Self, ConfigError> {
        for file in &config.auth_files {
            read(file)?;
        }
        let given = config.credentials.iter().map(|(name, credential)| (folded(name), Given::Credential(credential.clone())));
        let files = config.token_files.iter().map(|(name, file)| (folded(name), Given::File(file.clone())));
        let own = given.chain(files).collect();
        let (files, helper_directories) = (config.auth_files.clone(), config.helper_directories.clone());
        Ok(Self { reader: BTreeMap::new(), own, files, helper_directories })
    }

    /// The same for somebody whose credentials go before.
    pub(crate) fn of_reader(&self, reader: &BTreeMap<String, Credential>) -> Self {
        let reader = reader.iter().map(|(name, credential)| (folded(name), credential.clone())).collect();
        Self { reader, ..self.clone() }
    }

    /// The credential for a repository: the longest name wins, the first source that knows one wins.
    pub(crate) async fn find(&self, endpoint: &Endpoint) -> Result<Option<Found>, StoreError> {
        let name = folded(&endpoint.name());
        let lasting = |credential| Found { credential, life: None };
        if let Some(found) = longest(self.reader.iter().map(|(key, credential)| (key.clone(), credential)), &name) {
            return Ok(Some(lasting(found.clone())));
        }
        match longest(self.own.iter().map(|(key, given)| (key.clone(), given)), &name) {
            Some(Given::Credential(credential)) => return Ok(Some(lasting(credential.clone()))),
            Some(Given::File(file)) => {
                let credential = file.read().map_err(|error| StoreError::unavailable(error.to_string()))?;
                return Ok(Some(Found { credential, life: Some(TOKEN_LIFE) }));
            }
            None => {}
        }
        for path in &self.files {
            let file = read(path).map_err(|error| StoreError::unavailable(error.to_string()))?;
            if let Some(found) = self.find_in(&file, path, &name).await? {
                return Ok(Some(lasting(found)));
            }
        }
        Ok(None)
    }

    async fn find_in(&self, file: &AuthFile, path: &Path, name: &str) -> Result<Option<Credential>, StoreError> {
        let host = name.split('/').next().unwrap_or(name);
        let helpers = file.cred_helpers.iter().flatten().map(|(key, helper)| (folded(key), helper));
        if let Some(helper) = longest(helpers, host) {
            return self.ask(helper, host).await;
        }
        let entries = file.auths.iter().flatten().filter(|(_, entry)| !entry.is_empty());
        if let Some(entry) = longest(entries.map(|(key, entry)| (folded(key), entry)), name) {
            let malformed = || StoreError::unavailable(format!("{}: the entry for {} is not readable", path.display(), host));
            return entry.credential().ok_or_else(malformed).map(Some);
        }
        match &file.creds_store {
            Some(helper) if !helper.is_empty() => self.ask(helper, host).await,
            _ => Ok(None),
        }
    }

    async fn ask(&self, helper: &str, host: &str) -> Result<Option<Credential>, StoreError> {
        let server = if host == DOCKER_HUB { DOCKER_HUB_KEY } else { host };
        helper::ask(helper, &self.helper_directories, server).await
    }
}

impl Entry {
    /// With a `credsStore`, docker leaves empty entries behind.
    fn is_empty(&self) -> bool {
        [&self.auth, &self.username, &self.identitytoken, &self.registrytoken].into_iter().all(String::is_empty)
    }

    fn credential(&self) -> Option<Credential> {
        if !self.registrytoken.is_empty() {
            return Some(Credential::RegistryToken(self.registrytoken.clone()));
        }
        if !self.identitytoken.is_empty() {
            return Some(Credential::IdentityToken(self.identitytoken.clone()));
        }
        if self.auth.is_empty() {
            return Some(Credential::basic(&self.username, &self.password));
        }
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let decoded = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient).decode(self.auth.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (username, password) = text.split_once(':')?;
        // docker's own reader takes off NUL bytes, which some old writers padded with.
        Some(Credential::basic(username, password.trim_end_matches('\0')))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Entry(..)")
    }
}

/// User name and password as `Basic` of RFC 7617 has them.
pub(crate) fn basic(username: &str, password: &str) -> String {
    STANDARD.encode(format!("{username}:{password}"))
}

/// The entry whose name is `name`, or the longest path above it.
fn longest<'a, T>(entries: impl Iterator<Item = (String, &'a T)>, name: &str) -> Option<&'a T> {
    let covers = |key: &str| name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    entries.filter(|(key, _)| covers(key)).max_by_key(|(key, _)| key.len()).map(|(_, value)| value)
}

/// A key of an auth file as `host` or `host/path`: docker's keys are URLs, and Docker Hub has many names.
fn folded(key: &str) -> String {
    let legacy = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let bare = legacy.unwrap_or(key).trim_end_matches('/');
    let version = legacy.and(bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")));
    let bare = version.unwrap_or(bare);
    let (host, path) = bare.find('/').and_then(|slash| bare.split_at_checked(slash)).unwrap_or((bare, ""));
    let host = match host.to_ascii_lowercase() {
        host if host == "index.docker.io" || host == DOCKER_HUB_SERVER => DOCKER_HUB.to_owned(),
        host => host,
    };
    host + path
}

fn read(path: &Path) -> Result<AuthFile, ConfigError> {
    let text = fs::read(path).map_err(|error| ConfigError::unreadable(path, &error))?;
    // The parser's own message could repeat a secret.
    let malformed = |error: serde_json::Error| {
        ConfigError::malformed(path.display(), format!("no credential file: line {}, column {}", error.line(), error.column()))
    };
    serde_json::from_slice(&text).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_keys_of_both_tools() {
        for (key, expected) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("https://Registry.Example:5000/v2/", "registry.example:5000"),
            ("registry.example/team/app", "registry.example/team/app"),
            ("docker.io/library", "docker.io/library"),
        ] {
            assert_eq!(folded(key), expected);
        }
    }

    #[test]
    fn pull_secrets_hold_credentials_and_start_nothing() {
        let of = |entry: &str, text: &str| Credential::of_pull_secret(entry, text.as_bytes());
        let entries = r#"{"https://Registry.Example/v1/":{"auth":"dTpw"},"a.example/team":{"username":"u","password":"p"},"*.example":{"auth":"dTpw"},"empty":{}}"#;
        let expected: BTreeMap<_, _> =
            ["registry.example", "a.example/team"].map(|name| (name.to_owned(), Credential::basic("u", "p"))).into();
        assert_eq!(of(".dockerconfigjson", &format!(r#"{{"auths":{entries},"credsStore":"evil"}}"#)).unwrap(), expected);
        assert_eq!(of(".dockercfg", entries).unwrap(), expected);
        assert_eq!(of(".dockerconfigjson", "{}").unwrap(), BTreeMap::new());
        let error = of(".dockerconfigjson", r#"{"auths":{"a":"hunter2"}}"#).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_token_file_holds_one_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let read = |username: Option<&str>| TokenFile { path: path.clone(), username: username.map(str::to_owned) }.read();
        assert!(matches!(read(None), Err(ConfigError::Unreadable { .. })));
        for empty in ["", " \n"] {
            fs::write(&path, empty).unwrap();
            assert!(matches!(read(None), Err(ConfigError::Malformed { .. })));
        }
        fs::write(&path, "secret\n").unwrap();
        assert_eq!(read(None).unwrap(), Credential::RegistryToken("secret".to_owned()));
        assert_eq!(read(Some("oauth2accesstoken")).unwrap(), Credential::basic("oauth2accesstoken", "secret"));
    }

    #[test]
    fn prefers_the_longest_path_and_never_half_a_name() {
        let entries = [("a.example", 1), ("a.example/team", 2), ("a.example/team/app", 3)];
        let find = |name| longest(entries.iter().map(|(key, value)| ((*key).to_owned(), value)), name).copied();
        assert_eq!(find("a.example/team/app"), Some(3));
        assert_eq!(find("a.example/team/other"), Some(2));
        assert_eq!(find("a.example/teams/app"), Some(1));
        assert_eq!(find("a.example.evil/team/app"), None);
    }

    #[test]
    fn reads_every_kind_of_entry() {
        let entry = |text: &str| serde_json::from_str::<Entry>(text).unwrap().credential();
        assert_eq!(entry(r#"{"auth":"dTpwOnE="}"#), Some(Credential::basic("u", "p:q")));
        assert_eq!(entry(r#"{"auth":"dTpw"}"#), Some(Credential::basic("u", "p")));
        assert_eq!(entry(r#"{"auth":"????"}"#), None);
        assert_eq!(entry(r#"{"auth":"dTpw","identitytoken":"i"}"#), Some(Credential::IdentityToken("i".to_owned())));
        assert_eq!(entry(r#"{"registrytoken":"r"}"#), Some(Credential::RegistryToken("r".to_owned())));
        assert_eq!(format!("{:?}", Credential::basic("u", "p")), "Basic(..)");
    }
}
