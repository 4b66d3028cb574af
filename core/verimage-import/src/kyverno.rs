//! Kyverno's `ClusterPolicy` and `Policy` as a native policy (`kyverno.io/v1`, `verifyImages`).
//!
//! Every entry of `verifyImages` becomes a rule that applies always, in Kyverno's own dialect of patterns.

mod attestor;
mod condition;
mod proof;
mod variables;

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;
use verimage_core::policy::{Dialect, Scope};

use crate::Imported;
use crate::native::Native;
use crate::objects::{Objects, Resources};
use crate::part::{Part, name_of, refuse};
use attestor::{Scheme, Setting};

const SPEC: &[&str] = &[
    "admission",
    "applyRules",
    "background",
    "emitWarning",
    "failurePolicy",
    "generateExisting",
    "generateExistingOnPolicyUpdate",
    "mutateExistingOnPolicyUpdate",
    "rules",
    "schemaValidation",
    "useServerSideApply",
    "validationFailureAction",
    "validationFailureActionOverrides",
    "webhookConfiguration",
    "webhookTimeoutSeconds",
];
const RULE: &[&str] = &[
    "celPreconditions",
    "context",
    "exclude",
    "generate",
    "imageExtractors",
    "match",
    "mutate",
    "name",
    "preconditions",
    "reportProperties",
    "skipBackgroundRequests",
    "validate",
    "verifyImages",
];
const ENTRY: &[&str] = &[
    "additionalExtensions",
    "annotations",
    "attestations",
    "attestors",
    "cosignOCI11",
    "failureAction",
    "image",
    "imageReferences",
    "imageRegistryCredentials",
    "issuer",
    "key",
    "mutateDigest",
    "repository",
    "required",
    "roots",
    "skipImageReferences",
    "subject",
    "type",
    "useCache",
    "validate",
    "verifyDigest",
];

/// Writes policies of Kyverno in native form. What says how Kyverno runs (`background`, `webhookTimeoutSeconds`, `useCache`
/// and the like) has no bearing on a verdict; everything else is translated or refused.
///
/// # Errors
/// `policy-invalid` for what is no such policy; `policy-unsupported-field` for what has no native form, and for what Kyverno
/// accepts and never enforces.
pub(crate) fn import(objects: &Objects<'_>) -> Result<Imported, PolicyError> {
    let mut native = Native::default();
    let is_one = objects.policies.len() == 1;
    for policy in &objects.policies {
        let filled = variables::fill_in(policy, &objects.resources)?;
        let policy = Part { value: &filled, pointer: policy.pointer.clone() };
        read_policy(&policy, is_one, &objects.resources, &mut native)?;
    }
    native.finish("allow")
}

fn read_policy(policy: &Part<'_>, is_one: bool, resources: &Resources<'_>, native: &mut Native) -> Result<(), PolicyError> {
    policy.check_members(&["apiVersion", "kind", "metadata", "spec", "status"])?;
    let version = policy.need("apiVersion")?;
    if !matches!(version.text()?, "kyverno.io/v1" | "kyverno.io/v2beta1") {
        return Err(version.unsupported("this version of Kyverno's policies is not known", "write it as `kyverno.io/v1`"));
    }
    let spec = policy.need("spec")?;
    spec.check_members(SPEC)?;
    check_spec(&spec)?;
    let prefix = if is_one { String::new() } else { format!("{}/", policy.need("metadata")?.need("name")?.text()?) };
    let mode = spec.get("validationFailureAction").map_or(Ok("audit"), |action| mode(&action))?;
    let context = Context { prefix: &prefix, mode, resources };
    for rule in spec.filled_list("rules")? {
        read_rule(&rule, &context, native)?;
    }
    Ok(())
}

/// What is around the entries of a policy.
struct Context<'a> {
    /// What the names of its rules begin with.
    prefix: &'a str,
    mode: &'static str,
    resources: &'a Resources<'a>,
}

fn check_spec(spec: &Part<'_>) -> Result<(), PolicyError> {
    refuse(
        spec,
        &[("validationFailureActionOverrides", "a native policy does not know namespaces", "write a policy for each of the two modes")],
    )?;
    let webhook = spec.get("webhookConfiguration");
    if let Some(webhook) = &webhook {
        webhook.check_members(&["failurePolicy", "matchConditions", "timeoutSeconds"])?;
        refuse(webhook, &[("matchConditions", "expressions over requests are not evaluated", "select the objects where the check runs")])?;
    }
    for failure in [spec.get("failurePolicy"), webhook.and_then(|webhook| webhook.get("failurePolicy"))].into_iter().flatten() {
        choice(&failure, &["Fail"], &[("Ignore", "it admits images that could not be judged", "leave it out, or audit with `Audit`")])?;
    }
    if let Some(apply) = spec.get("applyRules") {
        choice(&apply, &["All"], &[("One", "here every rule that matches judges", "make the rules' patterns exclude each other")])?;
    }
    match spec.get("admission") {
        Some(admission) if !admission.flag()? => {
            Err(admission.unsupported("`admission: false` never checks what is admitted", "leave it out; `Audit` only reports"))
        }
        _ => Ok(()),
    }
}

/// A word of those that are understood; others are refused with why and what to do, or unknown.
fn choice(part: &Part<'_>, understood: &[&str], refused: &[(&str, &str, &str)]) -> Result<(), PolicyError> {
    let word = plain(part)?;
    if understood.contains(&word) {
        return Ok(());
    }
    Err(match refused.iter().find(|(name, _, _)| *name == word) {
        Some((_, message, hint)) => part.unsupported(format!("{} is `{word}`: {message}", name_of(part)), *hint),
        None => part.invalid(format!("{} cannot be `{word}`", name_of(part))),
    })
}

/// A text without variables: those get their values from a cluster while it runs.
fn plain<'a>(part: &Part<'a>) -> Result<&'a str, PolicyError> {
    let text = part.text()?;
    if text.contains("{{") || text.contains("$(") {
        return Err(
            part.unsupported("variables are not filled in, because there is no request to fill them from", "write the value itself")
        );
    }
    Ok(text)
}

fn mode(action: &Part<'_>) -> Result<&'static str, PolicyError> {
    match plain(action)? {
        "Audit" | "audit" => Ok("audit"),
        "Enforce" | "enforce" => Ok("enforce"),
        _ => Err(action.invalid("the action on failure is `Audit` or `Enforce`")),
    }
}

fn read_rule(rule: &Part<'_>, context: &Context<'_>, native: &mut Native) -> Result<(), PolicyError> {
    rule.check_members(RULE)?;
    let name = format!("{}{}", context.prefix, plain(&rule.need("name")?)?);
    let selects = "which objects are checked is decided where the check runs";
    let elsewhere = "this is no rule about signatures";
    refuse(
        rule,
        &[
            ("exclude", selects, "leave it out, or exclude images with `skipImageReferences`"),
            ("preconditions", selects, "leave it out"),
            ("celPreconditions", selects, "leave it out"),
            (
                "imageExtractors",
                "images are judged by their references, wherever these stand",
                "leave it out, and hand over the references",
            ),
            ("mutate", elsewhere, "keep it in a policy of its own"),
            ("generate", elsewhere, "keep it in a policy of its own"),
            ("validate", elsewhere, "keep it in a policy of its own"),
        ],
    )?;
    check_match(&rule.need("match")?)?;
    let entries = rule.filled_list("verifyImages")?;
    for (index, entry) in entries.iter().enumerate() {
        let name = if entries.len() == 1 { name.clone() } else { format!("{name}#{index}") };
        read_entry(&name, entry, context, native)?;
    }
    Ok(())
}

/// The rule must be for all pods: the native form judges every image.
fn check_match(matches: &Part<'_>) -> Result<(), PolicyError> {
    matches.check_members(&["all", "any", "resources"])?;
    let filters = match (matches.get("all"), matches.get("any")) {
        (Some(all), None) => all.items()?,
        (None, Some(any)) => any.items()?,
        (None, None) => vec![matches.clone()],
        (Some(_), Some(_)) => return Err(matches.invalid("a rule matches by `any` or by `all`")),
    };
    let mut pods = Vec::new();
    for filter in &filters {
        filter.check_members(&["clusterRoles", "resources", "roles", "subjects"])?;
        let who = ("a native policy does not know who asks", "leave it out: it is for everybody");
        refuse(filter, &["clusterRoles", "roles", "subjects"].map(|name| (name, who.0, who.1)))?;
        pods.push(is_for_pods(&filter.need("resources")?)?);
    }
    let every = matches.get("all").is_some();
    if if every { pods.iter().all(|pods| *pods) && !pods.is_empty() } else { pods.contains(&true) } {
        return Ok(());
    }
    let hint = "match the kind `Pod`, and hand over the references of other objects";
    Err(matches.unsupported("which objects are checked is decided where the check runs, and this rule leaves pods out", hint))
}

fn is_for_pods(resources: &Part<'_>) -> Result<bool, PolicyError> {
    let narrowing = ["annotations", "name", "names", "namespaceSelector", "namespaces", "selector"];
    resources.check_members(&[&["kinds", "operations"], narrowing.as_slice()].concat())?;
    let (message, hint) =
        ("which objects are checked is decided where the check runs", "leave it out, and use the policy for those objects only");
    refuse(resources, &narrowing.map(|name| (name, message, hint)))?;
    let operations = resources.get_filled("operations");
    let named = operations.as_ref().map_or(Ok(Vec::new()), Part::items)?;
    if let Some(operations) = operations.filter(|_| !named.iter().any(|operation| operation.value == "CREATE")) {
        return Err(operations.unsupported(message, "name `CREATE` among them, which is when pods are judged"));
    }
    let kinds = resources.filled_list("kinds")?;
    let kinds = kinds.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
    Ok(kinds.iter().any(|kind| matches!(*kind, "Pod" | "v1/Pod" | "*/Pod" | "*")))
}

fn read_entry(name: &str, entry: &Part<'_>, context: &Context<'_>, native: &mut Native) -> Result<(), PolicyError> {
    entry.check_members(ENTRY)?;
    check_entry(entry)?;
    let scheme = entry.get("type").map_or(Ok(Scheme::Cosign), |scheme| Scheme::read(&scheme))?;
    let setting = Setting::of(entry, scheme, context.resources)?;
    let images = images(entry)?;
    let mut rule = Map::new();
    let mut set = |field: &str, value: Value| rule.insert(field.to_owned(), value);
    set("name", name.into());
    set("dialect", "kyverno".into());
    set("images", patterns(&images)?);
    set("apply", "always".into());
    set("mode", entry.get("failureAction").map_or(Ok(context.mode), |action| mode(&action))?.into());
    set("requireDigest", requires_digest(entry)?.into());
    let skip = entry.get_filled("skipImageReferences");
    let except = skip.as_ref().map_or(Ok(Vec::new()), Part::items)?;
    if !except.is_empty() {
        set("except", patterns(&except)?);
    }
    let require = attestor::image_requirement(entry, &setting, native)?;
    let attestations = condition::attestations(entry, &setting, native)?;
    if require.is_none() && attestations.is_none() {
        let hint = "add `attestors`, or remove the entry";
        return Err(entry.unsupported("this entry demands no signature and no attestation, so it verifies nothing", hint));
    }
    require.map(|require| set("require", require));
    attestations.map(|attestations| set("attestations", attestations));
    let sources = [("/except", skip), ("/attestations", entry.get("attestations")), ("/require", entry.get("attestors"))];
    let first = entry.get("imageReferences").or_else(|| entry.get("image"));
    let parts: Vec<_> = [("/images", &first)].into_iter().chain(sources.iter().map(|(part, source)| (*part, source))).collect();
    let parts: Vec<_> = parts.into_iter().filter_map(|(part, source)| Some((part, source.as_ref()?))).collect();
    native.rule(rule.into(), entry, &parts)?;
    Ok(())
}

/// Members of an entry that have no native form.
fn check_entry(entry: &Part<'_>) -> Result<(), PolicyError> {
    let moved = ("this deprecated member has no native form", "write it below `attestors`");
    refuse(entry, &["additionalExtensions", "annotations", "issuer", "roots", "subject"].map(|name| (name, moved.0, moved.1)))?;
    refuse(
        entry,
        &[
            ("imageRegistryCredentials", "credentials do not belong to a policy here", "leave it out, and log in where the check runs"),
            ("validate", "conditions over requests are not evaluated", "write `conditions` of an attestation"),
        ],
    )?;
    let required = entry.get("required");
    match required {
        Some(required) if !required.flag()? => Err(required
            .unsupported("`required: false` admits images that nobody verified", "leave it out, or audit with `failureAction: Audit`")),
        _ => entry.get("useCache").map_or(Ok(()), |cache| cache.flag().map(drop)),
    }
}

/// Kyverno puts the digest into the object and then wants one there; who does only the latter refuses tags.
fn requires_digest(entry: &Part<'_>) -> Result<bool, PolicyError> {
    let flag = |name: &str| entry.get(name).map_or(Ok(true), |flag| flag.flag());
    Ok(!flag("mutateDigest")? && flag("verifyDigest")?)
}

fn images<'a>(entry: &Part<'a>) -> Result<Vec<Part<'a>>, PolicyError> {
    match (entry.get("imageReferences"), entry.get("image")) {
        (None, Some(image)) => Ok(vec![image]),
        (Some(_), Some(image)) => Err(image.invalid("`image` is the old form of `imageReferences`; both together mean nothing")),
        _ => entry.filled_list("imageReferences"),
    }
}

fn patterns(parts: &[Part<'_>]) -> Result<Value, PolicyError> {
    let pattern = |part: &Part<'_>| {
        let text = plain(part)?;
        Scope::parse_as(text, Dialect::Kyverno).map_err(|message| {
            part.unsupported(message, "a pattern that never matches leaves images unverified; correct it or remove it")
        })?;
        Ok(json!(text))
    };
    parts.iter().map(pattern).collect()
}

#[cfg(test)]
mod tests;
