//! The patterns of Kyverno (`imageReferences`).

use super::native::glob_matches;
use crate::reference::{ImageRef, MAX_REFERENCE_LENGTH};

/// A wildcard pattern over a whole reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KyvernoPattern(String);

impl KyvernoPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
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

    /// Whether the pattern is for the image.
    pub(super) fn matches_any_spelling(&self, image: &ImageRef) -> bool {
        spellings(image).iter().any(|text| glob_matches(&self.0, text))
    }

    /// Whether the pattern takes the image out of a rule.
    pub(super) fn matches_every_spelling(&self, image: &ImageRef) -> bool {
        spellings(image).iter().all(|text| glob_matches(&self.0, text))
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
    let official = image.path().strip_prefix("library/").filter(|name| image.host() == "docker.io" && !name.contains('/'));
    let short = official.map(|name| format!("docker.io/{name}{suffix}"));
    [format!("{}{suffix}", image.name())].into_iter().chain(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn kyverno(pattern: &str) -> KyvernoPattern {
        KyvernoPattern::parse(pattern).unwrap()
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
            assert_eq!(kyverno(pattern).matches_any_spelling(&image(reference)), expected, "{pattern} {reference}");
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
            assert_eq!(kyverno(pattern).matches_any_spelling(&image(reference)), expected, "{pattern} {reference}");
        }
    }

    /// `nginx` and `docker.io/library/nginx` are two texts there and one image here: a rule is for both, an exception for
    /// what it names in every spelling.
    #[test]
    fn spellings_of_official_images_make_no_gap() {
        for pattern in ["docker.io/nginx:*", "docker.io/library/nginx:*"] {
            let pattern = kyverno(pattern);
            assert!(pattern.matches_any_spelling(&image("nginx:1")) && pattern.matches_any_spelling(&image("docker.io/library/nginx:1")));
            assert!(!pattern.matches_every_spelling(&image("nginx:1")));
        }
        assert!(!kyverno("docker.io/a/b:*").matches_any_spelling(&image("docker.io/library/a/b:1")));
        assert!(
            kyverno("docker.io/*nginx:*").matches_every_spelling(&image("nginx:1"))
                && kyverno("r.example/a*").matches_every_spelling(&image("r.example/a:1"))
        );
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
            let message = KyvernoPattern::parse(pattern).unwrap_err();
            assert!(message.contains(instead), "{pattern}: {message}");
        }
    }
}
