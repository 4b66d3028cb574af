//! Redirects: followed a little, with nothing in the hand.

use verimage_core::StoreErrorKind;
use verimage_registry::{Credential, RegistryConfig};

use crate::server::{MANIFEST, Says, Server, blob, by_digest, by_tag, bytes, refused, store};

fn with_password(server: &Server) -> RegistryConfig {
    RegistryConfig::default().credential(server.host(), Credential::basic("u", "hunter2"))
}

/// A registry that knows us only by password and then sends us on.
async fn redirecting(to: String) -> Server {
    Server::start(move |seen| if seen.authorization().is_some() { Says::redirect(&to) } else { Says::basic() }).await
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_port() {
    let storage = Server::start(|_| Says::ok(MANIFEST)).await;
    let server = redirecting(storage.url("/storage?signature=secret")).await;
    assert_eq!(bytes(&store(with_password(&server)), &server.image("app"), &blob(MANIFEST)).await, MANIFEST);
    assert_eq!(server.targets().len(), 2);
    assert_eq!(storage.targets(), ["/storage?signature=secret"]);
    assert_eq!(storage.seen()[0].authorization(), None);
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_name() {
    let storage = Server::start(|_| Says::ok(MANIFEST)).await;
    let server = redirecting(format!("http://{}/storage", storage.as_host("localhost"))).await;
    assert_eq!(bytes(&store(with_password(&server)), &server.image("app"), &by_tag("v1")).await, MANIFEST);
    assert_eq!(storage.seen()[0].authorization(), None);
}

#[tokio::test]
async fn credentials_stay_on_the_same_server_and_do_not_come_back_later() {
    let server = Server::start(|seen| match (seen.target.as_str(), seen.authorization()) {
        (_, None) => Says::basic(),
        ("/here", Some(_)) => Says::ok(MANIFEST),
        _ => Says::redirect("/here"),
    })
    .await;
    assert_eq!(bytes(&store(with_password(&server)), &server.image("app"), &by_tag("v1")).await, MANIFEST);

    let detour = Server::start(|seen| Says::redirect(format!("http://{}/back", seen.target.trim_start_matches("/to/")))).await;
    let there = detour.url("/to/");
    let server = Server::start(move |seen| match (seen.target.as_str(), seen.authorization()) {
        ("/back", _) => Says::ok(MANIFEST),
        (_, None) => Says::basic(),
        _ => Says::redirect(format!("{there}{}", seen.header("host").unwrap())),
    })
    .await;
    assert_eq!(bytes(&store(with_password(&server)), &server.image("app"), &by_tag("v1")).await, MANIFEST);
    assert_eq!(server.seen().last().unwrap().authorization(), None);
}

#[tokio::test]
async fn a_challenge_from_behind_a_redirect_is_not_answered() {
    let storage = Server::start(|_| Says::basic()).await;
    let elsewhere = storage.url("/storage");
    let server = Server::start(move |_| Says::redirect(&elsewhere)).await;
    let config = with_password(&server).credential(storage.host(), Credential::basic("v", "other"));
    refused(&store(config), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert_eq!((server.targets().len(), storage.targets().len()), (1, 1));
}

#[tokio::test]
async fn three_redirects_and_no_more() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/1" => Says::redirect("/2"),
        "/2" => Says::redirect("/3"),
        "/3" => Says::ok(MANIFEST),
        _ => Says::redirect("/1"),
    })
    .await;
    assert_eq!(bytes(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1")).await, MANIFEST);
    let server = Server::start(|_| Says::redirect("/loop")).await;
    let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::TooLarge).await;
    assert!(detail.contains("more than 3 redirects"), "{detail}");
    assert_eq!(server.targets().len(), 4);
}

#[tokio::test]
async fn what_came_by_redirect_is_hashed_and_bounded_and_has_its_status() {
    for (says, kind) in [
        ("other", StoreErrorKind::Unavailable),
        ("endless", StoreErrorKind::TooLarge),
        ("missing", StoreErrorKind::Unavailable),
        ("UNSUPPORTED", StoreErrorKind::Unavailable),
        ("MANIFEST_UNKNOWN", StoreErrorKind::NotFound),
        ("NAME_UNKNOWN", StoreErrorKind::NotFound),
        ("BLOB_UNKNOWN", StoreErrorKind::NotFound),
        ("denied", StoreErrorKind::Unauthorized),
    ] {
        let storage = Server::start(move |_| match says {
            "other" => Says::ok("other"),
            "endless" => Says::endless(),
            "missing" => Says::status(404),
            "denied" => Says::status(403),
            code => Says::error(404, code),
        })
        .await;
        let to = storage.url("/x?signature=hunter2");
        let server = Server::start(move |_| Says::redirect(&to)).await;
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_digest(), kind).await;
        assert!(!detail.contains("hunter2"), "{detail}");
    }
}

#[tokio::test]
async fn a_404_at_the_end_of_a_detour_is_no_word_of_the_registry() {
    let detour = Server::start(|seen| Says::redirect(format!("http://{}/back", seen.target.trim_start_matches("/to/")))).await;
    let there = detour.url("/to/");
    let server = Server::start(move |seen| match seen.target.as_str() {
        "/back" => Says::status(404),
        _ => Says::redirect(format!("{there}{}", seen.header("host").unwrap())),
    })
    .await;
    refused(&store(RegistryConfig::default()), &server.image("app"), &by_digest(), StoreErrorKind::Unavailable).await;
    let server = Server::start(|seen| if seen.target == "/here" { Says::status(404) } else { Says::redirect("/here") }).await;
    refused(&store(RegistryConfig::default()), &server.image("app"), &by_digest(), StoreErrorKind::NotFound).await;
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_refused() {
    for target in ["http://[", "file:///etc/passwd", "ftp://127.0.0.1/", "http://u:p@127.0.0.1/", "data:,x"] {
        let server = Server::start(move |_| Says::redirect(target)).await;
        refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
        assert_eq!(server.targets().len(), 1, "{target}");
    }
    let server = Server::start(|_| Says::status(302)).await;
    refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
}
