//! A native policy while an importer writes it.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;
use verimage_core::policy::{Lint, Remark, read_config};

use crate::Imported;
use crate::part::Part;

/// How many values the rules of a native policy may consist of: those of 10,000 rules with a tree each.
const MAX_VALUES: usize = 2_000_000;

/// The parts of a native policy, and what they stand for in the source.
#[derive(Debug, Default)]
pub(crate) struct Native {
    trust: Section,
    stores: Section,
    rules: Vec<Value>,
    /// How many values the rules consist of.
    size: usize,
    origins: BTreeMap<String, String>,
    remarks: Vec<Remark>,
}

impl Native {
    /// The name of this trust anchor; equal ones are one.
    pub(crate) fn anchor(&mut self, prefix: &str, anchor: Value, origin: &Part<'_>) -> String {
        let name = self.trust.define(prefix, anchor);
        self.origins.entry(format!("/trust/{name}")).or_insert_with(|| origin.pointer.clone());
        name
    }

    /// The name of this store; equal ones are one.
    pub(crate) fn store(&mut self, store: Value, origin: &Part<'_>) -> String {
        let name = self.stores.define("signatures", store);
        self.origins.entry(format!("/stores/{name}")).or_insert_with(|| origin.pointer.clone());
        name
    }

    /// Adds a remark about a part of the source.
    pub(crate) fn remark(&mut self, lint: Lint, about: &Part<'_>, message: String) {
        self.remarks.push(Remark::new(lint, about.pointer.as_str(), message));
    }

    /// Adds a rule. `parts` are pointers below the rule, with what they stand for. A short policy can stand for a long one:
    /// where that has no end, it is refused.
    pub(crate) fn rule(&mut self, rule: Value, origin: &Part<'_>, parts: &[(&str, &Part<'_>)]) -> Result<(), PolicyError> {
        self.size = self.size.saturating_add(values(&rule));
        if self.size > MAX_VALUES {
            let message = format!("up to here the native form of this policy has more than {MAX_VALUES} values");
            return Err(origin.invalid(message).with_hint("let fewer rules name all trust roots, or use several files"));
        }
        let place = format!("/rules/{}", self.rules.len());
        for (part, of) in parts {
            self.origins.insert(format!("{place}{part}"), of.pointer.clone());
        }
        self.origins.insert(place, origin.pointer.clone());
        self.rules.push(rule);
        Ok(())
    }

    /// The policy.
    pub(crate) fn finish(self, unmatched: &str) -> Result<Imported, PolicyError> {
        let Self { trust, stores, rules, size: _, origins, remarks } = self;
        let kind = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": unmatched});
        let mut native = kind.as_object().cloned().unwrap_or_default();
        native.extend([
            ("trust".to_owned(), trust.bodies.into()),
            ("stores".to_owned(), stores.bodies.into()),
            ("rules".to_owned(), rules.into()),
        ]);
        let mut imported = Imported::new(read_config(&native.into(), "")?, origins);
        imported.remarks = remarks;
        Ok(imported)
    }
}

/// Named bodies, of which equal ones are one.
#[derive(Debug, Default)]
struct Section {
    bodies: Map<String, Value>,
    names: HashMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Section {
    fn define(&mut self, prefix: &str, body: Value) -> String {
        if let Some(name) = self.names.get(&body.to_string()) {
            return name.clone();
        }
        let count = self.counts.entry(prefix.to_owned()).or_default();
        *count = count.saturating_add(1);
        let name = format!("{prefix}-{count}");
        self.names.insert(body.to_string(), name.clone());
        self.bodies.insert(name.clone(), body);
        name
    }
}

/// How many values a part of the policy consists of. The depth is that of a policy file.
fn values(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(values).fold(0, usize::saturating_add),
        Value::Object(members) => members.values().map(values).fold(0, usize::saturating_add),
        _ => 0,
    };
    below.saturating_add(1)
}
