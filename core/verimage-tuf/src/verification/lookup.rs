//! From the wanted tag or digest to what is signed (specification section 4).

use std::collections::{BTreeMap, BTreeSet};

use verimage_core::Digest;
use verimage_crypto::Fingerprint;

use super::{Verification, chain::internal, files::Stop};
use crate::{
    DelegationName, RoleName, Wanted,
    document::{Reach, Targets},
    failure::Fault,
    file_meta::FileMeta,
    outcome::{Evidence, Warning},
    rule::Kind,
};

/// An entry that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    target: String,
    digest: Digest,
    length: u64,
}

impl Verification {
    pub(super) fn look_up(&mut self) -> Result<Evidence, Stop> {
        let expectation = self.expectation.clone();
        match &expectation.rule.0 {
            Kind::Docker => self.by_docker(),
            Kind::Released => self.by_release(),
            Kind::AllOf(names) => self.by_all(names),
            Kind::AtLeast { needed, names } => self.by_some(*needed, names),
        }
    }

    /// `targets/releases` if it may sign what is looked for, then `targets`.
    fn by_docker(&mut self) -> Result<Evidence, Stop> {
        let releases = DelegationName::releases();
        let mut searched = Vec::new();
        if self.is_open(&releases)? {
            self.verify_delegation(&releases)?;
            if let Some(entry) = self.find(&RoleName::Delegation(releases.clone()))? {
                return self.evidence(entry, vec![RoleName::Delegation(releases)]);
            }
            self.refuse_below(&releases)?;
            searched.push(RoleName::Delegation(releases.clone()));
        }
        searched.push(RoleName::Targets);
        match self.find_unless(&RoleName::Targets, &|target| self.is_shadowed(target, &releases))? {
            Some(entry) => self.evidence(entry, vec![RoleName::Targets]),
            None => Err(self.missing(searched)),
        }
    }

    /// The reference searches below `targets/releases` before it turns to `targets`, and refuses what it finds there. All
    /// delegations of one depth are asked for together.
    fn refuse_below(&mut self, releases: &DelegationName) -> Result<(), Stop> {
        let Some(tag) = self.wanted.tag().map(str::to_owned) else { return Ok(()) };
        let mut level = self.open_children(releases)?;
        while !level.is_empty() {
            let unread: Vec<_> = level.iter().filter(|name| !self.delegated.contains_key(*name)).cloned().collect();
            self.check_number(&unread)?;
            let mut below = Vec::new();
            for (name, fault) in self.verify_together(&level)? {
                fault.map_or(Ok(()), Err)?;
                let role = RoleName::Delegation(name.clone());
                if self.find(&role)?.is_some() {
                    return Err(Stop::fault(role, Fault::NotReleased { target: tag }));
                }
                below.extend(self.open_children(&name)?);
            }
            level = below;
        }
        Ok(())
    }

    /// An entry of `targets` for which `targets/releases` has another one is not what the tag resolves to.
    fn is_shadowed(&self, target: &str, releases: &DelegationName) -> bool {
        let delegated = self.delegated.get(releases);
        delegated.is_some_and(|delegated| delegated.reach.allows(target) && delegated.verified.document.entry(target).is_some())
    }

    fn by_release(&mut self) -> Result<Evidence, Stop> {
        let releases = DelegationName::releases();
        let delegations = &self.targets.as_ref().ok_or_else(internal)?.document.delegations;
        let role = match delegations.get(&releases) {
            None if !delegations.is_empty() => {
                return Err(Stop::fault(RoleName::Delegation(releases), Fault::NotDelegated { declared_by: RoleName::Targets }));
            }
            Some(delegation) if self.is_published(delegation)? => RoleName::Delegation(releases.clone()),
            _ => RoleName::Targets,
        };
        if role != RoleName::Targets {
            self.verify_delegation(&releases)?;
        }
        match self.find(&role)? {
            Some(entry) => self.evidence(entry, vec![role]),
            None => Err(self.missing(vec![role])),
        }
    }

    /// Every delegation must be there, hold the entry, and name one digest.
    fn by_all(&mut self, names: &[DelegationName]) -> Result<Evidence, Stop> {
        self.verify_together(names)?.into_iter().find_map(|(_, fault)| fault).map_or(Ok(()), Err)?;
        let mut entries = Vec::new();
        for name in names {
            let role = RoleName::Delegation(name.clone());
            let entry = self.find(&role)?.ok_or_else(|| self.missing(vec![role]))?;
            entries.push((name.clone(), entry));
        }
        let first = entries.first().map(|(_, entry)| entry.clone()).ok_or_else(internal)?;
        if entries.iter().any(|(_, entry)| entry.digest != first.digest) {
            return Err(disagreement(entries));
        }
        self.evidence(first, names.iter().cloned().map(RoleName::Delegation).collect())
    }

    /// Delegations with enough distinct signers must name one digest; those that are broken or missing do not count.
    fn by_some(&mut self, needed: usize, names: &[DelegationName]) -> Result<Evidence, Stop> {
        let mut votes: BTreeMap<Digest, Vec<(DelegationName, Entry)>> = BTreeMap::new();
        let mut absent = Absent::default();
        for (name, fault) in self.verify_together(names)? {
            let entry = match fault {
                Some(fault) => Err(fault),
                None => self.find(&RoleName::Delegation(name.clone())),
            };
            match entry {
                Ok(Some(entry)) => votes.entry(entry.digest.clone()).or_default().push((name, entry)),
                Ok(None) => absent.reasons.push(format!("{name} does not hold it")),
                Err(stop) => absent.add(stop)?,
            }
        }
        self.elect(needed, votes, absent)
    }

    fn elect(&mut self, needed: usize, votes: BTreeMap<Digest, Vec<(DelegationName, Entry)>>, absent: Absent) -> Result<Evidence, Stop> {
        let counted: Vec<_> = votes.into_values().map(|votes| (self.distinct_signers(&votes), votes)).collect();
        let most = counted.iter().map(|(count, _)| *count).max().unwrap_or(0);
        let elected: Vec<_> = counted.into_iter().filter(|(count, _)| *count >= needed).map(|(_, votes)| votes).collect();
        match elected.as_slice() {
            [votes] => {
                let entry = votes.first().map(|(_, entry)| entry.clone()).ok_or_else(internal)?;
                absent.reasons.into_iter().for_each(|reason| self.warn(Warning::DelegationIgnored { reason }));
                self.evidence(entry, votes.iter().map(|(name, _)| RoleName::Delegation(name.clone())).collect())
            }
            [] => Err(absent.short_of(needed, most, &self.wanted)),
            _ => Err(disagreement(elected.into_iter().flatten().collect())),
        }
    }

    /// Verifies delegations as far as they go, and asks for the files of all of them together.
    fn verify_together(&mut self, names: &[DelegationName]) -> Result<Vec<(DelegationName, Option<Stop>)>, Stop> {
        let mut requests = Vec::new();
        let mut results = Vec::new();
        for name in names {
            match self.verify_delegation(name) {
                Err(Stop::Fetch(more)) => requests.extend(more),
                other => results.push((name.clone(), other.err())),
            }
        }
        if requests.is_empty() { Ok(results) } else { Err(Stop::Fetch(requests)) }
    }

    /// How many distinct keys signed, when each delegation is counted for one of its signers at most.
    fn distinct_signers(&self, votes: &[(DelegationName, Entry)]) -> usize {
        let signers = |name: &DelegationName| {
            let delegated = self.delegated.get(name).into_iter();
            delegated.flat_map(|delegated| &delegated.verified.signers).map(|key| key.fingerprint()).collect()
        };
        let sets: Vec<BTreeSet<Fingerprint>> = votes.iter().map(|(name, _)| signers(name)).collect();
        largest_matching(&sets)
    }

    /// What a role holds for the tag or digest, within its paths.
    fn find(&self, role: &RoleName) -> Result<Option<Entry>, Stop> {
        self.find_unless(role, &|_| false)
    }

    /// The same, but for targets that another role takes. Several can have one digest.
    fn find_unless(&self, role: &RoleName, is_taken: &dyn Fn(&str) -> bool) -> Result<Option<Entry>, Stop> {
        let (document, reach) = match role {
            RoleName::Delegation(name) => {
                let delegated = self.delegated.get(name).ok_or_else(internal)?;
                (&delegated.verified.document, delegated.reach.clone())
            }
            _ => (&self.targets.as_ref().ok_or_else(internal)?.document, Reach::all()),
        };
        match &self.wanted {
            Wanted::Tag(tag) | Wanted::TagAndDigest { tag, .. } if is_taken(tag) => Ok(None),
            Wanted::Tag(tag) => find_tag(document, &reach, tag).map_err(|fault| Stop::fault(role.clone(), fault)),
            Wanted::Digest(digest) => Ok(find_digest(document, digest, |target| reach.allows(target) && !is_taken(target))),
            Wanted::TagAndDigest { tag, digest } => {
                let found = find_tag(document, &reach, tag).map_err(|fault| Stop::fault(role.clone(), fault))?;
                match found {
                    Some(entry) if entry.digest != *digest => Err(Stop::fault(
                        role.clone(),
                        Fault::TagDigest { target: tag.clone(), expected: digest.clone(), found: entry.digest },
                    )),
                    other => Ok(other),
                }
            }
        }
    }

    fn missing(&self, searched: Vec<RoleName>) -> Stop {
        let role = searched.last().cloned().unwrap_or(RoleName::Targets);
        let delegations = self.targets.iter().flat_map(|targets| targets.document.delegations.keys());
        let declared = delegations.filter(|name| !searched.contains(&RoleName::Delegation((*name).clone()))).cloned().collect();
        Stop::fault(role, Fault::TargetMissing { wanted: self.wanted.to_string(), searched, declared })
    }

    fn evidence(&self, entry: Entry, signed_in: Vec<RoleName>) -> Result<Evidence, Stop> {
        let root = self.trusted_root()?;
        let base =
            [Some(root.report()), self.timestamp.as_ref().map(|role| role.report()), self.snapshot.as_ref().map(|role| role.report())];
        let targets = self.targets.iter().chain(self.delegated.values().map(|delegated| &delegated.verified)).map(|role| role.report());
        Ok(Evidence {
            digest: entry.digest,
            length: entry.length,
            target: entry.target,
            signed_in,
            roles: base.into_iter().flatten().chain(targets).collect(),
            root_keys: self.pinned_signers.clone(),
        })
    }
}

/// C13: a target has a SHA-256 of 32 bytes.
fn find_tag(document: &Targets, reach: &Reach, tag: &str) -> Result<Option<Entry>, Fault> {
    let Some(value) = document.entry(tag).filter(|_| reach.allows(tag)) else { return Ok(None) };
    match FileMeta::read(value) {
        Ok(meta) => Ok(Some(entry(tag, &meta))),
        Err(fault) => Err(Fault::Target { target: tag.to_owned(), fault }),
    }
}

fn find_digest(document: &Targets, digest: &Digest, counts: impl Fn(&str) -> bool) -> Option<Entry> {
    let mut readable =
        document.entries().filter(|(name, _)| counts(name)).filter_map(|(name, value)| Some(entry(name, &FileMeta::read(value).ok()?)));
    readable.find(|entry| entry.digest == *digest)
}

fn entry(target: &str, meta: &FileMeta) -> Entry {
    Entry { target: target.to_owned(), digest: Digest::of_sha256(meta.sha256), length: meta.length }
}

fn disagreement(entries: Vec<(DelegationName, Entry)>) -> Stop {
    let role = entries.first().map_or(RoleName::Targets, |(name, _)| RoleName::Delegation(name.clone()));
    Stop::fault(role, Fault::Disagreement { digests: entries.into_iter().map(|(name, entry)| (name, entry.digest)).collect() })
}

/// The delegations that do not count.
#[derive(Debug, Default)]
struct Absent {
    reasons: Vec<String>,
    /// Those of which nobody knows.
    unreachable: Vec<Stop>,
}

impl Absent {
    fn add(&mut self, stop: Stop) -> Result<(), Stop> {
        match stop {
            Stop::Fetch(_) => return Err(stop),
            Stop::Fault(ref role, ref fault) => self.reasons.push(format!("{role}: {fault}")),
        }
        if matches!(&stop, Stop::Fault(_, fault) if matches!(**fault, Fault::Unreachable { .. })) {
            self.unreachable.push(stop);
        }
        Ok(())
    }

    /// Too few agree. If those of whom nobody knows could have changed that, nobody knows.
    fn short_of(mut self, needed: usize, most: usize, wanted: &Wanted) -> Stop {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let could_be_enough = most.saturating_add(self.unreachable.len()) >= needed;
        match self.unreachable.pop() {
            Some(unreachable) if could_be_enough => unreachable,
            _ => {
                let fault = Fault::TooFewDelegations {
                    wanted: wanted.to_string(),
                    needed: count(needed),
                    found: count(most),
                    reasons: self.reasons,
                };
                Stop::fault(RoleName::Targets, fault)
            }
        }
    }
}

/// The most sets that can each be given an element of its own. Each round tries to give one more set an element, moving others
/// to another of theirs if that helps.
fn largest_matching(sets: &[BTreeSet<Fingerprint>]) -> usize {
    let mut given: BTreeMap<Fingerprint, usize> = BTreeMap::new();
    (0..sets.len()).filter(|index| give(*index, sets, &mut given, &mut BTreeSet::new())).count()
}

/// No deeper than there are distinct elements, because each is tried once.
fn give(index: usize, sets: &[BTreeSet<Fingerprint>], given: &mut BTreeMap<Fingerprint, usize>, tried: &mut BTreeSet<Fingerprint>) -> bool {
    let Some(set) = sets.get(index) else { return false };
    for element in set {
        if !tried.insert(*element) {
            continue;
        }
        let is_free = match given.get(element).copied() {
            None => true,
            Some(holder) => give(holder, sets, given, tried),
        };
        if is_free {
            given.insert(*element, index);
            return true;
        }
    }
    false
}
