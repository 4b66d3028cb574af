//! What a session takes for an answer: sizes, digests, unasked and repeated answers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use verimage_core::policy::{Backend, Compiler, LeafContext, read_config};
use verimage_core::{
    Answer, Blob, Check, Context, Decision, Digest, Evidence, ImageRef, Limits, Place, Policy, PolicyError, Progress, Session, Signer,
    Subject, Timestamp, Verdict, Verifier, Want, What, one_round,
};

const CONTENT: &[u8] = b"content";

/// Believes whatever it is given under the digest of [`CONTENT`], or under a tag.
#[derive(Debug)]
struct Trusting(What);

impl Backend for Trusting {
    fn name(&self) -> &'static str {
        "trusting"
    }
    fn compile(&self, _: &Value, _: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        Ok(Arc::new(Trusting(self.0.clone())))
    }
    fn schema(&self) -> Value {
        json!({})
    }
}

impl Verifier for Trusting {
    fn name(&self) -> &str {
        "trusting"
    }
    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        let subject = subject.digest().clone();
        let want = Want { place: Place::Image, what: self.0.clone(), max_bytes: 20 };
        one_round("trusting", vec![want], move |_, _| Ok(Evidence::new(subject.clone(), Signer::named("anyone"))))
    }
}

fn policy(what: What) -> Policy {
    let document = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": [{"name": "r", "images": ["**/**"], "require": {"trusting": {}}}]});
    let backends: Vec<Arc<dyn Backend>> = vec![Arc::new(Trusting(what))];
    Compiler::new(&backends).compile(&read_config(&document, "").unwrap(), BTreeMap::new(), "test", b"").unwrap()
}

fn judge(what: What, answer: impl Fn(Want) -> Vec<Answer>) -> Verdict {
    let limits = Limits::default();
    let context = Context::new(Timestamp::UNIX_EPOCH, &limits);
    let image = format!("registry.example/app@{}", Digest::sha256(b"image"));
    let mut session = Session::new(&policy(what), ImageRef::parse(&image).unwrap(), None);
    loop {
        match session.step(&context) {
            Progress::Done(verdict) => return *verdict,
            Progress::Pause => {}
            Progress::Fetch(wants) => session.supply(wants.into_iter().flat_map(&answer).collect(), &context),
        }
    }
}

fn with(blobs: &[&[u8]]) -> impl Fn(Want) -> Vec<Answer> {
    let blobs: Vec<Blob> = blobs.iter().map(|blob| Blob::new(blob.to_vec())).collect();
    move |want| vec![Answer { want, result: Ok(blobs.clone()) }]
}

fn by_digest() -> [What; 2] {
    [What::Blob(Digest::sha256(CONTENT)), What::Manifest(Digest::sha256(CONTENT))]
}

#[test]
fn what_was_asked_for_by_digest_has_it() {
    for what in by_digest() {
        assert_eq!(judge(what.clone(), with(&[CONTENT])).decision, Decision::Allow);
        for wrong in [&[b"other".as_slice()] as &[&[u8]], &[], &[CONTENT, CONTENT], &[b"other", CONTENT]] {
            let verdict = judge(what.clone(), with(wrong));
            assert_eq!((verdict.decision, verdict.code.as_deref()), (Decision::Inconclusive, Some("store-unavailable")));
        }
    }
}

#[test]
fn a_tag_is_one_manifest_and_no_answer_is_too_large() {
    let tagged = || What::ManifestByTag("v1".parse_tag());
    assert_eq!(judge(tagged(), with(&[b"m"])).decision, Decision::Allow);
    assert_eq!(judge(tagged(), with(&[b"m", b"n"])).decision, Decision::Inconclusive);
    assert_eq!(judge(tagged(), with(&[b"twenty-one bytes long"])).code.as_deref(), Some("limit-exceeded"));
}

#[test]
fn answers_count_once_and_only_if_asked_for() {
    let [what, _] = by_digest();
    let answer = |want: &Want, bytes: &[u8]| Answer { want: want.clone(), result: Ok(vec![Blob::new(bytes.to_vec())]) };
    let first_wrong = judge(what.clone(), |want| vec![answer(&want, b"other"), answer(&want, CONTENT)]);
    assert_eq!(first_wrong.decision, Decision::Inconclusive);
    let first_right = judge(what.clone(), |want| vec![answer(&want, CONTENT), answer(&want, b"other")]);
    assert_eq!(first_right.decision, Decision::Allow);
    let unasked = judge(what.clone(), |want| vec![answer(&Want { max_bytes: 99, ..want }, CONTENT)]);
    assert_eq!((unasked.decision, unasked.code.as_deref()), (Decision::Inconclusive, Some("store-unavailable")));
    assert_eq!(judge(what, |_| Vec::new()).decision, Decision::Inconclusive);
}

trait ParseTag {
    fn parse_tag(&self) -> verimage_core::Tag;
}

impl ParseTag for str {
    fn parse_tag(&self) -> verimage_core::Tag {
        verimage_core::Tag::parse(self).unwrap()
    }
}
