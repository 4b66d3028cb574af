//! A scheme and a store of one's own: lists of digests that a team signed, as files in a folder.
//!
//! docs/extending.md explains it.
#![allow(clippy::print_stdout, reason = "it is a program")]

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::Value;
use verimage::core::policy::document::KeyHash;
use verimage::core::policy::{Backend, LeafContext, read_config};
use verimage::core::{Blob, Check, Evidence, Failure, SignatureStore, Signer, StoreError, Subject, Verifier, Want, async_trait, one_round};
use verimage::{Code, CryptoSet, Digest, ImageRef, PolicyError, PolicyLoader, Verdict, Verimage};
use verimage_crypto::{Algorithm, EcdsaEncoding, HashAlgorithm, KeyKind, PublicKey, VerifyingKey};

// ANCHOR: leaf
/// The leaf `signedList` of a policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignedListConfig {
    /// The name under `trust` of the key that signs the list.
    key: String,
    /// The name of the list.
    list: String,
}

#[derive(Debug)]
struct SignedLists {
    crypto: CryptoSet,
}

impl Backend for SignedLists {
    fn name(&self) -> &'static str {
        "signedList"
    }

    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        if context.attestation.is_some() {
            return Err(context.invalid("", "a list says which images may run, and nothing about them"));
        }
        let config: SignedListConfig = read_config(config, context.pointer)?;
        let anchor = context.key(&config.key, "/key")?;
        let key = PublicKey::from_pem(&anchor.pem).map_err(|error| context.invalid("/key", error.to_string()))?;
        // What the policy says and this scheme does not do must not load.
        if key.kind() != KeyKind::EcdsaP256 || anchor.hash.is_some_and(|hash| hash != KeyHash::Sha256) {
            return Err(context.invalid("/key", "lists are signed with ECDSA P-256 and SHA-256"));
        }
        let key = self.crypto.load(&key).map_err(|error| context.invalid("/key", error.to_string()))?;
        Ok(Arc::new(SignedList { key, list: config.list }))
    }

    fn schema(&self) -> Value {
        schema_for!(SignedListConfig).to_value()
    }
}
// ANCHOR_END: leaf

// ANCHOR: verifier
/// More than any list needs.
const MAX_LIST_BYTES: u64 = 1 << 20;

#[derive(Debug)]
struct SignedList {
    key: VerifyingKey,
    list: String,
}

impl Verifier for SignedList {
    fn name(&self) -> &str {
        "signedList"
    }

    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        let (digest, key) = (subject.digest().clone(), self.key.clone());
        let want = Want::other("lists", "signed-list", &self.list, MAX_LIST_BYTES);
        one_round("signedList", vec![want], move |blob, _context| judge(blob, &digest, &key))
    }
}

/// The first line is the signature over all that stands below it.
fn judge(blob: &Blob, digest: &Digest, key: &VerifyingKey) -> Result<Evidence, Failure> {
    let malformed = |what: &str| Failure::new(Code::PayloadMalformed, what);
    let text = blob.text().map_err(|_| malformed("the list is not UTF-8"))?;
    let (signature, list) = text.split_once('\n').ok_or_else(|| malformed("the list has no signature"))?;
    let signature = STANDARD.decode(signature).map_err(|_| malformed("the signature is not base64"))?;
    let algorithm = Algorithm::Ecdsa { hash: HashAlgorithm::Sha256, encoding: EcdsaEncoding::Der };
    key.verify(algorithm, list.as_bytes(), &signature)
        .map_err(|_| Failure::new(Code::SignatureInvalid, "the list is not signed by this key, or was changed"))?;
    // From here on the list is believed.
    if !list.lines().any(|line| Digest::parse(line).is_ok_and(|listed| listed == *digest)) {
        return Err(Failure::new(Code::SubjectMismatch, "the digest is not on the list"));
    }
    let signer = Signer::key(Digest::of_sha256(*key.public_key().fingerprint().as_bytes()));
    Ok(Evidence::new(digest.clone(), signer))
}
// ANCHOR_END: verifier

// ANCHOR: store
/// Lists as files in a folder.
#[derive(Debug)]
struct Folder(PathBuf);

#[async_trait]
impl SignatureStore for Folder {
    async fn fetch(&self, _image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let name = want.single_path_segment().ok_or_else(|| StoreError::not_found("no list has such a name"))?;
        let file = File::open(self.0.join(name)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::not_found(format!("there is no list {name}")),
            _ => StoreError::unavailable(error.to_string()),
        })?;
        let mut bytes = Vec::new();
        file.take(want.max_bytes + 1).read_to_end(&mut bytes).map_err(|error| StoreError::unavailable(error.to_string()))?;
        if bytes.len() as u64 > want.max_bytes {
            return Err(StoreError::too_large(want.max_bytes));
        }
        Ok(vec![Blob::new(bytes)])
    }
}
// ANCHOR_END: store

// ANCHOR: use
/// Judges an image under the policy beside this file.
pub(crate) async fn judged(image: &str) -> Result<Verdict, Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/signed_list");
    let scheme = SignedLists { crypto: CryptoSet::rustcrypto() };
    let policy = PolicyLoader::new().with(Arc::new(scheme)).load(&folder.join("policy.yaml"))?;
    let engine = Verimage::builder().offline().store("lists", Arc::new(Folder(folder))).build()?;
    Ok(engine.verify(image, &policy).await?)
}
// ANCHOR_END: use

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for image in std::env::args().skip(1) {
        println!("{}", judged(&image).await?.message);
    }
    Ok(())
}
