//! Everything that is asked over a network, each over a server whose files are good.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use verimage::core::{Blob, SignatureStore, StoreError, Want, What, async_trait};
use verimage::keys::HttpsKeys;
use verimage::registry::{Credential, RegistryConfig};
use verimage::trust::{TrustFolder, UpdateOptions, update};
use verimage::{
    CryptoSet, Decision, FolderMaterial, ImageRef, ImageSource, KeyResolvers, MemoryState, Policy, PolicyLoader, Request, Verdict, Verimage,
};
use verimage_tests::fixtures::folder;

use crate::server::{Files, Server};

/// What is asked, and where in its answers something can be wrong.
pub(crate) struct World {
    pub(crate) name: &'static str,
    /// Parts of paths.
    pub(crate) places: &'static [&'static str],
    pub(crate) files: fn() -> Files,
    pub(crate) ask: fn(&Server, Duration) -> Told,
    pub(crate) refusal: Refusal,
    /// The most bytes of one answer.
    pub(crate) limit: u64,
}

/// What a server that cannot be used means for who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It could not be found out, with the code of the fault.
    Inconclusive,
    /// Whether a certificate is revoked is not known.
    Unknown,
    /// The policy does not load, or the trust root is not updated: what was there stays.
    Error,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) decision: &'static str,
    pub(crate) code: String,
}

impl Told {
    fn verdict(verdict: &Verdict) -> Self {
        let decision = match verdict.decision {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
            Decision::Inconclusive => "inconclusive",
        };
        assert_eq!(verdict.admitted, decision == "allow");
        Self { decision, code: verdict.code.clone().unwrap_or_default() }
    }

    fn result<T>(result: Result<T, String>) -> Self {
        match result {
            Ok(_) => Self { decision: "allow", code: String::new() },
            Err(code) => Self { decision: "error", code },
        }
    }
}

const MIB: u64 = 1 << 20;

pub(crate) const WORLDS: [World; 8] = [
    World {
        name: "registry, signature tag",
        places: &["/manifests/v1", "/manifests/sha256-", "/blobs/"],
        files: || registry("p256"),
        ask: ask_registry,
        refusal: Refusal::Inconclusive,
        limit: 4 * MIB,
    },
    World {
        name: "registry, referrers",
        places: &["/manifests/v1", "/referrers/", "/manifests/sha256:", "/blobs/"],
        files: referred,
        ask: ask_registry,
        refusal: Refusal::Inconclusive,
        limit: 4 * MIB,
    },
    World {
        name: "Notary server",
        places: &["root.json", "timestamp.json", "snapshot.", "targets."],
        files: notary,
        ask: ask_notary,
        refusal: Refusal::Inconclusive,
        limit: 16 * MIB,
    },
    World {
        name: "lookaside",
        places: &["/signature-1"],
        files: lookaside,
        ask: ask_lookaside,
        refusal: Refusal::Inconclusive,
        limit: 4 * MIB,
    },
    World {
        name: "revocation list",
        places: &["/"],
        files: || answer("good.crl"),
        ask: |server, time| ask_web("listed", server, time),
        refusal: Refusal::Unknown,
        limit: 32 * MIB,
    },
    World {
        name: "OCSP responder",
        places: &["/"],
        files: || answer("good.ocsp"),
        ask: |server, time| ask_web("responded", server, time),
        refusal: Refusal::Unknown,
        limit: MIB,
    },
    World { name: "address of a key", places: &["/key.pub"], files: key, ask: ask_key, refusal: Refusal::Error, limit: MIB },
    World {
        name: "mirror of the trust root",
        places: &["root.json", "timestamp.json", "snapshot.json", "targets.json", "trusted_root.json"],
        files: mirror,
        ask: ask_mirror,
        refusal: Refusal::Error,
        limit: 5 * MIB,
    },
];

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn policy(trust: &Value, require: &Value) -> Policy {
    policy_with(CryptoSet::rustcrypto(), trust, require)
}

fn policy_with(crypto: CryptoSet, trust: &Value, require: &Value) -> Policy {
    let rule = json!({"name": "demo", "images": ["**/**"], "require": require});
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust, "rules": [rule]});
    let files = FolderMaterial::new(Some(folder("")));
    PolicyLoader::with_crypto(crypto).load_text(&policy.to_string(), "policy", &files).unwrap()
}

fn signed_by_p256(crypto: CryptoSet) -> Policy {
    let leaf = json!({"cosign": {"key": "k", "transparency": "none"}});
    policy_with(crypto, &json!({"k": {"publicKey": {"file": "cosign/keys/p256.pub"}}}), &leaf)
}

fn run(engine: &Verimage, image: &str, at: &str, policy: &Policy) -> Told {
    let mut request = Request::new(ImageSource::parse(image).unwrap());
    request.at = Some(at.parse().unwrap());
    Told::verdict(&runtime().block_on(engine.run(&request, policy)).unwrap().verdict)
}

/// A layout as a registry serves it.
pub(crate) fn registry(layout: &str) -> Files {
    let folder = folder("cosign/layouts").join(layout);
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
    let mut files = Files::new();
    for entry in fs::read_dir(folder.join("blobs/sha256")).unwrap().map(Result::unwrap) {
        let (digest, bytes) = (format!("sha256:{}", entry.file_name().to_string_lossy()), fs::read(entry.path()).unwrap());
        put_referrer(&mut files, &digest, &bytes);
        files.insert(format!("/v2/demo/app/manifests/{digest}"), bytes.clone());
        files.insert(format!("/v2/demo/app/blobs/{digest}"), bytes);
    }
    for entry in index["manifests"].as_array().unwrap() {
        let bytes = files[&format!("/v2/demo/app/manifests/{}", entry["digest"].as_str().unwrap())].clone();
        if let Some(tag) = entry["annotations"]["org.opencontainers.image.ref.name"].as_str() {
            files.insert(format!("/v2/demo/app/manifests/{tag}"), bytes);
        }
    }
    files
}

/// One whose signature only the API of referrers tells of.
pub(crate) fn referred() -> Files {
    let mut files = registry("bundle-p256");
    files.retain(|path, _| !path.contains("/manifests/sha256-"));
    files
}

/// Lists a manifest below its subject, if it has one.
fn put_referrer(files: &mut Files, digest: &str, bytes: &[u8]) {
    let Ok(manifest) = serde_json::from_slice::<Value>(bytes) else { return };
    let Some(subject) = manifest["subject"]["digest"].as_str() else { return };
    let entry = json!({"mediaType": manifest["mediaType"], "digest": digest, "size": bytes.len(), "artifactType": manifest["artifactType"],
        "annotations": manifest["annotations"]});
    let list = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry]});
    files.insert(format!("/v2/demo/app/referrers/{subject}"), list.to_string().into_bytes());
}

/// With a password that there is for the server.
fn config(server: &Server) -> RegistryConfig {
    RegistryConfig::default().credential(server.address.to_string(), Credential::basic("reader", "correct horse"))
}

pub(crate) fn ask_registry(server: &Server, timeout: Duration) -> Told {
    ask_registry_with(CryptoSet::rustcrypto(), server, timeout)
}

pub(crate) fn ask_registry_with(crypto: CryptoSet, server: &Server, timeout: Duration) -> Told {
    let engine = Verimage::builder().servers(config(server)).timeout(timeout).build().unwrap();
    run(&engine, &format!("{}/demo/app:v1", server.address), "2030-01-01T00:00:00Z", &signed_by_p256(crypto))
}

/// The files of a folder, below a path.
fn files(folder: &Path, below: &str) -> Files {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let name = |path: &Path| format!("{below}{}", path.file_name().unwrap().to_string_lossy());
    entries.map(|path| (name(&path), fs::read(&path).unwrap())).collect()
}

/// Roles by their names alone, and by the hashes that others name.
fn notary() -> Files {
    let roles = files(&folder("notary-v1/collections/tags"), "/v2/registry.example/demo/tags/_trust/tuf/");
    let by_hash = roles.iter().map(|(path, bytes)| {
        let hash = verimage::Digest::sha256(bytes).hex();
        (format!("{}.{hash}.json", path.trim_end_matches(".json")), bytes.clone())
    });
    roles.clone().into_iter().chain(by_hash).collect()
}

fn ask_notary(server: &Server, timeout: Duration) -> Told {
    let engine = Verimage::builder().servers(config(server)).state(Arc::new(MemoryState::default())).timeout(timeout).build().unwrap();
    let leaf = json!({"notaryV1": {"server": server.url(""), "root": "root"}});
    let policy = policy(&json!({"root": {"tufRoot": {"file": "notary-v1/pins/tags.pub"}}}), &leaf);
    run(&engine, "registry.example/demo/tags:v1", "2026-11-27T00:00:00Z", &policy)
}

const SIGNED: &str = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136";

/// The folder of the signatures of one image.
pub(crate) fn signatures() -> String {
    format!("demo/p256@{}", SIGNED.replace(':', "="))
}

fn lookaside() -> Files {
    let good = fs::read(folder("simple-signing/lookaside").join(signatures()).join("signature-1")).unwrap();
    Files::from([(format!("/sigs/{}/signature-1", signatures()), good)])
}

/// A registry that has nothing.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl SignatureStore for Nothing {
    async fn fetch(&self, _: &ImageRef, _: &Want) -> Result<Vec<Blob>, StoreError> {
        Err(StoreError::not_found("there is nothing"))
    }
}

pub(crate) fn ask_lookaside(server: &Server, timeout: Duration) -> Told {
    let registries = tempfile::tempdir().unwrap();
    let map = json!({"default-docker": {"lookaside": server.url("/sigs")}});
    fs::write(registries.path().join("default.yaml"), map.to_string()).unwrap();
    let builder = Verimage::builder().servers(config(server)).registry(Arc::new(Nothing)).registries_d(registries.path());
    let policy = policy(&json!({"k": {"openpgp": {"file": "simple-signing/keys/p256.gpg"}}}), &json!({"simpleSigning": {"keys": ["k"]}}));
    run(&builder.timeout(timeout).build().unwrap(), &format!("registry.example/demo/p256@{SIGNED}"), "2030-01-01T00:00:00Z", &policy)
}

/// Whatever the path is: that of an OCSP request holds the question.
fn answer(file: &str) -> Files {
    Files::from([("*".to_owned(), fs::read(folder("notation-revocation/answers").join(file)).unwrap())])
}

/// Asks a server on this machine where a certificate names another.
#[derive(Debug)]
struct Elsewhere {
    inner: Arc<dyn SignatureStore>,
    server: String,
}

#[async_trait]
impl SignatureStore for Elsewhere {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let mut want = want.clone();
        if let What::Http { url, .. } = &mut want.what {
            *url = url.replace("http://revocation.example", &self.server);
        }
        self.inner.fetch(image, &want).await
    }
}

fn ask_web(layout: &str, server: &Server, timeout: Duration) -> Told {
    let image = format!("oci:{}:v1", folder("notation-revocation/layouts").join(layout).display());
    let web = Verimage::builder().servers(config(server)).allow_private(&server.address.to_string()).build().unwrap();
    let inner = web.store_for(&ImageSource::parse("registry.example/demo/app:v1").unwrap());
    let builder = Verimage::builder().offline().web(Arc::new(Elsewhere { inner, server: server.url("") }));
    let leaf = json!({"notation": {"stores": ["acme"], "identities": ["*"]}});
    let policy = policy(&json!({"acme": {"x509": {"file": "notation-revocation/root.pem", "type": "ca"}}}), &leaf);
    let mut request = Request::new(ImageSource::parse(&image).unwrap());
    request.name = Some("registry.example/demo/app:v1".parse().unwrap());
    request.at = Some("2030-01-01T00:00:00Z".parse().unwrap());
    let engine = builder.timeout(timeout).build().unwrap();
    Told::verdict(&runtime().block_on(engine.run(&request, &policy)).unwrap().verdict)
}

fn key() -> Files {
    Files::from([("/key.pub".to_owned(), fs::read(folder("cosign/keys/p256.pub")).unwrap())])
}

/// A key that is pinned: another one is no key.
fn ask_key(server: &Server, timeout: Duration) -> Told {
    let pin = verimage_crypto::PublicKey::from_pem(&key()["/key.pub"]).unwrap().fingerprint().to_string();
    let keys = KeyResolvers::none().with(Arc::new(HttpsKeys::new())).timeout(timeout);
    let rule = json!({"name": "demo", "images": ["**/**"], "require": {"cosign": {"key": "k", "transparency": "none"}}});
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
        "trust": {"k": {"publicKey": {"ref": server.url("/key.pub"), "sha256": pin}}}, "rules": [rule]});
    let loader = PolicyLoader::new().key_resolvers(keys);
    let (text, files) = (policy.to_string(), FolderMaterial::new(None));
    Told::result(runtime().block_on(loader.load_text_async(&text, "policy", &files)).map_err(|error| error.code.to_string()))
}

fn mirror() -> Files {
    let good = folder("tuf/good");
    let targets = files(&good.join("targets"), "/targets/");
    files(&good, "/").into_iter().chain(targets).collect()
}

fn ask_mirror(server: &Server, timeout: Duration) -> Told {
    let kept = tempfile::tempdir().unwrap();
    let mut options = UpdateOptions::new(TrustFolder::new(kept.path()), "2030-01-02T00:00:00Z".parse().unwrap());
    options.mirror = server.url("");
    options.root = Some(fs::read(folder("tuf/good/1.root.json")).unwrap());
    options.timeout = timeout;
    Told::result(runtime().block_on(update(&options)).map_err(|error| error.code().to_owned()))
}
