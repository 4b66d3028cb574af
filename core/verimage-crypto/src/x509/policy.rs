//! Certificate policies (RFC 5280, section 6.1, with the graph of RFC 9618 in place of the tree, which can be made to grow
//! without bound).

use const_oid::ObjectIdentifier;

use super::{Certificate, PathFault, oid::ANY_POLICY};

/// What a caller asks of certificate policies (RFC 5280, section 6.1.1).
///
/// The default asks nothing: policies count only if a certificate in the path says that they do.
#[derive(Clone, Debug, Default)]
pub struct PolicyRules {
    acceptable: Option<Vec<ObjectIdentifier>>,
    explicit: bool,
    without_mapping: bool,
    without_any: bool,
}

impl PolicyRules {
    /// Policies of which one must hold, where a policy must hold at all.
    #[must_use]
    pub fn acceptable(self, policies: Vec<ObjectIdentifier>) -> Self {
        let acceptable = if policies.contains(&ANY_POLICY) { None } else { Some(policies) };
        Self { acceptable, ..self }
    }

    /// A policy must hold for the whole path.
    #[must_use]
    pub fn require_explicit(self) -> Self {
        Self { explicit: true, ..self }
    }

    /// No policy is mapped to another.
    #[must_use]
    pub fn inhibit_mapping(self) -> Self {
        Self { without_mapping: true, ..self }
    }

    /// `anyPolicy` in a certificate stands for nothing.
    #[must_use]
    pub fn inhibit_any(self) -> Self {
        Self { without_any: true, ..self }
    }

    /// Checks a path, the last certificate first and without the anchor.
    pub(super) fn check<'a>(&self, path: &[&'a Certificate]) -> Result<(), (&'a Certificate, PathFault)> {
        let mut state = State::new(self, path.len());
        let mut remaining = path.len();
        for certificate in path.iter().rev() {
            remaining = remaining.saturating_sub(1);
            let is_last = remaining == 0;
            let good = state.take(certificate, is_last) && (is_last || state.prepare(certificate));
            if !good {
                return Err((certificate, PathFault::Policy));
            }
        }
        match path.first() {
            Some(last) if !state.wrap_up(last, self.acceptable.as_deref()) => Err((last, PathFault::Policy)),
            _ => Ok(()),
        }
    }
}

/// A policy at one depth of the graph.
#[derive(Clone, Debug)]
struct Node {
    policy: ObjectIdentifier,
    expected: Vec<ObjectIdentifier>,
    /// Positions in the level above.
    parents: Vec<usize>,
}

/// The state variables of section 6.1.2. The graph is empty when no policy holds any more.
struct State {
    levels: Vec<Vec<Node>>,
    explicit: u64,
    mapping: u64,
    any: u64,
}

impl State {
    fn new(rules: &PolicyRules, length: usize) -> Self {
        let never = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(1);
        let counter = |now: bool| if now { 0 } else { never };
        Self {
            levels: vec![vec![Node { policy: ANY_POLICY, expected: vec![ANY_POLICY], parents: Vec::new() }]],
            explicit: counter(rules.explicit),
            mapping: counter(rules.without_mapping),
            any: counter(rules.without_any),
        }
    }

    /// Section 6.1.3, steps d to f.
    fn take(&mut self, certificate: &Certificate, is_last: bool) -> bool {
        match (&certificate.policies().asserted, self.levels.last()) {
            (Some(asserted), Some(above)) => {
                let any_counts = self.any > 0 || (!is_last && certificate.is_self_issued());
                let level = next_level(above, asserted, any_counts);
                self.levels.push(level);
                self.prune();
            }
            _ => self.levels.clear(),
        }
        self.explicit > 0 || self.holds()
    }

    /// Section 6.1.4, steps a, b and h to j.
    fn prepare(&mut self, certificate: &Certificate) -> bool {
        let policies = certificate.policies();
        if policies.mappings.iter().any(|(issuer, subject)| *issuer == ANY_POLICY || *subject == ANY_POLICY) {
            return false;
        }
        self.map(&policies.mappings);
        if !certificate.is_self_issued() {
            self.explicit = self.explicit.saturating_sub(1);
            self.mapping = self.mapping.saturating_sub(1);
            self.any = self.any.saturating_sub(1);
        }
        let lower = |counter: u64, limit: Option<u64>| limit.map_or(counter, |limit| counter.min(limit));
        self.explicit = lower(self.explicit, policies.require_explicit);
        self.mapping = lower(self.mapping, policies.inhibit_mapping);
        self.any = lower(self.any, policies.inhibit_any);
        true
    }

    /// Section 6.1.4, step b.
    fn map(&mut self, mappings: &[(ObjectIdentifier, ObjectIdentifier)]) {
        let may_map = self.mapping > 0;
        let Some(mut level) = self.levels.pop() else { return };
        let any_parents = level.iter().find(|node| node.policy == ANY_POLICY).map(|node| node.parents.clone());
        for (issuer, _) in mappings {
            let expected = mappings.iter().filter(|(from, _)| from == issuer).map(|(_, to)| *to).collect();
            let known = level.iter_mut().find(|node| node.policy == *issuer);
            match (may_map, known, &any_parents) {
                (true, Some(node), _) => node.expected = expected,
                (true, None, Some(parents)) => level.push(Node { policy: *issuer, expected, parents: parents.clone() }),
                (true, None, None) => {}
                (false, ..) => level.retain(|node| node.policy != *issuer),
            }
        }
        self.levels.push(level);
        self.prune();
    }

    /// Section 6.1.5, steps a, b and g.
    fn wrap_up(&mut self, last: &Certificate, acceptable: Option<&[ObjectIdentifier]>) -> bool {
        let required = last.policies().require_explicit == Some(0);
        let explicit = if required { 0 } else { self.explicit.saturating_sub(1) };
        let holding = self.authority_constrained();
        let any_of = |wanted: &[ObjectIdentifier]| wanted.iter().any(|policy| holding.contains(policy) || holding.contains(&ANY_POLICY));
        explicit > 0 || acceptable.map_or(!holding.is_empty(), any_of)
    }

    /// The policies of the first authority's that hold down to the last certificate.
    fn authority_constrained(&self) -> Vec<ObjectIdentifier> {
        let mut found = Vec::new();
        for pair in self.levels.windows(2) {
            let [above, level] = pair else { continue };
            let from_any = |node: &&Node| node.parents.iter().any(|at| above.get(*at).is_some_and(|parent| parent.policy == ANY_POLICY));
            found.extend(level.iter().filter(|node| node.policy != ANY_POLICY).filter(from_any).map(|node| node.policy));
        }
        let any_at_the_end = self.levels.last().is_some_and(|level| level.iter().any(|node| node.policy == ANY_POLICY));
        found.extend(any_at_the_end.then_some(ANY_POLICY));
        found
    }

    fn holds(&self) -> bool {
        self.levels.last().is_some_and(|level| !level.is_empty())
    }

    /// Drops nodes without children, from below; a level without nodes empties the graph.
    fn prune(&mut self) {
        let depth = self.levels.len();
        for at in (0..depth.saturating_sub(1)).rev() {
            let Some((above, below)) = self.levels.split_at_mut_checked(at.saturating_add(1)) else { return };
            if let (Some(level), Some(children)) = (above.last_mut(), below.first_mut()) {
                drop_childless(level, children);
            }
        }
        if self.levels.iter().any(Vec::is_empty) {
            self.levels.clear();
        }
    }
}

fn drop_childless(level: &mut Vec<Node>, children: &mut [Node]) {
    let used: Vec<bool> = (0..level.len()).map(|at| children.iter().any(|child| child.parents.contains(&at))).collect();
    let is_used = |at: usize| used.get(at).copied().unwrap_or(false);
    let moved = |at: usize| (0..at).filter(|before| is_used(*before)).count();
    for child in children {
        child.parents.iter_mut().for_each(|at| *at = moved(*at));
    }
    let mut at = 0_usize;
    level.retain(|_| {
        at = at.saturating_add(1);
        is_used(at.saturating_sub(1))
    });
}

/// Section 6.1.3, step d, sub-steps 1 and 2.
fn next_level(above: &[Node], asserted: &[ObjectIdentifier], any_counts: bool) -> Vec<Node> {
    let expecting = |policy: ObjectIdentifier| positions(above, |node| node.expected.contains(&policy));
    let any = positions(above, |node| node.policy == ANY_POLICY);
    let mut level = Vec::new();
    for policy in asserted.iter().filter(|policy| **policy != ANY_POLICY) {
        let matching = expecting(*policy);
        add(&mut level, *policy, if matching.is_empty() { any.clone() } else { matching });
    }
    if any_counts && asserted.contains(&ANY_POLICY) {
        for policy in above.iter().flat_map(|node| &node.expected) {
            if level.iter().all(|node| node.policy != *policy) {
                add(&mut level, *policy, expecting(*policy));
            }
        }
    }
    level
}

fn add(level: &mut Vec<Node>, policy: ObjectIdentifier, parents: Vec<usize>) {
    if !parents.is_empty() {
        level.push(Node { policy, expected: vec![policy], parents });
    }
}

fn positions(level: &[Node], wanted: impl Fn(&Node) -> bool) -> Vec<usize> {
    level.iter().enumerate().filter(|(_, node)| wanted(node)).map(|(at, _)| at).collect()
}
