//! What a caller may set, and what is wrong with it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use verimage_core::{StoreError, StoreErrorKind};

use crate::credentials::{Credential, TokenFile};

/// How servers are reached: registries, and what else serves repositories by name.
///
/// The default knows no credentials, reads no environment and no file, and speaks https to everything but loopback hosts.
/// [`from_environment`](Self::from_environment) adds what container tools on this machine use. A setter that names a file
/// replaces the files that were there; a setter that names a host adds one. Hosts are written as in image references,
/// with their port: `registry.example:5000`.
///
/// ```
/// use std::time::Duration;
/// use verimage_transport::{Client, Credential, RegistryConfig};
///
/// let config = RegistryConfig::default()
///     .timeout(Duration::from_secs(10))
///     .credential("registry.example/team", Credential::basic("reader", "secret"));
/// let client = Client::new(&config)?;
/// # Ok::<(), verimage_transport::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RegistryConfig {
    pub(crate) plain_http: Vec<String>,
    pub(crate) tls: Vec<String>,
    pub(crate) ca_files: Vec<PathBuf>,
    pub(crate) certificate_directories: Vec<PathBuf>,
    pub(crate) registries_conf: Vec<PathBuf>,
    pub(crate) auth_files: Vec<PathBuf>,
    pub(crate) credentials: BTreeMap<String, Credential>,
    pub(crate) token_files: BTreeMap<String, TokenFile>,
    pub(crate) helper_directories: Vec<PathBuf>,
    pub(crate) credential_realms: Vec<String>,
    pub(crate) allow_private: Vec<String>,
    pub(crate) addresses: BTreeMap<String, Vec<IpAddr>>,
    pub(crate) proxy: Proxy,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Option<Instant>,
    pub(crate) requests_per_host: usize,
}

/// Proxies for outgoing requests. Loopback hosts are always reached directly.
///
/// With a proxy, host names are resolved by the proxy: what is said below about private addresses then holds for
/// addresses that stand in a URL as numbers, and the rest is the proxy's duty.
#[derive(Clone, Default)]
pub struct Proxy {
    /// The proxy for http, as a URL.
    pub http: Option<String>,
    /// The proxy for https, as a URL.
    pub https: Option<String>,
    /// Who is reached directly: names with their subdomains, addresses, networks, or `*`; separated by commas.
    pub except: String,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            plain_http: Vec::new(),
            tls: Vec::new(),
            ca_files: Vec::new(),
            certificate_directories: Vec::new(),
            registries_conf: Vec::new(),
            auth_files: Vec::new(),
            credentials: BTreeMap::new(),
            token_files: BTreeMap::new(),
            helper_directories: Vec::new(),
            credential_realms: Vec::new(),
            allow_private: Vec::new(),
            addresses: BTreeMap::new(),
            proxy: Proxy::default(),
            timeout: Duration::from_secs(30),
            deadline: None,
            requests_per_host: 8,
        }
    }
}

impl RegistryConfig {
    /// Speaks http to this host. Loopback hosts need no such entry.
    #[must_use]
    pub fn plain_http(mut self, host: impl Into<String>) -> Self {
        self.plain_http.push(folded(host));
        self
    }

    /// Speaks https to this host though it is a loopback host.
    #[must_use]
    pub fn tls(mut self, host: impl Into<String>) -> Self {
        self.tls.push(folded(host));
        self
    }

    /// Trusts the certificate authorities of this PEM file for every host, beside those of the system.
    /// Loopback hosts are then tried with https first, with http if that is not spoken; a bad certificate is an error.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_files.push(path.into());
        self
    }

    /// Looks in this directory for `HOST/*.crt` (authorities of that host) and `HOST/*.cert` with `*.key` (client certificate).
    #[must_use]
    pub fn certificate_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.certificate_directories.push(path.into());
        self
    }

    /// Takes mirrors, locations, insecure and blocked registries from this file, and from no other.
    #[must_use]
    pub fn registries_conf(mut self, path: impl Into<PathBuf>) -> Self {
        self.registries_conf = vec![path.into()];
        self
    }

    /// Takes credentials from this file (`auth.json` or docker's `config.json`), and from no other.
    /// It is read again whenever a registry asks for credentials anew.
    #[must_use]
    pub fn auth_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth_files = vec![path.into()];
        self
    }

    /// Uses this credential for `host` or `host/path` and everything below. Goes before every file; the longest name wins.
    #[must_use]
    pub fn credential(mut self, name: impl AsRef<str>, credential: Credential) -> Self {
        self.credentials.insert(name.as_ref().to_owned(), credential);
        self
    }

    /// Uses the token in this file for `host` or `host/path` and everything below, as a credential that is given. Another token
    /// in the file is taken up within a minute, and at once when a registry refuses the old one.
    #[must_use]
    pub fn token_file(mut self, name: impl AsRef<str>, file: TokenFile) -> Self {
        self.token_files.insert(name.as_ref().to_owned(), file);
        self
    }

    /// Looks for credential helpers in this directory before it looks in `PATH`.
    #[must_use]
    pub fn credential_helper_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.helper_directories.push(path.into());
        self
    }

    /// Sends credentials to token services on this host, whichever registry names it.
    ///
    /// Without such an entry a token service gets credentials if it is on the registry's own host or below it, or is one of the
    /// few that are known (`auth.docker.io` for Docker Hub, `gitlab.com` for its registry); any other is asked without.
    #[must_use]
    pub fn credential_realm(mut self, host: impl Into<String>) -> Self {
        self.credential_realms.push(folded(host));
        self
    }

    /// Lets token services and redirects go to this host though its address is private or loopback.
    /// Without such an entry they may only if the registry's own address is of the same kind. Link-local addresses never.
    #[must_use]
    pub fn allow_private(mut self, host: impl Into<String>) -> Self {
        self.allow_private.push(folded(host));
        self
    }

    /// Uses this address for a host name instead of asking the system. May be called several times for one name.
    #[must_use]
    pub fn address(mut self, name: impl Into<String>, address: IpAddr) -> Self {
        self.addresses.entry(folded(name)).or_default().push(address);
        self
    }

    /// Sends requests through a proxy.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// How long one fetch may take, with tokens, redirects, pauses and mirrors. 30 seconds; at most a day.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// When every fetch ends, however much of its own time is left.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How many requests one host gets at the same time. 8; at least 1.
    #[must_use]
    pub fn requests_per_host(mut self, requests: usize) -> Self {
        self.requests_per_host = requests;
        self
    }
}

/// When fetches must be over.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    timeout: Duration,
    deadline: Option<Instant>,
}

/// No fetch takes longer, whatever the caller says: a clock cannot count to any number of days.
const LONGEST_FETCH: Duration = Duration::from_secs(86400);

impl RegistryConfig {
    /// When fetches must be over.
    pub fn patience(&self) -> Patience {
        Patience { timeout: self.timeout, deadline: self.deadline }
    }
}

impl Patience {
    /// When a fetch that begins now must be over.
    pub fn ends(&self) -> Instant {
        let now = Instant::now();
        let own = now.checked_add(self.timeout.min(LONGEST_FETCH)).unwrap_or(now);
        self.deadline.map_or(own, |deadline| deadline.min(own))
    }

    /// What a fetch gives, or that it was not in time; `what` is asked for, in the words of a container tool.
    ///
    /// # Errors
    /// `DeadlineExceeded`, or what the fetch ends with.
    pub async fn within<T>(
        ends: Instant,
        fetch: impl Future<Output = Result<T, StoreError>>,
        what: impl FnOnce() -> String,
    ) -> Result<T, StoreError> {
        let late = |_| StoreError::new(StoreErrorKind::DeadlineExceeded, format!("{}: no answer in time", what()));
        tokio::time::timeout_at(ends.into(), fetch).await.map_err(late)?
    }
}

/// Hosts are compared without regard to case.
fn folded(host: impl Into<String>) -> String {
    host.into().to_ascii_lowercase()
}

impl fmt::Debug for RegistryConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RegistryConfig")
            .field("plain_http", &self.plain_http)
            .field("tls", &self.tls)
            .field("ca_files", &self.ca_files)
            .field("certificate_directories", &self.certificate_directories)
            .field("registries_conf", &self.registries_conf)
            .field("auth_files", &self.auth_files)
            .field("credentials", &self.credentials)
            .field("proxy", &self.proxy)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Proxy {
    /// A proxy's URL may hold a password, so it is not shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (http, https) = (self.http.is_some(), self.https.is_some());
        formatter.debug_struct("Proxy").field("http", &http).field("https", &https).field("except", &self.except).finish()
    }
}

/// Settings that cannot be used. The caller's fault, told before any request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file that the settings name cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file or a value is not what it must be.
    #[error("{origin}: {reason}")]
    Malformed {
        /// The file or the setting.
        origin: String,
        /// What is wrong. Never a secret.
        reason: String,
    },
}

impl ConfigError {
    pub(crate) fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), reason: error.to_string() }
    }

    pub(crate) fn malformed(origin: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Malformed { origin: origin.to_string(), reason: reason.into() }
    }
}
