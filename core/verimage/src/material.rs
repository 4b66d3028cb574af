//! Where the policy's keys come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use verimage_core::policy::document::{AnchorDocument, CertificatesDocument, PolicyDocument, PublicKeyDocument};
use verimage_core::policy::{
    Anchor, AnchorCertificates, AnchorKey, AnchorOpenPgp, AnchorRoot, AnchorTransparencyLog, AnchorTufRoot, CertificateKind,
};
use verimage_core::{Code, PolicyError};
use verimage_crypto::PublicKey;
use verimage_crypto::x509::Certificate;

use crate::keys::{KeyReference, KeyResolverError, Resolved};
use crate::trust_store;

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

    /// The certificate files of a trust store of the Notary Project, each with the name that messages call it.
    ///
    /// # Errors
    /// A sentence on why they are not to be had.
    fn trust_store(&self, kind: CertificateKind, name: &str) -> Result<Vec<(String, Vec<u8>)>, String> {
        Err(format!("there is no folder of trust stores to look for \"{name}\" of type \"{}\"", kind.word()))
    }
}

/// Files below a folder.
#[derive(Clone, Debug, Default)]
pub struct FolderMaterial {
    base: Option<PathBuf>,
    trust_stores: Option<PathBuf>,
}

impl FolderMaterial {
    /// Relative paths start at `base`; without one they are an error.
    pub fn new(base: Option<PathBuf>) -> Self {
        Self { base, trust_stores: None }
    }

    /// Takes trust stores of the Notary Project from below this folder: `x509/TYPE/NAME/` each.
    #[must_use]
    pub fn trust_stores(self, folder: Option<PathBuf>) -> Self {
        Self { trust_stores: folder, ..self }
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

    fn trust_store(&self, kind: CertificateKind, name: &str) -> Result<Vec<(String, Vec<u8>)>, String> {
        let folder = self.trust_stores.as_deref();
        let folder = folder.ok_or_else(|| format!("no folder of trust stores is known, so there is no \"{name}\" to trust"))?;
        trust_store::files(folder, kind, name)
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

fn read(anchor: &AnchorDocument, pointer: &str, material: &Material<'_>) -> Result<Anchor, PolicyError> {
    match anchor {
        AnchorDocument::PublicKey(key) => {
            let pem =
                material.read(&Origin::of(pointer, "publicKey", &[("pem", &key.pem), ("file", &key.file), ("ref", &key.reference)])?)?;
            key.sha256.as_deref().map(|pin| check_pin(pin, &pem, pointer)).transpose()?;
            Ok(Anchor::PublicKey(AnchorKey { pem, hash: key.hash, unpinned: key.insecure_unpinned }))
        }
        AnchorDocument::X509(certificates) => {
            let CertificatesDocument { pem, file, trust_store, kind } = certificates;
            let origin = Origin::of(pointer, "x509", &[("pem", pem), ("file", file), ("trustStore", trust_store)])?;
            let bytes = match origin.field {
                "trustStore" => material.trust_store(*kind, origin.text).map_err(|message| origin.invalid(message))?,
                _ => material.read(&origin)?,
            };
            Ok(Anchor::X509(AnchorCertificates { bytes, kind: *kind }))
        }
        AnchorDocument::TrustedRoot(root) => {
            let json = material.read(&Origin::of(pointer, "trustedRoot", &[("json", &root.json), ("file", &root.file)])?)?;
            Ok(Anchor::TrustedRoot(AnchorRoot { json, dated: None }))
        }
        AnchorDocument::TufRoot(root) => {
            let pem = material.read(&Origin::of(pointer, "tufRoot", &[("pem", &root.pem), ("file", &root.file)])?)?;
            Ok(Anchor::TufRoot(AnchorTufRoot { pem }))
        }
        AnchorDocument::Openpgp(ring) => {
            let keys = material.read(&Origin::of(pointer, "openpgp", &[("armor", &ring.armor), ("file", &ring.file)])?)?;
            Ok(Anchor::OpenPgp(AnchorOpenPgp { keys }))
        }
        AnchorDocument::TransparencyLog(log) => {
            let pem = material.read(&Origin::of(pointer, "transparencyLog", &[("pem", &log.pem), ("file", &log.file)])?)?;
            Ok(Anchor::TransparencyLog(AnchorTransparencyLog { pem }))
        }
    }
}

/// The one field by which an anchor says its bytes.
struct Origin<'a> {
    pointer: String,
    field: &'static str,
    text: &'a str,
}

impl<'a> Origin<'a> {
    fn of(pointer: &str, kind: &str, fields: &[(&'static str, &'a Option<String>)]) -> Result<Self, PolicyError> {
        let mut given = fields.iter().filter_map(|(field, text)| Some((*field, text.as_deref()?)));
        if let (Some((field, text)), None) = (given.next(), given.next()) {
            return Ok(Self { pointer: format!("{pointer}/{kind}/{field}"), field, text });
        }
        let names: Vec<String> = fields.iter().map(|(field, _)| format!("`{field}`")).collect();
        let (last, others) = names.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
        let message = format!("`{kind}` has exactly one of {} and {last}", others.join(", "));
        Err(PolicyError::invalid(format!("{pointer}/{kind}"), message))
    }

    fn invalid(&self, message: String) -> PolicyError {
        PolicyError::invalid(self.pointer.as_str(), message)
    }
}

impl Material<'_> {
    fn read(&self, origin: &Origin<'_>) -> Result<Vec<u8>, PolicyError> {
        match origin.field {
            "file" => self.source.file(origin.text).map_err(|message| origin.invalid(message)),
            "ref" => self.key(origin.text).map_err(|error| {
                let refused = PolicyError::new(error.code, origin.pointer.as_str(), error.message);
                error.hint.into_iter().fold(refused, PolicyError::with_hint)
            }),
            _ => Ok(origin.text.as_bytes().to_vec()),
        }
    }

    fn key(&self, text: &str) -> Result<Vec<u8>, KeyResolverError> {
        let reference = KeyReference::parse(text).map_err(KeyResolverError::invalid)?;
        let nobody = || Err(KeyResolverError::invalid(format!("nobody was asked for `{reference}`")));
        self.keys.get(&reference).cloned().unwrap_or_else(nobody)
    }

    /// All certificates of a trust store, DER after DER, whatever form its files have.
    fn trust_store(&self, kind: CertificateKind, name: &str) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        for (file, bytes) in self.source.trust_store(kind, name)? {
            let certificates = Certificate::all_from_file(&bytes).map_err(|error| format!("`{file}` holds no certificates: {error}"))?;
            certificates.iter().for_each(|certificate| all.extend_from_slice(certificate.der()));
        }
        Ok(all)
    }
}
