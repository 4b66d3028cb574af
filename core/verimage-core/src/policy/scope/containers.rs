//! The scopes of containers `policy.json`: names compared byte for byte, without patterns but for `*.` before a domain
//! (containers-policy.json(5), and `DockerReferenceNamespaces` of the library that reads it).

use std::cmp::Reverse;

use super::{Location, Parts};
use crate::reference::ImageRef;

/// The transport of images in registries.
const REGISTRY: &str = "docker";

/// `**` for everything, `TRANSPORT:` for all images of a transport, else `TRANSPORT:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Everything,
    Of { transport: String, name: String },
}

impl Name {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "**" {
            return Ok(Self::Everything);
        }
        match text.split_once(':') {
            Some((transport, name)) if !transport.is_empty() => Ok(Self::Of { transport: transport.to_owned(), name: name.to_owned() }),
            _ => Err(format!("`{text}` is neither `**` nor `TRANSPORT:SCOPE`, such as `docker:registry.example/team` or `docker:`")),
        }
    }

    pub(super) fn matches(&self, image: &ImageRef, location: &Location) -> bool {
        match (self, location) {
            (Self::Everything, _) => true,
            (Self::Of { transport, name }, Location::Registry) => {
                transport == REGISTRY && (name.is_empty() || covers_reference(name, image))
            }
            (Self::Of { transport, name }, Location::File { transport: own, path }) => {
                transport == own && (name.is_empty() || is_at_or_below(name, path))
            }
        }
    }

    /// Whether more lies in it than one name says. A path may be that of one repository, so it does not count.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Everything => true,
            Self::Of { name, .. } => !name.contains('/'),
        }
    }

    /// All names that match one image have different lengths; one of a repository or a host is narrower than one of a domain.
    pub(super) fn specificity(&self) -> Parts {
        let (host, length, of_a_transport) = match self {
            Self::Everything => (0, 0, false),
            Self::Of { name, .. } if name.is_empty() => (0, 0, true),
            Self::Of { name, .. } if name.starts_with("*.") => (1, name.len(), true),
            Self::Of { name, .. } => (3, name.len(), true),
        };
        Parts { digest: false, host, literal_segments: 0, literal_characters: length, closed: Reverse(!of_a_transport), tag: 0 }
    }
}

/// The reference as it was asked for, its repository, what is around it, its host; or a domain around the host without its port.
fn covers_reference(name: &str, image: &ImageRef) -> bool {
    let repository = image.name();
    let asked = match (image.tag(), image.digest()) {
        (Some(tag), _) => format!("{repository}:{tag}"),
        (None, Some(digest)) => format!("{repository}@{digest}"),
        (None, None) => repository.clone(),
    };
    let host = image.host().split(':').next().unwrap_or_default();
    let below_domain = name.strip_prefix('*').filter(|domain| domain.starts_with('.')).and_then(|domain| host.strip_suffix(domain));
    name == asked || is_at_or_below(name, &repository) || below_domain.is_some_and(|labels| !labels.is_empty())
}

fn is_at_or_below(name: &str, path: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(scope: &str, image: &str) -> bool {
        Name::parse(scope).unwrap().matches(&ImageRef::parse(image).unwrap().with_default_tag(), &Location::Registry)
    }

    /// Specification of the format, section 4.3.
    #[test]
    fn names_are_compared_byte_for_byte() {
        let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        for (scope, image, expected) in [
            ("docker:r.example/team/app:1.0", "r.example/team/app:1.0", true),
            ("docker:r.example/team/app:1.0", "r.example/team/app:1", false),
            ("docker:r.example/team/app:latest", "r.example/team/app", true),
            ("docker:r.example/team/app", "r.example/team/app:1.0", true),
            ("docker:r.example/team", "r.example/team/app:1.0", true),
            ("docker:r.example/te", "r.example/team/app:1.0", false),
            ("docker:r.example/team/", "r.example/team/app:1.0", false),
            ("docker:r.example", "r.example/team/app:1.0", true),
            ("docker:R.example", "r.example/team/app:1.0", false),
            ("docker:r.example", "r.example:5000/team/app", false),
            ("docker:r.example:5000", "r.example:5000/team/app", true),
            ("docker:*.example", "r.example:5000/team/app", true),
            ("docker:*.example:5000", "r.example:5000/team/app", false),
            ("docker:*.example", "a.b.example/x", true),
            ("docker:*.example", "example/x", false),
            ("docker:*.example.com", "example.com/x", false),
            ("docker:*.b.example", "a.b.example/x", true),
            ("docker:*.example/team", "r.example/team/app", false),
            ("docker:*", "r.example/a", false),
            ("docker:x.*.com", "x.y.com/a", false),
            ("docker:*.0.0.1", "127.0.0.1:5000/a", true),
            ("docker:docker.io/library/busybox", "busybox", true),
            ("docker:docker.io", "busybox", true),
            ("docker:busybox", "busybox", false),
            ("docker:index.docker.io", "busybox", false),
            ("docker:", "r.example/a", true),
            ("dir:", "r.example/a", false),
            ("atomic:r.example/a", "r.example/a", false),
            ("**", "r.example/a", true),
        ] {
            assert_eq!(matches(scope, image), expected, "{scope} {image}");
        }
        assert!(matches(&format!("docker:r.example/a@{digest}"), &format!("r.example/a@{digest}")));
        assert!(!matches("docker:r.example/a:1", &format!("r.example/a@{digest}")));
    }

    #[test]
    fn files_are_named_by_their_paths() {
        let image = ImageRef::parse("layout.invalid/unnamed").unwrap();
        let location = Location::File { transport: "oci".to_owned(), path: "/srv/images/app".to_owned() };
        for (scope, expected) in [
            ("oci:/srv/images/app", true),
            ("oci:/srv/images", true),
            ("oci:/srv/image", false),
            ("oci:/srv/images/app:v1", false),
            ("dir:/srv/images", false),
            ("oci:", true),
            ("docker:", false),
            ("docker:layout.invalid", false),
            ("**", true),
        ] {
            assert_eq!(Name::parse(scope).unwrap().matches(&image, &location), expected, "{scope}");
        }
    }

    #[test]
    fn the_narrowest_name_wins() {
        let ranked = [
            "**",
            "docker:",
            "docker:*.com",
            "docker:*.example.com",
            "docker:r.a.com",
            "docker:r.example.com/a",
            "docker:r.example.com/a:1",
        ];
        for pair in ranked.windows(2) {
            assert!(Name::parse(pair[0]).unwrap().specificity() < Name::parse(pair[1]).unwrap().specificity(), "{pair:?}");
        }
        for bad in ["", "*", "r.example/a", ":x"] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }
}
