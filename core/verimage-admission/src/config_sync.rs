//! Config Sync's `RootSync` and `RepoSync`: the image that holds what is to be synchronised.

use serde_json::Value;
use verimage_core::ImageRef;

use crate::images::{ImagesError, ObjectImage, Skipped};
use crate::review::{Operation, Review};

const GROUP: &str = "configsync.gke.io";
const IMAGE: &str = "configsync.gke.io/image-to-sync";
/// What earlier versions wrote: the place, and the hexadecimal digits of the digest.
const SOURCE: [&str; 2] = ["configsync.gke.io/source-url", "configsync.gke.io/source-commit"];

/// The image of such an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceImage {
    /// This one, named by its digest.
    This(ObjectImage),
    /// None is named: nothing is synchronised until one is.
    None,
    /// Nothing is to be judged.
    Skipped(Skipped),
}

impl SourceImage {
    /// The image that an object names. One that was there before the change is judged as well: the policy may be another one.
    ///
    /// # Errors
    /// [`ImagesError`] if the object is none of Config Sync's, or if its annotations name no image by its digest.
    pub fn of(review: &Review) -> Result<Self, ImagesError> {
        if !matches!(review.operation, Operation::Create | Operation::Update) {
            return Ok(Self::Skipped(Skipped::Operation));
        }
        if review.sub_resource.is_some() {
            return Ok(Self::Skipped(Skipped::Subresource));
        }
        if review.kind.group != GROUP || !matches!(review.kind.kind.as_str(), "RootSync" | "RepoSync") {
            return Err(ImagesError::UnknownKind { kind: review.kind.to_string() });
        }
        let object = review.object.as_ref().ok_or(ImagesError::NoObject)?;
        let Some(text) = text(object)? else { return Ok(Self::None) };
        let malformed = |message: String| ImagesError::Malformed { pointer: pointer(IMAGE), message };
        let reference = ImageRef::parse(&text).map_err(|error| malformed(format!("`{}`: {error}", text.escape_debug())))?;
        if reference.digest().is_none() {
            return Err(malformed(format!("`{text}` names no digest, so what is synchronised could be another image")));
        }
        Ok(Self::This(ObjectImage { pointer: pointer(IMAGE), text, reference }))
    }
}

fn pointer(annotation: &str) -> String {
    format!("/metadata/annotations/{}", annotation.replace('/', "~1"))
}

fn text(object: &Value) -> Result<Option<String>, ImagesError> {
    let annotation = |name: &str| match object.pointer(&pointer(name)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(ImagesError::Malformed { pointer: pointer(name), message: "an annotation is a text".to_owned() }),
    };
    let [url, commit] = SOURCE;
    match (annotation(IMAGE)?, annotation(url)?, annotation(commit)?) {
        (Some(image), _, _) => Ok(Some(image)),
        (None, Some(url), Some(commit)) => Ok(Some(format!("{url}@sha256:{commit}"))),
        (None, _, _) => Ok(None),
    }
}
