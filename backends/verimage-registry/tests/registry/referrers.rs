//! The referrers API, its pages, and the fallback tag.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use verimage_core::{Digest, SignatureStore, StoreErrorKind, Want, What};
use verimage_registry::{Credential, RegistryConfig};

use crate::server::{EMPTY_INDEX, INDEX_TYPE, MANIFEST, Says, Server, by_tag, bytes, referrers, refused, store, want};

fn api() -> String {
    format!("/v2/app/referrers/{}", Digest::sha256(MANIFEST))
}

fn fallback() -> String {
    format!("/v2/app/manifests/sha256-{}", Digest::sha256(MANIFEST).hex())
}

#[tokio::test]
async fn the_api_is_one_request() {
    let server = Server::start(|_| Says::ok(EMPTY_INDEX).with("content-type", format!("{INDEX_TYPE}; charset=utf-8"))).await;
    assert_eq!(bytes(&store(RegistryConfig::default()), &server.image("app"), &referrers()).await, EMPTY_INDEX);
    assert_eq!(server.targets(), [api()]);
}

#[tokio::test]
async fn the_artifact_type_is_a_filter() {
    let server = Server::start(|_| Says::index(EMPTY_INDEX)).await;
    let what = What::Referrers { subject: Digest::sha256(MANIFEST), artifact_type: Some("application/vnd.x+json&a=b".to_owned()) };
    bytes(&store(RegistryConfig::default()), &server.image("app"), &want(what)).await;
    assert_eq!(server.targets(), [format!("{}?artifactType=application%2Fvnd.x%2Bjson%26a%3Db", api())]);
}

#[tokio::test]
async fn without_the_api_the_tag_is_asked_and_the_lack_remembered() {
    let server = Server::start(|seen| match seen.target.contains("/referrers/") {
        true => Says::text(404, "404 page not found\n"),
        false => Says::index(EMPTY_INDEX),
    })
    .await;
    let store = store(RegistryConfig::default());
    assert_eq!(bytes(&store, &server.image("app"), &referrers()).await, EMPTY_INDEX);
    assert_eq!(bytes(&store, &server.image("app"), &referrers()).await, EMPTY_INDEX);
    assert_eq!(server.targets(), [api(), fallback(), fallback()]);
}

#[tokio::test]
async fn one_odd_answer_does_not_turn_the_api_off() {
    for odd in [
        || Says::text(400, "no"),
        || Says::text(405, "no"),
        || Says::text(406, "no"),
        || Says::text(200, "no"),
        || Says::error(404, "UNSUPPORTED"),
    ] {
        let turn = AtomicUsize::new(0);
        let server = Server::start(move |seen| match (seen.target.contains("/referrers/"), turn.fetch_add(1, Ordering::SeqCst)) {
            (true, 0) => odd(),
            (true, _) => Says::index(r#"{"manifests":[{}]}"#),
            (false, _) => Says::error(404, "MANIFEST_UNKNOWN"),
        })
        .await;
        let store = store(RegistryConfig::default());
        assert_eq!(store.fetch(&server.image("app"), &referrers()).await.unwrap(), []);
        assert_eq!(bytes(&store, &server.image("app"), &referrers()).await, br#"{"manifests":[{}]}"#);
        assert_eq!(server.targets(), [api(), fallback(), api()]);
    }
}

#[tokio::test]
async fn what_a_redirect_leads_to_does_not_turn_the_api_off() {
    for status in [404, 400, 405, 406, 200] {
        let other = Server::start(move |_| Says::text(status, "404 page not found\n")).await;
        let elsewhere = other.url("/list");
        let server = Server::start(move |_| Says::redirect(&elsewhere)).await;
        let store = store(RegistryConfig::default());
        for _ in 0..2 {
            refused(&store, &server.image("app"), &referrers(), StoreErrorKind::Unavailable).await;
        }
        assert_eq!(server.targets(), [api(), api()], "{status}");
    }
}

#[tokio::test]
async fn the_next_page_is_found_in_every_link_header_or_the_list_is_refused() {
    for link in ["</p?page=2>; REL=\"next\"", "</p?page=2>; rel = next", "</p?page=2>; rel=\"next last\""] {
        let server = Server::start(move |seen| match seen.target.contains("?page=2") {
            false => Says::index("1").with("link", "</p>; rel=\"first\"").with("link", link),
            true => Says::index("2"),
        })
        .await;
        let pages = store(RegistryConfig::default()).fetch(&server.image("app"), &referrers()).await.unwrap();
        assert_eq!(pages.len(), 2, "{link}");
    }
    for link in ["</p?page=\u{e9}>; rel=\"next\"", "</p?page=2; rel=\"next\"", "/p?page=2; rel=next"] {
        let server = Server::start(move |_| Says::index("1").with("link", link)).await;
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &referrers(), StoreErrorKind::Unavailable).await;
        assert!(detail.contains("cannot be read"), "{detail}");
    }
}

#[tokio::test]
async fn an_unknown_repository_is_not_taken_for_a_lack_of_the_api() {
    let server = Server::start(|_| Says::error(404, "NAME_UNKNOWN")).await;
    let store = store(RegistryConfig::default());
    for _ in 0..2 {
        assert_eq!(store.fetch(&server.image("app"), &referrers()).await.unwrap(), []);
    }
    assert_eq!(server.targets(), [api(), fallback(), api(), fallback()]);
}

#[tokio::test]
async fn no_tag_means_no_referrers() {
    let server = Server::start(|_| Says::text(404, "404 page not found\n")).await;
    assert_eq!(store(RegistryConfig::default()).fetch(&server.image("app"), &referrers()).await.unwrap(), []);
    assert_eq!(server.targets(), [api(), fallback()]);
}

#[tokio::test]
async fn an_error_is_never_an_empty_list() {
    for (status, kind) in [
        (401, StoreErrorKind::Unauthorized),
        (403, StoreErrorKind::Unauthorized),
        (429, StoreErrorKind::RateLimited),
        (500, StoreErrorKind::Unavailable),
    ] {
        let at_the_tag = Server::start(move |seen| match seen.target.contains("/referrers/") {
            true => Says::text(404, "404 page not found\n"),
            false => Says::error(status, "DENIED"),
        })
        .await;
        refused(&store(RegistryConfig::default()), &at_the_tag.image("app"), &referrers(), kind).await;
        let at_the_api = Server::start(move |_| Says::error(status, "DENIED")).await;
        refused(&store(RegistryConfig::default()), &at_the_api.image("app"), &referrers(), kind).await;
        assert_eq!(at_the_api.targets().len(), 1);
    }
}

#[tokio::test]
async fn pages_are_followed_on_the_same_host() {
    let server = Server::start(|seen| match seen.target.split_once("?page=") {
        None => Says::index("1").with("link", "<?page=2>; rel=\"next\""),
        Some((_, "2")) => Says::index("2").with("link", format!("<http://{}/p?page=3>; rel=next", seen.header("host").unwrap())),
        Some(_) => Says::index("3").with("link", "</p?page=1>; rel=\"prev\""),
    })
    .await;
    let pages = store(RegistryConfig::default()).fetch(&server.image("app"), &referrers()).await.unwrap();
    let texts: Vec<&str> = pages.iter().map(|page| page.text().unwrap()).collect();
    assert_eq!(texts, ["1", "2", "3"]);
    assert_eq!(server.targets(), [api(), format!("{}?page=2", api()), "/p?page=3".to_owned()]);
}

#[tokio::test]
async fn endless_pages_are_refused() {
    let server = Server::start(|seen| {
        let page: usize = seen.target.split_once("?n=").map_or(0, |(_, page)| page.parse().unwrap());
        Says::index(EMPTY_INDEX).with("link", format!("<?n={}>; rel=\"next\"", page + 1))
    })
    .await;
    let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &referrers(), StoreErrorKind::TooLarge).await;
    assert!(detail.contains("more than 64 pages"), "{detail}");
    assert_eq!(server.targets().len(), 64);
}

#[tokio::test]
async fn the_limit_holds_for_all_pages_together() {
    let turn = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |_| {
        let page = turn.fetch_add(1, Ordering::SeqCst);
        Says::index(vec![b' '; 100]).with("link", format!("<?n={page}>; rel=\"next\""))
    })
    .await;
    for (max_bytes, requests) in [(250, 3), (300, 3), (99, 1)] {
        let before = server.targets().len();
        let want = Want { max_bytes, ..referrers() };
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &want, StoreErrorKind::TooLarge).await;
        assert_eq!(detail, format!("{}/app: more than {max_bytes} bytes", server.host()));
        assert_eq!(server.targets().len() - before, requests);
    }
}

#[tokio::test]
async fn a_page_on_another_host_is_refused() {
    let other = Server::start(|_| Says::index(EMPTY_INDEX)).await;
    for link in [other.url("/p"), format!("http://{}/p", other.as_host("localhost")), "https://127.0.0.1/p".to_owned()] {
        let server = Server::start(move |_| Says::index(EMPTY_INDEX).with("link", format!("<{link}>; rel=\"next\""))).await;
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &referrers(), StoreErrorKind::Unavailable).await;
        assert!(detail.contains("another host"), "{detail}");
    }
    assert!(other.targets().is_empty());
}

#[tokio::test]
async fn a_page_that_a_redirect_target_names_is_refused() {
    // Otherwise its challenge would be taken for the registry's, and answered with the registry's password.
    let other = Server::start(|_| Says::index(EMPTY_INDEX).with("link", "</next>; rel=\"next\"")).await;
    let elsewhere = other.url("/list");
    let server = Server::start(move |_| Says::redirect(&elsewhere)).await;
    let config = RegistryConfig::default().credential(server.host(), Credential::basic("u", "hunter2"));
    refused(&store(config), &server.image("app"), &referrers(), StoreErrorKind::Unavailable).await;
    assert_eq!(other.targets(), ["/list"]);
}

#[tokio::test]
async fn a_later_page_that_fails_fails_the_list() {
    for status in [404, 500, 200] {
        let server = Server::start(move |seen| match seen.target.contains('?') {
            true => Says::text(status, "no"),
            false => Says::index(EMPTY_INDEX).with("link", "<?n=1>; rel=\"next\""),
        })
        .await;
        refused(&store(RegistryConfig::default()), &server.image("app"), &referrers(), StoreErrorKind::Unavailable).await;
    }
}

#[tokio::test]
async fn a_lying_fallback_tag_is_no_list() {
    let server = Server::start(|seen| match seen.target.contains("/referrers/") {
        true => Says::text(404, "404 page not found\n"),
        false => Says::ok("{}").with("docker-content-digest", Digest::sha256(b"x").to_string()),
    })
    .await;
    let store = store(RegistryConfig::default());
    refused(&store, &server.image("app"), &referrers(), StoreErrorKind::Unavailable).await;
    refused(&store, &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
}
