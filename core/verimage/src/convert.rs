//! Native policies as text.

use std::collections::BTreeMap;

use serde::Serialize;
use verimage_core::PolicyError;
use verimage_core::policy::PolicyDocument;
use verimage_core::policy::document::{ApiVersion, Kind, Unmatched};

/// What a native policy begins with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: ApiVersion,
    kind: Kind,
    unmatched: Unmatched,
}

/// A native policy as YAML, with a comment before each anchor, store and rule that `comment` has one for, by its JSON
/// pointer. The order is always the same: names by the alphabet, rules as they are.
pub(crate) fn to_yaml(policy: &PolicyDocument, comment: impl Fn(&str) -> Option<String>) -> Result<String, PolicyError> {
    let PolicyDocument { api_version, kind, unmatched, trust, stores, rules } = policy;
    let mut text = comment("").map(|line| format!("# {line}\n")).unwrap_or_default();
    text += &yaml(&Head { api_version: *api_version, kind: *kind, unmatched: *unmatched })?;
    named(&mut text, "trust", trust, &comment)?;
    named(&mut text, "stores", stores, &comment)?;
    text.push_str("rules:\n");
    for (index, rule) in rules.iter().enumerate() {
        push(&mut text, "", comment(&format!("/rules/{index}")), &yaml(&[rule])?);
    }
    Ok(text)
}

fn named<T: Serialize>(
    text: &mut String,
    section: &str,
    entries: &BTreeMap<String, T>,
    comment: &impl Fn(&str) -> Option<String>,
) -> Result<(), PolicyError> {
    if entries.is_empty() {
        return Ok(());
    }
    text.push_str(&format!("{section}:\n"));
    for (name, entry) in entries {
        let pointer = format!("/{section}/{}", name.replace('~', "~0").replace('/', "~1"));
        push(text, "  ", comment(&pointer), &yaml(&BTreeMap::from([(name, entry)]))?);
    }
    Ok(())
}

/// Adds lines, each behind the same indentation.
fn push(text: &mut String, indentation: &str, comment: Option<String>, lines: &str) {
    for line in comment.map(|line| format!("# {line}")).iter().map(String::as_str).chain(lines.lines()) {
        if !line.is_empty() {
            text.push_str(indentation);
        }
        text.push_str(line);
        text.push('\n');
    }
}

fn yaml<T: Serialize>(value: &T) -> Result<String, PolicyError> {
    serde_saphyr::to_string(value).map_err(|error| PolicyError::invalid("", format!("it cannot be written as YAML: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use verimage_core::policy::read_config;

    use super::*;

    #[test]
    fn text_with_comments_is_the_same_policy() {
        let policy = json!({
            "apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": "allow",
            "trust": {
                "a: b #c": {"publicKey": {"pem": "-----BEGIN\n\n  indented\n-----END\n"}},
                "no": {"publicKey": {"pem": "  begins with blanks\nand ends without a line end"}},
                "tilde~/slash": {"trustedRoot": {"json": "{\"a\": \"# no comment\"}"}},
            },
            "stores": {"- s": {"type": "auto", "repository": "r.example/a"}},
            "rules": [
                {"name": "one", "images": ["**/**"], "apply": "select", "mode": "enforce", "subject": "index", "requireDigest": false,
                 "requirePresent": false, "require": {"allow": {"reason": "rules:\n- name: two\n"}}},
                {"name": "two", "images": ["r.example/a"], "apply": "always", "mode": "audit", "subject": "either", "requireDigest": true,
                 "requirePresent": true, "require": {"deny": {"reason": "no"}}},
            ],
        });
        let document: PolicyDocument = read_config(&policy, "").unwrap();
        for comment in [None, Some("a comment: [".to_owned())] {
            let text = to_yaml(&document, |_| comment.clone()).unwrap();
            let again = verimage_import::Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(again.value(), &policy, "{text}");
        }
    }
}
