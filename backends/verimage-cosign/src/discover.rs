//! Where signatures of a digest are: the tag scheme of cosign (cosign `SIGNATURE_SPEC.md`, "Discovery").

use verimage_core::manifest::{ImageManifest, Manifest};
use verimage_core::policy::Store;
use verimage_core::{Digest, Failure, Limits, Place, Subject, Tag, Want, What};

use crate::failure::{malformed, no_tag};

/// The tag of the signature manifest in each store, each place once.
pub(crate) fn signature_manifests(stores: &[Store], subject: &Subject, limits: &Limits) -> Result<Vec<Want>, (Want, Failure)> {
    let mut wants: Vec<Want> = Vec::new();
    for store in stores {
        let Store::Tag { place, prefix } = store else { continue };
        let place = own_place(place, subject);
        let want = |what| Want { place: place.clone(), what, max_bytes: limits.manifest_bytes };
        let tag = Tag::of_digest(subject.digest(), prefix, ".sig")
            .map_err(|_| (want(What::Manifest(subject.digest().clone())), no_tag(subject.digest(), prefix)))?;
        let want = want(What::ManifestByTag(tag));
        if !wants.contains(&want) {
            wants.push(want);
        }
    }
    Ok(wants)
}

/// A store that names the image's own repository is the image's own place.
fn own_place(place: &Place, subject: &Subject) -> Place {
    match place {
        Place::Repository(repository) if *repository == subject.reference().repository() => Place::Image,
        other => other.clone(),
    }
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
