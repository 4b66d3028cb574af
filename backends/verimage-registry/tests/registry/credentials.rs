//! Files and helpers that hold credentials.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use verimage_core::{ImageRef, StoreErrorKind};
use verimage_registry::{ConfigError, Credential, RegistryConfig, RegistryStore};

use crate::server::{MANIFEST, Says, Server, by_tag, bytes, refused, store};

const BASIC: &str = "Basic dTpodW50ZXIy";
const HELPERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

/// A registry that takes any password.
async fn registry() -> Server {
    Server::start(|seen| if seen.authorization().is_some() { Says::ok(MANIFEST) } else { Says::basic() }).await
}

fn with_file(text: &str) -> (TempDir, RegistryConfig) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("auth.json");
    fs::write(&file, text).unwrap();
    (directory, RegistryConfig::default().auth_file(file).credential_helper_directory(HELPERS))
}

async fn sent(server: &Server, config: RegistryConfig) -> Option<String> {
    bytes(&store(config), &server.image("team/app"), &by_tag("v1")).await;
    server.seen().last().unwrap().authorization().map(str::to_owned)
}

#[tokio::test]
async fn the_longest_path_of_an_auth_file_wins() {
    let server = registry().await;
    let host = server.host();
    let text = format!(
        r#"{{"auths":{{"{host}":{{"auth":"eDp4"}},"{host}/team":{{"auth":"dTpodW50ZXIy"}},"{host}/team/application":{{"auth":"eTp5"}}}}}}"#
    );
    let (_directory, config) = with_file(&text);
    assert_eq!(sent(&server, config).await.as_deref(), Some(BASIC));
}

/// CVE-2025-27403: a credential is for one host, not for every host whose name begins or ends like it.
#[tokio::test]
async fn credentials_do_not_go_to_hosts_of_similar_names() {
    only_its_host_gets_it(RegistryConfig::default().credential("registry.example", Credential::basic("u", "hunter2"))).await;
    for text in [
        r#"{"auths":{"registry.example":{"auth":"dTpodW50ZXIy"}}}"#,
        r#"{"auths":{"https://registry.example/v2/":{"auth":"dTpodW50ZXIy"}}}"#,
        r#"{"credHelpers":{"registry.example":"fixture"}}"#,
    ] {
        let (_directory, config) = with_file(text);
        only_its_host_gets_it(config).await;
    }
}

async fn only_its_host_gets_it(config: RegistryConfig) {
    const OTHERS: [&str; 6] = [
        "registry.example.evil",
        "evil-registry.example",
        "evil.registry.example",
        "registry.example2",
        "registry.exampl",
        "registry.example:8080",
    ];
    let image = |host: &str| ImageRef::parse(&format!("{host}/app")).unwrap();
    let proxy = registry().await;
    let config = config.proxy(verimage_registry::Proxy { http: Some(proxy.url("")), https: None, except: String::new() });
    let store = store(OTHERS.iter().fold(config.plain_http("registry.example"), |config, host| config.plain_http(*host)));
    for host in OTHERS {
        refused(&store, &image(host), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    }
    assert!(proxy.seen().len() >= OTHERS.len() && proxy.seen().iter().all(|seen| seen.authorization().is_none()));
    bytes(&store, &image("registry.example"), &by_tag("v1")).await;
    assert_eq!(proxy.seen().last().unwrap().authorization(), Some(BASIC));
}

#[tokio::test]
async fn docker_writes_hosts_as_urls() {
    let server = registry().await;
    let (_directory, config) =
        with_file(&format!(r#"{{"auths":{{"https://{}/v1/":{{"username":"u","password":"hunter2"}}}}}}"#, server.host()));
    assert_eq!(sent(&server, config).await.as_deref(), Some(BASIC));
}

#[tokio::test]
async fn helpers_are_asked_for_their_host_or_for_every_host() {
    for text in [r#"{"credHelpers":{"HOST":"fixture"}}"#, r#"{"auths":{"HOST":{}},"credsStore":"fixture"}"#] {
        let server = registry().await;
        let (_directory, config) = with_file(&text.replace("HOST", &server.host()));
        assert_eq!(sent(&server, config).await.as_deref(), Some(BASIC), "{text}");
    }
}

#[tokio::test]
async fn a_helper_that_knows_nothing_leaves_us_without() {
    let server = registry().await;
    let image = ImageRef::parse(&format!("{}/app", server.as_host("localhost"))).unwrap();
    let (_directory, config) = with_file(r#"{"credsStore":"fixture"}"#);
    let detail = refused(&store(config), &image, &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert!(detail.contains("none is known"), "{detail}");
}

#[tokio::test]
async fn a_helper_that_fails_is_an_error_without_its_words() {
    for helper in ["broken", "absent", "../fixture", ""] {
        let server = registry().await;
        let (_directory, config) = with_file(&format!(r#"{{"credHelpers":{{"{}":"{helper}"}}}}"#, server.host()));
        let detail = refused(&store(config), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
        assert!(detail.contains("credential helper") && !detail.contains("hunter2"), "{detail}");
    }
}

#[tokio::test]
async fn a_helper_that_never_answers_ends_at_the_deadline() {
    let server = registry().await;
    let (_directory, config) = with_file(r#"{"credsStore":"silent"}"#);
    let config = config.timeout(Duration::from_millis(50));
    refused(&store(config), &server.image("app"), &by_tag("v1"), StoreErrorKind::DeadlineExceeded).await;
}

#[tokio::test]
async fn a_file_is_read_again_when_the_registry_asks_again() {
    let server = Server::start(|seen| if seen.authorization() == Some(BASIC) { Says::ok(MANIFEST) } else { Says::basic() }).await;
    let (directory, config) = with_file(&format!(r#"{{"auths":{{"{}":{{"auth":"eDp4"}}}}}}"#, server.host()));
    let store = store(config);
    refused(&store, &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    let rotated = format!(r#"{{"auths":{{"{}":{{"auth":"dTpodW50ZXIy"}}}}}}"#, server.host());
    fs::write(directory.path().join("auth.json"), rotated).unwrap();
    bytes(&store, &server.image("app"), &by_tag("v1")).await;
}

#[tokio::test]
async fn what_the_caller_gives_goes_before_every_file() {
    let server = registry().await;
    let (_directory, config) = with_file(&format!(r#"{{"auths":{{"{}/team/app":{{"auth":"eDp4"}}}}}}"#, server.host()));
    assert_eq!(sent(&server, config.credential(server.host(), Credential::basic("u", "hunter2"))).await.as_deref(), Some(BASIC));
}

#[test]
fn an_auth_file_that_cannot_be_read_is_told_at_once_and_not_quoted() {
    let absent = RegistryConfig::default().auth_file("/nonexistent/auth.json");
    assert!(matches!(RegistryStore::new(absent), Err(ConfigError::Unreadable { path, .. }) if path == Path::new("/nonexistent/auth.json")));
    let (_directory, config) = with_file(r#"{"auths":{"a.test":{"auth":"hunter2""#);
    let error = RegistryStore::new(config).unwrap_err().to_string();
    assert!(error.contains("line 1") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn nothing_written_as_null_is_nothing() {
    let server = registry().await;
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"dTpodW50ZXIy"}}}},"credHelpers":null,"credsStore":null}}"#, server.host());
    let (_directory, config) = with_file(&text);
    assert_eq!(sent(&server, config).await.as_deref(), Some(BASIC));
    let (_directory, config) = with_file(r#"{"auths":null,"credsStore":"fixture"}"#);
    assert_eq!(sent(&server, config).await.as_deref(), Some(BASIC));
}
