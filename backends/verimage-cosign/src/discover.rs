//! Where signatures of a digest are: cosign's tags (`SIGNATURE_SPEC.md`, "Discovery") and referrers (OCI distribution
//! specification 1.1, "Listing Referrers").

use verimage_core::manifest::{Descriptor, ImageManifest, Index, Manifest};
use verimage_core::policy::Store;
use verimage_core::{Digest, Failure, Limits, Place, Subject, Tag, Want, What};

use crate::bundle::{MEDIA_TYPE_PREFIX, SIGN_PREDICATE};
use crate::config::Format;
use crate::failure::{malformed, no_tag};

/// A manifest of a referrer is small; larger ones that do not call themselves a bundle are somebody else's.
const SMALL_REFERRER_BYTES: u64 = 16 << 10;
/// What cosign writes beside a bundle, so that readers need not fetch it to know what it says.
const PREDICATE_ANNOTATION: &str = "dev.sigstore.bundle.predicateType";

/// The first questions: the signature manifest and the referrers in each store, each once.
pub(crate) fn first_wants(stores: &[Store], format: Format, subject: &Subject, limits: &Limits) -> Result<Vec<Want>, (Want, Failure)> {
    let mut wants: Vec<Want> = Vec::new();
    for store in stores {
        let (place, tag_prefix, referrers) = match store {
            Store::Auto(place) => (place, Some(""), true),
            Store::Referrers(place) => (place, None, true),
            Store::Tag { place, prefix } => (place, Some(prefix.as_str()), false),
            _ => continue,
        };
        let place = own_place(place, subject);
        let want = |what| Want { place: place.clone(), what, max_bytes: limits.manifest_bytes };
        if let Some(prefix) = tag_prefix.filter(|_| format != Format::Bundle) {
            let tag = Tag::of_digest(subject.digest(), prefix, ".sig")
                .map_err(|_| (want(What::Manifest(subject.digest().clone())), no_tag(subject.digest(), prefix)))?;
            wants.push(want(What::ManifestByTag(tag)));
        }
        if referrers && format != Format::SimpleSigning {
            wants.push(want(What::Referrers { subject: subject.digest().clone(), artifact_type: None }));
        }
    }
    wants.sort();
    wants.dedup();
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

/// The manifest of a referrer.
pub(crate) fn referrer(page: &Want, digest: &Digest, limits: &Limits) -> Want {
    Want { place: page.place.clone(), what: What::Manifest(digest.clone()), max_bytes: limits.manifest_bytes }
}

/// The bundle of a referrer.
pub(crate) fn bundle(manifest: &Want, digest: &Digest, limits: &Limits) -> Want {
    Want { place: manifest.place.clone(), what: What::Blob(digest.clone()), max_bytes: limits.envelope_bytes }
}

/// Reads a signature manifest: an image manifest, OCI or Docker.
pub(crate) fn read_manifest(bytes: &[u8]) -> Result<ImageManifest, Failure> {
    match Manifest::parse(bytes) {
        Ok(Manifest::Image(manifest)) => Ok(manifest),
        Ok(Manifest::Index(_)) => Err(malformed("the signature manifest is an index")),
        Err(reason) => Err(malformed(reason)),
    }
}

/// Reads one page of a list of referrers.
pub(crate) fn read_page(bytes: &[u8]) -> Result<Index, Failure> {
    match Manifest::parse(bytes) {
        Ok(Manifest::Index(index)) => Ok(index),
        Ok(Manifest::Image(_)) => Err(malformed("the list of referrers is no index")),
        Err(reason) => Err(malformed(reason)),
    }
}

/// Whether a referrer may be a bundle with an image signature. Some registries give the type of the configuration in
/// place of the artifact's, so a small manifest of unknown type is looked at; what cosign says the bundle states is a
/// hint that can only hide it.
pub(crate) fn may_be_signature(entry: &Descriptor) -> bool {
    let stated = entry.annotations.get(PREDICATE_ANNOTATION);
    let bundle = entry.artifact_type.as_deref().is_some_and(|kind| kind.starts_with(MEDIA_TYPE_PREFIX));
    let unknown = entry.artifact_type.as_deref().is_none_or(|kind| kind.starts_with("application/vnd.oci."));
    (bundle || (unknown && entry.size <= SMALL_REFERRER_BYTES)) && stated.is_none_or(|stated| stated == SIGN_PREDICATE)
}

/// The bundle in the manifest of a referrer; `None` if the referrer is something else.
pub(crate) fn bundle_layer(manifest: ImageManifest, subject: &Subject) -> Result<Option<Descriptor>, Failure> {
    let stated = manifest.annotations.get(PREDICATE_ANNOTATION).cloned();
    let mut layers = manifest.layers.into_iter();
    let layer = match (layers.next(), layers.next()) {
        (Some(layer), None) if layer.media_type.starts_with(MEDIA_TYPE_PREFIX) => layer,
        _ => return Ok(None),
    };
    if stated.is_some_and(|stated| stated != SIGN_PREDICATE) {
        return Ok(None);
    }
    match manifest.subject {
        Some(named) if named.digest == *subject.digest() => Ok(Some(layer)),
        Some(named) => Err(malformed(format!("the referrer's manifest refers to {}, not {}", named.digest, subject.digest()))),
        None => Err(malformed("the referrer's manifest refers to nothing")),
    }
}
