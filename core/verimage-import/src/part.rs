//! A part of somebody else's policy, with the place where it stands.

use serde_json::Value;
use verimage_core::{Code, PolicyError};

/// How many items a list may have that is combined with others.
const MAX_COMBINED: usize = 64;

/// A value of the source and its JSON pointer. A member that is `null` counts as not given.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) value: &'a Value,
    pub(crate) pointer: String,
}

impl<'a> Part<'a> {
    /// The whole document.
    pub(crate) fn whole(value: &'a Value) -> Self {
        Self { value, pointer: String::new() }
    }

    fn below(&self, segment: &str, value: &'a Value) -> Self {
        Self { value, pointer: format!("{}/{}", self.pointer, segment.replace('~', "~0").replace('/', "~1")) }
    }

    /// Nothing, if this is a map with no other members than these.
    pub(crate) fn check_members(&self, known: &[&str]) -> Result<(), PolicyError> {
        let unknown = self.entries()?.into_iter().find(|(name, _)| !known.contains(name));
        unknown.map_or(Ok(()), |(_, member)| Err(member.unknown(known)))
    }

    /// That this member is none of those that are known.
    pub(crate) fn unknown(&self, known: &[&str]) -> PolicyError {
        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("{} is no member of this part of the policy", name_of(self));
        self.invalid(message).with_hint(format!("it has {}", known.join(", ")))
    }

    /// The member `name`, if it is given.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        self.value.get(name).filter(|value| !value.is_null()).map(|value| self.below(name, value))
    }

    /// The member `name`, if it is given and not an empty list or map.
    pub(crate) fn get_filled(&self, name: &str) -> Option<Self> {
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(|map| map.is_empty());
        self.get(name).filter(|part| !is_empty(part.value))
    }

    /// The member `name`, which must be given.
    pub(crate) fn need(&self, name: &str) -> Result<Self, PolicyError> {
        self.get(name).ok_or_else(|| self.invalid(format!("`{name}` is missing")))
    }

    pub(crate) fn text(&self) -> Result<&'a str, PolicyError> {
        let is_unquoted = self.value.is_boolean() || self.value.is_number();
        let message = if is_unquoted { "a text is needed here: put it into quotes" } else { "a text is needed here" };
        self.value.as_str().ok_or_else(|| self.invalid(message))
    }

    pub(crate) fn flag(&self) -> Result<bool, PolicyError> {
        self.value.as_bool().ok_or_else(|| self.invalid("`true` or `false` is needed here"))
    }

    pub(crate) fn items(&self) -> Result<Vec<Self>, PolicyError> {
        let items = self.value.as_array().ok_or_else(|| self.invalid("a list is needed here"))?;
        Ok(items.iter().enumerate().map(|(index, item)| self.below(&index.to_string(), item)).collect())
    }

    /// A list whose items are combined with others, and therefore few.
    pub(crate) fn few_items(&self) -> Result<Vec<Self>, PolicyError> {
        match self.items()? {
            items if items.len() > MAX_COMBINED => Err(self.invalid(format!("at most {MAX_COMBINED} items are allowed here"))),
            items => Ok(items),
        }
    }

    /// The list under `name` with at least one item.
    pub(crate) fn filled_list(&self, name: &str) -> Result<Vec<Self>, PolicyError> {
        let list = self.need(name)?;
        let items = list.items()?;
        if items.is_empty() { Err(list.invalid("at least one item is needed here")) } else { Ok(items) }
    }

    pub(crate) fn entries(&self) -> Result<Vec<(&'a str, Self)>, PolicyError> {
        let map = self.value.as_object().ok_or_else(|| self.invalid("a map is needed here"))?;
        Ok(map.iter().map(|(name, value)| (name.as_str(), self.below(name, value))).collect())
    }

    /// What the source's own tool refuses as well.
    pub(crate) fn invalid(&self, message: impl Into<String>) -> PolicyError {
        PolicyError::invalid(self.pointer.as_str(), message)
    }

    /// What the source's tool understands and the native form cannot say.
    pub(crate) fn unsupported(&self, message: impl Into<String>, hint: impl Into<String>) -> PolicyError {
        PolicyError::new(Code::PolicyUnsupportedField, self.pointer.as_str(), message).with_hint(hint)
    }
}

/// Refuses the members that are given, each with why and what to do.
pub(crate) fn refuse(part: &Part<'_>, members: &[(&str, &str, &str)]) -> Result<(), PolicyError> {
    let refused = members.iter().find_map(|(name, message, hint)| Some((part.get_filled(name)?, message, hint)));
    refused.map_or(Ok(()), |(member, message, hint)| Err(member.unsupported(format!("{}: {message}", name_of(&member)), *hint)))
}

/// The name of a member, as messages print it.
pub(crate) fn name_of(part: &Part<'_>) -> String {
    format!("`{}`", part.pointer.rsplit('/').next().unwrap_or_default())
}
