//! registries.conf: mirrors, locations, blocked and insecure registries.

use std::fs;

use tempfile::TempDir;
use verimage_core::{ImageRef, SignatureStore, StoreErrorKind};
use verimage_registry::{ConfigError, Credential, RegistryConfig, RegistryStore};

use crate::server::{EMPTY_INDEX, MANIFEST, Says, Server, by_digest, by_tag, bytes, referrers, refused, store};

fn with_conf(text: &str) -> (TempDir, RegistryConfig) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("registries.conf");
    fs::write(&file, text).unwrap();
    (directory, RegistryConfig::default().registries_conf(file))
}

fn image(name: &str) -> ImageRef {
    ImageRef::parse(name).unwrap()
}

async fn serving() -> Server {
    Server::start(|_| Says::ok(MANIFEST)).await
}

async fn lacking() -> Server {
    Server::start(|_| Says::error(404, "MANIFEST_UNKNOWN")).await
}

#[tokio::test]
async fn a_location_takes_the_place_of_the_longest_prefix() {
    let server = serving().await;
    let host = server.host();
    let text = format!(
        "unqualified-search-registries = [\"docker.io\"]\n\
         [[registry]]\nprefix = \"registry.test\"\nlocation = \"{host}/all\"\n\
         [[registry]]\nprefix = \"registry.test/team\"\nlocation = \"{host}/ours\"\n\
         [[registry]]\nprefix = \"*.wild.test\"\nlocation = \"{host}/wild\"\n\
         [[registry]]\nprefix = \"docker.io\"\nlocation = \"{host}/hub\"\n"
    );
    let (_directory, config) = with_conf(&text);
    let store = store(config);
    for name in ["registry.test/app", "Registry.Test/team/app", "registry.test/teams/app", "a.b.wild.test/x/app", "nginx"] {
        bytes(&store, &image(name), &by_tag("v1")).await;
    }
    let paths = ["all/app", "ours/app", "all/teams/app", "wild/x/app", "hub/library/nginx"];
    assert_eq!(server.targets(), paths.map(|path| format!("/v2/{path}/manifests/v1")));
}

#[tokio::test]
async fn mirrors_are_asked_in_order_and_the_place_itself_last() {
    let (first, second, third) = (lacking().await, serving().await, serving().await);
    let text = format!(
        "[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}/m\"\n[[registry.mirror]]\nlocation = \"{}\"\n",
        third.host(),
        first.host(),
        second.host()
    );
    let (_directory, config) = with_conf(&text);
    let store = store(config);
    assert_eq!(bytes(&store, &third.image("app"), &by_digest()).await, MANIFEST);
    assert_eq!((first.count("/v2/m/app/manifests/sha256:"), second.count("/v2/app/"), third.targets().len()), (1, 1, 0));
}

#[tokio::test]
async fn the_place_itself_has_the_last_word() {
    for mirror in [Says::status as fn(u16) -> Says, |_| Says::endless(), |_| Says::ok("other"), |_| Says::closed()] {
        let (broken, place) = (Server::start(move |_| mirror(500)).await, serving().await);
        let text = format!("[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}\"\n", place.host(), broken.host());
        let (_directory, config) = with_conf(&text);
        assert_eq!(bytes(&store(config), &place.image("app"), &by_digest()).await, MANIFEST);
    }
    let (mirror, place) = (Server::start(|_| Says::status(500)).await, lacking().await);
    let text = format!("[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}\"\n", place.host(), mirror.host());
    let (_directory, config) = with_conf(&text);
    refused(&store(config), &place.image("app"), &by_digest(), StoreErrorKind::NotFound).await;
}

#[tokio::test]
async fn a_mirror_without_referrers_does_not_hide_them() {
    for empty in [true, false] {
        let mirror = Server::start(move |_| if empty { Says::index(EMPTY_INDEX) } else { Says::status(404) }).await;
        let place = Server::start(|_| Says::index(r#"{"manifests":[{}]}"#)).await;
        let text = format!("[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}\"\n", place.host(), mirror.host());
        let (_directory, config) = with_conf(&text);
        assert_eq!(bytes(&store(config), &place.image("app"), &referrers()).await, br#"{"manifests":[{}]}"#);
    }
}

#[tokio::test]
async fn some_mirrors_serve_only_tags_or_only_digests() {
    for (setting, mirrored) in [("digest-only", [0, 1]), ("tag-only", [1, 0]), ("all", [1, 1]), ("", [1, 1])] {
        let (mirror, place) = (serving().await, serving().await);
        let text = format!(
            "[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}\"\npull-from-mirror = \"{setting}\"\n",
            place.host(),
            mirror.host()
        );
        let (_directory, config) = with_conf(&text);
        let store = store(config);
        bytes(&store, &place.image("app"), &by_tag("v1")).await;
        bytes(&store, &place.image("app"), &by_digest()).await;
        assert_eq!([mirror.count("/v2/app/manifests/v1"), mirror.count("/v2/app/manifests/sha256:")], mirrored, "{setting}");
    }
}

#[tokio::test]
async fn credentials_are_those_of_the_mirror() {
    let mirror = Server::start(|seen| if seen.authorization().is_some() { Says::ok(MANIFEST) } else { Says::basic() }).await;
    let text = format!("[[registry]]\nlocation = \"registry.test\"\n[[registry.mirror]]\nlocation = \"{}/cache\"\n", mirror.host());
    let (_directory, config) = with_conf(&text);
    let config = config
        .credential("registry.test", Credential::basic("origin", "secret"))
        .credential(format!("{}/cache", mirror.host()), Credential::basic("u", "hunter2"));
    bytes(&store(config), &image("registry.test/app"), &by_tag("v1")).await;
    assert_eq!(mirror.seen()[1].authorization(), Some("Basic dTpodW50ZXIy"));
}

#[tokio::test]
async fn a_blocked_registry_is_not_asked() {
    let server = serving().await;
    let (_directory, config) = with_conf(&format!("[[registry]]\nprefix = \"{}/bad\"\nblocked = true\n", server.host()));
    let store = store(config);
    let detail = refused(&store, &server.image("bad/app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("blocks"), "{detail}");
    assert!(store.fetch(&server.image("badly/app"), &by_tag("v1")).await.is_ok());
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn an_insecure_registry_may_speak_http_and_that_is_remembered() {
    let server = serving().await;
    let host = server.as_host("registry.test");
    let (_directory, config) = with_conf(&format!("[[registry]]\nlocation = \"{host}\"\ninsecure = true\n"));
    let store = store(config.address("registry.test", "127.0.0.1".parse().unwrap()));
    bytes(&store, &image(&format!("{host}/app")), &by_tag("v1")).await;
    let connections = server.connections();
    bytes(&store, &image(&format!("{host}/app")), &by_tag("v2")).await;
    assert_eq!(server.count("/v2/app/manifests/"), 2);
    assert_eq!(connections, server.connections());
}

#[tokio::test]
async fn a_plain_http_registry_is_listed_by_host_with_or_without_port() {
    let server = serving().await;
    let host = server.as_host("registry.test");
    for listed in ["registry.test", &host] {
        let config = RegistryConfig::default().plain_http(listed).address("registry.test", "127.0.0.1".parse().unwrap());
        bytes(&store(config), &image(&format!("{host}/app")), &by_tag("v1")).await;
    }
    assert_eq!(server.targets().len(), 2);
}

#[tokio::test]
async fn a_location_that_is_no_repository_is_an_error() {
    let (_directory, config) = with_conf("[[registry]]\nprefix = \"registry.test\"\nlocation = \"UPPER/\"\n");
    refused(&store(config), &image("registry.test/app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
}

#[test]
fn a_file_that_is_not_understood_is_told_at_once() {
    for bad in [
        "[[registry]]\nprefix = 1\n",
        "[[registry]]\n",
        "[[registry]]\nprefix = \"a.test/app:v1\"\n",
        "[[registry]]\nprefix = \"a.*.test\"\n",
        "[[registry]]\nprefix = \"a.test\"\n[[registry.mirror]]\nlocation = \"b.test\"\npull-from-mirror = \"never\"\n",
        "[registries.insecure]\nregistries = [\"a.test\"]\n",
        "[[registry",
    ] {
        let (_directory, config) = with_conf(bad);
        assert!(matches!(RegistryStore::new(config), Err(ConfigError::Malformed { .. })), "{bad}");
    }
    let absent = RegistryConfig::default().registries_conf("/nonexistent/registries.conf");
    assert!(matches!(RegistryStore::new(absent), Err(ConfigError::Unreadable { .. })));
}
