//! The name of a signed collection.

use std::fmt;

use thiserror::Error;

/// The globally unique name of a collection, such as `docker.io/library/alpine`: host and repository, case sensitive.
///
/// It becomes part of a URL and of the name of a state file, so everything that could leave its place there is refused.
///
/// ```
/// use verimage_tuf::Gun;
///
/// let gun = Gun::new("registry.example.com:5000/team/app")?;
/// assert!(gun.is_within("registry.example.com:5000/team"));
/// assert!(!gun.is_within("registry.example.com:5000/te"));
/// assert!(Gun::new("registry.example.com/../other").is_err());
/// # Ok::<(), verimage_tuf::GunError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gun(String);

/// Why a text is no name of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GunError {
    /// Nothing, or more than 255 bytes.
    #[error("the name of a collection has 1 to {} bytes, this one {length}", Gun::MAX_LENGTH)]
    Length {
        /// Bytes found.
        length: usize,
    },
    /// A part between slashes is empty, `.` or `..`.
    #[error("the name of a collection has an empty part, or one that is `.` or `..`")]
    Segment,
    /// A character that no name of a repository has.
    #[error("the name of a collection has the character {0:?}; letters, digits and `. - _ : /` may stand there")]
    Character(char),
}

impl Gun {
    /// Longest name in bytes.
    pub const MAX_LENGTH: usize = 255;

    /// Checks a name (specification section 1.2).
    ///
    /// # Errors
    /// [`GunError`] says what is wrong.
    pub fn new(text: &str) -> Result<Self, GunError> {
        if text.is_empty() || text.len() > Self::MAX_LENGTH {
            return Err(GunError::Length { length: text.len() });
        }
        let is_allowed = |character: char| character.is_ascii_alphanumeric() || "._-:/".contains(character);
        if let Some(character) = text.chars().find(|character| !is_allowed(*character)) {
            return Err(GunError::Character(character));
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(GunError::Segment);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is this one or lies below it, by whole parts: `docker.io/lib` does not hold `docker.io/library/x`.
    /// The reference compares characters, so that a pin for one holds for the other.
    #[must_use]
    pub fn is_within(&self, prefix: &str) -> bool {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        self.0.strip_prefix(prefix).is_some_and(|rest| !prefix.is_empty() && (rest.is_empty() || rest.starts_with('/')))
    }
}

impl fmt::Display for Gun {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cure53 TUF-01-004.
    #[test]
    fn names_cannot_leave_their_place() {
        for text in ["a/../b", "..", "/a", "a/", "a//b", "./a"] {
            assert_eq!(Gun::new(text), Err(GunError::Segment), "{text}");
        }
        for (text, character) in
            [("a*", '*'), ("a\0", '\0'), ("a b", ' '), ("a%2e", '%'), ("a?b", '?'), ("a#b", '#'), ("a\\b", '\\'), ("ä", 'ä')]
        {
            assert_eq!(Gun::new(text), Err(GunError::Character(character)), "{text}");
        }
        assert_eq!(Gun::new(""), Err(GunError::Length { length: 0 }));
        assert!(Gun::new(&"a".repeat(255)).is_ok() && Gun::new(&"a".repeat(256)).is_err());
    }

    #[test]
    fn prefixes_are_whole_parts() {
        let gun = Gun::new("docker.io/library-evil/x").unwrap();
        assert!(gun.is_within("docker.io") && gun.is_within("docker.io/") && gun.is_within("docker.io/library-evil/x"));
        for other in ["docker.io/lib", "docker.io/library", "", "/", "docker.io/library-evil/x/y"] {
            assert!(!gun.is_within(other), "{other}");
        }
    }
}
