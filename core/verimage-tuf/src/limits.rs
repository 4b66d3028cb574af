//! Bounds on what is read.

use crate::RoleName;

/// How much is read, and how far is walked. Reaching a bound is said, never a silent stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest root, in bytes.
    pub root: u64,
    /// Largest timestamp, in bytes.
    pub timestamp: u64,
    /// Largest snapshot, in bytes.
    pub snapshot: u64,
    /// Largest file of targets or of a delegation, in bytes.
    pub targets: u64,
    /// Most roots between a trusted one and the newest, and most steps back to a root that has a pinned key. 0 turns both off.
    pub root_versions: u64,
    /// Most delegations that are read.
    pub delegations: u64,
    /// Most delegations below each other.
    pub depth: u64,
}

/// Specification section 3, C1, and sections 3.3 and 3.4.
impl Default for Limits {
    fn default() -> Self {
        const MEBIBYTE: u64 = 1 << 20;
        Self {
            root: MEBIBYTE,
            timestamp: MEBIBYTE,
            snapshot: MEBIBYTE,
            targets: 16 * MEBIBYTE,
            root_versions: 64,
            delegations: 256,
            depth: 8,
        }
    }
}

impl Limits {
    /// The largest file of a role, in bytes.
    #[must_use]
    pub fn of(&self, role: &RoleName) -> u64 {
        match role {
            RoleName::Root => self.root,
            RoleName::Timestamp => self.timestamp,
            RoleName::Snapshot => self.snapshot,
            RoleName::Targets | RoleName::Delegation(_) => self.targets,
        }
    }
}
