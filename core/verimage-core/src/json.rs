//! Strict JSON: UTF-8, no duplicate keys, nothing behind the value, at most 128 levels deep.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Reads `bytes` as strict JSON of the shape `T`.
///
/// Go's decoder takes the last of two equal keys and ignores their case; a signer and a verifier that disagree about
/// what was signed are an attack, so a document that could be read in two ways is refused.
///
/// # Errors
/// The reason with line and column, or with the field that does not fit.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_str(strict(bytes)?)
}

/// The text, if it is strict JSON. Nothing is kept of it, so this costs less than to read it into a value.
///
/// # Errors
/// As [`from_slice`].
pub fn strict(bytes: &[u8]) -> Result<&str, serde_json::Error> {
    let text = std::str::from_utf8(bytes).map_err(serde_json::Error::custom)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(text)
}

/// Reads `bytes` as a strict JSON value.
///
/// # Errors
/// As [`from_slice`].
pub fn strict_value(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    from_slice(bytes)
}

/// Goes through a value and looks for objects with the same key twice.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            keys.push(key);
            entries.next_value_seed(Self)?;
        }
        keys.sort_unstable();
        match keys.windows(2).find_map(|pair| pair.first().filter(|key| pair.last() == Some(key))) {
            Some(key) => Err(A::Error::custom(format_args!("duplicate key `{key}`"))),
            None => Ok(()),
        }
    }
}

/// A key, without a copy of it unless it has escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_json() {
        let text = br#"{"a":[1,-2,3.5,true,null,"\u00e9"],"b":{}}"#;
        assert_eq!(strict_value(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        assert!(strict_value(br#"{"a":1,"a":1}"#).is_err());
        assert!(strict_value(br#"{"a":1,"\u0061":2}"#).is_err());
        assert!(strict_value(br#"{"x":{"a":1,"a":2}}"#).is_err());
        assert!(strict_value(b"{} {}").is_err());
        assert!(strict_value(b"\xef\xbb\xbf{}").is_err());
        assert!(strict_value(b"{\"a\":\"\xff\"}").is_err());
        assert!(strict_value("[".repeat(100_000).as_bytes()).is_err());
    }
}
