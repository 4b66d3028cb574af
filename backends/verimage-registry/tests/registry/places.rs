//! registries.conf: mirrors, locations, blocked and insecure registries.

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use verimage_core::{ImageRef, SignatureStore, StoreErrorKind};
use verimage_registry::{ConfigError, Credential, RegistryConfig, RegistryStore};

use crate::server::{EMPTY_INDEX, MANIFEST, Says, Server, blob, by_digest, by_tag, bytes, referrers, refused, store};

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
    let (_directory, config) = with_conf("[[registry]]\nprefix = \"registry.test\"\nlocation = \"a.test/UPPER\"\n");
    refused(&store(config), &image("registry.test/app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
}

#[test]
fn a_file_that_is_not_understood_is_told_at_once() {
    for bad in [
        "[[registry]]\nprefix = 1\n",
        "[[registry]]\n",
        "[[registry]]\nprefix = \"a.test/app:v1\"\n",
        "[[registry]]\nprefix = \"a.*.test\"\n",
        "[[registry]]\nprefix = \"https://a.test\"\n",
        "[[registry]]\nprefix = \"/\"\n",
        "[[registry]]\nprefix = \"a.test\"\nlocation = \"https://b.test\"\n",
        "[[registry]]\nprefix = \"a.test\"\n[[registry.mirror]]\nlocation = \"http://b.test\"\n",
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

/// `place` with mirrors in front of it.
fn mirrored(place: &Server, mirrors: &[&Server]) -> (TempDir, RegistryConfig) {
    let mirrors: String = mirrors.iter().map(|mirror| format!("[[registry.mirror]]\nlocation = \"{}\"\n", mirror.host())).collect();
    with_conf(&format!("[[registry]]\nlocation = \"{}\"\n{mirrors}", place.host()))
}

async fn listing(text: &'static str) -> Server {
    Server::start(move |_| Says::index(text)).await
}

#[tokio::test]
async fn referrers_are_those_of_all_places() {
    let (first, second) = (listing(r#"{"manifests":[1]}"#).await, listing(r#"{"manifests":[2]}"#).await);
    let place = listing(r#"{"manifests":[2]}"#).await;
    let (_directory, config) = mirrored(&place, &[&first, &second]);
    let pages = store(config).fetch(&place.image("app"), &referrers()).await.unwrap();
    let texts: Vec<&str> = pages.iter().map(|page| page.text().unwrap()).collect();
    assert_eq!(texts, [r#"{"manifests":[2]}"#, r#"{"manifests":[1]}"#]);
}

#[tokio::test]
async fn a_mirror_alone_cannot_say_what_refers_to_an_image() {
    let mirror = listing(r#"{"manifests":[1]}"#).await;
    for says in [|| Says::status(500), Says::closed, || Says::status(404)] {
        let place = Server::start(move |seen| if seen.target.contains("/referrers/") { says() } else { Says::status(503) }).await;
        let (_directory, config) = mirrored(&place, &[&mirror]);
        refused(&store(config), &place.image("app"), &referrers(), StoreErrorKind::Unavailable).await;
    }
}

#[tokio::test]
async fn what_a_mirror_lists_too_much_is_left_out() {
    let mirror = Server::start(|_| Says::index(format!(r#"{{"manifests":[1{}]}}"#, " ".repeat(1 << 16)))).await;
    let place = listing(r#"{"manifests":[2]}"#).await;
    let (_directory, config) = mirrored(&place, &[&mirror]);
    assert_eq!(bytes(&store(config), &place.image("app"), &referrers()).await, br#"{"manifests":[2]}"#);
}

#[tokio::test]
async fn silent_mirrors_leave_time_for_the_place_itself() {
    let (first, second) = (Server::start(|_| Says::silence()).await, Server::start(|_| Says::silence()).await);
    let place = Server::start(|seen| match seen.target.contains("/referrers/") {
        true => Says::index(r#"{"manifests":[2]}"#),
        false => Says::ok(MANIFEST),
    })
    .await;
    let (_directory, config) = mirrored(&place, &[&first, &second]);
    let store = store(config.timeout(Duration::from_millis(900)));
    for want in [by_tag("v1"), by_digest(), blob(MANIFEST)] {
        assert_eq!(bytes(&store, &place.image("app"), &want).await, MANIFEST);
    }
    assert_eq!(bytes(&store, &place.image("app"), &referrers()).await, br#"{"manifests":[2]}"#);
    assert_eq!((first.targets().len(), second.targets().len()), (4, 4));
}

#[tokio::test]
async fn a_tag_that_names_a_digest_is_asked_of_mirrors_for_digests() {
    let hex = "0123456789abcdef".repeat(4);
    for (tag, asked) in [
        (format!("sha256-{hex}"), [1, 1, 0]),
        (format!("sha256-{hex}.sig"), [1, 1, 0]),
        (format!("sha256-{hex}x"), [0, 0, 1]),
        ("sha256-0123.sig".to_owned(), [0, 0, 1]),
        ("v1".to_owned(), [0, 0, 1]),
    ] {
        let settings = [
            "mirror-by-digest-only = true\nMIRROR",
            "MIRRORpull-from-mirror = \"digest-only\"\n",
            "MIRRORpull-from-mirror = \"tag-only\"\n",
        ];
        for (setting, asked) in settings.into_iter().zip(asked) {
            let (mirror, place) = (serving().await, serving().await);
            let entry = format!("[[registry.mirror]]\nlocation = \"{}\"\n", mirror.host());
            let (_directory, config) =
                with_conf(&format!("[[registry]]\nlocation = \"{}\"\n{}", place.host(), setting.replace("MIRROR", &entry)));
            bytes(&store(config), &place.image("app"), &by_tag(&tag)).await;
            assert_eq!(mirror.targets().len(), asked, "{tag} {setting}");
        }
    }
}

#[tokio::test]
async fn a_slash_at_the_end_is_no_part_of_a_place() {
    let (mirror, place) = (lacking().await, serving().await);
    let text = format!(
        "[[registry]]\nprefix = \"registry.test/team/\"\nlocation = \"{}/\"\n[[registry.mirror]]\nlocation = \"{}/m/\"\n",
        place.host(),
        mirror.host()
    );
    let (_directory, config) = with_conf(&text);
    bytes(&store(config), &image("registry.test/team/app"), &by_tag("v1")).await;
    assert_eq!((mirror.targets(), place.targets()), (vec!["/v2/m/app/manifests/v1".to_owned()], vec!["/v2/app/manifests/v1".to_owned()]));
}
