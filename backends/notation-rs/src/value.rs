//! What a header or a document may hold, the same for JSON and CBOR.

use std::{collections::BTreeMap, fmt};

/// The name of a header: text, or in COSE also a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// A number, in COSE only.
    Integer(i128),
    /// A text.
    Text(String),
}

impl Label {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Integer(_) => None,
            Self::Text(text) => Some(text),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(out),
            Self::Text(text) => brief(text).fmt(out),
        }
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A value of JSON or CBOR, read strictly.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number, written as one.
    Integer(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes, in CBOR only.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map or an object, each name once.
    Map(BTreeMap<Label, Value>),
    /// A value with a tag, in CBOR only.
    Tagged(u64, Box<Value>),
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The map, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&BTreeMap<Label, Value>> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// A tag anywhere inside. What is read is at most [`DEEPEST`] levels deep.
    pub(crate) fn has_tag(&self) -> bool {
        match self {
            Self::Tagged(..) => true,
            Self::List(list) => list.iter().any(Self::has_tag),
            Self::Map(map) => map.values().any(Self::has_tag),
            _ => false,
        }
    }
}

/// A foreign text for a message: not long, and without characters that change what the reader sees around it.
pub(crate) fn brief(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// Most levels of lists and maps inside each other.
pub(crate) const DEEPEST: usize = 16;

/// Most values in one document.
pub(crate) const MOST_VALUES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_short_and_plain() {
        assert_eq!(brief("application/json"), "application/json");
        assert_eq!(brief("a\nb\u{1b}[31m\u{202e}"), r"a\nb\u{1b}[31m\u{202e}");
        assert_eq!(brief(&"ä".repeat(1 << 20)).chars().count(), 101);
        assert_eq!(Label::from("\r").to_string(), r"\r");
    }
}
