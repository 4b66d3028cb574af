//! Where remote data may send us: SSRF through token realms, redirects and names.

use std::net::IpAddr;

use verimage_core::{ImageRef, StoreErrorKind};
use verimage_registry::RegistryConfig;

use crate::server::{MANIFEST, Says, Server, by_tag, bytes, refused, store};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn a_realm_at_the_metadata_service_is_refused() {
    for realm in [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://100.100.100.200/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "https://192.168.1.1/",
    ] {
        let server = Server::start(move |_| Says::bearer(realm)).await;
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
        assert!(detail.contains("must not be sent"), "{detail}");
        assert_eq!(server.targets().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_to_the_metadata_service_is_refused() {
    for target in ["http://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "http://10.0.0.1/x"] {
        let server = Server::start(move |_| Says::redirect(target)).await;
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
        assert!(detail.contains("must not be sent"), "{detail}");
        assert_eq!(server.targets().len(), 1);
    }
}

#[tokio::test]
async fn a_name_is_judged_by_the_address_that_it_has() {
    for address in ["169.254.169.254", "10.0.0.1", "::ffff:169.254.169.254", "fe80::1"] {
        let server = Server::start(move |seen| match seen.target.contains("redirect") {
            true => Says::redirect("http://inside.test/x"),
            false => Says::bearer("http://inside.test/token"),
        })
        .await;
        let store = store(RegistryConfig::default().address("inside.test", address.parse().unwrap()));
        for tag in ["redirect", "realm"] {
            let detail = refused(&store, &server.image("app"), &by_tag(tag), StoreErrorKind::Unavailable).await;
            assert!(detail.contains("where this request must not go"), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_link_local_registry_is_not_asked_even_by_name() {
    let image = ImageRef::parse("169.254.169.254/latest").unwrap();
    refused(&store(RegistryConfig::default()), &image, &by_tag("v1"), StoreErrorKind::Unavailable).await;
    let image = ImageRef::parse("inside.test/latest").unwrap();
    let config = RegistryConfig::default().plain_http("inside.test").address("inside.test", "169.254.169.254".parse().unwrap());
    let detail = refused(&store(config), &image, &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("where this request must not go"), "{detail}");
}

#[tokio::test]
async fn a_loopback_registry_may_name_loopback() {
    let storage = Server::start(|_| Says::ok(MANIFEST)).await;
    let to = format!("http://{}/x", storage.as_host("inside.test"));
    let server = Server::start(move |_| Says::redirect(&to)).await;
    let store = store(RegistryConfig::default().address("inside.test", LOOPBACK));
    assert_eq!(bytes(&store, &server.image("app"), &by_tag("v1")).await, MANIFEST);
}

#[tokio::test]
async fn a_host_that_the_caller_allowed_may_be_anywhere_but_link_local() {
    let server = Server::start(|_| Says::redirect("http://169.254.169.254/")).await;
    let config = RegistryConfig::default().allow_private("169.254.169.254");
    let detail = refused(&store(config), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("must not be sent"), "{detail}");
}

#[tokio::test]
async fn names_are_folded_only_to_connect() {
    let server = Server::start(|_| Says::ok(MANIFEST)).await;
    let image = ImageRef::parse(&format!("{}/app", server.as_host("Registry.Test"))).unwrap();
    let config = RegistryConfig::default().plain_http("REGISTRY.test").address("registry.TEST", LOOPBACK);
    assert_eq!(bytes(&store(config), &image, &by_tag("v1")).await, MANIFEST);
}

#[tokio::test]
async fn a_proxy_is_used_but_not_for_loopback() {
    let proxy = Server::start(|_| Says::ok(MANIFEST)).await;
    let direct = Server::start(|_| Says::ok(MANIFEST)).await;
    let settings = verimage_registry::Proxy { http: Some(proxy.url("")), https: None, except: "direct.test".to_owned() };
    let config =
        RegistryConfig::default().proxy(settings).plain_http("registry.test").plain_http("direct.test").address("direct.test", LOOPBACK);
    let store = store(config);
    bytes(&store, &ImageRef::parse("registry.test/app").unwrap(), &by_tag("v1")).await;
    bytes(&store, &ImageRef::parse(&format!("{}/app", direct.as_host("direct.test"))).unwrap(), &by_tag("v1")).await;
    bytes(&store, &direct.image("app"), &by_tag("v1")).await;
    assert_eq!(proxy.targets(), ["http://registry.test/v2/app/manifests/v1"]);
    assert_eq!(direct.targets().len(), 2);
}

/// A registry that is reached through a proxy counts as a public one.
async fn public_registry(answer: impl Fn() -> Says + Send + Sync + 'static) -> (Server, RegistryConfig) {
    let proxy = Server::start(move |_| answer()).await;
    let settings = verimage_registry::Proxy { http: Some(proxy.url("")), https: None, except: "inside.test".to_owned() };
    (proxy, RegistryConfig::default().proxy(settings).plain_http("registry.test").address("inside.test", LOOPBACK))
}

#[tokio::test]
async fn a_public_registry_must_not_name_loopback() {
    let inside = Server::start(|_| Says::ok(MANIFEST)).await;
    for (host, why) in [(inside.host(), "must not be sent"), (inside.as_host("inside.test"), "where this request must not go")] {
        for says in [Says::bearer as fn(String) -> Says, Says::redirect] {
            let target = format!("http://{host}/x");
            let (_proxy, config) = public_registry(move || says(target.clone())).await;
            let image = ImageRef::parse("registry.test/app").unwrap();
            let detail = refused(&store(config), &image, &by_tag("v1"), StoreErrorKind::Unavailable).await;
            assert!(detail.contains(why), "{detail}");
        }
    }
    assert!(inside.targets().is_empty());
}

#[tokio::test]
async fn a_public_registry_may_name_what_the_caller_allowed() {
    let inside = Server::start(|_| Says::ok(MANIFEST)).await;
    for host in [inside.host(), inside.as_host("inside.test")] {
        let target = format!("http://{host}/x");
        let (_proxy, config) = public_registry(move || Says::redirect(&target)).await;
        let image = ImageRef::parse("registry.test/app").unwrap();
        assert_eq!(bytes(&store(config.allow_private(host)), &image, &by_tag("v1")).await, MANIFEST);
    }
}
