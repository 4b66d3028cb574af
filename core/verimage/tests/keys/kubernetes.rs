//! `k8s://`: kubeconfig files, pods, and what is refused in either.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use verimage::Code;
use verimage::keys::KubernetesApi;

use crate::server::{Says, Seen, Server};
use crate::{STATUSES, pem, resolve};

const REFERENCE: &str = "k8s://tenants/release-key";
const PATH: &str = "/api/v1/namespaces/tenants/secrets/release-key";

/// A Secret as the API server gives it and cosign fills it.
fn secret(entries: &[(&str, &str)]) -> String {
    let data: serde_json::Map<_, _> = entries.iter().map(|(name, value)| ((*name).to_owned(), STANDARD.encode(value).into())).collect();
    serde_json::json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "release-key"}, "type": "Opaque", "data": data})
        .to_string()
}

fn good(_: &Seen) -> Says {
    Says::Body(secret(&[("cosign.key", "private"), ("cosign.password", ""), ("cosign.pub", &pem("p256"))]))
}

fn config(server: &str, cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\npreferences: {{}}\ncurrent-context: here\nclusters:\n- name: c\n  cluster: {{server: \"{server}\"{cluster}}}\n\
         contexts:\n- name: here\n  context: {{cluster: c, user: u, namespace: elsewhere}}\nusers:\n- name: u\n  user: {{{user}}}\n"
    )
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn keys(&self, kubeconfig: &str) -> KubernetesApi {
        KubernetesApi::new().kubeconfig([self.write("config", kubeconfig)])
    }
}

#[tokio::test]
async fn a_key_is_the_entry_of_a_secret() {
    let server = Server::start(good).await;
    let folder = Folder::new();
    let keys = folder.keys(&config(&server.url(""), "", "token: not-a-secret"));
    assert_eq!(resolve(&keys, REFERENCE).await.unwrap(), pem("p256").into_bytes());
    assert_eq!((server.targets(), server.seen()[0].header("authorization")), (vec![PATH.to_owned()], Some("Bearer not-a-secret")));
    folder.write("token", "from-a-file\n");
    let keys = folder.keys(&config(&server.url("/base"), "", "token: not-a-secret, tokenFile: token"));
    resolve(&keys, REFERENCE).await.unwrap();
    assert_eq!(
        (server.targets()[1].as_str(), server.seen()[1].header("authorization")),
        (&*format!("/base{PATH}"), Some("Bearer from-a-file"))
    );
}

#[tokio::test]
async fn every_refusal_has_its_code_and_shows_no_token() {
    let folder = Folder::new();
    for (status, code) in STATUSES {
        let server = Server::start(move |_| Says::Status(status)).await;
        let keys = folder.keys(&config(&server.url(""), "", "token: not-a-secret"));
        let refused = resolve(&keys, REFERENCE).await.unwrap_err();
        assert_eq!(refused.code, code, "{status}: {refused}");
        assert!(!format!("{refused:?} {keys:?}").contains("not-a-secret"));
    }
    let other = Server::start(good).await;
    let server = Server::redirecting(other.url("/stolen")).await;
    let redirected = resolve(&folder.keys(&config(&server.url(""), "", "token: t")), REFERENCE).await.unwrap_err();
    assert_eq!((redirected.code, other.seen().len()), (Code::StoreUnavailable, 0));
    let server = Server::start(|_| Says::Announcement(2 << 20)).await;
    let large = resolve(&folder.keys(&config(&server.url(""), "", "token: t")), REFERENCE).await.unwrap_err();
    assert_eq!(large.code, Code::PolicyInvalid);
}

#[tokio::test]
async fn an_answer_without_the_entry_is_no_key() {
    let folder = Folder::new();
    let of_another_kind = secret(&[("cosign.pub", &pem("p256"))]).replace("\"Secret\"", "\"Status\"");
    for (body, code) in [
        (secret(&[("cosign.key", "private")]), Code::PolicyInvalid),
        (r#"{"kind": "Secret", "data": {"cosign.pub": "!"}}"#.to_owned(), Code::PolicyInvalid),
        (of_another_kind, Code::StoreUnavailable),
        ("<html>".to_owned(), Code::StoreUnavailable),
    ] {
        let server = Server::start(move |_| Says::Body(body.clone())).await;
        let refused = resolve(&folder.keys(&config(&server.url(""), "", "token: t")), REFERENCE).await.unwrap_err();
        assert_eq!(refused.code, code, "{refused}");
    }
}

#[tokio::test]
async fn what_would_weaken_or_change_the_connection_is_refused_before_it() {
    let server = Server::start(good).await;
    let folder = Folder::new();
    for (cluster, user, says) in [
        (", insecure-skip-tls-verify: true", "token: t", "insecure-skip-tls-verify"),
        (", tls-server-name: a.example", "token: t", "tls-server-name"),
        (", proxy-url: \"socks5://a.example\"", "token: t", "proxy-url"),
        ("", "exec: {command: aws, args: [eks, get-token]}", "exec"),
        ("", "auth-provider: {name: gcp}", "auth-provider"),
        ("", "username: admin, password: not-a-secret", "username"),
        ("", "token: t, as: system:admin", "as"),
        ("", "client-certificate-data: aGk=", "client certificate"),
        ("", "client-certificate-data: aGk=, client-key-data: aGk=", "client certificate"),
        ("", "client-certificate-data: \"!\", client-key-data: aGk=", "not base64"),
        ("", "tokenFile: absent", "cannot be read"),
        (", certificate-authority-data: aGk=", "token: t", "no PEM certificate"),
        (", certificate-authority: absent.crt", "token: t", "cannot be read"),
    ] {
        let refused = resolve(&folder.keys(&config(&server.url(""), cluster, user)), REFERENCE).await.unwrap_err();
        assert_eq!(refused.code, Code::PolicyInvalid, "{refused}");
        assert!(refused.message.contains(says), "{refused}");
    }
    assert!(server.seen().is_empty());
    let verified = config(&server.url(""), ", insecure-skip-tls-verify: false", "token: t");
    assert!(resolve(&folder.keys(&verified), REFERENCE).await.is_ok());
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_says_why_and_keeps_its_secrets() {
    let folder = Folder::new();
    let whole = config("https://127.0.0.1:1", "", "token: not-a-secret");
    for (text, says) in [
        (whole.replace("current-context: here", "current-context: \"\""), "no current context"),
        (whole.replace("current-context: here", "current-context: there"), "no context `there`"),
        (whole.replace("{cluster: c, user: u", "{cluster: d, user: u"), "no cluster `d`"),
        (whole.replace("{cluster: c, user: u", "{cluster: c, user: v"), "no user `v`"),
        (whole.replace("https://127.0.0.1:1", "nowhere"), "is none"),
        (whole.replace("{token: not-a-secret}", "[not-a-secret]"), "no kubeconfig"),
        (whole.replace("token: not-a-secret", "token: not-a-secret, token: not-a-secret"), "no kubeconfig"),
        ("clusters: null\n".to_owned(), "no current context"),
        (whole.replace("https://127.0.0.1:1", "http://10.0.0.1"), "only https"),
        (whole.replace("https://127.0.0.1:1", "https://169.254.169.254"), "never asked"),
    ] {
        let refused = resolve(&folder.keys(&text), REFERENCE).await.unwrap_err();
        assert!(refused.message.contains(says) && !refused.message.contains("not-a-secret"), "{says}: {refused}");
    }
    let nowhere = KubernetesApi::new().kubeconfig([folder.0.path().join("absent")]);
    assert!(resolve(&nowhere, REFERENCE).await.unwrap_err().message.contains("no Kubernetes cluster is known"));
}

#[tokio::test]
async fn several_files_are_merged_and_the_first_counts() {
    let (server, other) = (Server::start(good).await, Server::start(good).await);
    let (first, second) = (Folder::new(), Folder::new());
    let context = first.write("config", "current-context: here\ncontexts:\n- {name: here, context: {cluster: c, user: u}}\n");
    let users = second.write("users", "users:\n- {name: u, user: {tokenFile: token}}\n");
    second.write("token", "beside-the-second");
    let clusters = second.write("clusters", config(&server.url(""), "", "token: of-the-third"));
    let late = second.write("late", config(&other.url(""), "", "token: of-the-last").replace("here", "there"));
    let keys = KubernetesApi::new().kubeconfig([context, first.0.path().join("absent"), users, clusters, late]);
    resolve(&keys, REFERENCE).await.unwrap();
    assert_eq!((server.seen()[0].header("authorization"), other.seen().len()), (Some("Bearer beside-the-second"), 0));
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap(), key)
    }

    /// An API server that wants a client certificate, or does not.
    async fn server(&self, wants_client: bool) -> Server {
        let (certificate, key) = self.issue("127.0.0.1");
        let builder = ServerConfig::builder();
        let builder = if wants_client {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        Server::start_tls(TlsAcceptor::from(Arc::new(config)), good).await
    }

    fn data(&self) -> String {
        format!(", certificate-authority-data: {}", STANDARD.encode(self.0.pem()))
    }
}

#[tokio::test]
async fn only_the_authority_of_the_cluster_counts() {
    let authority = Authority::new();
    let server = authority.server(true).await;
    let address = format!("https://127.0.0.1:{}", server.port);
    let (certificate, key) = authority.issue("client");
    let folder = Folder::new();
    folder.write("client.crt", certificate.pem());
    folder.write("client.key", key.serialize_pem());
    folder.write("ca.crt", authority.0.pem());
    let inline = format!(
        "client-certificate-data: {}, client-key-data: {}",
        STANDARD.encode(certificate.pem()),
        STANDARD.encode(key.serialize_pem())
    );
    for (cluster, user) in [
        (authority.data().as_str(), inline.as_str()),
        (", certificate-authority: ca.crt", "client-certificate: client.crt, client-key: client.key"),
    ] {
        assert_eq!(resolve(&folder.keys(&config(&address, cluster, user)), REFERENCE).await.unwrap(), pem("p256").into_bytes());
    }
    let asked = server.seen().len();
    for (cluster, user) in
        [(Authority::new().data().as_str(), inline.as_str()), ("", inline.as_str()), (authority.data().as_str(), "token: t")]
    {
        let refused = resolve(&folder.keys(&config(&address, cluster, user)), REFERENCE).await.unwrap_err();
        assert_eq!(refused.code, Code::StoreUnavailable, "{refused}");
    }
    assert_eq!(server.seen().len(), asked);
}

/// In a process of its own, whose system trusts the authority of the server.
#[tokio::test]
async fn the_authorities_of_the_system_count_only_where_the_cluster_names_none() {
    let folder = Folder::new();
    if let Ok(address) = std::env::var("VERIMAGE_TEST_SERVER") {
        let web = resolve(&verimage::keys::HttpsKeys::new(), &format!("{address}/k")).await;
        assert!(web.is_ok(), "{web:?}");
        assert!(resolve(&folder.keys(&config(&address, "", "token: t")), REFERENCE).await.is_ok());
        let other = folder.keys(&config(&address, &Authority::new().data(), "token: t"));
        return assert_eq!(resolve(&other, REFERENCE).await.unwrap_err().code, Code::StoreUnavailable);
    }
    let authority = Authority::new();
    let server = authority.server(false).await;
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "kubernetes::the_authorities_of_the_system_count_only_where_the_cluster_names_none", "--nocapture"]);
    again.env("VERIMAGE_TEST_SERVER", format!("https://127.0.0.1:{}", server.port));
    again.env("SSL_CERT_FILE", folder.write("system.pem", authority.0.pem()));
    let status = tokio::task::spawn_blocking(move || again.status()).await.unwrap();
    assert!(status.unwrap().success() && server.seen().len() == 2);
}

#[tokio::test]
async fn a_pod_asks_its_own_cluster_with_the_token_of_the_hour() {
    let authority = Authority::new();
    let server = authority.server(false).await;
    let folder = Folder::new();
    folder.write("ca.crt", authority.0.pem());
    let keys = KubernetesApi::new().in_cluster("127.0.0.1", &server.port.to_string(), folder.0.path());
    assert!(resolve(&keys, REFERENCE).await.unwrap_err().message.contains("token"));
    for token in ["first", "second"] {
        folder.write("token", format!("{token}\n"));
        assert_eq!(resolve(&keys, REFERENCE).await.unwrap(), pem("p256").into_bytes());
    }
    let tokens: Vec<_> = server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(tokens, ["Bearer first", "Bearer second"]);
    folder.write("ca.crt", Authority::new().0.pem());
    assert_eq!(resolve(&keys, REFERENCE).await.unwrap_err().code, Code::StoreUnavailable);
    // A kubeconfig goes before the pod's own cluster, as for kubectl.
    let elsewhere = Server::start(good).await;
    let keys = keys.kubeconfig([folder.write("config", config(&elsewhere.url(""), "", "token: t"))]);
    assert!(resolve(&keys, REFERENCE).await.is_ok() && elsewhere.seen().len() == 1);
}
