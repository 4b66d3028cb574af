//! Names of roles and of their files.

use std::fmt;

use thiserror::Error;

/// A role of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RoleName {
    /// Whose keys count.
    Root,
    /// Which snapshot is the newest.
    Timestamp,
    /// Which files belong together.
    Snapshot,
    /// Which digest a tag has.
    Targets,
    /// The same, by somebody to whom `targets` delegated it.
    Delegation(DelegationName),
}

impl RoleName {
    /// Reads a name as metadata write it.
    ///
    /// # Errors
    /// [`DelegationNameError`] if it is neither one of the four nor a delegation.
    pub fn parse(text: &str) -> Result<Self, DelegationNameError> {
        match text {
            "root" => Ok(Self::Root),
            "timestamp" => Ok(Self::Timestamp),
            "snapshot" => Ok(Self::Snapshot),
            "targets" => Ok(Self::Targets),
            _ => DelegationName::new(text).map(Self::Delegation),
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => out.write_str("root"),
            Self::Timestamp => out.write_str("timestamp"),
            Self::Snapshot => out.write_str("snapshot"),
            Self::Targets => out.write_str("targets"),
            Self::Delegation(name) => name.fmt(out),
        }
    }
}

/// The name of a delegation, such as `targets/releases`: the path of the one who delegated, and one part more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DelegationName(String);

/// A text is no name of a delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a delegation is `targets/` and parts of small letters, digits, `-` and `_`, at most {} bytes long", DelegationName::MAX_LENGTH)]
pub struct DelegationNameError;

impl DelegationName {
    /// Longest name in bytes.
    pub const MAX_LENGTH: usize = 255;

    const PREFIX: &str = "targets/";

    /// Checks a name (specification section 2): one that is a clean path by its characters alone.
    ///
    /// # Errors
    /// [`DelegationNameError`].
    pub fn new(text: &str) -> Result<Self, DelegationNameError> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_allowed);
        let parts = text.strip_prefix(Self::PREFIX).filter(|_| text.len() <= Self::MAX_LENGTH).ok_or(DelegationNameError)?;
        if parts.split('/').all(is_part) { Ok(Self(text.to_owned())) } else { Err(DelegationNameError) }
    }

    /// Checks a name that may stand without `targets/`, as people write it.
    ///
    /// ```
    /// use verimage_tuf::DelegationName;
    /// assert_eq!(DelegationName::from_short("alice")?, DelegationName::new("targets/alice")?);
    /// # Ok::<(), verimage_tuf::DelegationNameError>(())
    /// ```
    ///
    /// # Errors
    /// [`DelegationNameError`].
    pub fn from_short(text: &str) -> Result<Self, DelegationNameError> {
        if text.starts_with(Self::PREFIX) { Self::new(text) } else { Self::new(&format!("{}{text}", Self::PREFIX)) }
    }

    /// `targets/releases`, which `docker trust` signs for.
    #[must_use]
    pub fn releases() -> Self {
        Self(format!("{}releases", Self::PREFIX))
    }

    /// The name as metadata write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The delegation that this one stands directly below; nothing if that is `targets` itself.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.0.rsplit_once('/')?;
        Self::new(parent).ok()
    }

    /// This delegation and all above it, the uppermost first.
    pub(crate) fn lineage(&self) -> Vec<Self> {
        let mut names: Vec<_> = std::iter::successors(Some(self.clone()), Self::parent).collect();
        names.reverse();
        names
    }
}

impl fmt::Display for DelegationName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A file as a notary server names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RoleFile {
    /// The newest file of a role.
    Current(RoleName),
    /// The file of a role with this SHA-256.
    ByHash(RoleName, [u8; 32]),
    /// The root with this version.
    RootVersion(u64),
}

impl RoleFile {
    /// The role whose file it is.
    #[must_use]
    pub fn role(&self) -> &RoleName {
        match self {
            Self::Current(role) | Self::ByHash(role, _) => role,
            Self::RootVersion(_) => &RoleName::Root,
        }
    }
}

/// The path behind `/v2/<GUN>/_trust/tuf/` (specification section 1).
impl fmt::Display for RoleFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current(role) => write!(out, "{role}.json"),
            Self::ByHash(role, hash) => write!(out, "{role}.{}.json", hex::encode(hash)),
            Self::RootVersion(version) => write!(out, "{version}.root.json"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delegations_are_clean_paths_below_targets() {
        for text in ["targets/releases", "targets/a/b-1/c_2"] {
            assert_eq!(DelegationName::new(text).unwrap().as_str(), text);
        }
        for text in
            ["targets", "targets/", "targets//a", "targets/a/", "targets/../root", "targets/A", "root", "targets/a.b", "targets/ä", ""]
        {
            assert_eq!(DelegationName::new(text), Err(DelegationNameError), "{text}");
        }
        assert!(DelegationName::new(&format!("targets/{}", "a".repeat(247))).is_ok());
        assert!(DelegationName::new(&format!("targets/{}", "a".repeat(248))).is_err());
    }

    #[test]
    fn lineage_begins_below_targets() {
        let name = DelegationName::new("targets/a/b").unwrap();
        let lineage: Vec<_> = name.lineage().iter().map(ToString::to_string).collect();
        assert_eq!(lineage, ["targets/a", "targets/a/b"]);
        assert_eq!(DelegationName::releases().parent(), None);
    }

    #[test]
    fn files_are_named_as_the_server_names_them() {
        let releases = RoleName::Delegation(DelegationName::releases());
        assert_eq!(RoleFile::Current(RoleName::Timestamp).to_string(), "timestamp.json");
        assert_eq!(RoleFile::RootVersion(3).to_string(), "3.root.json");
        assert_eq!(RoleFile::ByHash(releases, [0xab; 32]).to_string(), format!("targets/releases.{}.json", "ab".repeat(32)));
    }
}
