//! Where signatures of a digest are: the tag scheme of cosign (cosign `SIGNATURE_SPEC.md`, "Discovery").

use verimage_core::manifest::{ImageManifest, Manifest};
use verimage_core::policy::Store;
use verimage_core::{Digest, Failure, Limits, Tag, Want, What};

use crate::failure::malformed;

/// The tag of the signature manifest in each store.
pub(crate) fn signature_manifests(stores: &[Store], digest: &Digest, limits: &Limits) -> Vec<Want> {
    let tag_of = |prefix: &str| Tag::of_digest(digest, prefix, ".sig").ok();
    let wants = stores.iter().filter_map(|store| match store {
        Store::Tag { place, prefix } => {
            let what = What::ManifestByTag(tag_of(prefix)?);
            Some(Want { place: place.clone(), what, max_bytes: limits.manifest_bytes })
        }
        _ => None,
    });
    wants.fold(Vec::new(), |mut unique, want| {
        if !unique.contains(&want) {
            unique.push(want);
        }
        unique
    })
}

/// The payload of one layer of a signature manifest.
pub(crate) fn payload(manifest: &Want, digest: &Digest, limits: &Limits) -> Want {
    Want { place: manifest.place.clone(), what: What::Blob(digest.clone()), max_bytes: limits.payload_bytes }
}

/// Reads a signature manifest: an image manifest, OCI or Docker.
pub(crate) fn read_manifest(bytes: &[u8]) -> Result<ImageManifest, Failure> {
    match Manifest::parse(bytes) {
        Ok(Manifest::Image(manifest)) => Ok(manifest),
        Ok(Manifest::Index(_)) => Err(malformed("the signature manifest is an index")),
        Err(reason) => Err(malformed(reason)),
    }
}
