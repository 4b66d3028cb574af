//! `policy-parse`: policy files.

use serde_json::{Map, Value};
use verimage::{Code, PolicyError, PolicyLoader};
use verimage_import::{Document, PolicyFormat};

use crate::{Answer, Case, path, read};

pub(crate) fn parse(case: &Case) -> Result<Answer, String> {
    let file = path(case, "policy")?;
    let text = String::from_utf8_lossy(&read(&file)?).into_owned();
    let format = Document::parse(&text).ok().and_then(|document| PolicyFormat::detect(document.value()));
    let asked = case.params.get("policy_kind").and_then(Value::as_str).unwrap_or("native");
    let known = match format {
        Some(format) => matches!(format, PolicyFormat::Native | PolicyFormat::Notation | PolicyFormat::Containers),
        None => matches!(asked, "native" | "verimage") || asked.contains("trustpolicy") || asked.contains("policy.json"),
    };
    if !known {
        return Ok(Answer::unsupported(format!("policies of the kind {asked}")));
    }
    Ok(match format {
        // Its trust stores and keys are elsewhere.
        Some(PolicyFormat::Notation | PolicyFormat::Containers) => answer(PolicyLoader::new().convert(&text)),
        _ => answer(PolicyLoader::new().load(&file)),
    })
}

fn answer<T>(loaded: Result<T, PolicyError>) -> Answer {
    match loaded {
        Ok(_) => Answer::accept(),
        Err(error) if error.code == Code::PolicyUnsupportedField => {
            let entries = [("code", error.code.to_string()), ("pointer", error.pointer)];
            Answer::Accept(entries.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<Map<_, _>>())
        }
        Err(error) => Answer::reject(error.code.as_str(), &error),
    }
}
