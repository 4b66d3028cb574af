//! The policy model: what a policy file says ([`document`]), and what the session runs ([`Policy`]).

mod anchor;
mod attestation;
mod compile;
mod condition;
pub mod document;
pub mod go;
mod index;
mod lint;
mod pattern;
mod scope;
mod signed_identity;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::code::Code;
use crate::digest::Digest;
use crate::reference::ImageRef;
use crate::verifier::Verifier;

use self::index::Index;

pub use anchor::{Anchor, AnchorCertificates, AnchorKey, AnchorOpenPgp, AnchorRoot, AnchorTransparencyLog, AnchorTufRoot};
pub use attestation::Attestation;
pub use compile::{Backend, Compiler, Definitions, LeafContext, Store, read_config};
pub use condition::Condition;
pub use document::{Apply, CertificateKind, Dialect, Distinct, Mode, PolicyDocument, Statements, SubjectRule, Unmatched};
pub use lint::{Lint, Remark};
pub use pattern::Pattern;
pub use scope::{Location, Scope, Specificity};
pub use signed_identity::{RemapIdentityDocument, SignedIdentity, SignedIdentityDocument};

/// A policy that is ready to judge: names resolved, patterns read, verifiers built. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) rules: Arc<[Rule]>,
    pub(crate) index: Arc<Index>,
    pub(crate) unmatched: Unmatched,
    pub(crate) source: Arc<str>,
    pub(crate) digest: Digest,
    pub(crate) material: anchor::Material,
}

impl Policy {
    /// Where the policy came from, for verdicts.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The digest of the policy text.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The digest over all trust material.
    pub fn material_digest(&self) -> &Digest {
        &self.material.digest
    }

    /// When the oldest trust material that is refreshed was made; nothing if none is.
    pub fn oldest_material(&self) -> Option<jiff::Timestamp> {
        self.material.oldest
    }

    /// The rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What happens to images that no rule matches.
    pub fn unmatched(&self) -> Unmatched {
        self.unmatched
    }

    /// Which rules judge an image: every matching `always` rule, and the most specific `select` rule; several of these, if
    /// they cannot be compared. Where unmatched images are denied, rules in audit mode that only apply always do not make an
    /// image matched: the list is then empty.
    ///
    /// # Errors
    /// The names of the rules that match equally well.
    pub fn select(&self, image: &ImageRef, location: &Location) -> Result<Vec<&Rule>, Ambiguous> {
        let selected = self.select_resolved(image, image, location)?;
        Ok(selected.into_iter().filter_map(|at| self.rules.get(at)).collect())
    }

    /// The same once the digest is known, as places in the policy: `known` is the image that was asked for, with it.
    pub(crate) fn select_resolved(&self, asked: &ImageRef, known: &ImageRef, location: &Location) -> Result<Vec<usize>, Ambiguous> {
        let mut applying: Vec<(usize, &Rule)> = Vec::new();
        let mut best: Vec<(Specificity, Vec<(usize, &Rule)>)> = Vec::new();
        for at in self.index.candidates(asked) {
            let Some(rule) = self.rules.get(at) else { continue };
            let Some(specificity) = rule.matches_resolved(asked, known, location) else { continue };
            if rule.apply == Apply::Always {
                applying.push((at, rule));
            } else {
                keep_best(&mut best, specificity, (at, rule));
            }
        }
        if let Some((_, tied)) = best.iter().find(|(_, tied)| tied.len() > 1) {
            return Err(Ambiguous { rules: tied.iter().map(|(_, rule)| rule.name.clone()).collect() });
        }
        if best.is_empty() && self.unmatched == Unmatched::Deny && applying.iter().all(|(_, rule)| rule.mode == Mode::Audit) {
            return Ok(Vec::new());
        }
        Ok(best.into_iter().flat_map(|(_, rules)| rules).chain(applying).map(|(at, _)| at).collect())
    }

    /// Whether a rule could match this image once its digest is known.
    pub(crate) fn has_digest_scope_for(&self, image: &ImageRef) -> bool {
        let scopes = |rule: &'_ Rule| rule.images.iter().chain(&rule.except).any(|scope| scope.matches_but_for_digest(image));
        self.index.candidates(image).into_iter().filter_map(|at| self.rules.get(at)).any(scopes)
    }
}

/// Adds a rule to the most specific ones so far, of which none is more specific than another, in groups of equals.
fn keep_best<T>(best: &mut Vec<(Specificity, Vec<T>)>, specificity: Specificity, rule: T) {
    if best.iter().any(|(other, _)| *other > specificity) {
        return;
    }
    best.retain(|(other, _)| other.partial_cmp(&specificity) != Some(Ordering::Less));
    match best.iter_mut().find(|(other, _)| *other == specificity) {
        Some((_, tied)) if specificity.last_wins() => *tied = vec![rule],
        Some((_, tied)) => tied.push(rule),
        None => best.push((specificity, vec![rule])),
    }
}

/// Rules that match an image equally well, so that none can win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguous {
    /// The names of the rules.
    pub rules: Vec<String>,
}

/// One rule, compiled.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(crate) name: String,
    pub(crate) images: Vec<Scope>,
    pub(crate) except: Vec<Scope>,
    pub(crate) apply: Apply,
    pub(crate) mode: Mode,
    pub(crate) subject: SubjectRule,
    pub(crate) require_digest: bool,
    pub(crate) require_present: bool,
    pub(crate) require: Requirement,
}

impl Rule {
    /// The rule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the rule takes part in selection or always applies.
    pub fn apply(&self) -> Apply {
        self.apply
    }

    /// Whether the rule blocks.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The patterns of the rule.
    pub fn images(&self) -> &[Scope] {
        &self.images
    }

    /// What must be proven.
    pub fn require(&self) -> &Requirement {
        &self.require
    }

    /// How narrowly the rule matches, if it does.
    pub fn matches(&self, image: &ImageRef, location: &Location) -> Option<Specificity> {
        self.matches_resolved(image, image, location)
    }

    /// The same once the digest is known. Patterns of other dialects have a digest hide the tag, so one that nobody asked
    /// for must not take the image out of a rule for its tag.
    fn matches_resolved(&self, asked: &ImageRef, known: &ImageRef, location: &Location) -> Option<Specificity> {
        let seen_by = |scope: &Scope| if scope.as_asked() { asked } else { known };
        if self.except.iter().any(|scope| scope.excepts(seen_by(scope), location)) {
            return None;
        }
        let matches = |scope: &&Scope| scope.matches(seen_by(scope), location) || scope.resolves_tags() && scope.matches(known, location);
        let matching = self.images.iter().filter(matches);
        matching.map(|scope| scope.specificity(seen_by(scope))).reduce(Specificity::or)
    }
}

/// What must be proven: a tree of leaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Requirement {
    /// Every child.
    AllOf(Vec<Requirement>),
    /// At least one child.
    AnyOf(Vec<Requirement>),
    /// At least `count` children, told apart as `distinct` says.
    Threshold {
        /// How many.
        count: usize,
        /// What must differ between them.
        distinct: Distinct,
        /// The children.
        of: Vec<Requirement>,
    },
    /// A signature.
    Signed {
        /// Where the leaf stands in the policy, as a JSON pointer.
        pointer: String,
        /// What judges it.
        verifier: Arc<dyn Verifier>,
        /// What the verdict says aloud about the leaf and its anchors.
        warnings: Vec<&'static str>,
    },
    /// Allowed without any proof.
    InsecureAllow {
        /// Where the leaf stands in the policy.
        pointer: String,
        /// Why.
        reason: String,
    },
    /// Forbidden whatever is signed.
    Deny {
        /// Where the leaf stands in the policy.
        pointer: String,
        /// Why.
        reason: String,
    },
}

/// Why a policy cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// `policy-invalid`, `policy-unsupported-field`, `policy-undefined-name` or `key-unsupported`; `store-unavailable`,
    /// `store-unauthorized` or `store-rate-limited` if a key could not be had from its place.
    pub code: Code,
    /// The place in the document as a JSON pointer; empty for the whole.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do, if more is to say than the message does.
    pub hint: Option<String>,
    /// The file, if the policy came from one.
    pub file: Option<String>,
    /// Line and column in the file, from 1.
    pub location: Option<(usize, usize)>,
}

impl PolicyError {
    /// An invalid place in the policy.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Code::PolicyInvalid, pointer, message)
    }

    /// Any of the load errors.
    pub fn new(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, pointer: pointer.into(), message: message.into(), hint: None, file: None, location: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)?;
        if !self.pointer.is_empty() {
            write!(formatter, " at {}", self.pointer)?;
        }
        match (&self.file, self.location) {
            (Some(file), Some((line, column))) => write!(formatter, " ({file}:{line}:{column})"),
            (Some(file), None) => write!(formatter, " ({file})"),
            (None, Some((line, column))) => write!(formatter, " (line {line}, column {column})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for PolicyError {}
