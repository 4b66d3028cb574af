//! From the trusted root to the targets (specification section 3, steps 1 to 4).

use bytes::Bytes;
use jiff::Timestamp;
use verimage_crypto::PublicKey;

use super::{
    Verification,
    files::{Stop, of},
};
use crate::{
    RoleFile, RoleName,
    document::{Authority, Keys, Snapshot, Targets, TimestampRole},
    envelope::{Envelope, Header},
    failure::Fault,
    key::verify_threshold,
    outcome::VerifiedRole,
};

/// A file that passed every check of its role.
#[derive(Clone, Debug)]
pub(super) struct Verified<T> {
    pub(super) role: RoleName,
    pub(super) document: T,
    pub(super) header: Header,
    pub(super) signers: Vec<PublicKey>,
    pub(super) bytes: Bytes,
}

impl<T> Verified<T> {
    pub(super) fn report(&self) -> VerifiedRole {
        let Header { version, expires } = self.header;
        VerifiedRole { role: self.role.clone(), version, expires, signers: self.signers.clone() }
    }
}

/// Whose signatures count for a role.
pub(super) struct Signatories<'a> {
    pub(super) keys: &'a Keys,
    pub(super) authority: &'a Authority,
}

impl Verification {
    /// Every role from the root down to the targets; each is verified once.
    pub(super) fn verify_chain(&mut self) -> Result<(), Stop> {
        self.establish_root()?;
        if self.timestamp.is_none() {
            self.timestamp = Some(self.verify_timestamp()?);
        }
        if self.snapshot.is_none() {
            self.snapshot = Some(self.verify_snapshot()?);
        }
        self.check_root_is_listed()?;
        if self.targets.is_none() {
            self.targets = Some(self.verify_targets()?);
        }
        Ok(())
    }

    /// Step 1.
    fn verify_timestamp(&self) -> Result<Verified<TimestampRole>, Stop> {
        let role = RoleName::Timestamp;
        let file = RoleFile::Current(role.clone());
        let bytes = self.files.plain(&file, &self.expectation.limits)?.ok_or_else(|| Stop::fault(role.clone(), Fault::Absent { file }))?;
        let root = &self.trusted_root()?.document;
        let signatories = Signatories { keys: &root.keys, authority: &root.timestamp };
        self.verify_role(role, bytes, &signatories, |envelope| TimestampRole::read(envelope).map(|read| (read.header, read)))
    }

    /// Step 2.
    fn verify_snapshot(&self) -> Result<Verified<Snapshot>, Stop> {
        let role = RoleName::Snapshot;
        let timestamp = self.timestamp.as_ref().ok_or_else(internal)?;
        let bytes = self.files.named(&role, &timestamp.document.snapshot, &self.expectation.limits)?;
        let root = &self.trusted_root()?.document;
        let signatories = Signatories { keys: &root.keys, authority: &root.snapshot };
        self.verify_role(role, bytes, &signatories, |envelope| Snapshot::read(envelope).map(|read| (read.header, read)))
    }

    /// Step 3: the trusted root is the one that belongs to this snapshot.
    fn check_root_is_listed(&self) -> Result<(), Stop> {
        let listed = &self.snapshot.as_ref().ok_or_else(internal)?.document.root;
        listed.check(&self.trusted_root()?.bytes).map_err(of(&RoleName::Root))
    }

    /// Step 4.
    fn verify_targets(&self) -> Result<Verified<Targets>, Stop> {
        let role = RoleName::Targets;
        let snapshot = self.snapshot.as_ref().ok_or_else(internal)?;
        let bytes = self.files.named(&role, &snapshot.document.targets, &self.expectation.limits)?;
        let root = &self.trusted_root()?.document;
        let signatories = Signatories { keys: &root.keys, authority: &root.targets };
        self.verify_role(role.clone(), bytes, &signatories, |envelope| Targets::read(envelope, &role).map(|read| (read.header, read)))
    }

    /// C4 to C11 for one file, in the order of the specification; size, hash and length were checked with the bytes.
    pub(super) fn verify_role<T>(
        &self,
        role: RoleName,
        bytes: Bytes,
        signatories: &Signatories<'_>,
        read: impl FnOnce(&mut Envelope) -> Result<(Header, T), crate::failure::Malformed>,
    ) -> Result<Verified<T>, Stop> {
        let at_role = role.clone();
        let fault = of::<Fault>(&at_role);
        let mut envelope = Envelope::parse(&bytes).map_err(of(&role))?;
        let (header, document) = read(&mut envelope).map_err(of(&role))?;
        let keys = signatories.keys.of(signatories.authority);
        let signers = verify_threshold(&envelope, &keys, signatories.authority.threshold, &self.expectation.crypto).map_err(&fault)?;
        let known = self.known_version(&role, signatories.authority);
        if header.version < known {
            return Err(fault(Fault::Rollback { known, found: header.version }));
        }
        self.check_expiry(header.expires).map_err(&fault)?;
        Ok(Verified { role, document, header, signers, bytes })
    }

    /// C10. Leeway only if the caller gives some.
    pub(super) fn check_expiry(&self, expires: Timestamp) -> Result<(), Fault> {
        let latest = expires.saturating_add(self.expectation.clock_skew).unwrap_or(expires);
        if latest < self.now { Err(Fault::Expired { expires, now: self.now }) } else { Ok(()) }
    }

    /// C11: the version accepted before; 0 if none was. Where the root has other keys for the timestamp or the snapshot than
    /// the root that was known, their versions begin anew: else a stolen key could lock everybody out with a huge version. So
    /// do those of a delegation when the role above it, which was verified before it, has replaced all of its keys.
    pub(super) fn known_version(&self, role: &RoleName, authority: &Authority) -> u64 {
        let Some(state) = &self.state else { return 0 };
        let begins_anew = match (role, &self.root, &self.known_root) {
            (RoleName::Delegation(name), ..) => state.is_replaced(name, authority),
            (_, Some(root), Some(known)) => known.document.is_renewed(role, &root.document),
            _ => false,
        };
        if begins_anew { 0 } else { state.version(role) }
    }
}

/// A step before this one left out what it had to leave: our own mistake, told as such and never taken for trust.
pub(super) fn internal() -> Stop {
    Stop::fault(
        RoleName::Root,
        crate::failure::Malformed::new(crate::failure::Check::Structure, "internal error: a role was used before it was verified"),
    )
}
