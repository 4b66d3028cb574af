//! A native policy while an importer writes it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;
use verimage_core::policy::{Lint, Remark, read_config};

use crate::Imported;
use crate::part::Part;

/// The parts of a native policy, and what they stand for in the source.
#[derive(Debug, Default)]
pub(crate) struct Native {
    trust: Map<String, Value>,
    stores: Map<String, Value>,
    rules: Vec<Value>,
    origins: BTreeMap<String, String>,
    remarks: Vec<Remark>,
}

impl Native {
    /// The name of this trust anchor; equal ones are one.
    pub(crate) fn anchor(&mut self, prefix: &str, anchor: Value, origin: &Part<'_>) -> String {
        let name = define(&mut self.trust, prefix, anchor);
        self.origins.entry(format!("/trust/{name}")).or_insert_with(|| origin.pointer.clone());
        name
    }

    /// The name of this store; equal ones are one.
    pub(crate) fn store(&mut self, store: Value, origin: &Part<'_>) -> String {
        let name = define(&mut self.stores, "signatures", store);
        self.origins.entry(format!("/stores/{name}")).or_insert_with(|| origin.pointer.clone());
        name
    }

    /// Adds a remark about a part of the source.
    pub(crate) fn remark(&mut self, lint: Lint, about: &Part<'_>, message: String) {
        self.remarks.push(Remark::new(lint, about.pointer.as_str(), message));
    }

    /// Adds a rule. `parts` are pointers below the rule, with what they stand for.
    pub(crate) fn rule(&mut self, rule: Value, origin: &Part<'_>, parts: &[(&str, &Part<'_>)]) {
        let place = format!("/rules/{}", self.rules.len());
        for (part, of) in parts {
            self.origins.insert(format!("{place}{part}"), of.pointer.clone());
        }
        self.origins.insert(place, origin.pointer.clone());
        self.rules.push(rule);
    }

    /// The policy.
    pub(crate) fn finish(self, unmatched: &str) -> Result<Imported, PolicyError> {
        let Self { trust, stores, rules, origins, remarks } = self;
        let kind = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": unmatched});
        let mut native = kind.as_object().cloned().unwrap_or_default();
        native.extend([("trust".to_owned(), trust.into()), ("stores".to_owned(), stores.into()), ("rules".to_owned(), rules.into())]);
        let mut imported = Imported::new(read_config(&native.into(), "")?, origins);
        imported.remarks = remarks;
        Ok(imported)
    }
}

fn define(section: &mut Map<String, Value>, prefix: &str, body: Value) -> String {
    if let Some((name, _)) = section.iter().find(|(_, other)| **other == body) {
        return name.clone();
    }
    let taken = section.keys().filter(|name| name.starts_with(prefix)).count();
    let name = format!("{prefix}-{}", taken.saturating_add(1));
    section.insert(name.clone(), body);
    name
}
