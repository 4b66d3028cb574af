//! Where the policy's keys come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use verimage_core::policy::document::{AnchorDocument, PolicyDocument, PublicKeyDocument};
use verimage_core::policy::{Anchor, AnchorCertificates, AnchorKey, AnchorRoot};
use verimage_core::{Code, PolicyError};
use verimage_crypto::PublicKey;

use crate::keys::{KeyReference, KeyResolverError, Resolved};

/// The largest key file, in bytes.
const MAX_MATERIAL_BYTES: u64 = 1 << 20;

/// Brings the files that a policy names. Called when a policy is loaded, never while an image is judged.
/// Key references are the business of a [`KeyResolver`](crate::KeyResolver).
pub trait MaterialSource: Debug + Send + Sync {
    /// The bytes of a file named in the policy.
    ///
    /// # Errors
    /// A sentence on why they are not to be had.
    fn file(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// Files below a folder.
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
        read_file(&path)
    }
}

/// A file of a reasonable size.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("`{}` cannot be read: {error}", path.display());
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_MATERIAL_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_MATERIAL_BYTES {
        return Err(format!("`{}` is larger than {MAX_MATERIAL_BYTES} bytes", path.display()));
    }
    Ok(bytes)
}

/// What the keys of a document refer to, once everything that can be said without asking for them has been said.
pub(crate) fn references(document: &PolicyDocument) -> Result<BTreeSet<KeyReference>, PolicyError> {
    let mut references = BTreeSet::new();
    for (name, anchor) in &document.trust {
        if let AnchorDocument::PublicKey(key) = anchor {
            references.extend(key_reference(key, &pointer(name))?);
        }
    }
    Ok(references)
}

/// The reference of a key, if it has one. Keys at web addresses are pinned, or said not to be.
fn key_reference(key: &PublicKeyDocument, pointer: &str) -> Result<Option<KeyReference>, PolicyError> {
    let at = |field: &str| format!("{pointer}/publicKey/{field}");
    let reference = match (&key.reference, &key.pem, &key.file) {
        (Some(text), None, None) => {
            Some(KeyReference::parse(text).map_err(|message| PolicyError::new(Code::PolicyInvalid, at("ref"), message))?)
        }
        _ => None,
    };
    key.sha256.as_deref().map(|pin| read_pin(pin, &at("sha256"))).transpose()?;
    let on_the_web = reference.as_ref().is_some_and(KeyReference::is_web_address);
    match (on_the_web, key.sha256.is_some(), key.insecure_unpinned) {
        (true, false, false) => Err(PolicyError::invalid(at("ref"), "whoever can write to this address would choose what may run").with_hint(
            "say which key it must be, as verdicts print the signer: `sha256: \"SHA256:…\"`, on the command line `#SHA256:…` behind the \
             address; or take any with `insecureUnpinned: true`, on the command line `--insecure-unpinned-key`",
        )),
        (_, true, true) => Err(PolicyError::invalid(at("insecureUnpinned"), "`sha256` says which key it must be")),
        (false, _, true) => Err(PolicyError::invalid(at("insecureUnpinned"), "this has no effect: the key is at no web address")),
        _ => Ok(reference),
    }
}

/// The 32 bytes of a pin.
fn read_pin(text: &str, pointer: &str) -> Result<Vec<u8>, PolicyError> {
    let bytes = text.strip_prefix("SHA256:").and_then(|digits| hex::decode(digits).ok()).filter(|bytes| bytes.len() == 32);
    bytes.ok_or_else(|| {
        PolicyError::invalid(pointer, "a fingerprint is `SHA256:` and 64 hexadecimal digits")
            .with_hint("verdicts print it as the signer; it is the hash of `openssl pkey -pubin -outform DER`, not of the file")
    })
}

/// Compares a key with what the policy says it must be.
fn check_pin(pin: &str, bytes: &[u8], pointer: &str) -> Result<(), PolicyError> {
    let pointer = format!("{pointer}/publicKey/sha256");
    let pinned = read_pin(pin, &pointer)?;
    let key = PublicKey::from_pem(bytes)
        .map_err(|error| PolicyError::invalid(pointer.as_str(), format!("what came is not this key: {error}")))?;
    let found = key.fingerprint();
    if found.as_bytes().as_slice() == pinned {
        return Ok(());
    }
    Err(PolicyError::invalid(pointer, format!("the key that came is another one: {found}"))
        .with_hint("find out who changed it before you change the policy"))
}

fn pointer(name: &str) -> String {
    format!("/trust/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The trust section of a document with its bytes.
pub(crate) fn resolve(
    document: &PolicyDocument,
    source: &dyn MaterialSource,
    keys: &Resolved,
) -> Result<BTreeMap<String, Anchor>, PolicyError> {
    let material = Material { source, keys };
    document.trust.iter().map(|(name, anchor)| Ok((name.clone(), read(anchor, &pointer(name), &material)?))).collect()
}

/// Everything that anchors are made of.
struct Material<'a> {
    source: &'a dyn MaterialSource,
    keys: &'a Resolved,
}

fn read(anchor: &AnchorDocument, pointer: &str, source: &Material<'_>) -> Result<Anchor, PolicyError> {
    match anchor {
        AnchorDocument::PublicKey(key) => {
            let from = Origins { kind: "publicKey", inline: ("pem", &key.pem), file: &key.file, reference: Some(&key.reference) };
            let pem = from.read(pointer, source)?;
            key.sha256.as_deref().map(|pin| check_pin(pin, &pem, pointer)).transpose()?;
            Ok(Anchor::PublicKey(AnchorKey { pem, hash: key.hash, unpinned: key.insecure_unpinned }))
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

impl Material<'_> {
    fn key(&self, text: &str) -> Result<Vec<u8>, KeyResolverError> {
        let reference = KeyReference::parse(text).map_err(KeyResolverError::invalid)?;
        let nobody = || Err(KeyResolverError::invalid(format!("nobody was asked for `{reference}`")));
        self.keys.get(&reference).cloned().unwrap_or_else(nobody)
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
    fn read(&self, pointer: &str, material: &Material<'_>) -> Result<Vec<u8>, PolicyError> {
        let Self { kind, inline: (inline, text), file, reference } = self;
        let at = |field: &str| {
            let pointer = format!("{pointer}/{kind}/{field}");
            move |message: String| PolicyError::new(Code::PolicyInvalid, pointer, message)
        };
        match (text, file, reference.and_then(Option::as_ref)) {
            (Some(text), None, None) => Ok(text.clone().into_bytes()),
            (None, Some(file), None) => material.source.file(file).map_err(at("file")),
            (None, None, Some(reference)) => material.key(reference).map_err(|error| {
                let refused = PolicyError::new(error.code, format!("{pointer}/{kind}/ref"), error.message);
                error.hint.into_iter().fold(refused, PolicyError::with_hint)
            }),
            _ => {
                let third = if reference.is_some() { " and `ref`" } else { "" };
                let join = if reference.is_some() { "`, `file`" } else { "` and `file`" };
                Err(PolicyError::invalid(format!("{pointer}/{kind}"), format!("`{kind}` has exactly one of `{inline}{join}{third}")))
            }
        }
    }
}
