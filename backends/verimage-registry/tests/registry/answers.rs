//! One request for one want, and what each status means.

use std::sync::{Arc, Mutex};

use verimage_core::{Digest, SignatureStore, StoreErrorKind, Want, What};
use verimage_registry::RegistryConfig;

use crate::server::{MANIFEST, Says, Server, blob, by_digest, by_tag, bytes, refused, store, want, want_at};

#[tokio::test]
async fn one_request_for_one_want_and_never_a_ping() {
    let server = Server::start(|_| Says::ok(MANIFEST)).await;
    let (store, digest) = (store(RegistryConfig::default()), Digest::sha256(MANIFEST));
    let image = server.image("team/app:v1");
    let elsewhere = format!("{}/signatures", server.host());
    for want in
        [want(What::Resolve), by_tag("sha256-abc.sig"), by_digest(), blob(MANIFEST), want_at(&elsewhere, What::Manifest(digest.clone()))]
    {
        assert_eq!(bytes(&store, &image, &want).await, MANIFEST);
    }
    let expected = [
        "/v2/team/app/manifests/v1".to_owned(),
        "/v2/team/app/manifests/sha256-abc.sig".to_owned(),
        format!("/v2/team/app/manifests/{digest}"),
        format!("/v2/team/app/blobs/{digest}"),
        format!("/v2/signatures/manifests/{digest}"),
    ];
    assert_eq!(server.targets(), expected);
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.method == "GET" && seen.authorization().is_none() && seen.header("accept-encoding").is_none()));
    let accept = seen[0].header("accept").unwrap();
    for part in ["oci.image.manifest.v1", "oci.image.index.v1", "distribution.manifest.v2", "distribution.manifest.list.v2"] {
        assert!(accept.contains(part), "{accept}");
    }
}

#[tokio::test]
async fn resolves_by_digest_over_tag_and_latest_without_either() {
    let server = Server::start(|_| Says::ok(MANIFEST)).await;
    let store = store(RegistryConfig::default());
    let digest = Digest::sha256(MANIFEST);
    bytes(&store, &server.image("app"), &want(What::Resolve)).await;
    bytes(&store, &server.image(&format!("app:v1@{digest}")), &want(What::Resolve)).await;
    assert_eq!(server.targets(), ["/v2/app/manifests/latest".to_owned(), format!("/v2/app/manifests/{digest}")]);
}

#[tokio::test]
async fn a_tag_that_moves_is_seen_to_move() {
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |_| Says::ok(format!("{{\"turn\":{}}}", turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst)))).await;
    let store = store(RegistryConfig::default());
    assert_eq!(bytes(&store, &server.image("app:v1"), &want(What::Resolve)).await, br#"{"turn":0}"#);
    assert_eq!(bytes(&store, &server.image("app:v1"), &want(What::Resolve)).await, br#"{"turn":1}"#);
}

/// What a tag named is asked again with the head of an answer, and fetched again if it names something else.
#[tokio::test]
async fn a_tag_that_stays_costs_a_head() {
    let manifest = Arc::new(Mutex::new("{}".to_owned()));
    let held = Arc::clone(&manifest);
    let server = Server::start(move |seen| {
        let body = held.lock().unwrap().clone();
        let says = Says::ok(if seen.method == "HEAD" { String::new() } else { body.clone() });
        says.with("docker-content-digest", Digest::sha256(body.as_bytes()).to_string())
    })
    .await;
    let store = store(RegistryConfig::default());
    let image = server.image("app:v1");
    let mut methods = 0;
    let mut asked = async |expected: &str| {
        assert_eq!(bytes(&store, &image, &want(What::Resolve)).await, manifest.lock().unwrap().as_bytes());
        let new: Vec<String> = server.seen().into_iter().skip(methods).map(|seen| seen.method).collect();
        methods += new.len();
        assert_eq!(new.join(" "), expected);
    };
    asked("GET").await;
    asked("HEAD").await;
    *manifest.lock().unwrap() = "{\"moved\":1}".to_owned();
    asked("HEAD GET").await;
    asked("HEAD").await;
}

#[tokio::test]
async fn equal_wants_at_the_same_time_are_fetched_once() {
    let server = Server::start(|_| Says::ok(MANIFEST)).await;
    let (store, image, want) = (store(RegistryConfig::default()), server.image("app:v1"), by_digest());
    let (first, second) = tokio::join!(store.fetch(&image, &want), store.fetch(&image, &want));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn other_places_are_not_asked() {
    let server = Server::start(|_| Says::ok(MANIFEST)).await;
    let store = store(RegistryConfig::default());
    let other = want(What::Other { kind: "k".to_owned(), key: "v".to_owned() });
    for want in [Want::other("lists", "k", "v", 10), other] {
        let detail = refused(&store, &server.image("app"), &want, StoreErrorKind::Unavailable).await;
        assert_eq!(detail, "not a registry question");
    }
    assert!(server.targets().is_empty());
}

#[tokio::test]
async fn each_status_has_its_kind() {
    for (status, kind) in [
        (404, StoreErrorKind::NotFound),
        (401, StoreErrorKind::Unauthorized),
        (403, StoreErrorKind::Unauthorized),
        (429, StoreErrorKind::RateLimited),
        (500, StoreErrorKind::Unavailable),
        (503, StoreErrorKind::Unavailable),
        (204, StoreErrorKind::Unavailable),
        (206, StoreErrorKind::Unavailable),
        (304, StoreErrorKind::Unavailable),
        (400, StoreErrorKind::Unavailable),
    ] {
        let server = Server::start(move |_| Says::error(status, "SOME_CODE")).await;
        let store = store(RegistryConfig::default());
        let detail = refused(&store, &server.image("team/app:v1"), &by_tag("v1"), kind).await;
        assert!(detail.starts_with(&format!("{}/team/app: {status}", server.host())), "{detail}");
        if !matches!(status, 204 | 304) {
            assert!(detail.ends_with(": SOME_CODE: as the test says"), "{detail}");
        }
        assert_eq!(server.targets().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn comes_back_when_told_to() {
    for status in [429, 503] {
        let turn = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |_| match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Says::error(status, "LATER").with("retry-after", "0"),
            1 => Says::error(status, "LATER").with("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            _ => Says::ok(MANIFEST),
        })
        .await;
        assert_eq!(bytes(&store(RegistryConfig::default()), &server.image("app:v1"), &by_tag("v1")).await, MANIFEST);
        assert_eq!(server.targets().len(), 3);
    }
}

#[tokio::test]
async fn does_not_come_back_for_ever_nor_after_the_deadline() {
    for (retry_after, requests) in [("0", 3), ("3600", 1), ("18446744073709551615", 1), ("Fri, 31 Dec 9999 23:59:59 GMT", 1), ("soon", 1)] {
        let server = Server::start(move |_| Says::error(429, "TOOMANYREQUESTS").with("retry-after", retry_after)).await;
        refused(&store(RegistryConfig::default()), &server.image("app:v1"), &by_tag("v1"), StoreErrorKind::RateLimited).await;
        assert_eq!(server.targets().len(), requests, "{retry_after}");
    }
}

#[tokio::test]
async fn details_hold_no_query_no_control_characters_and_no_end() {
    let message = format!("see https://x.test/login?token=hunter2&x=1 \\u001b[31m{}", "y".repeat(1000));
    let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#);
    let server = Server::start(move |_| Says::text(403, &body)).await;
    let store = store(RegistryConfig::default());
    let detail = refused(&store, &server.image("app:v1"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert!(detail.contains("https://x.test/login .[31myyy") && !detail.contains("hunter2"), "{detail}");
    assert!(detail.len() < 300 && !detail.chars().any(char::is_control), "{detail}");
}
