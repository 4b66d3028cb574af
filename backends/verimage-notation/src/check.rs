//! Judges the signatures of one image, a few at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use notation_rs::TrustStores;
use notation_rs::envelope::PssSalt;
use notation_rs::manifest::SignatureManifest;
use notation_rs::revocation::{Material, Request};
use notation_rs::trust_policy::Statement;
use notation_rs::verify::{Expected, Outcome, Verification};
use verimage_core::{
    Answer, Bytes, Check, Code, Context, Digest, Evidence, Failure, SignatureReport, Step, StoreErrorKind, Subject, Verifier, Want,
};
use verimage_crypto::CryptoSet;

use crate::discover;
use crate::envelope::{evidence, reply, want};
use crate::failure::{malformed, too_large, too_many};

/// How many signatures are looked at together: few at first, because the first that passes ends the search, then more, so
/// that as many as are listed at most take few rounds.
const BATCHES: [usize; 4] = [4, 8, 16, 36];
/// How often one signature may ask about revocation: responders, lists, and what the lists refer to.
const MAX_ROUNDS: usize = 8;
/// How often all together may: what is behind a good signature must not use up the rounds of the verification.
const MAX_ROUNDS_OF_ALL: usize = 16;

/// What a leaf demands.
#[derive(Debug)]
pub(crate) struct Demand {
    pub(crate) statement: Statement,
    pub(crate) stores: TrustStores,
    pub(crate) crypto: CryptoSet,
    pub(crate) salt: PssSalt,
    pub(crate) user_metadata: BTreeMap<String, String>,
}

impl Demand {
    fn verify(&self, signature: &Signature, context: &Context<'_>) -> Outcome {
        let manifest = &signature.manifest;
        // The manifest refers to the image that is judged; where the image itself was not looked at, it says size and type.
        let subject = &manifest.subject;
        let expected = Expected::Artifact { media_type: &subject.media_type, digest: &subject.digest, size: subject.size };
        let verification = Verification::new(&self.statement, &self.stores, self.crypto).pss_salt(self.salt);
        let verification = verification.user_metadata(self.user_metadata.clone());
        verification.verify(manifest.format, &signature.envelope, expected, context.now, &signature.material)
    }
}

#[derive(Debug)]
pub(crate) struct NotationVerifier {
    demand: Arc<Demand>,
    warning: Option<&'static str>,
}

impl NotationVerifier {
    pub(crate) fn new(demand: Demand, warning: Option<&'static str>) -> Self {
        Self { demand: Arc::new(demand), warning }
    }
}

impl Verifier for NotationVerifier {
    fn name(&self) -> &str {
        "notation"
    }

    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        Box::new(NotationCheck {
            demand: self.demand.clone(),
            subject: subject.clone(),
            stage: Stage::Start,
            waiting: VecDeque::new(),
            batches: 0,
            rounds: 0,
            reports: Vec::new(),
        })
    }

    fn warnings(&self) -> Vec<&'static str> {
        self.warning.into_iter().collect()
    }
}

struct NotationCheck {
    demand: Arc<Demand>,
    subject: Subject,
    stage: Stage,
    /// Manifests of signatures that were not looked at.
    waiting: VecDeque<Want>,
    /// Batches that were begun.
    batches: usize,
    /// Rounds of questions about revocation.
    rounds: usize,
    reports: Vec<SignatureReport>,
}

/// What the next answers belong to.
enum Stage {
    Start,
    Referrers,
    Manifests(Vec<Want>),
    Envelopes(Vec<(Want, SignatureManifest, Want)>),
    Revocation(Vec<Signature>),
}

/// A signature under way.
struct Signature {
    source: Want,
    manifest: SignatureManifest,
    envelope: Bytes,
    material: Material,
    /// What was asked last.
    asked: Vec<Request>,
    rounds: usize,
    /// Whether somebody did not answer.
    unreachable: bool,
}

impl Check for NotationCheck {
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step {
        match std::mem::replace(&mut self.stage, Stage::Start) {
            Stage::Start => {
                self.stage = Stage::Referrers;
                return Step::Fetch(vec![discover::referrers(&self.subject, context.limits)]);
            }
            Stage::Referrers => answers.iter().for_each(|answer| self.read_referrers(answer, context)),
            Stage::Manifests(manifests) => {
                let found: Vec<_> = manifests.into_iter().filter_map(|manifest| self.read_manifest(manifest, answers, context)).collect();
                if !found.is_empty() {
                    let wants = found.iter().map(|(_, _, envelope)| envelope.clone()).collect();
                    self.stage = Stage::Envelopes(found);
                    return fetch(wants);
                }
            }
            Stage::Envelopes(found) => {
                let signatures = found.into_iter().filter_map(|(source, manifest, envelope)| {
                    match fetched(answers, &envelope, manifest.envelope.size) {
                        Ok(bytes) => Some(Signature::new(source, manifest, bytes)),
                        Err(failure) => {
                            self.report(&source, Err(failure));
                            None
                        }
                    }
                });
                let signatures: Vec<Signature> = signatures.collect();
                return self.judge(signatures, context);
            }
            Stage::Revocation(signatures) => {
                let answered = signatures.into_iter().map(|signature| signature.with_answers(answers)).collect();
                return self.judge(answered, context);
            }
        }
        self.next(context)
    }
}

impl NotationCheck {
    fn next(&mut self, context: &Context<'_>) -> Step {
        if self.waiting.is_empty() || self.is_enough(context) {
            return Step::Done(std::mem::take(&mut self.reports));
        }
        let size = BATCHES.get(self.batches).or(BATCHES.last()).copied().unwrap_or_default();
        let batch: Vec<Want> = self.waiting.drain(..self.waiting.len().min(size)).collect();
        self.batches = self.batches.saturating_add(1);
        self.stage = Stage::Manifests(batch.clone());
        fetch(batch)
    }

    fn is_enough(&self, context: &Context<'_>) -> bool {
        !context.all_evidence && self.reports.iter().any(|report| report.outcome.is_ok())
    }

    /// Verifies what can be; what still asks about revocation waits for answers.
    fn judge(&mut self, signatures: Vec<Signature>, context: &Context<'_>) -> Step {
        let mut pending = Vec::new();
        for mut signature in signatures {
            let outcome = self.demand.verify(&signature, context);
            if outcome.is_final() || signature.rounds >= MAX_ROUNDS || self.rounds >= MAX_ROUNDS_OF_ALL {
                let unasked = signature.unreachable || !outcome.is_final();
                let judged = evidence(&outcome, &self.subject, unasked);
                self.report(&signature.source, judged);
            } else {
                signature.asked = outcome.needed;
                signature.rounds = signature.rounds.saturating_add(1);
                pending.push(signature);
            }
        }
        if pending.is_empty() || self.is_enough(context) {
            return self.next(context);
        }
        self.rounds = self.rounds.saturating_add(1);
        let wants = pending.iter().flat_map(|signature| &signature.asked).map(want).collect();
        self.stage = Stage::Revocation(pending);
        fetch(wants)
    }

    fn report(&mut self, source: &Want, outcome: Result<Evidence, Failure>) {
        self.reports.push(SignatureReport::new("notation", source.clone(), 0, outcome));
    }

    fn read_referrers(&mut self, answer: &Answer, context: &Context<'_>) {
        for blob in answer.result.iter().flatten() {
            let page = match discover::read_page(blob.bytes()) {
                Ok(page) => page,
                Err(failure) => return self.report(&answer.want, Err(failure)),
            };
            for entry in page.manifests.iter().filter(|entry| discover::may_be_signature(entry)) {
                let want = discover::manifest(&entry.digest, context.limits);
                if self.waiting.contains(&want) {
                    continue;
                }
                if self.waiting.len() >= context.limits.referrers {
                    return self.report(&answer.want, Err(too_many(context.limits)));
                }
                self.waiting.push_back(want);
            }
        }
    }

    /// The envelope that a manifest names. One bad manifest never hides a good signature.
    fn read_manifest(&mut self, source: Want, answers: &[Answer], context: &Context<'_>) -> Option<(Want, SignatureManifest, Want)> {
        let read = fetched_any(answers, &source).and_then(|bytes| discover::read_manifest(&bytes, &self.subject));
        let manifest = match read {
            Ok(manifest) => manifest?,
            Err(failure) => {
                self.report(&source, Err(failure));
                return None;
            }
        };
        if manifest.envelope.size > context.limits.envelope_bytes {
            self.report(&source, Err(too_large(manifest.envelope.size, context.limits)));
            return None;
        }
        match Digest::parse(&manifest.envelope.digest) {
            Ok(digest) => Some((source, manifest, discover::envelope(&digest, context.limits))),
            Err(error) => {
                self.report(&source, Err(malformed(error.to_string())));
                None
            }
        }
    }
}

impl Signature {
    fn new(source: Want, manifest: SignatureManifest, envelope: Bytes) -> Self {
        Self { source, manifest, envelope, material: Material::new(), asked: Vec::new(), rounds: 0, unreachable: false }
    }

    fn with_answers(mut self, answers: &[Answer]) -> Self {
        for request in std::mem::take(&mut self.asked) {
            let wanted = want(&request);
            let (answer, silent) = reply(answers.iter().find(|answer| answer.want == wanted));
            self.unreachable |= silent;
            self.material.insert(request, answer);
        }
        self
    }
}

/// Each want once.
fn fetch(mut wants: Vec<Want>) -> Step {
    wants.sort();
    wants.dedup();
    Step::Fetch(wants)
}

/// What was listed and cannot be had is no absence of a signature.
fn fetched_any(answers: &[Answer], want: &Want) -> Result<Bytes, Failure> {
    let answer = answers.iter().find(|answer| answer.want == *want);
    let error = answer.and_then(|answer| answer.result.as_ref().err());
    let code = error.filter(|error| error.kind != StoreErrorKind::NotFound);
    let code = code.map_or(Code::StoreUnavailable, |error| Code::of_store_error(error.kind));
    let reason = error.map_or_else(|| "there is no answer".to_owned(), ToString::to_string);
    let blob = answer.and_then(|answer| answer.result.as_ref().ok()).and_then(|blobs| blobs.first());
    blob.map(|blob| blob.bytes().clone()).ok_or_else(|| Failure::new(code, format!("what the list names is not to be had: {reason}")))
}

/// An envelope that has the size that its descriptor says.
fn fetched(answers: &[Answer], want: &Want, size: u64) -> Result<Bytes, Failure> {
    let bytes = fetched_any(answers, want)?;
    match bytes.len() as u64 {
        length if length == size => Ok(bytes),
        length => Err(malformed(format!("the envelope has {length} bytes, its descriptor says {size}"))),
    }
}
