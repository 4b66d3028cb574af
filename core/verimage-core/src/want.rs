//! What a check needs from outside ([`Want`]), and what came back ([`Answer`]).

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::reference::{ImageRef, Repository, Tag};

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Place {
    /// The place that holds the image: its registry repository or its layout. For signatures that registries do not hold
    /// themselves, where the container tools of this machine look for them (`registries.d`), or beside the image.
    Image,
    /// Another repository, named by the policy.
    Repository(Repository),
    /// A store that the policy names and that is no repository: a lookaside server, a Notary server, a foreign store.
    Store(String),
}

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum What {
    /// The manifest that the image's own tag names: one blob.
    Resolve,
    /// A manifest by tag: one blob.
    ManifestByTag(Tag),
    /// A manifest by digest: one blob, re-hashed by the store.
    Manifest(Digest),
    /// The referrers of a manifest, as image indexes: one blob a page.
    Referrers {
        /// The manifest that is referred to.
        subject: Digest,
        /// Only referrers of this type; the answer may hold others all the same.
        #[serde(rename = "artifactType")]
        artifact_type: Option<String>,
    },
    /// A blob by digest: one blob, re-hashed by the store.
    Blob(Digest),
    /// What a web address answers: one blob.
    Http {
        /// How it is asked.
        method: HttpMethod,
        /// The address.
        url: String,
        /// What is sent with the question, in base64; empty for none.
        #[serde(default, with = "base64_text", skip_serializing_if = "Vec::is_empty")]
        body: Vec<u8>,
        /// The media type of what is sent.
        #[serde(rename = "contentType", default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// Who named the address: it decides where the question may go.
        origin: Origin,
    },
    /// Metadata of a role in a collection of a Notary server: one blob.
    Role {
        /// The collection, as the server names it: `docker.io/library/alpine`.
        collection: String,
        /// The role: `root`, `timestamp`, `snapshot`, `targets`, `targets/releases`.
        role: String,
        /// Which of its files.
        version: RoleVersion,
    },
    /// What was kept of a collection of a Notary server when it was verified before: one blob.
    TrustState {
        /// The collection.
        collection: String,
    },
    /// One file of a signature lookaside, `<base>/<repository path>@<algorithm>=<hexadecimal digits>/signature-<index>`: one
    /// blob. The first that is "not found" ends the list, so a store says that only of a file that does not exist; over HTTP,
    /// only for status 404.
    Lookaside {
        /// The manifest that is signed.
        digest: Digest,
        /// Which of its signatures, from 1.
        index: u32,
    },
    /// What the signature extension of a registry lists for a manifest, `/extensions/v2/<path>/signatures/<digest>`: one blob,
    /// the JSON text. "Not found" means that the registry does not have the extension; where it has it, an answer other than
    /// a list is an error, status 404 too.
    SignatureList(Digest),
    /// Anything else, for stores and verifiers of your own.
    Other {
        /// A name that the store understands.
        kind: String,
        /// What of that kind.
        key: String,
    },
}

/// Which file of a role.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum RoleVersion {
    /// The newest.
    Current,
    /// The one with this SHA-256, in hexadecimal digits.
    Sha256(String),
    /// The one of this version.
    Number(u64),
}

/// How a web address is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum HttpMethod {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// Who named an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Origin {
    /// The policy.
    Policy,
    /// Something that was fetched, such as a certificate: private addresses are out of reach.
    RemoteData,
}

/// Bytes as base64 text.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// One wish: what, where, and at most how many bytes. Equal wishes are fetched once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Want {
    /// Where to look.
    pub place: Place,
    /// What to look for.
    pub what: What,
    /// Upper bound for the bytes of all blobs of the answer together.
    pub max_bytes: u64,
}

impl Want {
    /// A wish for something that only a store of your own understands.
    pub fn other(store: &str, kind: &str, key: &str, max_bytes: u64) -> Self {
        let what = What::Other { kind: kind.to_owned(), key: key.to_owned() };
        Self { place: Place::Store(store.to_owned()), what, max_bytes }
    }

    /// The key of [`What::Other`] if it is safe as a file name: no separators, no leading dot, at most 255 bytes.
    pub fn single_path_segment(&self) -> Option<&str> {
        let What::Other { key, .. } = &self.what else { return None };
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b':');
        let fits = !key.is_empty() && key.len() <= 255 && !key.starts_with('.');
        (fits && key.bytes().all(harmless)).then_some(key)
    }

    /// The place and the thing in the words of a container tool, for reports: `registry.example/app:sha256-….sig`.
    pub fn describe(&self, image: &ImageRef) -> String {
        let place = match &self.place {
            Place::Image => image.name(),
            Place::Repository(repository) => repository.to_string(),
            Place::Store(name) => name.clone(),
        };
        match &self.what {
            What::Resolve => image.to_string(),
            What::ManifestByTag(tag) => format!("{place}:{tag}"),
            What::Manifest(digest) | What::Blob(digest) => format!("{place}@{digest}"),
            What::Referrers { subject, .. } => format!("referrers of {place}@{subject}"),
            What::Http { url, .. } => url.clone(),
            What::Role { collection, role, .. } => format!("{role} of {collection} at {place}"),
            What::TrustState { collection } => format!("what was kept of {collection} at {place}"),
            What::Lookaside { digest, index } => {
                let (base, path) = match &self.place {
                    Place::Image => (format!("lookaside of {}", image.host()), image.path()),
                    _ => (place, image.path()),
                };
                format!("{base}/{path}@{}={}/signature-{index}", digest.algorithm().name(), digest.hex())
            }
            What::SignatureList(digest) => format!(
                "signature list of {}@{digest} at {}",
                image.path(),
                match &self.place {
                    Place::Image => image.host(),
                    _ => &place,
                }
            ),
            What::Other { kind, key } => format!("{place}: {kind} {key}"),
        }
    }
}

/// Bytes that a store found. They carry no name and no type: whoever asked knows what they must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    bytes: Bytes,
}

impl Blob {
    /// Wraps bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into() }
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes as UTF-8 text.
    ///
    /// # Errors
    /// If they are not UTF-8.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.bytes)
    }
}

/// A want and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked for.
    pub want: Want,
    /// The blobs, or why there are none.
    pub result: Result<Vec<Blob>, StoreError>,
}

/// Why a store has no bytes for a want.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreError {
    /// The reason, as a caller branches on it.
    pub kind: StoreErrorKind,
    /// What happened, for people: status, address, limit. Never credentials.
    pub detail: String,
}

/// The reasons of [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The place answered that it does not have it. The only reason that counts as evidence of absence.
    NotFound,
    /// The place refused these or missing credentials.
    Unauthorized,
    /// The place asks to come back later.
    RateLimited,
    /// More bytes, pages or redirects than allowed.
    TooLarge,
    /// The deadline passed before the answer was there.
    DeadlineExceeded,
    /// The place cannot be reached, or its answer cannot be used.
    Unavailable,
    /// What was kept of an earlier verification cannot be read.
    StateUnreadable,
}

impl StoreError {
    /// An error with its detail for people.
    pub fn new(kind: StoreErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// The thing is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::NotFound, detail)
    }

    /// The place could not be used.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Unavailable, detail)
    }

    /// More than `max_bytes` bytes.
    pub fn too_large(max_bytes: u64) -> Self {
        Self::new(StoreErrorKind::TooLarge, format!("more than {max_bytes} bytes"))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

impl std::error::Error for StoreError {}
