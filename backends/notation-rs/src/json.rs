//! Strict JSON: UTF-8, no name twice in an object, nothing behind the value, bounded in depth and number of values.
//!
//! Go's decoder takes the last of two equal names and folds their case. What could be read in two ways is refused, so that
//! nobody can sign one thing and have another verified.

use std::{cell::Cell, collections::BTreeMap, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use crate::value::{DEEPEST, Label, MOST_VALUES, Value, brief};

/// Why bytes are not strict JSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Reads one value that takes all the bytes.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError(error.to_string()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let left = Cell::new(MOST_VALUES);
    let value = Strict { depth: 0, left: &left }.deserialize(&mut deserializer);
    value.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| JsonError(error.to_string()))
}

/// Reads one object that takes all the bytes.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<BTreeMap<Label, Value>, JsonError> {
    match parse(bytes)? {
        Value::Map(map) => Ok(map),
        _ => Err(JsonError("not an object".to_owned())),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth {
            DEEPEST.. => Err(E::custom(format_args!("more than {DEEPEST} levels deep"))),
            depth => Ok(Self { depth: depth.saturating_add(1), ..self }),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(D::Error::custom(format_args!("more than {MOST_VALUES} values"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut map = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inside)?;
            if map.insert(Label::Text(name.clone()), value).is_some() {
                return Err(A::Error::custom(format_args!("the name `{}` stands twice", brief(&name))));
            }
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_once_at_every_depth() {
        assert!(parse(br#"{"a":1,"A":2}"#).is_ok());
        for twice in [r#"{"a":1,"a":1}"#, r#"{"b":{"a":1,"a":2}}"#, r#"[[{"a":1,"\u0061":2}]]"#] {
            let error = parse(twice.as_bytes()).expect_err(twice);
            assert!(error.to_string().contains("`a` stands twice"), "{error}");
        }
    }

    #[test]
    fn nothing_follows_and_all_is_text() {
        for bad in [&b"{} {}"[..], b"{}x", b"", b"{\"a\":}", b"\"\xff\"", b"// a\n{}", b"{\"a\":1,}", b"\xef\xbb\xbf{}"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse_object(b"[]").is_err());
        assert!(parse_object(b" {} \n").is_ok());
    }

    #[test]
    fn whole_numbers_are_told_from_others() {
        assert_eq!(parse(b"18446744073709551615"), Ok(Value::Integer(u64::MAX.into())));
        assert_eq!(parse(b"-1"), Ok(Value::Integer(-1)));
        for other in ["1.0", "1e3", "-0", "18446744073709551616"] {
            assert!(matches!(parse(other.as_bytes()), Ok(Value::Float(_))), "{other}");
        }
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(parse(&nested(DEEPEST)).is_ok());
        assert!(parse(&nested(DEEPEST + 1)).is_err());
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        assert!(parse(many(MOST_VALUES - 1).as_bytes()).is_ok());
        assert!(parse(many(MOST_VALUES).as_bytes()).is_err());
    }
}
