//! Patterns over images in the language of the tool that they come from.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::Apply;
use super::scope::glob_matches;
use super::{Scope, Specificity};
use crate::reference::{ImageRef, MAX_REFERENCE_LENGTH};

/// The language of the patterns in `images` and `except`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Dialect {
    /// Scopes: `registry.example/team/**`.
    #[default]
    Native,
    /// Kyverno's: `*` is any run of characters of `registry/path:tag` or `registry/path@digest`, `?` is any one of them. Such
    /// a rule applies always, as every rule does there.
    Kyverno,
}

impl Dialect {
    pub(super) fn is_native(&self) -> bool {
        *self == Self::Native
    }

    /// Why a rule in this dialect cannot take part in this way.
    pub(super) fn refuses(self, apply: Apply) -> Option<&'static str> {
        let refused = self == Self::Kyverno && apply == Apply::Select;
        refused.then_some("in the dialect `kyverno` every rule that matches judges, none is selected: write `apply: always`")
    }
}

/// One pattern of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImagePattern {
    /// A scope.
    Native(Scope),
    /// A pattern of Kyverno.
    Kyverno(KyvernoPattern),
}

impl ImagePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(dialect: Dialect, text: &str) -> Result<Self, String> {
        match dialect {
            Dialect::Native => Scope::parse(text).map(Self::Native),
            Dialect::Kyverno => KyvernoPattern::parse(text).map(Self::Kyverno),
        }
    }

    /// Whether the pattern is for the image.
    pub fn matches(&self, image: &ImageRef) -> bool {
        match self {
            Self::Native(scope) => scope.matches(image),
            Self::Kyverno(pattern) => spellings(image).iter().any(|text| pattern.matches(text)),
        }
    }

    /// Whether the pattern takes the image out of a rule.
    pub(super) fn excepts(&self, image: &ImageRef) -> bool {
        match self {
            Self::Native(scope) => scope.matches(image),
            Self::Kyverno(pattern) => spellings(image).iter().all(|text| pattern.matches(text)),
        }
    }

    /// Whether the pattern speaks of the reference as it was asked for, whatever its digest turns out to be.
    pub(super) fn as_asked(&self) -> bool {
        matches!(self, Self::Kyverno(_))
    }

    /// How narrow the pattern is; all the same where the dialect knows no such thing.
    pub fn specificity(&self) -> Specificity {
        self.native().map(Scope::specificity).unwrap_or_default()
    }

    /// The pattern as a scope, if it is one.
    pub(crate) fn native(&self) -> Option<&Scope> {
        match self {
            Self::Native(scope) => Some(scope),
            Self::Kyverno(_) => None,
        }
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(scope) => scope.fmt(formatter),
            Self::Kyverno(pattern) => formatter.write_str(&pattern.0),
        }
    }
}

/// A wildcard pattern over a whole reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KyvernoPattern(String);

impl KyvernoPattern {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_REFERENCE_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("a pattern is 1 to {MAX_REFERENCE_LENGTH} printable ASCII characters without spaces"));
        }
        let first = text.split('/').next().unwrap_or_default();
        let is_host = first == "localhost" || first.contains(['.', ':', '*', '?']) || first.bytes().any(|byte| byte.is_ascii_uppercase());
        if !text.contains(['/', '*']) || (first != text && !is_host) {
            let message = "names no registry, and Kyverno puts one before every image, so it never matches";
            return Err(format!("`{text}` {message}: write `docker.io/{text}`"));
        }
        if !text.rsplit('/').next().unwrap_or_default().contains([':', '@', '*', '?']) {
            return Err(format!("`{text}` has neither tag nor digest, and every image has one, so it never matches: write `{text}:*`"));
        }
        Ok(Self(text.to_owned()))
    }

    fn matches(&self, text: &str) -> bool {
        glob_matches(&self.0, text)
    }
}

/// The image as Kyverno writes it, in each spelling that a reference of it may have had: Kyverno does not put `library/`
/// before the short names of Docker Hub, and which spelling was used is not kept.
fn spellings(image: &ImageRef) -> Vec<String> {
    let suffix = match (image.digest(), image.tag()) {
        (Some(digest), _) => format!("@{digest}"),
        (None, Some(tag)) => format!(":{tag}"),
        (None, None) => ":latest".to_owned(),
    };
    let official = image.path().strip_prefix("library/").filter(|_| image.host() == "docker.io");
    let short = official.map(|name| format!("docker.io/{name}{suffix}"));
    [format!("{}{suffix}", image.name())].into_iter().chain(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn kyverno(pattern: &str) -> ImagePattern {
        ImagePattern::parse(Dialect::Kyverno, pattern).unwrap()
    }

    fn image(text: &str) -> ImageRef {
        ImageRef::parse(&text.replace("@D", &format!("@{DIGEST}"))).unwrap()
    }

    #[test]
    fn wildcards_are_for_the_whole_reference() {
        for (pattern, reference, expected) in [
            ("registry.k8s.io/*", "registry.k8s.io/a/b:1", true),
            ("registry.k8s.io/*", "evil.example/registry.k8s.io/x:1", false),
            ("registry.k8s.io/*", "registry.k8s.io.evil.example/x:1", false),
            ("*registry.k8s.io/*", "evil.example/registry.k8s.io/x:1", true),
            ("registry.k8s.io*", "registry.k8s.io.evil.example/x:1", true),
            ("*", "r.example/a/b:1", true),
            ("*/b:*", "r.example/a/b:1", true),
            ("r.example/a*", "r.example/a/b:1", true),
            ("r.example/a:*", "r.example/a/b:1", false),
            ("r.example/a:v?", "r.example/a:v1", true),
            ("r.example/a:v?", "r.example/a:v", false),
            ("r.example/a:v?", "r.example/a:v10", false),
            ("r.example:5000/a:*", "r.example:5000/a:1", true),
            ("r.example/a:*", "r.example:5000/a:1", false),
            ("R.example/a:*", "r.example/a:1", false),
        ] {
            assert_eq!(kyverno(pattern).matches(&image(reference)), expected, "{pattern} {reference}");
        }
    }

    #[test]
    fn defaults_are_filled_in_and_a_digest_hides_the_tag() {
        for (pattern, reference, expected) in [
            ("r.example/a:latest", "r.example/a", true),
            ("r.example/a:v*", "r.example/a:v1@D", false),
            ("r.example/a:*", "r.example/a@D", false),
            ("r.example/a*", "r.example/a:v1@D", true),
            ("r.example/a@sha256:*", "r.example/a@D", true),
            ("docker.io/bitnami/redis:*", "bitnami/redis:7", true),
            ("docker.io/nginx:latest", "nginx", true),
            ("docker.io/*", "index.docker.io/bitnami/redis:7", true),
            ("localhost/a:*", "localhost/a:1", true),
        ] {
            assert_eq!(kyverno(pattern).matches(&image(reference)), expected, "{pattern} {reference}");
        }
    }

    /// `nginx` and `docker.io/library/nginx` are two texts there and one image here: a rule is for both, an exception for
    /// what it names in every spelling.
    #[test]
    fn spellings_of_official_images_make_no_gap() {
        for pattern in ["docker.io/nginx:*", "docker.io/library/nginx:*"] {
            let pattern = kyverno(pattern);
            assert!(pattern.matches(&image("nginx:1")) && pattern.matches(&image("docker.io/library/nginx:1")));
            assert!(!pattern.excepts(&image("nginx:1")));
        }
        assert!(kyverno("docker.io/*nginx:*").excepts(&image("nginx:1")) && kyverno("r.example/a*").excepts(&image("r.example/a:1")));
    }

    #[test]
    fn refuses_what_can_never_match() {
        for (pattern, instead) in [
            ("hashicorp/vault*", "docker.io/hashicorp/vault*"),
            ("nginx", "docker.io/nginx"),
            ("nginx:1", "docker.io/nginx:1"),
            ("r.example/a", "`r.example/a:*`"),
            ("*/a", "`*/a:*`"),
            ("a b/*", "without spaces"),
            ("", "1 to 4096"),
            ("r.exämple/*", "ASCII"),
        ] {
            let message = ImagePattern::parse(Dialect::Kyverno, pattern).unwrap_err();
            assert!(message.contains(instead), "{pattern}: {message}");
        }
    }
}
