//! Against a server of the loopback interface: what is asked, with which credentials, and what each answer means.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use verimage_core::{ImageRef, Place, RoleVersion, SignatureStore, StoreError, StoreErrorKind, Want, What};
use verimage_notary_server::NotaryServerStore;
use verimage_transport::{Credential, RegistryConfig};

const COLLECTION: &str = "registry.example/demo/app";

/// A server that asks for what its mood says, and passes on the head of each request.
struct Server {
    address: SocketAddr,
    heads: Receiver<String>,
}

#[derive(Clone, Copy)]
enum Mood {
    Open,
    Bearer,
    Basic,
    Status(&'static str),
    /// Says this much, and then nothing until the other side hangs up.
    Stalls(&'static str),
}

impl Server {
    fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heads) = channel();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                answer_one(client, address, mood, &sender);
            }
        });
        Self { address, heads }
    }

    fn want(&self, role: &str, version: RoleVersion) -> Want {
        let what = What::Role { collection: COLLECTION.to_owned(), role: role.to_owned(), version };
        Want { place: Place::Store(format!("http://{}", self.address)), what, max_bytes: 1024 }
    }

    fn asked(&self) -> Vec<String> {
        self.heads.try_iter().map(|head| head.lines().next().unwrap_or_default().to_owned()).collect()
    }
}

/// Tells what was asked before it answers: whoever has the answer may look at once.
fn answer_one(mut client: TcpStream, address: SocketAddr, mood: Mood, heads: &Sender<String>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
    let _ = heads.send(head.clone());
    if let Mood::Stalls(beginning) = mood {
        let _ = client.write_all(beginning.as_bytes()).and_then(|()| reader.read_to_end(&mut Vec::new()));
        return;
    }
    let lower = head.to_ascii_lowercase();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let challenge = match mood {
        Mood::Bearer => format!(r#"Bearer realm="http://{address}/token",service="notary",scope="repository:{COLLECTION}:pull""#),
        _ => "Basic realm=\"notary\"".to_owned(),
    };
    let known = match mood {
        Mood::Bearer => lower.contains("authorization: bearer abc"),
        Mood::Basic => lower.contains("authorization: basic"),
        _ => true,
    };
    let (status, body) = match (mood, path) {
        (_, path) if path.starts_with("/token") => ("200 OK", r#"{"token":"abc"}"#.to_owned()),
        (Mood::Status(status), _) => (status, r#"{"errors":[{"code":"METADATA_NOT_FOUND","message":"no trust data"}]}"#.to_owned()),
        _ if !known => ("401 Unauthorized", String::new()),
        (_, path) if path.contains("snapshot") => ("200 OK", "x".repeat(4096)),
        _ => ("200 OK", "{}".to_owned()),
    };
    let length = body.len();
    let head_of_answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nWWW-Authenticate: {challenge}\r\nConnection: close\r\n\r\n{body}");
    let _ = client.write_all(head_of_answer.as_bytes());
}

async fn fetch(config: RegistryConfig, want: &Want) -> Result<Vec<u8>, StoreError> {
    let image: ImageRef = "registry.example/demo/app:v1".parse().unwrap();
    let store = NotaryServerStore::new(&config).unwrap();
    Ok(store.fetch(&image, want).await?[0].bytes().to_vec())
}

#[tokio::test]
async fn an_open_server_is_asked_once_for_each_file() {
    let server = Server::start(Mood::Open);
    let hash = "0123456789abcdef".repeat(4);
    for (role, version) in
        [("timestamp", RoleVersion::Current), ("targets/releases", RoleVersion::Sha256(hash.clone())), ("root", RoleVersion::Number(2))]
    {
        assert_eq!(fetch(RegistryConfig::default(), &server.want(role, version)).await.unwrap(), b"{}");
    }
    let expected = ["timestamp.json".to_owned(), format!("targets/releases.{hash}.json"), "2.root.json".to_owned()];
    let expected = expected.map(|file| format!("GET /v2/{COLLECTION}/_trust/tuf/{file} HTTP/1.1"));
    assert_eq!(server.asked(), expected);
}

#[tokio::test]
async fn a_token_is_asked_for_the_whole_collection() {
    let server = Server::start(Mood::Bearer);
    assert!(fetch(RegistryConfig::default(), &server.want("root", RoleVersion::Current)).await.is_ok());
    let asked = server.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(
        asked[1].starts_with("GET /token?") && asked[1].contains("scope=repository%3Aregistry.example%2Fdemo%2Fapp%3Apull"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn basic_authorization_needs_credentials_for_the_server() {
    let server = Server::start(Mood::Basic);
    let want = server.want("root", RoleVersion::Current);
    assert_eq!(fetch(RegistryConfig::default(), &want).await.unwrap_err().kind, StoreErrorKind::Unauthorized);
    let config = RegistryConfig::default().credential(server.address.to_string(), Credential::basic("reader", "secret"));
    assert!(fetch(config, &want).await.is_ok());
    let elsewhere = RegistryConfig::default().credential("registry.example", Credential::basic("reader", "secret"));
    assert_eq!(fetch(elsewhere, &want).await.unwrap_err().kind, StoreErrorKind::Unauthorized);
}

#[tokio::test]
async fn only_404_says_that_there_is_nothing() {
    for (status, kind) in [
        ("404 Not Found", StoreErrorKind::NotFound),
        ("403 Forbidden", StoreErrorKind::Unauthorized),
        ("429 Too Many Requests", StoreErrorKind::RateLimited),
        ("500 Internal Server Error", StoreErrorKind::Unavailable),
    ] {
        let server = Server::start(Mood::Status(status));
        let error = fetch(RegistryConfig::default(), &server.want("root", RoleVersion::Current)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}: {}", error.detail);
    }
}

#[tokio::test]
async fn a_longer_file_is_never_cut() {
    let server = Server::start(Mood::Open);
    let error = fetch(RegistryConfig::default(), &server.want("snapshot", RoleVersion::Current)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::TooLarge);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let what = What::Role { collection: COLLECTION.to_owned(), role: "root".to_owned(), version: RoleVersion::Current };
    let want = Want { place: Place::Store("http://127.0.0.1:9".to_owned()), what, max_bytes: 1024 };
    assert_eq!(fetch(RegistryConfig::default(), &want).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    let other = Want::other("lines", "line", "a", 10);
    assert_eq!(fetch(RegistryConfig::default(), &other).await.unwrap_err().kind, StoreErrorKind::Unavailable);
}

/// Slow retrieval: a server that says nothing, or does not come to its end.
#[tokio::test]
async fn a_silent_server_ends_at_the_deadline() {
    for beginning in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let server = Server::start(Mood::Stalls(beginning));
        let config = RegistryConfig::default().timeout(Duration::from_millis(50));
        let error = fetch(config, &server.want("timestamp", RoleVersion::Current)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::DeadlineExceeded, "{beginning:?}: {}", error.detail);
        assert_eq!(server.asked().len(), 1);
    }
}
