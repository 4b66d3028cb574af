//! The index of a layout.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use verimage_core::manifest::{ImageManifest, OCI_INDEX};
use verimage_core::{Digest, StoreError, Tag, json};

use crate::{LayoutError, Selector};

const NAME: &str = "org.opencontainers.image.ref.name";
/// What `cosign save` writes: the kind of each entry.
const KIND: &str = "kind";
const KIND_IMAGE: &str = "dev.cosignproject.cosign/image";
const KIND_IMAGE_INDEX: &str = "dev.cosignproject.cosign/imageIndex";
const KIND_SIGNATURES: &str = "dev.cosignproject.cosign/sigs";

/// One line of the index.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Entry {
    fn name(&self) -> Option<&str> {
        self.annotations.get(NAME).map(String::as_str)
    }

    fn is_named(&self, name: &str) -> bool {
        self.name() == Some(name)
    }

    fn is_tagged(&self, tag: &str) -> bool {
        self.name().and_then(|own| own.rsplit_once(':')).is_some_and(|(_, own)| own == tag)
    }

    fn kind(&self) -> Option<&str> {
        self.annotations.get(KIND).map(String::as_str)
    }

    /// Whether this entry is an image and not something about one.
    fn is_image(&self) -> bool {
        let attachment = self.name().is_some_and(names_an_attachment);
        !attachment && self.kind().is_none_or(|kind| matches!(kind, KIND_IMAGE | KIND_IMAGE_INDEX))
    }

    /// This entry as the Referrers API lists it.
    pub(crate) fn as_referrer(&self, manifest: &ImageManifest) -> Self {
        let artifact_type = manifest.artifact_type.clone().or_else(|| Some(manifest.config.media_type.clone()));
        Self { artifact_type, annotations: manifest.annotations.clone(), ..self.clone() }
    }
}

/// Names after a digest: `sha256-<hex>`, the list of referrers, and `sha256-<hex>.sig` and its like.
fn names_an_attachment(name: &str) -> bool {
    let tag = name.rsplit_once(':').map_or(name, |(_, tag)| tag);
    let (stem, ending) = tag.split_once('.').unwrap_or((tag, ""));
    let digest = stem.rsplit_once("sha256-").is_some_and(|(_, hex)| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digest && matches!(ending, "" | "sig" | "att" | "sbom")
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LayoutIndex {
    schema_version: u32,
    manifests: Vec<Entry>,
}

impl LayoutIndex {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, LayoutError> {
        let index: Self = json::from_slice(bytes).map_err(|error| LayoutError::Malformed(format!("index.json: {error}")))?;
        match index.schema_version {
            2 => Ok(index),
            other => Err(LayoutError::Malformed(format!("index.json has schema version {other}, expected 2"))),
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.manifests
    }

    /// The entry of this name: the whole name before the part behind the last colon. Two that fit equally are refused,
    /// because other tools could take the other.
    pub(crate) fn named(&self, name: &str) -> Result<Option<&Entry>, StoreError> {
        for fits in [Entry::is_named, Entry::is_tagged] {
            let mut found = self.manifests.iter().filter(|entry| fits(entry, name));
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => return Err(StoreError::unavailable(format!("the layout has `{name}` twice"))),
                (Some(entry), None) => return Ok(Some(entry)),
                (None, _) => {}
            }
        }
        Ok(None)
    }

    /// The signatures in a layout by `cosign save`, if `tag` is the signature tag of its only image.
    pub(crate) fn saved_by_cosign(&self, tag: &Tag) -> Option<&Entry> {
        let image = self.only(Entry::is_image).ok().filter(|image| image.kind().is_some())?;
        let expected = Tag::of_digest(&image.digest, "", ".sig").ok()?;
        (*tag == expected).then(|| self.only(|entry| entry.kind() == Some(KIND_SIGNATURES)).ok()).flatten()
    }

    pub(crate) fn select(&self, selector: &Selector) -> Result<&Entry, StoreError> {
        match selector {
            Selector::Only => self
                .only(Entry::is_image)
                .map_err(|count| StoreError::not_found(format!("the layout has {count} images; name one of {}", self.names().join(", ")))),
            Selector::Name(name) => {
                let absent = || StoreError::not_found(format!("the layout has no `{name}`; it has {}", self.names().join(", ")));
                self.named(name)?.ok_or_else(absent)
            }
            Selector::Digest(digest) => {
                let absent = || StoreError::not_found(format!("the layout's index has no {digest}"));
                self.manifests.iter().find(|entry| entry.digest == *digest).ok_or_else(absent)
            }
        }
    }

    fn only(&self, wanted: impl Fn(&Entry) -> bool) -> Result<&Entry, usize> {
        let found: Vec<_> = self.manifests.iter().filter(|entry| wanted(entry)).collect();
        match found.as_slice() {
            [only] => Ok(only),
            others => Err(others.len()),
        }
    }

    fn names(&self) -> Vec<&str> {
        self.manifests.iter().filter(|entry| entry.is_image()).filter_map(Entry::name).take(10).collect()
    }
}

/// Checks the file `oci-layout`.
pub(crate) fn check_marker(bytes: &[u8]) -> Result<(), LayoutError> {
    #[derive(Deserialize)]
    struct Marker {
        #[serde(rename = "imageLayoutVersion")]
        version: String,
    }
    let marker: Marker = json::from_slice(bytes).map_err(|error| LayoutError::Malformed(format!("oci-layout: {error}")))?;
    match marker.version.as_str() {
        "1.0.0" => Ok(()),
        other => Err(LayoutError::Malformed(format!("its version is `{}`, expected `1.0.0`", other.escape_debug()))),
    }
}

/// A page of the Referrers API.
pub(crate) fn referrers_page(entries: &[Entry]) -> Vec<u8> {
    serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string().into_bytes()
}
