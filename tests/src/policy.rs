//! `policy-parse`: policy files.

use std::path::Path;

use serde_json::{Map, Value};
use verimage::{Code, PolicyLoader};
use verimage_import::{Document, PolicyFormat};

use crate::{Answer, Case, path, read};

pub(crate) fn parse(case: &Case) -> Result<Answer, String> {
    let file = path(case, "policy")?;
    let text = String::from_utf8_lossy(&read(&file)?).into_owned();
    let format = Document::parse(&text).ok().and_then(|document| PolicyFormat::detect(document.value()));
    let asked = case.params.get("policy_kind").and_then(Value::as_str).unwrap_or("native");
    if !matches!(asked, "native" | "verimage") || format.is_some_and(|format| format != PolicyFormat::Native) {
        return Ok(Answer::unsupported(format!("policies of the kind {asked}")));
    }
    Ok(load(&file))
}

fn load(file: &Path) -> Answer {
    match PolicyLoader::new().load(file) {
        Ok(_) => Answer::accept(),
        Err(error) if error.code == Code::PolicyUnsupportedField => {
            let entries = [("code", error.code.to_string()), ("pointer", error.pointer)];
            Answer::Accept(entries.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<Map<_, _>>())
        }
        Err(error) => Answer::reject(error.code.as_str(), &error),
    }
}
