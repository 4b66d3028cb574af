//! Connaisseur's configuration as a native policy: Helm values (`application: {validators, policy}`), or the bare file.
//!
//! Every rule of `policy` becomes a rule in Connaisseur's own dialect of patterns, with what its validator demands. Version 2
//! wrote `trust_roots` and the like; both spellings are read.

mod cosign;
mod features;
mod validator;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use verimage_core::PolicyError;
use verimage_core::policy::{Dialect, Scope};

use crate::Imported;
use crate::native::Native;
use crate::objects::{Objects, Resources};
use crate::part::Part;
use validator::{Kind, Validator, Validators, With};

/// What a native rule is called at most.
const MAX_NAME: usize = 253;
const NEVER_ENFORCED: &str = "Connaisseur accepts this here and never enforces it";

/// Writes a configuration of Connaisseur in native form. What says how Connaisseur runs (`kubernetes`, `cache`, `alerting` and
/// the like) has no bearing on a verdict; everything else is translated or refused.
///
/// # Errors
/// `policy-invalid` for what is no such configuration; `policy-undefined-name` for validators and trust roots that are not
/// there; `policy-unsupported-field` for what has no native form, and for what Connaisseur accepts and never enforces.
pub(crate) fn import(objects: &Objects<'_>) -> Result<Imported, PolicyError> {
    let (configuration, mode) = match objects.policies.as_slice() {
        [document] => features::read(document)?,
        [_, second, ..] => return Err(second.invalid("a file holds one configuration of Connaisseur")),
        [] => return Err(PolicyError::invalid("", "there is no configuration of Connaisseur")),
    };
    let validators = Validators::read(&configuration)?;
    let mut rules = Rules { mode, resources: &objects.resources, native: Native::default(), seen: BTreeSet::new() };
    let policy = configuration.filled_list("policy")?;
    // Of equal patterns the last one judges.
    for rule in policy.iter().rev() {
        rules.check_pattern(rule)?;
    }
    for (index, rule) in policy.iter().enumerate() {
        rules.add(index, rule, &validators)?;
    }
    rules.finish(&configuration.need("policy")?)
}

/// A member in either spelling; one without content counts as not given.
fn member<'a>(part: &Part<'a>, name: &str) -> Result<Option<Part<'a>>, PolicyError> {
    let given = |name: &str| part.get(name).filter(|part| part.value.as_str() != Some(""));
    let old = old_spelling(name);
    match (given(name), given(&old).filter(|_| old != name)) {
        (Some(_), Some(twice)) => Err(twice.invalid(format!("`{name}` is given in two spellings"))),
        (one, other) => Ok(one.or(other)),
    }
}

/// `trust_root` for `trustRoot`.
fn old_spelling(name: &str) -> String {
    let letters = name.chars().flat_map(|sign| [sign.is_ascii_uppercase().then_some('_'), Some(sign.to_ascii_lowercase())]);
    letters.flatten().collect()
}

fn need<'a>(part: &Part<'a>, name: &str) -> Result<Part<'a>, PolicyError> {
    member(part, name)?.ok_or_else(|| part.invalid(format!("`{name}` is missing")))
}

fn flag(part: &Part<'_>, name: &str, default: bool) -> Result<bool, PolicyError> {
    member(part, name)?.map_or(Ok(default), |flag| flag.flag())
}

/// Nothing, if this is a map with no other members than these, in either spelling.
fn check_members(part: &Part<'_>, known: &[&str]) -> Result<(), PolicyError> {
    let is_known = |name: &str| known.iter().any(|known| *known == name || old_spelling(known) == name);
    let unknown = part.entries()?.into_iter().find(|(name, _)| !is_known(name));
    unknown.map_or(Ok(()), |(_, member)| Err(member.unknown(known)))
}

/// The rules while they are written.
struct Rules<'a> {
    mode: &'static str,
    resources: &'a Resources<'a>,
    native: Native,
    seen: BTreeSet<&'a str>,
}

impl<'a> Rules<'a> {
    fn check_pattern(&mut self, rule: &Part<'a>) -> Result<(), PolicyError> {
        check_members(rule, &["pattern", "validator", "with"])?;
        let pattern = need(rule, "pattern")?;
        let text = pattern.text()?;
        Scope::parse_as(text, Dialect::Connaisseur)
            .map_err(|message| pattern.unsupported(message, "the signs of patterns are `*` and `?`, each of them stands for any sign"))?;
        if self.seen.insert(text) {
            return Ok(());
        }
        let message = format!("the pattern `{text}` stands again further down, and Connaisseur takes the last one, so this never judges");
        Err(pattern.unsupported(message, "remove one of the rules"))
    }

    fn add(&mut self, index: usize, rule: &Part<'a>, validators: &Validators<'a>) -> Result<(), PolicyError> {
        let (pattern, validator) = (need(rule, "pattern")?, validators.of_rule(rule)?);
        let with = With::read(rule, validator)?;
        let require = match &validator.kind {
            Kind::Static { approve: true } => approve(&pattern, validator)?,
            Kind::Static { approve: false } => json!({"deny": {"reason": format!("the validator `{}` denies", validator.name)}}),
            Kind::NotaryV1 => validator.notary_v1(&with, &mut self.native)?,
            Kind::Notation => validator.notation(&with, &mut self.native)?,
            Kind::Cosign => cosign::requirement(validator, &with, self.resources, &mut self.native)?,
        };
        let text = pattern.text()?;
        let name = if text.len() <= MAX_NAME { text.to_owned() } else { format!("rule {index}") };
        let native = json!({
            "name": name, "dialect": "connaisseur", "images": [text], "mode": self.mode, "require": require,
        });
        self.native.rule(native, rule, &[("/images", &pattern), ("/require", &validator.part)]);
        Ok(())
    }

    /// In detection mode nothing is blocked, what no rule matches neither.
    fn finish(mut self, policy: &Part<'a>) -> Result<Imported, PolicyError> {
        if self.mode == "audit" && !self.seen.contains("*") {
            let rule: Value = json!({
                "name": "no matching rule", "dialect": "connaisseur", "images": ["*"], "mode": self.mode,
                "require": {"deny": {"reason": "no rule matches"}},
            });
            self.native.rule(rule, policy, &[]);
        }
        self.native.finish("deny")
    }
}

/// Connaisseur puts a `*` before and behind each pattern; what is allowed unseen must have been meant so.
fn approve(pattern: &Part<'_>, validator: &Validator<'_>) -> Result<Value, PolicyError> {
    let text = pattern.text()?;
    if !text.starts_with('*') || !text.ends_with('*') {
        let message = format!(
            "`{}` allows whatever matches unseen, and Connaisseur matches anywhere: `evil.example/{text}` fits `{text}` too",
            validator.name
        );
        let host = text.split_once('/').map(|(host, _)| host).filter(|host| !host.contains(['*', '?']));
        let (everywhere, host) = (text.trim_matches('*'), host.unwrap_or("registry.example"));
        let hint = format!("if that is meant, write `*{everywhere}*`; if not, a native policy has `{host}/**` for the registry alone");
        return Err(pattern.unsupported(message, hint));
    }
    Ok(json!({"allow": {"reason": format!("the validator `{}` approves whatever matches", validator.name)}}))
}

#[cfg(test)]
mod tests;
