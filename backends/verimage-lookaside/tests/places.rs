//! Lookasides in folders and on a server of the loopback interface, and images as folders.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use verimage_core::{Digest, ImageRef, Place, SignatureStore, StoreError, StoreErrorKind, Want, What};
use verimage_lookaside::{DirStore, LookasideStore, RegistriesD};
use verimage_transport::{Credential, RegistryConfig};

fn digest() -> Digest {
    Digest::sha256(b"manifest")
}

fn want(base: &str, index: u32) -> Want {
    Want { place: Place::Store(base.to_owned()), what: What::Lookaside { digest: digest(), index }, max_bytes: 1024 }
}

fn image() -> ImageRef {
    "busybox:1".parse().unwrap()
}

async fn fetch(base: &str, index: u32) -> Result<Vec<u8>, StoreError> {
    let store = LookasideStore::new(&RegistryConfig::default(), RegistriesD::of_machine()).unwrap();
    Ok(store.fetch(&image(), &want(base, index)).await?[0].bytes().to_vec())
}

/// A server that answers as the last part of the path says, and passes on the head of each request.
fn server() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, heads) = channel();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            answer_one(client, &sender);
        }
    });
    (address, heads)
}

/// Tells what was asked before it answers: whoever has the answer may look at once.
fn answer_one(mut client: TcpStream, heads: &Sender<String>) {
    let mut head = String::new();
    let mut reader = BufReader::new(client.try_clone().unwrap());
    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
    let _ = heads.send(head.clone());
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, location, body) = match path.rsplit('-').next().unwrap_or_default() {
        "1" => ("200 OK", "", vec![b'1']),
        "2" => ("404 Not Found", "", b"nothing".to_vec()),
        "3" => ("403 Forbidden", "", b"secret".to_vec()),
        "4" => ("410 Gone", "", Vec::new()),
        "5" => ("204 No Content", "", Vec::new()),
        "6" => ("302 Found", "/elsewhere/signature-1", Vec::new()),
        "7" => ("302 Found", "/elsewhere/signature-2", Vec::new()),
        "8" => ("200 OK", "", vec![b'8'; 4096]),
        "9" => ("302 Found", "/round/signature-9", Vec::new()),
        "10" => ("401 Unauthorized", "", Vec::new()),
        _ => ("500 Internal Server Error", "", Vec::new()),
    };
    let (length, challenge) = (body.len(), "WWW-Authenticate: Basic realm=\"x\"\r\n");
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nLocation: {location}\r\n{challenge}Connection: close\r\n\r\n");
    let _ = client.write_all(answer.as_bytes()).and_then(|()| client.write_all(&body));
}

#[tokio::test]
async fn files_are_found_and_only_missing_ones_are_absent() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(format!("library/busybox@sha256={}", digest().hex()));
    fs::create_dir_all(own.join("signature-3")).unwrap();
    fs::write(own.join("signature-1"), "one").unwrap();
    fs::write(own.join("signature-4"), vec![0; 2048]).unwrap();
    let base = format!("file://{}", folder.path().display());
    assert_eq!(fetch(&base, 1).await.unwrap(), b"one");
    for (index, kind) in [(2, StoreErrorKind::NotFound), (3, StoreErrorKind::Unavailable), (4, StoreErrorKind::TooLarge)] {
        assert_eq!(fetch(&base, index).await.unwrap_err().kind, kind, "{index}");
    }
}

/// Specification section 3.1: HTTP 404 only. Anything else says nothing about what is there.
#[tokio::test]
async fn over_http_only_404_is_absent() {
    let (address, _heads) = server();
    let base = format!("http://{address}/sigs");
    assert_eq!(fetch(&base, 1).await.unwrap(), b"1");
    assert_eq!(fetch(&base, 6).await.unwrap(), b"1");
    for index in [2, 7] {
        assert_eq!(fetch(&base, index).await.unwrap_err().kind, StoreErrorKind::NotFound, "{index}");
    }
    for index in [3, 4, 5, 8, 9, 10, 11] {
        assert_ne!(fetch(&base, index).await.unwrap_err().kind, StoreErrorKind::NotFound, "{index}");
    }
}

/// What stands in the base is sent and never shown; what registries are shown is not sent.
#[tokio::test]
async fn credentials_are_those_of_the_base() {
    let (address, heads) = server();
    fetch(&format!("http://reader:s%65cret@{address}/sigs"), 1).await.unwrap();
    let head = heads.recv().unwrap().to_ascii_lowercase();
    assert!(head.contains("authorization: basic cmvhzgvyonnly3jlda=="), "{head}");
    let error = fetch(&format!("http://reader:secret@{address}/sigs"), 3).await.unwrap_err();
    assert!(!error.detail.contains("secret"), "{}", error.detail);
    heads.recv().unwrap();
    let config = RegistryConfig::default().credential(address.to_string(), Credential::basic("reader", "secret"));
    let store = LookasideStore::new(&config, RegistriesD::of_machine()).unwrap();
    let error = store.fetch(&image(), &want(&format!("http://{address}/sigs"), 10)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unauthorized);
    assert!(!heads.recv().unwrap().to_ascii_lowercase().contains("authorization"));
    assert!(heads.try_recv().is_err(), "a challenge of a lookaside is answered");
}

#[tokio::test]
async fn the_machine_is_asked_by_the_physical_name() {
    let folder = tempfile::tempdir().unwrap();
    let signatures = folder.path().join("sigs");
    let own = signatures.join(format!("mirrored/app@sha256={}", digest().hex()));
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("signature-1"), "physical").unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    let text = format!("docker: {{physical.example: {{lookaside: 'file://{}'}}}}", signatures.display());
    fs::write(folder.path().join("d/a.yaml"), text).unwrap();
    let conf = folder.path().join("registries.conf");
    fs::write(&conf, "[[registry]]\nprefix = 'logical.example/team'\nlocation = 'physical.example/mirrored'\n").unwrap();
    let config = RegistryConfig::default().registries_conf(conf);
    let store = LookasideStore::new(&config, RegistriesD::of_folder(&folder.path().join("d"))).unwrap();
    let want = Want { place: Place::Image, ..want("", 1) };
    let found = store.fetch(&"logical.example/team/app:v1".parse().unwrap(), &want).await.unwrap();
    assert_eq!(found[0].bytes().as_ref(), b"physical");
}

/// Folders that cannot be read are no reason to say that nothing is signed.
#[tokio::test]
async fn an_unusable_registries_d_is_told_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "docker: [").unwrap();
    let store = LookasideStore::new(&RegistryConfig::default(), RegistriesD::of_folder(folder.path())).unwrap();
    let error = store.fetch(&image(), &Want { place: Place::Image, ..want("", 1) }).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(error.detail.contains("a.yaml"), "{}", error.detail);
}

#[tokio::test]
async fn a_folder_is_an_image_with_its_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let inner = Digest::sha256(b"inner");
    for (name, text) in [
        ("manifest.json", "manifest"),
        ("signature-1", "own"),
        (&format!("{}.manifest.json", inner.hex()), "inner"),
        (&format!("{}.signature-1", inner.hex()), "of the inner one"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let store = DirStore::new(folder.path());
    let ask = async |what| {
        store.fetch(&image(), &Want { place: Place::Image, what, max_bytes: 1024 }).await.map(|blobs| blobs[0].bytes().to_vec())
    };
    assert_eq!(ask(What::Resolve).await.unwrap(), b"manifest");
    assert_eq!(ask(What::Manifest(inner.clone())).await.unwrap(), b"inner");
    assert_eq!(ask(What::Lookaside { digest: digest(), index: 1 }).await.unwrap(), b"own");
    assert_eq!(ask(What::Lookaside { digest: inner.clone(), index: 1 }).await.unwrap(), b"of the inner one");
    for what in [What::Lookaside { digest: inner, index: 2 }, What::Manifest(Digest::sha256(b"other")), What::SignatureList(digest())] {
        assert_eq!(ask(what.clone()).await.unwrap_err().kind, StoreErrorKind::NotFound, "{what:?}");
    }
}
