//! Signed manifests of Docker's schema 1, whose digest is not over their bytes but over what their signatures are about
//! (Docker registry specification, "Image Manifest Version 2, Schema 1").
//!
//! The signatures themselves are made with keys that nobody knows, and are not looked at.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::json;
use crate::manifest::{DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

/// What a signature says of the text that it is over: its beginning is that of the document, the rest is here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protected {
    format_length: usize,
    format_tail: String,
}

/// The digest of a signed manifest of schema 1; nothing if the document is another one.
///
/// # Errors
/// A sentence if what is signed is not all of the document but its signatures.
pub(crate) fn digest(bytes: &[u8]) -> Result<Option<Digest>, String> {
    let Ok(mut document) = json::strict_value(bytes) else { return Ok(None) };
    if !is_signed_schema1(&document) {
        return Ok(None);
    }
    let signatures = document.as_object_mut().and_then(|members| members.remove("signatures")).unwrap_or_default();
    let payload = payload(bytes, &signatures).ok_or("the signatures of the manifest of schema 1 cannot be read, or do not agree")?;
    // The end of the text comes from the signature: without this, it could be another manifest altogether.
    match json::strict_value(&payload) {
        Ok(signed) if signed == document => Ok(Some(Digest::sha256(&payload))),
        _ => Err("the manifest of schema 1 says something else than its signatures are about".to_owned()),
    }
}

fn is_signed_schema1(document: &Value) -> bool {
    let is_modern = document.get("mediaType").and_then(Value::as_str);
    let is_modern = is_modern.is_some_and(|kind| [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX].contains(&kind));
    let is_signed = document.get("signatures").is_some_and(|signatures| !signatures.is_null());
    !is_modern && is_signed && document.get("schemaVersion").and_then(Value::as_u64) == Some(1)
}

/// What all of the signatures are about.
fn payload(bytes: &[u8], signatures: &Value) -> Option<Vec<u8>> {
    let protected = |signature: &Value| {
        let text = URL_SAFE_NO_PAD.decode(signature.get("protected")?.as_str()?).ok()?;
        json::from_slice::<Value>(&text).ok().and_then(|value| serde_json::from_value::<Protected>(value).ok())
    };
    let all: Vec<Protected> = signatures.as_array()?.iter().map(protected).collect::<Option<_>>()?;
    let (first, others) = all.split_first()?;
    let tail = URL_SAFE_NO_PAD.decode(&first.format_tail).ok()?;
    let beginning = bytes.get(..first.format_length).filter(|_| others.iter().all(|other| other == first))?;
    Some([beginning, &tail].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BODY: &str = r#"{"schemaVersion":1,"name":"team/app","fsLayers":[]"#;

    fn protected(length: usize, tail: &str) -> String {
        URL_SAFE_NO_PAD.encode(json!({"formatLength": length, "formatTail": URL_SAFE_NO_PAD.encode(tail), "time": "x"}).to_string())
    }

    fn signed(body: &str, protected: &[String]) -> String {
        let signatures: Vec<Value> =
            protected.iter().map(|protected| json!({"header": {}, "signature": "", "protected": protected})).collect();
        format!("{body},\"signatures\":{}}}", json!(signatures))
    }

    #[test]
    fn the_digest_is_over_what_is_signed() {
        let document = signed(BODY, &[protected(BODY.len(), "}"), protected(BODY.len(), "}")]);
        assert_eq!(digest(document.as_bytes()), Ok(Some(Digest::sha256(format!("{BODY}}}").as_bytes()))));
        for other in
            [r#"{"schemaVersion":2,"signatures":[]}"#, r#"{"schemaVersion":1}"#, r#"{"schemaVersion":1,"signatures":null}"#, "[]", "x"]
        {
            assert_eq!(digest(other.as_bytes()), Ok(None), "{other}");
        }
        let modern = format!(r#"{{"schemaVersion":1,"mediaType":"{OCI_MANIFEST}","signatures":[]}}"#);
        assert_eq!(digest(modern.as_bytes()), Ok(None));
    }

    /// A tail that brings the text of a manifest that somebody signed, around another document.
    #[test]
    fn a_document_that_says_something_else_is_refused() {
        let somebody = r#"{"schemaVersion":2,"layers":[]}"#;
        for document in [
            signed(BODY, &[protected(1, &somebody[1..])]),
            signed(BODY, &[protected(BODY.len(), r#","x":1}"#)]),
            signed(BODY, &[protected(usize::MAX, "}")]),
            signed(BODY, &[protected(BODY.len(), "}"), protected(BODY.len(), " }")]),
            signed(BODY, &[]),
            signed(BODY, &["!".to_owned()]),
        ] {
            assert!(digest(document.as_bytes()).is_err(), "{document}");
        }
    }
}
