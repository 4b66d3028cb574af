//! Whether the reference that a signature names fits the image, by the rules of containers `policy.json` ("signedIdentity").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reference::{ImageRef, ReferenceError, Repository, is_host, is_path};

/// Which reference a signature must name, as policies write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SignedIdentityDocument {
    /// The image's own by tag; of an image given by digest alone, any tag or digest of its repository.
    #[default]
    MatchRepoDigestOrExact,
    /// The image's own, tag and digest included.
    MatchExact,
    /// Anything in the image's repository: whoever serves the image may offer one tag for another.
    MatchRepository,
    /// This reference, whatever the image is called.
    ExactReference(String),
    /// Anything in this repository, whatever the image is called.
    ExactRepository(String),
    /// As `matchRepoDigestOrExact`, after the beginning of the image's name was replaced.
    RemapIdentity(RemapIdentityDocument),
}

/// How the name of a mirrored image becomes the name that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemapIdentityDocument {
    /// How the names of these images begin: `host[:port]` or `host[:port]/path`.
    pub prefix: String,
    /// How the signed names begin instead.
    pub signed_prefix: String,
}

/// Which reference a signature must name, its parts parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIdentity(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    RepoDigestOrExact,
    Exact,
    Repository,
    ThisReference(ImageRef),
    ThisRepository(Repository),
    Remapped(RemapIdentityDocument),
}

impl SignedIdentity {
    /// Reads the written form.
    ///
    /// # Errors
    /// The field below `signedIdentity` as a pointer, and a sentence on what does not fit.
    pub fn new(document: &SignedIdentityDocument) -> Result<Self, (&'static str, String)> {
        Ok(Self(match document {
            SignedIdentityDocument::MatchRepoDigestOrExact => Rule::RepoDigestOrExact,
            SignedIdentityDocument::MatchExact => Rule::Exact,
            SignedIdentityDocument::MatchRepository => Rule::Repository,
            SignedIdentityDocument::ExactReference(text) => {
                let reference = parse(text).map_err(|error| ("/exactReference", format!("`{text}`: {error}")))?;
                if is_name_only(&reference) {
                    return Err(("/exactReference", format!("`{text}` has neither a tag nor a digest")));
                }
                Rule::ThisReference(reference)
            }
            SignedIdentityDocument::ExactRepository(text) => {
                let refuse = |error: ReferenceError| ("/exactRepository", format!("`{text}`: {error}"));
                parse(text).map_err(refuse)?;
                Rule::ThisRepository(Repository::parse(text).map_err(refuse)?)
            }
            SignedIdentityDocument::RemapIdentity(remap) => {
                for (field, prefix) in [("/remapIdentity/prefix", &remap.prefix), ("/remapIdentity/signedPrefix", &remap.signed_prefix)] {
                    if !is_prefix(prefix) {
                        return Err((field, format!("`{prefix}` is no `host[:port]` or `host[:port]/path`")));
                    }
                }
                Rule::Remapped(remap.clone())
            }
        }))
    }

    /// Whether a signature that names `named` counts for `image`, the reference as it was asked for with its default tag.
    pub fn matches(&self, image: &ImageRef, named: &str) -> bool {
        let Ok(named) = parse(named) else { return false };
        match &self.0 {
            Rule::RepoDigestOrExact => repo_digest_or_exact(image, &named),
            Rule::Exact => exact(image, &named),
            Rule::Repository => image.repository() == named.repository(),
            Rule::ThisReference(reference) => exact(reference, &named),
            Rule::ThisRepository(repository) => *repository == named.repository(),
            Rule::Remapped(remap) => remap.apply(image).is_some_and(|image| repo_digest_or_exact(&image, &named)),
        }
    }

    /// Whether tags are not compared, so that one tag of the repository can stand for another.
    pub fn ignores_tags(&self) -> bool {
        matches!(self.0, Rule::Repository | Rule::ThisRepository(_))
    }
}

/// The grammar that signers of this kind keep to: only `.`, `:` or `localhost` make a host, an upper-case letter does not.
fn parse(text: &str) -> Result<ImageRef, ReferenceError> {
    let reference = ImageRef::parse(text)?;
    let is_host = reference.host() == "localhost" || reference.host().contains(['.', ':']);
    if is_host { Ok(reference) } else { Err(ReferenceError::NameUppercase) }
}

fn is_name_only(reference: &ImageRef) -> bool {
    reference.tag().is_none() && reference.digest().is_none()
}

fn exact(image: &ImageRef, named: &ImageRef) -> bool {
    !is_name_only(image) && image == named
}

/// The digest of an image that is given by digest alone was compared with the signature's already.
fn repo_digest_or_exact(image: &ImageRef, named: &ImageRef) -> bool {
    match (image.tag(), image.digest()) {
        _ if is_name_only(named) => false,
        (Some(_), _) => image == named,
        (None, Some(_)) => image.repository() == named.repository(),
        (None, None) => false,
    }
}

fn is_prefix(text: &str) -> bool {
    text.split_once('/').map_or_else(|| is_host(text), |(host, path)| is_host(host) && is_path(path))
}

impl RemapIdentityDocument {
    /// The name under which the image must have been signed; nothing if the replaced text is no full name.
    fn apply(&self, image: &ImageRef) -> Option<ImageRef> {
        let text = image.to_string();
        let rest = image.name().strip_prefix(&self.prefix).filter(|rest| rest.is_empty() || rest.starts_with('/')).map(str::len);
        if rest.is_none() {
            return Some(image.clone());
        }
        let remapped = format!("{}{}", self.signed_prefix, text.strip_prefix(&self.prefix)?);
        parse(&remapped).ok().filter(|image| image.to_string() == remapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const E: &str = "sha256:486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7";

    fn matches(rule: &SignedIdentityDocument, image: &str, named: &str) -> bool {
        let image = ImageRef::parse(&image.replace("@D", &format!("@{D}"))).unwrap();
        let named = named.replace("@D", &format!("@{D}")).replace("@E", &format!("@{E}"));
        SignedIdentity::new(rule).unwrap().matches(&image, &named)
    }

    /// The table of the specification, section 5.3: image, signature, exact, repoDigestOrExact, repository.
    #[test]
    fn the_three_kinds_over_the_image_itself() {
        for (image, named, exact, repo_digest, repository) in [
            ("busybox:latest", "docker.io/library/busybox:latest", true, true, true),
            ("busybox:1", "busybox:2", false, false, true),
            ("busybox:1", "busybox", false, false, true),
            ("busybox@D", "busybox:any", false, true, true),
            ("busybox@D", "busybox@D", true, true, true),
            ("busybox@D", "busybox@E", false, true, true),
            ("busybox@D", "busybox", false, false, true),
            ("busybox:1", "busybox@D", false, false, true),
            ("busybox:1@D", "busybox:1@D", true, true, true),
            ("busybox:1@D", "busybox:1", false, false, true),
            ("busybox:1", "notbusybox:1", false, false, false),
            ("busybox:1", "", false, false, false),
            ("busybox:1", "docker://busybox:1", false, false, false),
            ("busybox:1", " busybox:1", false, false, false),
            ("r.example/a:1", "R.example/a:1", false, false, false),
            ("r.example/a:1", "r.example:443/a:1", false, false, false),
            ("r.example/a:1", "r.example/A:1", false, false, false),
        ] {
            assert_eq!(matches(&SignedIdentityDocument::MatchExact, image, named), exact, "exact {image} {named}");
            assert_eq!(matches(&SignedIdentityDocument::MatchRepoDigestOrExact, image, named), repo_digest, "digest {image} {named}");
            assert_eq!(matches(&SignedIdentityDocument::MatchRepository, image, named), repository, "repository {image} {named}");
        }
    }

    #[test]
    fn exact_kinds_do_not_look_at_the_image() {
        let reference = SignedIdentityDocument::ExactReference("vendor.example/app:1".to_owned());
        let repository = SignedIdentityDocument::ExactRepository("vendor.example/app".to_owned());
        for (named, by_reference, by_repository) in [
            ("vendor.example/app:1", true, true),
            ("vendor.example/app:2", false, true),
            ("vendor.example/app", false, true),
            ("vendor.example/prod/app:1", false, false),
            ("mirror.example/app:1", false, false),
        ] {
            assert_eq!(matches(&reference, "mirror.example/app:1", named), by_reference, "{named}");
            assert_eq!(matches(&repository, "mirror.example/app:1", named), by_repository, "{named}");
        }
    }

    #[test]
    fn a_prefix_is_replaced_at_the_boundaries_of_a_name() {
        let remap = |prefix: &str, signed_prefix: &str| {
            SignedIdentityDocument::RemapIdentity(RemapIdentityDocument {
                prefix: prefix.to_owned(),
                signed_prefix: signed_prefix.to_owned(),
            })
        };
        for (prefix, signed, image, named, expected) in [
            ("mirror.example:8443/vendor", "vendor.example", "mirror.example:8443/vendor/app:1", "vendor.example/app:1", true),
            ("mirror.example:8443/vendor/app", "vendor.example/app", "mirror.example:8443/vendor/app:1", "vendor.example/app:1", true),
            ("mirror.example", "vendor.example", "mirror.example/app:1", "vendor.example/app:1", true),
            ("mirror.example", "vendor.example", "mirror.example:8443/app:1", "vendor.example/app:1", false),
            ("mirror.example/ven", "vendor.example", "mirror.example/vendor/app:1", "vendor.example/dor/app:1", false),
            ("mirror.example", "vendor.example", "mirror.example/app:1", "mirror.example/app:1", false),
            ("other.example", "vendor.example", "mirror.example/app:1", "mirror.example/app:1", true),
            ("mirror.example", "vendor.example", "mirror.example/app:1", "vendor.example/app:2", false),
            ("mirror.example", "vendor.example", "mirror.example/app:1", "vendor.example/app", false),
            ("mirror.example", "vendor.example", "mirror.example/app@D", "vendor.example/app:2", true),
            ("mirror.example/busybox", "busybox", "mirror.example/busybox:1", "docker.io/library/busybox:1", false),
            ("mirror.example/a", "docker.io/library/a", "mirror.example/a:1", "a:1", true),
        ] {
            assert_eq!(matches(&remap(prefix, signed), image, named), expected, "{prefix} {image} {named}");
        }
        for bad in ["", "mirror.example/", "mirror.example/a:1", "a b", "mirror.example/A", "https://mirror.example"] {
            assert!(
                SignedIdentity::new(&remap(bad, "a.example")).is_err() && SignedIdentity::new(&remap("a.example", bad)).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_can_never_match_is_refused() {
        assert!(SignedIdentity::new(&SignedIdentityDocument::ExactReference("a.example/b".to_owned())).is_err());
        assert!(SignedIdentity::new(&SignedIdentityDocument::ExactReference("UPPER/x:1".to_owned())).is_err());
        assert!(SignedIdentity::new(&SignedIdentityDocument::ExactRepository("a.example/b:1".to_owned())).is_err());
    }
}
