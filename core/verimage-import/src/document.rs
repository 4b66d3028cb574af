//! YAML and JSON text as a value that remembers where each part stood.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Budget, Options, Spanned};
use verimage_core::PolicyError;

/// The largest policy file that is read, in bytes.
pub const MAX_POLICY_BYTES: usize = 16 << 20;
/// The longest key of a policy file, in bytes; places are kept by key.
const MAX_KEY_BYTES: usize = 256;
/// How deep a policy file may be nested.
const MAX_DEPTH: usize = 64;
/// How much YAML aliases may expand to.
const MAX_REPLAYED_EVENTS: usize = 50_000;
/// How many values a policy file may hold; enough for 10,000 rules with a tree each.
const MAX_NODES: usize = 2_000_000;
/// How many YAML documents a policy file may hold.
const MAX_DOCUMENTS: usize = 64;
/// How many YAML documents a manifest may hold.
const MAX_OBJECTS: usize = 10_000;

/// A policy file: its content, and where each part stood.
#[derive(Clone, Debug)]
pub struct Document {
    value: Value,
    locations: HashMap<String, (usize, usize)>,
}

impl Document {
    /// Reads one YAML or JSON document. Duplicate keys, several documents and documents beyond the bounds are refused.
    ///
    /// # Errors
    /// `policy-invalid` with line and column.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        check_size(text)?;
        serde_saphyr::from_str_with_options(text, options(1)).map(Self::of).map_err(|error| refusal(&error))
    }

    /// Reads a YAML stream or a JSON document. Several documents are one list, in which each has its place; those without
    /// content do not count.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_stream(text: &str) -> Result<Self, PolicyError> {
        check_size(text)?;
        let read = serde_saphyr::from_multiple_with_options::<Spanned<Node>>(text, options(MAX_DOCUMENTS));
        let mut documents = read.map_err(|error| refusal(&error))?;
        match documents.pop() {
            None => Err(PolicyError::invalid("", "the policy is empty")),
            Some(only) if documents.is_empty() => Ok(Self::of(only)),
            Some(last) => {
                documents.push(last);
                Ok(Self::of_several(documents))
            }
        }
    }

    /// Reads the objects of a Kubernetes manifest, a YAML stream or a JSON document, as one list. There may be as many as an
    /// installation has, and none.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_manifest(text: &str) -> Result<Self, PolicyError> {
        check_size(text)?;
        let read = serde_saphyr::from_multiple_with_options::<Spanned<Node>>(text, options(MAX_OBJECTS));
        Ok(Self::of_several(read.map_err(|error| refusal(&error))?))
    }

    fn of_several(documents: Vec<Spanned<Node>>) -> Self {
        let mut locations = HashMap::new();
        let value = Node::List(documents).into_value(&mut String::new(), (1, 1), &mut locations);
        Self { value, locations }
    }

    fn of(node: Spanned<Node>) -> Self {
        let mut locations = HashMap::new();
        let value = node.value.into_value(&mut String::new(), (node.referenced.line(), node.referenced.column()), &mut locations);
        Self { value, locations }
    }

    /// The content.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Line and column of the part at a JSON pointer, or of the nearest part around it.
    pub fn location(&self, pointer: &str) -> Option<(usize, usize)> {
        let mut pointer = pointer;
        loop {
            if let Some(location) = self.locations.get(pointer) {
                return Some(*location);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }
}

fn check_size(text: &str) -> Result<(), PolicyError> {
    if text.len() > MAX_POLICY_BYTES {
        return Err(PolicyError::invalid("", format!("the file is larger than {MAX_POLICY_BYTES} bytes")));
    }
    Ok(())
}

fn refusal(error: &serde_saphyr::Error) -> PolicyError {
    let mut refusal = PolicyError::invalid("", first_line(&error.without_snippet().to_string()));
    refusal.location = error.location().map(|at| (to_usize(at.line()), to_usize(at.column())));
    refusal
}

fn options(max_documents: usize) -> Options {
    let mut budget = Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.max_nodes = MAX_NODES;
    budget.max_events = MAX_NODES * 2;
    budget.max_total_scalar_bytes = MAX_POLICY_BYTES;
    budget.max_documents = max_documents;
    // Members that come from elsewhere would be read over, and each of them has bounds of its own.
    budget.max_merge_keys = 0;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.alias_limits.max_total_replayed_events = MAX_REPLAYED_EVENTS;
    options
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("the text is not YAML").to_owned()
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

impl Node {
    fn into_value(self, pointer: &mut String, at: (u64, u64), locations: &mut HashMap<String, (usize, usize)>) -> Value {
        locations.insert(pointer.clone(), (to_usize(at.0), to_usize(at.1)));
        let mut descend = |segment: &str, child: Spanned<Node>| {
            let before = pointer.len();
            pointer.push('/');
            pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
            let value = child.value.into_value(pointer, (child.referenced.line(), child.referenced.column()), locations);
            pointer.truncate(before);
            value
        };
        match self {
            Self::Scalar(value) => value,
            Self::List(items) => items.into_iter().enumerate().map(|(index, item)| descend(&index.to_string(), item)).collect(),
            Self::Map(entries) => {
                Value::Object(entries.into_iter().map(|(key, child)| (key.clone(), descend(&key, child))).collect::<Map<_, _>>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value).map(|number| Node::Scalar(Value::Number(number))).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Value::String(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries: Vec<(String, Spanned<Node>)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = access.next_key::<String>()? {
            if key.len() > MAX_KEY_BYTES {
                return Err(A::Error::custom(format_args!("a key is longer than {MAX_KEY_BYTES} bytes")));
            }
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("duplicate key `{key}`")));
            }
            entries.push((key, access.next_value()?));
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_where_things_stood() {
        let document = Document::parse("a: 1\nb:\n- x: [true, null]\n  \"y/z\": 'no'\n").unwrap();
        assert_eq!(document.value(), &serde_json::json!({"a": 1, "b": [{"x": [true, null], "y/z": "no"}]}));
        assert_eq!(document.location("/b/0/y~1z"), Some((4, 10)));
        assert_eq!(document.location("/b/0/missing/deeper"), document.location("/b/0"));
    }

    #[test]
    fn reads_json() {
        let document = Document::parse("{\n\t\"a\": {\"b\": \"\\u00e9\\ud83d\\ude00\"}\n}").unwrap();
        assert_eq!(document.value(), &serde_json::json!({"a": {"b": "é😀"}}));
    }

    #[test]
    fn a_stream_is_a_list_with_its_places() {
        let stream = Document::parse_stream("---\na: 1\n---\n# nothing\n---\nb:\n- 2\n...\n").unwrap();
        assert_eq!(stream.value(), &serde_json::json!([{"a": 1}, {"b": [2]}]));
        assert_eq!(stream.location("/1/b/0"), Some((7, 3)));
        let single = Document::parse_stream("a: 1\n---\n").unwrap();
        assert_eq!((single.value(), single.location("/a")), (&serde_json::json!({"a": 1}), Some((1, 4))));
        assert!(Document::parse_stream("# nothing\n").is_err());
        assert!(Document::parse_stream(&"---\na: 1\n".repeat(64)).is_ok());
        assert!(Document::parse_stream(&"---\na: 1\n".repeat(65)).is_err());
    }

    #[test]
    fn a_manifest_is_a_list_whatever_it_holds() {
        let several = Document::parse_manifest(&"---\nkind: Pod\n".repeat(100)).unwrap();
        assert_eq!((several.value().as_array().map(Vec::len), several.location("/99/kind")), (Some(100), Some((200, 7))));
        assert_eq!(Document::parse_manifest("kind: Pod\n").unwrap().value(), &serde_json::json!([{"kind": "Pod"}]));
        assert_eq!(Document::parse_manifest("# nothing\n").unwrap().value(), &serde_json::json!([]));
        assert!(Document::parse_manifest("a: 1\na: 2\n").is_err());
    }

    /// What aliases expand to is bounded for the stream, not for each document of it.
    #[test]
    fn a_stream_of_bombs_is_bounded() {
        let bomb = format!("a: &a [{}x]\nb: [{}*a]\n---\n", "x,".repeat(999), "*a,".repeat(40));
        assert!(Document::parse_stream(&bomb).is_ok());
        assert!(Document::parse_stream(&bomb.repeat(60)).is_err());
    }

    #[test]
    fn refuses_duplicates_documents_and_bombs() {
        assert!(Document::parse("a: 1\na: 2").unwrap_err().message.contains("duplicate"));
        assert_eq!(Document::parse("a: 1\nb: [").unwrap_err().location.map(|(line, _)| line), Some(2));
        assert!(Document::parse("a: 1\n---\nb: 2").is_err());
        assert!(Document::parse(&"[".repeat(10_000)).is_err());
        assert!(Document::parse(&format!("{}: 1", "k".repeat(257))).is_err());
        assert!(Document::parse("a: &a { x: 1 }\nb: { <<: *a }").is_err());
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]";
        assert!(Document::parse(bomb).is_err());
    }
}
