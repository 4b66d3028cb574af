//! One rule on trial: its requirement tree over each manifest that could satisfy it.

use std::collections::BTreeSet;

use crate::code::Code;
use crate::decision::{Decision, evaluate, leaf_count};
use crate::digest::Digest;
use crate::leaf::Leaf;
use crate::manifest::Index;
use crate::platform::{Platform, runnable};
use crate::policy::{Distinct, Requirement, Rule, SubjectRule};
use crate::reference::ImageRef;
use crate::report::Failure;
use crate::session::{ManifestKind, Resolved};
use crate::verifier::{Context, Subject};

/// A rule under way. It is met if any of its candidates is.
pub(crate) struct Trial {
    candidates: Vec<Candidate>,
    /// A reason that keeps a candidate from being tried.
    failure: Option<(Decision, Failure)>,
}

/// A digest that the verdict may name. It is met if the tree is met for every one of its parts.
struct Candidate {
    digest: Digest,
    platform: Option<String>,
    is_index: Option<bool>,
    parts: Vec<Part>,
}

/// The requirement tree over one manifest.
struct Part {
    tree: Requirement,
    leaves: Vec<Leaf>,
    decision: Option<Decision>,
}

/// What a trial came to.
pub(crate) struct TrialResult<'a> {
    pub(crate) decision: Decision,
    pub(crate) failure: Option<Failure>,
    pub(crate) digest: Option<&'a Digest>,
    pub(crate) platform: Option<&'a str>,
    pub(crate) is_index: Option<bool>,
}

impl Trial {
    pub(crate) fn new(rule: &Rule, image: &ImageRef, resolved: &Resolved, platform: Option<&Platform>, context: &Context<'_>) -> Self {
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
            trial.candidates.push(Candidate::new(rule, image, &resolved.digest, std::slice::from_ref(&resolved.digest), is_index));
        }
        if let (Some(index), SubjectRule::Platform | SubjectRule::Either) = (index, rule.subject) {
            match platform {
                Some(platform) => trial.add_platform(rule, image, index, platform),
                None => trial.add_every_manifest(rule, image, &resolved.digest, index, context),
            }
        }
        trial
    }

    fn add_platform(&mut self, rule: &Rule, image: &ImageRef, index: &Index, platform: &Platform) {
        match platform.choose(index) {
            Some(entry) => {
                let mut candidate = Candidate::new(rule, image, &entry.digest, std::slice::from_ref(&entry.digest), Some(false));
                candidate.platform = Some(platform.to_string());
                self.candidates.push(candidate);
            }
            None => {
                self.failure =
                    Some((Decision::Inconclusive, Failure::new(Code::ImageNotFound, format!("the index has no image for {platform}"))))
            }
        }
    }

    fn add_every_manifest(&mut self, rule: &Rule, image: &ImageRef, digest: &Digest, index: &Index, context: &Context<'_>) {
        let manifests: Vec<Digest> = runnable(index).map(|entry| entry.digest.clone()).collect();
        let limit = context.limits.index_manifests;
        if manifests.len() > limit {
            let failure =
                Failure::new(Code::LimitExceeded, format!("the index has {} manifests, at most {limit} are judged", manifests.len()));
            self.failure = Some((Decision::Inconclusive, failure));
        } else if manifests.is_empty() {
            self.failure = Some((Decision::Deny, Failure::new(Code::SignatureNotFound, "the index names no image")));
        } else {
            self.candidates.push(Candidate::new(rule, image, digest, &manifests, Some(true)));
        }
    }

    pub(crate) fn open_leaves(&mut self) -> impl Iterator<Item = &mut Leaf> {
        self.leaves_mut().filter(|leaf| leaf.is_open())
    }

    pub(crate) fn leaves(&self) -> impl Iterator<Item = &Leaf> {
        self.candidates.iter().flat_map(|candidate| &candidate.parts).flat_map(|part| &part.leaves)
    }

    fn leaves_mut(&mut self) -> impl Iterator<Item = &mut Leaf> {
        self.candidates.iter_mut().flat_map(|candidate| &mut candidate.parts).flat_map(|part| &mut part.leaves)
    }

    /// Works out what is decided, and releases what can no longer matter.
    pub(crate) fn settle(&mut self, all_evidence: bool) {
        for candidate in &mut self.candidates {
            for part in &mut candidate.parts {
                part.decision = evaluate(&part.tree, &mut part.leaves, all_evidence).decision;
            }
            if candidate.decision().is_some() && !all_evidence {
                candidate.parts.iter_mut().flat_map(|part| &mut part.leaves).for_each(Leaf::release);
            }
        }
        if self.candidates.iter().any(|candidate| candidate.decision() == Some(Decision::Allow)) && !all_evidence {
            self.leaves_mut().for_each(Leaf::release);
        }
    }

    /// What came out; call it when nothing is open.
    pub(crate) fn result(&self) -> TrialResult<'_> {
        let chosen = self.candidates.iter().min_by_key(|candidate| candidate.decision().unwrap_or(Decision::Deny));
        let candidates = self.candidates.iter().map(|candidate| candidate.decision().unwrap_or(Decision::Deny));
        let decision = Decision::any(candidates.chain(self.failure.iter().map(|(decision, _)| *decision)));
        TrialResult {
            decision,
            failure: if decision == Decision::Allow { None } else { Some(self.most_telling(decision)) },
            digest: chosen.map(|candidate| &candidate.digest),
            platform: chosen.and_then(|candidate| candidate.platform.as_deref()),
            is_index: chosen.and_then(|candidate| candidate.is_index),
        }
    }

    /// Why not: a `deny` leaf, a threshold that came up short, or the leaf that came furthest.
    fn most_telling(&self, decision: Decision) -> Failure {
        let trees = self.candidates.iter().flat_map(|candidate| &candidate.parts).map(|part| &part.tree);
        let short = self.leaves().any(|leaf| leaf.decision() == Some(Decision::Allow));
        let mut chosen = if decision == Decision::Deny { trees.clone().find_map(denial) } else { None };
        if chosen.is_none() && decision == Decision::Deny && short {
            chosen = trees.clone().any(has_threshold).then(|| self.too_few_signers());
        }
        chosen.or_else(|| self.furthest(decision)).unwrap_or_else(|| self.too_few_signers())
    }

    fn furthest(&self, decision: Decision) -> Option<Failure> {
        let results = self.leaves().filter_map(|leaf| leaf.result()).filter(|result| result.decision == decision);
        let own = self.failure.iter().filter(|(own, _)| *own == decision).map(|(_, failure)| failure);
        let failures = results.filter_map(|result| result.failure.as_ref()).chain(own);
        failures.max_by_key(|failure| failure.code.rank()).cloned()
    }

    fn too_few_signers(&self) -> Failure {
        let signers: BTreeSet<_> = self.leaves().flat_map(Leaf::signers).map(|signer| signer.name()).collect();
        let found = if signers.is_empty() { "nobody".to_owned() } else { signers.into_iter().collect::<Vec<_>>().join(", ") };
        Failure::new(Code::ThresholdNotMet, format!("fewer distinct signers than the policy demands; signed by {found}"))
    }
}

impl Candidate {
    fn new(rule: &Rule, image: &ImageRef, digest: &Digest, manifests: &[Digest], is_index: Option<bool>) -> Self {
        let parts = manifests.iter().map(|manifest| Part::new(&rule.require, &Subject::new(image.clone(), manifest.clone()))).collect();
        Self { digest: digest.clone(), platform: None, is_index, parts }
    }

    fn decision(&self) -> Option<Decision> {
        if self.parts.iter().any(|part| part.decision == Some(Decision::Deny)) {
            return Some(Decision::Deny);
        }
        self.parts.iter().map(|part| part.decision).collect::<Option<Vec<_>>>().map(Decision::all)
    }
}

impl Part {
    fn new(tree: &Requirement, subject: &Subject) -> Self {
        let mut leaves = Vec::with_capacity(leaf_count(tree));
        plant(tree, subject, false, &mut leaves);
        Self { tree: tree.clone(), leaves, decision: None }
    }
}

/// Starts the leaves of a tree in its order. Below a threshold over signers a leaf looks for all of them.
fn plant(node: &Requirement, subject: &Subject, all_evidence: bool, leaves: &mut Vec<Leaf>) {
    match node {
        Requirement::Signed { pointer, verifier } => leaves.push(Leaf::new(pointer, verifier, subject, all_evidence)),
        Requirement::AllOf(of) | Requirement::AnyOf(of) => of.iter().for_each(|child| plant(child, subject, all_evidence, leaves)),
        Requirement::Threshold { distinct, of, .. } => {
            let all_evidence = all_evidence || *distinct == Distinct::Signer;
            of.iter().for_each(|child| plant(child, subject, all_evidence, leaves));
        }
        Requirement::InsecureAllow { .. } | Requirement::Deny { .. } => {}
    }
}

fn has_threshold(node: &Requirement) -> bool {
    match node {
        Requirement::Threshold { .. } => true,
        Requirement::AllOf(of) | Requirement::AnyOf(of) => of.iter().any(has_threshold),
        _ => false,
    }
}

/// The reason of a `deny` leaf that decides the tree on its own.
fn denial(node: &Requirement) -> Option<Failure> {
    match node {
        Requirement::Deny { reason, .. } => Some(Failure::new(Code::PolicyRejects, reason.clone())),
        Requirement::AllOf(of) => of.iter().find_map(denial),
        Requirement::AnyOf(of) => of.iter().map(denial).collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().next()),
        _ => None,
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
        denial(&self.require)
    }
}
