//! https: authorities, client certificates, and nothing that leads away from it.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use verimage_core::{ImageRef, StoreErrorKind};
use verimage_registry::{Credential, RegistryConfig};

use crate::server::{MANIFEST, Says, Seen, Server, by_tag, bytes, refused, store};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    fn acceptor(&self, wants_client: bool) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let names = ["registry.test", "auth.registry.test", "127.0.0.1"].map(str::to_owned);
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let builder = ServerConfig::builder();
        let builder = if wants_client {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()))
    }

    async fn server(&self, handler: impl Fn(&Seen) -> Says + Send + Sync + 'static) -> Server {
        Server::start_tls(self.acceptor(false), handler).await
    }

    fn config(&self) -> RegistryConfig {
        RegistryConfig::default().ca_file(self.file()).address("registry.test", LOOPBACK).address("auth.registry.test", LOOPBACK)
    }
}

fn image(server: &Server) -> ImageRef {
    ImageRef::parse(&format!("{}/app", server.as_host("registry.test"))).unwrap()
}

#[tokio::test]
async fn an_authority_from_a_file_is_trusted() {
    let authority = Authority::new();
    let server = authority.server(|_| Says::ok(MANIFEST)).await;
    let store = store(authority.config());
    assert_eq!(bytes(&store, &image(&server), &by_tag("v1")).await, MANIFEST);
    // With an authority of one's own, loopback is tried with https, too.
    assert_eq!(bytes(&store, &server.image("app"), &by_tag("v1")).await, MANIFEST);
    assert_eq!(server.targets().len(), 2);
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted_and_http_is_not_tried() {
    let server = Authority::new().server(|_| Says::ok(MANIFEST)).await;
    let other = Authority::new();
    let detail = refused(&store(other.config()), &image(&server), &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("cannot connect"), "{detail}");
    assert!(server.targets().is_empty());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let server = authority.server(|_| Says::ok(MANIFEST)).await;
    let store = store(authority.config().address("other.test", LOOPBACK));
    let image = ImageRef::parse(&format!("{}/app", server.as_host("other.test"))).unwrap();
    refused(&store, &image, &by_tag("v1"), StoreErrorKind::Unavailable).await;
}

#[tokio::test]
async fn an_insecure_registry_may_show_any_certificate() {
    let server = Authority::new().server(|_| Says::ok(MANIFEST)).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("registries.conf");
    fs::write(&file, format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", server.as_host("registry.test"))).unwrap();
    let store = store(Authority::new().config().registries_conf(file));
    assert_eq!(bytes(&store, &image(&server), &by_tag("v1")).await, MANIFEST);
}

#[tokio::test]
async fn an_insecure_registry_vouches_for_nobody_else() {
    let authority = Authority::new();
    let other = authority.server(|_| Says::ok(MANIFEST)).await;
    let target = format!("https://{}/x", other.as_host("auth.registry.test"));
    let server = authority.server(move |_| Says::redirect(&target)).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("registries.conf");
    fs::write(&file, format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", server.as_host("registry.test"))).unwrap();
    let store = store(Authority::new().config().registries_conf(file));
    refused(&store, &image(&server), &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert_eq!((server.targets().len(), other.targets().len()), (1, 0));
}

#[tokio::test]
async fn certs_d_brings_authority_and_client_certificate_for_its_host_alone() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.acceptor(true), |_| Says::ok(MANIFEST)).await;
    let directory = TempDir::new().unwrap();
    let host = directory.path().join(server.as_host("registry.test"));
    fs::create_dir(&host).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["client".to_owned()]).unwrap().signed_by(&key, &authority.issuer).unwrap();
    fs::write(host.join("ca.crt"), authority.issuer.pem()).unwrap();
    fs::write(host.join("client.cert"), certificate.pem()).unwrap();
    fs::write(host.join("client.key"), key.serialize_pem()).unwrap();
    let config = RegistryConfig::default().certificate_directory(directory.path()).address("registry.test", LOOPBACK);
    assert_eq!(bytes(&store(config.clone()), &image(&server), &by_tag("v1")).await, MANIFEST);

    let other = ImageRef::parse(&format!("{}/app", server.as_host("auth.registry.test"))).unwrap();
    refused(&store(config.clone().address("auth.registry.test", LOOPBACK)), &other, &by_tag("v1"), StoreErrorKind::Unavailable).await;

    fs::remove_file(host.join("client.key")).unwrap();
    let detail = refused(&store(config), &image(&server), &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("client.key"), "{detail}");
}

#[tokio::test]
async fn loopback_with_a_directory_of_its_own_speaks_https() {
    let authority = Authority::new();
    let server = authority.server(|_| Says::ok(MANIFEST)).await;
    let directory = TempDir::new().unwrap();
    let host = directory.path().join(server.host());
    fs::create_dir(&host).unwrap();
    fs::write(host.join("ca.crt"), authority.issuer.pem()).unwrap();
    let config = RegistryConfig::default().certificate_directory(directory.path());
    assert_eq!(bytes(&store(config), &server.image("app"), &by_tag("v1")).await, MANIFEST);
}

#[tokio::test]
async fn nothing_leads_away_from_https() {
    let authority = Authority::new();
    let plain = Server::start(|_| Says::ok(MANIFEST)).await;
    let (realm, target) = (plain.url("/token"), plain.url("/x"));
    let server =
        authority.server(move |seen| if seen.target.ends_with("realm") { Says::bearer(&realm) } else { Says::redirect(&target) }).await;
    let store = store(authority.config());
    let detail = refused(&store, &image(&server), &by_tag("realm"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("is not on https"), "{detail}");
    let detail = refused(&store, &image(&server), &by_tag("redirect"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("away from https"), "{detail}");
    assert!(plain.targets().is_empty());
}

#[tokio::test]
async fn a_token_service_of_the_same_house_sees_the_password() {
    let authority = Authority::new();
    let server = authority
        .server(|seen| match (seen.target.starts_with("/token"), seen.authorization()) {
            (true, _) => Says::ok(r#"{"token":"t1"}"#),
            (false, Some("Bearer t1")) => Says::ok(MANIFEST),
            _ => Says::bearer(format!("https://auth.{}/token", seen.header("host").unwrap())),
        })
        .await;
    let store = store(authority.config().credential(server.as_host("registry.test"), Credential::basic("u", "hunter2")));
    assert_eq!(bytes(&store, &image(&server), &by_tag("v1")).await, MANIFEST);
    assert_eq!(server.seen()[1].authorization(), Some("Basic dTpodW50ZXIy"));
}

#[tokio::test]
async fn a_bad_certificate_does_not_lead_to_http() {
    let server = Authority::new().server(|_| Says::ok(MANIFEST)).await;
    let detail = refused(&store(Authority::new().config()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
    assert!(detail.contains("certificate"), "{detail}");
    assert_eq!(server.connections(), 1);
    // Where TLS is not spoken at all, http is.
    let server = Server::start(|_| Says::ok(MANIFEST)).await;
    assert_eq!(bytes(&store(Authority::new().config()), &server.image("app"), &by_tag("v1")).await, MANIFEST);
}
