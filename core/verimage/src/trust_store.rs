//! The folder of the Notary Project's trust stores: `x509/TYPE/NAME/` holds the certificates of one (trust store and trust
//! policy specification, "Trust Store").

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use verimage_core::policy::CertificateKind;

use crate::material::read_file;

/// How many certificate files a trust store may have.
const MAX_FILES: usize = 256;

/// Where notation keeps its trust stores on this machine; nothing if the environment names no home.
pub(crate) fn of_user() -> Option<PathBuf> {
    let absolute = |variable: &str| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let below = |folder: PathBuf| folder.join(if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" });
    let config = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(below)).map(|folder| folder.join("notation"));
    absolute("NOTATION_CONFIG").or(config).map(|folder| folder.join("truststore"))
}

/// The certificate files of one trust store with their names, in the order of the names. Folders in it are passed over, as the
/// specification has it. Nothing is followed out of it: neither the store nor a certificate may be a link.
pub(crate) fn files(folder: &Path, kind: CertificateKind, name: &str) -> Result<Vec<(String, Vec<u8>)>, String> {
    let (store, kind) = (folder.join("x509").join(kind.word()).join(checked(name)?), kind.word());
    let facts = fs::symlink_metadata(&store).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("the trust store \"{name}\" of type \"{kind}\" does not exist: there is no `{}`", store.display())
        }
        _ => format!("`{}` cannot be read: {error}", store.display()),
    })?;
    if !facts.is_dir() {
        return Err(format!("the trust store `{}` is not a regular directory (symlinks are not supported)", store.display()));
    }
    let mut files = Vec::new();
    for path in entries(&store)? {
        let facts = fs::symlink_metadata(&path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        match facts.file_type() {
            found if found.is_file() => files.push((path.display().to_string(), read_file(&path)?)),
            found if found.is_dir() => {}
            _ => return Err(format!("`{}` is not a regular file (symlinks are not supported)", path.display())),
        }
    }
    if files.is_empty() {
        return Err(format!("no x509 certificates were found in trust store \"{name}\" of type \"{kind}\", `{}`", store.display()));
    }
    Ok(files)
}

/// A name that leads nowhere else.
fn checked(name: &str) -> Result<&str, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if matches!(name, "" | "." | "..") || !name.bytes().all(good) {
        return Err(format!("`{name}` is no name of a trust store (letters, digits, `_`, `.` and `-`)"));
    }
    Ok(name)
}

/// Everything in a store, in the order of the names.
fn entries(store: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("`{}` cannot be read: {error}", store.display());
    let entries = fs::read_dir(store).map_err(unreadable)?.take(MAX_FILES + 1);
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    if paths.len() > MAX_FILES {
        return Err(format!("`{}` has more than {MAX_FILES} files", store.display()));
    }
    paths.sort();
    Ok(paths)
}
