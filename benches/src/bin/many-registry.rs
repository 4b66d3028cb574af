//! A registry of many images, each signed by one P-256 key: `many-registry FOLDER COUNT`.
//!
//! No tool signs a hundred thousand images in a reasonable time, so this does, in the form of cosign's `.sig` tags. The key's public
//! half (`key.pub`) and the list of images (`images.txt`) are written into FOLDER; then it serves on a free port of 127.0.0.1.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use serde_json::json;
use verimage::Digest;
use verimage_core::Bytes;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// What is served, by its path behind `/v2/many/`.
#[derive(Default)]
struct Contents(HashMap<String, Bytes>);

impl Contents {
    /// One image and its signature.
    fn add(&mut self, at: usize, host: &str, key: &SigningKey) {
        let config = json!({"mediaType": CONFIG, "digest": Digest::sha256(b"{}").to_string(), "size": 2});
        let manifest = |layers, annotations| {
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, "annotations": annotations}).to_string()
        };
        let image = manifest(json!([]), json!({"number": at.to_string()}));
        let digest = Digest::sha256(image.as_bytes());
        let payload = json!({"critical": {"identity": {"docker-reference": format!("{host}/many")},
            "image": {"docker-manifest-digest": digest.to_string()}, "type": "cosign container image signature"}, "optional": null});
        let payload = payload.to_string();
        let signature: DerSignature = key.sign(payload.as_bytes());
        let layer = json!({"mediaType": PAYLOAD, "digest": Digest::sha256(payload.as_bytes()).to_string(), "size": payload.len(),
            "annotations": {"dev.cosignproject.cosign/signature": STANDARD.encode(signature.as_bytes())}});
        self.0.insert(format!("manifests/v{at}"), image.into());
        self.0.insert(format!("manifests/sha256-{}.sig", digest.hex()), manifest(json!([layer]), json!({})).into());
        self.0.insert(format!("blobs/{}", Digest::sha256(payload.as_bytes())), payload.into());
    }
}

async fn answer(State(contents): State<Arc<Contents>>, uri: Uri) -> Response {
    let Some(name) = uri.path().strip_prefix("/v2/many/") else { return StatusCode::OK.into_response() };
    match contents.0.get(name) {
        Some(body) if name.starts_with("blobs/") => body.clone().into_response(),
        Some(body) => ([(header::CONTENT_TYPE, MANIFEST)], body.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count] = arguments.as_slice() else { return Err("usage: many-registry FOLDER COUNT".into()) };
    let (folder, count): (&Path, usize) = (Path::new(folder), count.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let host = listener.local_addr()?.to_string();
        let key = SigningKey::from_slice(&[7; 32])?;
        let mut contents = Contents::default();
        (0..count).for_each(|at| contents.add(at, &host, &key));
        fs::write(folder.join("key.pub"), key.verifying_key().to_public_key_pem(LineEnding::LF)?)?;
        let mut images = std::io::BufWriter::new(fs::File::create(folder.join("images.txt"))?);
        (0..count).try_for_each(|at| writeln!(images, "{host}/many:v{at}"))?;
        images.flush()?;
        // The last file says that all are there.
        fs::write(folder.join("ready"), host)?;
        axum::serve(listener, Router::new().fallback(answer).with_state(Arc::new(contents))).await?;
        Ok(())
    })
}
