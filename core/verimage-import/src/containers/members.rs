//! The members of JSON objects, read as strictly as the library that defines the format.

use serde_json::{Map, Value};
use verimage_core::policy::PolicyError;

/// The members of an object, and where it stands.
pub(super) struct Members<'a> {
    object: &'a Map<String, Value>,
    pub(super) pointer: String,
}

impl<'a> Members<'a> {
    pub(super) fn of(value: &'a Value, pointer: &str) -> Result<Self, PolicyError> {
        let object = value.as_object().ok_or_else(|| PolicyError::invalid(pointer, "JSON object expected"))?;
        Ok(Self { object, pointer: pointer.to_owned() })
    }

    /// Refuses members of other names.
    pub(super) fn only(self, names: &[&str]) -> Result<Self, PolicyError> {
        match self.object.keys().find(|key| !names.contains(&key.as_str())) {
            Some(unknown) => Err(PolicyError::invalid(self.at(unknown), format!("Unknown key \"{}\"", unknown.escape_debug()))),
            None => Ok(self),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.object.iter()
    }

    pub(super) fn at(&self, name: &str) -> String {
        below(&self.pointer, name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    pub(super) fn required(&self, name: &str, otherwise: &str) -> Result<&'a Value, PolicyError> {
        self.get(name).filter(|value| !value.is_null()).ok_or_else(|| PolicyError::invalid(self.pointer.as_str(), otherwise))
    }

    /// A text; none if it is not there, empty or `null`, which are the same to that library.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, PolicyError> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(PolicyError::invalid(self.at(name), format!("`{name}` is a text"))),
        }
    }

    pub(super) fn required_text(&self, name: &str) -> Result<&'a str, PolicyError> {
        self.text(name)?.ok_or_else(|| PolicyError::invalid(self.pointer.as_str(), format!("Key \"{name}\" missing in a JSON object")))
    }

    /// A list of texts; none if it is not there or `null`.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, PolicyError> {
        let items = match self.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(items)) if items.is_empty() => {
                return Err(PolicyError::invalid(self.at(name), format!("\"{name}\" contains no entries")));
            }
            Some(Value::Array(items)) => items,
            Some(_) => return Err(PolicyError::invalid(self.at(name), format!("`{name}` is a list of texts"))),
        };
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        texts.map(Some).ok_or_else(|| PolicyError::invalid(self.at(name), format!("`{name}` is a list of texts")))
    }

    /// Which of these members are given.
    pub(super) fn given<'n>(&self, names: &[&'n str]) -> Result<Vec<&'n str>, PolicyError> {
        let mut given = Vec::new();
        for name in names {
            let is_list = name.ends_with("Paths") || name.ends_with("Datas");
            let is_object = matches!(*name, "fulcio" | "pki");
            let is_given = match () {
                () if is_object => self.get(name).is_some_and(|value| !value.is_null()),
                () if is_list => self.texts(name)?.is_some(),
                () => self.text(name)?.is_some(),
            };
            given.extend(is_given.then_some(*name));
        }
        Ok(given)
    }

    /// The one of these members that is given.
    pub(super) fn exactly_one<'n>(&self, names: &[&'n str]) -> Result<&'n str, PolicyError> {
        let given = self.given(names)?;
        let [only] = given.as_slice() else {
            let count = if given.is_empty() { "none of them present" } else { "more than one present" };
            let message = format!("Exactly one of {} must be specified, {count}", names.join(", "));
            return Err(PolicyError::invalid(self.pointer.as_str(), message));
        };
        Ok(only)
    }

    pub(super) fn at_most_one<'n>(&self, names: &[&'n str]) -> Result<Option<&'n str>, PolicyError> {
        match self.given(names)?.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            _ => Err(PolicyError::invalid(self.pointer.as_str(), format!("At most one of {} may be specified", names.join(", ")))),
        }
    }
}

/// The pointer of a member.
pub(super) fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
