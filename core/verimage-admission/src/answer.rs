//! The answer to a review.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use verimage_core::{Decision, Digest, Verdict};

use crate::images::ObjectImage;
use crate::review::Review;

/// What the API server keeps of a warning, in bytes.
const MAX_WARNING: usize = 256;
/// How much a refusal says, in bytes.
const MAX_MESSAGE: usize = 8 * 1024;

/// What became of an image.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The image.
    pub image: &'a ObjectImage,
    /// The verdict over it.
    pub verdict: &'a Verdict,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A decision, and the digests that were judged in the place of tags that are new.
    Mutate,
    /// A decision alone.
    Validate,
}

/// The answer that verdicts make: the body of HTTP 200. The object is admitted if each of its images is.
pub fn answer(review: &Review, judged: &[Judged<'_>], purpose: Purpose) -> Vec<u8> {
    let refused: Vec<&Judged<'_>> = judged.iter().filter(|one| !one.verdict.admitted).collect();
    let mut response = if refused.is_empty() {
        json!({"uid": review.uid, "allowed": true})
    } else {
        denial(&review.uid, &refused.iter().map(|one| refused_at(one)).collect::<Vec<_>>().join("\n"))
    };
    let mut add = |name: &str, value: Value| response.as_object_mut().map(|response| response.insert(name.to_owned(), value));
    let warnings: Vec<String> = judged.iter().filter(|one| one.verdict.admitted).filter_map(warning).collect();
    if !warnings.is_empty() {
        add("warnings", warnings.into());
    }
    if !judged.is_empty() {
        add("auditAnnotations", annotations(judged, refused.is_empty()));
    }
    let patch = if refused.is_empty() && purpose == Purpose::Mutate { pins(review, judged) } else { Vec::new() };
    if !patch.is_empty() {
        add("patchType", "JSONPatch".into());
        add("patch", STANDARD.encode(Value::from(patch).to_string()).into());
    }
    body(response)
}

/// The answer to a review whose images were not judged, and why.
pub fn refuse(review: &Review, reason: &str) -> Vec<u8> {
    body(denial(&review.uid, reason))
}

fn body(response: Value) -> Vec<u8> {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).to_string().into_bytes()
}

fn denial(uid: &str, message: &str) -> Value {
    json!({"uid": uid, "allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": cut(message, MAX_MESSAGE)}})
}

fn refused_at(one: &Judged<'_>) -> String {
    refusal(&format!("{} ({})", one.image.text, one.image.pointer), one.verdict)
}

/// The image as it is written, the code, why, and what to do.
pub fn refusal(image: &str, verdict: &Verdict) -> String {
    let what = if verdict.decision == Decision::Deny { "denied" } else { "could not be judged" };
    let rule = verdict.rule.as_ref().map(|rule| format!(" by rule {rule}")).unwrap_or_default();
    let code = verdict.code.as_ref().map(|code| format!(": {code}")).unwrap_or_default();
    let hint = verdict.hint.as_ref().map(|hint| format!("\n  {hint}")).unwrap_or_default();
    format!("image {image} {what}{rule}{code}\n  {}{hint}", verdict.message)
}

/// What is admitted although a rule in audit mode says no.
fn warning(one: &Judged<'_>) -> Option<String> {
    let verdict = one.verdict;
    let refused = verdict.rules.iter().find(|rule| rule.decision != Decision::Allow)?;
    let code = refused.code.as_deref().unwrap_or_default();
    Some(cut(&format!("{}: rule {} would deny this image: {code}", one.image.text, refused.name), MAX_WARNING))
}

fn annotations(judged: &[Judged<'_>], allowed: bool) -> Value {
    let policy = judged.first().map(|one| one.verdict.policy.digest.clone()).unwrap_or_default();
    let mut annotations = Map::from_iter([
        ("decision".to_owned(), json!(if allowed { "allow" } else { "deny" })),
        ("policy-digest".to_owned(), json!(policy)),
    ]);
    let digests = judged.iter().filter_map(|one| Some(format!("{}={}", one.image.text, one.verdict.digest.as_deref()?)));
    annotations.insert("digests".to_owned(), digests.collect::<Vec<_>>().join(" ").into());
    annotations.into()
}

/// Operations that put the judged digest behind what names none; each fails if the object is another one by then. What a change
/// leaves as it is stays so: another text would start a container anew, and API servers refuse it for all but two places of a pod.
fn pins(review: &Review, judged: &[Judged<'_>]) -> Vec<Value> {
    let mut operations = Vec::new();
    for Judged { image, verdict } in judged.iter().filter(|one| !review.leaves(&one.image.pointer, &one.image.text)) {
        let allowed = verdict.decision == Decision::Allow && image.reference.digest().is_none();
        let digest = verdict.digest.as_deref().filter(|_| allowed).and_then(|digest| Digest::parse(digest).ok());
        let Some(digest) = digest else { continue };
        let pinned = image.reference.clone().with_default_tag().with_digest(digest).to_string();
        operations.push(json!({"op": "test", "path": image.pointer, "value": image.text}));
        operations.push(json!({"op": "replace", "path": image.pointer, "value": pinned}));
    }
    operations
}

/// At most so many bytes of a text, whole characters.
fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text.get(..end).unwrap_or_default().to_owned()
}
