//! What must have been attested: `attestations` and their conditions.

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use super::attestor::{self, About, Scheme, Setting};
use super::plain;
use crate::native::Native;
use crate::part::Part;

/// Names that Kyverno fills itself, so that they are not of the predicate.
const RESERVED: [&str; 7] = ["element", "elementIndex", "images", "request", "serviceAccountName", "serviceAccountNamespace", "target"];
const NO_WORDS: &str = "write a condition over one value of the predicate, such as `{{ builder.id }}`";

/// The attestations that an entry demands, if any.
pub(super) fn attestations(entry: &Part<'_>, setting: &Setting<'_>, native: &mut Native) -> Result<Option<Value>, PolicyError> {
    let Some(attestations) = entry.get_filled("attestations") else { return Ok(None) };
    if setting.scheme == Scheme::Notary {
        return Err(attestations
            .unsupported("attestations of the Notary Project have no native form", "demand the signature alone, with `attestors`"));
    }
    attestations
        .items()?
        .iter()
        .enumerate()
        .map(|(index, part)| attestation(index, part, setting, native))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn attestation(index: usize, part: &Part<'_>, setting: &Setting<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    part.check_members(&["attestors", "conditions", "name", "predicateType", "type"])?;
    let kind = match (part.get("type"), part.get("predicateType")) {
        (Some(kind), None) | (None, Some(kind)) => kind,
        (None, None) => return Err(part.invalid("`type` is missing")),
        (Some(_), Some(old)) => return Err(old.invalid("`predicateType` is the old form of `type`; both together mean nothing")),
    };
    let predicate = plain(&kind)?;
    if !predicate.contains(['/', ':']) {
        return Err(kind.unsupported(
            format!("`{predicate}` is no URI, and could be taken for a short name"),
            "write the type of the predicate in full",
        ));
    }
    let attestors = part.get_filled("attestors").ok_or_else(|| {
        let message = "without `attestors` anybody with a certificate of the public instance could have attested this";
        part.unsupported(message, "say who must have attested")
    })?;
    let name = part.get("name").map_or(Ok(format!("{predicate}#{index}")), |name| plain(&name).map(str::to_owned))?;
    let require = attestor::requirement(&attestors, About::Attestation, setting, native)?;
    let mut native = Map::from_iter([("name", json!(name)), ("predicateType", predicate.into()), ("require", require)].map(own));
    if let Some(conditions) = part.get_filled("conditions") {
        native.insert("conditions".to_owned(), all(&conditions, block)?);
    }
    Ok(native.into())
}

fn own((name, value): (&str, Value)) -> (String, Value) {
    (name.to_owned(), value)
}

fn all(list: &Part<'_>, read: fn(&Part<'_>) -> Result<Value, PolicyError>) -> Result<Value, PolicyError> {
    let mut children = list.items()?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(if children.len() == 1 { children.remove(0) } else { json!({"all": children}) })
}

/// `any` and `all` of a block must both hold.
fn block(block: &Part<'_>) -> Result<Value, PolicyError> {
    block.check_members(&["all", "any"])?;
    let mut both = Vec::new();
    if let Some(list) = block.get_filled("all") {
        both.push(all(&list, condition)?);
    }
    if let Some(list) = block.get_filled("any") {
        both.push(json!({"any": list.items()?.iter().map(condition).collect::<Result<Vec<_>, _>>()?}));
    }
    match both.len() {
        0 => Err(block.invalid("`any`, `all` or both are needed here")),
        1 => Ok(both.remove(0)),
        _ => Ok(json!({"all": both})),
    }
}

fn condition(part: &Part<'_>) -> Result<Value, PolicyError> {
    part.check_members(&["key", "message", "operator", "value"])?;
    let path = path(&part.need("key")?)?;
    let operator = part.need("operator")?;
    let value = part.need("value")?;
    refuse_variables(&value)?;
    let test = |op: &str, value: &Value| json!({"path": path, "op": op, "value": value});
    match operator.text()? {
        "Equals" | "Equal" => match value.value {
            Value::String(text) if text.contains(['*', '?']) => Ok(test("matches", &json!(expression(text)))),
            Value::Array(_) | Value::Object(_) => Err(value.unsupported("lists and maps are compared in another way there", NO_WORDS)),
            other => Ok(test("eq", other)),
        },
        "NotEquals" | "NotEqual" => match value.value {
            Value::String(_) => Ok(json!({"all": [is_text(&path), test("ne", &json!(word(&value)?))]})),
            Value::Bool(flag) => Ok(test("eq", &json!(!flag))),
            _ => Err(value.unsupported("numbers, lists and maps that must differ are compared in another way there", NO_WORDS)),
        },
        "In" | "AnyIn" | "AllIn" => Ok(test("in", &words(&value)?)),
        "NotIn" | "AnyNotIn" | "AllNotIn" => Ok(json!({"all": [is_text(&path), test("notIn", &words(&value)?)]})),
        order @ ("GreaterThan" | "GreaterThanOrEquals" | "LessThan" | "LessThanOrEquals") => {
            if !value.value.is_number() {
                return Err(value.unsupported("only numbers are ordered; durations, quantities and versions are not", "write a number"));
            }
            let op = match order {
                "GreaterThan" => "gt",
                "GreaterThanOrEquals" => "ge",
                "LessThan" => "lt",
                _ => "le",
            };
            Ok(test(op, value.value))
        }
        word if word.starts_with("Duration") => {
            Err(operator.unsupported("durations in a predicate are not compared", "for a time, a native condition has `op: maxAge`"))
        }
        word => Err(operator.invalid(format!("`{word}` is no operator of conditions"))),
    }
}

/// Texts and lists are told apart there when something must not be in a list; so only a text is looked at here.
fn is_text(path: &str) -> Value {
    json!({"path": path, "op": "matches", "value": "(?s:.*)"})
}

/// A text that is compared as it is: neither with wildcards nor as a number, a quantity or a duration.
fn word<'a>(part: &Part<'a>) -> Result<&'a str, PolicyError> {
    let text = part.text()?;
    let like_a_number = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    if like_a_number || text.contains(['*', '?']) {
        return Err(part.unsupported("wildcards, numbers and quantities that must differ are compared in another way there", NO_WORDS));
    }
    Ok(text)
}

/// A list of scalars without wildcards.
fn words(list: &Part<'_>) -> Result<Value, PolicyError> {
    if !list.value.is_array() {
        return Err(list.unsupported("a text is taken for a range, a list or a wildcard there", "write a list"));
    }
    for item in list.items()? {
        let is_wildcard = item.value.as_str().is_some_and(|text| text.contains(['*', '?']));
        if is_wildcard || item.value.is_array() || item.value.is_object() {
            return Err(item.unsupported("a list holds texts without wildcards, numbers and booleans here", NO_WORDS));
        }
    }
    Ok(list.value.clone())
}

fn refuse_variables(part: &Part<'_>) -> Result<(), PolicyError> {
    let text = part.value.to_string();
    if text.contains("{{") || text.contains("$(") {
        return Err(
            part.unsupported("variables are not filled in, because there is no request to fill them from", "write the value itself")
        );
    }
    Ok(())
}

/// The JSON pointer of `{{ a.b[0] }}`.
fn path(key: &Part<'_>) -> Result<String, PolicyError> {
    let text = key.text()?;
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    let segments =
        inner.and_then(segments).filter(|segments| !RESERVED.iter().any(|word| segments.first().is_some_and(|first| first == word)));
    let segments = segments
        .ok_or_else(|| key.unsupported(format!("`{text}` is no plain path, and functions and queries are not evaluated"), NO_WORDS))?;
    Ok(segments.iter().map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect())
}

/// The names and positions of a path of JMESPath without operators.
fn segments(path: &str) -> Option<Vec<String>> {
    let mut segments = Vec::new();
    let mut rest = path;
    loop {
        let (name, after) = segment(rest, segments.is_empty())?;
        segments.push(name);
        if after.is_empty() {
            return Some(segments);
        }
        rest = after;
    }
}

/// The first segment, and what stands behind it.
fn segment(text: &str, is_first: bool) -> Option<(String, &str)> {
    if let Some(position) = text.strip_prefix('[').filter(|_| !is_first) {
        let (digits, rest) = position.split_once(']')?;
        let is_position =
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        return is_position.then(|| (digits.to_owned(), rest));
    }
    let text = if is_first { text } else { text.strip_prefix('.')? };
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, rest) = quoted.split_once('"')?;
        return (!name.contains('\\')).then(|| (name.to_owned(), rest));
    }
    let end = text.find(|symbol: char| !symbol.is_ascii_alphanumeric() && symbol != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    is_name.then(|| (name.to_owned(), rest))
}

/// A wildcard as a regular expression.
fn expression(wildcard: &str) -> String {
    let mut expression = String::new();
    for symbol in wildcard.chars() {
        match symbol {
            '*' => expression.push_str("(?s:.*)"),
            '?' => expression.push_str("(?s:.)"),
            _ => {
                if r"\.+()|[]{}^$#&-~".contains(symbol) {
                    expression.push('\\');
                }
                expression.push(symbol);
            }
        }
    }
    expression
}
