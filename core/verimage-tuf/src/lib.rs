#![doc = include_str!("../docs.md")]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
#![cfg_attr(test, allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used))]

mod canonical;
mod document;
mod envelope;
mod failure;
mod file_meta;
mod gun;
mod key;
mod limits;
mod members;
mod outcome;
mod pins;
mod role;
mod root_key;
mod rule;
mod state;
mod verification;

pub use canonical::{CanonicalError, canonical_json};
pub use failure::{Check, Failure, FailureKind, Fault, Malformed, RootKeyFault};
pub use gun::{Gun, GunError};
pub use limits::Limits;
pub use outcome::{Answer, CachedRoles, Evidence, Outcome, Request, Step, VerifiedRole, Warning};
pub use pins::{Need, PinError, Pins};
pub use role::{DelegationName, DelegationNameError, RoleFile, RoleName};
pub use root_key::{CertificateDates, RootBinding};
pub use rule::{RuleError, TargetRule, Wanted};
pub use state::{StateError, TrustState};
pub use verification::{Expectation, Known, Verification};
