//! Files, bounded while they are read.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use verimage_core::{Blob, StoreError, StoreErrorKind};

/// A regular file, and no link to one; "not found" only if there is none. Waits for no pipe.
pub(crate) async fn read(path: PathBuf, max_bytes: u64) -> Result<Blob, StoreError> {
    let place = path.display().to_string();
    let read = tokio::task::spawn_blocking(move || read_now(&path, max_bytes)).await;
    read.map_err(|error| StoreError::unavailable(format!("{place}: {error}")))?
}

fn read_now(path: &Path, max_bytes: u64) -> Result<Blob, StoreError> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => StoreError::not_found(format!("{}: there is no such file", path.display())),
        ErrorKind::PermissionDenied => StoreError::new(StoreErrorKind::Unauthorized, format!("{}: {error}", path.display())),
        _ => StoreError::unavailable(format!("{}: {error}", path.display())),
    };
    let facts = path.symlink_metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err(StoreError::unavailable(format!("{}: this is no regular file", path.display())));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max_bytes { Err(StoreError::too_large(max_bytes)) } else { Ok(Blob::new(bytes)) }
}
