//! Where the policy's keys come from.

use std::fmt::Debug;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use verimage_core::policy::document::{AnchorDocument, PolicyDocument, PublicKeyDocument};
use verimage_core::policy::{Anchor, AnchorKey};
use verimage_core::{Code, PolicyError};

/// The largest key file, in bytes.
const MAX_MATERIAL_BYTES: u64 = 1 << 20;

/// Brings the material that a policy refers to: files and key references. Called when a policy is loaded, never while
/// an image is judged.
pub trait MaterialSource: Debug {
    /// The bytes of a file named in the policy.
    ///
    /// # Errors
    /// A sentence on why they are not to be had.
    fn file(&self, path: &str) -> Result<Vec<u8>, String>;
    /// The bytes of a key reference such as `env://NAME`.
    ///
    /// # Errors
    /// A sentence on why they are not to be had.
    fn reference(&self, reference: &str) -> Result<Vec<u8>, String>;
}

/// Files below a folder, and environment variables.
#[derive(Clone, Debug, Default)]
pub struct FolderMaterial {
    base: Option<PathBuf>,
}

impl FolderMaterial {
    /// Relative paths start at `base`; without one they are an error.
    pub fn new(base: Option<PathBuf>) -> Self {
        Self { base }
    }
}

impl MaterialSource for FolderMaterial {
    fn file(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = match (&self.base, Path::new(path)) {
            (_, absolute) if absolute.is_absolute() => absolute.to_owned(),
            (Some(base), relative) => base.join(relative),
            (None, _) => {
                return Err(format!("the path `{path}` is relative, and a policy that is not a file has no folder; write it in full"));
            }
        };
        let unreadable = |error: std::io::Error| format!("`{}` cannot be read: {error}", path.display());
        let file = fs::File::open(&path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX_MATERIAL_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_MATERIAL_BYTES {
            return Err(format!("`{}` is larger than {MAX_MATERIAL_BYTES} bytes", path.display()));
        }
        Ok(bytes)
    }

    fn reference(&self, reference: &str) -> Result<Vec<u8>, String> {
        match reference.split_once("://") {
            Some(("env", name)) => {
                std::env::var(name).map(String::into_bytes).map_err(|_| format!("the environment variable `{name}` is not set or not text"))
            }
            Some((scheme, _)) => {
                Err(format!("key references `{scheme}://` cannot be resolved; `env://NAME` can, or export the key to a file"))
            }
            None => Err("a key reference has the form `env://NAME`; for a file write `file`".to_owned()),
        }
    }
}

/// The trust section of a document with its bytes.
pub(crate) fn resolve(
    document: &PolicyDocument,
    source: &dyn MaterialSource,
) -> Result<std::collections::BTreeMap<String, Anchor>, PolicyError> {
    let anchors = document.trust.iter().map(|(name, anchor)| {
        let AnchorDocument::PublicKey(key) = anchor;
        let pointer = format!("/trust/{}/publicKey", name.replace('~', "~0").replace('/', "~1"));
        let pem = key_bytes(key, &pointer, source)?;
        Ok((name.clone(), Anchor { key: AnchorKey { pem, hash: key.hash } }))
    });
    anchors.collect()
}

fn key_bytes(key: &PublicKeyDocument, pointer: &str, source: &dyn MaterialSource) -> Result<Vec<u8>, PolicyError> {
    let at = |field: &str| {
        let pointer = format!("{pointer}/{field}");
        move |message: String| PolicyError::new(Code::PolicyInvalid, pointer, message)
    };
    match (&key.pem, &key.file, &key.reference) {
        (Some(pem), None, None) => Ok(pem.clone().into_bytes()),
        (None, Some(file), None) => source.file(file).map_err(at("file")),
        (None, None, Some(reference)) => source.reference(reference).map_err(at("ref")),
        _ => Err(PolicyError::invalid(pointer, "a public key has exactly one of `pem`, `file` and `ref`")),
    }
}
