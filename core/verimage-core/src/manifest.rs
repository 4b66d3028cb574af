//! Image manifests and indexes (OCI image specification 1.1, and Docker's schema 2 twins).

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::digest::Digest;
use crate::json;

/// Media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of a Docker manifest list.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest or an index, told apart by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// One image, or one artifact such as a list of signatures.
    Image(ImageManifest),
    /// A list of manifests.
    Index(Index),
}

impl Manifest {
    /// The media type that the document itself says, if it says one.
    pub fn media_type(&self) -> Option<&str> {
        match self {
            Self::Image(manifest) => manifest.media_type.as_deref(),
            Self::Index(index) => index.media_type.as_deref(),
        }
    }

    /// Reads a manifest. A document that is both kinds at once, or whose media type says another kind, is refused
    /// (OCI image specification, "Preventing Type Confusion").
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = json::strict(bytes).map_err(|error| format!("the manifest is not strict JSON: {error}"))?;
        let members: Members = serde_json::from_str(text).map_err(|error| format!("the manifest does not fit: {error}"))?;
        match (members.manifests.is_some(), members.layers.is_some() || members.config.is_some() || members.fs_layers.is_some()) {
            (true, true) => Err("the manifest is an index and an image at once".to_owned()),
            (true, false) => read::<Index>(text, &[OCI_INDEX, DOCKER_INDEX]).map(Self::Index),
            (false, _) => read::<ImageManifest>(text, &[OCI_MANIFEST, DOCKER_MANIFEST]).map(Self::Image),
        }
    }
}

/// Which members tell the kinds of manifests apart; null is there, too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    #[serde(default, deserialize_with = "present")]
    manifests: Option<()>,
    #[serde(default, deserialize_with = "present")]
    layers: Option<()>,
    #[serde(default, deserialize_with = "present")]
    config: Option<()>,
    #[serde(default, deserialize_with = "present")]
    fs_layers: Option<()>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<()>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Some(()))
}

/// An image manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    schema_version: u32,
    media_type: Option<String>,
    /// The type of the artifact, if it is not an image.
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, or whatever the artifact is made of.
    pub layers: Vec<Descriptor>,
    /// What this artifact refers to.
    pub subject: Option<Descriptor>,
    /// Free words.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An image index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    media_type: Option<String>,
    /// The manifests in it.
    pub manifests: Vec<Descriptor>,
    /// Free words.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A reference to content: type, digest and size.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the content.
    pub media_type: String,
    /// The digest of the content.
    pub digest: Digest,
    /// The size in bytes, as the writer claims it.
    pub size: u64,
    /// The type of an artifact.
    pub artifact_type: Option<String>,
    /// The platform of an image in an index.
    pub platform: Option<DescriptorPlatform>,
    /// Free words.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The platform that an index names for an image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DescriptorPlatform {
    /// The operating system, as Go names it.
    pub os: String,
    /// The processor architecture, as Go names it.
    pub architecture: String,
    /// The variant of the architecture.
    pub variant: Option<String>,
}

/// Go writes a map that is not there as null.
fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

trait Document: for<'de> Deserialize<'de> {
    fn header(&self) -> (u32, Option<&str>);
}

impl Document for ImageManifest {
    fn header(&self) -> (u32, Option<&str>) {
        (self.schema_version, self.media_type.as_deref())
    }
}

impl Document for Index {
    fn header(&self) -> (u32, Option<&str>) {
        (self.schema_version, self.media_type.as_deref())
    }
}

fn read<T: Document>(text: &str, types: &[&str]) -> Result<T, String> {
    let document: T = serde_json::from_str(text).map_err(|error| format!("the manifest does not fit: {error}"))?;
    match document.header() {
        (2, None) => Ok(document),
        (2, Some(media_type)) if types.contains(&media_type) => Ok(document),
        (2, Some(media_type)) => Err(format!("the manifest calls itself `{}`", media_type.escape_debug())),
        (version, _) => Err(format!("the manifest has schema version {version}, expected 2")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn image(extra: &str) -> String {
        format!(r#"{{"schemaVersion":2,"config":{{"mediaType":"a","digest":"{DIGEST}","size":2}},"layers":[]{extra}}}"#)
    }

    #[test]
    fn tells_image_and_index_apart() {
        assert!(matches!(Manifest::parse(image("").as_bytes()), Ok(Manifest::Image(_))));
        assert!(matches!(Manifest::parse(br#"{"schemaVersion":2,"manifests":[]}"#), Ok(Manifest::Index(_))));
    }

    #[test]
    fn refuses_type_confusion_and_odd_shapes() {
        for bad in [
            image(r#","manifests":[]"#),
            image(&format!(r#","mediaType":"{OCI_INDEX}""#)),
            image(r#","schemaVersion":2"#),
            image("").replace(":2,\"config", ":1,\"config"),
            image("").replace("\"size\":2", "\"size\":-2"),
            image("").replace("sha256:2c", "sha256:2C"),
            "[]".to_owned(),
            String::new(),
        ] {
            assert!(Manifest::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
