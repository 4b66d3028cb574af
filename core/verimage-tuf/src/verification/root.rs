//! How a root comes to be trusted (specification sections 3.1 to 3.3).

use bytes::Bytes;
use verimage_crypto::PublicKey;

use super::{
    Verification,
    chain::Verified,
    files::{Stop, of},
};
use crate::{
    RoleFile, RoleName, document::Root, envelope::Envelope, failure::Fault, key::verify_threshold, outcome::Warning, pins::Question,
};

/// A root whose shape is right, and no more than that.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) bytes: Bytes,
    pub(super) envelope: Envelope,
    pub(super) document: Root,
}

impl Candidate {
    pub(super) fn read(bytes: Bytes) -> Result<Self, Stop> {
        let envelope = Envelope::parse(&bytes).map_err(of(&RoleName::Root))?;
        let document = Root::read(&envelope).map_err(of(&RoleName::Root))?;
        Ok(Self { bytes, envelope, document })
    }

    fn version(&self) -> u64 {
        self.document.header.version
    }
}

impl Verification {
    /// Step 0: the root that is known, or that of the server. In the second case the timestamp is asked for with it.
    pub(super) fn establish_root(&mut self) -> Result<(), Stop> {
        if self.root.is_some() {
            return Ok(());
        }
        let candidate = match &self.known_root {
            Some(known) if self.is_anchored => known.clone(),
            _ => self.current_root()?,
        };
        self.trust(candidate)
    }

    fn current_root(&self) -> Result<Candidate, Stop> {
        let (root, limits) = (RoleFile::Current(RoleName::Root), &self.expectation.limits);
        if !self.is_anchored {
            self.files.need(&[root.clone(), RoleFile::Current(RoleName::Timestamp)], limits)?;
        }
        Candidate::read(self.files.plain(&root, limits)?.ok_or_else(|| Stop::fault(RoleName::Root, Fault::NotSigned))?)
    }

    /// The newest root, after something failed under the one that is trusted: by the hash in the snapshot if that verified,
    /// else by its name. If there is none newer, what failed is told.
    pub(super) fn renew_root(&mut self) -> Result<(), Stop> {
        if self.is_renewed {
            return Ok(());
        }
        let Some((role, fault)) = self.superseded.clone() else { return Ok(()) };
        let first_fault = || Stop::Fault(role.clone(), fault.clone());
        let trusted = self.root.as_ref().map(|root| root.bytes.clone());
        let known = trusted.or_else(|| self.known_root.as_ref().map(|known| known.bytes.clone()));
        let listed = self.snapshot.as_ref().map(|snapshot| &snapshot.document.root);
        if listed.zip(self.root.as_ref()).is_some_and(|(listed, root)| listed.check(&root.bytes).is_ok()) {
            return Err(first_fault());
        }
        let candidate = match listed {
            Some(listed) => self.files.named(&RoleName::Root, listed, &self.expectation.limits).and_then(Candidate::read),
            None => self.current_root(),
        };
        let candidate = match candidate {
            Err(Stop::Fault(_, absent)) if matches!(*absent, Fault::Absent { .. } | Fault::Hash { .. } | Fault::Length { .. }) => {
                return Err(first_fault());
            }
            other => other?,
        };
        let is_older = self.known_root.is_none() && self.root.as_ref().is_some_and(|root| candidate.version() < root.header.version);
        if known.as_ref() == Some(&candidate.bytes) || is_older {
            return Err(first_fault());
        }
        self.trust(candidate)?;
        (self.timestamp, self.snapshot, self.targets) = (None, None, None);
        self.is_renewed = true;
        Ok(())
    }

    /// Trusts a root as the newest: it follows from the one that is known, holds what is pinned, and is fresh.
    fn trust(&mut self, candidate: Candidate) -> Result<(), Stop> {
        let at_root = of::<Fault>(&RoleName::Root);
        let base = self.root_in_use().or_else(|| self.known_root.clone());
        if let Some(base) = &base
            && self.followed.as_ref() != Some(&candidate.bytes)
        {
            self.follow(base, &candidate)?;
            self.followed = Some(candidate.bytes.clone());
        }
        let expectation = self.expectation.clone();
        let question = Question { gun: &expectation.gun, now: self.now, crypto: expectation.crypto };
        let signers = expectation.pins.check_root(&candidate.envelope, &candidate.document, &question).map_err(&at_root)?;
        // A root that follows from one that held the pinned key need not hold it still.
        let follows_from_pin = base.is_some() && (self.is_anchored || self.root.is_some());
        if !follows_from_pin && let Err(fault) = expectation.pins.check_pinned_keys(&candidate.document, &signers) {
            self.follow_from_pinned(&candidate, fault)?;
        }
        self.check_expiry(candidate.document.header.expires).map_err(&at_root)?;
        if base.is_none() && expectation.pins.is_first_use() {
            self.warn(Warning::TrustedOnFirstUse);
        }
        if !expectation.pins.is_bound(&candidate.document, &question) {
            self.warn(Warning::NotBoundToCollection);
        }
        self.root = Some(verified(candidate, signers));
        Ok(())
    }

    fn root_in_use(&self) -> Option<Candidate> {
        let root = self.root.as_ref()?;
        Candidate::read(root.bytes.clone()).ok()
    }

    /// Section 3.3: the chain from a trusted root to a newer one, version by version, each signed by the one before.
    fn follow(&self, base: &Candidate, newest: &Candidate) -> Result<(), Stop> {
        let (from, to) = (base.version(), newest.version());
        let fault = |fault| Err(Stop::fault(RoleName::Root, fault));
        match to.checked_sub(from) {
            None => return fault(Fault::Rollback { known: from, found: to }),
            Some(0) if base.bytes == newest.bytes => return Ok(()),
            Some(0) => return fault(Fault::RootReplaced { version: to }),
            Some(steps) if steps > self.expectation.limits.root_versions => {
                return fault(Fault::TooMany {
                    what: "versions between the root that is known and the newest",
                    limit: self.expectation.limits.root_versions,
                });
            }
            Some(_) => {}
        }
        let between: Vec<_> = (from.saturating_add(1)..to).collect();
        let files: Vec<_> = between.iter().copied().map(RoleFile::RootVersion).collect();
        self.files.need(&files, &self.expectation.limits)?;
        let mut previous = base.clone();
        for version in between {
            let next = self.root_version(version)?;
            self.check_successor(&previous, &next)?;
            self.vouch(&next, &next.envelope)?;
            previous = next;
        }
        // The newest is checked with itself where it is trusted.
        self.check_successor(&previous, newest)
    }

    /// `N.root.json`, which must carry version N; the reference only asks for N or more.
    fn root_version(&self, version: u64) -> Result<Candidate, Stop> {
        let file = RoleFile::RootVersion(version);
        let bytes = self.files.plain(&file, &self.expectation.limits)?;
        let candidate = Candidate::read(bytes.ok_or_else(|| Stop::fault(RoleName::Root, Fault::Absent { file: file.clone() }))?)?;
        match candidate.version() {
            found if found == version => Ok(candidate),
            found => Err(Stop::fault(RoleName::Root, Fault::RotationVersion { file, found })),
        }
    }

    /// Section 3.1, step 3: signed by the threshold of the root before it. When its certificates end does not matter.
    fn check_successor(&self, previous: &Candidate, next: &Candidate) -> Result<(), Stop> {
        self.vouch(previous, &next.envelope).map(drop).map_err(|error| match error {
            Stop::Fault(role, fault) if matches!(*fault, Fault::NoValidSignature { .. } | Fault::Threshold { .. }) => {
                Stop::fault(role, Fault::Rotation { from: previous.version(), to: next.version() })
            }
            other => other,
        })
    }

    /// The keys of a root that signed a file, at least its threshold. The root may have expired, and its certificates too.
    fn vouch(&self, root: &Candidate, envelope: &Envelope) -> Result<Vec<PublicKey>, Stop> {
        let rules = self.expectation.pins.rules().without_dates();
        let selected = rules.select(&root.document.root_keys(), &self.expectation.gun, self.now).map_err(of(&RoleName::Root))?;
        let keys: Vec<_> = selected.iter().map(|root_key| root_key.key).collect();
        verify_threshold(envelope, &keys, root.document.root.threshold, &self.expectation.crypto).map_err(of(&RoleName::Root))
    }

    /// Section 3.2, step 5: the newest root that has the pinned key, and the chain from there.
    fn follow_from_pinned(&mut self, newest: &Candidate, fault: Fault) -> Result<(), Stop> {
        let lowest = newest.version().saturating_sub(self.expectation.limits.root_versions).max(1);
        if matches!(fault, Fault::Pin { .. }) {
            for version in (lowest..self.searched_to.unwrap_or(newest.version())).rev() {
                let candidate = match self.root_version(version) {
                    Err(Stop::Fault(_, absent)) if matches!(*absent, Fault::Absent { .. }) => break,
                    other => other?,
                };
                if self.expectation.pins.lists_pinned_keys(&candidate.document) {
                    let signers = self.vouch(&candidate, &candidate.envelope)?;
                    self.expectation.pins.check_pinned_keys(&candidate.document, &signers).map_err(of(&RoleName::Root))?;
                    self.follow(&candidate, newest)?;
                    self.warn(Warning::PinOutdated { version, newest: newest.version() });
                    return Ok(());
                }
                self.searched_to = Some(version);
            }
        }
        Err(Stop::fault(RoleName::Root, fault))
    }
}

fn verified(candidate: Candidate, signers: Vec<PublicKey>) -> Verified<Root> {
    let Candidate { bytes, document, .. } = candidate;
    Verified { role: RoleName::Root, header: document.header, document, signers, bytes }
}
