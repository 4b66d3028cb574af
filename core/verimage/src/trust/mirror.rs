//! Where TUF files come from.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use reqwest::Url;
use verimage_core::Code;

use crate::trust::folder::PUBLIC_GOOD_FILE;
use crate::trust::state::sha256;
use crate::trust::{PUBLIC_GOOD_ADDRESS, TrustError};

/// A TUF repository's files: bytes, believed by nobody before they are verified.
#[async_trait]
pub trait Mirror: Send + Sync {
    /// A metadata file, such as `2.root.json`; `None` if it is not there.
    ///
    /// # Errors
    /// Whatever kept it from being read, and [`Code::LimitExceeded`] beyond `max_bytes`.
    async fn metadata(&self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError>;

    /// A target file; `None` if it is not there.
    ///
    /// # Errors
    /// As for [`metadata`](Self::metadata).
    async fn target(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError>;
}

/// A repository in folders of this machine.
#[derive(Clone, Debug)]
pub struct FolderMirror {
    metadata: PathBuf,
    targets: PathBuf,
}

impl FolderMirror {
    /// Metadata in one folder, targets in the other.
    pub fn new(metadata: impl Into<PathBuf>, targets: impl Into<PathBuf>) -> Self {
        Self { metadata: metadata.into(), targets: targets.into() }
    }
}

#[async_trait]
impl Mirror for FolderMirror {
    async fn metadata(&self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        read(&self.metadata.join(name), max_bytes)
    }

    async fn target(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        read(&self.targets.join(path), max_bytes)
    }
}

fn read(path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
    let unavailable = |error: std::io::Error| TrustError::new(Code::StoreUnavailable, format!("{}: {error}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(error)),
    };
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(unavailable)?;
    if bytes.len() as u64 > max_bytes {
        return Err(too_large(&path.display().to_string(), max_bytes));
    }
    Ok(Some(bytes))
}

pub(crate) fn too_large(place: &str, max_bytes: u64) -> TrustError {
    TrustError::new(Code::LimitExceeded, format!("{place} is larger than {max_bytes} bytes"))
}

/// Whether the name of a metadata file, of which roles chose a part, stays inside its folder and keeps its meaning in a
/// URL. The client has written everything else as `%` and two digits.
pub(crate) fn is_metadata_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)) && !matches!(name, "" | "." | "..")
}

/// Whether the path of a target stays inside its folder.
pub(crate) fn is_target_path(path: &str) -> bool {
    let steers = |symbol: char| symbol.is_control() || matches!(symbol, '\\' | ':');
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains(steers))
}

/// The address of a mirror, ending with a slash.
pub(crate) fn address(text: &str) -> Result<Url, TrustError> {
    let wrong = |why: &str| TrustError::Usage(format!("the mirror `{text}` {why}"));
    let mut url = Url::parse(text).map_err(|_| wrong("is no URL; it looks like `https://tuf.example`"))?;
    if !is_safe(&url) {
        return Err(wrong("is not https; only loopback hosts may speak http"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has more than a host and a path"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Whether a URL is https, or http on this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

/// Whether a mirror is that of the public instance.
pub(crate) fn is_public(mirror: &Url) -> bool {
    mirror.as_str() == PUBLIC_GOOD_ADDRESS
}

/// The file that belongs to a mirror.
pub(crate) fn file_name(mirror: &Url) -> String {
    if is_public(mirror) {
        return PUBLIC_GOOD_FILE.to_owned();
    }
    let host = mirror.host_str().unwrap_or_default().replace(|symbol: char| !symbol.is_ascii_alphanumeric() && symbol != '.', "-");
    let hash: String = sha256(mirror.as_str().as_bytes()).chars().take(16).collect();
    format!("{host}-{hash}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_https_or_loopback() {
        for good in ["https://a.example", "https://a.example/tuf", "http://localhost:1/", "http://127.0.0.1:1", "http://[::1]:1"] {
            assert!(address(good).unwrap().as_str().ends_with('/'), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "http://a.example",
            "http://localhost.a.example",
            "file:///a",
            "https://u:p@a.example",
            "https://a/?q",
            "https://a/#f",
        ] {
            assert_eq!(address(bad).unwrap_err().code(), "usage", "{bad}");
        }
    }

    #[test]
    fn every_mirror_has_its_own_file() {
        let name = |text: &str| file_name(&address(text).unwrap());
        assert_eq!(name(crate::trust::PUBLIC_GOOD_MIRROR), PUBLIC_GOOD_FILE);
        let names = ["https://tuf-repo-cdn.sigstore.dev/a", "https://a.example", "https://a.example:1", "http://[::1]:1", "http://[::1]:2"]
            .map(name);
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert!(names.iter().all(|name| is_metadata_name(name) && name != PUBLIC_GOOD_FILE), "{names:?}");
    }

    #[test]
    fn names_stay_in_their_folder() {
        assert!(["1.root.json", "1...%2Fa.json", "a.%C3%B6.json"].iter().all(|name| is_metadata_name(name)));
        assert!(["a", "a/b c", "ö", "%2e%2e", "...", "a?b#c"].iter().all(|path| is_target_path(path)));
        assert!(["", ".", "..", "../a", "a/../b", "/a", "a/", "a//b", "a\\b", "C:a", "a\0b"].iter().all(|path| !is_target_path(path)));
        assert!(["", ".", "..", "../a", "a/b", "a\\b", "/a", "a?b", "a#b", "ö", "a:b", "a\0b"].iter().all(|name| !is_metadata_name(name)));
    }
}
