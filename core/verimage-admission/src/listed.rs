//! What questions that list images share.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use verimage_core::{ImageRef, json};

use crate::images::MAX_IMAGES;
use crate::review::{MAX_REVIEW_BYTES, ReviewError};

/// An image as it was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedImage {
    /// As it is written.
    pub text: String,
    /// What that means, or why it means nothing.
    pub reference: Result<ImageRef, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    api_version: String,
    kind: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// The member of an object of this version and kind.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], api_version: &str, kind: &str, member: &str) -> Result<T, ReviewError> {
    if body.len() > MAX_REVIEW_BYTES {
        return Err(ReviewError::TooLarge);
    }
    let malformed = |error: serde_json::Error| ReviewError::Malformed(error.to_string());
    let envelope: Envelope = serde_json::from_value(json::strict_value(body).map_err(malformed)?).map_err(malformed)?;
    if envelope.api_version != api_version || envelope.kind != kind {
        return Err(ReviewError::Other { api_version: envelope.api_version, kind: envelope.kind });
    }
    let asked = envelope.rest.get(member).filter(|asked| !asked.is_null()).ok_or(ReviewError::NoRequest)?;
    serde_json::from_value(asked.clone()).map_err(malformed)
}

/// Reads each of the images.
pub(crate) fn listed(texts: impl ExactSizeIterator<Item = String>) -> Result<Vec<ListedImage>, ReviewError> {
    if texts.len() > MAX_IMAGES {
        return Err(ReviewError::Malformed(format!("it has more than {MAX_IMAGES} images")));
    }
    let read = |text: String| ListedImage { reference: ImageRef::parse(&text).map_err(|error| error.to_string()), text };
    Ok(texts.map(read).collect())
}
