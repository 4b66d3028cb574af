//! `ClusterImagePolicy` of sigstore's policy-controller as a native policy (`policy.sigstore.dev`, v1beta1 and v1alpha1).
//!
//! Every policy becomes a rule that applies always, in policy-controller's own dialect of patterns. One authority that is
//! fulfilled fulfils the policy; every policy that matches must be fulfilled.

mod authority;
mod key;
mod keyless;
mod proof;
mod settings;
mod trust_root;

use serde_json::{Value, json};
use verimage_core::PolicyError;
use verimage_core::policy::{Dialect, Scope};

use crate::Imported;
use crate::native::Native;
use crate::objects::{Objects, Resources};
use crate::part::Part;
use settings::Settings;
use trust_root::TrustRoots;

/// Where policy-controller is installed, and looks for what a policy names without a namespace.
const NAMESPACE: &str = "cosign-system";

/// Writes policies of policy-controller in native form.
///
/// # Errors
/// `policy-invalid` for what policy-controller refuses as well; `policy-unsupported-field` for what has no native form, and
/// for what it accepts and never enforces; `policy-undefined-name` for a `TrustRoot` that is not in the file.
pub(crate) fn import(objects: &Objects<'_>) -> Result<Imported, PolicyError> {
    let of_kind = |wanted: &str| -> Vec<&Part<'_>> {
        let kind = |policy: &&Part<'_>| policy.value.get("kind").and_then(Value::as_str) == Some(wanted);
        objects.policies.iter().filter(kind).collect()
    };
    let (policies, roots) = (of_kind("ClusterImagePolicy"), of_kind("TrustRoot"));
    check_kinds(objects, &policies, &roots)?;
    let settings = Settings::read(&objects.resources)?;
    let world = World { resources: &objects.resources, roots: &TrustRoots::read(&roots)?, settings: &settings };
    let mut native = Native::default();
    for policy in policies {
        read_policy(policy, &world, &mut native)?;
    }
    native.finish(if settings.admits_unmatched { "allow" } else { "deny" })
}

/// What the policies of a file have in common.
struct World<'a> {
    resources: &'a Resources<'a>,
    roots: &'a TrustRoots<'a>,
    settings: &'a Settings,
}

fn check_kinds(objects: &Objects<'_>, policies: &[&Part<'_>], roots: &[&Part<'_>]) -> Result<(), PolicyError> {
    let known = |policy: &&Part<'_>| policies.iter().chain(roots).any(|known| std::ptr::eq(*known, *policy));
    if let Some(stranger) = objects.policies.iter().find(|policy| !known(policy)) {
        return Err(stranger.invalid("the kind is `ClusterImagePolicy` or `TrustRoot`"));
    }
    match (policies.first(), roots.first()) {
        (None, Some(root)) => {
            let hint = "put it into the file of the policies that name it as `trustRootRef`";
            Err(root.invalid("a `TrustRoot` alone judges no image").with_hint(hint))
        }
        _ => Ok(()),
    }
}

/// The object has no other members than every object, and one of these versions.
fn check_object(object: &Part<'_>, versions: &[&str]) -> Result<(), PolicyError> {
    object.check_members(&["apiVersion", "kind", "metadata", "spec", "status"])?;
    let version = object.need("apiVersion")?;
    if versions.iter().any(|known| version.value.as_str() == Some(known)) {
        return Ok(());
    }
    let message = "this version of policy-controller's objects is not known";
    Err(version.unsupported(message, format!("write it as {}", versions.join(" or "))))
}

/// The member `name`; an empty text is as good as none.
fn given<'a>(part: &Part<'a>, name: &str) -> Option<Part<'a>> {
    part.get(name).filter(|member| member.value.as_str() != Some(""))
}

fn read_policy(policy: &Part<'_>, world: &World<'_>, native: &mut Native) -> Result<(), PolicyError> {
    check_object(policy, &["policy.sigstore.dev/v1beta1", "policy.sigstore.dev/v1alpha1"])?;
    let name = policy.need("metadata")?.need("name")?.text()?;
    let spec = policy.need("spec")?;
    spec.check_members(&["authorities", "images", "match", "mode", "policy"])?;
    check_spec(&spec)?;
    let is_warning = is_warning(&spec)?;
    let images = spec.need("images")?;
    let patterns = patterns(&spec)?;
    let demand = authority::demand(&spec, world, native)?;
    let rule = |name: &str, mode: &str, field: &str, value: Value| json!({"name": name, "dialect": "policyController", "images": patterns, "apply": "always", "mode": mode, field: value});
    let mut origins: Vec<(&str, &Part<'_>)> = vec![("/images", &images)];
    origins.extend(demand.origins.iter().map(|(part, of)| (part.as_str(), of)));
    native.rule(rule(name, if is_warning { "audit" } else { "enforce" }, demand.field, demand.value), policy, &origins)?;
    if is_warning && !world.settings.admits_unmatched {
        let reason = format!("`{name}` is in the mode `warn`: what it matches is admitted, unless another policy refuses it");
        let matched = rule(&format!("{name}#matched"), "enforce", "require", json!({"allow": {"reason": reason}}));
        native.rule(matched, policy, &[("/images", &images)])?;
    }
    Ok(())
}

fn is_warning(spec: &Part<'_>) -> Result<bool, PolicyError> {
    let Some(mode) = given(spec, "mode") else { return Ok(false) };
    match mode.text()? {
        "enforce" => Ok(false),
        "warn" => Ok(true),
        _ => Err(mode.invalid("the mode is `enforce` or `warn`")),
    }
}

fn check_spec(spec: &Part<'_>) -> Result<(), PolicyError> {
    if let Some(list) = spec.get("match").filter(|list| !list.value.as_array().is_some_and(Vec::is_empty)) {
        list.items()?;
        let message = "`match`: which objects are checked is decided where the check runs";
        return Err(list.unsupported(message, "leave it out, and use the policy for those objects only"));
    }
    match spec.get("policy") {
        None => Ok(()),
        Some(policy) => {
            let message = "`policy`: CUE and Rego are not evaluated";
            Err(policy.unsupported(
                message,
                "to demand several authorities, write a policy for each; `allOf` and `threshold` of a native policy count them",
            ))
        }
    }
}

fn patterns(spec: &Part<'_>) -> Result<Value, PolicyError> {
    let pattern = |image: &Part<'_>| {
        image.check_members(&["glob"])?;
        let glob = image.need("glob")?;
        let text = glob.text()?;
        let is_known = |symbol: char| symbol.is_ascii_alphanumeric() || "-_:/*.@".contains(symbol);
        match Scope::parse_as(text, Dialect::PolicyController) {
            Ok(_) => Ok(json!(text)),
            Err(message) if text.is_empty() || !text.chars().all(is_known) => Err(glob.invalid(message)),
            Err(message) => {
                Err(glob.unsupported(message, "a pattern that never matches leaves images unverified; correct it or remove it"))
            }
        }
    };
    spec.filled_list("images")?.iter().map(pattern).collect()
}

#[cfg(test)]
mod tests;
