//! The signature extension of OpenShift's and IBM's registries (simple signing specification, section 3.3).

use verimage_core::{Digest, Place, SignatureStore, StoreErrorKind, Want, What};
use verimage_registry::{Credential, RegistryConfig};

use crate::server::{MANIFEST, Says, Server, bytes, refused, store, want};

const LIST: &str = r#"{"signatures":[]}"#;

fn list() -> Want {
    want(What::SignatureList(Digest::sha256(MANIFEST)))
}

fn with_extension(says: Says) -> Says {
    says.with("X-Registry-Supports-Signatures", "1")
}

#[tokio::test]
async fn the_list_is_asked_for_where_the_registry_has_one() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/v2/" => with_extension(Says::basic()),
        _ if seen.authorization().is_none() => Says::basic(),
        _ => Says::ok(LIST),
    })
    .await;
    let config = RegistryConfig::default().credential(server.host(), Credential::basic("reader", "secret"));
    let store = store(config);
    assert_eq!(bytes(&store, &server.image("team/app:v1"), &list()).await, LIST.as_bytes());
    let digest = Digest::sha256(MANIFEST);
    let path = format!("/extensions/v2/team/app/signatures/{digest}");
    assert_eq!(server.targets(), ["/v2/".to_owned(), path.clone(), path]);
    assert!(server.seen()[0].authorization().is_none(), "nobody is shown who we are before it matters");
}

/// One question tells it for all images of the host.
#[tokio::test]
async fn a_registry_without_the_extension_is_remembered() {
    for (answer, other) in [(200, "0"), (200, "true"), (401, ""), (404, "")] {
        let server = Server::start(move |_| Says::status(answer).with("X-Registry-Supports-Signatures", other)).await;
        let store = store(RegistryConfig::default());
        for image in ["team/app:v1", "team/other:v1"] {
            refused(&store, &server.image(image), &list(), StoreErrorKind::NotFound).await;
        }
        assert_eq!(server.targets(), ["/v2/"], "{answer} {other}");
    }
}

/// A registry that cannot say whether it has the extension is no registry without it.
#[tokio::test]
async fn trouble_is_not_absence() {
    for status in [403, 429, 500, 503] {
        let server = Server::start(move |_| Says::status(status)).await;
        let store = store(RegistryConfig::default());
        let error = store.fetch(&server.image("app:v1"), &list()).await.unwrap_err();
        assert_ne!(error.kind, StoreErrorKind::NotFound, "{status}");
    }
    for status in [204, 403, 404, 500] {
        let server = Server::start(move |seen| match seen.target.as_str() {
            "/v2/" => with_extension(Says::status(200)),
            _ => Says::status(status),
        })
        .await;
        let store = store(RegistryConfig::default());
        let error = store.fetch(&server.image("app:v1"), &list()).await.unwrap_err();
        assert_ne!(error.kind, StoreErrorKind::NotFound, "{status}");
    }
}

#[tokio::test]
async fn a_policy_may_name_the_registry() {
    let server = Server::start(|seen| if seen.target == "/v2/" { with_extension(Says::status(200)) } else { Says::ok(LIST) }).await;
    let store = store(RegistryConfig::default());
    let place = Place::Store(format!("http://{}", server.host()));
    let image = "mirror.example/team/app:v1".parse().unwrap();
    assert_eq!(store.fetch(&image, &Want { place, ..list() }).await.unwrap()[0].bytes().as_ref(), LIST.as_bytes());
    for address in ["ftp://registry.example", "http://registry.example/path", "registry.example"] {
        let place = Place::Store(address.to_owned());
        assert!(store.fetch(&image, &Want { place, ..list() }).await.is_err(), "{address}");
    }
}
