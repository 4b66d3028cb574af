//! The shim between foreign test vectors and the product: one case object in, one answer out.
//!
//! It calls the product's public interfaces and decides nothing itself. The grammar of the cases is the corpus's own.
//!
//! Beside it, what tests share: a sigstore [`instance`] that signs, a registry in [`memory`], the [`fixtures`] as questions; the book of
//! [`attacks`], what is [`support`]ed, every field of policies ([`policy_reference`]), and the record of the [`supply_chain`].

mod admission;
pub mod attacks;
pub mod bundle;
mod canonical;
mod cosign;
mod crypto;
pub mod descriptors;
pub mod fixtures;
pub mod instance;
pub mod memory;
pub mod named;
mod notary;
mod notation;
mod policy;
pub mod policy_reference;
mod reference;
mod simple_signing;
pub mod supply_chain;
pub mod support;
mod timestamp;
mod transparency;
mod tuf;
mod x509;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One question.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// What is to be called.
    pub kind: String,
    /// Role to path, or to a list of paths.
    #[serde(default)]
    pub files: Map<String, Value>,
    /// What is no file.
    #[serde(default)]
    pub params: Map<String, Value>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is accepted, with these values.
    Accept(Map<String, Value>),
    /// It is rejected, for this reason.
    Reject {
        /// A failure code, or the reason in words where the case is below the level of codes.
        code: String,
        /// For people.
        detail: String,
    },
    /// The product does not offer this.
    Unsupported(String),
}

impl Answer {
    fn accept() -> Self {
        Self::Accept(Map::new())
    }

    fn reject(code: &str, detail: impl ToString) -> Self {
        Self::Reject { code: code.to_owned(), detail: detail.to_string() }
    }

    fn unsupported(what: impl ToString) -> Self {
        Self::Unsupported(what.to_string())
    }

    /// The exit status of the shim.
    pub fn status(&self) -> u8 {
        match self {
            Self::Accept(_) => 0,
            Self::Reject { .. } => 1,
            Self::Unsupported(_) => 2,
        }
    }

    /// The flat object on standard output.
    pub fn to_json(&self) -> Value {
        let entry = |key: &str, value: &str| (key.to_owned(), Value::from(value));
        match self {
            Self::Accept(output) => {
                let code = output.get("code").cloned().unwrap_or(Value::Null);
                Value::Object(std::iter::once(("code".to_owned(), code)).chain(output.clone()).collect())
            }
            Self::Reject { code, detail } => Value::Object(Map::from_iter([entry("code", code), entry("detail", detail)])),
            Self::Unsupported(what) => Value::Object(Map::from_iter([entry("unsupported", what)])),
        }
    }
}

/// Answers cases; keeps large vector files between them.
#[derive(Default)]
pub struct Runner {
    documents: HashMap<PathBuf, Arc<Value>>,
}

impl Runner {
    /// The product's answer. `Err` means that the case itself cannot be read.
    ///
    /// # Errors
    /// What is missing in the case.
    pub fn answer(&mut self, case: &Case) -> Result<Answer, String> {
        match case.kind.as_str() {
            "signature-verify" => {
                let vectors = self.document(&path(case, "vectors")?)?;
                crypto::signature_verify(case, &vectors)
            }
            "reference-parse-raw" | "reference-parse-normalized" | "reference-parse-any" => reference::parse(case),
            "sigstore-bundle" => bundle::bundle(case),
            "cosign-payload" => cosign::payload(case),
            "cosign-manifest" => cosign::manifest(case),
            "notation-trust-policy" => notation::trust_policy(case),
            "notation-trust-store" => notation::trust_store(case),
            "notation-envelope" => notation::envelope(case),
            "notation-oci-layout" => notation::layout(case),
            "policy-parse" => policy::parse(case),
            "admission-review" => admission::images(case),
            "canonical-json-rfc8785" => canonical::json(case),
            "canonical-json-olpc" => notary::canonical(case),
            "notary-v1-target" => notary::target(case),
            "notary-v1-collection" => notary::collection(case),
            "merkle-inclusion" | "merkle-consistency" => transparency::merkle(case),
            "simple-signing" => simple_signing::image(case),
            "openpgp-verify" => simple_signing::message(case),
            "policy-json-image" => simple_signing::policy_json(case),
            "rfc3161-token" => timestamp::token(case),
            "tuf-client" => tuf::client(case),
            "tuf-metadata-signature" => tuf::metadata_signature(case),
            "x509-path" => x509::path_of(case),
            other => Ok(Answer::unsupported(other)),
        }
    }

    fn document(&mut self, path: &Path) -> Result<Arc<Value>, String> {
        if let Some(known) = self.documents.get(path) {
            return Ok(known.clone());
        }
        let document: Value = serde_json::from_slice(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        let document = Arc::new(document);
        self.documents.insert(path.to_owned(), document.clone());
        Ok(document)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn path(case: &Case, role: &str) -> Result<PathBuf, String> {
    paths(case, role).into_iter().next().ok_or_else(|| format!("the case has no file `{role}`"))
}

fn paths(case: &Case, role: &str) -> Vec<PathBuf> {
    match case.files.get(role) {
        Some(Value::String(path)) => vec![path.into()],
        Some(Value::Array(paths)) => paths.iter().filter_map(Value::as_str).map(PathBuf::from).collect(),
        _ => Vec::new(),
    }
}

fn text<'a>(values: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    values.get(key).and_then(Value::as_str).ok_or_else(|| format!("`{key}` is missing"))
}

/// `time`, in seconds since 1970.
fn moment(case: &Case) -> Result<i64, String> {
    let time: jiff::Timestamp = text(&case.params, "time")?.parse().map_err(|error| format!("`time`: {error}"))?;
    Ok(time.as_second())
}
