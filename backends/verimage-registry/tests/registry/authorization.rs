//! Challenges: tokens and passwords, asked for once, sent to nobody else.

use verimage_core::{SignatureStore, StoreErrorKind};
use verimage_registry::{Credential, RegistryConfig};

use crate::server::{MANIFEST, Says, Seen, Server, blob, by_digest, by_tag, bytes, referrers, refused, store};

/// `dTpodW50ZXIy` is `u:hunter2`.
const BASIC: &str = "Basic dTpodW50ZXIy";

/// A registry that wants a token of its own token service.
async fn token_registry(token_body: &'static str) -> Server {
    Server::start(move |seen| {
        let service = format!("http://{}/token", seen.header("host").unwrap());
        match (seen.target.starts_with("/token"), seen.authorization()) {
            (true, _) => Says::ok(token_body),
            (false, Some("Bearer t1")) => Says::ok(MANIFEST),
            _ => Says::bearer(service),
        }
    })
    .await
}

fn with_password(server: &Server) -> RegistryConfig {
    RegistryConfig::default().credential(server.host(), Credential::basic("u", "hunter2"))
}

fn is_token_request(seen: &&Seen) -> bool {
    seen.target.starts_with("/token")
}

#[tokio::test]
async fn a_token_is_fetched_once_for_two_wants() {
    let server = token_registry(r#"{"token":"t1","expires_in":300}"#).await;
    let store = store(RegistryConfig::default());
    bytes(&store, &server.image("team/app"), &by_tag("v1")).await;
    bytes(&store, &server.image("team/app"), &by_digest()).await;
    let targets = server.targets();
    assert_eq!(targets.len(), 4, "{targets:?}");
    // The scope is the repository that was asked for, whatever the challenge says.
    assert_eq!(targets[1], "/token?scope=repository%3Ateam%2Fapp%3Apull&service=registry.test");
    assert_eq!(server.seen()[1].authorization(), None);
    assert_eq!(server.seen()[3].authorization(), Some("Bearer t1"));
}

#[tokio::test]
async fn a_token_is_fetched_once_for_concurrent_wants() {
    let server = token_registry(r#"{"access_token":"t1"}"#).await;
    let (store, image) = (store(RegistryConfig::default()), server.image("app"));
    let (tag, digest, content) = (by_tag("v1"), by_digest(), blob(MANIFEST));
    let answers = tokio::join!(store.fetch(&image, &tag), store.fetch(&image, &digest), store.fetch(&image, &content));
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok());
    assert_eq!(server.count("/token"), 1);
    assert_eq!(server.targets().len(), 7);
}

#[tokio::test]
async fn another_repository_needs_another_token() {
    let server = token_registry(r#"{"token":"t1"}"#).await;
    let store = store(RegistryConfig::default());
    bytes(&store, &server.image("one"), &by_tag("v1")).await;
    bytes(&store, &server.image("two"), &by_tag("v1")).await;
    assert_eq!(server.count("/token"), 2);
}

#[tokio::test]
async fn an_expired_token_is_not_used() {
    let server = token_registry(r#"{"token":"t1","expires_in":0}"#).await;
    let store = store(RegistryConfig::default());
    bytes(&store, &server.image("app"), &by_tag("v1")).await;
    bytes(&store, &server.image("app"), &by_tag("v2")).await;
    assert_eq!(server.count("/token"), 2);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    // Every token works for one request only.
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let spent = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let server = Server::start(move |seen| {
        if is_token_request(&seen) {
            let token = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            return Says::ok(format!(r#"{{"token":"t{token}","expires_in":300}}"#));
        }
        match seen.authorization() {
            Some(token) if spent.lock().unwrap().insert(token.to_owned()) => Says::ok(MANIFEST),
            _ => Says::bearer(format!("http://{}/token", seen.header("host").unwrap())),
        }
    })
    .await;
    let store = store(RegistryConfig::default());
    bytes(&store, &server.image("app"), &by_tag("v1")).await;
    bytes(&store, &server.image("app"), &by_tag("v2")).await;
    assert_eq!((server.count("/token"), server.targets().len()), (2, 6));
}

#[tokio::test]
async fn a_registry_that_refuses_every_token_is_asked_twice() {
    let server = token_registry(r#"{"token":"other"}"#).await;
    let store = store(RegistryConfig::default());
    refused(&store, &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert_eq!(server.targets().len(), 3);
    refused(&store, &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert_eq!(server.targets().len(), 6);
}

#[tokio::test]
async fn the_token_service_sees_the_password_and_the_registry_does_not() {
    let server = token_registry(r#"{"token":"t1"}"#).await;
    bytes(&store(with_password(&server)), &server.image("app"), &by_tag("v1")).await;
    let sent: Vec<Option<String>> = server.seen().iter().map(|seen| seen.authorization().map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(BASIC.to_owned()), Some("Bearer t1".to_owned())]);
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_post() {
    let server = token_registry(r#"{"access_token":"t1"}"#).await;
    let credential = Credential::IdentityToken("refresh me".to_owned());
    bytes(&store(RegistryConfig::default().credential(server.host(), credential)), &server.image("app"), &by_tag("v1")).await;
    let request = &server.seen()[1];
    assert_eq!((request.method.as_str(), request.target.as_str(), request.authorization()), ("POST", "/token", None));
    let form = "scope=repository%3Aapp%3Apull&service=registry.test&grant_type=refresh_token&client_id=verimage&refresh_token=refresh+me";
    assert_eq!(request.body, form);
}

#[tokio::test]
async fn a_registry_token_is_sent_as_it_is() {
    let server = token_registry("").await;
    let credential = Credential::RegistryToken("t1".to_owned());
    bytes(&store(RegistryConfig::default().credential(server.host(), credential)), &server.image("app"), &by_tag("v1")).await;
    assert_eq!(server.targets().len(), 2);
}

#[tokio::test]
async fn basic_is_remembered() {
    let server = Server::start(|seen| if seen.authorization() == Some(BASIC) { Says::ok(MANIFEST) } else { Says::basic() }).await;
    let store = store(with_password(&server));
    bytes(&store, &server.image("app"), &by_tag("v1")).await;
    bytes(&store, &server.image("app"), &by_tag("v2")).await;
    assert_eq!(server.targets().len(), 3);
}

#[tokio::test]
async fn without_a_credential_basic_is_not_answered() {
    let server = Server::start(|_| Says::basic()).await;
    let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert!(detail.contains("asks for a user name"), "{detail}");
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn the_longest_name_decides_which_credential_is_sent() {
    let server = Server::start(|seen| if seen.authorization().is_some() { Says::ok(MANIFEST) } else { Says::basic() }).await;
    let (host, team) = (server.host(), format!("{}/team", server.host()));
    let config =
        RegistryConfig::default().credential(host, Credential::basic("u", "hunter2")).credential(team, Credential::basic("t", "team"));
    let store = store(config);
    bytes(&store, &server.image("team/app"), &by_tag("v1")).await;
    bytes(&store, &server.image("teams/app"), &by_tag("v1")).await;
    assert_eq!(server.seen()[1].authorization(), Some("Basic dDp0ZWFt"));
    assert_eq!(server.seen()[3].authorization(), Some(BASIC));
}

#[tokio::test]
async fn what_the_token_service_says_has_its_kind() {
    for (status, kind) in [
        (401, StoreErrorKind::Unauthorized),
        (403, StoreErrorKind::Unauthorized),
        (429, StoreErrorKind::RateLimited),
        (404, StoreErrorKind::Unavailable),
        (400, StoreErrorKind::Unavailable),
        (500, StoreErrorKind::Unavailable),
        (307, StoreErrorKind::Unavailable),
    ] {
        let server = Server::start(move |seen| match is_token_request(&seen) {
            true => Says::error(status, "hunter2 NO").with("location", "/elsewhere"),
            false => Says::bearer(format!("http://{}/token", seen.header("host").unwrap())),
        })
        .await;
        let detail = refused(&store(with_password(&server)), &server.image("app"), &by_tag("v1"), kind).await;
        assert!(detail.contains("token service") && detail.contains("[secret] NO"), "{detail}");
        assert_eq!(server.targets().len(), 2);
    }
}

#[tokio::test]
async fn a_registry_that_repeats_the_token_is_not_quoted() {
    let server = Server::start(|seen| match (is_token_request(&seen), seen.authorization()) {
        (true, _) => Says::ok(r#"{"token":"top-secret-token"}"#),
        (false, Some(sent)) => Says::error(403, sent),
        (false, None) => Says::bearer(format!("http://{}/token", seen.header("host").unwrap())),
    })
    .await;
    let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert!(detail.contains("Bearer [secret]") && !detail.contains("top-secret"), "{detail}");
}

#[tokio::test]
async fn a_long_token_and_a_password_near_the_cut_are_not_quoted() {
    let server = Server::start(|seen| match (is_token_request(&seen), seen.authorization()) {
        (true, _) => Says::ok(format!(r#"{{"token":"{}"}}"#, "ey0".repeat(400))),
        (false, Some(sent)) => Says::error(403, sent),
        (false, None) => Says::bearer(format!("http://{}/token", seen.header("host").unwrap())),
    })
    .await;
    let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert!(detail.contains("Bearer [secret]") && !detail.contains("ey0"), "{detail}");
    for credential in [Credential::basic("u", "hunter2"), Credential::IdentityToken("hunter2".to_owned())] {
        let server = Server::start(|seen| match is_token_request(&seen) {
            true => Says::error(403, &format!("{}hunter2", "x".repeat(196))),
            false => Says::bearer(format!("http://{}/token", seen.header("host").unwrap())),
        })
        .await;
        let store = store(RegistryConfig::default().credential(server.host(), credential));
        let detail = refused(&store, &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
        assert!(detail.ends_with("xx[sec"), "{detail}");
    }
}

#[tokio::test]
async fn a_token_answer_may_have_nulls_and_numbers_as_texts() {
    for (body, requests) in [
        (r#"{"token":null,"access_token":"t1","expires_in":"300"}"#, 1),
        (r#"{"token":"t1","access_token":null,"expires_in":null}"#, 1),
        (r#"{"token":"t1","expires_in":"0"}"#, 2),
        (r#"{"token":"t1","expires_in":"soon"}"#, 1),
    ] {
        let server = token_registry(body).await;
        let store = store(RegistryConfig::default());
        bytes(&store, &server.image("app"), &by_tag("v1")).await;
        bytes(&store, &server.image("app"), &by_tag("v2")).await;
        assert_eq!(server.count("/token"), requests, "{body}");
    }
}

#[tokio::test]
async fn what_nobody_in_particular_may_not_see_is_not_called_absent() {
    for status in [401, 403, 404] {
        let service = Server::start(|_| Says::ok(r#"{"token":"t1"}"#)).await;
        let realm = format!("http://{}/token", service.as_host("localhost"));
        let server = Server::start(move |seen| match seen.authorization() {
            Some(_) => Says::error(status, "MANIFEST_UNKNOWN"),
            None => Says::bearer(&realm),
        })
        .await;
        for want in [by_tag("v1"), referrers()] {
            let detail = refused(&store(with_password(&server)), &server.image("app"), &want, StoreErrorKind::Unauthorized).await;
            assert!(detail.contains("see credential_realm"), "{detail}");
        }
        assert_eq!(service.seen()[0].authorization(), None);
        // Who has no credentials was not kept from showing them.
        let kind = if status == 404 { StoreErrorKind::NotFound } else { StoreErrorKind::Unauthorized };
        let detail = refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), kind).await;
        assert!(!detail.contains("credential_realm"), "{detail}");
    }
}

#[tokio::test]
async fn a_token_answer_is_bounded_and_must_hold_a_token() {
    let server = Server::start(|seen| match is_token_request(&seen) {
        true => Says::endless(),
        false => Says::bearer(format!("http://{}/token", seen.header("host").unwrap())),
    })
    .await;
    refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::TooLarge).await;
    for body in ["", "{}", "[]", r#"{"token":""}"#, r#"{"token":"a\nb"}"#, r#"{"token":7}"#] {
        let server = token_registry(body).await;
        refused(&store(RegistryConfig::default()), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unavailable).await;
        assert_eq!(server.targets().len(), 2, "{body}");
    }
}

#[tokio::test]
async fn a_token_service_on_another_host_is_asked_without_credentials() {
    let service = Server::start(|_| Says::error(401, "UNAUTHORIZED")).await;
    let realm = format!("http://{}/token", service.as_host("localhost"));
    let server = Server::start(move |_| Says::bearer(&realm)).await;
    let store = store(with_password(&server));
    let detail = refused(&store, &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert!(detail.contains("credentials were not sent"), "{detail}");
    assert_eq!(service.seen().len(), 1);
    assert_eq!(service.seen()[0].authorization(), None);
}

#[tokio::test]
async fn a_token_service_that_the_caller_listed_gets_credentials() {
    let service = Server::start(|_| Says::ok(r#"{"token":"t1"}"#)).await;
    let realm = format!("http://{}/token", service.as_host("localhost"));
    let server = Server::start(move |seen| if seen.authorization().is_some() { Says::ok(MANIFEST) } else { Says::bearer(&realm) }).await;
    let store = store(with_password(&server).credential_realm(service.as_host("localhost")));
    bytes(&store, &server.image("app"), &by_tag("v1")).await;
    assert_eq!(service.seen()[0].authorization(), Some(BASIC));
}

#[tokio::test]
async fn an_unknown_scheme_is_refused_after_one_request() {
    let server = Server::start(|_| Says::error(401, "UNAUTHORIZED").with("www-authenticate", "Negotiate")).await;
    refused(&store(with_password(&server)), &server.image("app"), &by_tag("v1"), StoreErrorKind::Unauthorized).await;
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let config = RegistryConfig::default().credential("a.test", Credential::basic("u", "hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(!format!("{:?}", store(config)).contains("hunter2"));
}
