//! The transport `dir:` of skopeo: one image as a folder.

use std::path::{Path, PathBuf};

use verimage_core::{Blob, Digest, ImageRef, SignatureStore, StoreError, Want, What, async_trait};

use crate::file;

/// Bytes of a manifest that is looked at to know whose signatures are meant.
const MANIFEST_BYTES: u64 = 4 << 20;

/// A folder with `manifest.json`, blobs named by their digits, and `signature-<N>` beside them; the manifests of an index are
/// `<digits>.manifest.json`, and their signatures `<digits>.signature-<N>`.
#[derive(Clone, Debug)]
pub struct DirStore {
    folder: PathBuf,
}

impl DirStore {
    /// The image in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    async fn read(&self, name: &str, max_bytes: u64) -> Result<Blob, StoreError> {
        file::read(self.folder.join(name), max_bytes).await
    }

    async fn manifest(&self, max_bytes: u64) -> Result<Blob, StoreError> {
        self.read("manifest.json", max_bytes).await
    }

    /// A manifest by digest: the image itself, or one of its index.
    async fn by_digest(&self, digest: &Digest, max_bytes: u64) -> Result<Blob, StoreError> {
        let own = self.manifest(max_bytes).await?;
        if digest.matches(own.bytes()) { Ok(own) } else { self.read(&format!("{}.manifest.json", name(digest)), max_bytes).await }
    }

    async fn signature(&self, digest: &Digest, index: u32, max_bytes: u64) -> Result<Blob, StoreError> {
        // Whose the signatures without a name are, the manifest says.
        let own = self.manifest(MANIFEST_BYTES).await?;
        let prefix = if digest.matches(own.bytes()) { String::new() } else { format!("{}.", name(digest)) };
        self.read(&format!("{prefix}signature-{index}"), max_bytes).await
    }
}

/// The digits; of other algorithms than SHA-256 with the name before them.
fn name(digest: &Digest) -> String {
    match digest.algorithm().name() {
        "sha256" => digest.hex(),
        algorithm => format!("{algorithm}-{}", digest.hex()),
    }
}

#[async_trait]
impl SignatureStore for DirStore {
    async fn fetch(&self, _image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let max_bytes = want.max_bytes;
        let blob = match &want.what {
            What::Resolve => self.manifest(max_bytes).await?,
            What::Manifest(digest) => self.by_digest(digest, max_bytes).await?,
            What::Blob(digest) => self.read(&name(digest), max_bytes).await?,
            What::Lookaside { digest, index } => self.signature(digest, *index, max_bytes).await?,
            What::SignatureList(_) => return Err(StoreError::not_found("a folder has no signature extension")),
            What::ManifestByTag(_) => return Err(StoreError::not_found("a folder has no tags")),
            What::Referrers { .. } => return Ok(Vec::new()),
            _ => return Err(StoreError::unavailable("a folder cannot answer this")),
        };
        Ok(vec![blob])
    }
}
