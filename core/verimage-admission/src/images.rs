//! Which images an object carries.

use serde_json::Value;
use verimage_core::ImageRef;

use crate::extractor::{Extractor, follow};
use crate::review::{GroupVersionKind, Operation, Review};

/// The most images of one object.
pub(crate) const MAX_IMAGES: usize = 256;
/// Groups and kinds with pod specs, and where these are. A subresource is sent as the whole object.
const POD_SPECS: [(&str, &str, &str); 10] = [
    ("", "Pod", "/spec"),
    ("", "PodTemplate", "/template/spec"),
    ("", "ReplicationController", "/spec/template/spec"),
    ("apps", "DaemonSet", "/spec/template/spec"),
    ("apps", "Deployment", "/spec/template/spec"),
    ("apps", "ReplicaSet", "/spec/template/spec"),
    ("apps", "StatefulSet", "/spec/template/spec"),
    ("batch", "CronJob", "/spec/jobTemplate/spec/template/spec"),
    ("batch", "Job", "/spec/template/spec"),
    ("extensions", "Deployment", "/spec/template/spec"),
];
/// Groups and kinds that say how many pods there are to be. Controllers write this into the object itself, so that a rollout from
/// images that are refused to others could not end otherwise.
const KINDS_WITH_REPLICAS: [(&str, &str); 4] =
    [("", "ReplicationController"), ("apps", "Deployment"), ("apps", "ReplicaSet"), ("apps", "StatefulSet")];
/// Where images are in a pod spec.
const IN_POD_SPEC: [&str; 4] =
    ["/initContainers/*/image", "/containers/*/image", "/ephemeralContainers/*/image", "/volumes/*/image/reference"];
/// Subresources that carry no image, whatever they belong to.
const WITHOUT_IMAGES: [&str; 4] = ["binding", "eviction", "scale", "status"];

/// An image of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectImage {
    /// Where it stands, as a JSON pointer.
    pub pointer: String,
    /// As it is written.
    pub text: String,
    /// What that means.
    pub reference: ImageRef,
}

/// Why there is nothing to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skipped {
    /// The operation stores nothing.
    Operation,
    /// This part of an object has no images.
    Subresource,
    /// The object is being removed, and its images stay the same.
    Removal,
    /// Fewer pods are to be made from the object, and its images stay the same.
    ScaleDown,
}

/// The images of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Images {
    /// These, each of which must be admitted. A template may have none yet.
    These(Vec<ObjectImage>),
    /// Nothing is to be judged.
    Skipped(Skipped),
}

/// Why the images of an object cannot be told. It is denied then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImagesError {
    /// Nobody said where this kind has its images.
    #[error("where a {kind} has its images is not known: name the places as an extractor, or do not send such objects")]
    UnknownKind {
        /// The group, version and kind.
        kind: String,
    },
    /// There is no object.
    #[error("the request has no object")]
    NoObject,
    /// Something else stands where an image is expected.
    #[error("{pointer}: {message}")]
    Malformed {
        /// Where.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// Too many of them.
    #[error("the object has more than {MAX_IMAGES} images")]
    TooMany,
}

impl Images {
    /// The images of what is reviewed.
    ///
    /// # Errors
    /// [`ImagesError`] if they cannot be told.
    pub fn of(review: &Review, extractors: &[Extractor]) -> Result<Self, ImagesError> {
        if !matches!(review.operation, Operation::Create | Operation::Update) {
            return Ok(Self::Skipped(Skipped::Operation));
        }
        if review.sub_resource.as_deref().is_some_and(|part| WITHOUT_IMAGES.contains(&part)) {
            return Ok(Self::Skipped(Skipped::Subresource));
        }
        let object = review.object.as_ref().ok_or(ImagesError::NoObject)?;
        let places = Places::of(&review.kind, extractors)?;
        // The API server takes nothing else from this subresource.
        let part = if review.sub_resource.as_deref() == Some("ephemeralcontainers") { "/spec/ephemeralContainers/" } else { "" };
        let reason = if review.is_being_removed() {
            Some(Skipped::Removal)
        } else if review.is_scaled_down() && KINDS_WITH_REPLICAS.contains(&(review.kind.group.as_str(), review.kind.kind.as_str())) {
            Some(Skipped::ScaleDown)
        } else {
            None
        };
        let before = review.old_object.as_ref().filter(|_| reason.is_some()).map(|old| places.texts(old)).transpose()?;
        match reason {
            Some(reason) if before == Some(places.texts(object)?) => Ok(Self::Skipped(reason)),
            _ => Ok(Self::These(places.images(object, part)?.collect::<Result<_, _>>()?)),
        }
    }

    /// Whether a change of a pod leaves each of its images as it is: nothing else runs afterwards than before. Labels,
    /// owners and finalizers of pods that run are changed all the time, whatever became of their signatures.
    pub fn are_unchanged(review: &Review) -> bool {
        let is_pod = review.kind.group.is_empty() && review.kind.kind == "Pod" && review.sub_resource.is_none();
        let (Operation::Update, true, Some(old), Some(new)) = (review.operation, is_pod, &review.old_object, &review.object) else {
            return false;
        };
        let Ok(places) = Places::of(&review.kind, &[]) else { return false };
        matches!((places.texts(old), places.texts(new)), (Ok(old), Ok(new)) if old == new)
    }

    /// The images of an object as it stands in a file or in a cluster, and what stands in the place of one.
    ///
    /// # Errors
    /// [`ImagesError`] if it is not known where they are, or if they are too many.
    pub fn of_object(object: &Value, extractors: &[Extractor]) -> Result<Vec<Result<ObjectImage, ImagesError>>, ImagesError> {
        let kind = GroupVersionKind::of_object(object).ok_or(ImagesError::NoObject)?;
        Ok(Places::of(&kind, extractors)?.images(object, "")?.collect())
    }
}

/// Where the images of one kind of objects are.
pub(crate) struct Places<'a> {
    images: Vec<&'a str>,
    pub(crate) pod_specs: Vec<&'a str>,
    /// A pod is run as it is; elsewhere an image may be filled in later.
    is_pod: bool,
}

impl<'a> Places<'a> {
    pub(crate) fn of(object: &GroupVersionKind, extractors: &'a [Extractor]) -> Result<Self, ImagesError> {
        let own = |group: &str, kind: &str| object.group == group && object.kind == kind;
        let mut places = Self { images: Vec::new(), pod_specs: Vec::new(), is_pod: own("", "Pod") };
        places.pod_specs.extend(POD_SPECS.iter().filter(|(group, kind, _)| own(group, kind)).map(|(_, _, path)| *path));
        for extractor in extractors.iter().filter(|extractor| own(&extractor.group, &extractor.kind)) {
            places.images.extend(extractor.images.iter().map(String::as_str));
            places.pod_specs.extend(extractor.pod_specs.iter().map(String::as_str));
        }
        let is_known = !places.images.is_empty() || !places.pod_specs.is_empty();
        is_known.then_some(places).ok_or_else(|| ImagesError::UnknownKind { kind: object.to_string() })
    }

    /// Everything that stands where an image is expected.
    fn values<'v>(&self, object: &'v Value) -> Result<Vec<(String, &'v Value)>, ImagesError> {
        let mut values: Vec<(String, &Value)> = self.images.iter().flat_map(|path| follow(object, path)).collect();
        for (place, spec) in self.pod_specs.iter().flat_map(|path| follow(object, path)) {
            for path in IN_POD_SPEC {
                values.extend(follow(spec, path).into_iter().map(|(pointer, value)| (format!("{place}{pointer}"), value)));
            }
        }
        values.dedup_by(|one, other| one.0 == other.0);
        if values.len() > MAX_IMAGES { Err(ImagesError::TooMany) } else { Ok(values) }
    }

    fn texts(&self, object: &Value) -> Result<Vec<(String, String)>, ImagesError> {
        Ok(self.values(object)?.into_iter().map(|(pointer, value)| (pointer, value.to_string())).collect())
    }

    /// The images of the part of an object below a pointer, and what stands in the place of one.
    fn images<'v>(
        &self,
        object: &'v Value,
        part: &'v str,
    ) -> Result<impl Iterator<Item = Result<ObjectImage, ImagesError>> + 'v, ImagesError> {
        let is_pod = self.is_pod;
        let values = self.values(object)?.into_iter().filter(move |(pointer, _)| pointer.starts_with(part));
        // A template may have none yet.
        let values = values.filter(move |(_, value)| is_pod || value.as_str() != Some(""));
        Ok(values.map(|(pointer, value)| image(pointer, value)))
    }
}

fn image(pointer: String, value: &Value) -> Result<ObjectImage, ImagesError> {
    let malformed = |message: String| ImagesError::Malformed { pointer: pointer.clone(), message };
    let text = value.as_str().ok_or_else(|| malformed("an image is a text".to_owned()))?;
    let reference = ImageRef::parse(text).map_err(|error| malformed(format!("`{}`: {error}", text.escape_debug())))?;
    Ok(ObjectImage { text: text.to_owned(), pointer, reference })
}
