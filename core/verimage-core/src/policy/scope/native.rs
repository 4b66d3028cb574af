//! The scope language of native policies (docs: "Scopes").

use std::cmp::{Ordering, Reverse};

use super::Parts;
use crate::digest::Digest;
use crate::reference::{ImageRef, is_host, is_path_component};

/// A pattern over image references: `host/path[:tag][@digest]`.
///
/// Host: literal, `*.example.com` (one label more), `**.example.com` (one or more), `**` (any). Path: in a segment `*`
/// is any run without `/`; a last segment `**` is one or more segments. Tag: a glob; `:**`, or none, is any tag or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    host: HostPattern,
    path: PathPattern,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest).map_err(|error| error.to_string())?)),
            None => (text, None),
        };
        let (host, path) = rest.split_once('/').ok_or_else(|| suggestion(text))?;
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (path, None),
        };
        let tag = tag.map(parse_tag_glob).transpose()?.flatten();
        let host = HostPattern::parse(host).ok_or_else(|| suggestion(text))?;
        let path = PathPattern::parse(path)?;
        if host == HostPattern::Literal("docker.io".to_owned()) && path.segments.len() == 1 && !path.open {
            let name = path.segments.join("/");
            return Err(format!("Docker Hub's official images are below `library`; write `docker.io/library/{name}`"));
        }
        Ok(Self { host, path, tag, digest })
    }

    /// Whether the reference lies in this scope.
    pub(super) fn matches(&self, image: &ImageRef) -> bool {
        self.host.matches(&image.host().to_ascii_lowercase())
            && self.path.matches(image.path())
            && self.tag.as_ref().is_none_or(|glob| image.tag().is_some_and(|tag| glob_matches(glob, tag.as_str())))
            && self.digest.as_ref().is_none_or(|digest| image.digest() == Some(digest))
    }

    /// How narrow this scope is.
    pub(super) fn specificity(&self) -> Parts {
        Parts {
            digest: self.digest.is_some(),
            host: self.host.rank(),
            literal_segments: self.path.segments.iter().filter(|segment| !segment.contains('*')).count(),
            literal_characters: self.path.segments.iter().map(|segment| segment.replace('*', "").len()).sum(),
            closed: Reverse(self.path.open),
            tag: self.tag.as_ref().map_or(0, |tag| if tag.contains('*') { 1 } else { 2 }),
        }
    }

    /// Whether the reference lies in this scope if its digest turns out to be the one that the scope names.
    pub(super) fn matches_but_for_digest(&self, image: &ImageRef) -> bool {
        let Some(digest) = &self.digest else { return false };
        image.digest().is_none() && self.matches(&image.clone().with_digest(digest.clone()))
    }

    /// Whether this scope asks for a digest.
    pub(super) fn has_digest(&self) -> bool {
        self.digest.is_some()
    }

    /// The same for scopes that match the same references, whatever the spelling of host and tag.
    pub(super) fn canonical(&self) -> String {
        format!("{:?} {:?} {:?} {:?}", self.host, self.path, self.tag, self.digest)
    }

    /// Whether some image could lie in both scopes, whatever its tag and digest. May say yes where the answer is no.
    pub(super) fn may_overlap(&self, other: &Self) -> bool {
        self.host.may_overlap(&other.host) && self.path.may_overlap(&other.path)
    }

    /// The literal host and the literal first segment of the path, where there are such.
    pub(super) fn landmark(&self) -> (Option<&str>, Option<&str>) {
        let host = match &self.host {
            HostPattern::Literal(host) => Some(host.as_str()),
            _ => None,
        };
        (host, self.path.segments.first().map(String::as_str).filter(|segment| !segment.contains('*')))
    }

    /// The literal host with the literal segments at the beginning of the path.
    pub(super) fn beginning(&self) -> Option<String> {
        let HostPattern::Literal(host) = &self.host else { return None };
        let literal = self.path.segments.iter().take_while(|segment| !segment.contains('*'));
        Some(literal.fold(host.clone(), |beginning, segment| format!("{beginning}/{segment}")))
    }

    /// Whether this scope asks for a tag.
    pub(super) fn has_tag(&self) -> bool {
        self.tag.is_some()
    }

    /// Whether every image of `other` lies in this scope whatever its tag. May say no where the answer is yes.
    pub(super) fn covers_untagged(&self, other: &Self) -> bool {
        self.tag.is_none() && self.digest.is_none() && self.host.covers(&other.host) && self.path.covers(&other.path)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Literal(String),
    OneLabel(String),
    ManyLabels(String),
    Any,
}

impl HostPattern {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if text == "**" {
            return Some(Self::Any);
        }
        if let Some(suffix) = text.strip_prefix("**.") {
            return is_host(suffix).then(|| Self::ManyLabels(format!(".{suffix}")));
        }
        if let Some(suffix) = text.strip_prefix("*.") {
            return is_host(suffix).then(|| Self::OneLabel(format!(".{suffix}")));
        }
        let recognisable = text == "localhost" || text.contains(['.', ':']);
        (recognisable && is_host(&text)).then(|| Self::Literal(canonical_host(&text).to_owned()))
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == canonical_host(host),
            Self::OneLabel(suffix) => host.strip_suffix(suffix).is_some_and(|label| !label.is_empty() && !label.contains('.')),
            Self::ManyLabels(suffix) => host.strip_suffix(suffix).is_some_and(|labels| !labels.is_empty()),
            Self::Any => true,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Literal(host)) => self.matches(host),
            (Self::ManyLabels(outer), Self::OneLabel(inner) | Self::ManyLabels(inner)) => inner.ends_with(outer.as_str()),
            _ => self == other,
        }
    }

    fn may_overlap(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(host), pattern) | (pattern, Self::Literal(host)) => pattern.matches(host),
            _ => true,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 3,
            Self::OneLabel(_) => 2,
            Self::ManyLabels(_) => 1,
            Self::Any => 0,
        }
    }
}

/// Docker Hub has three names.
pub(in crate::policy) fn canonical_host(host: &str) -> &str {
    if matches!(host, "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { host }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PathPattern {
    segments: Vec<String>,
    open: bool,
}

impl PathPattern {
    fn parse(path: &str) -> Result<Self, String> {
        let (body, open) = match path.strip_suffix("/**") {
            Some(body) => (body, true),
            None if path == "**" => return Ok(Self { segments: Vec::new(), open: true }),
            None => (path, false),
        };
        let segments: Vec<String> = body.split('/').map(str::to_owned).collect();
        for segment in &segments {
            let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-' | b'*');
            if segment.is_empty() || !segment.bytes().all(allowed) {
                return Err(format!("`{segment}` cannot be part of a repository path (lower case, digits, `.`, `_`, `-`, `*`)"));
            }
            if !segment.contains('*') && !is_path_component(segment) {
                return Err(format!("`{segment}` is no part of a repository path, so the pattern can never match"));
            }
            if segment.contains("**") {
                return Err("`**` stands alone, as the last part of the path: `registry.example/team/**`".to_owned());
            }
        }
        Ok(Self { segments, open })
    }

    fn matches(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        let fixed = self.segments.iter().all(|segment| parts.next().is_some_and(|part| glob_matches(segment, part)));
        fixed && parts.next().is_some() == self.open
    }

    fn may_overlap(&self, other: &Self) -> bool {
        let literal = |text: &&String| !text.contains('*');
        let mut pairs = self.segments.iter().zip(&other.segments);
        let differ = pairs.any(|(mine, theirs)| literal(&mine) && literal(&theirs) && mine != theirs);
        let depth = match self.segments.len().cmp(&other.segments.len()) {
            Ordering::Less => self.open,
            Ordering::Equal => self.open == other.open,
            Ordering::Greater => other.open,
        };
        !differ && depth
    }

    /// A `*` of the other pattern is a character that only a `*` of this one can take.
    fn covers(&self, other: &Self) -> bool {
        let shared = self.segments.iter().zip(&other.segments).all(|(mine, theirs)| glob_matches(mine, theirs));
        let longer = other.segments.len() > self.segments.len();
        let depth = if self.open { longer || other.open } else { !other.open && !longer };
        shared && depth && other.segments.len() >= self.segments.len()
    }
}

fn parse_tag_glob(text: &str) -> Result<Option<String>, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'*');
    match text {
        "**" => Ok(None),
        "" => Err("the tag pattern is empty; leave the colon out for any tag".to_owned()),
        _ if text.bytes().all(allowed) => Ok(Some(text.to_owned())),
        _ => Err(format!("`{text}` cannot be a tag pattern (letters, digits, `.`, `_`, `-`, `*`)")),
    }
}

/// Whole-string match where `*` is any run of characters and `?` any one (scopes have none). Quadratic at worst, no
/// recursion.
pub(super) fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut at_glob, mut at_text) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at_text < text.len() {
        if glob.get(at_glob) == Some(&b'*') {
            at_glob += 1;
            retry = Some((at_glob, at_text));
        } else if glob.get(at_glob).is_some_and(|byte| *byte == b'?' || text.get(at_text) == Some(byte)) {
            at_glob += 1;
            at_text += 1;
        } else if let Some((glob_back, text_back)) = retry {
            at_glob = glob_back;
            at_text = text_back + 1;
            retry = Some((glob_back, text_back + 1));
        } else {
            return false;
        }
    }
    glob.iter().skip(at_glob).all(|byte| *byte == b'*')
}

fn suggestion(text: &str) -> String {
    match ImageRef::parse(text.split(['*', '@']).next().unwrap_or(text).trim_end_matches(['/', ':', '-', '.'])) {
        Ok(image) => format!("`{text}` does not begin with a registry host; write it in full, such as `{image}`"),
        Err(_) => format!("`{text}` is no pattern of the form `host/path[:tag]`, such as `registry.example/team/**`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn matches(pattern: &str, image: &str) -> bool {
        scope(pattern).matches(&ImageRef::parse(image).unwrap())
    }

    #[test]
    fn host_and_path_are_matched_apart_and_anchored() {
        assert!(matches("registry.k8s.io/**", "registry.k8s.io/a/b:1"));
        assert!(!matches("registry.k8s.io/**", "evil.example/registry.k8s.io/x:1"));
        assert!(!matches("registry.k8s.io/**", "registry.k8s.io.evil.example/x"));
        assert!(matches("*.example.com/a", "x.example.com/a") && !matches("*.example.com/a", "x.y.example.com/a"));
        assert!(matches("**.example.com/a", "x.y.example.com/a") && !matches("**.example.com/a", "example.com/a"));
        assert!(matches("Registry.Example/a", "REGISTRY.example/a"));
        assert!(matches("index.docker.io/library/*", "nginx"));
    }

    #[test]
    fn stars_stop_at_slashes_and_double_stars_do_not() {
        assert!(matches("quay.io/keycloak/keycloak*:**", "quay.io/keycloak/keycloak-operator"));
        assert!(!matches("quay.io/keycloak/*", "quay.io/keycloak/a/b"));
        assert!(matches("quay.io/keycloak/**", "quay.io/keycloak/a/b"));
        assert!(!matches("quay.io/keycloak/**", "quay.io/keycloak"));
        assert!(matches("quay.io/a*b*c/x", "quay.io/aXXbXbXc/x".to_lowercase().as_str()));
    }

    #[test]
    fn tags_match_as_written() {
        assert!(matches("r.example/a:v1*", "r.example/a:v1.2"));
        assert!(!matches("r.example/a:v1*", "r.example/a@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
        assert!(matches("r.example/a", "r.example/a:anything"));
    }

    #[test]
    fn more_specific_is_greater() {
        let ranked = [
            "**/**",
            "**.example/**",
            "*.example/**",
            "r.example/**",
            "r.example/a/**",
            "r.example/a/b*",
            "r.example/a/b",
            "r.example/a/b:v*",
            "r.example/a/b:v1",
        ];
        for pair in ranked.windows(2) {
            assert!(scope(pair[0]).specificity() < scope(pair[1]).specificity(), "{pair:?}");
        }
    }

    #[test]
    fn refuses_with_a_suggestion() {
        assert!(Pattern::parse("nginx").unwrap_err().contains("docker.io/library/nginx"));
        assert!(Pattern::parse("bitnami/redis*").unwrap_err().contains("docker.io/bitnami/redis"));
        for bad in [
            "**",
            "r.example/**/x",
            "r.example/a**",
            "r.example/A",
            "r.example/",
            "r.example/a:",
            "*/a",
            "..example/a",
            "docker.io/nginx",
            "r.example:port/a",
            "r[x].example/a",
            "r.example/-a",
            "r.example/a..b",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn covering_is_never_claimed_wrongly() {
        assert!(scope("r.example/a/**").covers_untagged(&scope("r.example/a/b*:v1")));
        assert!(scope("**/**").covers_untagged(&scope("*.example/a:v1")));
        assert!(!scope("r.example/a/*").covers_untagged(&scope("r.example/a/**:v1")));
        assert!(!scope("r.example/a/b").covers_untagged(&scope("r.example/a/b*:v1")));
        assert!(!scope("r.example/a:v1").covers_untagged(&scope("r.example/a:v1")));
    }
}
