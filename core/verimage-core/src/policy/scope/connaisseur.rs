//! The patterns of Connaisseur (`policy[].pattern`).

use super::native::glob_matches;
use crate::reference::{ImageRef, MAX_REFERENCE_LENGTH};

/// What the other name of Docker Hub is called there.
const DOCKER_HUB: &str = "index.docker.io";

/// A wildcard pattern that matches a part of a whole reference: a `*` is put before and behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConnaisseurPattern {
    /// As it is written; this is what patterns are ranked by.
    text: String,
    /// With the wildcards around it, and the host in lower case; this is what is matched.
    glob: String,
}

/// How narrow a pattern is for an image: by how many parts between slashes it has, then by how much of each part of the image
/// it begins with, then by how long each of its parts is; parts further left count more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Components {
    count: usize,
    prefixes: Vec<usize>,
    lengths: Vec<usize>,
}

impl ConnaisseurPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_REFERENCE_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("a pattern is 1 to {MAX_REFERENCE_LENGTH} printable ASCII characters without spaces"));
        }
        if let Some(sign) = text.chars().find(|sign| "[]{}\\!".contains(*sign)) {
            return Err(format!(
                "`{sign}` of Connaisseur's patterns is not supported: write a rule for each alternative, with `*` and `?`"
            ));
        }
        if text.contains("registry-1.docker.io") {
            return Err("`registry-1.docker.io` is the same registry as `docker.io` here: write `docker.io`".to_owned());
        }
        let mut glob = fold_host(text);
        if !glob.starts_with('*') {
            glob.insert(0, '*');
        }
        if !glob.ends_with('*') {
            glob.push('*');
        }
        Ok(Self { text: text.to_owned(), glob })
    }

    /// Whether the pattern is for the image.
    pub(super) fn matches(&self, image: &ImageRef) -> bool {
        glob_matches(&self.glob, &full_name(image))
    }

    /// How narrow the pattern is for an image that it matches.
    pub(super) fn components(&self, image: &ImageRef) -> Components {
        let name = full_name(image);
        let pairs = self.text.split('/').zip(name.split('/').map(Some).chain(std::iter::repeat(None)));
        let prefixes = pairs.map(|(own, found)| common_prefix(own, found.unwrap_or_default())).collect();
        let lengths: Vec<_> = self.text.split('/').map(str::len).collect();
        Components { count: lengths.len(), prefixes, lengths }
    }
}

fn common_prefix(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

/// The image as Connaisseur writes it: Docker Hub by its other name, and both tag and digest where both are given.
fn full_name(image: &ImageRef) -> String {
    let host = if image.host() == "docker.io" { DOCKER_HUB.to_owned() } else { image.host().to_ascii_lowercase() };
    let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = image.digest().map(|digest| format!("@{digest}")).unwrap_or_default();
    let default = if tag.is_empty() && digest.is_empty() { ":latest" } else { "" };
    format!("{host}/{}{tag}{digest}{default}", image.path())
}

/// A pattern with its first part in lower case, if that looks like a host.
fn fold_host(text: &str) -> String {
    match text.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost") => {
            format!("{}/{path}", host.to_ascii_lowercase())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn pattern(text: &str) -> ConnaisseurPattern {
        ConnaisseurPattern::parse(text).unwrap()
    }

    fn image(text: &str) -> ImageRef {
        ImageRef::parse(&text.replace("@D", &format!("@{DIGEST}"))).unwrap()
    }

    /// The table of the specification, section 1.8, and the bypass that it names.
    #[test]
    fn patterns_match_anywhere_in_the_full_name() {
        for (text, reference, expected) in [
            ("registry.k8s.io/*:*", "registry.k8s.io/a/b:1", true),
            ("registry.k8s.io/*:*", "evil.example/registry.k8s.io/x:1", true),
            ("registry.k8s.io/*:*", "evilregistry.k8s.io/x:1", true),
            ("*registry.k8s.io/*:*", "evil.example/registry.k8s.io/x:1", true),
            ("registry.k8s.io/a", "registry.k8s.io/ab/c:1", true),
            ("docker.io/library/*:*", "nginx", true),
            ("docker.io/library/*:*", "docker.io/nginx:1", true),
            ("index.docker.io/library/*", "index.docker.io/nginx", true),
            ("docker.io/nginx*", "nginx", false),
            ("docker.io/bitnami/*", "bitnami/redis:7", true),
            ("*:latest", "r.example/a", true),
            ("*:latest", "r.example/a@D", false),
            ("r.example/a:v*", "r.example/a:v1@D", true),
            ("r.example/a:v*", "r.example/a@D", false),
            ("r.example/a@sha256:*", "r.example/a@D", true),
            ("r.example/a@sha256:*", "r.example/a:v1@D", false),
            ("*:*", "r.example/a@D", true),
            ("r.example/a:v?", "r.example/a:v1", true),
            ("r.example/a:v?", "r.example/a:v", false),
            ("r.example/*", "R.Example/a:1", true),
            ("R.Example/*", "r.example/a:1", true),
            ("r.example/A*", "r.example/a:1", false),
            ("r.example:5000/*", "r.example:5000/a", true),
        ] {
            assert_eq!(pattern(text).matches(&image(reference)), expected, "{text} {reference}");
        }
    }

    /// Connaisseur's own vectors; the right one wins.
    #[test]
    fn the_narrower_pattern_wins() {
        let sample = image("docker.io/securesystemsengineering/sample:v1");
        for (less, more) in [
            ("*:*", "*/*"),
            ("docker*/*", "*/*/*"),
            ("*", "*:*"),
            ("*/*", "docker*/*"),
            ("*/*/image:v1", "*/sam*/*"),
            ("index.docker.i*/s*", "index.docker.io/*"),
            ("docker.io/*", "docker.i*/s*"),
            ("*:test", "*/*"),
            ("securesystemsengineering/sample:*", "securesystemsengineering/sample:v*"),
            ("*", "docker.io/*"),
            ("docker.io/*/*", "index.docker.io/*/*"),
            ("r*/*", "index*/*"),
        ] {
            assert!(pattern(less).components(&sample) < pattern(more).components(&sample), "{less} {more}");
        }
        assert_eq!(pattern("*a*").components(&sample), pattern("*s*").components(&sample));
    }

    /// The same two patterns, and one or the other wins.
    #[test]
    fn the_image_says_which_pattern_is_narrower() {
        let (one, other) = (pattern("a*/b*"), pattern("b*/a*"));
        let image = image("a.example/b.example/b:1");
        assert!(one.components(&image) > other.components(&image));
        let image = self::image("b.example/a.example/b:1");
        assert!(one.components(&image) < other.components(&image));
    }

    #[test]
    fn refuses_what_it_would_misread() {
        for (text, why) in [
            ("r.example/{a,b}:*", "`{`"),
            ("r.example/[ab]:*", "`[`"),
            ("r.example/a\\*", "`\\`"),
            ("registry-1.docker.io/*", "`docker.io`"),
            ("a b", "without spaces"),
            ("", "1 to 4096"),
            ("r.exämple/*", "ASCII"),
        ] {
            let message = ConnaisseurPattern::parse(text).unwrap_err();
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
