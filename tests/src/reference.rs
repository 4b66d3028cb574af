//! `reference-parse-*`: the grammar of image references.

use serde_json::{Map, Value};
use verimage_core::{Digest, ImageRef, RawReference, ReferenceError};

use crate::{Answer, Case, text};

pub(crate) fn parse(case: &Case) -> Result<Answer, String> {
    let input = text(&case.params, "input")?;
    let output = match case.kind.as_str() {
        "reference-parse-raw" => RawReference::parse(input).map(|reference| raw(&reference)),
        "reference-parse-any" => any(input),
        _ => ImageRef::parse(input).map(|reference| normalized(&reference)),
    };
    Ok(output.map_or_else(|error| Answer::reject("reference-malformed", error), Answer::Accept))
}

fn raw(reference: &RawReference) -> Map<String, Value> {
    let repository = if reference.host.is_empty() { reference.path.clone() } else { format!("{}/{}", reference.host, reference.path) };
    object([
        ("domain", reference.host.clone()),
        ("repository", repository),
        ("tag", reference.tag.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("digest", reference.digest.as_ref().map(ToString::to_string).unwrap_or_default()),
    ])
}

fn normalized(reference: &ImageRef) -> Map<String, Value> {
    object([
        ("domain", reference.host().to_owned()),
        ("path", reference.path().to_owned()),
        ("full", reference.to_string()),
        ("familiar", reference.familiar()),
        ("tag", reference.tag().map(ToString::to_string).unwrap_or_default()),
        ("digest", reference.digest().map(ToString::to_string).unwrap_or_default()),
    ])
}

/// What a user may also type where an identifier is allowed: a digest, or its hexadecimal digits alone.
fn any(input: &str) -> Result<Map<String, Value>, ReferenceError> {
    let identifier = Digest::parse(input).or_else(|_| Digest::parse(&format!("sha256:{input}")));
    match identifier {
        Ok(digest) => Ok(object([("full", digest.to_string())])),
        Err(_) => ImageRef::parse(input).map(|reference| normalized(&reference)),
    }
}

fn object<const N: usize>(entries: [(&str, String); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}
