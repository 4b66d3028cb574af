//! HTTP clients: one for each way of connecting, so that connections are reused and never mixed.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};
use url::Url;
use verimage_core::StoreError;

use crate::address::{Guard, Reach, is_loopback};
use crate::certificates;
use crate::config::{ConfigError, Proxy, RegistryConfig};
use crate::flight::lock;
use crate::hosts::Host;

const NO_PROXY_URL: &str = "is no URL of an http or https proxy";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Connections {
    clients: Mutex<HashMap<Way, Client>>,
    known: Arc<BTreeMap<String, Vec<IpAddr>>>,
    authorities: Vec<Certificate>,
    certificate_directories: Vec<PathBuf>,
    proxy: Proxy,
    proxied: Matcher,
    connect_timeout: Duration,
    idle_per_host: usize,
}

/// What tells two clients apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    tls: Tls,
    reach: Reach,
    proxied: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Tls {
    Off,
    On { directory: Option<PathBuf>, verified: bool },
}

/// A client, and whether it leads through a proxy.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) proxied: bool,
}

impl Connections {
    pub(crate) fn new(config: &RegistryConfig) -> Result<Self, ConfigError> {
        let Proxy { http, https, .. } = &config.proxy;
        if [http, https].into_iter().flatten().any(|url| !is_proxy(url)) {
            return Err(ConfigError::malformed("proxy", NO_PROXY_URL));
        }
        let proxied = matcher(&config.proxy);
        Ok(Self {
            clients: Mutex::default(),
            known: Arc::new(config.addresses.clone()),
            authorities: certificates::authorities(&config.ca_files)?,
            certificate_directories: config.certificate_directories.clone(),
            proxy: config.proxy.clone(),
            proxied,
            connect_timeout: CONNECT_TIMEOUT.min(config.timeout),
            idle_per_host: config.requests_per_host.max(1),
        })
    }

    /// The client for a URL. `verified` says whether the server needs a good certificate.
    pub(crate) fn open(&self, url: &Url, host: &Host, reach: Reach, verified: bool) -> Result<Connection, StoreError> {
        let directory = || certificates::directory_of(&self.certificate_directories, url);
        let tls = match url.scheme() {
            "https" => Tls::On { directory: host.certificate_directory(directory), verified },
            _ => Tls::Off,
        };
        let way = Way { tls, reach, proxied: leads(&self.proxied, url) };
        let proxied = way.proxied;
        if let Some(client) = lock(&self.clients).get(&way) {
            return Ok(Connection { client: client.clone(), proxied });
        }
        let client = self.client(&way).map_err(|error| StoreError::unavailable(error.to_string()))?;
        let client = lock(&self.clients).entry(way).or_insert(client).clone();
        Ok(Connection { client, proxied })
    }

    fn client(&self, way: &Way) -> Result<Client, ConfigError> {
        let builder = Client::builder()
            .user_agent(concat!("verimage/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(self.idle_per_host)
            .no_proxy();
        let builder = self.with_proxy(self.with_tls(builder, &way.tls)?, way)?;
        builder.build().map_err(|error| ConfigError::malformed("TLS", crate::failure::root_cause(&error)))
    }

    fn with_tls(&self, builder: ClientBuilder, tls: &Tls) -> Result<ClientBuilder, ConfigError> {
        let Tls::On { directory, verified } = tls else {
            // Without TLS no trust store need be read.
            return Ok(builder.tls_certs_only([]));
        };
        let own = directory.as_deref().map(certificates::load).transpose()?.unwrap_or_default();
        let builder = builder.tls_certs_merge(self.authorities.iter().cloned().chain(own.authorities));
        let builder = own.identity.into_iter().fold(builder, ClientBuilder::identity);
        Ok(if *verified { builder } else { builder.tls_danger_accept_invalid_certs(true) })
    }

    fn with_proxy(&self, builder: ClientBuilder, way: &Way) -> Result<ClientBuilder, ConfigError> {
        if !way.proxied {
            return Ok(builder.dns_resolver(Guard { reach: way.reach, known: Arc::clone(&self.known) }));
        }
        let unusable = |_| ConfigError::malformed("proxy", NO_PROXY_URL);
        let Proxy { http, https, .. } = &self.proxy;
        let http = http.as_ref().map(reqwest::Proxy::http).transpose().map_err(unusable)?;
        let https = https.as_ref().map(reqwest::Proxy::https).transpose().map_err(unusable)?;
        Ok(http.into_iter().chain(https).fold(builder, ClientBuilder::proxy))
    }
}

impl Proxy {
    /// Whether a request to this URL goes through a proxy.
    #[must_use]
    pub fn leads(&self, url: &Url) -> bool {
        leads(&matcher(self), url)
    }
}

fn matcher(proxy: &Proxy) -> Matcher {
    let text = |url: &Option<String>| url.clone().unwrap_or_default();
    Matcher::builder().http(text(&proxy.http)).https(text(&proxy.https)).no(proxy.except.clone()).build()
}

fn leads(matcher: &Matcher, url: &Url) -> bool {
    !is_loopback(url) && url.as_str().parse().is_ok_and(|uri| matcher.intercept(&uri).is_some())
}

/// Whether requests can go through this; without a scheme, http is meant, as curl reads it.
fn is_proxy(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
    matches!(scheme, "http" | "https") && reqwest::Proxy::all(url).is_ok()
}
