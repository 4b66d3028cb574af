//! Reading fixtures and vectors.

use serde_json::Value;

/// The bytes that a JSON string holds in hexadecimal.
#[track_caller]
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value)).expect("hexadecimal text")
}

/// The text of a JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("a JSON string")
}

/// The elements of a JSON array; none where it is absent.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
