//! Canonical JSON as Notary v1 signs it: the OLPC form as the Go packages of Docker write it.
//!
//! Nothing is normalised: control characters and accents stand as they are, and only the quotation mark and the backslash
//! are escaped. What comes out need not be JSON that others can read.

use serde_json::{Map, Value};
use thiserror::Error;
use verimage_core::json;

/// Most levels of objects and lists inside each other.
const DEEPEST: usize = 64;

/// Why a text has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// It is no JSON, or could be read in two ways: the same member twice, bytes behind the value.
    #[error("not JSON that all read alike: {0}")]
    Json(String),
    /// A number is no integer that 64 bits with a sign can hold, or is written with a fraction or an exponent.
    #[error("the number {0} is not an integer from -2^63 to 2^63-1")]
    Number(String),
    /// Values stand too deep inside each other.
    #[error("more than {DEEPEST} levels deep")]
    Depth,
}

/// The canonical form of a JSON text.
///
/// ```
/// use verimage_tuf::canonical_json;
///
/// assert_eq!(canonical_json(br#"{"b": [1, true], "a": "\u003c\"\u00e9"}"#).as_deref(), Ok("{\"a\":\"<\\\"é\",\"b\":[1,true]}".as_bytes()));
/// assert!(canonical_json(br#"{"a": 1.0}"#).is_err());
/// assert!(canonical_json(br#"{"a": 1, "a": 1}"#).is_err());
/// ```
///
/// # Errors
/// [`CanonicalError`] for what is no JSON, has a member twice, holds other numbers than integers, or is nested too deep.
pub fn canonical_json(text: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    let value = json::strict_value(text).map_err(|error| CanonicalError::Json(error.to_string()))?;
    canonical(&value)
}

/// The canonical form of a value that was read strictly.
pub(crate) fn canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    write(&mut out, value, 0)?;
    Ok(out)
}

/// A text as a canonical string.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn write(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(integer(number)?.to_string().as_bytes()),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => write_list(out, items, deeper(depth)?)?,
        Value::Object(members) => write_object(out, members, deeper(depth)?)?,
    }
    Ok(())
}

fn write_list(out: &mut Vec<u8>, items: &[Value], depth: usize) -> Result<(), CanonicalError> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item, depth)?;
    }
    out.push(b']');
    Ok(())
}

fn write_object(out: &mut Vec<u8>, members: &Map<String, Value>, depth: usize) -> Result<(), CanonicalError> {
    // By the bytes of UTF-8, as Go compares strings; RFC 8785 has another order.
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| name.as_bytes());
    out.push(b'{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        write(out, value, depth)?;
    }
    out.push(b'}');
    Ok(())
}

fn deeper(depth: usize) -> Result<usize, CanonicalError> {
    if depth < DEEPEST { Ok(depth.saturating_add(1)) } else { Err(CanonicalError::Depth) }
}

/// The reader gives `-0` as a double, because it keeps the sign; it is 0.
fn integer(number: &serde_json::Number) -> Result<i64, CanonicalError> {
    let is_negative_zero = || number.as_f64().is_some_and(|double| double == 0.0 && double.is_sign_negative());
    match number.as_i64() {
        Some(integer) => Ok(integer),
        None if is_negative_zero() => Ok(0),
        None => Err(CanonicalError::Number(number.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_canonical(text: &str, expected: &str) {
        assert_eq!(canonical_json(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap()).as_deref(), Ok(expected));
    }

    #[test]
    fn members_are_sorted_by_bytes_and_white_space_goes() {
        assert_canonical("{ \"b\" : 1 , \"a\":[ 1, 2 ],\"B\":{},\"\":null }", r#"{"":null,"B":{},"a":[1,2],"b":1}"#);
        // U+1F600 comes before U+FB33 by UTF-16 units and behind it by bytes.
        assert_canonical("{\"\u{1f600}\":1,\"\u{fb33}\":2}", "{\"\u{fb33}\":2,\"\u{1f600}\":1}");
    }

    /// Corpus cases 40 and 44.
    #[test]
    fn only_quotation_mark_and_backslash_are_escaped() {
        assert_canonical(r#""q\"b\\s\n\t\u0001\u003c>&\u2028\u0065\u0301\/""#, "\"q\\\"b\\\\s\n\t\u{1}<>&\u{2028}e\u{301}/\"");
    }

    #[test]
    fn integers_are_exact_and_nothing_else_is_a_number() {
        assert_canonical(
            "[9007199254740993,-9223372036854775808,9223372036854775807,-0]",
            "[9007199254740993,-9223372036854775808,9223372036854775807,0]",
        );
        for text in ["1.0", "1e3", "0.5", "9223372036854775808", "-9223372036854775809", "1e400"] {
            assert!(canonical_json(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [&b"{\"a\":1,\"a\":1}"[..], b"{} {}", b"\"\\ud800\"", b"\"\xff\"", b"", b"\"\n\""] {
            assert!(canonical_json(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(canonical_json(&nested(DEEPEST)).is_ok());
        assert_eq!(canonical_json(&nested(DEEPEST + 1)), Err(CanonicalError::Depth));
        assert!(canonical_json(&nested(1 << 20)).is_err());
    }
}
