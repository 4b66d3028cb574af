//! Whose credentials the admission server reads registries with: those of the workload, as the kubelet has them, then tokens in
//! files (section 3.7 of the admission contract; the last story of `examples/config-sync-webhook`).

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use verimage::Verimage;
use verimage::registry::RegistryConfig;
use verimage_server::{Server, ServerConfig, StartError};

use crate::world::{ask, client, fixtures, object, write_certificate, write_policy_for_all};

/// A registry that holds one signed image, and the API of a cluster, on one address.
#[derive(Debug, Default)]
struct Fake {
    /// What the registry takes as `Authorization`; the challenge that it answers others with.
    takes: Mutex<(String, &'static str)>,
    /// Objects of the cluster, by path.
    objects: Mutex<BTreeMap<String, Value>>,
    asked: Mutex<Vec<String>>,
}

async fn serve(State(fake): State<Arc<Fake>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    fake.asked.lock().unwrap().push(path.clone());
    if path.starts_with("/api/") {
        let object = fake.objects.lock().unwrap().get(&path).cloned();
        return object.map_or(StatusCode::NOT_FOUND.into_response(), |object| object.to_string().into_response());
    }
    let (takes, challenge) = fake.takes.lock().unwrap().clone();
    if request.headers().get(header::AUTHORIZATION).is_some_and(|value| value == &basic("stranger:known")) {
        // Signed in, and nothing of this is his: registries hide with 404.
        return StatusCode::NOT_FOUND.into_response();
    }
    if request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) != Some(&takes) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], "").into_response();
    }
    let found = path.rsplit('/').next().and_then(content);
    found.map_or(StatusCode::NOT_FOUND.into_response(), |bytes| (HeaderMap::new(), bytes).into_response())
}

/// A manifest or blob by digest, or by the name that the layout gives it.
fn content(name: &str) -> Option<Vec<u8>> {
    let layout = fixtures().join("layouts/p256");
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let named = |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == name;
    let entry = index["manifests"].as_array().unwrap().iter().find(named);
    let digest = entry.map_or(name, |entry| entry["digest"].as_str().unwrap());
    fs::read(layout.join("blobs").join(digest.replace(':', "/"))).ok()
}

struct World {
    folder: TempDir,
    fake: Arc<Fake>,
    host: String,
}

impl World {
    async fn new() -> Self {
        let fake = Arc::new(Fake::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&fake));
        tokio::spawn(async { axum::serve(listener, router).await });
        let folder = TempDir::new().unwrap();
        write_certificate(folder.path());
        write_policy_for_all(folder.path());
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": format!("http://{host}")}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        });
        fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).unwrap();
        Self { folder, fake, host }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn takes(&self, authorization: &str, challenge: &'static str) {
        *self.fake.takes.lock().unwrap() = (authorization.to_owned(), challenge);
    }

    fn object(&self, path: &str, object: Value) {
        self.fake.objects.lock().unwrap().insert(format!("/api/v1/namespaces/{path}"), object);
    }

    async fn start(&self, more: &str) -> Result<Server, StartError> {
        let text = format!(
            "apiVersion: verimage/v1\nkind: ServerConfig\nlisten: 127.0.0.1:0\npolicy: policy.yaml\ntls: {{ certificate: tls.crt, key: tls.key }}\ndrainSeconds: 0\nloopbackRegistries: true\n{more}\n"
        );
        self.write("server.yaml", &text);
        let config = ServerConfig::load(&self.folder.path().join("server.yaml")).unwrap();
        let engine = Verimage::builder().servers(config.servers(RegistryConfig::default()));
        Server::start(config, engine, drop).await
    }

    /// Whether a pod of the image is admitted, and the message if it is not.
    async fn pod(&self, server: &Server, namespace: &str, spec: Value) -> Result<(), String> {
        self.review(server, namespace, spec, &format!("{}/app:v1", self.host)).await
    }

    async fn review(&self, server: &Server, namespace: &str, mut spec: Value, image: &str) -> Result<(), String> {
        let client = client(&fs::read_to_string(self.folder.path().join("tls.crt")).unwrap());
        spec["containers"] = json!([{"name": "a", "image": image}]);
        let mut request = object("", "Pod", json!({"spec": spec}));
        request["namespace"] = namespace.into();
        let answer = ask(&client, &format!("https://{}/validate", server.address()), &request).await;
        match answer["allowed"].as_bool().unwrap() {
            true => Ok(()),
            false => Err(answer["status"]["message"].as_str().unwrap().to_owned()),
        }
    }
}

fn pull_secret(host: &str, login: &str) -> Value {
    let config = json!({"auths": {host: {"auth": STANDARD.encode(login)}}}).to_string();
    json!({"kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": STANDARD.encode(config)}})
}

fn basic(login: &str) -> String {
    format!("Basic {}", STANDARD.encode(login))
}

#[tokio::test]
async fn the_secrets_of_the_workload_open_its_registry() {
    let world = World::new().await;
    world.takes(&basic("reader:secret"), "Basic realm=\"r\"");
    world.object("team/secrets/pull", pull_secret(&world.host, "reader:secret"));
    world.object("team/secrets/wrong", pull_secret(&world.host, "reader:guess"));
    world.object("robots/serviceaccounts/robot", json!({"kind": "ServiceAccount", "imagePullSecrets": [{"name": "of-robot"}]}));
    world.object("robots/secrets/of-robot", pull_secret(&world.host, "reader:secret"));
    let server = world.start("cache: { deniedSeconds: 0 }\npullSecrets: { kubeconfig: kubeconfig }").await.unwrap();
    let named = |name: &str| json!({"imagePullSecrets": [{"name": name}]});
    for (namespace, spec) in [
        ("team", json!({})),
        ("team", named("absent")),
        ("team", named("wrong")),
        // A Secret of another namespace is out of reach, however it is written.
        ("other", named("pull")),
        ("other", named("../team/secrets/pull")),
        ("robots", json!({})),
    ] {
        let refused = world.pod(&server, namespace, spec.clone()).await.unwrap_err();
        assert!(refused.contains("store-unauthorized"), "{namespace} {spec}: {refused}");
    }
    assert_eq!(world.pod(&server, "team", named("pull")).await, Ok(()));
    assert_eq!(world.pod(&server, "robots", json!({"serviceAccountName": "robot"})).await, Ok(()));
    // What one namespace may read tells another nothing about what a tag names.
    assert!(world.pod(&server, "other", json!({})).await.unwrap_err().contains("store-unauthorized"));
    server.stop().await.unwrap();
}

/// What somebody does not find, because he may see little, is not missing for those who may see more.
#[tokio::test]
async fn what_a_stranger_does_not_find_is_found_by_others() {
    let world = World::new().await;
    world.takes(&basic("reader:secret"), "Basic realm=\"r\"");
    world.object("stranger/secrets/pull", pull_secret(&world.host, "stranger:known"));
    world.object("team/secrets/pull", pull_secret(&world.host, "reader:secret"));
    let digest = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136";
    let server = world.start("pullSecrets: { kubeconfig: kubeconfig }\ncache: { deniedSeconds: 3600 }").await.unwrap();
    let image = format!("{}/app@{digest}", world.host);
    let secrets = || json!({"imagePullSecrets": [{"name": "pull"}]});
    for _ in 0..2 {
        let refused = world.review(&server, "stranger", secrets(), &image).await.unwrap_err();
        assert!(refused.contains("signature-not-found"), "{refused}");
    }
    assert_eq!(world.review(&server, "team", secrets(), &image).await, Ok(()));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn without_being_told_nobody_reads_secrets() {
    let world = World::new().await;
    world.takes(&basic("reader:secret"), "Basic realm=\"r\"");
    world.object("team/secrets/pull", pull_secret(&world.host, "reader:secret"));
    let server = world.start("").await.unwrap();
    assert!(world.pod(&server, "team", json!({"imagePullSecrets": [{"name": "pull"}]})).await.is_err());
    assert!(!world.fake.asked.lock().unwrap().iter().any(|path| path.starts_with("/api/")));
    server.stop().await.unwrap();
}

/// The server of Config Sync: a token in a file, without which it does not start, and which is read again when it changes.
#[tokio::test]
async fn a_token_is_required_to_start_and_read_again_when_it_changes() {
    let world = World::new().await;
    world.takes("Bearer first", "Bearer realm=\"http://127.0.0.1:9/token\"");
    let tokens = format!("cache: {{ deniedSeconds: 0 }}\nregistryTokens: [{{ host: \"{}\", file: token, required: true }}]", world.host);
    for text in [None, Some(" \n")] {
        text.iter().for_each(|text| world.write("token", text));
        let refused = world.start(&tokens).await.unwrap_err();
        assert!(matches!(&refused, StartError::Token { host, .. } if *host == world.host), "{refused}");
    }
    world.write("token", "first\n");
    let server = world.start(&tokens).await.unwrap();
    assert_eq!(world.pod(&server, "team", json!({})).await, Ok(()));
    world.takes("Bearer second", "Bearer realm=\"http://127.0.0.1:9/token\"");
    assert!(world.pod(&server, "team", json!({})).await.is_err());
    world.write("token", "second\n");
    assert_eq!(world.pod(&server, "team", json!({})).await, Ok(()));
    fs::remove_file(world.folder.path().join("token")).unwrap();
    world.takes("Bearer third", "Bearer realm=\"http://127.0.0.1:9/token\"");
    let refused = world.pod(&server, "team", json!({})).await.unwrap_err();
    assert!(refused.contains("token") && !refused.contains("second"), "{refused}");
    server.stop().await.unwrap();
    // One that is not required may come later.
    assert!(world.start(&tokens.replace("true", "false")).await.is_ok());
}

#[tokio::test]
async fn a_token_may_be_a_password() {
    let world = World::new().await;
    world.takes(&basic("oauth2accesstoken:t"), "Basic realm=\"r\"");
    world.write("token", "t");
    let tokens = format!(
        "cache: {{ deniedSeconds: 0 }}\nregistryTokens: [{{ host: \"{}\", file: token, username: oauth2accesstoken }}]",
        world.host
    );
    let server = world.start(&tokens).await.unwrap();
    assert_eq!(world.pod(&server, "team", json!({})).await, Ok(()));
    server.stop().await.unwrap();
}
