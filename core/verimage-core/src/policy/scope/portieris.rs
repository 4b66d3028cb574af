//! The patterns of Portieris (`repositories[].name`), which are compared with a reference as it was written.

use std::cmp::Ordering;

use super::native::glob_matches;
use super::spelling::spellings;
use crate::reference::{ImageRef, MAX_REFERENCE_LENGTH};

/// A wildcard pattern: `host/path`, each for itself, or without a slash for the whole reference. A tag or digest may stand
/// behind what it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortierisPattern {
    text: String,
    host: Option<String>,
    /// What is matched with the rest: alone, before a tag, before a digest.
    rests: [String; 3],
}

/// How narrow a pattern is for each spelling that a reference of the image may have had: the characters that are no wildcard,
/// and above all whether it is that spelling. Nothing for one that it does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Qualities(Vec<Option<(bool, usize)>>);

impl PortierisPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_REFERENCE_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("a pattern is 1 to {MAX_REFERENCE_LENGTH} printable ASCII characters without spaces"));
        }
        if let Some(sign) = text.chars().find(|sign| "?[]{}\\".contains(*sign)) {
            return Err(format!("`{sign}` is no wildcard of Portieris and stands in no reference, so this never matches: use `*`"));
        }
        if text.starts_with('/') || text.ends_with('/') {
            return Err(format!("`{text}` has no host or no path, so it never matches: write `host/path`"));
        }
        let (host, rest) = text.split_once('/').map_or((None, text), |(host, rest)| (Some(host.to_owned()), rest));
        Ok(Self { text: text.to_owned(), host, rests: ["", ":*", "@*"].map(|suffix| format!("{rest}{suffix}")) })
    }

    /// Whether the pattern is for the image, in some spelling of its reference.
    pub(super) fn matches_any_spelling(&self, image: &ImageRef) -> bool {
        spellings(image).iter().any(|text| self.fits(text))
    }

    /// Whether the pattern is for the image in every spelling of its reference.
    pub(super) fn matches_every_spelling(&self, image: &ImageRef) -> bool {
        spellings(image).iter().all(|text| self.fits(text))
    }

    /// How narrow the pattern is for the image.
    pub(super) fn qualities(&self, image: &ImageRef) -> Qualities {
        let length = self.text.bytes().filter(|byte| *byte != b'*').count();
        let quality = |text: &String| self.fits(text).then(|| (self.text == *text, length));
        Qualities(spellings(image).iter().map(quality).collect())
    }

    fn fits(&self, reference: &str) -> bool {
        let fits_rest = |rest: &str| self.rests.iter().any(|glob| glob_matches(glob, rest));
        match &self.host {
            None => fits_rest(reference),
            Some(host) => reference.split_once('/').is_some_and(|(found, rest)| glob_matches(host, found) && fits_rest(rest)),
        }
    }
}

impl Qualities {
    /// That of two patterns of one rule.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0.into_iter().zip(other.0).map(|(own, other)| own.max(other)).collect())
    }
}

/// A pattern is narrower than another only if it is so in each spelling that it matches, and the other matches those too: which
/// spelling was used is not known.
impl PartialOrd for Qualities {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let wins = |one: &Self, over: &Self| one.0.iter().zip(&over.0).all(|(one, over)| one.is_none() || (over.is_some() && one > over));
        match () {
            () if self == other => Some(Ordering::Equal),
            () if wins(self, other) => Some(Ordering::Greater),
            () if wins(other, self) => Some(Ordering::Less),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn pattern(text: &str) -> PortierisPattern {
        PortierisPattern::parse(text).unwrap()
    }

    fn image(text: &str) -> ImageRef {
        ImageRef::parse(&text.replace("@D", &format!("@{DIGEST}"))).unwrap()
    }

    fn compare(one: &str, other: &str, reference: &str) -> Option<Ordering> {
        pattern(one).qualities(&image(reference)).partial_cmp(&pattern(other).qualities(&image(reference)))
    }

    /// Portieris' own cases, and the bypass that it once had.
    #[test]
    fn host_and_path_are_matched_apart() {
        for (text, reference, expected) in [
            ("*.registry.example/myorg/*", "us.registry.example/myorg/foo:latest", true),
            ("registry*.example/myorg/*", "registry01.example/myorg/worker:v1", true),
            ("registry.example/myorg/*", "registry.example/myorg/a/b/c:1", true),
            ("*", "attacker.example/anything:latest", true),
            ("trusted.example/*", "trusted.example/myorg/image:demo", true),
            ("*.registry.example/myorg/*", "attacker.com/x.registry.example/myorg/malware:latest", false),
            ("registry*.example/myorg/*", "registry.attacker.com/x.example/myorg/evil", false),
            ("registry.example/myorg/*", "evilregistry.example/myorg/foo", false),
            ("trusted.example/*", "evil.io/trusted.example/myorg/myimage:demo", false),
            ("trusted.example/*", "trusted.example.evil.io/a", false),
            ("*/myorg/*", "r.example/myorg/a", true),
            ("r.example/a", "r.example/a:1", true),
            ("r.example/a", "r.example/a@D", true),
            ("r.example/a", "r.example/a:1@D", true),
            ("r.example/a", "r.example/ab:1", false),
            ("r.example/a:1", "r.example/a:1", true),
            ("r.example/a:1", "r.example/a:1@D", true),
            ("r.example/a:1", "r.example/a:2", false),
            ("r.example/a:v*", "r.example/a@D", false),
            ("R.example/a", "r.example/a", false),
            ("r.example/*", "R.Example/a", true),
        ] {
            assert_eq!(pattern(text).matches_any_spelling(&image(reference)), expected, "{text} {reference}");
        }
    }

    #[test]
    fn every_spelling_of_docker_hubs_images_counts() {
        for text in ["nginx", "nginx:latest", "library/nginx", "docker.io/nginx", "docker.io/library/*", "index.docker.io/*", "ngin*"] {
            assert!(pattern(text).matches_any_spelling(&image("nginx")), "{text}");
            assert!(!pattern(text).matches_every_spelling(&image("nginx")), "{text}");
        }
        assert!(pattern("*").matches_every_spelling(&image("nginx")));
        assert!(pattern("bitnami/redis").matches_any_spelling(&image("docker.io/bitnami/redis:7")));
        assert!(!pattern("nginx").matches_any_spelling(&image("bitnami/nginx")));
        assert!(!pattern("a/library/nginx").matches_any_spelling(&image("a.example/library/nginx")));
    }

    #[test]
    fn spellings_of_other_images_are_not_matched() {
        assert!(!pattern("trusted.example/*").matches_any_spelling(&image("docker.io/trusted.example/x")));
        assert!(!pattern("docker.io/a/*").matches_any_spelling(&image("docker.io/library/a/b")));
    }

    #[test]
    fn more_characters_win_and_exact_wins_over_all() {
        use Ordering::{Equal, Greater};
        for (more, less, reference) in [
            ("r.example/*", "*", "r.example/a/b:1"),
            ("r.example/a/*", "r.example/*", "r.example/a/b:1"),
            ("r.example/a/b", "r.example/a/*", "r.example/a/b:1"),
            ("r.example/a/b:1", "r.example/a/b:1*", "r.example/a/b:1"),
            ("docker.io/library/nginx", "*", "nginx"),
            ("docker.io/library/nginx", "docker.io/*", "nginx"),
            ("*nginx*", "*", "nginx"),
        ] {
            assert_eq!(compare(more, less, reference), Some(Greater), "{more} {less}");
        }
        assert_eq!(compare("r.example/a*", "r.example/*b", "r.example/ab"), Some(Equal));
    }

    /// In one spelling the one judges, in another the other: so both must.
    #[test]
    fn patterns_for_different_spellings_are_not_compared() {
        for (one, other) in [("docker.io/*", "nginx"), ("docker.io/nginx", "docker.io/library/nginx"), ("library/*", "docker.io/library/*")]
        {
            assert_eq!(compare(one, other, "nginx:1"), None, "{one} {other}");
        }
    }

    #[test]
    fn refuses_what_can_never_match() {
        for (text, why) in [
            ("r.example/a?", "`?`"),
            ("r.example/{a,b}", "`{`"),
            ("r.example/", "no path"),
            ("/a", "no host"),
            ("", "1 to 4096"),
            ("a b", "without spaces"),
        ] {
            let message = PortierisPattern::parse(text).unwrap_err();
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
