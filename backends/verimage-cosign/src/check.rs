//! Judges the signatures of one image, or the attestations about it: what each store has, then a batch of it at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use verimage_core::manifest::Descriptor;
use verimage_core::policy::{Attestation, Statements, Store};
use verimage_core::{
    Answer, Blob, Check, Code, CodeClass, Context, Evidence, Failure, SignatureReport, Step, StoreErrorKind, Subject, Verifier, Want, What,
};

use crate::config::Format;
use crate::discover::{self, Form, Found, Sought};
use crate::envelope;
use crate::evidence::Material;
use crate::expectation::Expectation;
use crate::failure::{blob_too_large, malformed, too_many_layers, too_many_referrers};
use crate::statements::{self, Verified};

/// How many things are fetched in one round.
const BATCH: usize = 64;

#[derive(Debug)]
pub(crate) struct CosignVerifier {
    stores: Vec<Store>,
    format: Format,
    attestation: Option<Arc<Attestation>>,
    expectation: Arc<Expectation>,
    warnings: Vec<&'static str>,
}

impl CosignVerifier {
    pub(crate) fn new(
        stores: Vec<Store>,
        format: Format,
        attestation: Option<Arc<Attestation>>,
        expectation: Expectation,
        warnings: Vec<&'static str>,
    ) -> Self {
        Self { stores, format, attestation, expectation: Arc::new(expectation), warnings }
    }
}

impl Verifier for CosignVerifier {
    fn name(&self) -> &str {
        "cosign"
    }

    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        Box::new(CosignCheck {
            stores: self.stores.clone(),
            format: self.format,
            attestation: self.attestation.clone(),
            expectation: self.expectation.clone(),
            subject: subject.clone(),
            stage: Stage::Start,
            candidates: VecDeque::new(),
            referrers: VecDeque::new(),
            tried: 0,
            reports: Vec::new(),
            verified: Vec::new(),
        })
    }

    fn not_found(&self) -> Code {
        if self.attestation.is_some() { Code::AttestationNotFound } else { Code::SignatureNotFound }
    }

    fn warnings(&self) -> Vec<&'static str> {
        self.warnings.clone()
    }
}

struct CosignCheck {
    stores: Vec<Store>,
    format: Format,
    attestation: Option<Arc<Attestation>>,
    expectation: Arc<Expectation>,
    subject: Subject,
    stage: Stage,
    /// Signatures that were found and not yet judged.
    candidates: VecDeque<Candidate>,
    /// Referrers whose manifests were not looked at.
    referrers: VecDeque<Want>,
    /// Signatures that were looked at, of all stores together.
    tried: usize,
    reports: Vec<SignatureReport>,
    /// Statements by the right signer, with the number of their report.
    verified: Vec<(usize, Verified)>,
}

/// What the next answers belong to.
enum Stage {
    Start,
    Stores,
    Candidates(Vec<Candidate>),
    Referrers(Vec<Want>),
}

/// A layer that may hold what is sought.
struct Candidate {
    manifest: Want,
    index: usize,
    layer: Descriptor,
    form: Form,
    blob: Want,
}

impl Check for CosignCheck {
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step {
        match std::mem::replace(&mut self.stage, Stage::Start) {
            Stage::Start => return self.first(context),
            Stage::Stores => answers.iter().for_each(|answer| self.read_store(answer, context)),
            Stage::Candidates(candidates) => {
                for candidate in candidates {
                    let outcome = self.judge(&candidate, answers, context);
                    self.report(&candidate.manifest, candidate.index, outcome);
                }
            }
            Stage::Referrers(manifests) => manifests.iter().for_each(|manifest| self.read_referrer(manifest, answers, context)),
        }
        self.next(context)
    }
}

impl CosignCheck {
    fn first(&mut self, context: &Context<'_>) -> Step {
        let sought = sought(self.attestation.as_deref());
        match discover::first_wants(&self.stores, self.format, sought, &self.subject, context.limits) {
            Ok(wants) => {
                self.stage = Stage::Stores;
                Step::Fetch(wants)
            }
            Err((place, failure)) => {
                self.report(&place, 0, Err(failure));
                self.done()
            }
        }
    }

    /// What was found before what could be: whoever signed in the older form needs no further questions.
    fn next(&mut self, context: &Context<'_>) -> Step {
        if !context.all_evidence && self.has_enough() {
            return self.done();
        }
        if !self.candidates.is_empty() {
            let batch: Vec<Candidate> = self.candidates.drain(..self.candidates.len().min(BATCH)).collect();
            let wants = batch.iter().map(|candidate| candidate.blob.clone()).collect();
            self.stage = Stage::Candidates(batch);
            return fetch(wants);
        }
        if !self.referrers.is_empty() {
            let batch: Vec<Want> = self.referrers.drain(..self.referrers.len().min(BATCH)).collect();
            self.stage = Stage::Referrers(batch.clone());
            return fetch(batch);
        }
        self.done()
    }

    /// Whether whatever else there is could not change the answer.
    fn has_enough(&self) -> bool {
        match &self.attestation {
            None => self.reports.iter().any(|report| report.outcome.is_ok()),
            Some(_) => !self.needs_all() && self.verified.iter().any(|(_, verified)| verified.is_fulfilled()),
        }
    }

    /// Whether one statement that passes says nothing while others were not looked at.
    fn needs_all(&self) -> bool {
        self.attestation.as_ref().is_some_and(|attestation| attestation.statements() != Statements::Any)
    }

    fn done(&mut self) -> Step {
        if let Some(attestation) = self.attestation.clone() {
            self.settle_statements(&attestation);
        }
        Step::Done(std::mem::take(&mut self.reports))
    }

    /// Statements count in view of each other. Where one of them could not be looked at, the others prove nothing yet.
    fn settle_statements(&mut self, attestation: &Attestation) {
        let all: Vec<&Verified> = self.verified.iter().map(|(_, verified)| verified).collect();
        let unknown = self.reports.iter().filter_map(|report| report.outcome.as_ref().err());
        let unknown = unknown.into_iter().find(|failure| failure.class() == CodeClass::Inconclusive).filter(|_| self.needs_all()).cloned();
        let settled: Vec<(usize, Failure)> = self
            .verified
            .iter()
            .filter_map(|(index, verified)| {
                let checked = statements::check(verified, &all, attestation);
                checked.err().or_else(|| unknown.clone()).map(|failure| (*index, failure))
            })
            .collect();
        for (index, failure) in settled {
            if let Some(report) = self.reports.get_mut(index) {
                report.outcome = Err(failure);
            }
        }
    }

    fn report(&mut self, source: &Want, index: usize, outcome: Result<Evidence, Failure>) {
        self.reports.push(SignatureReport::new("cosign", source.clone(), index, outcome));
    }

    fn judge(&mut self, candidate: &Candidate, answers: &[Answer], context: &Context<'_>) -> Result<Evidence, Failure> {
        let Candidate { layer, form, .. } = candidate;
        let blob = fetched(answers, &candidate.blob, layer)?;
        let (bytes, now) = (blob.bytes(), context.now);
        let attested = match (form, &self.attestation) {
            (Form::Payload, _) => {
                let signature = envelope::signature(layer).map_err(malformed)?;
                let material = Material::of_annotations(&layer.annotations);
                return self.expectation.judge_payload(bytes, &signature, &material, &self.subject, now);
            }
            (Form::Bundle, None) => return self.expectation.judge_bundle(bytes, &self.subject, now),
            (Form::Bundle, Some(_)) => self.expectation.judge_attested_bundle(bytes, &self.subject, now)?,
            (Form::Envelope, _) => {
                self.expectation.judge_envelope(bytes, &Material::of_annotations(&layer.annotations), &self.subject, now)?
            }
        };
        let Some(attestation) = self.attestation.clone() else {
            return Err(malformed("an envelope is no image signature"));
        };
        let (evidence, verified) = statements::judge(attested, &attestation, now)?;
        self.verified.push((self.reports.len(), verified));
        Ok(evidence)
    }

    fn read_store(&mut self, answer: &Answer, context: &Context<'_>) {
        if let Err(error) = &answer.result
            && error.kind != StoreErrorKind::NotFound
            && self.needs_all()
        {
            self.report(&answer.want, 0, Err(Failure::new(Code::of_store_error(error.kind), error.to_string())));
        }
        for blob in answer.result.iter().flatten() {
            match &answer.want.what {
                What::Referrers { .. } => self.read_page(&answer.want, blob, context),
                _ => self.read_layers(&answer.want, blob, context),
            }
        }
    }

    /// The layers of one signature manifest that are worth a look; the others become reports at once.
    fn read_layers(&mut self, source: &Want, blob: &Blob, context: &Context<'_>) {
        let manifest = match discover::read_manifest(blob.bytes()) {
            Ok(manifest) => manifest,
            Err(failure) => return self.report(source, 0, Err(failure)),
        };
        let room = context.limits.signatures.saturating_sub(self.tried);
        if manifest.layers.len() > room {
            self.report(source, room, Err(too_many_layers(manifest.layers.len(), context.limits)));
        }
        self.tried = self.tried.saturating_add(manifest.layers.len().min(room));
        let attestation = self.attestation.clone();
        for (index, layer) in manifest.layers.into_iter().take(room).enumerate() {
            match discover::tag_layer(index, layer, sought(attestation.as_deref())) {
                Ok(Some(found)) => self.add(source, found, context),
                Ok(None) => {}
                Err(failure) => self.report(source, index, Err(failure)),
            }
        }
    }

    /// The referrers of one page that may be what is sought.
    fn read_page(&mut self, source: &Want, blob: &Blob, context: &Context<'_>) {
        let page = match discover::read_page(blob.bytes()) {
            Ok(page) => page,
            Err(failure) => return self.report(source, 0, Err(failure)),
        };
        let attestation = self.attestation.clone();
        for entry in page.manifests.iter().filter(|entry| discover::may_be_sought(entry, sought(attestation.as_deref()))) {
            let want = discover::referrer(source, &entry.digest, context.limits);
            if self.referrers.contains(&want) {
                continue;
            }
            if self.referrers.len() >= context.limits.referrers {
                return self.report(source, self.referrers.len(), Err(too_many_referrers(context.limits)));
            }
            self.referrers.push_back(want);
        }
    }

    /// What a referrer holds; other people's referrers are passed over.
    fn read_referrer(&mut self, manifest: &Want, answers: &[Answer], context: &Context<'_>) {
        let found = answers.iter().find(|answer| answer.want == *manifest).and_then(|answer| answer.result.as_ref().ok());
        let Some(blob) = found.and_then(|blobs| blobs.first()) else {
            let detail = "the list of referrers names this manifest, and it is not to be had";
            return self.report(manifest, 0, Err(Failure::new(Code::StoreUnavailable, detail)));
        };
        let attestation = self.attestation.clone();
        match discover::referrer_layers(blob.bytes(), self.format, sought(attestation.as_deref()), &self.subject) {
            Err(failure) => self.report(manifest, 0, Err(failure)),
            Ok(layers) => {
                let room = context.limits.signatures.saturating_sub(self.tried);
                if layers.len() > room {
                    self.report(manifest, room, Err(too_many_layers(layers.len(), context.limits)));
                }
                self.tried = self.tried.saturating_add(layers.len().min(room));
                layers.into_iter().take(room).for_each(|found| self.add(manifest, found, context));
            }
        }
    }

    /// A layer that is worth fetching; what can be refused without its blob is refused now.
    fn add(&mut self, manifest: &Want, (index, layer, form): Found, context: &Context<'_>) {
        let blob = discover::blob(manifest, &layer, form, context.limits);
        if layer.size > blob.max_bytes {
            return self.report(manifest, index, Err(blob_too_large(layer.size, blob.max_bytes)));
        }
        if form == Form::Payload
            && let Err(reason) = envelope::signature(&layer)
        {
            return self.report(manifest, index, Err(malformed(reason)));
        }
        self.candidates.push_back(Candidate { manifest: manifest.clone(), index, layer, form, blob });
    }
}

fn sought(attestation: Option<&Attestation>) -> Sought<'_> {
    attestation.map_or(Sought::Signature, Sought::Attestation)
}

/// Each want once.
fn fetch(mut wants: Vec<Want>) -> Step {
    wants.sort();
    wants.dedup();
    Step::Fetch(wants)
}

/// The blob of a layer, if it has the size that its descriptor says. One that is listed and not there is no absence of a
/// signature: there is one, and it cannot be read.
fn fetched<'a>(answers: &'a [Answer], want: &Want, layer: &Descriptor) -> Result<&'a Blob, Failure> {
    let digest = &layer.digest;
    let answer = answers.iter().find(|answer| answer.want == *want);
    let blob = answer.and_then(|answer| answer.result.as_ref().ok()).and_then(|blobs| blobs.first());
    let blob = blob.ok_or_else(|| {
        let error = answer.and_then(|answer| answer.result.as_ref().err());
        let code = error
            .filter(|error| error.kind != StoreErrorKind::NotFound)
            .map_or(Code::StoreUnavailable, |error| Code::of_store_error(error.kind));
        let reason = error.map_or_else(|| "there is no answer".to_owned(), ToString::to_string);
        Failure::new(code, format!("{digest} is not to be had: {reason}"))
    })?;
    match blob.bytes().len() as u64 {
        length if length == layer.size => Ok(blob),
        length => Err(malformed(format!("{digest} has {length} bytes, its descriptor says {}", layer.size))),
    }
}
