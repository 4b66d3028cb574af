//! Delegations, parents first (specification section 3.4).

use super::{
    Verification,
    chain::{Signatories, Verified, internal},
    files::{Stop, of},
};
use crate::{
    DelegationName, RoleName,
    document::{Delegation, Reach, Targets},
    failure::Fault,
};

/// A delegation whose file passed every check, and what it may sign.
#[derive(Clone, Debug)]
pub(super) struct Delegated {
    pub(super) verified: Verified<Targets>,
    pub(super) reach: Reach,
}

impl Verification {
    /// Verifies a delegation, and those above it first, because they hold its keys. Each is verified once.
    pub(super) fn verify_delegation(&mut self, name: &DelegationName) -> Result<(), Stop> {
        let lineage = name.lineage();
        let role = RoleName::Delegation(name.clone());
        let too_many = |what, limit| Err(Stop::fault(role.clone(), Fault::TooMany { what, limit }));
        let limits = self.expectation.limits;
        if count(lineage.len()) > limits.depth {
            return too_many("delegations below each other", limits.depth);
        }
        for name in lineage {
            if self.delegated.contains_key(&name) {
                continue;
            }
            if count(self.delegated.len()) >= limits.delegations {
                return too_many("delegations", limits.delegations);
            }
            let delegated = self.verify_child(&name)?;
            self.delegated.insert(name, delegated);
        }
        Ok(())
    }

    /// C12: the keys are those of the parent, the file is the one that the snapshot lists.
    fn verify_child(&self, name: &DelegationName) -> Result<Delegated, Stop> {
        let role = RoleName::Delegation(name.clone());
        let (parent, reach) = self.parent(name)?;
        let declared_by = parent.role.clone();
        let Some(delegation) = parent.document.delegations.get(name) else {
            return Err(Stop::fault(role, Fault::NotDelegated { declared_by }));
        };
        let snapshot = self.snapshot.as_ref().ok_or_else(internal)?;
        let meta = snapshot.document.delegation(name).ok_or_else(|| Stop::fault(role.clone(), Fault::NotPublished))?;
        let bytes = self.files.named(&role, &meta.map_err(of(&role))?, &self.expectation.limits)?;
        let signatories = Signatories { keys: &parent.document.keys, authority: &delegation.authority };
        let verified =
            self.verify_role(role.clone(), bytes, &signatories, |envelope| Targets::read(envelope, &role).map(|read| (read.header, read)))?;
        Ok(Delegated { verified, reach: reach.narrowed(&delegation.paths) })
    }

    /// The role above a delegation, which was verified before it.
    pub(super) fn parent(&self, name: &DelegationName) -> Result<(&Verified<Targets>, Reach), Stop> {
        match name.parent() {
            None => Ok((self.targets.as_ref().ok_or_else(internal)?, Reach::all())),
            Some(parent) => {
                let delegated = self.delegated.get(&parent).ok_or_else(internal)?;
                Ok((&delegated.verified, delegated.reach.clone()))
            }
        }
    }

    /// Whether `targets` delegates to this role, which was published and may sign what is looked for.
    pub(super) fn is_open(&self, name: &DelegationName) -> Result<bool, Stop> {
        let delegation = self.targets.as_ref().ok_or_else(internal)?.document.delegations.get(name);
        delegation.map_or(Ok(false), |delegation| Ok(self.may_sign(&Reach::all(), delegation) && self.is_published(delegation)?))
    }

    /// The children of a delegation that were published and may sign what is looked for. The others decide nothing.
    pub(super) fn open_children(&self, parent: &DelegationName) -> Result<Vec<DelegationName>, Stop> {
        let parent = self.delegated.get(parent).ok_or_else(internal)?;
        let mut open = Vec::new();
        for delegation in parent.verified.document.delegations.values() {
            if self.may_sign(&parent.reach, delegation) && self.is_published(delegation)? {
                open.push(delegation.name.clone());
            }
        }
        Ok(open)
    }

    fn may_sign(&self, parent: &Reach, delegation: &Delegation) -> bool {
        let reach = parent.narrowed(&delegation.paths);
        self.wanted.tag().map_or(!reach.is_empty(), |tag| reach.allows(tag))
    }

    /// Whether the snapshot lists the file of a delegation. One that was seen before is withheld if it does not.
    pub(super) fn is_published(&self, delegation: &Delegation) -> Result<bool, Stop> {
        let role = RoleName::Delegation(delegation.name.clone());
        let is_listed = self.snapshot.as_ref().ok_or_else(internal)?.document.delegation(&delegation.name).is_some();
        match self.known_version(&role, &delegation.authority) {
            known if known > 0 && !is_listed => Err(Stop::fault(role, Fault::Withheld { known })),
            _ => Ok(is_listed),
        }
    }

    /// Refuses more delegations than are read, before any of them is asked for.
    pub(super) fn check_number(&self, names: &[DelegationName]) -> Result<(), Stop> {
        let limit = self.expectation.limits.delegations;
        match names.first() {
            Some(name) if count(self.delegated.len().saturating_add(names.len())) > limit => {
                Err(Stop::fault(RoleName::Delegation(name.clone()), Fault::TooMany { what: "delegations", limit }))
            }
            _ => Ok(()),
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
