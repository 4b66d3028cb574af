//! What every http client of this crate does with an answer.

use reqwest::Response;

/// Why a body could not be read.
pub(crate) enum Unread {
    /// It is larger than allowed.
    TooLarge,
    /// The connection broke.
    Broken(String),
}

/// Reads a body, and no more of it than allowed.
pub(crate) async fn body(mut answer: Response, max_bytes: u64) -> Result<Vec<u8>, Unread> {
    if answer.content_length().is_some_and(|announced| announced > max_bytes) {
        return Err(Unread::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| Unread::Broken(root_cause(&error)))? {
        if (body.len() as u64).saturating_add(chunk.len() as u64) > max_bytes {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The innermost reason: the outer ones repeat the URL.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
