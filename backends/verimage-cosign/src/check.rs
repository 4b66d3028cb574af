//! Judges the signatures of one image: manifests first, then their payloads, a batch at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use verimage_core::manifest::Descriptor;
use verimage_core::policy::Store;
use verimage_core::{
    Answer, Check, Code, Context, Digest, Evidence, Failure, ImageRef, SignatureReport, Signer, Step, Subject, Verifier, Want,
};
use verimage_crypto::{Algorithm, VerifyingKey};

use crate::config::{Reference, Transparency};
use crate::discover;
use crate::envelope::{self, Payload, SIMPLE_SIGNING_MEDIA_TYPE};
use crate::failure::{foreign_layer, log_missing, malformed, payload_too_large, too_many_layers};

/// How many payloads are fetched in one round.
const BATCH: usize = 64;

/// What one signature must fulfil, all of it.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) key: VerifyingKey,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) transparency: Transparency,
    pub(crate) reference: Reference,
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct CosignVerifier {
    stores: Vec<Store>,
    expectation: Arc<Expectation>,
}

impl CosignVerifier {
    pub(crate) fn new(stores: Vec<Store>, expectation: Expectation) -> Self {
        Self { stores, expectation: Arc::new(expectation) }
    }
}

impl Verifier for CosignVerifier {
    fn name(&self) -> &str {
        "cosign"
    }

    fn begin(&self, subject: &Subject) -> Box<dyn Check> {
        Box::new(CosignCheck {
            stores: self.stores.clone(),
            expectation: self.expectation.clone(),
            subject: subject.clone(),
            stage: Stage::Start,
            tried: 0,
            reports: Vec::new(),
        })
    }

    fn warnings(&self) -> Vec<&'static str> {
        match self.expectation.transparency {
            Transparency::None => vec!["log-not-required"],
            Transparency::Required => Vec::new(),
        }
    }
}

struct CosignCheck {
    stores: Vec<Store>,
    expectation: Arc<Expectation>,
    subject: Subject,
    stage: Stage,
    /// Signatures that were looked at, of all stores together.
    tried: usize,
    reports: Vec<SignatureReport>,
}

enum Stage {
    Start,
    Manifests,
    Payloads { under_way: Vec<Candidate>, waiting: VecDeque<Candidate> },
}

/// A layer that may hold a signature.
struct Candidate {
    manifest: Want,
    index: usize,
    layer: Descriptor,
    signature: Vec<u8>,
    payload: Want,
}

impl Check for CosignCheck {
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step {
        match std::mem::replace(&mut self.stage, Stage::Manifests) {
            Stage::Start => match discover::signature_manifests(&self.stores, &self.subject, context.limits) {
                Ok(wants) => Step::Fetch(wants),
                Err((place, failure)) => {
                    self.report(&place, 0, Err(failure));
                    self.done()
                }
            },
            Stage::Manifests => {
                let candidates = answers.iter().flat_map(|answer| self.read_candidates(answer, context)).collect();
                self.next_batch(candidates)
            }
            Stage::Payloads { under_way, waiting } => {
                for candidate in under_way {
                    let outcome = self.judge(&candidate, answers);
                    let passed = outcome.is_ok();
                    self.report(&candidate.manifest, candidate.index, outcome);
                    if passed && !context.all_evidence {
                        return self.done();
                    }
                }
                self.next_batch(waiting)
            }
        }
    }
}

impl CosignCheck {
    fn done(&mut self) -> Step {
        Step::Done(std::mem::take(&mut self.reports))
    }

    fn report(&mut self, manifest: &Want, index: usize, outcome: Result<Evidence, Failure>) {
        self.reports.push(SignatureReport::new("cosign", manifest.clone(), index, outcome));
    }

    fn next_batch(&mut self, mut candidates: VecDeque<Candidate>) -> Step {
        if candidates.is_empty() {
            return self.done();
        }
        let waiting = candidates.split_off(candidates.len().min(BATCH));
        let mut wants: Vec<Want> = candidates.iter().map(|candidate| candidate.payload.clone()).collect();
        wants.sort();
        wants.dedup();
        self.stage = Stage::Payloads { under_way: candidates.into(), waiting };
        Step::Fetch(wants)
    }

    /// The layers of one signature manifest that are worth a look; the others become reports at once.
    fn read_candidates(&mut self, answer: &Answer, context: &Context<'_>) -> Vec<Candidate> {
        let Some(blob) = answer.result.iter().flatten().next() else { return Vec::new() };
        let manifest = match discover::read_manifest(blob.bytes()) {
            Ok(manifest) => manifest,
            Err(failure) => {
                self.report(&answer.want, 0, Err(failure));
                return Vec::new();
            }
        };
        let limits = context.limits;
        let room = limits.signatures.saturating_sub(self.tried);
        if manifest.layers.len() > room {
            self.report(&answer.want, room, Err(too_many_layers(manifest.layers.len(), limits)));
        }
        self.tried = self.tried.saturating_add(manifest.layers.len().min(room));
        let mut candidates = Vec::new();
        for (index, layer) in manifest.layers.into_iter().take(room).enumerate() {
            match read_layer(&layer, context) {
                Err(failure) => self.report(&answer.want, index, Err(failure)),
                Ok(signature) => {
                    let payload = discover::payload(&answer.want, &layer.digest, limits);
                    candidates.push(Candidate { manifest: answer.want.clone(), index, layer, signature, payload });
                }
            }
        }
        candidates
    }

    fn judge(&self, candidate: &Candidate, answers: &[Answer]) -> Result<Evidence, Failure> {
        let answer = answers.iter().find(|answer| answer.want == candidate.payload);
        let blob = answer.and_then(|answer| answer.result.as_ref().ok()).and_then(|blobs| blobs.first());
        let blob = blob.ok_or_else(|| {
            let error = answer.and_then(|answer| answer.result.as_ref().err());
            let code = error.map_or(Code::StoreUnavailable, |error| Code::of_store_error(error.kind));
            let reason = error.map_or_else(|| "there is no answer".to_owned(), ToString::to_string);
            Failure::new(code, format!("the payload {} is not to be had: {reason}", candidate.layer.digest))
        })?;
        if blob.bytes().len() as u64 != candidate.layer.size {
            return Err(malformed(format!("the payload has {} bytes, its descriptor says {}", blob.bytes().len(), candidate.layer.size)));
        }
        self.expectation.judge(blob.bytes(), &candidate.signature, &self.subject)
    }
}

/// The signature of a layer that is worth fetching.
fn read_layer(layer: &Descriptor, context: &Context<'_>) -> Result<Vec<u8>, Failure> {
    if layer.media_type != SIMPLE_SIGNING_MEDIA_TYPE {
        return Err(foreign_layer(&layer.media_type));
    }
    if layer.size > context.limits.payload_bytes {
        return Err(payload_too_large(layer.size, context.limits));
    }
    envelope::signature(layer).map_err(malformed)
}

impl Expectation {
    /// All constraints on one signature. Nothing in the payload is believed before its bytes are verified.
    fn judge(&self, payload: &[u8], signature: &[u8], subject: &Subject) -> Result<Evidence, Failure> {
        self.check_signature(payload, signature)?;
        let payload = Payload::parse(payload).map_err(|error| malformed(format!("the payload is signed but not cosign's: {error}")))?;
        if payload.digest != *subject.digest() {
            return Err(Failure::new(Code::SubjectMismatch, format!("the signature is for {}, not {}", payload.digest, subject.digest())));
        }
        self.check_annotations(&payload)?;
        self.check_reference(&payload, subject)?;
        match self.transparency {
            Transparency::Required => Err(log_missing()),
            Transparency::None => Ok(self.evidence(payload)),
        }
    }

    fn check_signature(&self, payload: &[u8], signature: &[u8]) -> Result<(), Failure> {
        if self.algorithms.iter().any(|algorithm| self.key.verify(*algorithm, payload, signature).is_ok()) {
            return Ok(());
        }
        let fingerprint = self.key.public_key().fingerprint();
        Err(Failure::new(Code::SignatureInvalid, format!("the signature does not verify with the key {fingerprint}")))
    }

    /// cosign `verify -a`: every pair under `optional` of the same signature, compared as strings.
    fn check_annotations(&self, payload: &Payload) -> Result<(), Failure> {
        for (name, expected) in &self.annotations {
            match payload.optional.get(name) {
                Some(Value::String(found)) if found == expected => {}
                found => {
                    let found = found.map_or_else(|| "nothing".to_owned(), |value| format!("`{value}`"));
                    let detail = format!("the annotation `{name}` should be `{expected}`, found {found}");
                    return Err(Failure::new(Code::AnnotationMismatch, detail));
                }
            }
        }
        Ok(())
    }

    fn check_reference(&self, payload: &Payload, subject: &Subject) -> Result<(), Failure> {
        let image = subject.reference();
        let signed = ImageRef::parse(&payload.docker_reference);
        let same_name = signed.as_ref().is_ok_and(|signed| signed.repository() == image.repository());
        let fits = match self.reference {
            Reference::Off => true,
            Reference::Repository => same_name,
            Reference::Exact => same_name && signed.is_ok_and(|signed| names_the_same(&signed, subject)),
        };
        let detail = || format!("the signature is for `{}`, not `{image}`", payload.docker_reference.escape_debug());
        if fits { Ok(()) } else { Err(Failure::new(Code::ReferenceMismatch, detail())) }
    }

    fn evidence(&self, payload: Payload) -> Evidence {
        let Payload { digest, docker_reference, optional } = payload;
        let key = Digest::of_sha256(*self.key.public_key().fingerprint().as_bytes());
        let facts = optional.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((format!("optional.{name}"), text)),
            _ => None,
        });
        let evidence = Evidence::new(digest, Signer::key(key)).with_fact("docker-reference", docker_reference);
        facts.fold(evidence, |evidence, (name, value)| evidence.with_fact(&name, value))
    }
}

/// A digest in the signed name must be the one that is judged; without one, the tags must be equal.
fn names_the_same(signed: &ImageRef, subject: &Subject) -> bool {
    match signed.digest() {
        Some(digest) => digest == subject.digest(),
        None => signed.tag().is_some() && signed.tag() == subject.reference().tag(),
    }
}
