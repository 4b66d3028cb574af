//! The files of a layout, from a folder or from a tar archive.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use tar::EntryType;
use verimage_core::{Digest, StoreError};

use crate::LayoutError;

pub(crate) const MARKER: &str = "oci-layout";
pub(crate) const INDEX: &str = "index.json";
/// How many entries of an archive are looked at.
const MAX_ARCHIVE_ENTRIES: usize = 100_000;

/// The name of a blob; a digest holds nothing but hexadecimal digits.
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

#[derive(Debug)]
pub(crate) enum Files {
    Folder(PathBuf),
    Archive { path: PathBuf, entries: HashMap<String, Extent> },
}

/// Where a file lies in an archive.
#[derive(Debug)]
pub(crate) struct Extent {
    start: u64,
    size: u64,
}

impl Files {
    pub(crate) fn folder(path: &Path) -> Self {
        Self::Folder(path.to_owned())
    }

    pub(crate) fn archive(path: &Path) -> Result<Self, LayoutError> {
        let file = File::open(path).map_err(|error| LayoutError::Unreadable(store_error(&error, "the archive")))?;
        let unreadable = |error: std::io::Error| LayoutError::Malformed(format!("the archive is not a tar file: {error}"));
        let mut entries = HashMap::new();
        let mut archive = tar::Archive::new(file);
        for (count, entry) in archive.entries_with_seek().map_err(unreadable)?.enumerate() {
            let entry = entry.map_err(unreadable)?;
            if count >= MAX_ARCHIVE_ENTRIES {
                return Err(LayoutError::Malformed(format!("the archive has more than {MAX_ARCHIVE_ENTRIES} entries")));
            }
            let name = plain_name(&entry.path().map_err(unreadable)?)
                .ok_or_else(|| LayoutError::Malformed("the archive has a name that leads out of it".to_owned()))?;
            match entry.header().entry_type() {
                EntryType::Regular => {}
                EntryType::Directory | EntryType::XGlobalHeader => continue,
                _ => return Err(LayoutError::Malformed(format!("`{}` in the archive is no plain file", name.escape_debug()))),
            }
            let extent = Extent { start: entry.raw_file_position(), size: entry.size() };
            if entries.insert(name.clone(), extent).is_some() {
                return Err(LayoutError::Malformed(format!("the archive has `{}` twice", name.escape_debug())));
            }
        }
        Ok(Self::Archive { path: path.to_owned(), entries })
    }

    /// Reads one file, at most `max_bytes` of it. `name` is one of this module's own names.
    pub(crate) fn read(&self, name: &str, max_bytes: u64) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Folder(root) => read_file(root, name, max_bytes),
            Self::Archive { path, entries } => {
                let extent = entries.get(name).ok_or_else(|| StoreError::not_found(format!("the archive has no `{name}`")))?;
                if extent.size > max_bytes {
                    return Err(StoreError::too_large(max_bytes));
                }
                let mut file = File::open(path).map_err(|error| store_error(&error, "the archive"))?;
                file.seek(SeekFrom::Start(extent.start)).map_err(|error| store_error(&error, name))?;
                read_at_most(file.take(extent.size), max_bytes, name)
            }
        }
    }
}

fn read_file(root: &Path, name: &str, max_bytes: u64) -> Result<Vec<u8>, StoreError> {
    let mut path = root.to_owned();
    for segment in name.split('/') {
        path.push(segment);
        let kind = fs::symlink_metadata(&path).map_err(|error| store_error(&error, name))?.file_type();
        if !(kind.is_file() || kind.is_dir()) {
            return Err(StoreError::unavailable(format!("`{name}` is a link or a special file, which a layout does not hold")));
        }
    }
    let file = File::open(&path).map_err(|error| store_error(&error, name))?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(StoreError::unavailable(format!("`{name}` is no file")));
    }
    read_at_most(file, max_bytes, name)
}

fn read_at_most(source: impl Read, max_bytes: u64, name: &str) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    source.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| store_error(&error, name))?;
    if bytes.len() as u64 > max_bytes { Err(StoreError::too_large(max_bytes)) } else { Ok(bytes) }
}

/// The path of an archive entry without a leading `./`; `None` if it has anything unusual in it.
fn plain_name(path: &Path) -> Option<String> {
    let mut segments = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(segment) => segments.push(segment.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(segments.join("/"))
}

fn store_error(error: &std::io::Error, name: &str) -> StoreError {
    match error.kind() {
        ErrorKind::NotFound => StoreError::not_found(format!("`{name}` is not there")),
        _ => StoreError::unavailable(format!("`{name}` cannot be read: {error}")),
    }
}
