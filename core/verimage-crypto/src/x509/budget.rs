//! How much work a search for a path may be.

use std::cell::Cell;

use super::PathFault;

/// Work that is left. Whoever runs out of it has been given certificates to keep a verifier busy.
#[derive(Debug)]
pub(super) struct Budget {
    signatures: Cell<u32>,
    steps: Cell<u32>,
    names: Cell<u32>,
}

const SIGNATURES: u32 = 100;
const STEPS: u32 = 200_000;
const NAMES: u32 = 250_000;

impl Budget {
    pub(super) fn new() -> Self {
        Self { signatures: Cell::new(SIGNATURES), steps: Cell::new(STEPS), names: Cell::new(NAMES) }
    }

    pub(super) fn check_signature(&self) -> Result<(), PathFault> {
        spend(&self.signatures, 1, PathFault::Budget { what: "signature checks", limit: SIGNATURES })
    }

    pub(super) fn look_at(&self, certificates: usize) -> Result<(), PathFault> {
        let steps = u32::try_from(certificates).unwrap_or(u32::MAX);
        spend(&self.steps, steps, PathFault::Budget { what: "steps", limit: STEPS })
    }

    pub(super) fn compare_names(&self) -> Result<(), PathFault> {
        spend(&self.names, 1, PathFault::Budget { what: "name comparisons", limit: NAMES })
    }
}

fn spend(left: &Cell<u32>, amount: u32, spent: PathFault) -> Result<(), PathFault> {
    left.set(left.get().checked_sub(amount).ok_or(spent)?);
    Ok(())
}
