//! Platforms, and which manifests of an index they choose.

use std::fmt;
use std::str::FromStr;

use crate::manifest::{DOCKER_MANIFEST, Descriptor, DescriptorPlatform, Index, OCI_MANIFEST};

/// An operating system and processor architecture, as Go names them: `linux/amd64`, `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    fn fits(&self, found: &DescriptorPlatform) -> bool {
        let variant = self.variant.is_none() || self.variant == found.variant;
        self.os == found.os && self.architecture == found.architecture && variant
    }

    /// The first manifest of the index that is for this platform.
    pub(crate) fn choose<'a>(&self, index: &'a Index) -> Option<&'a Descriptor> {
        index.manifests.iter().find(|entry| entry.platform.as_ref().is_some_and(|platform| self.fits(platform)))
    }
}

/// Everything in the index that a node could be told to run. Only entries for the platform `unknown/unknown` are left
/// out, as builders write them for attestations; an annotation alone excuses nothing, because nodes choose by platform.
pub(crate) fn runnable(index: &Index) -> impl Iterator<Item = &Descriptor> {
    let nowhere = |platform: &DescriptorPlatform| platform.os == "unknown" && platform.architecture == "unknown";
    index.manifests.iter().filter(move |entry| !entry.platform.as_ref().is_some_and(nowhere))
}

/// Whether an entry is an image; an index within an index is not judged.
pub(crate) fn is_image(entry: &Descriptor) -> bool {
    matches!(entry.media_type.as_str(), OCI_MANIFEST | DOCKER_MANIFEST)
}

impl FromStr for Platform {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [os, architecture, rest @ ..] if rest.len() < 2 && parts.iter().all(|part| word(part)) => Ok(Self {
                os: (*os).to_owned(),
                architecture: (*architecture).to_owned(),
                variant: rest.first().map(|variant| (*variant).to_owned()),
            }),
            _ => Err("a platform is `os/architecture` or `os/architecture/variant`, such as `linux/amd64`"),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(formatter, "/{variant}"))
    }
}
