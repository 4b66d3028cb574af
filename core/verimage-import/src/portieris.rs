//! Portieris' `ImagePolicy` and `ClusterImagePolicy` as a native policy (`portieris.cloud.ibm.com/v1`).
//!
//! Every entry of `repositories` becomes a rule in Portieris' own dialect of patterns. The Secrets that hold keys are in the
//! same file.

mod simple;
mod trust;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use verimage_core::PolicyError;
use verimage_core::policy::{Dialect, Scope};

use crate::Imported;
use crate::native::Native;
use crate::objects::{Objects, Resource, Resources};
use crate::part::{Part, refuse};

/// What a native rule is called at most.
const MAX_NAME: usize = 253;
const NEVER_ENFORCED: &str = "Portieris accepts this here and never enforces it";

/// Writes policies of Portieris in native form.
///
/// # Errors
/// `policy-invalid` for what is no such policy; `policy-unsupported-field` for what has no native form, for Secrets that are not
/// in the file, and for what Portieris accepts and never enforces.
pub(crate) fn import(objects: &Objects<'_>) -> Result<Imported, PolicyError> {
    let mut rules = Rules { native: Native::default(), seen: BTreeSet::new() };
    let mut first = None;
    for policy in &objects.policies {
        let realm = Realm::read(policy, &objects.resources)?;
        realm.check_same(first.get_or_insert_with(|| realm.clone()), policy)?;
        let spec = policy.need("spec")?;
        spec.check_members(&["repositories"])?;
        for repository in spec.filled_list("repositories")? {
            rules.add(&repository, &realm)?;
        }
    }
    rules.native.finish("deny")
}

/// The objects to which a policy applies, and the Secrets that it can name.
#[derive(Clone, Debug)]
struct Realm<'a> {
    /// The namespace; nothing for all of them.
    namespace: Option<&'a str>,
    resources: &'a Resources<'a>,
}

impl<'a> Realm<'a> {
    fn read(policy: &Part<'a>, resources: &'a Resources<'a>) -> Result<Self, PolicyError> {
        policy.check_members(&["apiVersion", "kind", "metadata", "spec", "status"])?;
        let (version, kind) = (policy.need("apiVersion")?, policy.need("kind")?);
        if version.text()? != "portieris.cloud.ibm.com/v1" {
            let hint = "write it as `portieris.cloud.ibm.com/v1`";
            return Err(version.unsupported("this version of Portieris' policies is not known", hint));
        }
        let namespace = policy.get("metadata").and_then(|metadata| metadata.get("namespace"));
        let namespace = match kind.text()? {
            "ImagePolicy" => Some(namespace.map_or(Ok("default"), |namespace| namespace.text())?),
            "ClusterImagePolicy" => None,
            _ => return Err(kind.invalid("the kind is `ImagePolicy` or `ClusterImagePolicy`")),
        };
        Ok(Self { namespace, resources })
    }

    /// Where a namespace has policies of its own, those of the cluster do not count there.
    fn check_same(&self, first: &Self, policy: &Part<'_>) -> Result<(), PolicyError> {
        if self.namespace == first.namespace {
            return Ok(());
        }
        let message = match (self.namespace, first.namespace) {
            (Some(_), Some(_)) => "this is for another namespace than the policies before it, and a native policy knows no namespaces",
            _ => "policies of a namespace replace those of the cluster there, and a native policy knows no namespaces",
        };
        Err(policy.unsupported(message, "keep the policies of the cluster, and those of each namespace, in a file of their own"))
    }

    /// A Secret. What a policy of the cluster names is looked for in the namespace of each workload, so it must say none.
    fn secret(&self, part: &Part<'_>, namespace: Option<&str>, name: &str) -> Result<&'a Resource<'a>, PolicyError> {
        let namespace = namespace.or(self.namespace);
        self.resources.secret(namespace.unwrap_or_default(), name).ok_or_else(|| {
            let place = namespace.map_or("without a namespace".to_owned(), |namespace| format!("of the namespace `{namespace}`"));
            let message = format!("no Secret `{name}` {place} is in this file");
            part.unsupported(message, "put it behind the policy, as a YAML document of its own: the cluster is not asked for it")
        })
    }
}

/// The rules while they are written.
struct Rules {
    native: Native,
    seen: BTreeSet<String>,
}

impl Rules {
    fn add(&mut self, repository: &Part<'_>, realm: &Realm<'_>) -> Result<(), PolicyError> {
        repository.check_members(&["name", "policy"])?;
        let name = repository.need("name")?;
        let pattern = name.text()?;
        Scope::parse_as(pattern, Dialect::Portieris).map_err(|message| {
            name.unsupported(message, "a pattern that never matches leaves its images to other rules; correct it or remove it")
        })?;
        if !self.seen.insert(pattern.to_owned()) {
            let message = format!("the pattern `{pattern}` stands twice, and Portieris takes the first one, so this never judges");
            return Err(name.unsupported(message, "remove one of them"));
        }
        let policy = repository.get("policy");
        let require = match policy.as_ref().map_or(Ok(Demand::None), |policy| demand(policy, &name, realm, &mut self.native))? {
            Demand::None => allow(&name)?,
            Demand::Refusal => json!({"deny": {"reason": "the image is rejected by policy"}}),
            Demand::All(mut leaves) if leaves.len() == 1 => leaves.remove(0),
            Demand::All(leaves) => json!({"allOf": leaves}),
        };
        let called = if pattern.len() <= MAX_NAME { pattern.to_owned() } else { format!("rule {}", self.seen.len()) };
        let rule = json!({"name": called, "dialect": "portieris", "images": [pattern], "require": require});
        self.native.rule(rule, repository, &[("/images", &name), ("/require", policy.as_ref().unwrap_or(repository))]);
        Ok(())
    }
}

/// What a policy wants of an image.
enum Demand {
    None,
    Refusal,
    All(Vec<Value>),
}

fn demand(policy: &Part<'_>, pattern: &Part<'_>, realm: &Realm<'_>, native: &mut Native) -> Result<Demand, PolicyError> {
    policy.check_members(&["mutateImage", "simple", "trust", "vulnerability"])?;
    policy.get("mutateImage").map_or(Ok(true), |mutate| mutate.flag())?;
    check_vulnerability(policy)?;
    let simple = policy.get("simple").map_or(Ok(Demand::None), |simple| simple::demand(&simple, realm, native))?;
    let trust = policy.get("trust").map_or(Ok(Vec::new()), |trust| trust::leaves(&trust, pattern, realm, native))?;
    Ok(match simple {
        Demand::Refusal => Demand::Refusal,
        Demand::None if trust.is_empty() => Demand::None,
        Demand::None => Demand::All(trust),
        Demand::All(leaves) => Demand::All(leaves.into_iter().chain(trust).collect()),
    })
}

fn check_vulnerability(policy: &Part<'_>) -> Result<(), PolicyError> {
    let Some(vulnerability) = policy.get("vulnerability") else { return Ok(()) };
    vulnerability.check_members(&["ICCRVA"])?;
    let Some(advisor) = vulnerability.get("ICCRVA") else { return Ok(()) };
    advisor.check_members(&["account", "enabled"])?;
    if advisor.get("enabled").map_or(Ok(false), |enabled| enabled.flag())? {
        let hint = "leave it out, and have vulnerabilities attested: `attestations` of a native rule";
        return Err(advisor.unsupported("Vulnerability Advisor is not asked: this is no rule about signatures", hint));
    }
    refuse(&advisor, &[("account", NEVER_ENFORCED, "remove it, or the whole of `vulnerability`")])
}

/// Without a slash a pattern is compared with the whole reference, whose host may begin with it.
fn allow(name: &Part<'_>) -> Result<Value, PolicyError> {
    let pattern = name.text()?;
    let is_for_any_host = pattern.starts_with('*') && pattern.ends_with('*');
    if !pattern.contains('/') && !is_for_any_host {
        let short = pattern.trim_matches('*');
        let message =
            format!("this allows whatever matches unseen, and the pattern is compared with the host too, such as `{short}:5000/any/image`");
        return Err(name.unsupported(message, format!("write the registry: `docker.io/library/{pattern}`; or `*` for everything")));
    }
    Ok(json!({"allow": {"reason": format!("the policy for `{pattern}` demands nothing")}}))
}

#[cfg(test)]
mod tests;
