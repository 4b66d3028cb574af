//! A scheme for tests: signatures are lines in a store of its own, so that every situation can be written down.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use verimage_core::policy::{Backend, Compiler, LeafContext, read_config};
use verimage_core::{
    Answer, Blob, Check, Code, Context, Digest, Evidence, Failure, ImageRef, Limits, Policy, PolicyError, Progress, Session, Signer, Step,
    StoreError, StoreErrorKind, Subject, Timestamp, Verdict, Verifier, Want, What, one_round,
};

/// The leaf `line`: `{from: [KEY…], after: N}`. Each key is a list of lines `good SIGNER`, `lax SIGNER`, `other SIGNER` or `bad`; they
/// are asked for after N rounds of other questions.
#[derive(Debug)]
struct Lines;

/// Asks for something useless some times, then goes on.
struct Delayed {
    rounds: usize,
    then: Box<dyn Check>,
    begun: bool,
}

impl Check for Delayed {
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step {
        if self.rounds > 0 {
            self.rounds -= 1;
            return Step::Fetch(vec![want(&format!("nothing-{}", self.rounds))]);
        }
        let answers = if self.begun { answers } else { &[] };
        self.begun = true;
        self.then.step(answers, context)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinesConfig {
    from: Vec<String>,
    #[serde(default)]
    after: usize,
}

#[derive(Debug)]
struct LinesVerifier {
    from: Vec<String>,
    after: usize,
}

impl Backend for Lines {
    fn name(&self) -> &'static str {
        "line"
    }
    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        let config: LinesConfig = read_config(config, context.pointer)?;
        Ok(Arc::new(LinesVerifier { from: config.from, after: config.after }))
    }
    fn schema(&self) -> Value {
        json!({})
    }
}

impl Verifier for LinesVerifier {
    fn name(&self) -> &str {
        "line"
    }
    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        let subject = subject.digest().clone();
        let wants = self.from.iter().map(|key| want(&format!("{key}@{subject}"))).collect();
        let then = one_round("line", wants, move |blob: &Blob, _: &Context<'_>| match blob.text().unwrap_or("bad").split_once(' ') {
            Some(("good", signer)) => Ok(Evidence::new(subject.clone(), Signer::named(signer))),
            Some(("lax", signer)) => {
                let mut evidence = Evidence::new(subject.clone(), Signer::named(signer));
                evidence.trusted = false;
                Ok(evidence)
            }
            Some(("other", signer)) => Ok(Evidence::new(Digest::sha256(b"another image"), Signer::named(signer))),
            _ => Err(Failure::new(Code::SignatureInvalid, "a bad line")),
        });
        Box::new(Delayed { rounds: self.after, then, begun: false })
    }
}

/// The leaf `named`: `{from: KEY, after: N}`. Its lines are `CONTENT SIGNER`: what the tag names is the digest of the content.
#[derive(Debug)]
struct Names;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamesVerifier {
    from: String,
    #[serde(default)]
    after: usize,
}

impl Backend for Names {
    fn name(&self) -> &'static str {
        "named"
    }
    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        let verifier: NamesVerifier = read_config(config, context.pointer)?;
        Ok(Arc::new(verifier))
    }
    fn schema(&self) -> Value {
        json!({})
    }
}

impl NamesVerifier {
    fn check(&self, expected: Option<Digest>) -> Box<dyn Check> {
        let then = one_round("named", vec![want(&self.from)], move |blob: &Blob, _: &Context<'_>| {
            let invalid = || Failure::new(Code::SignatureInvalid, "a bad line");
            let (content, signer) = blob.text().unwrap_or("").split_once(' ').ok_or_else(invalid)?;
            let found = Digest::sha256(content.as_bytes());
            match &expected {
                Some(expected) if *expected != found => Err(Failure::new(Code::TagDigestMismatch, "the tag is signed as another digest")),
                _ => Ok(evidence(found, signer)),
            }
        });
        Box::new(Delayed { rounds: self.after, then, begun: false })
    }
}

/// A signer, and maybe a space and the size that was signed.
fn evidence(found: Digest, text: &str) -> Evidence {
    let (signer, size) = text.split_once(' ').unwrap_or((text, ""));
    let evidence = Evidence::new(found, Signer::named(signer));
    match size.parse() {
        Ok(size) => evidence.with_size(size),
        Err(_) => evidence,
    }
}

impl Verifier for NamesVerifier {
    fn name(&self) -> &str {
        "named"
    }
    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        self.check(Some(subject.digest().clone()))
    }
    fn begin_by_name(&self, _: &ImageRef) -> Option<Box<dyn Check>> {
        Some(self.check(None))
    }
}

pub fn named(key: &str) -> Value {
    json!({"named": {"from": key}})
}

pub fn want(key: &str) -> Want {
    Want::other("lines", "line", key, 1000)
}

/// Compiles rules of the native policy with the leaf `line`.
pub fn try_policy(policy: Value) -> Result<Policy, PolicyError> {
    let backends: Vec<Arc<dyn Backend>> = vec![Arc::new(Lines), Arc::new(Names)];
    let document = read_config(&policy, "")?;
    Compiler::new(&backends).compile(&document, BTreeMap::new(), "test", policy.to_string().as_bytes())
}

pub fn policy(rules: Value) -> Policy {
    try_policy(json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": rules})).unwrap()
}

pub fn rule(require: Value) -> Value {
    json!({"name": "rule", "images": ["**/**"], "require": require})
}

pub fn late_named(key: &str, after: usize) -> Value {
    json!({"named": {"from": key, "after": after}})
}

pub fn leaf(key: &str) -> Value {
    json!({"line": {"from": [key]}})
}

pub fn late_leaf(key: &str, after: usize) -> Value {
    json!({"line": {"from": [key], "after": after}})
}

/// What the world answers: lines by key for any subject, the image's manifest, errors by key.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub lines: BTreeMap<String, Vec<String>>,
    pub errors: BTreeMap<String, StoreErrorKind>,
    pub manifest: Option<String>,
    pub limits: Limits,
    pub all_evidence: bool,
    pub asked: Vec<Want>,
}

impl World {
    pub fn with(mut self, key: &str, lines: &[&str]) -> Self {
        self.lines.insert(key.to_owned(), lines.iter().map(|line| (*line).to_owned()).collect());
        self
    }

    pub fn with_error(mut self, key: &str, kind: StoreErrorKind) -> Self {
        self.errors.insert(key.to_owned(), kind);
        self
    }

    pub fn with_manifest(mut self, manifest: &str) -> Self {
        self.manifest = Some(manifest.to_owned());
        self
    }

    fn answer(&self, want: &Want) -> Result<Vec<Blob>, StoreError> {
        if matches!(want.what, What::Resolve | What::Manifest(_)) {
            let manifest = self.manifest.clone().ok_or_else(|| StoreError::not_found("no manifest"))?;
            return Ok(vec![Blob::new(manifest)]);
        }
        let What::Other { key, .. } = &want.what else { return Err(StoreError::unavailable("not a line")) };
        let short = key.split('@').next().unwrap();
        for name in [key.as_str(), short] {
            if let Some(kind) = self.errors.get(name) {
                return Err(StoreError::new(*kind, "as told"));
            }
            if let Some(lines) = self.lines.get(name) {
                return Ok(lines.iter().map(|line| Blob::new(line.clone())).collect());
            }
        }
        Err(StoreError::not_found("no such lines"))
    }

    pub fn judge(&mut self, policy: &Policy, image: &str) -> Verdict {
        self.judge_on(policy, image, None)
    }

    pub fn judge_on(&mut self, policy: &Policy, image: &str, platform: Option<&str>) -> Verdict {
        let limits = self.limits.clone();
        let mut context = Context::new(Timestamp::from_second(1_767_225_600).unwrap(), &limits);
        context.all_evidence = self.all_evidence;
        let mut session = Session::new(policy, ImageRef::parse(image).unwrap(), platform.map(|platform| platform.parse().unwrap()));
        loop {
            match session.step(&context) {
                Progress::Done(verdict) => return *verdict,
                Progress::Pause => {}
                Progress::Fetch(wants) => {
                    self.asked.extend(wants.iter().cloned());
                    let answers = wants.into_iter().map(|want| Answer { result: self.answer(&want), want });
                    session.supply(answers.rev().collect(), &context);
                }
            }
        }
    }
}

pub const IMAGE: &str = "registry.example/app@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

pub fn code(verdict: &Verdict) -> &str {
    verdict.code.as_deref().unwrap_or("")
}
