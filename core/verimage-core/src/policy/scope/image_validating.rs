//! The patterns of Kyverno's `ImageValidatingPolicy` (`matchImageReferences[].glob`), which are compared with a reference as it
//! was written.

use super::native::glob_matches;
use super::spelling::spellings;
use crate::reference::{ImageRef, MAX_REFERENCE_LENGTH};

/// A wildcard pattern over a whole reference: `*` and `**` are any run of characters, `?` is any one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageValidatingPattern(String);

impl ImageValidatingPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_REFERENCE_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("a pattern is 1 to {MAX_REFERENCE_LENGTH} printable ASCII characters without spaces"));
        }
        if let Some(sign) = text.chars().find(|sign| "[]{}\\!".contains(*sign)) {
            return Err(format!("`{sign}` of these patterns is not supported: write a pattern for each alternative, with `*` and `?`"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the pattern is for the image, in some spelling of its reference.
    pub(super) fn matches_any_spelling(&self, image: &ImageRef) -> bool {
        spellings(image).iter().any(|text| glob_matches(&self.0, text))
    }

    /// Whether the pattern is for the image in every spelling of its reference.
    pub(super) fn matches_every_spelling(&self, image: &ImageRef) -> bool {
        spellings(image).iter().all(|text| glob_matches(&self.0, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn pattern(text: &str) -> ImageValidatingPattern {
        ImageValidatingPattern::parse(text).unwrap()
    }

    fn image(text: &str) -> ImageRef {
        ImageRef::parse(&text.replace("@D", &format!("@{DIGEST}"))).unwrap()
    }

    /// The table of the specification, section 1.8: anchored, over slashes, on the text as it is written.
    #[test]
    fn wildcards_are_for_the_whole_text() {
        for (text, reference, expected) in [
            ("ghcr.io/kyverno/test-verify-image*", "ghcr.io/kyverno/test-verify-image:signed", true),
            ("ghcr.io/kyverno/test-verify-image*", "ghcr.io/kyverno/test-verify-image/other:1", true),
            ("ghcr.io/*", "ghcr.io/a/b/c:1", true),
            ("ghcr.io/**", "ghcr.io/a/b/c@D", true),
            ("ghcr.io/*", "evil.example/ghcr.io/a:1", false),
            ("ghcr.io/*", "ghcr.io.evil.example/a:1", false),
            ("*ghcr.io/*", "evil.example/ghcr.io/a:1", true),
            ("r.example/a:v?", "r.example/a:v1", true),
            ("r.example/a:v?", "r.example/a:v10", false),
            ("r.example/a:v*", "r.example/a:v1@D", true),
            ("r.example/a:v*", "r.example/a@D", false),
            ("r.example/a", "r.example/a", true),
            ("r.example/a", "r.example/a:v1", false),
            ("nginx*", "nginx:1", true),
            ("*", "r.example/a:1", true),
        ] {
            assert_eq!(pattern(text).matches_any_spelling(&image(reference)), expected, "{text} {reference}");
        }
    }

    /// Kyverno does not see `nginx` in `docker.io/**`; here both are one image, and the rule is for it.
    #[test]
    fn spellings_make_no_gap() {
        for text in ["docker.io/**", "index.docker.io/*", "nginx*", "library/nginx*", "docker.io/nginx:latest"] {
            for reference in ["nginx", "docker.io/library/nginx:latest", "index.docker.io/library/nginx"] {
                assert!(pattern(text).matches_any_spelling(&image(reference)), "{text} {reference}");
            }
            assert!(!pattern(text).matches_every_spelling(&image("nginx")), "{text}");
        }
        assert!(pattern("*").matches_every_spelling(&image("nginx")));
    }

    #[test]
    fn refuses_what_it_would_misread() {
        for (text, why) in [
            ("r.example/{a,b}:*", "`{`"),
            ("r.example/[ab]:*", "`[`"),
            ("r.example/a\\*", "`\\`"),
            ("a b", "without spaces"),
            ("", "1 to 4096"),
        ] {
            let message = ImageValidatingPattern::parse(text).unwrap_err();
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
