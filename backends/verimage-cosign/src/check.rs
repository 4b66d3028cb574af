//! Judges the signatures of one image: what each store has, then a batch of it at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use verimage_core::manifest::Descriptor;
use verimage_core::policy::Store;
use verimage_core::{
    Answer, Blob, Check, Code, Context, Digest, Evidence, Failure, SignatureReport, Step, StoreErrorKind, Subject, Verifier, Want, What,
};

use crate::config::{Format, Transparency};
use crate::discover;
use crate::envelope::{self, SIMPLE_SIGNING_MEDIA_TYPE};
use crate::expectation::Expectation;
use crate::failure::{envelope_too_large, foreign_layer, malformed, payload_too_large, too_many_layers, too_many_referrers};

/// How many things are fetched in one round.
const BATCH: usize = 64;

#[derive(Debug)]
pub(crate) struct CosignVerifier {
    stores: Vec<Store>,
    format: Format,
    expectation: Arc<Expectation>,
}

impl CosignVerifier {
    pub(crate) fn new(stores: Vec<Store>, format: Format, expectation: Expectation) -> Self {
        Self { stores, format, expectation: Arc::new(expectation) }
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
            expectation: self.expectation.clone(),
            subject: subject.clone(),
            stage: Stage::Start,
            layers: VecDeque::new(),
            referrers: VecDeque::new(),
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
    format: Format,
    expectation: Arc<Expectation>,
    subject: Subject,
    stage: Stage,
    /// Layers of signature manifests, not yet judged.
    layers: VecDeque<Layer>,
    /// Referrers whose manifests were not looked at.
    referrers: VecDeque<Want>,
    /// Signatures that were looked at, of all stores together.
    tried: usize,
    reports: Vec<SignatureReport>,
}

/// What the next answers belong to.
enum Stage {
    Start,
    Stores,
    Layers(Vec<Layer>),
    Referrers(Vec<Want>),
    Bundles(Vec<BundleBlob>),
}

/// A layer that may hold a signature.
struct Layer {
    manifest: Want,
    index: usize,
    digest: Digest,
    size: u64,
    signature: Vec<u8>,
    payload: Want,
}

/// A referrer that holds a bundle.
struct BundleBlob {
    manifest: Want,
    size: u64,
    blob: Want,
}

impl Check for CosignCheck {
    fn step(&mut self, answers: &[Answer], context: &Context<'_>) -> Step {
        match std::mem::replace(&mut self.stage, Stage::Start) {
            Stage::Start => return self.first(context),
            Stage::Stores => answers.iter().for_each(|answer| self.read_store(answer, context)),
            Stage::Layers(layers) => {
                for layer in layers {
                    let outcome = fetched(answers, &layer.payload, &layer.digest, layer.size)
                        .and_then(|blob| self.expectation.judge_payload(blob.bytes(), &layer.signature, &self.subject));
                    self.report(&layer.manifest, layer.index, outcome);
                }
            }
            Stage::Referrers(manifests) => {
                let bundles: Vec<_> = manifests.iter().filter_map(|manifest| self.read_referrer(manifest, answers, context)).collect();
                if !bundles.is_empty() {
                    let wants = bundles.iter().map(|bundle| bundle.blob.clone()).collect();
                    self.stage = Stage::Bundles(bundles);
                    return fetch(wants);
                }
            }
            Stage::Bundles(bundles) => {
                for BundleBlob { manifest, size, blob } in bundles {
                    let What::Blob(digest) = &blob.what else { continue };
                    let outcome =
                        fetched(answers, &blob, digest, size).and_then(|found| self.expectation.judge_bundle(found.bytes(), &self.subject));
                    self.report(&manifest, 0, outcome);
                }
            }
        }
        self.next(context)
    }
}

impl CosignCheck {
    fn first(&mut self, context: &Context<'_>) -> Step {
        match discover::first_wants(&self.stores, self.format, &self.subject, context.limits) {
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

    /// Payloads before referrers: whoever signed in the older form needs no further questions.
    fn next(&mut self, context: &Context<'_>) -> Step {
        if !context.all_evidence && self.reports.iter().any(|report| report.outcome.is_ok()) {
            return self.done();
        }
        if !self.layers.is_empty() {
            let batch: Vec<Layer> = self.layers.drain(..self.layers.len().min(BATCH)).collect();
            let wants = batch.iter().map(|layer| layer.payload.clone()).collect();
            self.stage = Stage::Layers(batch);
            return fetch(wants);
        }
        if !self.referrers.is_empty() {
            let batch: Vec<Want> = self.referrers.drain(..self.referrers.len().min(BATCH)).collect();
            self.stage = Stage::Referrers(batch.clone());
            return fetch(batch);
        }
        self.done()
    }

    fn done(&mut self) -> Step {
        Step::Done(std::mem::take(&mut self.reports))
    }

    fn report(&mut self, source: &Want, index: usize, outcome: Result<Evidence, Failure>) {
        self.reports.push(SignatureReport::new("cosign", source.clone(), index, outcome));
    }

    fn read_store(&mut self, answer: &Answer, context: &Context<'_>) {
        for blob in answer.result.iter().flatten() {
            match &answer.want.what {
                What::Referrers { .. } => self.read_page(&answer.want, blob, context),
                _ => self.read_layers(&answer.want, blob, context),
            }
        }
    }

    /// The layers of one signature manifest that are worth a look; the others become reports at once.
    fn read_layers(&mut self, source: &Want, blob: &Blob, context: &Context<'_>) {
        let limits = context.limits;
        let manifest = match discover::read_manifest(blob.bytes()) {
            Ok(manifest) => manifest,
            Err(failure) => return self.report(source, 0, Err(failure)),
        };
        let room = limits.signatures.saturating_sub(self.tried);
        if manifest.layers.len() > room {
            self.report(source, room, Err(too_many_layers(manifest.layers.len(), limits)));
        }
        self.tried = self.tried.saturating_add(manifest.layers.len().min(room));
        for (index, layer) in manifest.layers.into_iter().take(room).enumerate() {
            match read_signature(&layer, context) {
                Err(failure) => self.report(source, index, Err(failure)),
                Ok(signature) => {
                    let payload = discover::payload(source, &layer.digest, limits);
                    self.layers.push_back(Layer {
                        manifest: source.clone(),
                        index,
                        digest: layer.digest,
                        size: layer.size,
                        signature,
                        payload,
                    });
                }
            }
        }
    }

    /// The referrers of one page that may be signatures.
    fn read_page(&mut self, source: &Want, blob: &Blob, context: &Context<'_>) {
        let page = match discover::read_page(blob.bytes()) {
            Ok(page) => page,
            Err(failure) => return self.report(source, 0, Err(failure)),
        };
        for entry in page.manifests.iter().filter(|entry| discover::may_be_signature(entry)) {
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

    /// The bundle of a referrer; other people's referrers are passed over.
    fn read_referrer(&mut self, manifest: &Want, answers: &[Answer], context: &Context<'_>) -> Option<BundleBlob> {
        let found = answers.iter().find(|answer| answer.want == *manifest).and_then(|answer| answer.result.as_ref().ok());
        let Some(blob) = found.and_then(|blobs| blobs.first()) else {
            let detail = "the list of referrers names this manifest, and it is not to be had";
            self.report(manifest, 0, Err(Failure::new(Code::StoreUnavailable, detail)));
            return None;
        };
        let layer = match discover::read_manifest(blob.bytes()).and_then(|manifest| discover::bundle_layer(manifest, &self.subject)) {
            Ok(layer) => layer?,
            Err(failure) => {
                self.report(manifest, 0, Err(failure));
                return None;
            }
        };
        if layer.size > context.limits.envelope_bytes {
            self.report(manifest, 0, Err(envelope_too_large(layer.size, context.limits)));
            return None;
        }
        Some(BundleBlob { manifest: manifest.clone(), size: layer.size, blob: discover::bundle(manifest, &layer.digest, context.limits) })
    }
}

/// Each want once.
fn fetch(mut wants: Vec<Want>) -> Step {
    wants.sort();
    wants.dedup();
    Step::Fetch(wants)
}

/// The blob of a layer, if it has the size that its descriptor says. One that is listed and not there is no absence of a
/// signature: there is one, and it cannot be read.
fn fetched<'a>(answers: &'a [Answer], want: &Want, digest: &Digest, size: u64) -> Result<&'a Blob, Failure> {
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
        length if length == size => Ok(blob),
        length => Err(malformed(format!("{digest} has {length} bytes, its descriptor says {size}"))),
    }
}

/// The signature of a layer that is worth fetching.
fn read_signature(layer: &Descriptor, context: &Context<'_>) -> Result<Vec<u8>, Failure> {
    if layer.media_type != SIMPLE_SIGNING_MEDIA_TYPE {
        return Err(foreign_layer(&layer.media_type));
    }
    if layer.size > context.limits.payload_bytes {
        return Err(payload_too_large(layer.size, context.limits));
    }
    envelope::signature(layer).map_err(malformed)
}
