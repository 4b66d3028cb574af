//! Fetches a newer trust root and keeps it.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use verimage_core::Code;
use verimage_transport::Proxy;

use crate::trust::client::{Client, Versions};
use crate::trust::http::HttpMirror;
use crate::trust::mirror::{Mirror, address, file_name, is_public};
use crate::trust::state::{State, sha256};
use crate::trust::{
    Contents, EMBEDDED, EMBEDDED_START, PUBLIC_GOOD_MIRROR, TRUSTED_ROOT, TrustError, TrustFolder, TrustMaterial, public_good,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const NO_FOLDER: &str = "there is no folder to keep updates in; `$XDG_DATA_HOME` or `$HOME` names it";
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What to update, from where, as of when.
#[derive(Clone)]
#[non_exhaustive]
pub struct UpdateOptions {
    /// The mirror, [`PUBLIC_GOOD_MIRROR`] by default. Another one has a trust root of its own: it is kept apart, and
    /// needs a `root` the first time.
    pub mirror: String,
    /// The root metadata to begin with. Later updates begin where the last one ended.
    pub root: Option<Vec<u8>>,
    /// Where updates are kept.
    pub folder: TrustFolder,
    /// The time to compare expiries with.
    pub now: Timestamp,
    /// How long all of it may take.
    pub timeout: Duration,
    /// Proxies; none by default.
    pub proxy: Proxy,
}

impl UpdateOptions {
    /// An update of the public instance.
    pub fn new(folder: TrustFolder, now: Timestamp) -> Self {
        let mirror = PUBLIC_GOOD_MIRROR.to_owned();
        Self { mirror, root: None, folder, now, timeout: DEFAULT_TIMEOUT, proxy: Proxy::default() }
    }
}

/// What an update found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Updated {
    /// The trust root, as it is kept now.
    pub material: TrustMaterial,
    /// The versions of the metadata that vouches for it.
    pub versions: Versions,
    /// Whether the trust root differs from the one before.
    pub changed: bool,
}

/// Updates from the mirror that the options name. If it fails, everything is as it was before.
///
/// # Errors
/// The code of the check that failed, or of what kept the mirror from being asked.
pub async fn update(options: &UpdateOptions) -> Result<Updated, TrustError> {
    update_from(HttpMirror::new(address(&options.mirror)?, &options.proxy)?, options).await
}

/// Updates from files that come another way than over http; `options.mirror` then only names what is updated.
///
/// # Errors
/// As for [`update`].
pub async fn update_from(mirror: impl Mirror + 'static, options: &UpdateOptions) -> Result<Updated, TrustError> {
    let late = |_| TrustError::new(Code::DeadlineExceeded, format!("the update took longer than {:?}", options.timeout));
    tokio::time::timeout(options.timeout, run(mirror, options)).await.map_err(late)?
}

/// The newest trust root of a mirror on this machine; `None` if it was never asked. That of the public mirror is
/// [`public_good`].
///
/// # Errors
/// [`Code::TrustStateUnreadable`] if its file cannot be used.
pub fn of_mirror(folder: &TrustFolder, mirror: &str) -> Result<Option<TrustMaterial>, TrustError> {
    let url = address(mirror)?;
    if is_public(&url) { public_good(folder).map(Some) } else { folder.read(&file_name(&url), url.as_str()) }
}

async fn run(mirror: impl Mirror + 'static, options: &UpdateOptions) -> Result<Updated, TrustError> {
    let url = address(&options.mirror)?;
    let name = file_name(&url);
    let folder = options.folder.path().ok_or_else(|| TrustError::Usage(NO_FOLDER.to_owned()))?;
    if start_root(&url, options).is_none() && options.folder.state(&name, url.as_str())?.is_none() {
        return Err(TrustError::RootNeeded { mirror: url.into() });
    }
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let lock = lock(&folder.join(format!("{name}.lock"))).await?;
    let before = options.folder.state(&name, url.as_str())?;
    let (mut client, start) = begin(mirror, &url, before.as_ref(), options)?;
    client.refresh(options.now).await?;
    let target = client.target(TRUSTED_ROOT, options.now).await?;
    Contents::read(&target)?;
    let trusted_root = String::from_utf8(target).map_err(|_| TrustError::new(Code::MetadataInvalid, "the trust root is not UTF-8"))?;
    let changed = is_changed(before.as_ref(), &url, &trusted_root);
    let metadata = client.kept()?;
    let state = State { mirror: url.to_string(), start, updated: options.now, expires: client.expires(), trusted_root, metadata };
    write(folder, &name, state)?;
    drop(lock);
    let material = options.folder.read(&name, url.as_str())?;
    let material = material.ok_or_else(|| TrustError::new(Code::TrustStateUnreadable, format!("`{name}` is gone again")))?;
    Ok(Updated { material, versions: client.versions(), changed })
}

/// A client that goes on from the last update, or begins with a root; and that root's hash.
fn begin(
    mirror: impl Mirror + 'static,
    url: &Url,
    before: Option<&State>,
    options: &UpdateOptions,
) -> Result<(Client, String), TrustError> {
    if let Some(state) = before {
        if options.root.as_ref().is_some_and(|root| sha256(root) != state.start) {
            let name = file_name(url);
            return Err(TrustError::Usage(format!("the first update began with another root; remove `{name}` to begin anew")));
        }
        return Ok((Client::resume(mirror, &state.metadata)?, state.start.clone()));
    }
    let root = start_root(url, options).ok_or_else(|| TrustError::RootNeeded { mirror: url.to_string() })?;
    Ok((Client::new(mirror, root)?, sha256(root)))
}

/// The root to begin with: the one that the caller names, or for the public instance the embedded one.
fn start_root<'a>(url: &Url, options: &'a UpdateOptions) -> Option<&'a [u8]> {
    options.root.as_deref().or_else(|| is_public(url).then_some(EMBEDDED_START))
}

fn is_changed(before: Option<&State>, url: &Url, now: &str) -> bool {
    match before {
        Some(state) => state.trusted_root != now,
        None => !is_public(url) || now.as_bytes() != EMBEDDED,
    }
}

/// Waits until no other update of the same file runs. The lock goes with the file, also when the process dies.
async fn lock(path: &Path) -> Result<File, TrustError> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(|error| unwritable(path, &error))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(unwritable(path, &error)),
        }
    }
}

/// Replaces the file in one step: a reader sees the old one or the new one.
fn write(folder: &Path, name: &str, state: State) -> Result<(), TrustError> {
    let failed = |error: std::io::Error| unwritable(&folder.join(name), &error);
    let bytes = state.write().map_err(|error| failed(error.into()))?;
    let mut file = new_file(folder).map_err(failed)?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(folder.join(name)).map_err(|error| failed(error.error)).map(drop)
}

/// A file that others may read: it holds nothing secret, and services run under other users.
fn new_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.tempfile_in(folder)
}

fn unwritable(path: &Path, error: &std::io::Error) -> TrustError {
    TrustError::Usage(format!("`{}` cannot be written: {error}", path.display()))
}
