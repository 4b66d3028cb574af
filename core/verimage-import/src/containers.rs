//! containers `policy.json` as a native policy (containers-policy.json(5), and the strictness of the library that reads it).

mod members;
mod requirement;
mod transport;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use verimage_core::json;
use verimage_core::policy::{PolicyError, read_config};

use self::members::{Members, below};
use self::requirement::{Need, requirements};
use crate::Imported;

/// The longest name of a rule.
const MAX_NAME: usize = 253;

/// Reads a policy as podman does, and writes it in native form: each scope becomes a rule with the scope's own language
/// (`dialect: containers`), each list of requirements a tree in which all of them must hold.
///
/// Every rule looks at the manifest of the platform, as podman does; signatures are looked for where `registries.d` says.
///
/// # Errors
/// `policy-invalid` for everything that podman refuses to load.
pub fn import(text: &str) -> Result<Imported, PolicyError> {
    let document = json::strict_value(text.as_bytes()).map_err(|error| {
        let mut refusal = PolicyError::invalid("", error.to_string());
        refusal.location = Some((error.line(), error.column())).filter(|(line, _)| *line > 0);
        refusal
    })?;
    let whole = Members::of(&document, "")?.only(&["default", "transports"])?;
    let mut native = Native::default();
    let default = whole.required("default", "Default policy is missing")?;
    native.rule("default", "**", default, "/default")?;
    if let Some(transports) = whole.get("transports") {
        for (transport, scopes) in Members::of(transports, "/transports")?.all() {
            native.transport(transport, scopes)?;
        }
    }
    native.finish()
}

/// The native form while it grows.
#[derive(Default)]
struct Native {
    trust: Map<String, Value>,
    rules: Vec<Value>,
    origins: BTreeMap<String, String>,
}

impl Native {
    fn transport(&mut self, transport: &str, scopes: &Value) -> Result<(), PolicyError> {
        let pointer = below("/transports", transport);
        if transport.is_empty() || transport.contains(':') {
            return Err(PolicyError::invalid(pointer, format!("\"{}\" is no transport", transport.escape_debug())));
        }
        for (scope, requirements) in Members::of(scopes, &pointer)?.all() {
            let pointer = below(&pointer, scope);
            if !transport::allows(transport, scope) {
                return Err(PolicyError::invalid(pointer, format!("Unknown key \"{}\"", scope.escape_debug())));
            }
            let pattern = format!("{transport}:{scope}");
            let name = if pattern.len() > MAX_NAME { format!("{transport} scope {}", self.rules.len()) } else { pattern.clone() };
            self.rule(&name, &pattern, requirements, &pointer)?;
        }
        Ok(())
    }

    fn rule(&mut self, name: &str, pattern: &str, list: &Value, pointer: &str) -> Result<(), PolicyError> {
        let Need { require, anchors, parts } = requirements(list, pointer)?;
        for anchor in anchors {
            self.origins.entry(below("/trust", &anchor.name)).or_insert(anchor.pointer);
            self.trust.insert(anchor.name, anchor.document);
        }
        let place = format!("/rules/{}", self.rules.len());
        self.origins.extend(parts.into_iter().map(|(part, origin)| (format!("{place}/require{part}"), origin)));
        self.origins.insert(place, pointer.to_owned());
        self.rules.push(json!({"name": name, "dialect": "containers", "images": [pattern], "subject": "platform", "require": require}));
        Ok(())
    }

    fn finish(self) -> Result<Imported, PolicyError> {
        let native = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": self.trust, "rules": self.rules});
        Ok(Imported::new(read_config(&native, "")?, self.origins))
    }
}

#[cfg(test)]
mod tests;
