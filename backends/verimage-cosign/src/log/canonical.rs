//! Canonical JSON (RFC 8785), the form over which Rekor signs.

use thiserror::Error;
use verimage_core::json;

/// Why a text has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not JSON that all read alike: {0}")]
pub struct CanonicalError(String);

/// The canonical form of a JSON text.
///
/// The text is read strictly first: the canonicaliser alone would let the last of two equal keys win.
///
/// ```
/// use verimage_cosign::log::canonical::rfc8785;
///
/// assert_eq!(rfc8785(br#"{"b": 1.0, "a": "\u00e9"}"#).as_deref(), Ok("{\"a\":\"é\",\"b\":1}".as_bytes()));
/// assert!(rfc8785(br#"{"a": 1, "a": 2}"#).is_err());
/// ```
///
/// # Errors
/// [`CanonicalError`] for what is no JSON, or JSON that could be read in two ways.
pub fn rfc8785(text: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    let value = json::strict_value(text).map_err(|error| CanonicalError(error.to_string()))?;
    serde_json_canonicalizer::to_vec(&value).map_err(|error| CanonicalError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8785, section 3.2.3: keys are ordered by their UTF-16 units.
    #[test]
    fn keys_are_sorted_and_escapes_undone() {
        let found = rfc8785("{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"\\u0000\":\"\\/\\u000a\"}".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), "{\"\\u0000\":\"/\\n\",\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn a_canonical_text_stays_as_it_is() {
        for text in [r#"{"a":[true,null,1e+30,0.002,"\""],"b":{}}"#, "[]", "-1", "\"x\""] {
            assert_eq!(rfc8785(text.as_bytes()).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for text in [r#"{"a":1,"\u0061":1}"#, r#"[{"a":1,"a":2}]"#, "{} 1", "1e999", r#""\ud800""#, "[NaN]", ""] {
            assert!(rfc8785(text.as_bytes()).is_err(), "{text}");
        }
        assert!(rfc8785(b"\"\xff\"").is_err());
    }
}
