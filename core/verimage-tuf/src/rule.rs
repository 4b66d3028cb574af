//! What is looked for, and which roles must hold it (specification section 4).

use std::{collections::BTreeSet, fmt};

use thiserror::Error;
use verimage_core::Digest;

use crate::DelegationName;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// The digest of a tag.
    Tag(String),
    /// Some tag with this digest.
    Digest(Digest),
    /// A tag that must have this digest.
    TagAndDigest {
        /// The tag.
        tag: String,
        /// Its digest.
        digest: Digest,
    },
}

impl Wanted {
    pub(crate) fn tag(&self) -> Option<&str> {
        match self {
            Self::Tag(tag) | Self::TagAndDigest { tag, .. } => Some(tag),
            Self::Digest(_) => None,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) | Self::TagAndDigest { tag, .. } => write!(out, "tag `{}`", tag.escape_debug()),
            Self::Digest(digest) => digest.fmt(out),
        }
    }
}

/// Which roles must hold what is looked for. Only those that can decide it are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRule(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Docker,
    Released,
    AllOf(Vec<DelegationName>),
    AtLeast { needed: usize, names: Vec<DelegationName> },
}

/// Why delegations make no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// No delegation is named.
    #[error("no delegation is named")]
    Nothing,
    /// One stands twice.
    #[error("the delegation {0} is named twice")]
    Twice(DelegationName),
    /// Fewer than one, or more than there are.
    #[error("{needed} of {named} delegations cannot be demanded")]
    Count {
        /// How many were demanded.
        needed: usize,
        /// How many are named.
        named: usize,
    },
}

impl TargetRule {
    /// Docker's: `targets/releases`, then `targets`. A broken `targets/releases` is an error and never passed over.
    #[must_use]
    pub fn docker() -> Self {
        Self(Kind::Docker)
    }

    /// Connaisseur's without `delegations`: only `targets/releases` if anything is delegated, else `targets`. Until something
    /// is published in `targets/releases`, `targets` counts.
    #[must_use]
    pub fn released() -> Self {
        Self(Kind::Released)
    }

    /// Every one of these delegations must hold it, all with one digest. `targets` never stands in for one of them.
    ///
    /// # Errors
    /// [`RuleError`] for no names, or one that stands twice.
    pub fn all_of(names: Vec<DelegationName>) -> Result<Self, RuleError> {
        distinct(names).map(|names| Self(Kind::AllOf(names)))
    }

    /// Delegations with at least this many distinct signing keys must agree on one digest: two delegations signed with one
    /// key count once. One that is broken or missing does not count, and its reason is told.
    ///
    /// # Errors
    /// [`RuleError`] for no names, one that stands twice, or a number that cannot be met.
    pub fn at_least(needed: usize, names: Vec<DelegationName>) -> Result<Self, RuleError> {
        let names = distinct(names)?;
        if (1..=names.len()).contains(&needed) {
            Ok(Self(Kind::AtLeast { needed, names }))
        } else {
            Err(RuleError::Count { needed, named: names.len() })
        }
    }
}

fn distinct(names: Vec<DelegationName>) -> Result<Vec<DelegationName>, RuleError> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(RuleError::Twice(twice.clone())),
        None if names.is_empty() => Err(RuleError::Nothing),
        None => Ok(names),
    }
}
