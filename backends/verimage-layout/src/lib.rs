#![doc = include_str!("../docs.md")]

mod files;
mod index;

use std::path::Path;
use std::sync::Arc;

use verimage_core::manifest::Manifest;
use verimage_core::{Blob, Digest, ImageRef, Limits, Place, SignatureStore, StoreError, StoreErrorKind, Tag, Want, What, async_trait};

use crate::files::Files;
use crate::index::{Entry, LayoutIndex};

/// Which image of a layout is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The only one.
    Only,
    /// The one with this name: the whole of its `ref.name`, or what stands behind its last colon.
    Name(String),
    /// The one with this digest.
    Digest(Digest),
}

/// One image of a layout, with everything that the layout holds about it.
#[derive(Clone, Debug)]
pub struct LayoutStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Files,
    index: LayoutIndex,
    selector: Selector,
}

impl LayoutStore {
    /// Opens a layout folder.
    ///
    /// # Errors
    /// [`LayoutError`] if it is none, or its index cannot be read.
    pub fn open_folder(path: &Path, selector: Selector) -> Result<Self, LayoutError> {
        Self::open(Files::folder(path), selector)
    }

    /// Opens a tar archive of a layout. The archive is indexed, not read into memory.
    ///
    /// # Errors
    /// [`LayoutError`] if it is none, or its index cannot be read.
    pub fn open_archive(path: &Path, selector: Selector) -> Result<Self, LayoutError> {
        Self::open(Files::archive(path)?, selector)
    }

    fn open(files: Files, selector: Selector) -> Result<Self, LayoutError> {
        let limits = Limits::default();
        index::check_marker(&files.read(files::MARKER, 4096).map_err(LayoutError::from)?)?;
        let index = LayoutIndex::parse(&files.read(files::INDEX, limits.manifest_bytes).map_err(LayoutError::from)?)?;
        Ok(Self { inner: Arc::new(Inner { files, index, selector }) })
    }
}

#[async_trait]
impl SignatureStore for LayoutStore {
    async fn fetch(&self, _image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let (inner, want) = (self.inner.clone(), want.clone());
        let task = tokio::task::spawn_blocking(move || inner.fetch(&want));
        task.await.unwrap_or_else(|_| Err(StoreError::unavailable("reading the layout was interrupted")))
    }
}

impl Inner {
    fn fetch(&self, want: &Want) -> Result<Vec<Blob>, StoreError> {
        if matches!(want.place, Place::Store(_)) {
            return Err(StoreError::unavailable("a layout holds no such store"));
        }
        match &want.what {
            What::Resolve => match &self.selector {
                Selector::Digest(digest) => self.blob(digest, want.max_bytes),
                selector => self.manifest(self.index.select(selector)?, want.max_bytes),
            },
            What::ManifestByTag(tag) => self.manifest(self.tagged(tag)?, want.max_bytes),
            What::Manifest(digest) | What::Blob(digest) => self.blob(digest, want.max_bytes),
            What::Referrers { subject, .. } => self.referrers(subject, want.max_bytes),
            What::Lookaside { .. } | What::SignatureList(_) => Err(StoreError::not_found("a layout holds no GPG signatures")),
            _ => Err(StoreError::unavailable("a layout cannot answer this")),
        }
    }

    fn tagged(&self, tag: &Tag) -> Result<&Entry, StoreError> {
        let absent = || StoreError::not_found(format!("the layout has no `{tag}`"));
        self.index.named(tag.as_str())?.or_else(|| self.index.saved_by_cosign(tag)).ok_or_else(absent)
    }

    /// A manifest that the index lists and that is not there is a damaged layout, not an absent signature.
    fn manifest(&self, entry: &Entry, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
        self.blob(&entry.digest, max_bytes).map_err(|error| match error.kind {
            StoreErrorKind::NotFound => StoreError::unavailable(format!("the index lists {}, but it is not there", entry.digest)),
            _ => error,
        })
    }

    fn blob(&self, digest: &Digest, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
        let bytes = self.files.read(&files::blob_name(digest), max_bytes)?;
        if digest.matches(&bytes) {
            Ok(vec![Blob::new(bytes)])
        } else {
            Err(StoreError::unavailable(format!("the file of {digest} has other bytes")))
        }
    }

    /// The index that registries without the Referrers API keep under a tag, if it was copied along.
    fn referrers_tag(&self, subject: &Digest, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
        let tag = Tag::of_digest(subject, "", "").ok();
        match tag.and_then(|tag| self.index.named(tag.as_str()).transpose()).transpose()? {
            Some(entry) => self.manifest(entry, max_bytes),
            None => Ok(Vec::new()),
        }
    }

    /// Manifests of the index that refer to `subject`, as one page of the Referrers API.
    fn referrers(&self, subject: &Digest, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
        let mut room = max_bytes;
        let mut found = Vec::new();
        for entry in self.index.entries() {
            let blobs = match self.blob(&entry.digest, room) {
                Err(error) if error.kind == StoreErrorKind::NotFound => continue,
                other => other?,
            };
            let Some(blob) = blobs.first() else { continue };
            room = room.saturating_sub(blob.bytes().len() as u64);
            if let Ok(Manifest::Image(manifest)) = Manifest::parse(blob.bytes())
                && manifest.subject.as_ref().is_some_and(|found| found.digest == *subject)
            {
                found.push(entry.as_referrer(&manifest));
            }
        }
        let mut pages = vec![Blob::new(index::referrers_page(&found))];
        pages.extend(self.referrers_tag(subject, room)?);
        Ok(pages)
    }
}

/// Why a layout cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A file is missing, too large or not readable.
    #[error("the layout cannot be read: {0}")]
    Unreadable(StoreError),
    /// A file has not the form that the specification gives it.
    #[error("this is no OCI image layout: {0}")]
    Malformed(String),
}

impl From<StoreError> for LayoutError {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error)
    }
}
