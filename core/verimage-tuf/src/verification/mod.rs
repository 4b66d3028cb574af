//! One verification: says which files it needs, is handed them, and ends with an outcome.

mod chain;
mod delegation;
mod files;
mod lookup;
mod root;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use verimage_crypto::{CryptoSet, PublicKey};

use self::{
    chain::{Verified, internal},
    delegation::Delegated,
    files::{Files, Stop},
    root::{Candidate, Examined},
};
use crate::{
    DelegationName, Gun, RoleFile, RoleName,
    document::{Root, Snapshot, Targets, TimestampRole},
    failure::{Failure, Fault},
    limits::Limits,
    outcome::{Answer, CachedRoles, Evidence, Outcome, Step, Warning},
    pins::Pins,
    rule::{TargetRule, Wanted},
    state::{StateError, TrustState, note_keys},
};

/// What is expected of a collection: its name, whom to trust for it, which roles must hold a target, and within which bounds.
#[derive(Clone, Debug)]
pub struct Expectation {
    gun: Gun,
    pins: Pins,
    rule: TargetRule,
    crypto: CryptoSet,
    limits: Limits,
    clock_skew: SignedDuration,
}

impl Expectation {
    /// An expectation with the usual limits and no leeway for clocks.
    #[must_use]
    pub fn new(gun: Gun, pins: Pins, rule: TargetRule, crypto: CryptoSet) -> Self {
        Self { gun, pins, rule, crypto, limits: Limits::default(), clock_skew: SignedDuration::ZERO }
    }

    /// Other limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// For how long expired metadata still count, for machines whose clock is fast. Negative ones are none.
    #[must_use]
    pub fn clock_skew(self, clock_skew: SignedDuration) -> Self {
        Self { clock_skew: clock_skew.max(SignedDuration::ZERO), ..self }
    }

    /// The collection.
    #[must_use]
    pub fn gun(&self) -> &Gun {
        &self.gun
    }
}

/// What is known before anything is asked.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Known {
    /// What is remembered of the collection on this server.
    pub state: Option<TrustState>,
    /// Files of earlier verifications.
    pub cache: CachedRoles,
}

impl Known {
    /// Nothing but a state.
    #[must_use]
    pub fn state(state: TrustState) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    /// With files of earlier verifications.
    #[must_use]
    pub fn cache(self, cache: CachedRoles) -> Self {
        Self { cache, ..self }
    }
}

/// A verification under way. It does no I/O and reads no clock: the same answers give the same outcome, in whatever order.
///
/// Every step either asks for files that were never asked for, or is the last.
#[derive(Clone, Debug)]
pub struct Verification {
    expectation: Arc<Expectation>,
    wanted: Wanted,
    now: Timestamp,
    state: Option<TrustState>,
    known_root: Option<Candidate>,
    /// The root of the state was established under these very pins, so that it is tried before that of the server. It is
    /// held against them all the same: a state could say so of any root.
    is_anchored: bool,
    files: Files,
    /// The root to which the chain was followed, so that each root is read once.
    followed: Option<Bytes>,
    examined: Option<Examined>,
    /// The keys under the pin that signed the root in which it held.
    pinned_signers: Vec<PublicKey>,
    root: Option<Verified<Root>>,
    timestamp: Option<Verified<TimestampRole>>,
    snapshot: Option<Verified<Snapshot>>,
    targets: Option<Verified<Targets>>,
    delegated: BTreeMap<DelegationName, Delegated>,
    /// What failed under the first root, and may not under a newer one.
    superseded: Option<(RoleName, Box<Fault>)>,
    is_renewed: bool,
    warnings: Vec<Warning>,
    outcome: Option<Box<Outcome>>,
}

impl Verification {
    /// Begins a verification of a target at a moment.
    ///
    /// # Errors
    /// [`StateError`] if the state is that of another collection.
    pub fn begin(expectation: Arc<Expectation>, wanted: Wanted, now: Timestamp, known: Known) -> Result<Self, StateError> {
        let Known { state, cache } = known;
        if let Some(state) = &state {
            state.check_gun(&expectation.gun)?;
        }
        let known_root = state.as_ref().and_then(|state| Candidate::read(state.root.clone()).ok());
        let is_anchored = state.as_ref().is_some_and(|state| state.anchor == expectation.pins.anchor());
        Ok(Self {
            expectation,
            wanted,
            now,
            state,
            known_root,
            is_anchored,
            files: Files::new(cache),
            followed: None,
            examined: None,
            pinned_signers: Vec::new(),
            root: None,
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: BTreeMap::new(),
            superseded: None,
            is_renewed: false,
            warnings: Vec::new(),
            outcome: None,
        })
    }

    /// Goes on as far as the files at hand allow.
    pub fn step(&mut self) -> Step {
        loop {
            if let Some(outcome) = &self.outcome {
                return Step::Done(outcome.clone());
            }
            let result = match self.advance() {
                Err(Stop::Fetch(requests)) => match self.files.ask(requests) {
                    new if new.is_empty() => continue,
                    new => return Step::Fetch(new),
                },
                Err(Stop::Fault(role, fault)) => Err(Failure { gun: self.expectation.gun.clone(), role, fault: *fault }),
                Ok(evidence) => Ok(evidence),
            };
            self.outcome = Some(Box::new(self.conclude(result)));
        }
    }

    /// Takes the answer to a request. Answers that were not asked for, or come twice, are ignored.
    pub fn supply(&mut self, file: RoleFile, answer: Answer) {
        self.files.supply(file, answer);
    }

    /// Root, timestamp, snapshot, targets, then the target. What fails under a root that may be outdated is tried once more
    /// under the newest.
    fn advance(&mut self) -> Result<Evidence, Stop> {
        if self.superseded.is_none() {
            match self.verify_chain() {
                Err(Stop::Fault(role, fault)) if self.may_be_cured(&role, &fault) => self.superseded = Some((role, fault)),
                other => {
                    other?;
                    return self.look_up();
                }
            }
        }
        self.renew_root()?;
        self.verify_chain()?;
        self.look_up()
    }

    /// What another root would change: which keys count, and what belongs to the root itself.
    fn may_be_cured(&self, role: &RoleName, fault: &Fault) -> bool {
        let has_root = self.root.is_some() || self.is_anchored;
        let depends_on_root = match fault {
            Fault::NoValidSignature { .. } | Fault::Threshold { .. } => true,
            Fault::Hash { .. } | Fault::Length { .. } | Fault::Expired { .. } => *role == RoleName::Root,
            Fault::RootKey(_) | Fault::Pin { .. } | Fault::Authority(_) | Fault::PinnedKeyDidNotSign { .. } => true,
            Fault::Absent { .. } => *role == RoleName::Timestamp,
            _ => false,
        };
        has_root && depends_on_root
    }

    fn trusted_root(&self) -> Result<&Verified<Root>, Stop> {
        self.root.as_ref().ok_or_else(internal)
    }

    fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    fn conclude(&self, result: Result<Evidence, Failure>) -> Outcome {
        Outcome { result, state: self.next_state(), cache: self.cacheable(), warnings: self.warnings.clone() }
    }

    /// What is to be remembered, once the chain holds; the highest versions, also of delegations that were not asked for now.
    fn next_state(&self) -> Option<TrustState> {
        let (root, timestamp, snapshot, targets) =
            (self.root.as_ref()?, self.timestamp.as_ref()?, self.snapshot.as_ref()?, self.targets.as_ref()?);
        let mut versions = self.state.as_ref().map(|state| state.versions.clone()).unwrap_or_default();
        let base = [root.header, timestamp.header, snapshot.header, targets.header].map(|header| header.version);
        let names = [RoleName::Root, RoleName::Timestamp, RoleName::Snapshot, RoleName::Targets];
        versions.extend(names.into_iter().zip(base));
        versions.extend(self.delegated.values().map(|delegated| (delegated.verified.role.clone(), delegated.verified.header.version)));
        let mut keys = self.state.as_ref().map(|state| state.keys.clone()).unwrap_or_default();
        for name in self.delegated.keys() {
            let (parent, _) = self.parent(name).ok()?;
            note_keys(&mut keys, name, &parent.document.delegations.get(name)?.authority);
        }
        let (gun, anchor) = (self.expectation.gun.clone(), self.expectation.pins.anchor());
        Some(TrustState { gun, anchor, root: root.bytes.clone(), versions, keys })
    }

    fn cacheable(&self) -> CachedRoles {
        let snapshot = self.snapshot.iter().map(|role| &role.bytes);
        let targets = self.targets.iter().chain(self.delegated.values().map(|delegated| &delegated.verified)).map(|role| &role.bytes);
        snapshot.chain(targets).cloned().collect()
    }
}
