//! Large lists of Kubernetes objects in JSON, one object at a time: `kubectl get pods --all-namespaces --output json`.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use verimage::core::json::strict_value;

/// The largest object of a list, and the most beside its objects, in bytes. What a cluster stores is smaller than 1.5 MiB.
const MAX_OBJECT: usize = 16 << 20;

/// Hands every item of a list to `each`, with the kind of the list as far as it was said before its items.
///
/// # Errors
/// If this is no list of objects, or what `each` says.
pub(super) fn items<E>(reader: impl Read, mut each: impl FnMut(Value, Option<&str>) -> Result<(), E>) -> Result<(), Refusal<E>> {
    let budget = Cell::new(MAX_OBJECT);
    let mut refused = None;
    let mut each = |item: Value, kind: Option<&str>| each(item, kind).map_err(|error| refused = Some(error));
    let mut deserializer = serde_json::Deserializer::from_reader(Bounded { reader, budget: &budget });
    let read = List { each: &mut each, budget: &budget }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (refused, read) {
        (Some(error), _) => Err(Refusal::Caller(error)),
        (None, Err(error)) => Err(Refusal::Text(error.to_string())),
        (None, Ok(())) => Ok(()),
    }
}

/// Why a list was not read to its end.
#[derive(Debug)]
pub(super) enum Refusal<E> {
    Text(String),
    Caller(E),
}

/// Bytes that are read at most between one object and the next.
struct Bounded<'a, R> {
    reader: R,
    budget: &'a Cell<usize>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.budget.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("an object is larger than {} MiB", MAX_OBJECT >> 20)));
        }
        let length = buffer.len().min(left);
        let read = self.reader.read(buffer.get_mut(..length).unwrap_or_default())?;
        self.budget.set(left - read);
        Ok(read)
    }
}

type Each<'a> = &'a mut dyn FnMut(Value, Option<&str>) -> Result<(), ()>;

/// The list around the objects.
struct List<'a> {
    each: Each<'a>,
    budget: &'a Cell<usize>,
}

/// The objects.
struct Items<'a> {
    each: Each<'a>,
    budget: &'a Cell<usize>,
    kind: Option<String>,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of Kubernetes objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let (mut kind, mut seen) = (None, false);
        while let Some(member) = members.next_key::<String>()? {
            match member.as_str() {
                "items" if seen => return Err(A::Error::custom("duplicate key `items`")),
                "items" => {
                    seen = true;
                    members.next_value_seed(Items { each: &mut *self.each, budget: self.budget, kind: kind.clone() })?;
                }
                "kind" => kind = Some(members.next_value::<String>()?),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        if seen { Ok(()) } else { Err(A::Error::custom("this is no list of objects, and too large for anything else")) }
    }
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the objects of a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Box<RawValue>>()? {
            let value = strict_value(item.get().as_bytes()).map_err(A::Error::custom)?;
            (self.each)(value, self.kind.as_deref()).map_err(|()| A::Error::custom("refused"))?;
            self.budget.set(MAX_OBJECT);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, Refusal<&'static str>> {
        let mut seen = Vec::new();
        items(text.as_bytes(), |item, kind| {
            seen.push(format!("{} {item}", kind.unwrap_or("?")));
            if item == "stop" { Err("stopped") } else { Ok(()) }
        })?;
        Ok(seen)
    }

    #[test]
    fn objects_come_one_by_one() {
        assert_eq!(
            read(r#"{"kind": "PodList", "items": [{"a": 1}, {"b": 2}], "x": [1]}"#).unwrap(),
            [r#"PodList {"a":1}"#, r#"PodList {"b":2}"#]
        );
        assert_eq!(read(r#"{"items": [1], "kind": "List"}"#).unwrap(), ["? 1"]);
        assert!(matches!(read(r#"{"items": ["stop", 2]}"#), Err(Refusal::Caller("stopped"))));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"items": {}}"#,
            r#"{"items": [{"a": 1, "a": 2}]}"#,
            r#"{"items": [], "items": []}"#,
            r#"{"items": [1]"#,
            "{\"items\": []} x",
        ] {
            assert!(matches!(read(text), Err(Refusal::Text(_))), "{text}");
        }
    }

    #[test]
    fn an_object_is_bounded_and_a_list_is_not() {
        let object = format!("\"{}\"", "x".repeat(6 << 20));
        let list = |count: usize| format!("{{\"items\": [{}]}}", vec![object.as_str(); count].join(","));
        assert_eq!(read(&list(5)).unwrap().len(), 5);
        let huge = format!("{{\"items\": [\"{}\"]}}", "x".repeat(17 << 20));
        assert!(matches!(read(&huge), Err(Refusal::Text(reason)) if reason.contains("larger than 16 MiB")));
    }
}
