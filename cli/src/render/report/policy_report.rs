//! Policy reports of the Kubernetes policy working group (wgpolicyk8s.io/v1alpha2), one for each object: reports for a whole
//! namespace outgrow what a cluster stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use verimage::Digest;
use verimage::core::policy::Mode;
use verimage::core::{Decision, RuleVerdict, Timestamp};

use crate::failure::Failure;
use crate::render::json::pretty;
use crate::render::report::{Entry, Judge, Mention, Object, Outcome};

/// A `List` of reports. Images that no object names have a report each, of the cluster.
pub(crate) fn list(judge: &Judge, entries: &[Entry]) -> Result<String, Failure> {
    let mut objects: BTreeMap<Arc<Object>, Vec<Value>> = BTreeMap::new();
    let mut items: Vec<Value> = Vec::new();
    for entry in entries {
        let mut nameless = true;
        for (object, mention) in entry.mentions.iter().filter_map(|mention| Some((mention.object.as_ref()?, mention))) {
            nameless = false;
            objects.entry(Arc::clone(object)).or_default().extend(results(judge, entry, Some(mention)));
        }
        if nameless {
            items.push(report(None, &entry.image, &results(judge, entry, None)));
        }
    }
    items.extend(objects.iter().map(|(object, results)| report(Some(object), &object.to_string(), results)));
    pretty(&json!({"apiVersion": "v1", "kind": "List", "items": items}))
}

fn report(object: Option<&Object>, about: &str, results: &[Value]) -> Value {
    let namespace = object.and_then(|object| object.namespace.as_deref());
    let identity = object.map_or_else(|| about.to_owned(), |object| format!("{}\n{object}", object.api_version));
    let hash = Digest::sha256(identity.as_bytes()).hex();
    let mut metadata = json!({
        "name": format!("verimage-{}", hash.get(..16).unwrap_or(&hash)),
        "labels": {"app.kubernetes.io/managed-by": "verimage"},
    });
    insert(&mut metadata, "namespace", namespace.map(Value::from));
    let mut report = json!({
        "apiVersion": "wgpolicyk8s.io/v1alpha2",
        "kind": if object.is_some() { "PolicyReport" } else { "ClusterPolicyReport" },
        "metadata": metadata,
    });
    insert(&mut report, "scope", object.map(scope));
    insert(&mut report, "summary", Some(summary(results)));
    insert(&mut report, "results", Some(Value::from(results)));
    report
}

/// An object reference.
fn scope(object: &Object) -> Value {
    let mut scope = json!({"apiVersion": object.api_version, "kind": object.kind, "name": object.name});
    insert(&mut scope, "namespace", object.namespace.clone().map(Value::from));
    scope
}

fn summary(results: &[Value]) -> Value {
    let count = |word: &str| results.iter().filter(|result| result.get("result").and_then(Value::as_str) == Some(word)).count();
    json!({"pass": count("pass"), "fail": count("fail"), "warn": count("warn"), "error": count("error"), "skip": 0})
}

/// A result for each rule that applied; one without a rule where none did.
fn results(judge: &Judge, entry: &Entry, mention: Option<&Mention>) -> Vec<Value> {
    let about = |rule: Option<&RuleVerdict>| {
        let (word, severity) = rule.map_or_else(|| of_outcome(entry.outcome), of_rule);
        let name = rule.map(|rule| rule.name.as_str());
        let mut result = json!({
            "source": "verimage",
            "policy": judge.policy,
            "result": word,
            "scored": true,
            "message": message(entry, rule),
            "properties": properties(judge, entry, rule, mention),
        });
        insert(&mut result, "rule", name.map(Value::from));
        insert(&mut result, "severity", severity.map(Value::from));
        insert(&mut result, "timestamp", entry.at.as_deref().and_then(timestamp));
        result
    };
    if entry.rules.is_empty() { vec![about(None)] } else { entry.rules.iter().map(|rule| about(Some(rule))).collect() }
}

fn of_rule(rule: &RuleVerdict) -> (&'static str, Option<&'static str>) {
    match (rule.decision, rule.mode) {
        (Decision::Allow, _) => ("pass", None),
        (_, Mode::Audit) => ("warn", Some("medium")),
        (Decision::Inconclusive, _) => ("error", Some("medium")),
        (Decision::Deny, _) => ("fail", Some("high")),
    }
}

fn of_outcome(outcome: Outcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        Outcome::Allowed => ("pass", None),
        Outcome::DeniedInAudit | Outcome::UnknownInAudit => ("warn", Some("medium")),
        Outcome::Denied => ("fail", Some("high")),
        Outcome::Unknown | Outcome::Unasked => ("error", Some("medium")),
    }
}

/// The sentence is about the deciding rule; the others have a code.
fn message(entry: &Entry, rule: Option<&RuleVerdict>) -> String {
    match rule.filter(|rule| Some(&rule.name) != entry.rule.as_ref()) {
        Some(RuleVerdict { code: Some(code), .. }) => format!("{}: {code}", entry.image),
        Some(_) => format!("{}: the rule allows it", entry.image),
        None => entry.sentence(),
    }
}

fn properties(judge: &Judge, entry: &Entry, rule: Option<&RuleVerdict>, mention: Option<&Mention>) -> Value {
    let code = rule.map_or(&entry.code, |rule| &rule.code);
    let given = [
        ("image", Some(entry.image.clone())),
        ("digest", entry.digest.clone()),
        ("code", code.clone()),
        ("signer", Some(entry.signers.join(", ")).filter(|signers| !signers.is_empty())),
        ("hint", entry.hint.clone()),
        ("path", mention.and_then(|mention| mention.pointer.clone())),
        ("policyDigest", Some(judge.digest.clone())),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
    Value::Object(given.collect::<Map<_, _>>())
}

fn timestamp(at: &str) -> Option<Value> {
    let at: Timestamp = at.parse().ok()?;
    Some(json!({"seconds": at.as_second(), "nanos": at.subsec_nanosecond()}))
}

/// Adds a member that is there.
fn insert(object: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(name.to_owned(), value);
    }
}
