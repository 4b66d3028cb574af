//! Answers for machines.

use serde::Serialize;

use crate::failure::Failure;
use crate::output::harmless_json;

/// One JSON document over several lines.
pub(crate) fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    finished(serde_json::to_string_pretty(value))
}

/// One JSON document on one line.
pub(crate) fn compact<T: Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    finished(serde_json::to_string(value))
}

fn finished(text: serde_json::Result<String>) -> Result<String, Failure> {
    let text = text.map_err(|error| Failure::Output(error.into()))?;
    Ok(harmless_json(&text) + "\n")
}
