//! Engines that read registries with the pull secrets of a workload, as the kubelet will.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moka::future::Cache;
use serde::Deserialize;
use verimage::Verimage;
use verimage::keys::KubernetesApi;
use verimage::registry::Credential;
use verimage_admission::PullSecrets;
use verimage_core::Digest;

/// Objects of the cluster that are remembered.
const MAX_OBJECTS: u64 = 4096;
/// Engines that are kept, one for each set of credentials.
const MAX_ENGINES: u64 = 64;
/// Secrets of one service account that are looked at.
const MAX_SECRETS: usize = 64;
/// How long an engine is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(600);
/// The types of Secrets that hold credentials, and the entry in which they do.
const ENTRIES: [(&str, &str); 2] = [("kubernetes.io/dockerconfigjson", ".dockerconfigjson"), ("kubernetes.io/dockercfg", ".dockercfg")];

type Credentials = BTreeMap<String, Credential>;
/// Namespace and name.
type Name = (String, String);

/// Reads Secrets and service accounts in the namespace of an object, never in another.
pub(crate) struct Readers {
    api: KubernetesApi,
    engine: Verimage,
    secrets: Cache<Name, Arc<Credentials>>,
    accounts: Cache<Name, Arc<Vec<String>>>,
    engines: Cache<Digest, Verimage>,
}

#[derive(Deserialize)]
struct Secret {
    kind: String,
    #[serde(rename = "type", default)]
    kind_of_secret: String,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceAccount {
    kind: String,
    #[serde(default)]
    image_pull_secrets: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    name: String,
}

impl Readers {
    /// What was read from the cluster is used for `kept`.
    pub(crate) fn new(api: KubernetesApi, engine: Verimage, kept: Duration) -> Self {
        Self {
            api,
            engine,
            secrets: Cache::builder().max_capacity(MAX_OBJECTS).time_to_live(kept).build(),
            accounts: Cache::builder().max_capacity(MAX_OBJECTS).time_to_live(kept).build(),
            engines: Cache::builder().max_capacity(MAX_ENGINES).time_to_idle(IDLE).build(),
        }
    }

    /// The engine for whoever pulls the images of an object: the pods' own secrets go before those of their service accounts,
    /// these before what the server has. As for the kubelet, a Secret that is not to be had counts for nothing.
    pub(crate) async fn engine(&self, namespace: &str, named: &PullSecrets) -> Verimage {
        let mut credentials = Credentials::new();
        for secret in &named.secrets {
            self.add(&mut credentials, namespace, secret).await;
        }
        for account in &named.accounts {
            for secret in self.account(namespace, account).await.iter() {
                self.add(&mut credentials, namespace, secret).await;
            }
        }
        if credentials.is_empty() {
            return self.engine.clone();
        }
        let make = async { self.engine.of_reader(&credentials).unwrap_or_else(|| self.engine.clone()) };
        self.engines.get_with(fingerprint(&credentials), make).await
    }

    /// Of two credentials for one place the first counts.
    async fn add(&self, credentials: &mut Credentials, namespace: &str, name: &str) {
        for (place, credential) in self.secret(namespace, name).await.iter() {
            credentials.entry(place.clone()).or_insert_with(|| credential.clone());
        }
    }

    async fn secret(&self, namespace: &str, name: &str) -> Arc<Credentials> {
        let key = (namespace.to_owned(), name.to_owned());
        let read = async { self.object::<Secret>(namespace, "secrets", name).await.and_then(|secret| secret.credentials()).map(Arc::new) };
        self.secrets.optionally_get_with(key, read).await.unwrap_or_default()
    }

    async fn account(&self, namespace: &str, name: &str) -> Arc<Vec<String>> {
        let key = (namespace.to_owned(), name.to_owned());
        let read = async {
            let account: ServiceAccount = self.object(namespace, "serviceaccounts", name).await?;
            let names = account.image_pull_secrets.into_iter().map(|secret| secret.name).filter(|name| !name.is_empty()).take(MAX_SECRETS);
            (account.kind == "ServiceAccount").then(|| Arc::new(names.collect()))
        };
        self.accounts.optionally_get_with(key, read).await.unwrap_or_default()
    }

    async fn object<T: for<'de> Deserialize<'de>>(&self, namespace: &str, kind: &str, name: &str) -> Option<T> {
        let body = self.api.get(&["api", "v1", "namespaces", namespace, kind, name]).await.ok()?;
        serde_json::from_slice(&body).ok()
    }
}

impl Secret {
    fn credentials(&self) -> Option<Credentials> {
        let (_, entry) = ENTRIES.iter().find(|(kind, _)| self.kind == "Secret" && self.kind_of_secret == *kind)?;
        let bytes = STANDARD.decode(self.data.get(*entry)?).ok()?;
        Credential::of_pull_secret(entry, &bytes).ok()
    }
}

/// Tells sets of credentials apart without keeping them in the clear.
fn fingerprint(credentials: &Credentials) -> Digest {
    let mut text = Vec::new();
    for (place, credential) in credentials {
        let parts = match credential {
            Credential::Basic { username, password } => ["basic", username, password],
            Credential::IdentityToken(token) => ["identity", token, ""],
            Credential::RegistryToken(token) => ["registry", token, ""],
            _ => ["other", "", ""],
        };
        for part in [place.as_str()].into_iter().chain(parts) {
            text.extend((part.len() as u64).to_be_bytes());
            text.extend(part.as_bytes());
        }
    }
    Digest::sha256(&text)
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Readers").field("api", &self.api).finish_non_exhaustive()
    }
}
