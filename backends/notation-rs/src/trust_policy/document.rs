//! From JSON to a document as it is written, judging nothing but its form.

use std::collections::BTreeMap;

use super::PolicyError;
use crate::{Label, Value, json};

/// Where the reference reads what the specification does not allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leniency {
    /// Refuse.
    #[default]
    Refuse,
    /// Do as the reference does.
    AsReference,
}

/// How trust policies are read: by default as the specification has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub(super) unknown_members: Leniency,
    pub(super) global_skip: Leniency,
}

impl Reading {
    /// Members that trust policies do not have: the reference passes over them, so that a misspelt one changes nothing and
    /// nobody notices.
    #[must_use]
    pub fn unknown_members(self, unknown_members: Leniency) -> Self {
        Self { unknown_members, ..self }
    }

    /// A statement for the scope `*` that skips: the reference allows it, so that whatever nobody thought of is not verified.
    #[must_use]
    pub fn global_skip(self, global_skip: Leniency) -> Self {
        Self { global_skip, ..self }
    }
}

pub(super) struct Document {
    pub(super) version: String,
    pub(super) statements: Vec<Written>,
}

/// A statement as it is written. What is absent is empty.
pub(super) struct Written {
    pub(super) name: String,
    pub(super) level: String,
    /// In the order of their names.
    pub(super) overrides: Vec<(String, String)>,
    pub(super) verify_timestamp: String,
    pub(super) trust_stores: Vec<String>,
    pub(super) trusted_identities: Vec<String>,
    pub(super) registry_scopes: Vec<String>,
    pub(super) global: bool,
}

const STATEMENT: [&str; 4] = ["name", "signatureVerification", "trustStores", "trustedIdentities"];

impl Document {
    /// `own` is the member that only this kind of document has.
    pub(super) fn read(bytes: &[u8], own: &'static str, unknown: Leniency) -> Result<Self, PolicyError> {
        let document = Value::Map(json::parse_object(bytes)?);
        let members = Members::new(&document, String::new(), unknown)?;
        members.check(&["version", "trustPolicies"])?;
        let statements = members.list("trustPolicies")?.iter().enumerate();
        let read = |(index, value)| Written::read(value, format!("/trustPolicies/{index}"), own, unknown);
        Ok(Self { version: members.text("version")?, statements: statements.map(read).collect::<Result<_, _>>()? })
    }
}

impl Written {
    fn read(value: &Value, path: String, own: &'static str, unknown: Leniency) -> Result<Self, PolicyError> {
        let members = Members::new(value, path, unknown)?;
        members.check(&[&STATEMENT[..], &[own]].concat())?;
        let empty = Value::Map(BTreeMap::new());
        let inside = |parent: &Members<'_>, name: &str| format!("{}/{name}", parent.path);
        let value = members.get("signatureVerification").unwrap_or(&empty);
        let verification = Members::new(value, inside(&members, "signatureVerification"), unknown)?;
        verification.check(&["level", "override", "verifyTimestamp"])?;
        let value = verification.get("override").unwrap_or(&empty);
        let overrides = Members::new(value, inside(&verification, "override"), unknown)?;
        let pair = |label: &Label| Ok((label.to_string(), overrides.text(&label.to_string())?));
        Ok(Self {
            name: members.text("name")?,
            level: verification.text("level")?,
            overrides: overrides.map.keys().map(pair).collect::<Result<_, PolicyError>>()?,
            verify_timestamp: verification.text("verifyTimestamp")?,
            trust_stores: members.texts("trustStores")?,
            trusted_identities: members.texts("trustedIdentities")?,
            registry_scopes: members.texts("registryScopes")?,
            global: members.flag("globalPolicy")?,
        })
    }
}

/// An object and where it stands. Go writes lists that are not there as null, so null is as good as absent.
struct Members<'a> {
    map: &'a BTreeMap<Label, Value>,
    path: String,
    unknown: Leniency,
}

impl<'a> Members<'a> {
    fn new(value: &'a Value, path: String, unknown: Leniency) -> Result<Self, PolicyError> {
        match value.as_map() {
            Some(map) => Ok(Self { map, path, unknown }),
            None => Err(PolicyError::Member { path, expected: "an object" }),
        }
    }

    fn check(&self, known: &[&str]) -> Result<(), PolicyError> {
        let is_unknown = |label: &&Label| label.as_text().is_none_or(|name| !known.contains(&name));
        match self.map.keys().find(is_unknown) {
            Some(label) if self.unknown == Leniency::Refuse => Err(PolicyError::UnknownMember { path: format!("{}/{label}", self.path) }),
            _ => Ok(()),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(&name.into()).filter(|value| **value != Value::Null)
    }

    fn wrong(&self, name: &str, expected: &'static str) -> PolicyError {
        PolicyError::Member { path: format!("{}/{name}", self.path), expected }
    }

    fn text(&self, name: &str) -> Result<String, PolicyError> {
        let Some(value) = self.get(name) else { return Ok(String::new()) };
        value.as_text().map(str::to_owned).ok_or_else(|| self.wrong(name, "a string"))
    }

    fn list(&self, name: &str) -> Result<&'a [Value], PolicyError> {
        let Some(value) = self.get(name) else { return Ok(&[]) };
        value.as_list().ok_or_else(|| self.wrong(name, "an array"))
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, PolicyError> {
        let text = |value: &Value| value.as_text().map(str::to_owned).ok_or_else(|| self.wrong(name, "an array of strings"));
        self.list(name)?.iter().map(text).collect()
    }

    fn flag(&self, name: &str) -> Result<bool, PolicyError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }
}
