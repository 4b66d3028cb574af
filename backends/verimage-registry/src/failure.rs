//! From what went wrong to a [`StoreError`]. Details name host, repository and status; never credentials, never queries.

use std::error::Error;

use reqwest::StatusCode;
use serde::Deserialize;
use verimage_core::{StoreError, StoreErrorKind};

use crate::address::AddressRefused;

/// Characters of a foreign text that are passed on.
const MAX_FOREIGN: usize = 200;

/// The errors of the distribution specification.
#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// The kind that a status of a registry stands for. Distribution specification, "Error Codes".
pub(crate) fn kind_of(status: StatusCode) -> StoreErrorKind {
    match status {
        StatusCode::NOT_FOUND => StoreErrorKind::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StoreErrorKind::Unauthorized,
        StatusCode::TOO_MANY_REQUESTS => StoreErrorKind::RateLimited,
        _ => StoreErrorKind::Unavailable,
    }
}

/// An answer that is no answer: its status, and the first error that its body names.
pub(crate) fn refused(kind: StoreErrorKind, place: &str, status: StatusCode, body: &[u8]) -> StoreError {
    StoreError::new(kind, format!("{place}: {status}{}", first_error(body)))
}

/// The code of the first error of a body.
pub(crate) fn error_code(body: &[u8]) -> Option<String> {
    first_entry(body)?.code
}

fn first_entry(body: &[u8]) -> Option<ErrorEntry> {
    serde_json::from_slice::<ErrorBody>(body).ok()?.errors.into_iter().next()
}

fn first_error(body: &[u8]) -> String {
    let entry = first_entry(body);
    let texts = entry.into_iter().flat_map(|entry| [entry.code, entry.message]).flatten();
    let text = texts.collect::<Vec<_>>().join(": ");
    if text.is_empty() { text } else { format!(": {}", printable(&without_queries(&text), MAX_FOREIGN)) }
}

/// More bytes than the caller wants.
pub(crate) fn too_large(place: &str, max_bytes: u64) -> StoreError {
    let StoreError { kind, detail } = StoreError::too_large(max_bytes);
    StoreError::new(kind, format!("{place}: {detail}"))
}

/// Takes a secret out of a text that a server may have written.
pub(crate) fn hide(error: StoreError, secret: &str) -> StoreError {
    // Something very short is no secret, and would punch holes into every message.
    let detail = if secret.len() < 4 { error.detail } else { error.detail.replace(secret, "[secret]") };
    StoreError { kind: error.kind, detail }
}

/// No bytes came: no connection, or none of the right kind.
pub(crate) fn unreachable(place: &str, error: &reqwest::Error) -> StoreError {
    let what = match error {
        error if error.is_timeout() => "no connection in time".to_owned(),
        error if error.is_connect() => format!("cannot connect: {}", root_cause(error)),
        error => format!("no answer: {}", root_cause(error)),
    };
    StoreError::unavailable(format!("{place}: {what}"))
}

/// The bytes ended before the answer did.
pub(crate) fn broken(place: &str, error: &reqwest::Error) -> StoreError {
    StoreError::unavailable(format!("{place}: the answer broke off: {}", root_cause(error)))
}

/// The innermost reason of an error: the outer ones repeat the URL, whose query may be secret.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        if cause.is::<AddressRefused>() {
            break;
        }
        cause = source;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request could not be made".to_owned(),
        None => printable(&without_queries(&cause.to_string()), MAX_FOREIGN),
    }
}

/// Foreign text without control characters and at most `limit` characters long.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let clean = |symbol: char| if symbol == ' ' || symbol.is_ascii_graphic() || is_letter(symbol) { symbol } else { '.' };
    text.chars().take(limit).map(clean).collect()
}

/// Letters of other scripts may stay; marks that turn the line around may not.
fn is_letter(symbol: char) -> bool {
    !symbol.is_ascii() && symbol.is_alphanumeric()
}

fn without_queries(text: &str) -> String {
    let keep =
        |word: &str| word.split_once('?').filter(|(_, query)| query.contains('=')).map_or(word.to_owned(), |(path, _)| path.to_owned());
    text.split(' ').map(keep).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_on_the_first_error_in_printable_characters() {
        let body = br#"{"errors":[{"code":"DENIED","message":"see https://x.example/login?token=secret now\u001b[31m"},{"code":"B"}]}"#;
        let error = refused(StoreErrorKind::Unauthorized, "x.example/app", StatusCode::FORBIDDEN, body);
        assert_eq!(error.detail, "x.example/app: 403 Forbidden: DENIED: see https://x.example/login now.[31m");
        assert_eq!(refused(StoreErrorKind::Unavailable, "a/b", StatusCode::BAD_GATEWAY, b"<html>").detail, "a/b: 502 Bad Gateway");
        assert_eq!(printable(&"x".repeat(5000), MAX_FOREIGN).len(), MAX_FOREIGN);
    }
}
