//! Where the policy's keys come from.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use verimage_core::policy::document::{AnchorDocument, PolicyDocument};
use verimage_core::policy::{Anchor, AnchorCertificates, AnchorKey, AnchorRoot};
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
pub(crate) fn resolve(document: &PolicyDocument, source: &dyn MaterialSource) -> Result<BTreeMap<String, Anchor>, PolicyError> {
    let anchors = document.trust.iter().map(|(name, anchor)| {
        let pointer = format!("/trust/{}", name.replace('~', "~0").replace('/', "~1"));
        Ok((name.clone(), read(anchor, &pointer, source)?))
    });
    anchors.collect()
}

fn read(anchor: &AnchorDocument, pointer: &str, source: &dyn MaterialSource) -> Result<Anchor, PolicyError> {
    match anchor {
        AnchorDocument::PublicKey(key) => {
            let from = Origins { kind: "publicKey", inline: ("pem", &key.pem), file: &key.file, reference: Some(&key.reference) };
            Ok(Anchor::PublicKey(AnchorKey { pem: from.read(pointer, source)?, hash: key.hash }))
        }
        AnchorDocument::X509(certificates) => {
            let from = Origins { kind: "x509", inline: ("pem", &certificates.pem), file: &certificates.file, reference: None };
            Ok(Anchor::X509(AnchorCertificates { bytes: from.read(pointer, source)?, kind: certificates.kind }))
        }
        AnchorDocument::TrustedRoot(root) => {
            let from = Origins { kind: "trustedRoot", inline: ("json", &root.json), file: &root.file, reference: None };
            Ok(Anchor::TrustedRoot(AnchorRoot { json: from.read(pointer, source)?, dated: None }))
        }
    }
}

/// The ways in which an anchor may say its bytes; exactly one is used.
struct Origins<'a> {
    kind: &'static str,
    inline: (&'static str, &'a Option<String>),
    file: &'a Option<String>,
    /// Only for anchors that may be referred to.
    reference: Option<&'a Option<String>>,
}

impl Origins<'_> {
    fn read(&self, pointer: &str, source: &dyn MaterialSource) -> Result<Vec<u8>, PolicyError> {
        let Self { kind, inline: (inline, text), file, reference } = self;
        let at = |field: &str| {
            let pointer = format!("{pointer}/{kind}/{field}");
            move |message: String| PolicyError::new(Code::PolicyInvalid, pointer, message)
        };
        match (text, file, reference.and_then(Option::as_ref)) {
            (Some(text), None, None) => Ok(text.clone().into_bytes()),
            (None, Some(file), None) => source.file(file).map_err(at("file")),
            (None, None, Some(reference)) => source.reference(reference).map_err(at("ref")),
            _ => {
                let third = if reference.is_some() { " and `ref`" } else { "" };
                let join = if reference.is_some() { "`, `file`" } else { "` and `file`" };
                Err(PolicyError::invalid(format!("{pointer}/{kind}"), format!("`{kind}` has exactly one of `{inline}{join}{third}")))
            }
        }
    }
}
