//! `policy-parse`: policy files.

use std::sync::Arc;

use serde_json::{Map, Value};
use verimage::core::async_trait;
use verimage::{Code, KeyReference, KeyResolver, KeyResolverError, PolicyError, PolicyLoader};
use verimage_import::{Document, PolicyFormat};

use crate::{Answer, Case, path, read};

pub(crate) fn parse(case: &Case) -> Result<Answer, String> {
    let file = path(case, "policy")?;
    let text = String::from_utf8_lossy(&read(&file)?).into_owned();
    let format = Document::parse_stream(&text).ok().and_then(|document| PolicyFormat::detect(document.value()));
    let asked = case.params.get("policy_kind").and_then(Value::as_str).unwrap_or("native");
    if format.is_none() && matches!(asked, "Executor" | "NamespacedExecutor") {
        return Ok(Answer::unsupported(format!("policies of the kind {asked}")));
    }
    Ok(match format {
        // Its trust stores and keys are elsewhere.
        Some(PolicyFormat::Notation | PolicyFormat::Containers) => answer(PolicyLoader::new().convert(&text)),
        None | Some(PolicyFormat::Native) => answer(PolicyLoader::new().load(&file)),
        // So are keys in services.
        Some(_) => answer(PolicyLoader::new().with_key_resolver(Arc::new(SomeKey)).load(&file)),
    })
}

/// A key for every reference to a service that is not here.
#[derive(Debug)]
struct SomeKey;

#[async_trait]
impl KeyResolver for SomeKey {
    fn schemes(&self) -> &[&str] {
        &["awskms", "azurekms", "gcpkms", "hashivault", "k8s"]
    }

    async fn resolve(&self, _: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        Ok(include_bytes!("../fixtures/cosign/keys/p256.pub").to_vec())
    }

    fn waits(&self) -> bool {
        false
    }
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
