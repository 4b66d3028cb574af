//! Writes the fuzz seeds of Notary v1, which the signer of the tests makes: `cargo run -p verimage-tuf --example notary-seeds`.

#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(dead_code, missing_docs, unreachable_pub)]

#[path = "../tests/suite/repository.rs"]
mod repository;
#[path = "../tests/suite/sign.rs"]
mod sign;

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use repository::{Repository, Server, root_key, rotate};
use serde_json::json;
use sign::{Key, Signer, pem};

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn main() {
    let mut delegated = Repository::default();
    delegated.delegate_tag("targets/releases", "releases", "v1", "released");
    delegated.delegate("targets/releases/nightly", "nightly", &["nightly-"]).signed["targets"] = json!({});
    let curves = Repository::default()
        .signed_by("timestamp", vec![Signer::bare(Key::P384("timestamp"))])
        .signed_by("snapshot", vec![Signer::bare(Key::P521("snapshot"))]);
    let seeds = [
        ("plain", Repository::default().publish()),
        ("delegated", delegated.publish()),
        ("curves", curves.publish()),
        ("rotated", rotate(vec![Repository::default(), root(2, &["new", "root"]), root(3, &["new"])])),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, server) in &seeds {
        write(&folder.join("notary-collection").join(name), &container(server));
    }
    write(&folder.join("notary-root.pub"), public_pem().as_bytes());
    let metadata = ["root", "timestamp", "snapshot", "targets"].map(|role| (role, seeds[1].1.files[&format!("{role}.json")].clone()));
    for (name, bytes) in metadata {
        write(&folder.join("notary-metadata").join(name), &bytes);
    }
}

/// The public half of the first root key.
fn public_pem() -> String {
    pem("PUBLIC KEY", &Key::P256("root").spki())
}

fn root(version: u64, signers: &[&'static str]) -> Repository {
    let mut repository = Repository::default().signed_by("root", vec![root_key("new")]);
    repository.root.signers = signers.iter().map(|name| root_key(name)).collect();
    repository.root.version(version);
    repository
}

/// Each file behind a line with its name.
fn container(server: &Server) -> Vec<u8> {
    let file = |(name, bytes): (&String, &Vec<u8>)| [format!("--- {name}\n").as_bytes(), bytes].concat();
    server.files.iter().map(file).collect::<Vec<_>>().join(&b'\n')
}

fn write(file: &Path, bytes: &[u8]) {
    fs::create_dir_all(file.parent().expect("a folder")).expect("it can be made");
    fs::write(file, bytes).expect("it can be written");
}
