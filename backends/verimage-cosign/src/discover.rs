//! Where signatures of a digest are: cosign's tags (`SIGNATURE_SPEC.md`, "Discovery") and referrers (OCI distribution
//! specification 1.1, "Listing Referrers").

use verimage_core::manifest::{Descriptor, ImageManifest, Index, Manifest};
use verimage_core::policy::{Attestation, Store};
use verimage_core::{Digest, Failure, Limits, Place, Subject, Tag, Want, What};

use crate::bundle::{MEDIA_TYPE_PREFIX, SIGN_PREDICATE};
use crate::config::Format;
use crate::envelope::{ENVELOPE_MEDIA_TYPE, SIMPLE_SIGNING_MEDIA_TYPE};
use crate::failure::{foreign_layer, malformed, no_tag};

/// A manifest of a referrer is small; larger ones that do not call themselves ours are somebody else's.
const SMALL_REFERRER_BYTES: u64 = 16 << 10;
/// What cosign writes beside a bundle, so that readers need not fetch it to know what it says.
const BUNDLE_PREDICATE_ANNOTATION: &str = "dev.sigstore.bundle.predicateType";
/// The same beside an envelope.
const ENVELOPE_PREDICATE_ANNOTATION: &str = "predicateType";
/// The artifact types under which cosign 2 put signatures and attestations among the referrers.
const SIGNATURE_ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
const ATTESTATION_ARTIFACT: &str = "application/vnd.in-toto+json";

/// What is looked for: signatures of the image, or attestations of one type about it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sought<'a> {
    Signature,
    Attestation(&'a Attestation),
}

impl Sought<'_> {
    fn tag_suffix(self) -> &'static str {
        match self {
            Self::Signature => ".sig",
            Self::Attestation(_) => ".att",
        }
    }

    fn predicate(&self) -> &str {
        match self {
            Self::Signature => SIGN_PREDICATE,
            Self::Attestation(attestation) => attestation.predicate_type(),
        }
    }

    /// The form of a layer of a manifest below the tag, or of a referrer of cosign 2.
    fn layer(self) -> (&'static str, Form) {
        match self {
            Self::Signature => (SIMPLE_SIGNING_MEDIA_TYPE, Form::Payload),
            Self::Attestation(_) => (ENVELOPE_MEDIA_TYPE, Form::Envelope),
        }
    }

    fn artifact_type(self) -> &'static str {
        match self {
            Self::Signature => SIGNATURE_ARTIFACT,
            Self::Attestation(_) => ATTESTATION_ARTIFACT,
        }
    }
}

/// The form of a signature, which says how it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A simple-signing payload, its signature among the annotations.
    Payload,
    /// A DSSE envelope, its evidence among the annotations.
    Envelope,
    /// A bundle with everything in it.
    Bundle,
}

/// The first questions: the signature manifest and the referrers in each store, each once.
pub(crate) fn first_wants(
    stores: &[Store],
    format: Format,
    sought: Sought<'_>,
    subject: &Subject,
    limits: &Limits,
) -> Result<Vec<Want>, (Want, Failure)> {
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
            let tag = Tag::of_digest(subject.digest(), prefix, sought.tag_suffix())
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

/// The manifest of a referrer.
pub(crate) fn referrer(page: &Want, digest: &Digest, limits: &Limits) -> Want {
    Want { place: page.place.clone(), what: What::Manifest(digest.clone()), max_bytes: limits.manifest_bytes }
}

/// The blob of a layer of a manifest.
pub(crate) fn blob(manifest: &Want, layer: &Descriptor, form: Form, limits: &Limits) -> Want {
    let max_bytes = if form == Form::Payload { limits.payload_bytes } else { limits.envelope_bytes };
    Want { place: manifest.place.clone(), what: What::Blob(layer.digest.clone()), max_bytes }
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

/// Whether a referrer may be what is sought. Some registries give the type of the configuration in place of the
/// artifact's, so a small manifest of unknown type is looked at; what is said of the predicate is a hint that can only hide.
pub(crate) fn may_be_sought(entry: &Descriptor, sought: Sought<'_>) -> bool {
    let stated = entry.annotations.get(BUNDLE_PREDICATE_ANNOTATION);
    let kind = entry.artifact_type.as_deref();
    let ours = kind.is_some_and(|kind| kind.starts_with(MEDIA_TYPE_PREFIX) || kind == sought.artifact_type());
    let unknown = kind.is_none_or(|kind| kind.starts_with("application/vnd.oci."));
    (ours || (unknown && entry.size <= SMALL_REFERRER_BYTES)) && stated.is_none_or(|stated| stated == sought.predicate())
}

/// A layer that may be what is sought: which one, and in which form.
pub(crate) type Found = (usize, Descriptor, Form);

/// The layers of a manifest below the tag: each is of the sought form, or something foreign that is said.
pub(crate) fn tag_layer(index: usize, layer: Descriptor, sought: Sought<'_>) -> Result<Option<Found>, Failure> {
    let (media_type, form) = sought.layer();
    if layer.media_type != media_type {
        return Err(foreign_layer(&layer.media_type));
    }
    let stated = layer.annotations.get(ENVELOPE_PREDICATE_ANNOTATION).filter(|stated| form == Form::Envelope && !stated.is_empty());
    let hidden = stated.is_some_and(|stated| stated != sought.predicate());
    Ok((!hidden).then_some((index, layer, form)))
}

/// The layers of a referrer; none if it is something else, such as an index, or of a form that does not count.
pub(crate) fn referrer_layers(bytes: &[u8], format: Format, sought: Sought<'_>, subject: &Subject) -> Result<Vec<Found>, Failure> {
    let Manifest::Image(manifest) = Manifest::parse(bytes).map_err(malformed)? else { return Ok(Vec::new()) };
    let stated = manifest.annotations.get(BUNDLE_PREDICATE_ANNOTATION);
    let hidden = stated.is_some_and(|stated| stated != sought.predicate());
    let (media_type, form) = sought.layer();
    let bundle = manifest.layers.len() == 1 && manifest.layers.iter().all(|layer| layer.media_type.starts_with(MEDIA_TYPE_PREFIX));
    let found: Vec<Found> = match (hidden, bundle) {
        (true, _) => Vec::new(),
        (false, true) => manifest.layers.into_iter().map(|layer| (0, layer, Form::Bundle)).collect(),
        (false, false) if format == Format::Bundle => Vec::new(),
        (false, false) => {
            let layers = manifest.layers.into_iter().enumerate().filter(|(_, layer)| layer.media_type == media_type);
            layers.map(|(index, layer)| (index, layer, form)).collect()
        }
    };
    match manifest.subject {
        _ if found.is_empty() => Ok(found),
        Some(named) if named.digest == *subject.digest() => Ok(found),
        Some(named) => Err(malformed(format!("the referrer's manifest refers to {}, not {}", named.digest, subject.digest()))),
        None => Err(malformed("the referrer's manifest refers to nothing")),
    }
}
