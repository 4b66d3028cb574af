//! What questions that list images share.

use verimage_core::ImageRef;

use crate::images::MAX_IMAGES;
use crate::review::ReviewError;

/// An image as it was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedImage {
    /// As it is written.
    pub text: String,
    /// What that means, or why it means nothing.
    pub reference: Result<ImageRef, String>,
}

/// Reads each of the images.
pub(crate) fn listed(texts: impl ExactSizeIterator<Item = String>) -> Result<Vec<ListedImage>, ReviewError> {
    if texts.len() > MAX_IMAGES {
        return Err(ReviewError::Malformed(format!("it has more than {MAX_IMAGES} images")));
    }
    let read = |text: String| ListedImage { reference: ImageRef::parse(&text).map_err(|error| error.to_string()), text };
    Ok(texts.map(read).collect())
}
