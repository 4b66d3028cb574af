//! Three-valued decisions over requirement trees.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::leaf::Leaf;
use crate::policy::{Distinct, Requirement};
use crate::report::{Failure, Signer};

/// The answer to "may this image run".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Proven.
    Allow,
    /// It could not be found out.
    Inconclusive,
    /// Not proven, or forbidden.
    Deny,
}

impl Decision {
    /// Deny over inconclusive over allow; nothing at all is a deny.
    pub(crate) fn all(decisions: impl IntoIterator<Item = Decision>) -> Decision {
        decisions.into_iter().max().unwrap_or(Decision::Deny)
    }

    /// Allow over inconclusive over deny; nothing at all is a deny.
    pub(crate) fn any(decisions: impl IntoIterator<Item = Decision>) -> Decision {
        decisions.into_iter().min().unwrap_or(Decision::Deny)
    }
}

/// What a node of the tree came to so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// `None` while it is open.
    pub(crate) decision: Option<Decision>,
    /// Why not; of the node's own children, the one that came furthest.
    pub(crate) failure: Option<Failure>,
    /// The sets of signers that can stand for this node, each sufficient on its own.
    pub(crate) alternatives: Vec<Vec<Signer>>,
    /// A leaf below is open still: a node that is decided may yet find other signers to stand for it.
    pub(crate) searching: bool,
}

/// Evaluates `node` over its leaves, which stand in `leaves` in the order of the tree, and releases the leaves that
/// can no longer change it.
pub(crate) fn evaluate(node: &Requirement, leaves: &mut [Leaf], all_evidence: bool) -> Outcome {
    let outcome = match node {
        Requirement::Signed { .. } => return leaves.first().map(leaf_outcome).unwrap_or_default(),
        Requirement::InsecureAllow { .. } => {
            Outcome { decision: Some(Decision::Allow), alternatives: vec![Vec::new()], ..Outcome::default() }
        }
        Requirement::Deny { reason, .. } => denied(Failure::new(Code::PolicyRejects, reason.clone())),
        Requirement::AllOf(children) => all_of(&children_of(children, leaves, all_evidence)),
        Requirement::AnyOf(children) => any_of(children_of(children, leaves, all_evidence)),
        Requirement::Threshold { count, distinct, of } => {
            let every_signer = all_evidence || *distinct == Distinct::Signer;
            threshold(*count, *distinct, &children_of(of, leaves, every_signer))
        }
    };
    if outcome.decision.is_some() && !all_evidence {
        leaves.iter_mut().for_each(Leaf::release);
    }
    outcome
}

/// How many leaves the node has.
pub(crate) fn leaf_count(node: &Requirement) -> usize {
    match node {
        Requirement::Signed { .. } => 1,
        Requirement::InsecureAllow { .. } | Requirement::Deny { .. } => 0,
        Requirement::AllOf(of) | Requirement::AnyOf(of) | Requirement::Threshold { of, .. } => of.iter().map(leaf_count).sum(),
    }
}

fn denied(failure: Failure) -> Outcome {
    Outcome { decision: Some(Decision::Deny), failure: Some(failure), ..Outcome::default() }
}

fn leaf_outcome(leaf: &Leaf) -> Outcome {
    let mut signers: Vec<Signer> = leaf.signers().cloned().collect();
    signers.sort();
    signers.dedup();
    let alternatives = signers.into_iter().take(MAX_ALTERNATIVES).map(|signer| vec![signer]).collect();
    let failure = leaf.result().and_then(|result| result.failure.clone());
    Outcome { decision: leaf.decision(), failure, alternatives, searching: leaf.is_open() }
}

fn children_of(children: &[Requirement], leaves: &mut [Leaf], all_evidence: bool) -> Vec<Outcome> {
    let mut rest = leaves;
    let mut outcomes = Vec::with_capacity(children.len());
    for child in children {
        let count = leaf_count(child).min(rest.len());
        let (own, others) = rest.split_at_mut(count);
        outcomes.push(evaluate(child, own, all_evidence));
        rest = others;
    }
    outcomes
}

fn all_of(children: &[Outcome]) -> Outcome {
    let decision = if children.iter().any(|child| child.decision == Some(Decision::Deny)) {
        Some(Decision::Deny)
    } else {
        children.iter().map(|child| child.decision).collect::<Option<Vec<_>>>().map(Decision::all)
    };
    let alternatives = children.iter().fold(vec![Vec::new()], |sets, child| combine(&sets, &child.alternatives));
    Outcome { decision, failure: furthest(children, decision), alternatives, searching: any_searching(children) }
}

fn any_of(children: Vec<Outcome>) -> Outcome {
    let decision = if children.iter().any(|child| child.decision == Some(Decision::Allow)) {
        Some(Decision::Allow)
    } else {
        children.iter().map(|child| child.decision).collect::<Option<Vec<_>>>().map(Decision::any)
    };
    let (failure, searching) = (furthest(&children, decision), any_searching(&children));
    let allowed = children.into_iter().filter(|child| child.decision == Some(Decision::Allow));
    Outcome { decision, failure, alternatives: bounded(allowed.flat_map(|child| child.alternatives)), searching }
}

fn any_searching(children: &[Outcome]) -> bool {
    children.iter().any(|child| child.searching)
}

fn threshold(count: usize, distinct: Distinct, children: &[Outcome]) -> Outcome {
    let number = |wanted: Option<Decision>| children.iter().filter(|child| child.decision == wanted).count();
    let allowed: Vec<&Outcome> = children.iter().filter(|child| child.decision == Some(Decision::Allow)).collect();
    let credited = Credits::of(&allowed, distinct, count);
    let (open, unknown) = (number(None), number(Some(Decision::Inconclusive)));
    let more_signers = distinct == Distinct::Signer && allowed.iter().any(|child| child.searching);
    let decision = if credited.most >= count {
        Some(Decision::Allow)
    } else if allowed.len() + unknown + open < count {
        Some(Decision::Deny)
    } else if open > 0 || more_signers {
        None
    } else if credited.most + unknown >= count {
        Some(Decision::Inconclusive)
    } else {
        Some(Decision::Deny)
    };
    let failure = match decision {
        Some(Decision::Deny) if !allowed.is_empty() => Some(too_few(count, &allowed)),
        _ => furthest(children, decision),
    };
    Outcome { decision, failure, alternatives: bounded(credited.sets.into_iter()), searching: any_searching(children) }
}

/// The failure of the children that share the node's decision; of equally telling ones the first.
fn furthest(children: &[Outcome], decision: Option<Decision>) -> Option<Failure> {
    let failures = children.iter().filter(|child| decision != Some(Decision::Allow) && child.decision == decision);
    failures.filter_map(|child| child.failure.as_ref()).rev().max_by_key(|failure| failure.code.rank()).cloned()
}

fn too_few(count: usize, allowed: &[&Outcome]) -> Failure {
    let mut names: Vec<&str> = allowed.iter().flat_map(|child| child.alternatives.iter().flatten()).map(Signer::name).collect();
    names.sort_unstable();
    names.dedup();
    Failure::new(Code::ThresholdNotMet, format!("{count} distinct signers are needed; signed by {}", names.join(", ")))
}

/// How many sets of signers are kept for one node; fewer sets can only lower a count.
const MAX_ALTERNATIVES: usize = 64;
/// How many combinations are tried for one threshold; fewer can only lower a count.
const MAX_COMBINATIONS: usize = 20_000;

fn combine(sets: &[Vec<Signer>], more: &[Vec<Signer>]) -> Vec<Vec<Signer>> {
    bounded(sets.iter().flat_map(|set| more.iter().map(move |other| set.iter().chain(other).cloned().collect())))
}

/// Each set once, the smaller first, at most [`MAX_ALTERNATIVES`] of the first [`MAX_COMBINATIONS`].
fn bounded(sets: impl Iterator<Item = Vec<Signer>>) -> Vec<Vec<Signer>> {
    let mut sets: Vec<Vec<Signer>> = sets
        .take(MAX_COMBINATIONS)
        .map(|mut set| {
            set.sort();
            set.dedup();
            set
        })
        .collect();
    sets.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    sets.dedup();
    sets.truncate(MAX_ALTERNATIVES);
    sets
}

/// How the children of a threshold can be credited to signers.
#[derive(Default)]
struct Credits {
    /// The largest number of children that no two signers share.
    most: usize,
    /// The sets of signers that make the threshold.
    sets: Vec<Vec<Signer>>,
}

impl Credits {
    fn of(children: &[&Outcome], distinct: Distinct, count: usize) -> Self {
        let mut search = Search { distinct, count, budget: MAX_COMBINATIONS, found: Self::default() };
        search.extend(children, &mut Vec::new(), 0);
        search.found
    }
}

struct Search {
    distinct: Distinct,
    count: usize,
    budget: usize,
    found: Credits,
}

impl Search {
    /// Tries every way to credit the remaining children, within the budget.
    fn extend<'a>(&mut self, children: &[&'a Outcome], taken: &mut Vec<&'a Signer>, credited: usize) {
        self.found.most = self.found.most.max(credited);
        if credited == self.count {
            self.found.sets.push(taken.iter().map(|signer| (*signer).clone()).collect());
            return;
        }
        let Some((child, rest)) = children.split_first() else { return };
        for set in &child.alternatives {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            if self.may_join(set, taken) {
                let before = taken.len();
                taken.extend(set);
                self.extend(rest, taken, credited + 1);
                taken.truncate(before);
            }
        }
        if credited + rest.len() >= self.count.min(self.found.most + 1) {
            self.extend(rest, taken, credited);
        }
    }

    /// Where overlap cannot be excluded, two count as one.
    fn may_join(&self, set: &[Signer], taken: &[&Signer]) -> bool {
        let clashes = || set.is_empty() || set.iter().any(|signer| taken.iter().any(|other| other.overlaps(signer)));
        self.distinct == Distinct::Entry || !clashes()
    }
}
