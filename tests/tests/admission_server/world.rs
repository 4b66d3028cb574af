//! The admission server over TLS, with the signatures of the fixtures behind it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use verimage::core::{Blob, SignatureStore, StoreError, Want, What, async_trait};
use verimage::{ImageRef, LayoutStore, Selector, Verimage};
use verimage_server::{Event, Server, ServerConfig};

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cosign")
}

/// A registry in which a repository is the layout of its name. One that is called `silent` never answers.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    /// How often what a tag names was asked.
    pub(crate) asked: AtomicUsize,
    pub(crate) fetched: AtomicUsize,
    /// How often what never answers was asked.
    pub(crate) silent: AtomicUsize,
    pub(crate) mood: Mutex<Mood>,
}

/// What the registry is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Good,
    Down,
    Slow,
    /// Answers with what another image has.
    Lying,
    /// Says that nothing is there.
    Empty,
}

impl Layouts {
    pub(crate) fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

/// The questions of one verification by digest, without knowing what the registry can do.
pub(crate) const ONE_VERIFICATION: usize = 3;

#[async_trait]
impl SignatureStore for Layouts {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        if image.path() == "silent" {
            self.silent.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        self.fetched.fetch_add(1, Ordering::Relaxed);
        if want.what == What::Resolve {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Down => return Err(StoreError::unavailable("nobody is there")),
            Mood::Empty => return Err(StoreError::not_found("nothing is there")),
            Mood::Slow => tokio::time::sleep(Duration::from_millis(20)).await,
            Mood::Good | Mood::Lying => {}
        }
        let name = if mood == Mood::Lying { "p256" } else { image.path() };
        let selector = image.digest().map_or(Selector::Name("v1".to_owned()), |digest| Selector::Digest(digest.clone()));
        let folder = fixtures().join("layouts").join(name);
        let store = LayoutStore::open_folder(&folder, selector).map_err(|error| StoreError::not_found(error.to_string()))?;
        store.fetch(image, want).await
    }
}

/// The digest of a layout's image.
pub(crate) fn digest(layout: &str) -> String {
    let index: Value = serde_json::from_slice(&fs::read(fixtures().join("layouts").join(layout).join("index.json")).unwrap()).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == "v1").unwrap();
    entry["digest"].as_str().unwrap().to_owned()
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) layouts: Arc<Layouts>,
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) events: UnboundedReceiver<Event>,
}

/// A certificate for the loopback interface, where the server finds it. Gives its PEM.
pub(crate) fn write_certificate(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

/// The response within the answer to a request.
pub(crate) async fn ask(client: &Client, url: &str, request: &Value) -> Value {
    let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).to_string();
    let response = client.post(url).header("Content-Type", "application/json").body(body).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["response"]["uid"], "u");
    answer["response"].clone()
}

/// Whoever trusts this certificate and no other.
pub(crate) fn client(pem: &str) -> Client {
    let root = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    Client::builder().tls_certs_only([root]).no_proxy().build().unwrap()
}

pub(crate) fn write_policy(folder: &Path, key: &str) {
    let rules = json!([
        {"name": "demo", "images": ["registry.example/**", "elsewhere.example/**"], "require": {"cosign": {"key": "k", "transparency": "none"}}},
        {"name": "audited", "images": ["audited.example/**"], "mode": "audit", "require": {"cosign": {"key": "k", "transparency": "none"}}},
    ]);
    write_rules(folder, key, &rules);
}

/// The same rule for every image there is.
pub(crate) fn write_policy_for_all(folder: &Path) {
    write_rules(
        folder,
        "p256",
        &json!([{"name": "all", "images": ["**/**"], "require": {"cosign": {"key": "k", "transparency": "none"}}}]),
    );
}

fn write_rules(folder: &Path, key: &str, rules: &Value) {
    let pem = key_of(key);
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": {"k": {"publicKey": {"pem": pem}}}, "rules": rules});
    replace(folder, "policy.yaml", &policy.to_string());
}

/// The text of a public key of the fixtures.
pub(crate) fn key_of(name: &str) -> String {
    fs::read_to_string(fixtures().join(format!("keys/{name}.pub"))).unwrap()
}

/// Whoever reads the file meanwhile finds the one or the other.
pub(crate) fn replace(folder: &Path, file: &str, text: &str) {
    fs::write(folder.join("new"), text).unwrap();
    fs::rename(folder.join("new"), folder.join(file)).unwrap();
}

pub(crate) fn config(folder: &Path) -> ServerConfig {
    config_with(folder, "")
}

pub(crate) fn config_with(folder: &Path, more: &str) -> ServerConfig {
    let text = "apiVersion: verimage/v1\nkind: ServerConfig\nlisten: 127.0.0.1:0\npolicy: policy.yaml\ntls: { certificate: tls.crt, key: tls.key }\nreloadSeconds: 1\ndrainSeconds: 0\nexcludedNamespaces: [kube-system]\nextractors:\n- { group: tekton.dev, kind: Task, images: [/spec/steps/*/image] }\n";
    fs::write(folder.join("server.yaml"), format!("{text}{more}")).unwrap();
    ServerConfig::load(&folder.join("server.yaml")).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(TempDir::new().unwrap(), "").await
    }

    /// A server with more in its configuration.
    pub(crate) async fn with(folder: TempDir, more: &str) -> Self {
        let pem = write_certificate(folder.path());
        write_policy(folder.path(), "p256");
        let layouts = Arc::new(Layouts::default());
        let engine = Verimage::builder().registry(layouts.clone());
        let (sender, events) = unbounded_channel();
        let report = move |event| drop(sender.send(event));
        let server = Server::start(config_with(folder.path(), more), engine, report).await.unwrap();
        let client = client(&pem);
        Self { folder, layouts, server, client, events }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.server.address())
    }

    pub(crate) async fn send(&self, path: &str, body: Vec<u8>, kind: &str) -> (StatusCode, String) {
        let response = self.client.post(self.url(path)).header("Content-Type", kind).body(body).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// The response within the answer to a request.
    pub(crate) async fn ask(&self, path: &str, request: &Value) -> Value {
        ask(&self.client, &self.url(path), request).await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}

pub(crate) fn object(group: &str, kind: &str, object: Value) -> Value {
    json!({"uid": "u", "operation": "CREATE", "kind": {"group": group, "version": "v1", "kind": kind}, "namespace": "demo", "object": object})
}

pub(crate) fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> = images.iter().map(|image| json!({"name": "a", "image": image})).collect();
    object("", "Pod", json!({"spec": {"containers": containers}}))
}

pub(crate) fn message(response: &Value) -> &str {
    response["status"]["message"].as_str().unwrap_or_default()
}
