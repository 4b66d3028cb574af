//! Image references: the grammar and the normalisation that the container ecosystem shares
//! (distribution/reference, `reference.go` and `normalize.go`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, DigestError};

/// The longest repository name in bytes; the host does not count.
pub const MAX_NAME_LENGTH: usize = 255;
/// The longest tag in bytes.
pub const MAX_TAG_LENGTH: usize = 128;
/// The longest reference that is looked at, in bytes.
pub const MAX_REFERENCE_LENGTH: usize = 4096;

/// A reference as the plain grammar reads it: nothing added, nothing folded.
///
/// The first path component is the host only if it looks like one to the grammar, so `test/repo` has the host `test`.
/// [`ImageRef`] is what a user means; this is what the text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawReference {
    /// The host with its port, or empty.
    pub host: String,
    /// The repository path below the host.
    pub path: String,
    /// The tag, if one is written.
    pub tag: Option<Tag>,
    /// The digest, if one is written.
    pub digest: Option<Digest>,
}

impl RawReference {
    /// Reads `name[:tag][@digest]`.
    ///
    /// # Errors
    /// [`ReferenceError`] names the first thing that the grammar does not allow.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let Parts { name, tag, digest } = Parts::split(text)?;
        let (host, path) = match name.split_once('/') {
            Some((first, rest)) if is_host(first) && is_path(rest) => (first, rest),
            _ => ("", name),
        };
        check_path(path)?;
        Ok(Self { host: host.to_owned(), path: path.to_owned(), tag, digest })
    }
}

/// A parsed image reference: host, repository path, tag and digest.
///
/// Docker Hub's short forms are filled in (`nginx` is `docker.io/library/nginx`), the host is kept as written.
///
/// ```
/// use verimage_core::ImageRef;
/// let image = ImageRef::parse("nginx:1.27")?;
/// assert_eq!(image.to_string(), "docker.io/library/nginx:1.27");
/// # Ok::<(), verimage_core::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef {
    host: String,
    path: String,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl ImageRef {
    /// Parses what a user types, with Docker Hub's defaults for host and namespace. No tag is added.
    ///
    /// # Errors
    /// [`ReferenceError`] names the first thing that the grammar does not allow.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if is_identifier(text) {
            return Err(ReferenceError::BareIdentifier);
        }
        let Parts { name, tag, digest } = Parts::split(text)?;
        let repository = Repository::parse(name)?;
        Ok(Self { host: repository.host, path: repository.path, tag, digest })
    }

    /// The host with its port, as written.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository path below the host.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and path, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    /// The repository that holds the image.
    pub fn repository(&self) -> Repository {
        Repository { host: self.host.clone(), path: self.path.clone() }
    }

    /// The tag, if one is written.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one is written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// This reference with `latest` as its tag if it names neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(Tag("latest".to_owned()));
        }
        self
    }

    /// This reference with `digest` in place of any that it names.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// The shortest text that means the same, as container tools print it.
    pub fn familiar(&self) -> String {
        let short = self.path.strip_prefix("library/").filter(|rest| !rest.contains('/')).unwrap_or(&self.path);
        let familiar = format!("{short}{}", self.suffix());
        // A path below Docker Hub can look like a host or an identifier; then only the full name means the same.
        if self.host == DEFAULT_HOST && Self::parse(&familiar).as_ref() == Ok(self) { familiar } else { self.to_string() }
    }

    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
        tag + &digest
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}{}", self.host, self.path, self.suffix())
    }
}

impl FromStr for ImageRef {
    type Err = ReferenceError;
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

impl Serialize for ImageRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A repository: a host and a path, without tag and digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    host: String,
    path: String,
}

impl Repository {
    /// Parses a repository name with Docker Hub's defaults.
    ///
    /// # Errors
    /// [`ReferenceError`] if the name is not one, or carries a tag or a digest.
    pub fn parse(name: &str) -> Result<Self, ReferenceError> {
        if name.len() > MAX_REFERENCE_LENGTH {
            return Err(ReferenceError::NameTooLong);
        }
        let (host, path) = split_host(name);
        if !is_host(host) {
            return Err(ReferenceError::Malformed { part: "host" });
        }
        let path = if host == DEFAULT_HOST && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        check_path(&path)?;
        Ok(Self { host: host.to_owned(), path })
    }

    /// The host with its port, as written.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path below the host.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.path)
    }
}

impl Serialize for Repository {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Repository {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A tag: 1 to 128 characters of `[A-Za-z0-9_.-]`, the first of them not `.` or `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

impl Tag {
    /// Parses a tag.
    ///
    /// # Errors
    /// [`ReferenceError::Malformed`] if a character or the length is not allowed.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if starts_well && text.len() <= MAX_TAG_LENGTH && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::Malformed { part: "tag" })
        }
    }

    /// The tag of a digest in the naming scheme of cosign and of the referrers fallback: `sha256-<hex><suffix>`.
    pub fn of_digest(digest: &Digest, prefix: &str, suffix: &str) -> Result<Self, ReferenceError> {
        Self::parse(&format!("{prefix}{}-{}{suffix}", digest.algorithm().name(), digest.hex()))
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Why a text is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// No repository name at all.
    #[error("the repository name is empty")]
    NameEmpty,
    /// The repository path is longer than [`MAX_NAME_LENGTH`] bytes.
    #[error("the repository name is longer than {MAX_NAME_LENGTH} characters")]
    NameTooLong,
    /// The repository path has an upper-case letter.
    #[error("a repository name is lower case")]
    NameUppercase,
    /// A part has a form or a character that the grammar does not have.
    #[error("the {part} is not well formed")]
    Malformed {
        /// `host`, `repository name` or `tag`.
        part: &'static str,
    },
    /// 64 hexadecimal digits alone could be an image identifier.
    #[error("64 hexadecimal digits are an image identifier, not a repository name")]
    BareIdentifier,
    /// The text behind `@` is no digest.
    #[error("{0}")]
    Digest(#[from] DigestError),
}

const DEFAULT_HOST: &str = "docker.io";
const DEFAULT_HOST_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

struct Parts<'a> {
    name: &'a str,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, ReferenceError> {
        if text.len() > MAX_REFERENCE_LENGTH {
            return Err(ReferenceError::NameTooLong);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (text, None),
        };
        let after_host = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest.get(after_host..).and_then(|last| last.split_once(':')) {
            Some((last, tag)) => (rest.get(..after_host + last.len()).unwrap_or(rest), Some(Tag::parse(tag)?)),
            None => (rest, None),
        };
        match (name, text) {
            ("", "") => Err(ReferenceError::NameEmpty),
            ("", _) => Err(ReferenceError::Malformed { part: "repository name" }),
            _ => Ok(Self { name, tag, digest }),
        }
    }
}

/// Which part of a typed name is the host: a first component with `.`, `:` or an upper-case letter, or `localhost`.
fn split_host(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, path)) if DEFAULT_HOST_ALIASES.contains(&first) => (DEFAULT_HOST, path),
        Some((first, path)) if looks_like_host(first) => (first, path),
        _ => (DEFAULT_HOST, name),
    }
}

fn looks_like_host(first: &str) -> bool {
    first == "localhost" || first.bytes().any(|byte| matches!(byte, b'.' | b':') || byte.is_ascii_uppercase())
}

fn is_identifier(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn is_host(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let hexadecimal = address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
        return hexadecimal && !address.is_empty() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    name.split('.').all(is_host_label) && port.is_none_or(is_port)
}

/// Whether a text is a DNS subdomain in lower case, of at most 253 bytes, as Kubernetes names objects ("Object Names and IDs").
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_host_label) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn is_path(path: &str) -> bool {
    path.split('/').all(is_path_component)
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.len() > MAX_NAME_LENGTH {
        Err(ReferenceError::NameTooLong)
    } else if is_path(path) {
        Ok(())
    } else if path.bytes().any(|byte| byte.is_ascii_uppercase()) && is_path(&path.to_ascii_lowercase()) {
        Err(ReferenceError::NameUppercase)
    } else {
        Err(ReferenceError::Malformed { part: "repository name" })
    }
}

/// Lower-case letters and digits, held together by `.`, `_`, `__` or any number of `-`.
pub(crate) fn is_path_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let edges = component.bytes().next().is_some_and(is_word) && component.bytes().last().is_some_and(is_word);
    let separators = component.split(|symbol: char| symbol.is_ascii_lowercase() || symbol.is_ascii_digit());
    edges && separators.into_iter().all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_the_defaults_of_docker_hub() {
        for (typed, full) in [
            ("nginx", "docker.io/library/nginx"),
            ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
            ("bitnami/redis", "docker.io/bitnami/redis"),
            ("localhost/app", "localhost/app"),
            ("Registry.Example/app", "Registry.Example/app"),
            ("[::1]:5000/app:v1", "[::1]:5000/app:v1"),
        ] {
            assert_eq!(ImageRef::parse(typed).unwrap().to_string(), full);
        }
        assert_eq!(ImageRef::parse("nginx").unwrap().with_default_tag().tag().unwrap().as_str(), "latest");
        assert_eq!(ImageRef::parse("docker.io/library/nginx").unwrap().familiar(), "nginx");
        for full in
            ["docker.io/localhost/app".to_owned(), format!("docker.io/library/{}", "a".repeat(64)), "docker.io/library/x.y/z".to_owned()]
        {
            let image = ImageRef::parse(&full).unwrap();
            assert_eq!(ImageRef::parse(&image.familiar()), Ok(image), "{full}");
        }
    }

    #[test]
    fn refuses_names_outside_the_grammar() {
        for bad in ["", ":tag", "a//b", "-a/b", "a..b/c", "https://a/b", "a/B", "a@sha256:12", "a:", "a:.x", "[fe80::1%eth0]:1/x"] {
            assert!(ImageRef::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(ImageRef::parse("registry.example/App"), Err(ReferenceError::NameUppercase));
        assert_eq!(ImageRef::parse(&"a".repeat(5000)), Err(ReferenceError::NameTooLong));
    }
}
