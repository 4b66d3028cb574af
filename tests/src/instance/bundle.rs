//! Sigstore bundles, versions 0.1 to 0.3, and the referrers that hold them.

use serde_json::{Map, Value, json};

use super::body::proto_name;
use super::key::base64;
use super::rekor::{Entry, Proof};
use super::signed::{Form, Signed};
use crate::memory::{MemoryStore, descriptor};

/// The type of a bundle of version 0.3.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 0.1: a chain of certificates; promises.
    V01,
    /// 0.2: a chain of certificates; proofs.
    V02,
    /// 0.3: one certificate; proofs.
    V03,
}

impl Version {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::V01 => "application/vnd.dev.sigstore.bundle+json;version=0.1",
            Self::V02 => "application/vnd.dev.sigstore.bundle+json;version=0.2",
            Self::V03 => BUNDLE_TYPE,
        }
    }
}

/// The bundle of what was signed.
pub fn bundle(signed: &Signed, version: Version) -> Value {
    let mut material = key_material(signed, version);
    material.insert("tlogEntries".to_owned(), signed.entries.iter().map(|entry| entry_json(entry, version)).collect());
    if !signed.tokens.is_empty() {
        let tokens: Vec<_> = signed.tokens.iter().map(|token| json!({"signedTimestamp": base64(token)})).collect();
        material.insert("timestampVerificationData".to_owned(), json!({"rfc3161Timestamps": tokens}));
    }
    let mut bundle = json!({"mediaType": version.media_type(), "verificationMaterial": material});
    if signed.form == Form::Message {
        let digest = json!({"algorithm": proto_name(signed.hash), "digest": base64(&signed.hash.of(&signed.payload))});
        bundle["messageSignature"] = json!({"messageDigest": digest, "signature": base64(&signed.signature)});
    } else {
        bundle["dsseEnvelope"] = signed.envelope();
    }
    bundle
}

fn key_material(signed: &Signed, version: Version) -> Map<String, Value> {
    let raw = |der: &Vec<u8>| json!({"rawBytes": base64(der)});
    let (field, value) = match (&signed.certificate, version) {
        (None, _) => ("publicKey", json!({"hint": base64(&signed.key.id())})),
        (Some(leaf), Version::V03) => ("certificate", raw(leaf)),
        (Some(leaf), _) => {
            let certificates: Vec<_> = [leaf].into_iter().chain(&signed.chain).map(raw).collect();
            ("x509CertificateChain", json!({"certificates": certificates}))
        }
    };
    Map::from_iter([(field.to_owned(), value)])
}

/// An entry; what is zero or absent is left out, as signers do.
fn entry_json(entry: &Entry, version: Version) -> Value {
    let mut value = json!({
        "logIndex": entry.index.to_string(),
        "logId": {"keyId": base64(&entry.log_id)},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
        "canonicalizedBody": base64(&entry.body),
    });
    if entry.time != 0 {
        value["integratedTime"] = Value::from(entry.time.to_string());
    }
    if let Some(promise) = &entry.promise {
        value["inclusionPromise"] = json!({"signedEntryTimestamp": base64(promise)});
    }
    if let Some(proof) = entry.proof.as_ref().filter(|_| version != Version::V01) {
        value["inclusionProof"] = proof_json(proof);
    }
    value
}

fn proof_json(proof: &Proof) -> Value {
    json!({
        "logIndex": proof.index.to_string(),
        "rootHash": base64(&proof.root),
        "treeSize": proof.size.to_string(),
        "hashes": proof.hashes.iter().map(|hash| base64(hash)).collect::<Vec<_>>(),
        "checkpoint": {"envelope": proof.checkpoint},
    })
}

/// A referrer: the manifest over one bundle.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// The bundle as it is stored.
    pub blob: Vec<u8>,
    /// The type of manifest and layer.
    pub media_type: String,
    /// The image that the manifest refers to.
    pub subject: String,
    /// What the annotations say about the statement.
    pub predicate_type: Option<String>,
}

impl Referrer {
    /// The referrer that cosign 3 writes.
    pub fn new(bundle: &Value, image: &str) -> Self {
        let media_type = bundle["mediaType"].as_str().unwrap_or(BUNDLE_TYPE).to_owned();
        Self { blob: bundle.to_string().into_bytes(), media_type, subject: image.to_owned(), predicate_type: None }
    }

    /// The manifest.
    pub fn manifest(&self) -> Value {
        let mut annotations =
            json!({"dev.sigstore.bundle.content": "dsse-envelope", "org.opencontainers.image.created": "2026-01-01T00:01:00Z"});
        if let Some(kind) = &self.predicate_type {
            annotations["dev.sigstore.bundle.predicateType"] = Value::from(kind.as_str());
        }
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": self.media_type,
            "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [descriptor(&self.media_type, &self.blob)],
            "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": self.subject, "size": 2},
            "annotations": annotations})
    }

    /// Puts it into a store: as a blob, a manifest, and an entry in the image's list of referrers.
    pub fn put(&self, store: &mut MemoryStore, image: &str) {
        store.add_blob(self.blob.clone());
        let manifest = self.manifest();
        store.add_referrer(image, &self.media_type, &manifest["annotations"], manifest.to_string().into_bytes());
    }
}

/// Puts bundles beside an image, one referrer each.
pub fn put_bundles(store: &mut MemoryStore, image: &str, bundles: &[Value]) {
    for bundle in bundles {
        Referrer::new(bundle, image).put(store, image);
    }
}
