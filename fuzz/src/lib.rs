//! What each fuzz target checks. Every function is also run over its seeds by a plain test.

#![forbid(unsafe_code)]

mod admission;
#[path = "../../tests/src/descriptors.rs"]
mod descriptors;
mod notary;
mod rehash;
mod session;
mod simple_signing;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

pub use admission::admission;
pub use notary::{notary_collection, notary_metadata};
pub use session::session;
pub use simple_signing::{containers_policy, simple_signing};

use notation_rs::TrustedIdentity;
use notation_rs::envelope::{Envelope, Format, PssSalt};
use notation_rs::manifest::SignatureManifest;
use notation_rs::trust_policy::{BlobDocument, Leniency, OciDocument, Reading, TrustedIdentities};
use verimage::{CryptoSet, FolderMaterial, ImageRef, PolicyError, PolicyLoader};
use verimage_core::Timestamp;
use verimage_core::manifest::Manifest;
use verimage_core::policy::{Anchor, AnchorRoot};
use verimage_cosign::artifact::{Artifact, ArtifactVerifier};
use verimage_crypto::rfc3161::{Stamped, TokenRules};
use verimage_crypto::x509::{Certificate, Leaf, OcspResponse, PathRules, RevocationList};
use verimage_crypto::{
    EcdsaKey, EcdsaVerifier, Ed25519Key, Ed25519Verifier, MessageDigest, PublicKey, Refused, RsaKey, RsaPadding, RsaVerifier,
};
use verimage_import::Document;

/// A bundle over an artifact. Where every signature check says no, it is refused; where every check says yes, it goes deep.
pub fn bundle(data: &[u8]) {
    let artifact = Artifact::Bytes(b"artifact");
    let now = Timestamp::from_second(1_775_000_000).expect("a time");
    assert!(NEVER.verify(data, artifact, now).is_err(), "accepted without a signature");
    let _ = ALWAYS.verify(data, artifact, now);
}

static NEVER: LazyLock<ArtifactVerifier> = LazyLock::new(|| verifier::<false>(INSTANCE).expect("the leaf"));
static ALWAYS: LazyLock<ArtifactVerifier> = LazyLock::new(|| verifier::<true>(INSTANCE).expect("the leaf"));

/// A trusted root is read or refused, with a reason.
pub fn trusted_root(data: &[u8]) {
    if let Err(error) = verifier::<true>(data) {
        assert!(!error.message.is_empty());
    }
}

/// A keyless leaf under a trusted root.
fn verifier<const ANSWER: bool>(root: &[u8]) -> Result<ArtifactVerifier, PolicyError> {
    let leaf = r#"{"keyless": {"root": "root", "identities": [{"issuerGlob": "*", "subjectGlob": "*"}]}}"#;
    let anchors = BTreeMap::from([("root".to_owned(), Anchor::TrustedRoot(AnchorRoot { json: root.to_vec(), dated: None }))]);
    ArtifactVerifier::new(&serde_json::from_str(leaf).expect("a leaf"), anchors, set::<ANSWER>())
}

/// A certificate is read or refused; what is read keeps its bytes, and is never its own anchor. Several, one behind the other, are
/// a leaf, what is between, and an anchor: where every signature check says no there is no path, where every check says yes
/// the path goes from the one to the other.
pub fn certificate(data: &[u8]) {
    let certificates: Vec<Certificate> = pieces(data).into_iter().map_while(|der| Certificate::from_der(der).ok()).collect();
    let Some(leaf) = certificates.first() else { return };
    assert!(data.starts_with(leaf.der()) && leaf.tbs_der().len() < leaf.der().len());
    let moment = leaf.validity().not_before;
    let own = [leaf.clone()];
    assert!(PathRules::new(&own, &[], moment).leaf(Leaf::Any).find(leaf, &set::<true>()).is_err());
    let [leaf, between @ .., anchor] = certificates.as_slice() else { return };
    let anchors = [anchor.clone()];
    let rules = PathRules::new(&anchors, between, moment).leaf(Leaf::Any);
    assert!(rules.find(leaf, &set::<false>()).is_err(), "a path without a signature");
    if let Ok(path) = rules.find(leaf, &set::<true>()) {
        assert_eq!((path.leaf().der(), path.anchor().der()), (leaf.der(), anchor.der()));
        assert!(path.certificates().iter().all(|certificate| certificate.validity().contains(moment)));
    }
}

/// SEQUENCEs in DER, one behind the other; the last has the rest.
fn pieces(mut data: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !data.is_empty() && found.len() < 12 {
        let length = match data {
            [0x30, 0x82, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            [0x30, 0x81, length, ..] => 3 + usize::from(*length),
            _ => data.len(),
        };
        let (piece, rest) = data.split_at(length.min(data.len()));
        found.push(piece);
        data = rest;
    }
    found
}

/// A timestamp without an anchor is refused, whatever it is over.
pub fn timestamp(data: &[u8]) {
    assert!(TokenRules::new(&[]).verify(data, Stamped::InsecureAnything, &set::<true>()).is_err());
}

/// The trusted root of the tests' sigstore instance.
const INSTANCE: &[u8] = include_bytes!("../seeds/trusted-root/instance");

/// A crypto set whose checks all give one answer.
fn set<const ANSWER: bool>() -> CryptoSet {
    CryptoSet { name: "fuzz", ecdsa: &Always::<ANSWER>, ed25519: &Always::<ANSWER>, rsa: &Always::<ANSWER> }
}

/// A manifest is read or refused; what is read is one kind.
pub fn manifest(data: &[u8]) {
    let _ = Manifest::parse(data);
}

/// An envelope of either form is read or refused, and nothing is whole where every signature check says no.
pub fn notation_envelope(data: &[u8]) {
    for format in [Format::Jws, Format::Cose] {
        let Ok(envelope) = Envelope::parse(format, data) else { continue };
        assert!(envelope.verify_integrity(&set::<false>(), PssSalt::AnyInJws).is_err());
        if let Ok(verified) = envelope.verify_integrity(&set::<true>(), PssSalt::Strict) {
            assert_eq!(verified.signer_info(), envelope.unverified());
        }
    }
}

/// A trust policy is read or refused; what is read as the specification has it, the reference's way reads the same. Its
/// identities are read again from what they are written as.
pub fn notation_policy(data: &[u8]) {
    let lenient = Reading::default().unknown_members(Leniency::AsReference).global_skip(Leniency::AsReference);
    if let Ok(document) = OciDocument::parse(data) {
        assert_eq!(OciDocument::parse_with(data, lenient), Ok(document.clone()));
        for statement in document.statements() {
            let TrustedIdentities::AnyOf(identities) = &statement.trusted_identities else { continue };
            identities.iter().for_each(|identity| assert_eq!(TrustedIdentity::parse(&identity.to_string()).as_ref(), Ok(identity)));
        }
    }
    if let Ok(document) = BlobDocument::parse(data) {
        assert_eq!(BlobDocument::parse_with(data, lenient), Ok(document));
    }
    let _ = SignatureManifest::parse(data);
}

/// What a responder or a server of lists sends is read or refused.
pub fn notation_revocation(data: &[u8]) {
    let _ = OcspResponse::from_der(data);
    let _ = RevocationList::from_der(data);
    let _ = TokenRules::new(&[]).verify(data, Stamped::InsecureAnything, &set::<true>());
}

/// A payload is read or refused; what is read holds a digest that can be written and read again.
pub fn payload(data: &[u8]) {
    if let Ok(payload) = verimage_cosign::Payload::parse(data) {
        assert_eq!(payload.digest.to_string().parse(), Ok(payload.digest));
    }
}

/// A policy loads or is refused with a place inside the text. What is converted, from whichever tool it is, is a native policy
/// that stays what it is.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let loader = PolicyLoader::new();
    if let Err(error) = loader.load_text(text, "fuzz", &FolderMaterial::new(None)) {
        let lines = text.matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() + 2;
        assert!(error.location.is_none_or(|(line, _)| line <= lines));
    }
    if let Ok(native) = loader.convert(text) {
        let value = |text: &str| Document::parse(text).expect("it is YAML").value().clone();
        let again = loader.convert(&native).unwrap_or_else(|error| panic!("{error}\n{native}"));
        assert_eq!(value(&again), value(&native));
    }
}

/// A reference that is read is written in a form that reads as the same.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(image) = ImageRef::parse(text) {
        assert_eq!(ImageRef::parse(&image.to_string()), Ok(image.clone()));
        assert_eq!(ImageRef::parse(&image.familiar()), Ok(image));
    }
}

#[derive(Debug)]
struct Always<const ANSWER: bool>;

impl<const ANSWER: bool> EcdsaVerifier for Always<ANSWER> {
    fn load(&self, _: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
        Ok(Box::new(Always::<ANSWER>))
    }
}

impl<const ANSWER: bool> EcdsaKey for Always<ANSWER> {
    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), Refused> {
        if ANSWER { Ok(()) } else { Err(Refused) }
    }
}

impl<const ANSWER: bool> Ed25519Verifier for Always<ANSWER> {
    fn load(&self, _: &PublicKey) -> Result<Box<dyn Ed25519Key>, Refused> {
        Ok(Box::new(Always::<ANSWER>))
    }
}

impl<const ANSWER: bool> Ed25519Key for Always<ANSWER> {
    fn verify(&self, _: &[u8], _: &[u8; 64]) -> Result<(), Refused> {
        if ANSWER { Ok(()) } else { Err(Refused) }
    }
}

impl<const ANSWER: bool> RsaVerifier for Always<ANSWER> {
    fn load(&self, _: &PublicKey) -> Result<Box<dyn RsaKey>, Refused> {
        Ok(Box::new(Always::<ANSWER>))
    }
}

impl<const ANSWER: bool> RsaKey for Always<ANSWER> {
    fn verify(&self, _: RsaPadding, _: &MessageDigest, _: &[u8]) -> Result<(), Refused> {
        if ANSWER { Ok(()) } else { Err(Refused) }
    }
}

/// The seeds of a target by their names.
pub fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        Some((path.file_name()?.to_string_lossy().into_owned(), std::fs::read(&path).ok()?))
    };
    std::fs::read_dir(folder).into_iter().flatten().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is a binary in Cargo.toml, and the other way round.
    const TARGETS: &[(&str, fn(&[u8]))] = &[
        ("admission", admission),
        ("bundle", bundle),
        ("certificate", certificate),
        ("containers-policy", containers_policy),
        ("manifest", manifest),
        ("notary-collection", notary_collection),
        ("notary-metadata", notary_metadata),
        ("notation-envelope", notation_envelope),
        ("notation-policy", notation_policy),
        ("notation-revocation", notation_revocation),
        ("payload", payload),
        ("policy", policy),
        ("reference", reference),
        ("session", session),
        ("simple-signing", simple_signing),
        ("timestamp", timestamp),
        ("trusted-root", trusted_root),
    ];

    #[test]
    fn every_binary_has_its_target() {
        let manifest = include_str!("../Cargo.toml");
        let binaries: Vec<_> = manifest.split("[[bin]]").skip(1).filter_map(|text| text.split('"').nth(1)).collect();
        assert_eq!(binaries, TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn seeds_pass() {
        for (name, target) in TARGETS {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name} has no seeds");
            seeds.iter().for_each(|(_, seed)| target(seed));
        }
    }

    /// Every grammar of policies is among the seeds of `policy`, with the samples that the tests share.
    #[test]
    fn policies_of_every_tool_are_converted() {
        let samples = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tests/policy/samples")).unwrap();
        let texts: Vec<_> = samples.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
        assert!(texts.len() >= 7);
        for text in texts {
            let native = PolicyLoader::new().convert(std::str::from_utf8(&text).unwrap()).unwrap();
            assert!(native.contains("verimage/v1"));
            policy(&text);
        }
    }

    /// The seeds reach the end of a verification: with checks that always say yes, a real bundle is accepted.
    #[test]
    fn a_real_bundle_goes_deep() {
        let seed = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/bundle/message")).unwrap();
        let now = Timestamp::from_second(1_775_000_000).unwrap();
        let verdict = |verifier: Result<ArtifactVerifier, PolicyError>| verifier.unwrap().verify(&seed, Artifact::Bytes(b"artifact"), now);
        assert!(verdict(verifier::<true>(INSTANCE)).is_ok(), "{:?}", verdict(verifier::<true>(INSTANCE)));
        assert_eq!(verdict(verifier::<false>(INSTANCE)).unwrap_err().code, verimage::Code::SignatureInvalid);
    }

    /// The seeds are whole: with checks that always say yes, so are the envelopes.
    #[test]
    fn real_envelopes_go_deep() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/notation-envelope");
        for (name, format) in [("jws", Format::Jws), ("cose", Format::Cose)] {
            let envelope = Envelope::parse(format, &std::fs::read(folder.join(name)).unwrap()).unwrap();
            assert!(envelope.verify_integrity(&set::<true>(), PssSalt::Strict).is_ok(), "{name}");
        }
    }
}
