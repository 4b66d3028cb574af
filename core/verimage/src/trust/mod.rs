//! The sigstore trust root: whose certificates, logs and time stamps count.
//!
//! A copy of the public instance's root is part of this crate. `update` (feature `trust-update`) fetches a newer one
//! through TUF and keeps it in a [`TrustFolder`]; it is the only function here that uses the network, and nothing calls
//! it while an image is judged. [`public_good`] gives the newest root that this machine has, offline, and says how old it is.
//!
//! ```
//! use verimage::trust::{self, Origin, TrustFolder};
//!
//! let material = trust::public_good(&TrustFolder::none())?;
//! assert_eq!(material.origin, Origin::Embedded);
//! let contents = material.contents()?;
//! assert!(contents.logs.iter().any(|log| log.url == "https://rekor.sigstore.dev"));
//! # Ok::<(), trust::TrustError>(())
//! ```

#[cfg(feature = "trust-update")]
mod client;
mod contents;
mod error;
mod folder;
#[cfg(feature = "trust-update")]
mod http;
#[cfg(feature = "trust-update")]
mod mirror;
#[cfg(feature = "trust-update")]
mod provider;
mod state;
#[cfg(feature = "trust-update")]
mod update;

use std::path::PathBuf;

use jiff::Timestamp;
use verimage_core::Code;

#[cfg(feature = "trust-update")]
pub use client::{Client, Versions, verify_metadata};
pub use contents::{Authority, Contents, Log, Window};
pub use error::TrustError;
pub use folder::TrustFolder;
#[cfg(feature = "trust-update")]
pub use mirror::{FolderMirror, Mirror};
#[cfg(feature = "trust-update")]
pub use update::{UpdateOptions, Updated, of_mirror, update, update_from};

/// The mirror of the public instance.
pub const PUBLIC_GOOD_MIRROR: &str = "https://tuf-repo-cdn.sigstore.dev";
/// The same, as it is kept.
const PUBLIC_GOOD_ADDRESS: &str = "https://tuf-repo-cdn.sigstore.dev/";
/// The target that holds a trust root.
pub const TRUSTED_ROOT: &str = "trusted_root.json";

/// TUF root metadata of the public instance.
#[cfg(feature = "trust-update")]
const EMBEDDED_START: &[u8] = include_bytes!("../../data/root.json");
const EMBEDDED: &[u8] = include_bytes!("../../data/trusted_root.json");
/// When the embedded root was last known to be the current one: 2026-10-23.
const EMBEDDED_AT: i64 = 1_792_713_600;

/// A trust root, and how old it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustMaterial {
    /// The `trusted_root.json`.
    pub bytes: Vec<u8>,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was last known to be the current one: the last update, or the release of this crate's copy.
    pub dated: Timestamp,
    /// The earliest expiry of the metadata that vouches for it; the embedded copy has none.
    pub expires: Option<Timestamp>,
}

/// Where a trust root comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// It is part of this crate.
    Embedded,
    /// It was fetched.
    Updated {
        /// From where.
        mirror: String,
        /// The file that holds it.
        path: PathBuf,
    },
}

impl TrustMaterial {
    /// What it holds, for people.
    ///
    /// # Errors
    /// [`Code::MetadataInvalid`] if it is no trust root.
    pub fn contents(&self) -> Result<Contents, TrustError> {
        Contents::read(&self.bytes)
    }

    /// What to warn of: [`Code::MetadataExpired`] once the metadata that vouches for it has expired. A newer root may have
    /// been published, and an update is due; this one still verifies what it verified before.
    pub fn warning(&self, now: Timestamp) -> Option<Code> {
        self.expires.is_some_and(|expires| expires <= now).then_some(Code::MetadataExpired)
    }

    /// Whole days since [`dated`](Self::dated).
    pub fn age_in_days(&self, now: Timestamp) -> u64 {
        u64::try_from(now.duration_since(self.dated).as_hours() / 24).unwrap_or_default()
    }

    fn embedded() -> Self {
        let dated = Timestamp::from_second(EMBEDDED_AT).unwrap_or_default();
        Self { bytes: EMBEDDED.to_vec(), origin: Origin::Embedded, dated, expires: None }
    }
}

/// The newest trust root of the public instance on this machine: the updated one, or the embedded one where there was no
/// update, or none since the embedded one was made.
///
/// # Errors
/// [`Code::TrustStateUnreadable`] if there was an update and its file cannot
/// be used. The embedded root never takes its place silently: it may hold what the update removed.
pub fn public_good(folder: &TrustFolder) -> Result<TrustMaterial, TrustError> {
    let embedded = TrustMaterial::embedded();
    let updated = folder.read(folder::PUBLIC_GOOD_FILE, PUBLIC_GOOD_ADDRESS)?.filter(|updated| updated.dated >= embedded.dated);
    Ok(updated.unwrap_or(embedded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_files_are_those_that_their_page_names() {
        let page = include_str!("../../data/README.md");
        assert!(page.contains(&state::sha256(EMBEDDED)));
        assert_eq!(TrustMaterial::embedded().dated.to_string(), "2026-10-23T00:00:00Z");
        assert!(page.contains("as of 2026-10-23"));
        assert_eq!(TrustMaterial::embedded().contents().unwrap().certificate_authorities.len(), 2);
        #[cfg(feature = "trust-update")]
        assert!(page.contains(&state::sha256(EMBEDDED_START)));
    }

    #[test]
    fn age_is_counted_in_whole_days() {
        let material = TrustMaterial::embedded();
        let age = |text: &str| material.age_in_days(text.parse().unwrap());
        assert_eq!((age("2026-10-23T23:59:59Z"), age("2026-10-24T00:00:00Z"), age("2027-10-23T00:00:00Z")), (0, 1, 365));
        assert_eq!(age("2020-01-01T00:00:00Z"), 0, "a clock that is behind makes nothing younger than new");
    }

    #[test]
    fn nothing_but_an_update_replaces_the_embedded_root() {
        let folder = tempfile::tempdir().unwrap();
        for folder in [TrustFolder::none(), TrustFolder::new(folder.path()), TrustFolder::new(folder.path().join("nowhere"))] {
            assert_eq!(public_good(&folder).unwrap(), TrustMaterial::embedded());
        }
    }
}
