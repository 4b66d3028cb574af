//! Where the bytes of a repository physically are: registries.conf (containers-registries.conf(5), version 2), and how to
//! talk to each place.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;
use verimage_core::{RawReference, Repository, StoreError};

use crate::address::is_loopback;
use crate::certificates;
use crate::config::{ConfigError, RegistryConfig};

/// Docker Hub as image names say it, and the server that answers for it.
pub(crate) const DOCKER_HUB: &str = "docker.io";
pub(crate) const DOCKER_HUB_SERVER: &str = "registry-1.docker.io";

/// A repository on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host with its port as names say it, in lower case.
    pub host: String,
    pub(crate) path: String,
    pub(crate) transport: Transport,
    /// Whether the server's certificate must be a good one.
    pub(crate) verified: bool,
    /// Whether credentials may go to it unencrypted: only where the configuration of registries says that it speaks http.
    pub(crate) in_clear: bool,
}

/// What is spoken to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Https,
    Http,
    /// https, and http if no https connection comes about.
    HttpsThenHttp,
}

impl Endpoint {
    /// A server at an address, `https://host[:port]` or `http://` for one without TLS, and the name that is asked for there.
    /// registries.conf does not speak of it.
    ///
    /// # Errors
    /// [`StoreError`] for an address that has anything else.
    pub fn at(server: &str, path: &str) -> Result<Self, StoreError> {
        let refuse = |why: &str| StoreError::unavailable(format!("{server}: {why}"));
        let url = Url::parse(server).map_err(|error| refuse(&format!("this is no address: {error}")))?;
        let bare = url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.query().is_none();
        match (url.host_str(), bare && url.fragment().is_none()) {
            (Some(_), true) => Self::of(&url, path).ok_or_else(|| refuse("a server is at an https or http address")),
            _ => Err(refuse("the address of a server has a host and a port, and nothing else")),
        }
    }

    /// The server of a URL, and the name that is asked for there; nothing if it is no web address.
    pub fn of(url: &Url, path: &str) -> Option<Self> {
        let transport = match url.scheme() {
            "https" => Transport::Https,
            "http" => Transport::Http,
            _ => return None,
        };
        let host = url.host_str()?.to_ascii_lowercase();
        let host = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        Some(Self { host, path: path.to_owned(), transport, verified: true, in_clear: is_loopback(url) })
    }

    /// The repository for messages and for the look-up of credentials.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    /// The path of the repository on the server.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL of a path on the server.
    pub(crate) fn url(&self, tls: bool, path: &str) -> Result<Url, StoreError> {
        let server = if self.host == DOCKER_HUB { DOCKER_HUB_SERVER } else { &self.host };
        let scheme = if tls { "https" } else { "http" };
        Url::parse(&format!("{scheme}://{server}/{path}"))
            .map_err(|error| StoreError::unavailable(format!("{}: no server has such a name: {error}", self.host)))
    }
}

/// How a manifest is asked for; some mirrors serve only one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By tag.
    Tag,
    /// By digest, or by a tag that names one.
    Digest,
}

/// The map from names to servers.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    entries: Vec<Entry>,
    plain_http: Vec<String>,
    tls: Vec<String>,
    certificate_directories: Vec<PathBuf>,
    own_authorities: bool,
}

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    registry: Vec<Entry>,
    registries: Option<toml::Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<Mirror>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mirror {
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: Pull,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Pull {
    #[default]
    #[serde(alias = "")]
    All,
    DigestOnly,
    TagOnly,
}

impl Registries {
    /// The map of these settings.
    ///
    /// # Errors
    /// [`ConfigError`] if a file that the settings name cannot be read, or is not what it must be.
    pub fn new(config: &RegistryConfig) -> Result<Self, ConfigError> {
        let mut registries = Self {
            entries: Vec::new(),
            plain_http: config.plain_http.clone(),
            tls: config.tls.clone(),
            certificate_directories: config.certificate_directories.clone(),
            own_authorities: !config.ca_files.is_empty(),
        };
        for file in &config.registries_conf {
            registries.add(read(file)?);
        }
        if config.registries_conf.len() > 1 {
            // The container tools, too, sort what they merge; of equally long prefixes the first one counts.
            registries.entries.sort_by(|one, other| one.prefix.cmp(&other.prefix));
        }
        Ok(registries)
    }

    /// Later files replace entries of earlier ones.
    fn add(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.entries.retain(|known| known.prefix != entry.prefix);
            self.entries.push(entry);
        }
    }

    /// The servers to ask for `repository`: mirrors in their order, then the place itself.
    pub fn endpoints(&self, repository: &Repository, by: By) -> Result<(Vec<Endpoint>, Endpoint), StoreError> {
        let name = format!("{}/{}", repository.host().to_ascii_lowercase(), repository.path());
        let Some((length, entry)) = self.entry(&name) else {
            return Ok((Vec::new(), self.endpoint(repository.host(), repository.path(), false)));
        };
        if entry.blocked {
            return Err(StoreError::unavailable(format!("{name}: registries.conf blocks {}", entry.prefix)));
        }
        let serves = |mirror: &&Mirror| match mirror.pull_from_mirror {
            Pull::All => by == By::Digest || !entry.mirror_by_digest_only,
            Pull::DigestOnly => by == By::Digest,
            Pull::TagOnly => by == By::Tag,
        };
        let rest = name.get(length..).unwrap_or_default();
        let mirrors = entry.mirror.iter().filter(serves);
        let mirrors = mirrors.map(|mirror| self.rewritten(&mirror.location, rest, mirror.insecure)).collect::<Result<_, _>>()?;
        let place = match entry.location.as_str() {
            "" => self.endpoint(repository.host(), repository.path(), entry.insecure),
            location => self.rewritten(location, rest, entry.insecure)?,
        };
        Ok((mirrors, place))
    }

    /// The entry with the longest prefix that covers a name, the first of several, and how much of the name it covers. What is
    /// compared is the prefix as it is written, not what its wildcard stands for.
    fn entry(&self, name: &str) -> Option<(usize, &Entry)> {
        let matching = self.entries.iter().filter_map(|entry| Some((matched(&entry.prefix, name)?, entry)));
        matching.rev().max_by_key(|(_, entry)| entry.prefix.len())
    }

    fn rewritten(&self, location: &str, rest: &str, insecure: bool) -> Result<Endpoint, StoreError> {
        let text = format!("{location}{rest}");
        match RawReference::parse(&text) {
            Ok(RawReference { host, path, tag: None, digest: None }) if !host.is_empty() => Ok(self.endpoint(&host, &path, insecure)),
            _ => Err(StoreError::unavailable(format!("registries.conf leads to {text}, which is no repository"))),
        }
    }

    fn endpoint(&self, host: &str, path: &str, insecure: bool) -> Endpoint {
        let host = host.to_ascii_lowercase();
        let transport = self.transport(&host, insecure);
        Endpoint { path: path.to_owned(), transport, verified: !insecure, in_clear: true, host }
    }

    fn transport(&self, host: &str, insecure: bool) -> Transport {
        let url = Url::parse(&format!("https://{host}/")).ok();
        let listed = |hosts: &[String]| hosts.iter().any(|listed| names(listed, host));
        let with_directory = |url: &Url| certificates::directory_of(&self.certificate_directories, url).is_some();
        if listed(&self.plain_http) {
            Transport::Http
        } else if insecure {
            Transport::HttpsThenHttp
        } else if listed(&self.tls) || !url.as_ref().is_some_and(is_loopback) || url.as_ref().is_some_and(with_directory) {
            Transport::Https
        } else if self.own_authorities {
            Transport::HttpsThenHttp
        } else {
            Transport::Http
        }
    }
}

/// Whether a listed host means `host`; without a port it means every port.
pub(crate) fn names(listed: &str, host: &str) -> bool {
    let port = host.strip_prefix(listed).and_then(|rest| rest.strip_prefix(':'));
    listed == host || port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn read(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
    let file: File = toml::from_str(&text).map_err(|error| ConfigError::malformed(path.display(), error.message()))?;
    if file.registries.is_some() {
        return Err(ConfigError::malformed(path.display(), "has the form of version 1, which is not supported; use [[registry]]"));
    }
    file.registry.into_iter().map(|entry| checked(entry, path)).collect()
}

fn checked(mut entry: Entry, path: &Path) -> Result<Entry, ConfigError> {
    let mirrors = entry.mirror.iter_mut().map(|mirror| &mut mirror.location);
    for place in [&mut entry.prefix, &mut entry.location].into_iter().chain(mirrors) {
        if place.contains("://") {
            return Err(ConfigError::malformed(path.display(), "a prefix or location begins with its host, not with a scheme"));
        }
        place.truncate(place.trim_end_matches('/').len());
    }
    if entry.prefix.is_empty() {
        entry.prefix.clone_from(&entry.location);
    }
    let (host, below) = entry.prefix.split_once('/').unwrap_or((&entry.prefix, ""));
    let reason = if host.is_empty() {
        "a [[registry]] has neither prefix nor location"
    } else if below.contains([':', '@']) {
        "a prefix with a tag or a digest is not supported"
    } else if host.contains('*') && host.strip_prefix("*.").is_none_or(|domain| domain.contains('*')) {
        "a wildcard stands only as the first label of a prefix: *.example.com"
    } else {
        let host = host.to_ascii_lowercase();
        entry.prefix.replace_range(..host.len(), &host);
        return Ok(entry);
    };
    Err(ConfigError::malformed(path.display(), reason))
}

/// How many bytes of `name` a prefix covers, if it covers it. containers-registries.conf(5), "Choosing a [[registry]] TOML table";
/// as in the container tools, a host without a port covers its ports, too.
fn matched(prefix: &str, name: &str) -> Option<usize> {
    let end = match prefix.strip_prefix('*') {
        None => name.starts_with(prefix).then_some(prefix.len())?,
        Some(domain) => {
            let start = name.find(domain).filter(|start| name.get(..*start).is_some_and(|sub| !sub.contains('/')))?;
            start + domain.len()
        }
    };
    let rest = name.get(end..)?;
    (rest.is_empty() || rest.starts_with(['/', ':'])).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_whole_parts_of_a_name() {
        for (prefix, name, covered) in [
            ("a.test", "a.test/app", Some(6)),
            ("a.test", "a.test:5000/app", Some(6)),
            ("a.test/team", "a.test/team/app", Some(11)),
            ("a.test/team", "a.test/teams/app", None),
            ("a.test", "a.test.evil/app", None),
            ("*.test", "a.b.test/app", Some(8)),
            ("*.test/team", "a.test/team/app", Some(11)),
            ("*.test", "evil.example/a.test/app", None),
            ("*.test", "a.tester/app", None),
            ("*.test", "test/app", None),
        ] {
            assert_eq!(matched(prefix, name), covered, "{prefix} {name}");
        }
    }

    #[test]
    fn the_longest_prefix_as_it_is_written_decides() {
        for (prefixes, name, expected) in [
            (["*.com", "*.example.com"], "a.example.com/app", "*.example.com"),
            (["*.example.com", "a.example.com"], "a.example.com/app", "*.example.com"),
            (["a.example.com", "*.example.com"], "a.example.com/app", "a.example.com"),
            (["*.com", "a.b.c.com"], "a.b.c.com/app", "a.b.c.com"),
            (["a.com", "a.com/team"], "a.com/team/app", "a.com/team"),
            (["a.com", "*.com/team"], "a.com/team/app", "*.com/team"),
            (["registry.com", "*.com/t"], "registry.com/t/app", "registry.com"),
        ] {
            let text: String = prefixes.map(|prefix| format!("[[registry]]\nprefix = \"{prefix}\"\n")).concat();
            let entries = toml::from_str::<File>(&text).unwrap().registry;
            let registries = Registries { entries, ..Registries::default() };
            assert_eq!(registries.entry(name).unwrap().1.prefix, expected, "{prefixes:?}");
        }
    }

    /// An address that a policy writes with http is no word of its owner that passwords may be read on the way.
    #[test]
    fn credentials_go_in_clear_only_where_the_configuration_says_so() {
        for (url, expected) in [("http://notary.example", false), ("http://127.0.0.1:4443", true), ("http://localhost", true)] {
            assert_eq!(Endpoint::at(url, "").unwrap().in_clear, expected, "{url}");
        }
        let registries = Registries { plain_http: vec!["a.test".to_owned()], ..Registries::default() };
        assert!(registries.endpoint("a.test", "x", false).in_clear);
    }

    #[test]
    fn docker_hub_is_another_server_than_its_name() {
        let endpoint = Registries::default().endpoint("Docker.IO", "library/nginx", false);
        assert_eq!(
            endpoint.url(true, "v2/library/nginx/manifests/latest").unwrap().as_str(),
            "https://registry-1.docker.io/v2/library/nginx/manifests/latest"
        );
        assert_eq!(endpoint.name(), "docker.io/library/nginx");
    }

    #[test]
    fn loopback_is_spoken_to_in_http() {
        let registries =
            Registries { tls: vec!["localhost:5443".to_owned()], plain_http: vec!["a.test".to_owned()], ..Registries::default() };
        for (host, expected) in [
            ("localhost:5000", Transport::Http),
            ("127.9.9.9", Transport::Http),
            ("[::1]:5000", Transport::Http),
            ("localhost:5443", Transport::Https),
            ("a.test:80", Transport::Http),
            ("registry.example", Transport::Https),
            ("localhost.evil.example", Transport::Https),
            ("127.0.0.1.evil.example", Transport::Https),
            ("10.0.0.1:5000", Transport::Https),
        ] {
            assert_eq!(registries.endpoint(host, "app", false).transport, expected, "{host}");
        }
    }
}
