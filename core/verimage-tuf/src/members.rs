//! Members of JSON objects, read by their exact names.
//!
//! Go matches names without regard to case, while the signature covers the exact text; here a name is its bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::failure::{Check, Malformed};

/// A JSON object and what it is, for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members<'a> {
    map: &'a Map<String, Value>,
    what: &'static str,
}

impl<'a> Members<'a> {
    pub(crate) fn of(value: &'a Value, what: &'static str) -> Result<Self, Malformed> {
        let map = value.as_object().ok_or_else(|| Malformed::new(Check::Structure, format!("{what} is not an object")))?;
        Ok(Self { map, what })
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a Value, Malformed> {
        self.map.get(name).ok_or_else(|| self.fault(name, "is missing"))
    }

    pub(crate) fn object(&self, name: &str, what: &'static str) -> Result<Members<'a>, Malformed> {
        Members::of(self.required(name)?, what)
    }

    /// An object that may be absent or `null`.
    pub(crate) fn object_or_absent(&self, name: &str, what: &'static str) -> Result<Option<Members<'a>>, Malformed> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => Members::of(value, what).map(Some),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, Malformed> {
        self.required(name)?.as_str().ok_or_else(|| self.fault(name, "is not a text"))
    }

    /// An integer; one with a fraction or an exponent is none.
    pub(crate) fn integer(&self, name: &str) -> Result<i64, Malformed> {
        self.required(name)?.as_i64().ok_or_else(|| self.fault(name, "is not an integer"))
    }

    /// Standard base64 with padding; Go's decoder skips line ends, this does not.
    pub(crate) fn base64(&self, name: &str) -> Result<Vec<u8>, Malformed> {
        STANDARD.decode(self.text(name)?).map_err(|_| self.fault(name, "is not base64"))
    }

    /// The members of an object that may be absent or `null`, which is an empty one.
    pub(crate) fn map_or_empty(&self, name: &str) -> Result<impl Iterator<Item = (&'a String, &'a Value)> + use<'a>, Malformed> {
        let map = match self.map.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Object(map)) => Some(map),
            Some(_) => return Err(self.fault(name, "is not an object")),
        };
        Ok(map.into_iter().flatten())
    }

    /// The items of a list that may be absent or `null`, which is an empty one.
    pub(crate) fn list_or_empty(&self, name: &str) -> Result<&'a [Value], Malformed> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.fault(name, "is not a list")),
        }
    }

    /// The texts of a list that may be absent or `null`.
    pub(crate) fn texts_or_empty(&self, name: &str) -> Result<Vec<String>, Malformed> {
        let text = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(|| self.fault(name, "holds something else than texts"));
        self.list_or_empty(name)?.iter().map(text).collect()
    }

    pub(crate) fn fault(&self, name: &str, fault: &str) -> Malformed {
        Malformed::new(Check::Structure, format!("`{name}` of {} {fault}", self.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_and_kinds_too() {
        let value = serde_json::json!({"Version": 1, "version": 1.0, "text": "YQ==\n", "list": ["a", 1], "null": null});
        let members = Members::of(&value, "signed").unwrap();
        assert_eq!(members.integer("version").unwrap_err().to_string(), "`version` of signed is not an integer");
        assert_eq!(members.integer("VERSION").unwrap_err().to_string(), "`VERSION` of signed is missing");
        assert!(members.base64("text").is_err() && members.texts_or_empty("list").is_err());
        assert!(members.list_or_empty("null").unwrap().is_empty() && members.map_or_empty("absent").unwrap().next().is_none());
        assert!(members.map_or_empty("list").is_err() && members.list_or_empty("text").is_err());
        assert!(Members::of(&serde_json::json!(["root"]), "signed").is_err());
    }
}
