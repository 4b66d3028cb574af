//! Signatures and attestations as cosign 1 and 2 store them: layers whose annotations hold the evidence.

use serde_json::{Map, Value, json};

use super::key::{base64, pem};
use super::rekor::Entry;
use super::signed::{Form, Signed};
use crate::memory::{MemoryStore, descriptor};

/// The type of a layer with an image signature.
pub const PAYLOAD_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The type of a layer with an attestation.
pub const ENVELOPE_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

/// A layer, and the blob in it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The media type.
    pub media_type: String,
    /// The content.
    pub blob: Vec<u8>,
    /// The annotations.
    pub annotations: Map<String, Value>,
}

impl Layer {
    /// The layer that holds what was signed. Annotations take one entry and one token, the first of each.
    pub fn new(signed: &Signed) -> Self {
        let attests = signed.form == Form::LegacyEnvelope;
        let mut annotations = Map::new();
        let mut note = |name: &str, text: String| annotations.insert(name.to_owned(), Value::from(text));
        note("dev.cosignproject.cosign/signature", if attests { String::new() } else { base64(&signed.signature) });
        if let Some(der) = &signed.certificate {
            note("dev.sigstore.cosign/certificate", pem("CERTIFICATE", der));
            note("dev.sigstore.cosign/chain", signed.chain.iter().map(|der| pem("CERTIFICATE", der)).collect());
        }
        if let Some(entry) = signed.entries.first() {
            note("dev.sigstore.cosign/bundle", entry_annotation(entry).to_string());
        }
        if let Some(token) = signed.tokens.first() {
            note("dev.sigstore.cosign/rfc3161timestamp", json!({"SignedRFC3161Timestamp": base64(token)}).to_string());
        }
        if let Some(kind) = predicate_type(&signed.payload).filter(|_| attests) {
            note("predicateType", kind);
        }
        let (media_type, blob) = match attests {
            true => (ENVELOPE_TYPE, signed.envelope().to_string().into_bytes()),
            false => (PAYLOAD_TYPE, signed.payload.clone()),
        };
        Self { media_type: media_type.to_owned(), blob, annotations }
    }

    /// With another text in an annotation.
    pub fn annotated(mut self, name: &str, text: &str) -> Self {
        self.annotations.insert(name.to_owned(), Value::from(text));
        self
    }

    /// The text of an annotation.
    pub fn annotation(&self, name: &str) -> &str {
        self.annotations.get(name).and_then(Value::as_str).expect("an annotation")
    }

    fn descriptor(&self) -> Value {
        let mut descriptor = descriptor(&self.media_type, &self.blob);
        descriptor["annotations"] = Value::Object(self.annotations.clone());
        descriptor
    }
}

/// The text of an entry in an annotation.
pub fn entry_annotation(entry: &Entry) -> Value {
    let promise = entry.promise.as_deref().map(base64).unwrap_or_default();
    json!({"SignedEntryTimestamp": promise, "Payload": {
        "body": base64(&entry.body),
        "integratedTime": entry.time,
        "logIndex": entry.index,
        "logID": hex::encode(&entry.log_id),
    }})
}

/// What the annotation says about a statement that can be read.
fn predicate_type(statement: &[u8]) -> Option<String> {
    let statement: Value = serde_json::from_slice(statement).ok()?;
    Some(statement["predicateType"].as_str()?.to_owned())
}

/// The manifest over these layers.
pub fn manifest(layers: &[Layer]) -> Value {
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", b"{}"),
        "layers": layers.iter().map(Layer::descriptor).collect::<Vec<_>>()})
}

/// Puts layers below the tag of the image's signatures.
pub fn put_signatures(store: &mut MemoryStore, image: &str, layers: &[Layer]) {
    put(store, image, "sig", layers);
}

/// Puts layers below the tag of the image's attestations.
pub fn put_attestations(store: &mut MemoryStore, image: &str, layers: &[Layer]) {
    put(store, image, "att", layers);
}

fn put(store: &mut MemoryStore, image: &str, suffix: &str, layers: &[Layer]) {
    for layer in layers {
        store.add_blob(layer.blob.clone());
    }
    store.add_tag(&format!("{}.{suffix}", image.replace(':', "-")), manifest(layers).to_string().into_bytes());
}
