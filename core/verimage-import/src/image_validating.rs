//! Kyverno's `ImageValidatingPolicy` as a native policy (`policies.kyverno.io`).
//!
//! Such a policy decides by CEL, of which one shape has a native form (see [`expression`]): every validation must have it.
//! Each policy becomes a rule that applies always, in its own dialect of patterns.

mod attestor;
mod expression;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;
use verimage_core::policy::{Dialect, Scope};

use crate::Imported;
use crate::native::Native;
use crate::objects::Objects;
use crate::part::{Part, refuse};
use attestor::About;
use expression::Demand;

const VERSIONS: [&str; 3] = ["policies.kyverno.io/v1", "policies.kyverno.io/v1beta1", "policies.kyverno.io/v1alpha1"];
const SPEC: &[&str] = &[
    "attestations",
    "attestors",
    "auditAnnotations",
    "autogen",
    "credentials",
    "evaluation",
    "failurePolicy",
    "images",
    "matchConditions",
    "matchConstraints",
    "matchImageReferences",
    "validationActions",
    "validationConfigurations",
    "validations",
    "variables",
    "webhookConfiguration",
];

/// Writes policies in native form. What says how Kyverno runs has no bearing on a verdict; everything else is translated or
/// refused.
///
/// # Errors
/// `policy-invalid` for what is no such policy; `policy-unsupported-field` for what has no native form, expressions of any
/// other shape first, and for what is never enforced.
pub(crate) fn import(objects: &Objects<'_>) -> Result<Imported, PolicyError> {
    let mut native = Native::default();
    for policy in &objects.policies {
        read_policy(policy, &mut native)?;
    }
    native.finish("allow")
}

fn read_policy(policy: &Part<'_>, native: &mut Native) -> Result<(), PolicyError> {
    policy.check_members(&["apiVersion", "kind", "metadata", "spec", "status"])?;
    let version = policy.need("apiVersion")?;
    if !VERSIONS.contains(&version.text()?) {
        let message = "this version of Kyverno's policies is not known";
        return Err(version.unsupported(message, format!("write it as one of {}", VERSIONS.join(", "))));
    }
    let kind = policy.need("kind")?;
    if !matches!(kind.text()?, "ImageValidatingPolicy" | "NamespacedImageValidatingPolicy") {
        return Err(kind.unsupported("this kind of policy is not about signatures", "keep it in a file of its own"));
    }
    let spec = policy.need("spec")?;
    spec.check_members(SPEC)?;
    check_spec(&spec)?;
    check_constraints(&spec.need("matchConstraints")?)?;
    let mut rule = Map::new();
    let mut set = |field: &str, value: Value| rule.insert(field.to_owned(), value);
    set("name", policy.need("metadata")?.need("name")?.text()?.into());
    set("dialect", "imageValidatingPolicy".into());
    set("images", patterns(&spec)?);
    set("apply", "always".into());
    set("mode", mode(&spec)?.into());
    set("requireDigest", requires_digest(&spec)?.into());
    let demands = demands(&spec)?;
    let signers = Signers::read(&spec)?;
    signers.check_used(&demands)?;
    let (require, attestations) = signers.requirements(&demands, native)?;
    require.map(|require| set("require", require));
    if !attestations.is_empty() {
        set("attestations", attestations.into());
    }
    let (images, validations) = (spec.need("matchImageReferences")?, spec.need("validations")?);
    native.rule(rule.into(), policy, &[("/images", &images), ("/require", &validations), ("/attestations", &validations)]);
    Ok(())
}

/// Members that have no native form.
fn check_spec(spec: &Part<'_>) -> Result<(), PolicyError> {
    let selects = "which objects are checked is decided where the check runs";
    refuse(
        spec,
        &[
            ("credentials", "credentials do not belong to a policy here", "leave it out, and log in where the check runs"),
            ("images", "images are judged by their references, wherever these stand", "leave it out, and hand over the references"),
            ("matchConditions", selects, "leave it out"),
            ("variables", "expressions are not evaluated", "write the values themselves"),
        ],
    )?;
    if let Some(failure) = spec.get("failurePolicy").filter(|failure| failure.value != "Fail") {
        let message = "`failurePolicy` other than `Fail` admits images that could not be judged";
        return Err(failure.unsupported(message, "leave it out, or audit with `validationActions: [Audit]`"));
    }
    let Some(evaluation) = spec.get("evaluation") else { return Ok(()) };
    evaluation.check_members(&["admission", "background", "mode"])?;
    if let Some(mode) = evaluation.get("mode").filter(|mode| mode.value != "Kubernetes") {
        return Err(mode.unsupported("only objects of Kubernetes have images here", "leave it out"));
    }
    let Some(admission) = evaluation.get("admission") else { return Ok(()) };
    admission.check_members(&["enabled"])?;
    match admission.get("enabled") {
        Some(enabled) if !enabled.flag()? => {
            Err(enabled.unsupported("`enabled: false` never checks what is admitted", "leave it out; `Audit` only reports"))
        }
        _ => Ok(()),
    }
}

/// The policy must be for all pods: the native form judges every image.
fn check_constraints(constraints: &Part<'_>) -> Result<(), PolicyError> {
    constraints.check_members(&["excludeResourceRules", "matchPolicy", "namespaceSelector", "objectSelector", "resourceRules"])?;
    let selects = "which objects are checked is decided where the check runs";
    refuse(constraints, &["excludeResourceRules", "namespaceSelector", "objectSelector"].map(|name| (name, selects, "leave it out")))?;
    let mut found = false;
    for rule in constraints.filled_list("resourceRules")? {
        rule.check_members(&["apiGroups", "apiVersions", "operations", "resourceNames", "resources", "scope"])?;
        refuse(&rule, &[("resourceNames", selects, "leave it out")])?;
        let has = |name: &str, words: &[&str]| {
            let list = rule.get(name).map_or(Ok(Vec::new()), |list| list.items())?;
            Ok::<_, PolicyError>(list.iter().any(|item| item.value.as_str().is_some_and(|text| words.contains(&text))))
        };
        found |= has("apiGroups", &["", "*"])? && has("resources", &["pods", "*", "*/*"])? && has("operations", &["CREATE", "*"])?;
    }
    if found {
        return Ok(());
    }
    let hint = "match the resource `pods` when it is created, and hand over the references of other objects";
    Err(constraints.unsupported("which objects are checked is decided where the check runs, and this leaves pods out", hint))
}

fn mode(spec: &Part<'_>) -> Result<&'static str, PolicyError> {
    let actions = spec.get("validationActions").map_or(Ok(Vec::new()), |actions| actions.items())?;
    let words = actions.iter().map(Part::text).collect::<Result<Vec<_>, _>>()?;
    if let Some((index, _)) = words.iter().enumerate().find(|(_, word)| !matches!(**word, "Deny" | "Audit" | "Warn")) {
        return Err(actions.get(index).unwrap_or(spec).invalid("the actions are `Deny`, `Audit` and `Warn`"));
    }
    match (words.contains(&"Deny"), words.contains(&"Warn")) {
        (true, true) => Err(spec.need("validationActions")?.invalid("`Deny` and `Warn` exclude each other")),
        (true, false) => Ok("enforce"),
        (false, _) if words.is_empty() => Ok("enforce"),
        (false, _) => Ok("audit"),
    }
}

/// Kyverno puts the digest into the object and then wants one there; who does only the latter refuses tags.
fn requires_digest(spec: &Part<'_>) -> Result<bool, PolicyError> {
    let Some(settings) = spec.get("validationConfigurations") else { return Ok(false) };
    settings.check_members(&["mutateDigest", "required", "verifyDigest"])?;
    let flag = |name: &str| settings.get(name).map_or(Ok(true), |flag| flag.flag());
    if !flag("required")? {
        let message = "`required: false` admits images that nobody verified";
        return Err(settings.need("required")?.unsupported(message, "leave it out, or audit with `validationActions: [Audit]`"));
    }
    Ok(!flag("mutateDigest")? && flag("verifyDigest")?)
}

fn patterns(spec: &Part<'_>) -> Result<Value, PolicyError> {
    let pattern = |reference: &Part<'_>| {
        reference.check_members(&["expression", "glob"])?;
        refuse(reference, &[("expression", "expressions are not evaluated", "say which images with `glob`")])?;
        let glob = reference.need("glob")?;
        let text = glob.text()?;
        Scope::parse_as(text, Dialect::ImageValidatingPolicy).map_err(|message| {
            glob.unsupported(message, "a pattern that never matches leaves images unverified; correct it or remove it")
        })?;
        Ok(json!(text))
    };
    spec.filled_list("matchImageReferences")?.iter().map(pattern).collect()
}

/// What the validations demand, each with the place of its expression.
fn demands<'a>(spec: &Part<'a>) -> Result<Vec<(Part<'a>, Demand)>, PolicyError> {
    let mut all = Vec::new();
    for validation in spec.filled_list("validations")? {
        validation.check_members(&["expression", "message", "messageExpression", "reason"])?;
        let expression = validation.need("expression")?;
        let demands = expression::demands(expression.text()?).ok_or_else(|| {
            let shape = "images.containers.map(i, verifyImageSignatures(i, [attestors.NAME])).all(e, e > 0)";
            let hint = format!(
                "one shape has a native form: `{shape}`, joined by `&&`; conditions over predicates are `conditions` of a native policy"
            );
            expression.unsupported("this expression has no native form, and CEL is not evaluated", hint)
        })?;
        all.extend(demands.into_iter().map(|demand| (expression.clone(), demand)));
    }
    Ok(all)
}

/// The attestors and attestations of a policy by name.
struct Signers<'a> {
    attestors: BTreeMap<&'a str, Part<'a>>,
    attestations: BTreeMap<&'a str, Part<'a>>,
}

impl<'a> Signers<'a> {
    fn read(spec: &Part<'a>) -> Result<Self, PolicyError> {
        let named = |member: &str| {
            let mut found = BTreeMap::new();
            for item in spec.get(member).map_or(Ok(Vec::new()), |list| list.items())? {
                let name = item.need("name")?;
                if found.insert(name.text()?, item).is_some() {
                    return Err(name.invalid("this name is given twice"));
                }
            }
            Ok(found)
        };
        Ok(Self { attestors: named("attestors")?, attestations: named("attestations")? })
    }

    /// What no validation asks for would be believed to be enforced.
    fn check_used(&self, demands: &[(Part<'_>, Demand)]) -> Result<(), PolicyError> {
        let attestors: BTreeSet<&str> = demands.iter().flat_map(|(_, demand)| demand.attestors.iter().map(String::as_str)).collect();
        let attestations: BTreeSet<&str> = demands.iter().filter_map(|(_, demand)| demand.attestation.as_deref()).collect();
        let unused = |named: &BTreeMap<&str, Part<'a>>, used: &BTreeSet<&str>| {
            named.iter().find(|(name, _)| !used.contains(*name)).map(|(_, part)| part.clone())
        };
        match unused(&self.attestors, &attestors).or_else(|| unused(&self.attestations, &attestations)) {
            Some(part) => Err(part.unsupported("no validation asks for this, so it is never enforced", "remove it, or ask for it")),
            None => Ok(()),
        }
    }

    /// What is demanded of the image, and which attestations.
    fn requirements(&self, demands: &[(Part<'_>, Demand)], native: &mut Native) -> Result<(Option<Value>, Vec<Value>), PolicyError> {
        let (mut image, mut attestations) = (Vec::new(), Vec::new());
        for (expression, demand) in demands {
            match &demand.attestation {
                None => image.push(self.tree(expression, demand, About::Image, native)?),
                Some(name) => {
                    let require = self.tree(expression, demand, About::Attestation, native)?;
                    let predicate_type = self.predicate_type(expression, name)?;
                    attestations.push(json!({"name": name, "predicateType": predicate_type, "require": require, "statements": "any"}));
                }
            }
        }
        let require = if image.len() > 1 { Some(json!({"allOf": image})) } else { image.pop() };
        Ok((require, attestations))
    }

    fn tree(&self, expression: &Part<'_>, demand: &Demand, about: About, native: &mut Native) -> Result<Value, PolicyError> {
        let leaf = |name: &String| {
            let attestor = self.attestors.get(name.as_str()).ok_or_else(|| undefined(expression, "attestor", name))?;
            attestor::leaf(attestor, about, native)
        };
        let mut leaves = demand.attestors.iter().map(leaf).collect::<Result<Vec<_>, _>>()?;
        Ok(match demand.count {
            _ if leaves.len() == 1 => leaves.remove(0),
            1 => json!({"anyOf": leaves}),
            all if all == leaves.len() => json!({"allOf": leaves}),
            some => json!({"threshold": {"k": some, "distinct": "entry", "of": leaves}}),
        })
    }

    fn predicate_type(&self, expression: &Part<'_>, name: &str) -> Result<&'a str, PolicyError> {
        let attestation = self.attestations.get(name).ok_or_else(|| undefined(expression, "attestation", name))?;
        attestation.check_members(&["intoto", "name", "referrer"])?;
        refuse(attestation, &[("referrer", "referrers that are no statements are not judged as attestations", "demand an `intoto` type")])?;
        let intoto = attestation.need("intoto")?;
        intoto.check_members(&["type"])?;
        intoto.need("type")?.text()
    }
}

fn undefined(expression: &Part<'_>, what: &str, name: &str) -> PolicyError {
    PolicyError::new(verimage_core::Code::PolicyUndefinedName, expression.pointer.as_str(), format!("there is no {what} `{name}`"))
}

#[cfg(test)]
mod tests;
