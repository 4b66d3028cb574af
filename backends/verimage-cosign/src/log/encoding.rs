//! What proto3 JSON and Rekor share: base64, 64-bit numbers that may stand as text, strict digits.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Standard base64 with padding: one text for the same bytes.
pub(crate) fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Standard base64 of `bytes`.
pub(crate) fn base64_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Small hexadecimal digits: one text for the same bytes.
pub(crate) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok().filter(|_| !text.bytes().any(|byte| byte.is_ascii_uppercase()))
}

/// A decimal number without sign and leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// A 64-bit number that is not negative, as proto3 JSON writes it: as text, or as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number from 0 to 2^64-1, or its digits as text")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Number, E> {
        decimal(value).map(Number).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_text_or_number_and_never_negative() {
        let read = |text: &str| serde_json::from_str::<Number>(text).ok().map(|number| number.0);
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("\"7\""), Some(7));
        assert_eq!(read("\"0\""), Some(0));
        assert_eq!(read("\"18446744073709551615\""), Some(u64::MAX));
        for text in ["-1", "\"-1\"", "\"+1\"", "\"07\"", "\"\"", "\" 7\"", "7.0", "7e1", "\"18446744073709551616\"", "null", "\"\u{667}\""]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn each_value_has_one_text() {
        assert_eq!(base64_bytes("AA=="), Some(vec![0]));
        assert!(["AA", "AB==", "AA==\n", "_w==", " AA=="].iter().all(|text| base64_bytes(text).is_none()));
        assert_eq!(hex_bytes("0a"), Some(vec![10]));
        assert!(["0A", "0", "0x"].iter().all(|text| hex_bytes(text).is_none()));
    }
}
