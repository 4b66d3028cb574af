//! Where the images of other kinds of objects stand.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most paths of one kind.
const MAX_PATHS: usize = 32;
/// The longest path, in segments.
const MAX_SEGMENTS: usize = 32;

/// A kind of objects, and where in them images or pod specs stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extractor {
    /// The group, such as `tekton.dev`; empty for the core.
    pub group: String,
    /// The kind, such as `Task`; every version of it.
    pub kind: String,
    /// Places of images, as JSON pointers in which `*` is every item of a list or every member of a map:
    /// `/spec/steps/*/image`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Places of pod specs, in the same way: `/spec/template/spec`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pod_specs: Vec<String>,
}

/// Why an extractor is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtractorError {
    /// The place below the extractor, as a JSON pointer.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ExtractorError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.message, self.pointer)
    }
}

impl std::error::Error for ExtractorError {}

impl Extractor {
    /// Whether it says something, and all of it can be followed.
    ///
    /// # Errors
    /// [`ExtractorError`].
    pub fn check(&self) -> Result<(), ExtractorError> {
        let error = |pointer: &str, message: &str| Err(ExtractorError { pointer: pointer.to_owned(), message: message.to_owned() });
        if self.kind.is_empty() {
            return error("/kind", "the kind is missing");
        }
        if !(1..=MAX_PATHS).contains(&(self.images.len() + self.pod_specs.len())) {
            return error("", "1 to 32 places of `images` and `podSpecs` are needed");
        }
        for (field, paths) in [("images", &self.images), ("podSpecs", &self.pod_specs)] {
            for (index, path) in paths.iter().enumerate() {
                if !path.starts_with('/') || path.split('/').count() > MAX_SEGMENTS {
                    return error(&format!("/{field}/{index}"), "a place is a JSON pointer such as `/spec/steps/*/image`");
                }
            }
        }
        Ok(())
    }
}

/// Everything at a path, with the pointer of each.
pub(crate) fn follow<'a>(object: &'a Value, path: &str) -> Vec<(String, &'a Value)> {
    let mut found = vec![(String::new(), object)];
    for segment in path.split('/').skip(1) {
        found = found.into_iter().flat_map(|(pointer, value)| step(&pointer, value, segment)).collect();
    }
    found
}

fn step<'a>(pointer: &str, value: &'a Value, segment: &str) -> Vec<(String, &'a Value)> {
    let below = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
    match (value, segment) {
        (Value::Array(items), "*") => items.iter().enumerate().map(|(index, item)| (below(&index.to_string()), item)).collect(),
        (Value::Object(members), "*") => members.iter().map(|(name, member)| (below(name), member)).collect(),
        (Value::Object(members), name) => {
            let name = name.replace("~1", "/").replace("~0", "~");
            members.get(&name).map(|member| (below(&name), member)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_every_item() {
        let object = json!({"spec": {"steps": [{"image": "a"}, {"script": 1}, {"image": "b"}], "m/x": {"p": {"image": "c"}, "q": 1}}});
        let texts = |path: &str| -> Vec<String> {
            follow(&object, path).into_iter().map(|(pointer, value)| format!("{pointer}={value}")).collect()
        };
        assert_eq!(texts("/spec/steps/*/image"), ["/spec/steps/0/image=\"a\"", "/spec/steps/2/image=\"b\""]);
        assert_eq!(texts("/spec/m~1x/*/image"), ["/spec/m~1x/p/image=\"c\""]);
        assert_eq!(texts("/spec/missing/*"), Vec::<String>::new());
    }

    #[test]
    fn an_extractor_says_something() {
        let good = Extractor { group: String::new(), kind: "Task".to_owned(), images: vec!["/spec/a".to_owned()], pod_specs: Vec::new() };
        assert_eq!(good.check(), Ok(()));
        for bad in [
            Extractor { kind: String::new(), ..good.clone() },
            Extractor { images: Vec::new(), ..good.clone() },
            Extractor { images: vec!["spec".to_owned()], ..good.clone() },
            Extractor { pod_specs: vec![String::new()], ..good.clone() },
            Extractor { images: vec!["/a".repeat(40)], ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
