//! Three-valued decisions over requirement trees.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::leaf::Leaf;
use crate::policy::{Distinct, Requirement};
use crate::report::Signer;

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
pub(crate) struct Outcome {
    pub(crate) decision: Option<Decision>,
    /// The sets of signers that can stand for this node, each sufficient on its own.
    alternatives: Vec<Vec<Signer>>,
}

/// Evaluates `node` over its leaves, which stand in `leaves` in the order of the tree, and releases the leaves that
/// can no longer change it.
pub(crate) fn evaluate(node: &Requirement, leaves: &mut [Leaf], all_evidence: bool) -> Outcome {
    let outcome = match node {
        Requirement::Signed { .. } => return leaf_outcome(leaves),
        Requirement::InsecureAllow { .. } => Outcome { decision: Some(Decision::Allow), alternatives: vec![Vec::new()] },
        Requirement::Deny { .. } => Outcome { decision: Some(Decision::Deny), alternatives: Vec::new() },
        Requirement::AllOf(children) => all_of(&children_of(children, leaves, all_evidence)),
        Requirement::AnyOf(children) => any_of(children_of(children, leaves, all_evidence)),
        Requirement::Threshold { count, distinct, of } => threshold(*count, *distinct, &children_of(of, leaves, all_evidence)),
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

fn leaf_outcome(leaves: &[Leaf]) -> Outcome {
    let Some(leaf) = leaves.first() else { return Outcome { decision: Some(Decision::Deny), alternatives: Vec::new() } };
    Outcome { decision: leaf.decision(), alternatives: leaf.signers().map(|signer| vec![signer.clone()]).collect() }
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
    Outcome { decision, alternatives: children.iter().fold(vec![Vec::new()], |sets, child| combine(&sets, &child.alternatives)) }
}

fn any_of(children: Vec<Outcome>) -> Outcome {
    let decision = if children.iter().any(|child| child.decision == Some(Decision::Allow)) {
        Some(Decision::Allow)
    } else {
        children.iter().map(|child| child.decision).collect::<Option<Vec<_>>>().map(Decision::any)
    };
    let allowed = children.into_iter().filter(|child| child.decision == Some(Decision::Allow));
    Outcome { decision, alternatives: allowed.flat_map(|child| child.alternatives).take(MAX_ALTERNATIVES).collect() }
}

fn threshold(count: usize, distinct: Distinct, children: &[Outcome]) -> Outcome {
    let number = |wanted: Option<Decision>| children.iter().filter(|child| child.decision == wanted).count();
    let allowed: Vec<&Outcome> = children.iter().filter(|child| child.decision == Some(Decision::Allow)).collect();
    let allows = match distinct {
        Distinct::Entry => allowed.len(),
        Distinct::Signer => distinct_signers(&allowed),
    };
    let (open, unknown) = (number(None), number(Some(Decision::Inconclusive)));
    let decision = if allows >= count {
        Some(Decision::Allow)
    } else if allowed.len() + unknown + open < count {
        Some(Decision::Deny)
    } else if open > 0 {
        None
    } else if allows + unknown >= count {
        Some(Decision::Inconclusive)
    } else {
        Some(Decision::Deny)
    };
    let everyone = allowed.iter().flat_map(|child| child.alternatives.iter().flatten()).cloned().collect();
    Outcome { decision, alternatives: vec![everyone] }
}

/// How many sets of signers are kept for one node; fewer sets can only lower a count.
const MAX_ALTERNATIVES: usize = 64;
/// How many combinations are tried for one threshold; fewer can only lower a count.
const MAX_COMBINATIONS: usize = 10_000;

fn combine(sets: &[Vec<Signer>], more: &[Vec<Signer>]) -> Vec<Vec<Signer>> {
    let pairs = sets.iter().flat_map(|set| more.iter().map(move |other| set.iter().chain(other).cloned().collect()));
    pairs.take(MAX_ALTERNATIVES).collect()
}

/// The largest number of children that can be credited to signers of whom no two may be the same.
fn distinct_signers(children: &[&Outcome]) -> usize {
    let mut budget = MAX_COMBINATIONS;
    most_distinct(children, &mut Vec::new(), &mut budget)
}

fn most_distinct<'a>(children: &[&'a Outcome], taken: &mut Vec<&'a Signer>, budget: &mut usize) -> usize {
    let Some((child, rest)) = children.split_first() else { return 0 };
    let mut best = 0;
    for set in &child.alternatives {
        if *budget == 0 {
            break;
        }
        *budget -= 1;
        let clashes = set.is_empty() || set.iter().any(|signer| taken.iter().any(|other| other.overlaps(signer)));
        if !clashes {
            let before = taken.len();
            taken.extend(set);
            best = best.max(1 + most_distinct(rest, taken, budget));
            taken.truncate(before);
        }
        if best == children.len() {
            return best;
        }
    }
    best.max(most_distinct(rest, taken, budget))
}
