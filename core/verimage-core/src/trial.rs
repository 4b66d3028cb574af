//! One rule on trial: its requirement tree over each manifest that could satisfy it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::code::Code;
use crate::decision::{Decision, Outcome, evaluate, leaf_count};
use crate::digest::Digest;
use crate::leaf::Leaf;
use crate::manifest::{Descriptor, Index};
use crate::platform::{Platform, is_image, runnable};
use crate::policy::{Distinct, Mode, Requirement, Rule, SubjectRule};
use crate::reference::ImageRef;
use crate::report::{Failure, Signer};
use crate::session::{ManifestKind, Resolved};
use crate::verifier::{Context, Subject, Verifier};

/// A rule under way. It is met if any of its candidates is.
pub(crate) struct Trial {
    candidates: Vec<Candidate>,
    /// A reason that keeps a candidate from being tried.
    failure: Option<(Decision, Failure)>,
}

/// A digest that the verdict may name, if one is known. It is met if the tree is met for every one of its parts.
struct Candidate {
    digest: Option<Digest>,
    platform: Option<String>,
    is_index: Option<bool>,
    parts: Vec<Part>,
}

/// The requirement tree over one manifest.
struct Part {
    tree: Requirement,
    leaves: Vec<Leaf>,
    outcome: Outcome,
}

/// What a trial must know of its session.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) platform: Option<&'a Platform>,
    /// Leaves that found out the digest.
    pub(crate) named: &'a [Leaf],
    pub(crate) context: &'a Context<'a>,
}

/// What a trial came to.
pub(crate) struct TrialResult<'a> {
    pub(crate) decision: Decision,
    pub(crate) failure: Option<Failure>,
    /// Signers that suffice, and whether a signature of each was verified in full.
    pub(crate) signers: Vec<(&'a Signer, bool)>,
    pub(crate) digest: Option<&'a Digest>,
    pub(crate) platform: Option<&'a str>,
    pub(crate) is_index: Option<bool>,
}

impl Trial {
    pub(crate) fn new(rule: &Rule, image: &ImageRef, resolved: &Resolved, asker: Asker<'_>) -> Self {
        let mut trial = Self { candidates: Vec::new(), failure: None };
        if rule.denies(image) {
            return trial;
        }
        let index = match &resolved.manifest {
            Some(ManifestKind::Index(index)) => Some(index),
            _ => None,
        };
        if rule.subject != SubjectRule::Platform || index.is_none() {
            let is_index = resolved.manifest.as_ref().map(|manifest| matches!(manifest, ManifestKind::Index(_)));
            let content = (resolved.size, resolved.media_type.clone());
            let subject = Subject::new(image.clone(), resolved.digest.clone()).with_content(content.0, content.1);
            trial.candidates.push(Candidate::new(rule, &resolved.digest, &[subject], asker.named, is_index));
        }
        if let (Some(index), SubjectRule::Platform | SubjectRule::Either) = (index, rule.subject) {
            match asker.platform {
                Some(platform) => trial.add_platform(rule, image, index, platform, asker),
                None => trial.add_every_manifest(rule, image, &resolved.digest, index, asker),
            }
        }
        trial
    }

    /// A rule over an image whose digest is not known. The leaves of rules that block find it out, or nobody; those of
    /// other rules have no say in it.
    pub(crate) fn by_name(rule: &Rule, image: &ImageRef) -> Self {
        if rule.denies(image) {
            return Self { candidates: Vec::new(), failure: None };
        }
        let mut leaves = Vec::with_capacity(leaf_count(&rule.require));
        signed(&rule.require, &mut |pointer, verifier, _| leaves.push(Leaf::unbegun(pointer, verifier, image)));
        if rule.mode == Mode::Enforce {
            leaves.iter_mut().for_each(Leaf::begin_by_name);
        }
        let part = Part { tree: rule.require.clone(), leaves, outcome: Outcome::default() };
        Self { candidates: vec![Candidate { digest: None, platform: None, is_index: None, parts: vec![part] }], failure: None }
    }

    fn add_platform(&mut self, rule: &Rule, image: &ImageRef, index: &Index, platform: &Platform, asker: Asker<'_>) {
        let Some(entry) = platform.choose(index) else {
            self.failure =
                Some((Decision::Inconclusive, Failure::new(Code::ImageNotFound, format!("the index has no image for {platform}"))));
            return;
        };
        if is_image(entry) {
            let mut candidate = Candidate::new(rule, &entry.digest, &[subject(image, entry)], asker.named, Some(false));
            candidate.platform = Some(platform.to_string());
            self.candidates.push(candidate);
        } else {
            self.failure = Some((Decision::Deny, no_image(entry)));
        }
    }

    fn add_every_manifest(&mut self, rule: &Rule, image: &ImageRef, digest: &Digest, index: &Index, asker: Asker<'_>) {
        let manifests: BTreeMap<&Digest, &Descriptor> = runnable(index).map(|entry| (&entry.digest, entry)).collect();
        let limit = asker.context.limits.index_manifests;
        if let Some(entry) = runnable(index).find(|entry| !is_image(entry)) {
            self.failure = Some((Decision::Deny, no_image(entry)));
        } else if manifests.len() > limit {
            let detail = format!("the index has {} manifests, at most {limit} are judged", manifests.len());
            self.failure = Some((Decision::Inconclusive, Failure::new(Code::LimitExceeded, detail)));
        } else if manifests.is_empty() {
            self.failure = Some((Decision::Deny, Failure::new(Code::SignatureNotFound, "the index names no image")));
        } else {
            let subjects: Vec<Subject> = manifests.into_values().map(|entry| subject(image, entry)).collect();
            self.candidates.push(Candidate::new(rule, digest, &subjects, asker.named, Some(true)));
        }
    }

    pub(crate) fn open_leaves(&mut self) -> impl Iterator<Item = &mut Leaf> {
        self.leaves_mut().filter(|leaf| leaf.is_open())
    }

    /// Its leaves, when nothing else of it matters.
    pub(crate) fn into_leaves(self) -> impl Iterator<Item = Leaf> {
        self.candidates.into_iter().flat_map(|candidate| candidate.parts).flat_map(|part| part.leaves)
    }

    pub(crate) fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        self.candidates.iter().flat_map(|candidate| &candidate.parts).flat_map(|part| &part.leaves)
    }

    pub(crate) fn leaves_mut(&mut self) -> impl Iterator<Item = &mut Leaf> {
        self.candidates.iter_mut().flat_map(|candidate| &mut candidate.parts).flat_map(|part| &mut part.leaves)
    }

    /// Works out what is decided, and releases what can no longer matter. Where several rules judge, every candidate
    /// stays open, because they must agree on one.
    pub(crate) fn settle(&mut self, all_evidence: bool, alone: bool) {
        for candidate in &mut self.candidates {
            for part in &mut candidate.parts {
                part.outcome = evaluate(&part.tree, &mut part.leaves, all_evidence);
            }
            if candidate.decision().is_some() && !all_evidence {
                candidate.parts.iter_mut().flat_map(|part| &mut part.leaves).for_each(Leaf::release);
            }
        }
        if alone && !all_evidence && self.candidates.iter().any(|candidate| candidate.decision() == Some(Decision::Allow)) {
            self.leaves_mut().for_each(Leaf::release);
        }
    }

    /// The digests that this rule allows.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = &Digest> {
        self.candidates
            .iter()
            .filter(|candidate| candidate.decision() == Some(Decision::Allow))
            .filter_map(|candidate| candidate.digest.as_ref())
    }

    /// What came out, if possible for the digest `preferred`; call it when nothing is open.
    pub(crate) fn result(&self, preferred: Option<&Digest>) -> TrialResult<'_> {
        let is_preferred = |candidate: &&Candidate| candidate.closed() == Decision::Allow && candidate.digest.as_ref() == preferred;
        let chosen =
            self.candidates.iter().find(is_preferred).or_else(|| self.candidates.iter().min_by_key(|candidate| candidate.closed()));
        let candidates = self.candidates.iter().map(Candidate::closed);
        let decision = Decision::any(candidates.chain(self.failure.iter().map(|(decision, _)| *decision)));
        TrialResult {
            decision,
            failure: if decision == Decision::Allow { None } else { Some(self.most_telling(decision)) },
            signers: chosen.map(Candidate::signers).unwrap_or_default(),
            digest: chosen.and_then(|candidate| candidate.digest.as_ref()),
            platform: chosen.and_then(|candidate| candidate.platform.as_deref()),
            is_index: chosen.and_then(|candidate| candidate.is_index),
        }
    }

    fn most_telling(&self, decision: Decision) -> Failure {
        let parts = self.candidates.iter().flat_map(|candidate| &candidate.parts).filter(|part| part.outcome.decision == Some(decision));
        let own = self.failure.iter().filter(|(own, _)| *own == decision).map(|(_, failure)| failure);
        let failures = parts.filter_map(|part| part.outcome.failure.as_ref()).chain(own);
        let unknown = || Failure::new(Code::SignatureNotFound, "nothing was proven");
        failures.max_by_key(|failure| failure.code.rank()).cloned().unwrap_or_else(unknown)
    }
}

/// The manifest of an entry, with what the index says of it.
fn subject(image: &ImageRef, entry: &Descriptor) -> Subject {
    Subject::new(image.clone(), entry.digest.clone()).with_content(Some(entry.size), Some(entry.media_type.clone()))
}

fn no_image(entry: &Descriptor) -> Failure {
    let detail = format!("the index entry {} is a `{}`, not an image", entry.digest, entry.media_type.escape_debug());
    Failure::new(Code::PayloadMalformed, detail)
}

impl Candidate {
    fn new(rule: &Rule, digest: &Digest, subjects: &[Subject], named: &[Leaf], is_index: Option<bool>) -> Self {
        let parts = subjects.iter().map(|subject| Part::new(&rule.require, subject, named)).collect();
        Self { digest: Some(digest.clone()), platform: None, is_index, parts }
    }

    fn decision(&self) -> Option<Decision> {
        if self.parts.iter().any(|part| part.outcome.decision == Some(Decision::Deny)) {
            return Some(Decision::Deny);
        }
        self.parts.iter().map(|part| part.outcome.decision).collect::<Option<Vec<_>>>().map(Decision::all)
    }

    /// The decision when nothing is open any more.
    fn closed(&self) -> Decision {
        self.decision().unwrap_or(Decision::Deny)
    }

    /// Signers that suffice for this candidate.
    fn signers(&self) -> Vec<(&Signer, bool)> {
        self.parts.iter().flat_map(Part::signers).collect()
    }
}

impl Part {
    /// Leaves that found out the digest by themselves have found their evidence; the others start.
    fn new(tree: &Requirement, subject: &Subject, named: &[Leaf]) -> Self {
        let mut leaves = Vec::with_capacity(leaf_count(tree));
        signed(tree, &mut |pointer, verifier, all_evidence| {
            let done = named.iter().find(|leaf| leaf.pointer == pointer && leaf.result().is_some());
            leaves.push(done.map_or_else(|| Leaf::new(pointer, verifier, subject, all_evidence), |leaf| leaf.over(subject)));
        });
        Self { tree: tree.clone(), leaves, outcome: Outcome::default() }
    }

    /// Of the sets of signers that suffice the one with the fewest whose signatures were not verified in full.
    fn signers(&self) -> Vec<(&Signer, bool)> {
        let doubtful = |set: &&Vec<Signer>| set.iter().filter(|signer| !self.trusts(signer)).count();
        let chosen = self.outcome.alternatives.iter().min_by_key(doubtful);
        chosen.into_iter().flatten().map(|signer| (signer, self.trusts(signer))).collect()
    }

    fn trusts(&self, signer: &Signer) -> bool {
        self.leaves.iter().flat_map(Leaf::evidence).any(|evidence| evidence.trusted && evidence.signer == *signer)
    }
}

/// Calls `each` for the leaves of a tree in its order: pointer, verifier, and whether it looks for every signer, as leaves do
/// below a threshold over signers.
fn signed(node: &Requirement, each: &mut impl FnMut(&str, &Arc<dyn Verifier>, bool)) {
    walk(node, false, each);
}

fn walk(node: &Requirement, all_evidence: bool, each: &mut impl FnMut(&str, &Arc<dyn Verifier>, bool)) {
    match node {
        Requirement::Signed { pointer, verifier, .. } => each(pointer, verifier, all_evidence),
        Requirement::AllOf(of) | Requirement::AnyOf(of) => of.iter().for_each(|child| walk(child, all_evidence, each)),
        Requirement::Threshold { distinct, of, .. } => {
            let all_evidence = all_evidence || *distinct == Distinct::Signer;
            of.iter().for_each(|child| walk(child, all_evidence, each));
        }
        Requirement::InsecureAllow { .. } | Requirement::Deny { .. } => {}
    }
}

impl Requirement {
    /// Whether every way to satisfy this holds a leaf that finds out the digest by itself.
    pub(crate) fn names_digest(&self, image: &ImageRef) -> bool {
        match self {
            Self::Signed { verifier, .. } => verifier.begin_by_name(image).is_some(),
            Self::AllOf(of) => of.iter().any(|child| child.names_digest(image)),
            Self::AnyOf(of) => of.iter().all(|child| child.names_digest(image)),
            Self::Threshold { count, of, .. } => of.iter().filter(|child| !child.names_digest(image)).count() < *count,
            Self::InsecureAllow { .. } => false,
            Self::Deny { .. } => true,
        }
    }
}

impl Rule {
    /// Whether the rule forbids the image before anything is asked.
    pub(crate) fn denies(&self, image: &ImageRef) -> bool {
        self.denial(image).is_some()
    }

    pub(crate) fn denial(&self, image: &ImageRef) -> Option<Failure> {
        if self.require_digest && image.digest().is_none() {
            return Some(Failure::new(Code::PolicyRejects, "the rule demands a reference with a digest"));
        }
        match &self.require {
            Requirement::Deny { reason, .. } => Some(Failure::new(Code::PolicyRejects, reason.clone())),
            _ => None,
        }
    }
}
