//! The Kubernetes objects of a file: policies, and the Secrets and ConfigMaps that they name.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use verimage_core::PolicyError;

use crate::PolicyFormat;
use crate::part::Part;

/// What a file holds: one document, several, or a `List`.
#[derive(Debug)]
pub(crate) struct Objects<'a> {
    /// The policies, all of one format.
    pub(crate) policies: Vec<Part<'a>>,
    /// What they may name.
    pub(crate) resources: Resources<'a>,
}

impl<'a> Objects<'a> {
    pub(crate) fn of(document: &'a Value) -> Result<Self, PolicyError> {
        let mut objects = Self { policies: Vec::new(), resources: Resources::default() };
        for object in parts(document)? {
            match Kind::of(object.value) {
                Some(kind) => objects.resources.add(kind, object)?,
                None => objects.add_policy(object)?,
            }
        }
        Ok(objects)
    }

    fn add_policy(&mut self, object: Part<'a>) -> Result<(), PolicyError> {
        let format = PolicyFormat::detect(object.value)
            .ok_or_else(|| object.invalid("this is neither a policy of a known format nor a Secret or ConfigMap"))?;
        match self.policies.first().and_then(|first| PolicyFormat::detect(first.value)) {
            Some(first) if first != format => {
                let message = format!("this is a {format}, and the file begins with a {first}");
                Err(object.invalid(message).with_hint("keep the policies of each tool in a file of their own"))
            }
            _ => {
                self.policies.push(object);
                Ok(())
            }
        }
    }
}

/// The format of the first policy among several objects.
pub(crate) fn format_of_several(document: &Value) -> Option<PolicyFormat> {
    let objects = parts(document).ok()?;
    objects.iter().filter(|object| Kind::of(object.value).is_none()).find_map(|object| PolicyFormat::detect(object.value))
}

/// Whether the document is several objects.
pub(crate) fn is_several(document: &Value) -> bool {
    document.is_array() || is_list(document)
}

fn is_list(document: &Value) -> bool {
    document.get("kind").and_then(Value::as_str) == Some("List") && document.get("items").is_some()
}

fn parts(document: &Value) -> Result<Vec<Part<'_>>, PolicyError> {
    let whole = Part::whole(document);
    let documents = if document.is_array() { whole.items()? } else { vec![whole] };
    let mut parts = Vec::new();
    for document in documents {
        if is_list(document.value) {
            document.check_members(&["apiVersion", "items", "kind", "metadata"])?;
            parts.extend(document.need("items")?.items()?);
        } else {
            parts.push(document);
        }
    }
    Ok(parts)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Secret,
    ConfigMap,
}

impl Kind {
    fn of(object: &Value) -> Option<Self> {
        match (object.get("apiVersion")?.as_str()?, object.get("kind")?.as_str()?) {
            ("v1", "Secret") => Some(Self::Secret),
            ("v1", "ConfigMap") => Some(Self::ConfigMap),
            _ => None,
        }
    }
}

/// Secrets and ConfigMaps.
#[derive(Debug, Default)]
pub(crate) struct Resources<'a> {
    by_name: BTreeMap<(Kind, Option<String>, String), Resource<'a>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    kind: Kind,
    object: Part<'a>,
}

impl<'a> Resources<'a> {
    fn add(&mut self, kind: Kind, object: Part<'a>) -> Result<(), PolicyError> {
        object.check_members(&["apiVersion", "binaryData", "data", "immutable", "kind", "metadata", "stringData", "type"])?;
        let metadata = object.need("metadata")?;
        let name = metadata.need("name")?;
        let namespace = metadata.get("namespace").map(|namespace| namespace.text().map(str::to_owned)).transpose()?;
        match self.by_name.insert((kind, namespace, name.text()?.to_owned()), Resource { kind, object }) {
            None => Ok(()),
            Some(_) => Err(name.invalid("an object of this kind and name is in the file already")),
        }
    }

    /// The Secret of this name. One that says no namespace is in each.
    pub(crate) fn secret(&self, namespace: &str, name: &str) -> Option<&Resource<'a>> {
        self.find(Kind::Secret, namespace, name)
    }

    /// The ConfigMap of this name. One that says no namespace is in each.
    pub(crate) fn config_map(&self, namespace: &str, name: &str) -> Option<&Resource<'a>> {
        self.find(Kind::ConfigMap, namespace, name)
    }

    /// The ConfigMaps of this name, in whatever namespace.
    pub(crate) fn config_maps_named(&self, name: &str) -> Vec<&Resource<'a>> {
        let of_name = |(key, _): &(&(Kind, Option<String>, String), _)| key.0 == Kind::ConfigMap && key.2 == name;
        self.by_name.iter().filter(of_name).map(|(_, resource)| resource).collect()
    }

    fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<&Resource<'a>> {
        let of = |namespace: Option<&str>| self.by_name.get(&(kind, namespace.map(str::to_owned), name.to_owned()));
        of(Some(namespace)).or_else(|| of(None))
    }
}

impl<'a> Resource<'a> {
    /// The texts that it holds, by key, with the place of each. Those of a Secret are decoded.
    pub(crate) fn texts(&self) -> Result<BTreeMap<&'a str, (String, Part<'a>)>, PolicyError> {
        let mut texts = BTreeMap::new();
        for (key, part) in self.entries("data")? {
            let text = if self.kind == Kind::Secret { decoded(&part)? } else { part.text()?.to_owned() };
            texts.insert(key, (text, part));
        }
        if self.kind == Kind::Secret {
            for (key, part) in self.entries("stringData")? {
                texts.insert(key, (part.text()?.to_owned(), part));
            }
        }
        Ok(texts)
    }

    /// The text under a key, and its place.
    pub(crate) fn text(&self, key: &str) -> Result<(String, Part<'a>), PolicyError> {
        self.texts()?.remove(key).ok_or_else(|| self.object.invalid(format!("`{key}` is named by the policy, and is not in here")))
    }

    /// The text of a resource that holds one, under whatever key, and its place.
    pub(crate) fn only_text(&self) -> Result<(String, Part<'a>), PolicyError> {
        let mut texts = self.texts()?.into_values();
        match (texts.next(), texts.next()) {
            (Some(text), None) => Ok(text),
            _ => Err(self.object.invalid("exactly one entry is needed here, because the policy does not say which it means")),
        }
    }

    /// The namespace that it says.
    pub(crate) fn namespace(&self) -> Option<Part<'a>> {
        self.object.get("metadata")?.get("namespace")
    }

    /// An error about the whole of it.
    pub(crate) fn invalid(&self, message: &str) -> PolicyError {
        self.object.invalid(message)
    }

    fn entries(&self, member: &str) -> Result<Vec<(&'a str, Part<'a>)>, PolicyError> {
        self.object.get(member).map_or(Ok(Vec::new()), |data| data.entries())
    }
}

/// Text in base64.
pub(crate) fn decoded(part: &Part<'_>) -> Result<String, PolicyError> {
    let text: String = part.text()?.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(text).map_err(|error| part.invalid(format!("this is not base64: {error}")))?;
    String::from_utf8(bytes).map_err(|_| part.invalid("this is base64 of something that is no text"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(metadata: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"k": "YWJj\n"}, "stringData": {"l": "d"}})
    }

    #[test]
    fn finds_objects_in_streams_and_lists() {
        let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy"});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [secret(json!({"name": "s"})), policy]});
        let stream = json!([list, secret(json!({"name": "s", "namespace": "n"})), policy]);
        let objects = Objects::of(&stream).unwrap();
        let places: Vec<_> = objects.policies.iter().map(|policy| policy.pointer.as_str()).collect();
        assert_eq!(places, ["/0/items/1", "/2"]);
        let found = |namespace| objects.resources.secret(namespace, "s").map(|secret| secret.object.pointer.as_str());
        assert_eq!((found("n"), found("other")), (Some("/1"), Some("/0/items/0")));
        assert!(objects.resources.secret("n", "t").is_none() && objects.resources.config_map("n", "s").is_none());
        let (text, part) = objects.resources.secret("n", "s").unwrap().text("k").unwrap();
        assert_eq!((text.as_str(), part.pointer.as_str()), ("abc", "/1/data/k"));
        assert_eq!(objects.resources.secret("n", "s").unwrap().text("l").unwrap().0, "d");
        assert!(objects.resources.secret("n", "s").unwrap().text("m").is_err());
        assert_eq!(format_of_several(&stream), Some(PolicyFormat::Kyverno));
    }

    #[test]
    fn refuses_strangers_twins_and_mixtures() {
        let kyverno = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy"});
        let portieris = json!({"apiVersion": "portieris.cloud.ibm.com/v1", "kind": "ImagePolicy"});
        for (stream, pointer) in [
            (json!([kyverno, {"apiVersion": "v1", "kind": "Pod"}]), "/1"),
            (json!([secret(json!({"name": "s"})), secret(json!({"name": "s"})), kyverno]), "/1/metadata/name"),
            (json!([kyverno, portieris]), "/1"),
            (json!([kyverno, null]), "/1"),
        ] {
            assert_eq!(Objects::of(&stream).unwrap_err().pointer, pointer, "{stream}");
        }
        let broken = json!([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "%"}}]);
        assert!(Objects::of(&broken).unwrap().resources.secret("n", "s").unwrap().texts().is_err());
    }
}
