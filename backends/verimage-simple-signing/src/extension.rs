//! The list of signatures that a registry's extension answers with (specification section 3.3): read as laxly as the
//! tools that made it common, because its order and its names decide nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// What an entry must say to be a GPG signature.
const SCHEMA_VERSION: u64 = 2;
const TYPE: &str = "atomic";

/// The GPG signatures of a list.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let document: Value = serde_json::from_slice(bytes).map_err(|error| format!("decoding signature list: {error}"))?;
    let document = object(&document)?;
    let entries = match member(document, "signatures") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err("decoding signature list: `signatures` is no list".to_owned()),
    };
    entries.iter().filter_map(|entry| entry_of(entry).transpose()).collect()
}

/// The signature of an entry; nothing if it is of another kind. One entry that cannot be read spoils the list.
fn entry_of(entry: &Value) -> Result<Option<Vec<u8>>, String> {
    if entry.is_null() {
        return Ok(None);
    }
    let entry = object(entry)?;
    let version = match member(entry, "schemaVersion") {
        None | Some(Value::Null) => None,
        Some(version) => Some(version.as_i64().ok_or("decoding signature list: `schemaVersion` is no integer")?),
    };
    let (kind, content) = (text(entry, "type")?, text(entry, "content")?);
    text(entry, "name")?;
    let joined: String = content.chars().filter(|symbol| !matches!(symbol, '\r' | '\n')).collect();
    let content = STANDARD.decode(joined).map_err(|error| format!("decoding signature list: `content` is not base64: {error}"))?;
    Ok((version == i64::try_from(SCHEMA_VERSION).ok() && kind == TYPE).then_some(content))
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| "decoding signature list: an object is missing".to_owned())
}

/// The last member of this name, in whatever case.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    match member(object, name) {
        None | Some(Value::Null) => Ok(""),
        Some(value) => value.as_str().ok_or_else(|| format!("decoding signature list: `{name}` is no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_as_registries_write_them() {
        for (text, expected) in [
            (r#"{"signatures":[{"schemaVersion":2,"name":"sha256:x@1","type":"atomic","content":"AQI="}]}"#, Ok(vec![vec![1, 2]])),
            (r#"{"SIGNATURES":[{"SchemaVersion":2,"Type":"atomic","CONTENT":"AQ\nI=","x":1}],"y":{}}"#, Ok(vec![vec![1, 2]])),
            (
                r#"{"signatures":[{"schemaVersion":2,"name":"","type":"atomic","content":"AQ=="},{"version":2,"type":"atomic","content":"Ag=="}]}"#,
                Ok(vec![vec![1]]),
            ),
            (
                r#"{"signatures":[{"schemaVersion":1,"type":"atomic","content":"AQ=="},{"schemaVersion":2,"type":"Atomic","content":"AQ=="}]}"#,
                Ok(vec![]),
            ),
            (r#"{"signatures":null}"#, Ok(vec![])),
            ("{}", Ok(vec![])),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
        for bad in [
            "[]",
            "null",
            "",
            r#"{"signatures":{}}"#,
            r#"{"signatures":[1]}"#,
            r#"{"signatures":[{"schemaVersion":"2","type":"atomic","content":"AQ=="}]}"#,
            r#"{"signatures":[{"schemaVersion":2,"type":"atomic","content":"AQ"}]}"#,
            r#"{"signatures":[{"schemaVersion":9,"type":"other","content":"!"}]}"#,
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
