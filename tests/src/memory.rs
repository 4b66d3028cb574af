//! A registry in memory.

use std::collections::HashMap;

use serde_json::{Value, json};
use verimage::core::{Blob, SignatureStore, StoreError, Want, What, async_trait};
use verimage::{Digest, ImageRef};

/// Manifests by tag and by digest, blobs, lists of referrers, and a lookaside.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// What tags name.
    pub tags: HashMap<String, Vec<u8>>,
    /// What every other tag names.
    pub any_tag: Option<Vec<u8>>,
    /// Manifests by their digests.
    pub manifests: HashMap<String, Vec<u8>>,
    /// Blobs by their digests.
    pub blobs: HashMap<String, Vec<u8>>,
    /// The descriptors of what refers to a digest.
    pub referrers: HashMap<String, Vec<Value>>,
    /// GPG signatures of a digest, by the numbers of their files.
    pub signatures: HashMap<(String, u32), Vec<u8>>,
}

impl MemoryStore {
    /// Adds a blob.
    pub fn add_blob(&mut self, bytes: Vec<u8>) {
        self.blobs.insert(digest(&bytes), bytes);
    }

    /// Adds a manifest that a tag names.
    pub fn add_tag(&mut self, tag: &str, bytes: Vec<u8>) {
        self.tags.insert(tag.to_owned(), bytes);
    }

    /// Adds the manifest of a referrer, and lists it.
    pub fn add_referrer(&mut self, subject: &str, artifact_type: &str, annotations: &Value, manifest: Vec<u8>) {
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        entry["artifactType"] = Value::from(artifact_type);
        entry["annotations"] = annotations.clone();
        self.referrers.entry(subject.to_owned()).or_default().push(entry);
        self.manifests.insert(digest(&manifest), manifest);
    }

    fn page(&self, subject: &Digest) -> Vec<u8> {
        let entries = self.referrers.get(&subject.to_string()).cloned().unwrap_or_default();
        json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}).to_string().into_bytes()
    }
}

/// The digest of bytes, as text.
pub fn digest(bytes: &[u8]) -> String {
    Digest::sha256(bytes).to_string()
}

/// What a manifest says about content.
pub fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(content), "size": content.len()})
}

#[async_trait]
impl SignatureStore for MemoryStore {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let bytes = match &want.what {
            What::Resolve => match (image.digest(), image.tag()) {
                (Some(digest), _) => self.manifests.get(&digest.to_string()).cloned(),
                (None, tag) => tag.and_then(|tag| self.tags.get(tag.as_str())).or(self.any_tag.as_ref()).cloned(),
            },
            What::ManifestByTag(tag) => self.tags.get(tag.as_str()).cloned(),
            What::Manifest(digest) => self.manifests.get(&digest.to_string()).cloned(),
            What::Blob(digest) => self.blobs.get(&digest.to_string()).cloned(),
            What::Referrers { subject, .. } => Some(self.page(subject)),
            What::Lookaside { digest, index } => self.signatures.get(&(digest.to_string(), *index)).cloned(),
            _ => None,
        };
        bytes.map(|bytes| vec![Blob::new(bytes)]).ok_or_else(|| StoreError::not_found("it is not part of the case"))
    }
}
