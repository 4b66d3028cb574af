//! Verification levels and what they do with each check.

use std::fmt;

/// What is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerificationType {
    /// The signature, its headers and its chain.
    Integrity,
    /// Trust in the chain and in the identity of the signer.
    Authenticity,
    /// That the chain was valid when the signature was made.
    AuthenticTimestamp,
    /// That the signature has not expired.
    Expiry,
    /// That no certificate of the chain was revoked.
    Revocation,
}

impl VerificationType {
    /// All of them, in the order of the specification.
    pub const ALL: [Self; 5] = [Self::Integrity, Self::Authenticity, Self::AuthenticTimestamp, Self::Expiry, Self::Revocation];

    /// The name in trust policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
        }
    }
}

impl fmt::Display for VerificationType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What a failed check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It fails the signature.
    Enforce,
    /// It is told.
    Log,
    /// The check is not made.
    Skip,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Enforce, Self::Log, Self::Skip];

    /// The name in trust policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Log => "log",
            Self::Skip => "skip",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A level that a trust policy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LevelName {
    /// All is enforced.
    Strict,
    /// Integrity and authenticity are enforced. A registry can then serve an old signature of an old image.
    Permissive,
    /// Integrity is enforced. Anybody's signature will do.
    Audit,
    /// Nothing is looked at.
    Skip,
}

impl LevelName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Strict, Self::Permissive, Self::Audit, Self::Skip];

    /// The name in trust policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Permissive => "permissive",
            Self::Audit => "audit",
            Self::Skip => "skip",
        }
    }

    /// Trust store and trust policy specification, "Signature Verification details".
    fn action(self, check: VerificationType) -> Action {
        match (self, check) {
            (Self::Skip, _) => Action::Skip,
            (Self::Strict, _) | (_, VerificationType::Integrity) | (Self::Permissive, VerificationType::Authenticity) => Action::Enforce,
            _ => Action::Log,
        }
    }
}

/// A level, perhaps with overrides.
///
/// ```
/// use notation_rs::trust_policy::{Action, Level, LevelName, VerificationType};
///
/// let level = Level::new(LevelName::Permissive);
/// assert_eq!(level.action(VerificationType::Authenticity), Action::Enforce);
/// assert_eq!(level.action(VerificationType::Expiry), Action::Log);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    base: LevelName,
    overrides: Vec<(VerificationType, Action)>,
}

impl Level {
    /// A level without overrides.
    #[must_use]
    pub fn new(base: LevelName) -> Self {
        Self { base, overrides: Vec::new() }
    }

    /// The caller has checked that this may be overridden.
    pub(super) fn set(&mut self, check: VerificationType, action: Action) {
        self.overrides.push((check, action));
    }

    /// The level that the policy names, before overrides.
    #[must_use]
    pub fn base(&self) -> LevelName {
        self.base
    }

    /// The name of the level; `custom` if something is overridden.
    #[must_use]
    pub fn name(&self) -> &'static str {
        if self.overrides.is_empty() { self.base.as_str() } else { "custom" }
    }

    /// Whether nothing is looked at.
    #[must_use]
    pub fn is_skip(&self) -> bool {
        self.base == LevelName::Skip
    }

    /// What a failure of a check does.
    #[must_use]
    pub fn action(&self, check: VerificationType) -> Action {
        let own = self.overrides.iter().find(|(of, _)| *of == check).map(|(_, action)| *action);
        own.unwrap_or_else(|| self.base.action(check))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_specification() {
        use Action::{Enforce, Log, Skip};
        for (level, actions) in [
            (LevelName::Strict, [Enforce; 5]),
            (LevelName::Permissive, [Enforce, Enforce, Log, Log, Log]),
            (LevelName::Audit, [Enforce, Log, Log, Log, Log]),
            (LevelName::Skip, [Skip; 5]),
        ] {
            assert_eq!(VerificationType::ALL.map(|check| Level::new(level).action(check)), actions, "{level:?}");
        }
    }

    #[test]
    fn overrides_make_a_level_custom() {
        let mut level = Level::new(LevelName::Strict);
        assert_eq!(level.name(), "strict");
        level.set(VerificationType::Revocation, Action::Skip);
        assert_eq!((level.name(), level.base()), ("custom", LevelName::Strict));
        assert_eq!(level.action(VerificationType::Revocation), Action::Skip);
        assert_eq!(level.action(VerificationType::Expiry), Action::Enforce);
    }
}
