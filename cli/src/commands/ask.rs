//! Questions to the place of one image, for the commands that look without judging.

use std::cell::Cell;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use verimage::core::manifest::Manifest;
use verimage::core::{Blob, Place, SignatureStore, StoreError, StoreErrorKind, Want, What};
use verimage::{Digest, ImageRef, Limits, Verimage};

use crate::failure::Failure;
use crate::plan::ImagePlan;
use crate::transport;

/// The store of one image, the name it is asked with, and how much it may send and how long.
pub(crate) struct Questions {
    store: Arc<dyn SignatureStore>,
    reference: ImageRef,
    limits: Limits,
    room: Cell<u64>,
    deadline: Instant,
}

/// What a reference names at this moment.
pub(crate) struct Resolved {
    pub(crate) digest: Digest,
    /// The manifest, or why it is none.
    pub(crate) manifest: Result<Manifest, String>,
}

impl Questions {
    pub(crate) fn open(image: &ImagePlan) -> Result<Self, Failure> {
        let engine: Verimage = transport::engine(&image.transport)?;
        let store = engine.store_for(&image.argument.source);
        let limits = engine.limits().clone();
        let deadline = Instant::now() + image.transport.timeout;
        Ok(Self { store, reference: image.reference.clone(), room: Cell::new(limits.total_bytes), limits, deadline })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn want(&self, place: Place, what: What) -> Want {
        let max_bytes = match what {
            What::Blob(_) => self.limits.payload_bytes,
            _ => self.limits.manifest_bytes,
        };
        Want { place, what, max_bytes }
    }

    pub(crate) fn describe(&self, want: &Want) -> String {
        want.describe(&self.reference)
    }

    pub(crate) async fn ask(&self, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let bounded = Want { max_bytes: want.max_bytes.min(self.room.get()), ..want.clone() };
        let late = |_| StoreError::new(StoreErrorKind::DeadlineExceeded, "no answer in time");
        let blobs = timeout_at(self.deadline, self.store.fetch(&self.reference, &bounded)).await.map_err(late)??;
        let size = blobs.iter().map(|blob| blob.bytes().len() as u64).sum();
        self.room.set(self.room.get().saturating_sub(size));
        Ok(blobs)
    }

    pub(crate) async fn ask_one(&self, want: &Want) -> Result<Blob, StoreError> {
        self.ask(want).await?.into_iter().next().ok_or_else(|| StoreError::unavailable("the answer is empty"))
    }

    /// What the reference names.
    pub(crate) async fn resolve(&self) -> Result<Resolved, Failure> {
        let want = self.want(Place::Image, What::Resolve);
        let blob = self.ask_one(&want).await.map_err(|error| Failure::of_image(&self.describe(&want), &error))?;
        let digest = match self.reference.digest() {
            Some(digest) if digest.matches(blob.bytes()) => digest.clone(),
            Some(digest) => {
                let error = StoreError::unavailable(format!("the answer does not have the digest {digest}"));
                return Err(Failure::of_image(&self.describe(&want), &error));
            }
            None => Digest::sha256(blob.bytes()),
        };
        Ok(Resolved { digest, manifest: Manifest::parse(blob.bytes()) })
    }
}

impl Resolved {
    /// `manifest` or `index`.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        self.manifest.as_ref().ok().map(|manifest| match manifest {
            Manifest::Image(_) => "manifest",
            Manifest::Index(_) => "index",
        })
    }
}
