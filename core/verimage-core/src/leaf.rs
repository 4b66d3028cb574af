//! One leaf of a requirement tree while it is judged.

use std::sync::Arc;

use crate::code::{Code, CodeClass};
use crate::decision::Decision;
use crate::digest::Digest;
use crate::reference::ImageRef;
use crate::report::{Evidence, Failure, SignatureReport, Signer};
use crate::verifier::{Check, Context, Learned, Step, Subject, Verifier};
use crate::want::{Answer, StoreErrorKind, Want};

/// A leaf under way, or what became of it.
pub(crate) struct Leaf {
    pub(crate) pointer: String,
    pub(crate) verifier: Arc<dyn Verifier>,
    pub(crate) reference: ImageRef,
    /// The digest that is judged; unknown while the leaf itself finds it out.
    pub(crate) digest: Option<Digest>,
    /// The size of the manifest, if it was looked at.
    size: Option<u64>,
    /// Everything that was asked, for "where it looked".
    pub(crate) asked: Vec<Want>,
    all_evidence: bool,
    check: Option<Box<dyn Check>>,
    waiting: Vec<Want>,
    steps: usize,
    store_failure: Option<Failure>,
    result: Option<LeafResult>,
    learned: Option<Learned>,
}

pub(crate) struct LeafResult {
    pub(crate) decision: Decision,
    pub(crate) failure: Option<Failure>,
    pub(crate) reports: Vec<SignatureReport>,
}

impl Leaf {
    pub(crate) fn new(pointer: &str, verifier: &Arc<dyn Verifier>, subject: &Subject, all_evidence: bool) -> Self {
        Self {
            pointer: pointer.to_owned(),
            verifier: verifier.clone(),
            reference: subject.reference().clone(),
            digest: Some(subject.digest().clone()),
            size: subject.size(),
            asked: Vec::new(),
            all_evidence,
            check: Some(verifier.begin(subject)),
            waiting: Vec::new(),
            steps: 0,
            store_failure: None,
            result: None,
            learned: None,
        }
    }

    /// A leaf that has no digest to begin with.
    pub(crate) fn unbegun(pointer: &str, verifier: &Arc<dyn Verifier>, image: &ImageRef) -> Self {
        Self {
            pointer: pointer.to_owned(),
            verifier: verifier.clone(),
            reference: image.clone(),
            digest: None,
            size: None,
            asked: Vec::new(),
            all_evidence: false,
            check: None,
            waiting: Vec::new(),
            steps: 0,
            store_failure: None,
            result: None,
            learned: None,
        }
    }

    /// Lets the leaf find out the digest, if it can.
    pub(crate) fn begin_by_name(&mut self) {
        self.check = self.verifier.begin_by_name(&self.reference);
    }

    /// Ends a leaf that never began, because nobody found out the digest.
    pub(crate) fn end_unresolved(&mut self) {
        if self.result.is_none() {
            self.fail(Failure::new(Code::ImageNotFound, "nobody found out what the tag names"));
        }
    }

    /// This leaf, which has found its evidence, as one over a subject: evidence for another digest or size is none.
    pub(crate) fn over(&self, subject: &Subject) -> Self {
        let mut leaf = Self {
            digest: Some(subject.digest().clone()),
            size: subject.size(),
            pointer: self.pointer.clone(),
            verifier: self.verifier.clone(),
            reference: self.reference.clone(),
            asked: self.asked.clone(),
            all_evidence: self.all_evidence,
            check: None,
            waiting: Vec::new(),
            steps: self.steps,
            store_failure: self.store_failure.clone(),
            result: None,
            learned: None,
        };
        leaf.conclude(self.result.iter().flat_map(|result| result.reports.clone()).collect());
        leaf
    }

    /// What the leaf waits for; empty if it waits for nothing.
    pub(crate) fn waiting(&self) -> &[Want] {
        if self.check.is_some() { &self.waiting } else { &[] }
    }

    /// What is to be kept; once.
    pub(crate) fn take_learned(&mut self) -> Option<Learned> {
        self.learned.take()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.check.is_some()
    }

    pub(crate) fn result(&self) -> Option<&LeafResult> {
        self.result.as_ref()
    }

    pub(crate) fn decision(&self) -> Option<Decision> {
        self.result.as_ref().map(|result| result.decision)
    }

    pub(crate) fn signers(&self) -> impl Iterator<Item = &Signer> {
        self.evidence().map(|evidence| &evidence.signer)
    }

    /// Every signature that counts.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        let reports = self.result.iter().flat_map(|result| &result.reports);
        reports.filter_map(|report| report.outcome.as_ref().ok())
    }

    /// Stops the leaf: nothing that it could still find changes the decision.
    pub(crate) fn release(&mut self) {
        self.check = None;
    }

    /// Takes the next step with the answers to everything that the leaf waits for.
    pub(crate) fn advance(&mut self, answers: &[Answer], context: &Context<'_>) {
        self.note_store_failures(answers);
        let context = Context { all_evidence: context.all_evidence || self.all_evidence, ..*context };
        self.steps += 1;
        if self.steps > context.limits.rounds.saturating_add(1) {
            return self.fail(Failure::new(Code::LimitExceeded, format!("more than {} rounds of questions", context.limits.rounds)));
        }
        let Some(check) = &mut self.check else { return };
        match check.step(answers, &context) {
            Step::Fetch(wants) if !wants.is_empty() => {
                self.asked.extend(wants.iter().filter(|want| !self.asked.contains(want)).cloned().collect::<Vec<_>>());
                self.waiting = wants;
            }
            Step::Fetch(_) => self.conclude(Vec::new()),
            Step::Done(reports) => {
                self.learned = check.learned();
                self.conclude(reports);
            }
        }
    }

    /// Ends the leaf without an answer.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.store_failure = Some(failure);
        self.conclude(Vec::new());
    }

    /// An unreachable place is never "unsigned": whatever else is found wrong, the leaf stays inconclusive.
    fn note_store_failures(&mut self, answers: &[Answer]) {
        for answer in answers {
            let Err(error) = &answer.result else { continue };
            if error.kind == StoreErrorKind::NotFound {
                continue;
            }
            let code = Code::of_store_error(error.kind);
            let place = answer.want.describe(&self.reference);
            if self.store_failure.as_ref().is_none_or(|known| known.code.rank() < code.rank()) {
                self.store_failure = Some(Failure::new(code, format!("{place}: {error}")));
            }
        }
    }

    fn conclude(&mut self, mut reports: Vec<SignatureReport>) {
        self.check = None;
        if let Some(digest) = &self.digest {
            reports.iter_mut().for_each(|report| bind_subject(report, digest, self.size));
        }
        let failures = || reports.iter().filter_map(|report| report.outcome.as_ref().err()).chain(&self.store_failure);
        let (decision, failure) = if reports.iter().any(|report| report.outcome.is_ok()) {
            (Decision::Allow, None)
        } else if let Some(failure) = most_telling(failures().filter(|failure| failure.class() == CodeClass::Inconclusive)) {
            (Decision::Inconclusive, Some(failure))
        } else {
            (Decision::Deny, Some(most_telling(failures()).unwrap_or_else(|| self.nothing_found())))
        };
        self.result = Some(LeafResult { decision, failure, reports });
    }

    fn nothing_found(&self) -> Failure {
        let places: Vec<_> = self.asked.iter().map(|want| want.describe(&self.reference)).collect();
        let code = self.verifier.not_found();
        let sought = if code == Code::AttestationNotFound { "attestation" } else { "signature" };
        let words = match self.verifier.not_found_words() {
            Some(words) => format!("{words}: looked"),
            None => format!("no {} {sought}", self.verifier.name()),
        };
        Failure::new(code, format!("{words} at {}", places.join(", ")))
    }
}

/// Whoever judged, the evidence must name the digest that was asked about, and its size where it names one.
fn bind_subject(report: &mut SignatureReport, digest: &Digest, size: Option<u64>) {
    let Ok(evidence) = &report.outcome else { return };
    let mismatch = if evidence.subject != *digest {
        format!("the signature names {}, not {digest}", evidence.subject)
    } else if let (Some(size), Some(signed)) = (size, evidence.size)
        && size != signed
    {
        format!("the manifest has {size} bytes, and it was signed with {signed}")
    } else {
        return;
    };
    report.outcome = Err(Failure::new(Code::SubjectMismatch, mismatch));
}

/// The failure that was furthest on the way to a pass; of equals the first.
fn most_telling<'a>(failures: impl Iterator<Item = &'a Failure>) -> Option<Failure> {
    failures
        .fold(None, |best: Option<&Failure>, next| match best {
            Some(best) if best.code.rank() >= next.code.rank() => Some(best),
            _ => Some(next),
        })
        .cloned()
}
