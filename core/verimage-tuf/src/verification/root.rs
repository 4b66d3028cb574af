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

/// What was found out about a root that is to be the newest, so that its signatures are verified once, and no older root is
/// looked at twice.
#[derive(Clone, Debug)]
pub(super) struct Examined {
    bytes: Bytes,
    signers: Vec<PublicKey>,
    /// The lowest version that was searched for a pinned key.
    searched_to: u64,
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
        let signers = self.examine(&candidate, &question)?;
        self.find_pinned_keys(&candidate, &signers)?;
        self.check_expiry(candidate.document.header.expires).map_err(&at_root)?;
        if expectation.pins.is_first_use() {
            self.warn(Warning::TrustedOnFirstUse);
        }
        if !expectation.pins.is_bound(&candidate.document, &question) {
            self.warn(Warning::NotBoundToCollection);
        }
        self.root = Some(verified(candidate, signers));
        Ok(())
    }

    /// Section 3.1 for a root that is to be the newest: who signed it.
    fn examine(&mut self, candidate: &Candidate, question: &Question<'_>) -> Result<Vec<PublicKey>, Stop> {
        if let Some(examined) = self.examined.as_ref().filter(|examined| examined.bytes == candidate.bytes) {
            return Ok(examined.signers.clone());
        }
        let checked = self.expectation.pins.check_root(&candidate.envelope, &candidate.document, question);
        let signers = checked.map_err(of(&RoleName::Root))?;
        let (bytes, searched_to) = (candidate.bytes.clone(), candidate.version());
        self.examined = Some(Examined { bytes, signers: signers.clone(), searched_to });
        Ok(signers)
    }

    /// Section 3.2: the pinned keys are found in the bytes at hand each time, in this root or in one before it. A state says
    /// nothing of them: whoever wrote it could have made up its root.
    fn find_pinned_keys(&mut self, newest: &Candidate, signers: &[PublicKey]) -> Result<(), Stop> {
        match self.expectation.pins.check_pinned_keys(&newest.document, signers) {
            Ok(keys) => {
                self.pinned_signers = keys;
                Ok(())
            }
            Err(fault @ Fault::Pin { .. }) => self.follow_from_pinned(newest, fault),
            Err(fault) => Err(Stop::fault(RoleName::Root, fault)),
        }
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
        self.need_roots(between.iter().copied())?;
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

    /// Asks for all of these roots that are not at hand.
    fn need_roots(&self, versions: impl Iterator<Item = u64>) -> Result<(), Stop> {
        let files: Vec<_> = versions.filter(|version| self.root_at_hand(*version).is_none()).map(RoleFile::RootVersion).collect();
        self.files.need(&files, &self.expectation.limits)
    }

    /// The root in use or the one that is known, if it has this version: it is verified like one that was fetched.
    fn root_at_hand(&self, version: u64) -> Option<Candidate> {
        let known = self.known_root.as_ref().filter(|known| known.version() == version).cloned();
        known.or_else(|| if self.root.as_ref()?.header.version == version { self.root_in_use() } else { None })
    }

    /// `N.root.json`, which must carry version N; the reference only asks for N or more.
    fn root_version(&self, version: u64) -> Result<Candidate, Stop> {
        if let Some(root) = self.root_at_hand(version) {
            return Ok(root);
        }
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
        let searched_to = self.examined.as_ref().map_or(newest.version(), |examined| examined.searched_to);
        for version in (lowest..searched_to).rev() {
            let candidate = match self.root_version(version) {
                Err(fetch @ Stop::Fetch(_)) => {
                    self.need_roots(back_from(version, newest.version(), lowest))?;
                    return Err(fetch);
                }
                Err(Stop::Fault(_, absent)) if matches!(*absent, Fault::Absent { .. }) => break,
                other => other?,
            };
            if self.expectation.pins.lists_pinned_keys(&candidate.document) {
                let signers = self.vouch(&candidate, &candidate.envelope)?;
                let keys = self.expectation.pins.check_pinned_keys(&candidate.document, &signers).map_err(of(&RoleName::Root))?;
                self.follow(&candidate, newest)?;
                self.pinned_signers = keys;
                self.warnings.retain(|warning| !matches!(warning, Warning::PinOutdated { .. }));
                self.warn(Warning::PinOutdated { version, newest: newest.version() });
                return Ok(());
            }
            if let Some(examined) = &mut self.examined {
                examined.searched_to = version;
            }
        }
        Err(Stop::fault(RoleName::Root, fault))
    }
}

/// The versions from one downwards that are asked for together: one more than were looked at, so that 64 take 7 rounds.
fn back_from(version: u64, newest: u64, lowest: u64) -> impl Iterator<Item = u64> {
    let looked_at = newest.saturating_sub(version).saturating_sub(1);
    (version.saturating_sub(looked_at).max(lowest)..=version).rev()
}

fn verified(candidate: Candidate, signers: Vec<PublicKey>) -> Verified<Root> {
    let Candidate { bytes, document, .. } = candidate;
    Verified { role: RoleName::Root, header: document.header, document, signers, bytes }
}
