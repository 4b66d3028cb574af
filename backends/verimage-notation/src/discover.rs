//! Where signatures are: among the referrers of the image (signature specification, "Storage").

use notation_rs::manifest::{ARTIFACT_TYPE, SignatureManifest};
use verimage_core::manifest::{Descriptor, Index, Manifest};
use verimage_core::{Digest, Failure, Limits, Place, Subject, Want, What};

use crate::failure::malformed;

/// The first question.
pub(crate) fn referrers(subject: &Subject, limits: &Limits) -> Want {
    let what = What::Referrers { subject: subject.digest().clone(), artifact_type: Some(ARTIFACT_TYPE.to_owned()) };
    Want { place: Place::Image, what, max_bytes: limits.manifest_bytes }
}

/// The manifest of a signature.
pub(crate) fn manifest(digest: &Digest, limits: &Limits) -> Want {
    Want { place: Place::Image, what: What::Manifest(digest.clone()), max_bytes: limits.manifest_bytes }
}

/// The envelope of a signature.
pub(crate) fn envelope(digest: &Digest, limits: &Limits) -> Want {
    Want { place: Place::Image, what: What::Blob(digest.clone()), max_bytes: limits.envelope_bytes }
}

/// Reads one page of a list of referrers.
pub(crate) fn read_page(bytes: &[u8]) -> Result<Index, Failure> {
    match Manifest::parse(bytes) {
        Ok(Manifest::Index(index)) => Ok(index),
        Ok(Manifest::Image(_)) => Err(malformed("the list of referrers is no index")),
        Err(reason) => Err(malformed(reason)),
    }
}

/// Whether a referrer may be a signature. Lists below the referrers tag may say nothing of the artifact's type, or the type
/// of its configuration.
pub(crate) fn may_be_signature(entry: &Descriptor) -> bool {
    entry.artifact_type.as_deref().is_none_or(|kind| kind == ARTIFACT_TYPE || kind.starts_with("application/vnd.oci."))
}

/// The manifest of a signature of this image; nothing if it is another artifact.
pub(crate) fn read_manifest(bytes: &[u8], subject: &Subject) -> Result<Option<SignatureManifest>, Failure> {
    let manifest = match SignatureManifest::parse(bytes) {
        Ok(manifest) => manifest,
        Err(notation_rs::manifest::ManifestError::NotSignature) => return Ok(None),
        Err(error) => return Err(malformed(error.to_string())),
    };
    let named = &manifest.subject;
    let same = named.digest == subject.digest().to_string()
        && subject.size().is_none_or(|size| size == named.size)
        && subject.media_type().is_none_or(|kind| kind == named.media_type);
    if same { Ok(Some(manifest)) } else { Err(malformed(format!("the signature's manifest refers to {}, not to the image", named.digest))) }
}
