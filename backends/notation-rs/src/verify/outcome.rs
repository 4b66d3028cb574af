//! What came out, check by check.

use std::{fmt, sync::Arc};

use super::CheckError;
use crate::{
    AuthenticTimestamp, TargetArtifact, Warning,
    envelope::SignerInfo,
    revocation::{CertificateRevocation, Request},
    trust_policy::{Action, VerificationType},
};

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CheckKind {
    /// One of those that a level decides about.
    Type(VerificationType),
    /// That the signature is about the artifact. Always enforced.
    TargetArtifact,
    /// That the metadata asked for was signed. Always enforced.
    UserMetadata,
    /// That the plugin that the signature names had its say. Always enforced.
    Plugin,
}

impl fmt::Display for CheckKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Type(check) => check.as_str(),
            Self::TargetArtifact => "targetArtifact",
            Self::UserMetadata => "userMetadata",
            Self::Plugin => "plugin",
        })
    }
}

/// What came out of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// It passed.
    Passed,
    /// It failed.
    Failed(CheckError),
    /// It was not made: the level skips it, there was nothing to check, or a check that is enforced had failed before.
    NotPerformed,
}

/// A check, what its failure does, and what came out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// Which one.
    pub kind: CheckKind,
    /// What a failure does.
    pub action: Action,
    /// What came out.
    pub result: CheckResult,
}

/// What came out of verifying one signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The statement that was applied.
    pub statement: String,
    /// The name of its level; `custom` with overrides.
    pub level: &'static str,
    /// Every check, in the order of the specification.
    pub checks: Vec<Check>,
    /// What was signed and how; only if integrity is proven.
    pub signer: Option<Arc<SignerInfo>>,
    /// The artifact that the signature is about; only if integrity is proven.
    pub target: Option<TargetArtifact>,
    /// The timestamp, if it was verified and its authority is known not to be revoked.
    pub timestamp: Option<AuthenticTimestamp>,
    /// What is known about the revocation of the signing chain, if it was asked.
    pub revocation: Vec<CertificateRevocation>,
    /// What should be told.
    pub warnings: Vec<Warning>,
    /// What should be asked before this is final.
    pub needed: Vec<Request>,
}

impl Outcome {
    /// Whether nothing that is enforced failed. Under a level such as `audit` that says nothing about the signer, and under
    /// `skip` nothing at all: see [`is_trusted`](Self::is_trusted).
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.failure().is_none()
    }

    /// Whether every check passed, those that are only logged too, and none was skipped by the level: whatever the level,
    /// this signature is by somebody trusted.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        let passed = |check: &Check| match (&check.result, check.kind) {
            (CheckResult::Passed, _) => true,
            (CheckResult::Failed(_), _) => false,
            (CheckResult::NotPerformed, kind) => matches!(kind, CheckKind::UserMetadata | CheckKind::Plugin),
        };
        self.checks.iter().all(passed)
    }

    /// Whether more answers about revocation could change it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.needed.is_empty()
    }

    /// The first failure that is enforced.
    #[must_use]
    pub fn failure(&self) -> Option<&CheckError> {
        self.failures().find(|(check, _)| check.action == Action::Enforce).map(|(_, error)| error)
    }

    /// All failures, enforced or not.
    pub fn failures(&self) -> impl Iterator<Item = (&Check, &CheckError)> {
        self.checks.iter().filter_map(|check| if let CheckResult::Failed(error) = &check.result { Some((check, error)) } else { None })
    }

    /// What came out of one check.
    #[must_use]
    pub fn result(&self, kind: CheckKind) -> Option<&CheckResult> {
        self.checks.iter().find(|check| check.kind == kind).map(|check| &check.result)
    }
}
