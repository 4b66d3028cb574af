//! Where remote data may send us, against a server of the loopback interface.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use verimage_core::Place;

use super::*;

/// A server that answers as the path says, and passes on the head of each request.
struct Server {
    address: SocketAddr,
    heads: Receiver<String>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heads) = channel();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                answer_one(client, address, &sender);
            }
        });
        Self { address, heads }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.heads.try_iter().collect()
    }
}

/// Tells what was asked before it answers: whoever has the answer may look at once.
fn answer_one(mut client: TcpStream, address: SocketAddr, heads: &Sender<String>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    while reader.read_line(&mut head).unwrap_or(0) > 2 {
        let last = head.lines().last().unwrap_or_default().to_ascii_lowercase();
        length = last.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let _ = heads.send(head.clone());
    let path = head.split([' ', '?']).nth(1).unwrap_or_default();
    let (status, location, content) = match path {
        "/moved" => ("302 Found", "/list".to_owned(), Vec::new()),
        "/round" => ("302 Found", "/round".to_owned(), Vec::new()),
        "/to-metadata" => ("302 Found", "http://169.254.169.254/latest".to_owned(), Vec::new()),
        "/to-file" => ("302 Found", "file:///etc/passwd".to_owned(), Vec::new()),
        "/to-port" => ("302 Found", format!("http://localhost:{}/list", address.port()), Vec::new()),
        "/large" => ("200 OK", String::new(), vec![b'x'; 4096]),
        "/busy" => ("429 Too Many Requests", String::new(), Vec::new()),
        "/gone" => ("404 Not Found", String::new(), Vec::new()),
        "/echo" => ("200 OK", String::new(), body),
        _ => ("200 OK", String::new(), b"the list".to_vec()),
    };
    let length = content.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nLocation: {location}\r\nConnection: close\r\n\r\n");
    let _ = client.write_all(answer.as_bytes()).and_then(|()| client.write_all(&content));
}

fn want(url: &str, origin: Origin, body: &[u8]) -> Want {
    let method = if body.is_empty() { HttpMethod::Get } else { HttpMethod::Post };
    let what = What::Http { method, url: url.to_owned(), body: body.to_vec(), content_type: None, origin };
    Want { place: Place::Image, what, max_bytes: 1024 }
}

async fn ask(store: &WebStore, url: &str, origin: Origin) -> Result<Vec<u8>, StoreError> {
    let blobs = store.fetch(&"registry.example/a".parse().unwrap(), &want(url, origin, &[])).await?;
    Ok(blobs[0].bytes().to_vec())
}

/// A store in which remote data may name the server.
fn listing(server: &Server) -> WebStore {
    WebStore::new(vec![server.address.to_string()])
}

#[tokio::test]
async fn remote_data_leads_to_no_private_address() {
    let server = Server::start();
    let store = WebStore::new(Vec::new());
    let localhost = format!("http://localhost:{}/list", server.address.port());
    for url in [server.url("/list"), localhost, "http://169.254.169.254/latest".to_owned(), "http://[::1]/".to_owned()] {
        let error = ask(&store, &url, Origin::RemoteData).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{url}: {}", error.detail);
    }
    assert!(server.asked().is_empty(), "somebody was asked");
}

#[tokio::test]
async fn a_listed_host_and_one_that_the_policy_names_are_asked() {
    let server = Server::start();
    assert_eq!(ask(&listing(&server), &server.url("/list"), Origin::RemoteData).await.unwrap(), b"the list");
    assert_eq!(ask(&WebStore::new(vec!["127.0.0.1".to_owned()]), &server.url("/list"), Origin::RemoteData).await.unwrap(), b"the list");
    assert_eq!(ask(&WebStore::new(Vec::new()), &server.url("/list"), Origin::Policy).await.unwrap(), b"the list");
    assert_eq!(server.asked().len(), 3);
}

/// Not even where the host of the first question is listed, or was named by the policy.
#[tokio::test]
async fn redirects_are_held_to_the_same_rules() {
    let server = Server::start();
    let store = listing(&server);
    assert_eq!(ask(&store, &server.url("/moved"), Origin::RemoteData).await.unwrap(), b"the list");
    for path in ["/to-metadata", "/to-file", "/to-port", "/round"] {
        assert!(ask(&store, &server.url(path), Origin::RemoteData).await.is_err(), "{path}");
    }
    for path in ["/to-metadata", "/to-file"] {
        assert!(ask(&store, &server.url(path), Origin::Policy).await.is_err(), "{path}");
    }
    let followed = server.asked().iter().filter(|head| head.starts_with("GET /round ")).count();
    assert_eq!(followed, MAX_REDIRECTS + 1);
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let server = Server::start();
    let store = listing(&server);
    for (path, kind) in
        [("/large", StoreErrorKind::TooLarge), ("/busy", StoreErrorKind::RateLimited), ("/gone", StoreErrorKind::Unavailable)]
    {
        assert_eq!(ask(&store, &server.url(path), Origin::RemoteData).await.unwrap_err().kind, kind, "{path}");
    }
    for url in ["ftp://list.example/", "no address", &format!("http://user:word@{}/list", server.address)] {
        assert!(ask(&store, url, Origin::Policy).await.is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_body_is_posted_and_no_credentials_are_sent() {
    let server = Server::start();
    let image: ImageRef = "registry.example/a".parse().unwrap();
    let blobs = listing(&server).fetch(&image, &want(&server.url("/echo"), Origin::RemoteData, b"question")).await.unwrap();
    assert_eq!(blobs[0].bytes().as_ref(), b"question");
    let heads = server.asked();
    assert!(heads[0].starts_with("POST /echo "), "{heads:?}");
    assert!(!heads[0].to_ascii_lowercase().contains("authorization"), "{heads:?}");
}

#[tokio::test]
async fn queries_do_not_stand_in_messages() {
    let server = Server::start();
    let error = ask(&listing(&server), &server.url("/gone?token=secret"), Origin::RemoteData).await.unwrap_err();
    assert!(!error.detail.contains("secret"), "{}", error.detail);
}
