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

/// An answer that is no answer: its status, and the first error that its body names, without the secrets that were sent.
pub(crate) fn refused(kind: StoreErrorKind, place: &str, status: StatusCode, body: &[u8], secrets: &[String]) -> StoreError {
    StoreError::new(kind, format!("{place}: {status}{}", first_error(body, secrets)))
}

/// Whether a body has the form of the distribution specification's errors, whatever it says.
pub fn is_error_document(body: &[u8]) -> bool {
    serde_json::from_slice::<ErrorBody>(body).is_ok()
}

/// Whether a body says in the registry's own words that something is not there.
pub(crate) fn says_unknown(body: &[u8]) -> bool {
    let is_unknown = |code: String| matches!(code.as_str(), "MANIFEST_UNKNOWN" | "NAME_UNKNOWN" | "BLOB_UNKNOWN");
    first_entry(body).and_then(|entry| entry.code).is_some_and(is_unknown)
}

fn first_entry(body: &[u8]) -> Option<ErrorEntry> {
    serde_json::from_slice::<ErrorBody>(body).ok()?.errors.into_iter().next()
}

fn first_error(body: &[u8], secrets: &[String]) -> String {
    let entry = first_entry(body);
    let texts = entry.into_iter().flat_map(|entry| [entry.code, entry.message]).flatten();
    let text = texts.collect::<Vec<_>>().join(": ");
    if text.is_empty() { text } else { format!(": {}", quoted(&text, secrets, MAX_FOREIGN)) }
}

/// Foreign text as it may be shown. It is cut last: of a secret that was cut first, the rest would not be recognized.
pub(crate) fn quoted(text: &str, secrets: &[String], limit: usize) -> String {
    let without_secrets = |text: &str| secrets.iter().fold(text.to_owned(), |text, secret| without(&text, secret));
    printable(&without_secrets(&without_queries(&without_secrets(text))), limit)
}

/// More bytes than the caller wants.
pub fn too_large(place: &str, max_bytes: u64) -> StoreError {
    let StoreError { kind, detail } = StoreError::too_large(max_bytes);
    StoreError::new(kind, format!("{place}: {detail}"))
}

/// Takes a secret out of a text that a server may have written.
fn without(text: &str, secret: &str) -> String {
    // Something very short is no secret, and would punch holes into every message.
    if secret.len() < 4 { text.to_owned() } else { text.replace(secret, "[secret]") }
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

/// Whether a connection failed although the other side speaks TLS: its certificate is no good, or it gave up by itself.
pub(crate) fn is_within_tls(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if text.starts_with("invalid peer certificate") || text.starts_with("received fatal alert") {
            return true;
        }
        cause = error.source();
    }
    false
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
        let error = refused(StoreErrorKind::Unauthorized, "x.example/app", StatusCode::FORBIDDEN, body, &[]);
        assert_eq!(error.detail, "x.example/app: 403 Forbidden: DENIED: see https://x.example/login now.[31m");
        assert_eq!(refused(StoreErrorKind::Unavailable, "a/b", StatusCode::BAD_GATEWAY, b"<html>", &[]).detail, "a/b: 502 Bad Gateway");
        assert_eq!(printable(&"x".repeat(5000), MAX_FOREIGN).len(), MAX_FOREIGN);
    }

    #[test]
    fn hides_a_secret_before_it_cuts() {
        let token = "ey0".repeat(400);
        assert_eq!(quoted(&format!("Bearer {token}"), std::slice::from_ref(&token), MAX_FOREIGN), "Bearer [secret]");
        for before in MAX_FOREIGN - 9..MAX_FOREIGN {
            let text = quoted(&format!("{} hunter2", "x".repeat(before)), &["hunter2".to_owned()], MAX_FOREIGN);
            assert!(!text.contains("hu"), "{text}");
        }
        let split = quoted("see hun?a=b ter2 hunter2?a=b", &["hunter2".to_owned()], MAX_FOREIGN);
        assert_eq!(split, "see hun ter2 [secret]");
    }

    #[test]
    fn knows_what_an_error_document_is() {
        for (body, document, unknown) in [
            (r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#, true, true),
            (r#"{"errors":[{"code":"UNSUPPORTED"}]}"#, true, false),
            (r#"{"errors":[]}"#, true, false),
            ("404 page not found", false, false),
            ("{}", false, false),
        ] {
            assert_eq!((is_error_document(body.as_bytes()), says_unknown(body.as_bytes())), (document, unknown), "{body}");
        }
    }
}
