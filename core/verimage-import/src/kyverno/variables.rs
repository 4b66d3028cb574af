//! Variables that stand for entries of ConfigMaps: `{{ keys.data.production }}`.
//!
//! Only those of `context` entries whose ConfigMap is in the same file have a value before a cluster runs; every other
//! variable stays where it is, and is refused there.

use serde_json::Value;
use verimage_core::PolicyError;

use super::refuse;
use crate::document::MAX_POLICY_BYTES;
use crate::objects::Resources;
use crate::part::Part;

/// How long a variable may be, in bytes.
const MAX_VARIABLE: usize = 256;

/// A context entry, and the values of its ConfigMap by key.
struct Named {
    name: String,
    values: Vec<(String, String)>,
}

/// The policy with the values in the place of the variables, and without the `context` that named them.
pub(super) fn fill_in(policy: &Part<'_>, resources: &Resources<'_>) -> Result<Value, PolicyError> {
    let mut filled = policy.value.clone();
    let rules = policy.get("spec").and_then(|spec| spec.get("rules"));
    for (index, rule) in rules.map_or(Ok(Vec::new()), |rules| rules.items())?.iter().enumerate() {
        let Some(context) = rule.get_filled("context") else { continue };
        let mut named: Vec<Named> = Vec::new();
        for entry in context.items()? {
            let own = read(&entry, resources)?;
            if named.iter().any(|other| other.name == own.name) {
                return Err(entry.invalid(format!("two entries are called `{}`, and only one of them can be meant", own.name)));
            }
            named.push(own);
        }
        let Some(rule) = filled.pointer_mut(&format!("/spec/rules/{index}")).and_then(Value::as_object_mut) else { continue };
        rule.remove("context");
        if let Some(entries) = rule.get_mut("verifyImages") {
            let mut room = MAX_POLICY_BYTES;
            replace(entries, &named, &mut room).ok_or_else(|| {
                policy.invalid(format!("with the values of its variables the policy is larger than {MAX_POLICY_BYTES} bytes"))
            })?;
        }
    }
    Ok(filled)
}

fn read(entry: &Part<'_>, resources: &Resources<'_>) -> Result<Named, PolicyError> {
    entry.check_members(&["apiCall", "configMap", "globalReference", "imageRegistry", "name", "variable"])?;
    let asks = ["apiCall", "globalReference", "imageRegistry", "variable"];
    refuse(entry, &asks.map(|name| (name, "there is no cluster and no request to get the value from", "write the value itself")))?;
    let reference = entry.need("configMap")?;
    reference.check_members(&["name", "namespace"])?;
    let (namespace, name) = (reference.get("namespace"), reference.need("name")?.text()?);
    let namespace = namespace.as_ref().map_or(Ok("default"), Part::text)?;
    let config_map = resources.config_map(namespace, name).ok_or_else(|| {
        let message = format!("the ConfigMap `{name}` of the namespace `{namespace}` is not in this file, and there is no cluster to ask");
        reference.unsupported(message, "put the ConfigMap into the file as a document of its own, or write the values themselves")
    })?;
    let values = config_map.texts()?.into_iter().map(|(key, (text, _))| (key.to_owned(), text)).collect();
    Ok(Named { name: entry.need("name")?.text()?.to_owned(), values })
}

/// Nothing if that takes more room than there is.
fn replace(value: &mut Value, named: &[Named], room: &mut usize) -> Option<()> {
    match value {
        Value::String(text) => *text = filled(text, named, room)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| replace(item, named, room))?,
        Value::Object(members) => members.values_mut().try_for_each(|member| replace(member, named, room))?,
        _ => {}
    }
    Some(())
}

/// The text with the values of the variables that have one. Values are not looked into again.
fn filled(text: &str, named: &[Named], room: &mut usize) -> Option<String> {
    let mut filled = String::new();
    let mut push = |text: &str| {
        *room = room.checked_sub(text.len())?;
        filled.push_str(text);
        Some(())
    };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        push(before)?;
        rest = if let Some((value, behind)) = variable(after).and_then(|(name, behind)| Some((value_of(name.trim(), named)?, behind))) {
            push(value)?;
            behind
        } else {
            push("{{")?;
            after
        };
    }
    push(rest)?;
    Some(filled)
}

/// What stands before the end of a variable, and what behind it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let end = text.as_bytes().windows(2).take(MAX_VARIABLE).position(|pair| pair == b"}}")?;
    Some((text.get(..end)?, text.get(end.saturating_add(2)..)?))
}

/// `name.data.key`, or `name.data."key"` for keys with other characters.
fn value_of<'a>(variable: &str, named: &'a [Named]) -> Option<&'a str> {
    let (name, key) = variable.split_once(".data.")?;
    let quoted = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let key = quoted.or(is_plain.then_some(key))?;
    let values = &named.iter().find(|entry| entry.name == name)?.values;
    values.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
}
