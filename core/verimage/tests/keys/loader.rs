//! Policies whose keys are elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use verimage::core::async_trait;
use verimage::keys::{EnvironmentKeys, GitLabKeys, HttpsKeys};
use verimage::{
    Code, Decision, FolderMaterial, ImageSource, KeyReference, KeyResolver, KeyResolverError, KeyResolvers, Policy, PolicyError,
    PolicyLoader, Request, Verimage,
};

use crate::server::{Says, Server};
use crate::{fixtures, pem};

/// Of the key `p256`, as verdicts print it.
fn pin() -> String {
    verimage_crypto::PublicKey::from_pem(pem("p256").as_bytes()).unwrap().fingerprint().to_string()
}

fn policy(keys: &[String]) -> String {
    let trust: String = keys.iter().enumerate().map(|(index, key)| format!("  k{index}: {{ publicKey: {{ {key} }} }}\n")).collect();
    let leaves: String = (0..keys.len()).map(|index| format!("    - cosign: {{ key: k{index}, transparency: none }}\n")).collect();
    format!(
        "apiVersion: verimage/v1\nkind: ImagePolicy\ntrust:\n{trust}rules:\n- name: demo\n  images: [\"**/**\"]\n  require:\n    anyOf:\n{leaves}"
    )
}

fn loader() -> PolicyLoader {
    let environment = EnvironmentKeys::of([("KEY".to_owned(), pem("p256")), ("NO_KEY".to_owned(), "text".to_owned())]);
    let keys = KeyResolvers::none().with(Arc::new(environment)).with(Arc::new(HttpsKeys::new())).with(Arc::new(GitLabKeys::new(None)));
    PolicyLoader::new().key_resolvers(keys)
}

async fn load(key: &str) -> Result<Policy, PolicyError> {
    let files = FolderMaterial::new(Some(fixtures().join("keys")));
    loader().load_text_async(&policy(&[key.to_owned()]), "policy.yaml", &files).await
}

fn load_now(key: &str) -> Result<Policy, PolicyError> {
    loader().load_text(&policy(&[key.to_owned()]), "policy.yaml", &FolderMaterial::new(Some(fixtures().join("keys"))))
}

/// Decision and warnings for the image that `p256` signed.
async fn judge(policy: &Policy) -> (Decision, Vec<String>) {
    let layout = format!("oci:{}:v1", fixtures().join("layouts/p256").display());
    let mut request = Request::new(ImageSource::parse(&layout).unwrap());
    request.name = Some("registry.example/demo/app:v1".parse().unwrap());
    let verdict = Verimage::builder().offline().build().unwrap().run(&request, policy).await.unwrap().verdict;
    (verdict.decision, verdict.warnings)
}

#[tokio::test]
async fn a_key_at_a_web_address_is_pinned_or_the_verdict_warns() {
    let server = Server::start(|_| Says::Body(pem("p256"))).await;
    let key = format!("ref: \"{}\"", server.url("/k"));
    let refused = load(&key).await.unwrap_err();
    assert_eq!((refused.code, refused.pointer.as_str()), (Code::PolicyInvalid, "/trust/k0/publicKey/ref"));
    assert!(refused.hint.unwrap().contains("insecureUnpinned") && refused.location == Some((4, 27)), "{:?}", refused.location);
    assert!(server.seen().is_empty());

    let pinned = load(&format!("{key}, sha256: \"{}\"", pin())).await.unwrap();
    assert_eq!(judge(&pinned).await, (Decision::Allow, vec!["log-not-required".to_owned()]));
    let unpinned = load(&format!("{key}, insecureUnpinned: true")).await.unwrap();
    assert_eq!(judge(&unpinned).await, (Decision::Allow, vec!["key-not-pinned".to_owned(), "log-not-required".to_owned()]));
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_refused() {
    for body in [pem("other"), "no key at all".to_owned(), String::new()] {
        let says = body.clone();
        let server = Server::start(move |_| Says::Body(says.clone())).await;
        let refused = load(&format!("ref: \"{}\", sha256: \"{}\"", server.url("/k"), pin())).await.unwrap_err();
        assert_eq!((refused.code, refused.pointer.as_str()), (Code::PolicyInvalid, "/trust/k0/publicKey/sha256"), "{body}: {refused}");
        let unpinned = load(&format!("ref: \"{}\", insecureUnpinned: true", server.url("/k"))).await;
        assert_eq!(unpinned.is_ok(), body == pem("other"), "what is no key is no key without a pin");
    }
    for key in ["file: other.pub", "ref: \"env://KEY\"", &format!("pem: {}", serde_json::to_string(&pem("other")).unwrap())] {
        let fits = key.contains("KEY\"");
        assert_eq!(load(&format!("{key}, sha256: \"{}\"", pin())).await.is_ok(), fits, "{key}");
    }
}

#[tokio::test]
async fn pins_that_say_nothing_are_refused() {
    for (key, field) in [
        (format!("file: p256.pub, sha256: \"{}\"", pin().trim_start_matches("SHA256:")), "sha256"),
        ("file: p256.pub, sha256: \"SHA256:abcd\"".to_owned(), "sha256"),
        (format!("file: p256.pub, sha256: \"{}00\"", pin()), "sha256"),
        ("file: p256.pub, insecureUnpinned: true".to_owned(), "insecureUnpinned"),
        ("ref: \"env://KEY\", insecureUnpinned: true".to_owned(), "insecureUnpinned"),
        (format!("ref: \"https://127.0.0.1/k\", insecureUnpinned: true, sha256: \"{}\"", pin()), "insecureUnpinned"),
        ("ref: \"https://u:not-a-secret@127.0.0.1/k\"".to_owned(), "ref"),
        (format!("ref: \"https://127.0.0.1/k#{}\"", pin()), "ref"),
    ] {
        let refused = load(&key).await.unwrap_err();
        assert_eq!(refused.pointer, format!("/trust/k0/publicKey/{field}"), "{key}: {refused}");
        assert!(refused.code == Code::PolicyInvalid && !refused.to_string().contains("not-a-secret"), "{refused}");
    }
}

#[tokio::test]
async fn refusals_keep_their_code_and_gain_a_place() {
    let (gone, closed) = (Server::start(|_| Says::Status(404)).await, Server::start(|_| Says::Status(403)).await);
    let broken = Server::start(|_| Says::Status(502)).await;
    for (reference, code) in [
        (gone.url("/k"), Code::PolicyInvalid),
        (closed.url("/k"), Code::StoreUnauthorized),
        (broken.url("/k"), Code::StoreUnavailable),
        ("gitlab://group/project".to_owned(), Code::StoreUnauthorized),
        ("env://UNSET".to_owned(), Code::PolicyInvalid),
        ("awskms:///alias/key".to_owned(), Code::PolicyInvalid),
        ("acme://key".to_owned(), Code::PolicyInvalid),
    ] {
        let refused = load(&format!("ref: \"{reference}\", sha256: \"{}\"", pin())).await.unwrap_err();
        assert_eq!((refused.code, refused.pointer.as_str()), (code, "/trust/k0/publicKey/ref"), "{reference}: {refused}");
        assert!(refused.location.is_some());
    }
}

#[tokio::test]
async fn without_waiting_only_the_environment_is_read() {
    let server = Server::start(|_| Says::Body(pem("p256"))).await;
    assert_eq!(judge(&load_now("ref: \"env://KEY\"").unwrap()).await.0, Decision::Allow);
    assert_eq!(load_now("ref: \"env://NO_KEY\"").unwrap_err().pointer, "/rules/0/require/anyOf/0/cosign/key");
    let refused = load_now(&format!("ref: \"{}\", insecureUnpinned: true", server.url("/k"))).unwrap_err();
    assert_eq!((refused.code, refused.pointer.as_str()), (Code::PolicyInvalid, "/trust/k0/publicKey/ref"));
    assert!(refused.hint.unwrap().contains("load_async") && server.seen().is_empty());
}

#[test]
fn without_waiting_no_runtime_is_needed() {
    assert!(load_now("ref: \"env://KEY\"").is_ok());
    assert!(load_now("ref: \"gitlab://group/project\"").is_err());
}

#[tokio::test]
async fn equal_references_are_asked_for_once_and_all_of_them_share_the_time() {
    let server = Server::start(|_| Says::Body(pem("p256"))).await;
    let key = format!("ref: \"{}\", insecureUnpinned: true", server.url("/k"));
    let files = FolderMaterial::default();
    loader().load_text_async(&policy(&[key.clone(), key]), "policy.yaml", &files).await.unwrap();
    assert_eq!(server.seen().len(), 1);

    let silent = Server::start(|_| Says::Silence).await;
    let keys: Vec<_> = (0..40).map(|index| format!("ref: \"{}\", insecureUnpinned: true", silent.url(&format!("/{index}")))).collect();
    let resolvers = KeyResolvers::none().with(Arc::new(HttpsKeys::new())).timeout(Duration::from_millis(400));
    let begun = Instant::now();
    let refused = PolicyLoader::new().key_resolvers(resolvers).load_text_async(&policy(&keys), "policy.yaml", &files).await.unwrap_err();
    assert!(refused.code == Code::StoreUnavailable && begun.elapsed() < Duration::from_millis(1600), "{refused} {:?}", begun.elapsed());
}

/// A cloud key service as a program may bring it.
#[derive(Debug)]
struct Cloud;

#[async_trait]
impl KeyResolver for Cloud {
    fn schemes(&self) -> &[&str] {
        &["awskms", "env"]
    }

    async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        match reference.rest() {
            "/alias/large" => Ok(vec![b'x'; (1 << 20) + 1]),
            _ => Ok(pem("p256").into_bytes()),
        }
    }
}

#[tokio::test]
async fn a_resolver_of_ones_own_goes_first() {
    let loader = loader().with_key_resolver(Arc::new(Cloud));
    let load = async |reference: &str| {
        let text = policy(&[format!("ref: \"{reference}\"")]);
        loader.load_text_async(&text, "policy.yaml", &FolderMaterial::default()).await
    };
    assert_eq!(judge(&load("awskms:///alias/key").await.unwrap()).await.0, Decision::Allow);
    assert_eq!(judge(&load("env://UNSET").await.unwrap()).await.0, Decision::Allow);
    assert!(load("awskms:///alias/large").await.unwrap_err().message.contains("1048576 bytes"));
}

#[tokio::test]
async fn loading_can_be_spawned() {
    let task = tokio::spawn(async { load("ref: \"env://KEY\"").await.is_ok() });
    assert!(task.await.unwrap());
}
