//! The patterns of sigstore's policy-controller (`images[].glob`).

use crate::digest::DigestAlgorithm;
use crate::reference::{ImageRef, MAX_REFERENCE_LENGTH};

const ALGORITHMS: [DigestAlgorithm; 3] = [DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512];
/// What the two shortest patterns stand for there.
const SHORT: [(&str, &str); 2] = [("*", "index.docker.io/library/*"), ("*/*", "index.docker.io/*/*")];
/// The hosts of Docker Hub; the first is the one that policy-controller writes.
const DOCKER_HUB: [&str; 3] = ["index.docker.io", "docker.io", "registry-1.docker.io"];
/// How many wildcards a pattern may have: each makes every comparison longer.
const MAX_WILDCARDS: usize = 32;

/// A wildcard pattern over a whole reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyControllerPattern {
    /// What stands before the first wildcard.
    prefix: String,
    rest: Vec<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `*`: any run without `/`.
    Run,
    /// `**`: any run.
    AnyRun,
}

/// A byte of a reference, or a hexadecimal digit that is not known yet.
#[derive(Clone, Copy)]
enum Symbol {
    Known(u8),
    HexDigit,
}

impl PolicyControllerPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:/*.@".contains(&byte);
        if text.is_empty() || text.len() > MAX_REFERENCE_LENGTH || !text.bytes().all(allowed) {
            return Err(format!(
                "a pattern is 1 to {MAX_REFERENCE_LENGTH} letters, digits and `-`, `_`, `:`, `/`, `*`, `.`, `@`; `*` is any run without `/`, `**` any run"
            ));
        }
        let is_broken = text.contains("//") || text.starts_with(['/', ':', '@', '.']) || text.ends_with(['/', ':', '@']);
        if is_broken || (!text.contains('*') && ImageRef::parse(text).is_err()) {
            return Err(format!("`{text}` fits no image reference, so it never matches: write `registry.example/team/**`"));
        }
        if text.bytes().filter(|byte| *byte == b'*').count() > MAX_WILDCARDS {
            return Err(format!("a pattern has at most {MAX_WILDCARDS} stars"));
        }
        let pattern = Self::read(text);
        if !pattern.may_match_a_digest() {
            let message = "matches no digest, and policy-controller looks at images by their digests, so it never matches";
            return Err(format!("`{text}` {message}: write `{}`", without_tag(text)));
        }
        Ok(pattern)
    }

    fn read(text: &str) -> Self {
        let full = SHORT.iter().find(|(short, _)| *short == text).map_or(text, |(_, full)| full);
        let (prefix, rest) = full.split_at(full.find('*').unwrap_or(full.len()));
        Self { prefix: prefix.to_owned(), rest: tokens(rest) }
    }

    /// Whether some name with a digest behind it has this pattern. Read from its end, so that the digest comes first.
    fn may_match_a_digest(&self) -> bool {
        let mut backwards: Vec<_> = self.rest.iter().copied().rev().collect();
        backwards.extend(self.prefix.bytes().rev().map(Token::Byte));
        let reversed = Self { prefix: String::new(), rest: backwards };
        ALGORITHMS.into_iter().any(|algorithm| {
            let digits = std::iter::repeat_n(Symbol::HexDigit, algorithm.length() * 2);
            let known: Vec<u8> = format!("@{}:", algorithm.name()).bytes().rev().collect();
            let reached = reversed.places_behind(digits.chain(known.into_iter().map(Symbol::Known)));
            reached.iter().filter_map(|at| reversed.rest.get(*at..)).any(may_be_name_backwards)
        })
    }

    /// Whether the pattern is for the image in one of the spellings that a reference of it may have had.
    pub(super) fn matches_any_spelling(&self, image: &ImageRef) -> bool {
        spellings(image).iter().any(|text| self.matches(text))
    }

    /// Whether the pattern is for the image in all of them.
    pub(super) fn matches_every_spelling(&self, image: &ImageRef) -> bool {
        spellings(image).iter().all(|text| self.matches(text))
    }

    /// Whether the pattern is not for the image as it was asked for, and may be for its digest.
    pub(super) fn matches_but_for_digest(&self, image: &ImageRef) -> bool {
        image.digest().is_none() && !self.matches_any_spelling(image) && names(image).iter().any(|name| self.may_match_digest_of(name))
    }

    fn matches(&self, text: &str) -> bool {
        let rest = text.strip_prefix(self.prefix.as_str());
        rest.is_some_and(|rest| self.rest_matches(rest.bytes().map(Symbol::Known)))
    }

    fn may_match_digest_of(&self, name: &str) -> bool {
        ALGORITHMS.into_iter().any(|algorithm| {
            let known = format!("{name}@{}:", algorithm.name());
            if !known.starts_with(&self.prefix) && !self.prefix.starts_with(&known) {
                return false;
            }
            let digits = std::iter::repeat_n(Symbol::HexDigit, algorithm.length() * 2);
            let mut symbols = known.bytes().map(Symbol::Known).chain(digits);
            let begins = self.prefix.bytes().all(|byte| symbols.next().is_some_and(|symbol| fits(byte, symbol)));
            begins && self.rest_matches(symbols)
        })
    }

    fn rest_matches(&self, symbols: impl Iterator<Item = Symbol>) -> bool {
        self.places_behind(symbols).contains(&self.rest.len())
    }

    /// Follows every way through the pattern at once: the time is bounded by the product of both lengths.
    fn places_behind(&self, symbols: impl Iterator<Item = Symbol>) -> Vec<usize> {
        let mut reached = self.with_empty_runs([0].into());
        for symbol in symbols {
            let next = reached.iter().filter_map(|&at| match self.rest.get(at)? {
                Token::Byte(byte) => fits(*byte, symbol).then(|| at.saturating_add(1)),
                Token::Run => (!matches!(symbol, Symbol::Known(b'/'))).then_some(at),
                Token::AnyRun => Some(at),
            });
            reached = self.with_empty_runs(next.collect());
            if reached.is_empty() {
                break;
            }
        }
        reached
    }

    /// A run may be empty, so whoever stands before it stands behind it as well. The places are in rising order.
    fn with_empty_runs(&self, places: Vec<usize>) -> Vec<usize> {
        let mut all: Vec<usize> = Vec::with_capacity(places.len());
        for mut at in places {
            while all.last().is_none_or(|last| *last < at) {
                all.push(at);
                if !matches!(self.rest.get(at), Some(Token::Run | Token::AnyRun)) {
                    break;
                }
                at = at.saturating_add(1);
            }
        }
        all
    }
}

fn fits(byte: u8, symbol: Symbol) -> bool {
    match symbol {
        Symbol::Known(known) => known == byte,
        Symbol::HexDigit => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    }
}

/// Whether this, read from its end, may be a name without tag and digest.
fn may_be_name_backwards(tokens: &[Token]) -> bool {
    let of_path = tokens.iter().take_while(|token| !matches!(token, Token::Byte(b'/') | Token::AnyRun));
    let is_sign = |sign: u8| move |token: &Token| *token == Token::Byte(sign);
    !tokens.is_empty() && !of_path.into_iter().any(is_sign(b':')) && !tokens.iter().any(is_sign(b'@'))
}

/// The pattern with any digest in the place of the tag.
fn without_tag(text: &str) -> String {
    let path = text.rfind('/').map_or(0, |slash| slash.saturating_add(1));
    let end = text.get(path..).and_then(|name| name.find(':')).map_or(text.len(), |colon| path.saturating_add(colon));
    format!("{}@*", text.get(..end).unwrap_or(text))
}

/// From the left, two stars are one run that crosses `/`.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let (token, behind) = match (first, behind) {
            (b'*', [b'*', behind @ ..]) => (Token::AnyRun, behind),
            (b'*', _) => (Token::Run, behind),
            (byte, _) => (Token::Byte(*byte), behind),
        };
        tokens.push(token);
        rest = behind;
    }
    tokens
}

/// The image as policy-controller sees it, and as it may have been written: which spelling it was is not kept. A digest
/// hides the tag; `latest` may have been left out.
fn spellings(image: &ImageRef) -> Vec<String> {
    let suffixes = match (image.digest(), image.tag()) {
        (Some(digest), _) => vec![format!("@{digest}")],
        (None, Some(tag)) if tag.as_str() != "latest" => vec![format!(":{tag}")],
        (None, _) => vec![":latest".to_owned(), String::new()],
    };
    names(image).iter().flat_map(|name| suffixes.iter().map(move |suffix| format!("{name}{suffix}"))).collect()
}

/// The name with each host, and without one where that means the same repository.
fn names(image: &ImageRef) -> Vec<String> {
    let lower = image.host().to_ascii_lowercase();
    let official = image.path().strip_prefix("library/").filter(|name| !name.contains('/'));
    let paths: Vec<_> = [image.path()].into_iter().chain(official).collect();
    let mut names = vec![image.name()];
    if DOCKER_HUB.contains(&lower.as_str()) {
        names.extend(DOCKER_HUB.iter().flat_map(|host| paths.iter().map(move |path| format!("{host}/{path}"))));
        names.extend(paths.iter().filter(|path| is_on_docker_hub(path, image)).map(|path| (*path).to_owned()));
    } else {
        names.push(format!("{lower}/{}", image.path()));
    }
    names.dedup();
    names
}

/// A path can look like a host; then it means something else without one.
fn is_on_docker_hub(path: &str, image: &ImageRef) -> bool {
    ImageRef::parse(path).is_ok_and(|parsed| parsed.host() == "docker.io" && parsed.path() == image.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    /// Without the check that the pattern can match a digest: what it matches is told apart here by tags as well.
    fn pattern(text: &str) -> PolicyControllerPattern {
        PolicyControllerPattern::read(text)
    }

    fn image(text: &str) -> ImageRef {
        ImageRef::parse(&text.replace("@D", &format!("@{DIGEST}"))).unwrap()
    }

    /// The table of policy-controller's own tests (`pkg/apis/glob`).
    #[test]
    fn matches_what_policy_controller_matches() {
        for (reference, globs, expected) in [
            (
                "foo",
                &[
                    "index.docker.io/library/foo:latest",
                    "index.docker.io/library/foo:*",
                    "index.docker.io/library/*",
                    "index.docker.io/library/*:latest",
                    "index.docker.io/*/*",
                    "index.docker.io/**",
                    "index.docker.**",
                    "inde**",
                    "**",
                    "foo",
                    "foo*",
                    "foo**",
                    "*",
                ][..],
                true,
            ),
            ("myuser/myapp", &["index.docker.io/myuser/*", "index.docker.io/*/*:latest", "myuser/myapp", "myuser/myapp*", "*/*"], true),
            ("myuser/myapp", &["*", "index.docker.io/*", "index.docker.io/library/*"], false),
            ("ghcr.io/foo/bar", &["ghcr.io/*/*", "ghcr.io/**", "ghcr.io/foo/bar:*", "*/foo/*", "***"], true),
            ("ghcr.io/foo", &["ghcr.io/**", "ghc**", "**", "*/**", "ghcr.io/foo*", "ghcr.io/foo**"], true),
            ("ghcr.io/foo", &["ghcr.io/*/*", "*", "*/*/*"], false),
            ("prefix-ghcr.io/foo", &["ghcr.io/foo", "ghcr.io/**"], false),
            ("ghcr.io/foo-suffix", &["ghcr.io/foo", "ghcr.io/foo:*"], false),
            ("ghcrxio.example/foo", &["ghcr.io/**", "ghcr.io.example/**"], false),
        ] {
            for glob in globs {
                assert_eq!(pattern(glob).matches_any_spelling(&image(reference)), expected, "{glob} {reference}");
            }
        }
    }

    #[test]
    fn stars_stop_at_slashes_and_cross_colons_and_at_signs() {
        for (glob, reference, expected) in [
            ("r.example/a*", "r.example/a:1", true),
            ("r.example/a*", "r.example/a@D", true),
            ("r.example/a*", "r.example/a/b:1", false),
            ("r.example/a**", "r.example/a/b:1", true),
            ("r.example/*/b:v*", "r.example/a/b:v1", true),
            ("r.example/*/b:v*", "r.example/a/c/b:v1", false),
            ("r.example/**/b:v*", "r.example/a/c/b:v1", true),
            ("r.example/**", "r.example:5000/a:1", false),
            ("r.example*/a:1", "r.example:5000/a:1", true),
            ("r.example/a*b*c:1", "r.example/aXbXbXc:1", true),
        ] {
            let reference = reference.to_lowercase().replace("@d", "@D");
            assert_eq!(pattern(glob).matches_any_spelling(&image(&reference)), expected, "{glob} {reference}");
        }
    }

    /// Without anchors each of these would let a stranger's image pass for the one that is meant.
    #[test]
    fn patterns_are_anchored() {
        let trusted = pattern("registry.k8s.io/**");
        for reference in [
            "evil.example/registry.k8s.io/x:1",
            "registry.k8s.io.evil.example/x:1",
            "registry-k8s.io/x:1",
            "a.registry.k8s.io/x:1",
            "registry.k8s.io:5000/x:1",
        ] {
            assert!(!trusted.matches_any_spelling(&image(reference)), "{reference}");
        }
    }

    #[test]
    fn a_digest_hides_the_tag() {
        for (glob, reference, expected) in [
            ("r.example/a:v1*", "r.example/a:v1.2", true),
            ("r.example/a:v1*", "r.example/a:v1.2@D", false),
            ("r.example/a:**", "r.example/a@D", false),
            ("r.example/a", "r.example/a@D", false),
            ("r.example/a", "r.example/a", true),
            ("r.example/a", "r.example/a:1", false),
            ("r.example/a@*", "r.example/a:v1@D", true),
            ("r.example/a@sha256:2cf2*", "r.example/a@D", true),
            ("r.example/a@sha256:0*", "r.example/a@D", false),
        ] {
            assert_eq!(pattern(glob).matches_any_spelling(&image(reference)), expected, "{glob} {reference}");
        }
    }

    /// policy-controller asks the registry for the digest first; a pattern may wait for it.
    #[test]
    fn patterns_of_digests_wait_for_them() {
        for (glob, reference, expected) in [
            ("r.example/a@*", "r.example/a:v1", true),
            ("r.example/a@sha256:2cf2*", "r.example/a", true),
            ("index.docker.io/library/nginx@sha256:*", "nginx", true),
            ("r.example/a@sha256:g*", "r.example/a:v1", false),
            ("r.example/b@*", "r.example/a:v1", false),
            ("r.example/a:v1*", "r.example/a:v2", false),
            ("r.example/**", "r.example/a:v1", false),
            ("r.example/a@*", "r.example/a@D", false),
            (&format!("r.example/a@{DIGEST}"), "r.example/a:v1", true),
        ] {
            assert_eq!(pattern(glob).matches_but_for_digest(&image(reference)), expected, "{glob} {reference}");
        }
    }

    /// One image, one answer: which spelling of Docker Hub or of the host was used is not kept.
    #[test]
    fn spellings_make_no_gap() {
        for glob in ["nginx*", "library/nginx*", "docker.io/nginx:1", "index.docker.io/library/nginx*", "registry-1.docker.io/**"] {
            for reference in ["nginx:1", "docker.io/library/nginx:1", "index.docker.io/nginx:1", "Docker.IO/library/nginx:1"] {
                assert!(pattern(glob).matches_any_spelling(&image(reference)), "{glob} {reference}");
            }
        }
        assert!(pattern("r.example/**").matches_any_spelling(&image("R.Example/a:1")));
        assert!(pattern("R.Example/**").matches_any_spelling(&image("R.Example/a:1")));
        assert!(!pattern("nginx*").matches_every_spelling(&image("nginx:1")) && pattern("**").matches_every_spelling(&image("nginx:1")));
    }

    /// `docker.io/localhost/app` cannot be written as `localhost/app`, which is somebody else's.
    #[test]
    fn a_path_that_looks_like_a_host_is_no_spelling() {
        for (glob, reference) in [("localhost/app*", "docker.io/localhost/app:1"), ("x.y/z*", "docker.io/x.y/z:1")] {
            assert!(!pattern(glob).matches_any_spelling(&image(reference)), "{glob} {reference}");
        }
        assert!(!pattern("b:1").matches_any_spelling(&image("docker.io/a/b:1")));
        assert!(!pattern("a/b:1").matches_any_spelling(&image("docker.io/library/a/b:1")));
    }

    /// policy-controller puts the digest in the place of the tag before it compares.
    #[test]
    fn patterns_that_match_no_digest_are_refused() {
        let full = format!("r.example/a@{DIGEST}");
        for text in [
            "*",
            "*/*",
            "**",
            "r.example/a*",
            "r.example/**",
            "r.example:5000/a@*",
            "r.example/*:*",
            "r.example/a@sha256:2c*",
            &full,
            "**a",
        ] {
            assert!(PolicyControllerPattern::parse(text).is_ok(), "{text}");
        }
        for (text, instead) in [
            ("r.example/a", "`r.example/a@*`"),
            ("r.example/a:v1", "`r.example/a@*`"),
            ("r.example/a:v1*", "`r.example/a@*`"),
            ("r.example/a:*", "`r.example/a@*`"),
            ("r.example/**:v1*", "`r.example/**@*`"),
            ("r.example/*:latest", "`r.example/*@*`"),
            ("index.docker.io/library/nginx:1*", "`index.docker.io/library/nginx@*`"),
            ("r.example/a@sha256:g*", "never matches"),
            ("**z", "never matches"),
            ("r.example/a@b@*", "never matches"),
        ] {
            let message = PolicyControllerPattern::parse(text).unwrap_err();
            assert!(message.contains(instead) && message.contains("never matches"), "{text}: {message}");
        }
        assert!(PolicyControllerPattern::parse(&format!("r.example/{}", "a*".repeat(33))).unwrap_err().contains("at most 32"));
    }

    #[test]
    fn refuses_other_characters_and_what_can_never_match() {
        for text in ["", ".+", "[a-z]*", "r.example/a?", "r.example/a b", "r.exämple/*", "a{b,c}"] {
            assert!(PolicyControllerPattern::parse(text).unwrap_err().contains("letters, digits"), "{text}");
        }
        for text in ["r.example//a*", "/a*", "r.example/", "r.example/*:", "r.example/*@", "r.example/A:1", "r.example/a@sha256:12"] {
            assert!(PolicyControllerPattern::parse(text).unwrap_err().contains("never matches"), "{text}");
        }
    }
}
