//! `https://`, spoken as http with this machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use verimage::keys::HttpsKeys;
use verimage::{Code, KeyReference, KeyResolvers};

use crate::server::{Says, Server};
use crate::{STATUSES, pem, resolve};

#[tokio::test]
async fn a_key_is_what_the_address_has() {
    let server = Server::start(|_| Says::Body(pem("p256"))).await;
    let key = resolve(&HttpsKeys::new(), &server.url("/team/cosign.pub?version=2")).await.unwrap();
    assert_eq!((key, server.targets()), (pem("p256").into_bytes(), vec!["/team/cosign.pub?version=2".to_owned()]));
    assert_eq!(server.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn every_refusal_has_its_code_and_shows_no_query() {
    for (status, code) in STATUSES {
        let server = Server::start(move |_| Says::Status(status)).await;
        let refused = resolve(&HttpsKeys::new(), &server.url("/k?token=secret")).await.unwrap_err();
        assert_eq!(refused.code, code, "{status}: {refused}");
        assert!(refused.message.contains("/k:") && !refused.message.contains("secret"), "{refused}");
    }
    let unused = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let refused = resolve(&HttpsKeys::new(), &format!("http://127.0.0.1:{unused}/k")).await.unwrap_err();
    assert_eq!(refused.code, Code::StoreUnavailable);
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    for endless in [false, true] {
        let server = Server::start(move |_| if endless { Says::Endless } else { Says::Announcement((1 << 20) + 1) }).await;
        let refused = tokio::time::timeout(Duration::from_secs(20), resolve(&HttpsKeys::new(), &server.url("/k"))).await.unwrap();
        assert_eq!(refused.as_ref().unwrap_err().code, Code::PolicyInvalid, "{refused:?}");
        assert!(refused.unwrap_err().message.contains("1048576 bytes"));
    }
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let server = Server::start(|_| Says::Silence).await;
    let resolvers = KeyResolvers::none().with(Arc::new(HttpsKeys::new())).timeout(Duration::from_millis(200));
    let begun = Instant::now();
    let refused = resolvers.resolve(&KeyReference::parse(&server.url("/k")).unwrap()).await.unwrap_err();
    assert_eq!(refused.code, Code::StoreUnavailable);
    assert!(refused.message.contains("200ms") && begun.elapsed() < Duration::from_secs(5), "{refused}");
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_fourth() {
    let key = Server::start(|_| Says::Body(pem("p256"))).await;
    let first = Server::redirecting(key.url("/k")).await;
    let second = Server::redirecting(first.url("/1")).await;
    let third = Server::redirecting(second.url("/2")).await;
    let fourth = Server::redirecting(third.url("/3")).await;
    assert_eq!(resolve(&HttpsKeys::new(), &third.url("/3")).await.unwrap(), pem("p256").into_bytes());
    let refused = resolve(&HttpsKeys::new(), &fourth.url("/4")).await.unwrap_err();
    assert!(refused.code == Code::StoreUnavailable && refused.message.contains("more than 3 redirects"), "{refused}");
    assert_eq!(key.seen().len(), 1);
}

#[tokio::test]
async fn redirects_lead_nowhere_but_to_keys() {
    for to in [
        "http://169.254.169.254/latest",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/k",
        "https://[fe80::1]/k",
        "http://keys.example/k",
        "file:///etc/passwd",
        "https://user:secret@127.0.0.1/k",
        "http://[",
    ] {
        let server = Server::redirecting(to.to_owned()).await;
        let refused = resolve(&HttpsKeys::new(), &server.url("/k")).await.unwrap_err();
        let by_rule = ["leads away", "leads nowhere", "a user name", "never asked"].iter().any(|rule| refused.message.contains(rule));
        assert!(by_rule && !refused.message.contains("secret"), "{to}: {refused}");
    }
}

#[tokio::test]
async fn some_addresses_are_never_asked() {
    for address in [
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]/k",
        "https://[::ffff:169.254.169.254]/k",
        "https://0xa9fea9fe/k",
        "https://0.0.0.0/k",
        "http://10.0.0.1/k",
        "http://keys.example/k",
        "https:///",
    ] {
        let refused = resolve(&HttpsKeys::new(), address).await.unwrap_err();
        assert_eq!(refused.code, Code::PolicyInvalid, "{address}: {refused}");
    }
}
