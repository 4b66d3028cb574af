//! Bodies that lie about their length, their digest or their end.

use std::time::{Duration, Instant};

use verimage_core::{Digest, StoreErrorKind, Want, What};
use verimage_registry::RegistryConfig;

use crate::server::{MANIFEST, Says, Server, blob, by_digest, by_tag, bytes, refused, store, want};

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_unread() {
    let server = Server::start(|_| Says::cut(1 << 40, b"x")).await;
    let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::TooLarge).await;
    assert_eq!(detail, format!("{}/app: more than 65536 bytes", server.host()));
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let server = Server::start(|_| Says::endless()).await;
    for want in [by_tag("v1"), by_digest(), blob(b"x"), want(What::Resolve)] {
        refused(&store(RegistryConfig::default()), &server.image("app"), &want, StoreErrorKind::TooLarge).await;
    }
}

#[tokio::test]
async fn the_limit_itself_is_allowed() {
    let server = Server::start(|_| Says::ok(MANIFEST)).await;
    let (store, length) = (store(RegistryConfig::default()), MANIFEST.len() as u64);
    assert_eq!(bytes(&store, &server.image("app"), &Want { max_bytes: length, ..by_digest() }).await, MANIFEST);
    let short = Want { max_bytes: length - 1, ..by_digest() };
    refused(&store, &server.image("app"), &short, StoreErrorKind::TooLarge).await;
}

#[tokio::test]
async fn a_truncated_body_is_no_body() {
    let server = Server::start(|_| Says::cut(100, MANIFEST)).await;
    let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("broke off"), "{detail}");
}

#[tokio::test]
async fn a_length_too_short_does_not_pass_as_the_content() {
    let server = Server::start(|_| Says::cut(5, MANIFEST)).await;
    refused(&store(RegistryConfig::default()), &server.image("app"), &by_digest(), StoreErrorKind::Unavailable).await;
}

#[tokio::test]
async fn a_connection_that_closes_is_unavailable() {
    let server = Server::start(|_| Says::closed()).await;
    refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    // Port 1 of loopback: nobody listens there.
    let image = verimage_core::ImageRef::parse("127.0.0.1:1/app").unwrap();
    let detail = refused(&store(RegistryConfig::default()), &image, &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("cannot connect"), "{detail}");
}

#[tokio::test]
async fn what_was_asked_for_by_digest_is_hashed_again() {
    let digest = Digest::sha256(MANIFEST).to_string();
    let server = Server::start(move |_| Says::ok("{}").with("docker-content-digest", &digest)).await;
    for want in [by_digest(), blob(MANIFEST)] {
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &want, StoreErrorKind::Unavailable).await;
        assert!(detail.contains("digest mismatch"), "{detail}");
    }
}

#[tokio::test]
async fn a_tag_whose_header_lies_is_unavailable() {
    let lie = Digest::sha256(b"other").to_string();
    let server = Server::start(move |_| Says::ok(MANIFEST).with("docker-content-digest", &lie)).await;
    for want in [by_tag("v1"), want(What::Resolve)] {
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &want, StoreErrorKind::Unavailable).await;
        assert!(detail.contains("digest mismatch"), "{detail}");
    }
}

#[tokio::test]
async fn a_header_that_is_no_digest_says_nothing() {
    for header in ["md5:abc", "sha256:../../x", ""] {
        let server = Server::start(move |_| Says::ok(MANIFEST).with("docker-content-digest", header)).await;
        assert_eq!(bytes(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1")).await, MANIFEST);
    }
}

#[tokio::test]
async fn nothing_is_decompressed() {
    let server = Server::start(|_| Says::ok(MANIFEST).with("content-encoding", "gzip")).await;
    refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
    let server = Server::start(|_| Says::ok(MANIFEST).with("content-encoding", "identity")).await;
    assert_eq!(bytes(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1")).await, MANIFEST);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let server = Server::start(|_| Says::silence()).await;
    let short = RegistryConfig::default().timeout(Duration::from_millis(20));
    refused(&store(short), &server.image("app"), &by_tag("v1"), StoreErrorKind::DeadlineExceeded).await;
    let over = RegistryConfig::default().deadline(Instant::now());
    refused(&store(over), &server.image("app"), &by_tag("v1"), StoreErrorKind::DeadlineExceeded).await;
}

#[tokio::test]
async fn one_host_gets_few_requests_at_a_time() {
    // The first request is never answered, so with one place on the host the second is never sent.
    let server = Server::start(|_| Says::silence()).await;
    let config = RegistryConfig::default().requests_per_host(1).timeout(Duration::from_millis(50));
    let (store, image) = (store(config), server.image("app"));
    let kind = StoreErrorKind::DeadlineExceeded;
    let (first, second) = (by_tag("v1"), by_tag("v2"));
    tokio::join!(refused(&store, &image, &first, kind), refused(&store, &image, &second, kind));
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn connections_are_kept() {
    // An error body that is read to its end keeps its connection, too.
    let server =
        Server::start(|seen| if seen.target.ends_with("v1") { Says::error(404, "MANIFEST_UNKNOWN") } else { Says::ok(MANIFEST) }).await;
    let store = store(RegistryConfig::default());
    refused(&store, &server.image("app"), &by_tag("v1"), StoreErrorKind::NotFound).await;
    bytes(&store, &server.image("app"), &by_tag("v2")).await;
    bytes(&store, &server.image("app"), &by_digest()).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn any_amount_of_time_may_be_given() {
    // Whoever has no time left does not come back.
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |_| match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Says::status(429).with("retry-after", "0"),
        _ => Says::ok(MANIFEST),
    })
    .await;
    let store = store(RegistryConfig::default().timeout(Duration::MAX));
    assert_eq!(bytes(&store, &server.image("app"), &by_tag("v1")).await, MANIFEST);
}
