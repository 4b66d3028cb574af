//! Gatekeeper's external data (`externaldata.gatekeeper.sh`): each key is an image, each value what may run in its place.

use serde::Deserialize;
use serde_json::{Value, json};
use verimage_core::{Decision, Digest, ImageRef, Verdict};

use crate::listed::{ListedImage, listed};
use crate::review::{ReviewError, read};

const API_VERSION: &str = "externaldata.gatekeeper.sh/v1beta1";

/// A question about images.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProviderRequest {
    /// The images.
    pub images: Vec<ListedImage>,
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    keys: Vec<String>,
}

impl ProviderRequest {
    /// Reads a question.
    ///
    /// # Errors
    /// [`ReviewError`].
    pub fn parse(body: &[u8]) -> Result<Self, ReviewError> {
        let Request { keys } = read(body, API_VERSION, "ProviderRequest", "request")?;
        Ok(Self { images: listed(keys.into_iter())? })
    }

    /// The answer: for each image the reference that may run, with the digest that was judged, or why none may.
    pub fn answer(&self, values: &[Result<String, String>]) -> Vec<u8> {
        let item = |(image, value): (&ListedImage, &Result<String, String>)| match value {
            Ok(value) => json!({"key": image.text, "value": value}),
            Err(error) => json!({"key": image.text, "error": error}),
        };
        let items: Vec<Value> = self.images.iter().zip(values).map(item).collect();
        response(&json!({"idempotent": true, "items": items}))
    }

    /// The answer to a question that could not be dealt with at all.
    pub fn failure(reason: &str) -> Vec<u8> {
        response(&json!({"idempotent": true, "systemError": reason}))
    }
}

/// The reference that may run after this verdict: with the digest that was judged, if one is allowed.
pub fn runnable(image: &ListedImage, reference: &ImageRef, verdict: &Verdict) -> String {
    let allowed = verdict.decision == Decision::Allow && reference.digest().is_none();
    match verdict.digest.as_deref().filter(|_| allowed).and_then(|digest| Digest::parse(digest).ok()) {
        Some(digest) => reference.clone().with_default_tag().with_digest(digest).to_string(),
        None => image.text.clone(),
    }
}

fn response(response: &Value) -> Vec<u8> {
    json!({"apiVersion": API_VERSION, "kind": "ProviderResponse", "response": response}).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_item() {
        let body = json!({"apiVersion": API_VERSION, "kind": "ProviderRequest", "request": {"keys": ["a.example/a", "Not An Image"]}});
        let asked = ProviderRequest::parse(body.to_string().as_bytes()).unwrap();
        assert!(asked.images[0].reference.is_ok() && asked.images[1].reference.is_err());
        let answer: Value = serde_json::from_slice(&asked.answer(&[Ok("pinned".to_owned()), Err("no".to_owned())])).unwrap();
        assert_eq!(
            answer["response"],
            json!({"idempotent": true, "items": [{"key": "a.example/a", "value": "pinned"}, {"key": "Not An Image", "error": "no"}]})
        );
        let failed: Value = serde_json::from_slice(&ProviderRequest::failure("late")).unwrap();
        assert_eq!(failed["response"]["systemError"], "late");
        assert!(ProviderRequest::parse(br#"{"apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderRequest"}"#).is_err());
        assert!(ProviderRequest::parse(b"{}").is_err());
    }
}
