//! SARIF 2.1.0 (OASIS), for code scanning: a rule for each failure code, a result for each image that no rule allows.

use serde::Serialize;
use serde_json::{Value, json};
use verimage::{Code, Digest};

use crate::failure::Failure;
use crate::render::json::pretty;
use crate::render::report::{Entry, Judge, Outcome};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What the fingerprint of a result is made of: image, code and rule. Another way of making it needs another name.
const FINGERPRINT: &str = "imageCodeRule/v1";

/// One log with one run.
pub(crate) fn log(judge: &Judge, entries: &[Entry]) -> Result<String, Failure> {
    let refused: Vec<&Entry> = entries.iter().filter(|entry| entry.code.is_some()).collect();
    let codes: Vec<Code> = Code::ALL.iter().copied().filter(|code| refused.iter().any(|entry| entry.known_code() == Some(*code))).collect();
    let results: Vec<SarifResult> = refused.iter().map(|entry| SarifResult::of(entry, &codes)).collect();
    let unasked: Vec<Value> = entries.iter().filter(|entry| entry.outcome == Outcome::Unasked).map(notification).collect();
    let driver = json!({
        "name": "verimage",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": codes.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
    });
    let run = json!({
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": unasked.is_empty(), "toolExecutionNotifications": unasked}],
        "results": results,
        "properties": {"policy": judge.policy, "policyDigest": judge.digest, "trustMaterialDigest": judge.material, "images": entries.len()},
    });
    pretty(&json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}))
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": code.meaning()},
        "help": {"text": code.remedy()},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security"]},
    })
}

/// An image about which nothing could be asked is no result: the run is not whole.
fn notification(entry: &Entry) -> Value {
    json!({"level": "error", "message": {"text": entry.sentence()}, "locations": locations(entry)})
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Value,
    locations: Vec<Value>,
    partial_fingerprints: Value,
    properties: Value,
}

impl SarifResult {
    fn of(entry: &Entry, codes: &[Code]) -> Self {
        let code = entry.code.clone().unwrap_or_default();
        let rule = entry.rule.as_deref().unwrap_or_default();
        let fingerprint = Digest::sha256(format!("{}\n{code}\n{rule}", entry.image).as_bytes()).hex();
        Self {
            rule_index: codes.iter().position(|known| known.as_str() == code),
            level: if entry.outcome.is_admitted() { "warning" } else { "error" },
            message: json!({"text": entry.sentence()}),
            locations: locations(entry),
            partial_fingerprints: json!({FINGERPRINT: fingerprint}),
            properties: json!({
                "image": entry.image,
                "digest": entry.digest,
                "decision": decision(entry.outcome),
                "rule": entry.rule,
                "hint": entry.hint,
                "searched": entry.searched,
                "at": entry.at,
            }),
            rule_id: code,
        }
    }
}

fn decision(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Denied | Outcome::DeniedInAudit => Some("deny"),
        Outcome::Unknown | Outcome::UnknownInAudit => Some("inconclusive"),
        Outcome::Allowed => Some("allow"),
        Outcome::Unasked => None,
    }
}

/// Where the image is named; for one that was typed, the image itself, because readers of SARIF want a file.
fn locations(entry: &Entry) -> Vec<Value> {
    let logical = json!([{"fullyQualifiedName": entry.image, "kind": "resource"}]);
    if entry.mentions.is_empty() {
        return vec![json!({"physicalLocation": {"artifactLocation": {"uri": uri(&entry.image)}}, "logicalLocations": logical})];
    }
    let location = |file: &str, line: Option<usize>| {
        let mut physical = json!({"artifactLocation": {"uri": uri(file)}});
        if let (Some(line), Some(members)) = (line.filter(|line| *line > 0), physical.as_object_mut()) {
            members.insert("region".to_owned(), json!({"startLine": line}));
        }
        json!({"physicalLocation": physical, "logicalLocations": logical})
    };
    entry.mentions.iter().map(|mention| location(&mention.file, mention.line)).collect()
}

/// A path, or an image, as a relative reference (RFC 3986, section 4.2).
pub(crate) fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(image: &str, code: &str) -> Entry {
        let mut entry = Entry::unasked(image, "why".to_owned());
        (entry.outcome, entry.code) = (Outcome::Denied, Some(code.to_owned()));
        entry
    }

    #[test]
    fn results_point_at_their_rules() {
        let judge = Judge { policy: "p".to_owned(), digest: "d".to_owned(), material: "m".to_owned() };
        let entries =
            [refused("a.example/b:1", "signature-invalid"), refused("a.example/b:2", "signature-not-found"), refused("c", "of-tomorrow")];
        let log: Value = serde_json::from_str(&log(&judge, &entries).unwrap()).unwrap();
        let run = &log["runs"][0];
        for result in &run["results"].as_array().unwrap()[..2] {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
        assert!(run["results"][2].get("ruleIndex").is_none(), "a code that this version does not know has no rule");
    }

    #[test]
    fn fingerprints_stay_and_tell_apart() {
        let print = |entry: &Entry| SarifResult::of(entry, &[]).partial_fingerprints[FINGERPRINT].as_str().unwrap().to_owned();
        let mut entry = refused("a.example/b:1", "signature-invalid");
        let first = print(&entry);
        assert_eq!(first, "f3dd05e71dc6bc38f6dfb6c341a9466e71ff2b10306fd428ca53c043ec123171");
        (entry.message, entry.digest, entry.at) = ("other words".to_owned(), Some("sha256:0".to_owned()), Some("later".to_owned()));
        assert_eq!(print(&entry), first);
        for other in [refused("a.example/b:2", "signature-invalid"), refused("a.example/b:1", "signature-not-found")] {
            assert_ne!(print(&other), first);
        }
    }

    #[test]
    fn paths_and_images_are_relative_references() {
        assert_eq!(uri("localhost:5000/a:v1@sha256:0"), "localhost%3A5000/a%3Av1%40sha256%3A0");
        assert_eq!(uri("deploy/ü b.yaml"), "deploy/%C3%BC%20b.yaml");
    }
}
