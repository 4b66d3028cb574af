//! A TUF 1.0 client (specification 1.0.33, section 5) around `sigstore-tuf`, which verifies; here are the limits, the
//! memory of earlier updates, and the codes.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, Metadata, MetadataStore, Repository, Role, Root, Snapshot, Targets, TrustedMetadataSet, Updater, UpdaterConfig};
use verimage_core::Code;

use crate::trust::mirror::{Mirror, is_metadata_name, is_target_path, too_large};
use crate::trust::{TrustError, provider};

const MAX_ROOT_BYTES: u64 = 512_000;
const MAX_TIMESTAMP_BYTES: u64 = 16_384;
const MAX_SNAPSHOT_BYTES: u64 = 2_000_000;
const MAX_TARGETS_BYTES: u64 = 5_000_000;
const MAX_TARGET_BYTES: u64 = 1 << 20;
const MAX_ROTATIONS: u64 = 32;
const MAX_DELEGATIONS: u32 = 32;

/// The files that a later update starts from.
const KEPT: [&str; 4] = ["root.json", "timestamp.json", "snapshot.json", "targets.json"];

/// Follows one repository from a root that is trusted.
pub struct Client {
    updater: Updater,
    shelf: Arc<Shelf>,
}

/// The version of each role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Versions {
    /// Of `root`.
    pub root: u64,
    /// Of `timestamp`.
    pub timestamp: u64,
    /// Of `snapshot`.
    pub snapshot: u64,
    /// Of `targets`.
    pub targets: u64,
}

impl Client {
    /// Starts from root metadata that the caller trusts.
    ///
    /// # Errors
    /// [`Code::MetadataInvalid`] if it is none, or is not signed by its own keys.
    pub fn new(mirror: impl Mirror + 'static, root: &[u8]) -> Result<Self, TrustError> {
        Self::start(mirror, root, BTreeMap::new())
    }

    /// Goes on from what [`kept`](Self::kept) gave, and never below it.
    pub(crate) fn resume(mirror: impl Mirror + 'static, known: &BTreeMap<String, String>) -> Result<Self, TrustError> {
        let root = check(known)?;
        let files = known.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes()));
        Self::start(mirror, root.as_bytes(), files.collect())
    }

    fn start(mirror: impl Mirror + 'static, root: &[u8], files: BTreeMap<String, Vec<u8>>) -> Result<Self, TrustError> {
        provider::install();
        let shelf = Arc::new(Shelf(Mutex::new(files)));
        let updater = Updater::new(Guarded::new(mirror, root)?, root).map_err(failure)?;
        Ok(Self { updater: updater.with_config(limits()).with_store(Arc::clone(&shelf)), shelf })
    }

    /// Brings root, timestamp, snapshot and targets up to date (sections 5.3 to 5.6).
    ///
    /// # Errors
    /// The code of the first check that fails.
    pub async fn refresh(&mut self, now: Timestamp) -> Result<(), TrustError> {
        self.updater.refresh(now).await.map_err(failure)
    }

    /// A target file, from wherever the metadata delegates it (section 5.7). [`refresh`](Self::refresh) comes first.
    ///
    /// # Errors
    /// [`Code::MetadataInvalid`] if it is not listed or is not what was listed, and whatever fails on the way.
    pub async fn target(&mut self, name: &str, now: Timestamp) -> Result<Vec<u8>, TrustError> {
        if !is_target_path(name) {
            return Err(TrustError::Usage(format!("`{}` is no name of a target", name.escape_debug())));
        }
        let invalid = |why: &str| TrustError::new(Code::MetadataInvalid, format!("the target `{name}` {why}"));
        let target = self.updater.get_target_info(name, now).await.map_err(failure)?;
        let target = target.ok_or_else(|| invalid("is not listed by the mirror's metadata"))?;
        if target.length > MAX_TARGET_BYTES {
            return Err(too_large(&format!("the target `{name}`"), MAX_TARGET_BYTES));
        }
        self.updater.download_target(&target, name).await.map_err(failure)
    }

    /// The versions that are trusted now.
    pub fn versions(&self) -> Versions {
        let trusted = self.updater.trusted();
        Versions {
            root: trusted.root().version,
            timestamp: trusted.timestamp().map(|role| role.version).unwrap_or_default(),
            snapshot: trusted.snapshot().map(|role| role.version).unwrap_or_default(),
            targets: trusted.targets_role("targets").map(|role| role.version).unwrap_or_default(),
        }
    }

    /// The earliest expiry of what is trusted now.
    pub fn expires(&self) -> Timestamp {
        let trusted = self.updater.trusted();
        let below = [
            trusted.timestamp().map(|role| role.expires),
            trusted.snapshot().map(|role| role.expires),
            trusted.targets_role("targets").map(|role| role.expires),
        ];
        below.into_iter().flatten().fold(trusted.root().expires, Timestamp::min)
    }

    /// What a later update starts from.
    pub(crate) fn kept(&self) -> Result<BTreeMap<String, String>, TrustError> {
        let files = self.shelf.files();
        let kept = KEPT.iter().filter_map(|name| files.get(*name).map(|bytes| ((*name).to_owned(), bytes.clone())));
        let text = |bytes| String::from_utf8(bytes).map_err(|_| TrustError::new(Code::MetadataInvalid, "metadata is not UTF-8"));
        kept.map(|(name, bytes)| Ok((name, text(bytes)?))).collect()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("versions", &self.versions()).finish_non_exhaustive()
    }
}

/// Whether a top-level role's metadata has the signatures that a root demands; nothing else is looked at.
///
/// # Errors
/// [`Code::MetadataInvalid`] if not.
pub fn verify_metadata(root: &[u8], metadata: &[u8], role: &str) -> Result<(), TrustError> {
    provider::install();
    let root = Metadata::<Root>::from_slice(root).map_err(failure)?;
    match role {
        "root" => signed::<Root>(&root, metadata, role),
        "timestamp" => signed::<sigstore_tuf::Timestamp>(&root, metadata, role),
        "snapshot" => signed::<Snapshot>(&root, metadata, role),
        "targets" => signed::<Targets>(&root, metadata, role),
        other => Err(TrustError::Usage(format!("`{other}` is no top-level role"))),
    }
}

fn signed<T: Role>(root: &Metadata<Root>, metadata: &[u8], role: &str) -> Result<(), TrustError> {
    let metadata = Metadata::<T>::from_slice(metadata).map_err(failure)?;
    let keys = root.signed().roles.get(role).ok_or_else(|| failure(Error::UnknownRole(role.to_owned())))?;
    metadata.verify_threshold(&root.signed().keys, keys, role).map_err(failure)
}

/// Checks what was kept of an earlier update, whatever its age, and gives its root. The client would pass over what does
/// not verify, and forget which versions it saw.
fn check(known: &BTreeMap<String, String>) -> Result<&str, TrustError> {
    provider::install();
    let unreadable = |why: String| TrustError::new(Code::TrustStateUnreadable, format!("the kept metadata does not verify: {why}"));
    let file = |name: &str| known.get(name).map(String::as_str).ok_or_else(|| unreadable(format!("`{name}` is missing")));
    let wrong = |error: Error| unreadable(chain(&error));
    let root = file("root.json")?;
    let mut trusted = TrustedMetadataSet::from_root(root.as_bytes()).map_err(wrong)?;
    trusted.update_timestamp(file("timestamp.json")?.as_bytes(), Timestamp::MIN).map_err(wrong)?;
    trusted.update_snapshot(file("snapshot.json")?.as_bytes(), Timestamp::MIN).map_err(wrong)?;
    trusted.update_targets(file("targets.json")?.as_bytes(), Timestamp::MIN).map_err(wrong)?;
    Ok(root)
}

fn limits() -> UpdaterConfig {
    let mut limits = UpdaterConfig::default();
    limits.root_max_length = MAX_ROOT_BYTES;
    limits.timestamp_max_length = MAX_TIMESTAMP_BYTES;
    limits.snapshot_max_length = MAX_SNAPSHOT_BYTES;
    limits.targets_max_length = MAX_TARGETS_BYTES;
    limits.target_max_length = MAX_TARGET_BYTES;
    // One more than allowed, so that `Guarded` can tell a chain that ends from one that goes on.
    limits.max_root_rotations = u32::try_from(MAX_ROTATIONS).unwrap_or(u32::MAX).saturating_add(1);
    limits.max_delegations = MAX_DELEGATIONS;
    limits
}

/// A mirror whose names, sizes and root chain are bounded before the client sees a byte.
struct Guarded<M> {
    mirror: M,
    last_root: u64,
}

impl<M: Mirror> Guarded<M> {
    fn new(mirror: M, root: &[u8]) -> Result<Self, TrustError> {
        let version = Metadata::<Root>::from_slice(root).map_err(failure)?.signed().version;
        Ok(Self { mirror, last_root: version.saturating_add(MAX_ROTATIONS) })
    }

    async fn metadata(&self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        if !is_metadata_name(name) {
            return Err(TrustError::new(Code::MetadataInvalid, format!("the metadata names a file `{}`", name.escape_debug())));
        }
        let bytes = bounded(self.mirror.metadata(name, max_bytes).await?, name, max_bytes)?;
        let root = name.strip_suffix(".root.json").and_then(|version| version.parse::<u64>().ok());
        if bytes.is_some() && root.is_some_and(|version| version > self.last_root) {
            return Err(TrustError::new(Code::LimitExceeded, format!("there are more than {MAX_ROTATIONS} newer roots")));
        }
        Ok(bytes)
    }

    async fn target(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        if !is_target_path(path) {
            return Err(TrustError::new(Code::MetadataInvalid, format!("the metadata names a file `{}`", path.escape_debug())));
        }
        match self.mirror.target(path, max_bytes).await.and_then(|bytes| bounded(bytes, path, max_bytes)) {
            // The limit is the length that the metadata names.
            Err(TrustError::Failed { code: Code::LimitExceeded, message }) => {
                Err(TrustError::new(Code::MetadataInvalid, format!("{message}, as long as the metadata says")))
            }
            other => other,
        }
    }
}

fn bounded(bytes: Option<Vec<u8>>, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
    match bytes {
        Some(bytes) if bytes.len() as u64 > max_bytes => Err(too_large(name, max_bytes)),
        other => Ok(other),
    }
}

impl<M: Mirror> Repository for Guarded<M> {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.metadata(name, max_length).await.map_err(carried) })
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.target(path, max_length).await.map_err(carried) })
    }
}

/// Verified files, in memory: they are written when the whole update has succeeded.
struct Shelf(Mutex<BTreeMap<String, Vec<u8>>>);

impl Shelf {
    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MetadataStore for Shelf {
    fn load(&self, name: &str) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        Ok(self.files().get(name).cloned())
    }

    fn store(&self, name: &str, bytes: &[u8]) -> sigstore_tuf::Result<()> {
        self.files().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
}

/// Our own failure on its way through the client.
fn carried(error: TrustError) -> Error {
    Error::transport_with_source("mirror", error)
}

/// The client's failures with our codes.
fn failure(error: Error) -> TrustError {
    let code = match &error {
        Error::Transport { source: Some(source), .. } => match source.downcast_ref::<TrustError>() {
            Some(own) => return own.clone(),
            None => Code::StoreUnavailable,
        },
        Error::Transport { .. } | Error::Io { .. } => Code::StoreUnavailable,
        Error::Rollback { .. } => Code::RollbackDetected,
        Error::Expired { .. } => Code::MetadataExpired,
        _ => Code::MetadataInvalid,
    };
    TrustError::new(code, chain(&error))
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::FolderMirror;
    use std::path::Path;

    fn file(path: &str) -> String {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tuf").join(path)).unwrap()
    }

    /// What an update from the good repository keeps.
    fn kept() -> BTreeMap<String, String> {
        let files = ["good/3.root.json", "good/timestamp.json", "good/3.snapshot.json", "good/3.targets.json"];
        KEPT.iter().zip(files).map(|(name, path)| ((*name).to_owned(), file(path))).collect()
    }

    #[test]
    fn kept_metadata_is_checked_whatever_its_age() {
        assert!(check(&kept()).is_ok());
        for name in KEPT {
            let mut known = kept();
            known.remove(name);
            assert_eq!(check(&known).unwrap_err().code(), "trust-state-unreadable", "without {name}");
        }
    }

    #[test]
    fn kept_metadata_that_does_not_verify_is_no_first_contact() {
        for (name, path) in [
            ("root.json", "good/1.root.json"),
            ("timestamp.json", "timestamp-by-stranger/timestamp.json"),
            ("timestamp.json", "newer/timestamp.json"),
            ("snapshot.json", "newer/5.snapshot.json"),
            ("targets.json", "targets-changed-after-signing/3.targets.json"),
            ("targets.json", "newer/5.targets.json"),
        ] {
            let mut known = kept();
            known.insert(name.to_owned(), file(path));
            let error = Client::resume(FolderMirror::new("", ""), &known).unwrap_err();
            assert_eq!(error.code(), "trust-state-unreadable", "{path} as {name}");
        }
    }
}
