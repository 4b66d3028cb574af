//! The API server of a Kubernetes cluster, for reading: keys, where `cosign generate-key-pair k8s://NAMESPACE/SECRET` puts
//! them, and pull secrets.
//!
//! A GET needs no client library: `kube` with the fewest features brings 20 packages that nothing else needs, and starts
//! the programs that a kubeconfig names.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::AUTHORIZATION;
use reqwest::{Certificate, Identity, Url};
use serde::Deserialize;
use verimage_core::{Code, async_trait, is_dns_subdomain};
use verimage_transport::Proxy;

use crate::keys::http::{Http, secret};
use crate::keys::kubeconfig;
use crate::keys::{KeyReference, KeyResolver, KeyResolverError, MAX_KEY_BYTES};

const ENTRY: &str = "cosign.pub";
/// The largest page of a list, in bytes.
const MAX_PAGE_BYTES: u64 = 64 << 20;

/// The API server of a cluster. As a resolver of keys it knows `k8s://NAMESPACE/SECRET`: the entry `cosign.pub` of a Secret.
///
/// The cluster is that of the first kubeconfig files that are there, as for `kubectl`, else the one this process runs in.
#[derive(Clone, Default)]
pub struct KubernetesApi {
    kubeconfig: Vec<PathBuf>,
    context: Option<String>,
    in_cluster: Option<InCluster>,
    proxy: Proxy,
}

/// What a pod is told of its cluster.
#[derive(Clone)]
struct InCluster {
    host: String,
    port: String,
    service_account: PathBuf,
}

/// A cluster, and who we are there.
pub(crate) struct Cluster {
    pub(crate) server: Url,
    pub(crate) authorities: Option<Vec<Certificate>>,
    pub(crate) identity: Option<Identity>,
    pub(crate) token: Option<String>,
}

#[derive(Deserialize)]
struct Secret {
    kind: String,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

impl KubernetesApi {
    /// The cluster of this kubeconfig; if none is named, the one that `kubectl` would use here, else the one this process runs in.
    pub fn of(kubeconfig: Option<PathBuf>) -> Self {
        kubeconfig.map_or_else(crate::keys::environment::cluster, |file| Self::new().kubeconfig([file]))
    }

    /// No cluster yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the cluster from these files, merged as `kubectl` does; those that do not exist are passed over.
    #[must_use]
    pub fn kubeconfig(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.kubeconfig = files.into_iter().collect();
        self
    }

    /// Takes this context of the kubeconfig, in the place of the current one. There has to be a kubeconfig then.
    #[must_use]
    pub fn context(mut self, name: impl Into<String>) -> Self {
        self.context = Some(name.into());
        self
    }

    /// Without a kubeconfig, takes the cluster of this pod: host and port of its API server, and the folder with `token`
    /// and `ca.crt`.
    #[must_use]
    pub fn in_cluster(mut self, host: &str, port: &str, service_account: impl Into<PathBuf>) -> Self {
        self.in_cluster = Some(InCluster { host: host.to_owned(), port: port.to_owned(), service_account: service_account.into() });
        self
    }

    /// Goes through these proxies.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// What is at a path of the API, such as `["api", "v1", "namespaces", "tenants", "secrets", "pull"]`: at most 1 MiB.
    ///
    /// # Errors
    /// [`KeyResolverError`] if there is no such object, or none can be had.
    pub async fn get(&self, path: &[&str]) -> Result<Vec<u8>, KeyResolverError> {
        self.ask(path, &[], MAX_KEY_BYTES as u64).await
    }

    /// One page of a list, such as `["api", "v1", "pods"]` with `limit` and `continue`: at most 64 MiB.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn list(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<u8>, KeyResolverError> {
        self.ask(path, query, MAX_PAGE_BYTES).await
    }

    async fn ask(&self, path: &[&str], query: &[(&str, &str)], max_bytes: u64) -> Result<Vec<u8>, KeyResolverError> {
        let cluster = self.cluster()?;
        let mut url = cluster.server;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let token = cluster.token.map(|token| secret(AUTHORIZATION, &format!("Bearer {}", token.trim()))).transpose()?;
        // An API server does not redirect, and a client certificate is for it alone.
        let http = Http { proxy: self.proxy.clone(), authorities: cluster.authorities, identity: cluster.identity, redirects: 0 };
        http.get_within(max_bytes, &url, token).await
    }

    fn cluster(&self) -> Result<Cluster, KeyResolverError> {
        let files: Vec<&Path> = self.kubeconfig.iter().map(PathBuf::as_path).filter(|file| file.exists()).collect();
        match &self.in_cluster {
            _ if !files.is_empty() => kubeconfig::cluster(&files, self.context.as_deref()),
            Some(pod) if self.context.is_none() => pod.cluster(),
            _ => Err(KeyResolverError::unavailable("no Kubernetes cluster is known")
                .with_hint("name a kubeconfig in `KUBECONFIG`, or export the key to a file")),
        }
    }
}

impl InCluster {
    fn cluster(&self) -> Result<Cluster, KeyResolverError> {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let port = if self.port.is_empty() { "443" } else { &self.port };
        let token = read(&self.service_account.join("token"))?;
        let token = String::from_utf8(token).map_err(|_| KeyResolverError::invalid("the token of the service account is not text"))?;
        Ok(Cluster {
            server: server(&format!("https://{host}:{port}"))?,
            authorities: Some(authorities(&read(&self.service_account.join("ca.crt"))?)?),
            identity: None,
            token: Some(token),
        })
    }
}

/// The address of an API server.
pub(crate) fn server(text: &str) -> Result<Url, KeyResolverError> {
    let plain = |url: &Url| url.has_host() && url.query().is_none() && !crate::keys::http::has_user(url);
    let url = Url::parse(text).ok().filter(plain);
    url.ok_or_else(|| KeyResolverError::invalid("the address of the Kubernetes API server is none"))
}

/// The certificates of a PEM text; there is at least one.
pub(crate) fn authorities(pem: &[u8]) -> Result<Vec<Certificate>, KeyResolverError> {
    let found = Certificate::from_pem_bundle(pem).unwrap_or_default();
    if found.is_empty() {
        return Err(KeyResolverError::invalid("the certificate authority of the Kubernetes cluster holds no PEM certificate"));
    }
    Ok(found)
}

/// A file that has a reasonable size.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, KeyResolverError> {
    crate::material::read_file(file).map_err(KeyResolverError::invalid)
}

impl fmt::Debug for KubernetesApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.in_cluster.as_ref().map(|pod| &pod.host);
        formatter.debug_struct("KubernetesApi").field("kubeconfig", &self.kubeconfig).field("in_cluster", &host).finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyResolver for KubernetesApi {
    fn schemes(&self) -> &[&str] {
        &["k8s"]
    }

    async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        let (namespace, name) = names(reference)?;
        let path = ["api", "v1", "namespaces", namespace, "secrets", name];
        let answer = self.get(&path).await.map_err(|error| explained(error, namespace, name))?;
        let found: Option<Secret> = serde_json::from_slice(&answer).ok().filter(|found: &Secret| found.kind == "Secret");
        let found = found.ok_or_else(|| KeyResolverError::unavailable(format!("`{reference}`: the answer is no Secret")))?;
        let entry = found.data.get(ENTRY).and_then(|entry| STANDARD.decode(entry).ok());
        entry.ok_or_else(|| {
            KeyResolverError::invalid(format!("the Secret of `{reference}` has no entry `{ENTRY}`"))
                .with_hint("`cosign generate-key-pair k8s://NAMESPACE/SECRET` makes one; the public key is all that is needed of it")
        })
    }
}

/// Namespace and name, as Kubernetes allows them ("Object Names and IDs").
fn names(reference: &KeyReference) -> Result<(&str, &str), KeyResolverError> {
    let wrong = || KeyResolverError::invalid("behind `k8s://` stand a namespace and the name of a Secret: `k8s://NAMESPACE/SECRET`");
    let (namespace, name) = reference.rest().split_once('/').ok_or_else(wrong)?;
    let good = namespace.len() <= 63 && !namespace.contains('.') && is_dns_subdomain(namespace) && is_dns_subdomain(name);
    if good { Ok((namespace, name)) } else { Err(wrong()) }
}

fn explained(error: KeyResolverError, namespace: &str, name: &str) -> KeyResolverError {
    match error.code {
        Code::StoreUnauthorized => {
            error.with_hint(format!("whoever asks needs the right to `get` the Secret `{name}` in the namespace `{namespace}`"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kubernetes() {
        let good = |text: &str| names(&KeyReference::parse(text).unwrap()).is_ok();
        assert!(good("k8s://tenants/release-key") && good("k8s://a/b.c-d") && good("k8s://1/2"));
        for text in [
            "k8s://a",
            "k8s://a/",
            "k8s:///b",
            "k8s://a/b/c",
            "k8s://a/..",
            "k8s://../b",
            "k8s://A/b",
            "k8s://a/b?x",
            "k8s://a/-b",
            "k8s://a/%2e",
        ] {
            assert!(!good(text), "{text}");
        }
    }
}
