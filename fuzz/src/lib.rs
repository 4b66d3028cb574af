//! What each fuzz target checks. Every function is also run over its seeds by a plain test.

#![forbid(unsafe_code)]

mod notary;
mod simple_signing;

use std::collections::BTreeMap;
use std::path::Path;

pub use notary::{notary_collection, notary_metadata};
pub use simple_signing::{containers_policy, simple_signing};

use notation_rs::TrustedIdentity;
use notation_rs::envelope::{Envelope, Format, PssSalt};
use notation_rs::manifest::SignatureManifest;
use notation_rs::trust_policy::{BlobDocument, Leniency, OciDocument, Reading, TrustedIdentities};
use verimage::{CryptoSet, Decision, FolderMaterial, ImageRef, Limits, PolicyError, PolicyLoader, Transcript, Verdict};
use verimage_core::manifest::Manifest;
use verimage_core::policy::{Anchor, AnchorRoot};
use verimage_core::{Context, Progress, Session, Timestamp};
use verimage_cosign::artifact::{Artifact, ArtifactVerifier};
use verimage_crypto::rfc3161::{Stamped, TokenRules};
use verimage_crypto::x509::{Certificate, Leaf, OcspResponse, PathRules, RevocationList};
use verimage_crypto::{EcdsaKey, EcdsaVerifier, PublicKey, Refused};

/// A bundle over an artifact. Where every signature check says no, it is refused; where every check says yes, it goes deep.
pub fn bundle(data: &[u8]) {
    let artifact = Artifact::Bytes(b"artifact");
    let now = Timestamp::from_second(1_775_000_000).expect("a time");
    assert!(verifier::<false>(INSTANCE).expect("the leaf").verify(data, artifact, now).is_err(), "accepted without a signature");
    let _ = verifier::<true>(INSTANCE).expect("the leaf").verify(data, artifact, now);
}

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

/// A certificate is read or refused; what is read keeps its bytes, and is never its own anchor.
pub fn certificate(data: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(data) {
        assert_eq!(certificate.der(), data);
        assert!(certificate.tbs_der().len() < data.len());
        let anchors = [certificate.clone()];
        let moment = certificate.validity().not_before;
        assert!(PathRules::new(&anchors, &[], moment).leaf(Leaf::Any).find(&certificate, &set::<true>()).is_err());
    }
}

/// A timestamp without an anchor is refused, whatever it is over.
pub fn timestamp(data: &[u8]) {
    assert!(TokenRules::new(&[]).verify(data, Stamped::InsecureAnything, &set::<true>()).is_err());
}

/// The trusted root of the tests' sigstore instance.
const INSTANCE: &[u8] = include_bytes!("../seeds/trusted-root/instance");

/// A crypto set whose ECDSA checks all give one answer.
fn set<const ANSWER: bool>() -> CryptoSet {
    CryptoSet { ecdsa: &Always::<ANSWER>, ..CryptoSet::rustcrypto() }
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

/// A policy loads or is refused with a place inside the text.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = PolicyLoader::new().load_text(text, "fuzz", &FolderMaterial::new(None)) {
        let lines = text.matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() + 2;
        assert!(error.location.is_none_or(|(line, _)| line <= lines));
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

/// A whole verification from an arbitrary transcript. Where every signature check says no, nothing is allowed; where
/// every check says yes, what is allowed is the digest that the reference names, or one below it.
pub fn session(data: &[u8]) {
    let Ok(transcript) = Transcript::parse(data) else { return };
    if let Some(verdict) = judge::<false>(&transcript) {
        assert_ne!(verdict.decision, Decision::Allow, "allowed without a signature");
        assert!(verdict.code.is_some());
    }
    if let Some(verdict) = judge::<true>(&transcript) {
        assert_eq!(verdict.code.is_none(), verdict.decision == Decision::Allow);
        assert!(verdict.decision != Decision::Allow || (verdict.admitted && verdict.digest.is_some()));
    }
}

/// The verdict over a transcript where every signature check gives the same answer.
fn judge<const ANSWER: bool>(transcript: &Transcript) -> Option<Verdict> {
    let image = ImageRef::parse(transcript.image()).ok()?;
    let replay = transcript.replay().ok()?;
    let policy =
        PolicyLoader::with_crypto(set::<ANSWER>()).load_text(POLICY, "fuzz", &FolderMaterial::new(None)).expect("the policy loads");
    let limits = transcript.limits().within(&Limits::default());
    let context = Context::new(Timestamp::UNIX_EPOCH, &limits);
    let mut session = Session::new(&policy, image, None);
    loop {
        match session.step(&context) {
            Progress::Done(verdict) => return Some(*verdict),
            Progress::Pause => {}
            Progress::Fetch(wants) => {
                let answers = wants.into_iter().map(|want| verimage_core::Answer { result: replay.answer(&want), want }).collect();
                session.supply(answers, &context);
            }
        }
    }
}

/// One leaf under every kind of check, in a tree that needs it.
const POLICY: &str = r#"{
  "apiVersion": "verimage/v1", "kind": "ImagePolicy",
  "trust": {"key": {"publicKey": {"pem": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXvRNv3ZDGALOSnLMlbxWM6qFw/t5\n9icYdbU5c+2FKjSe10RcxRkSXcHfVd0Yi+MP9Bxt57BIbmNSl5L9ANtvLA==\n-----END PUBLIC KEY-----\n"}}},
  "rules": [{"name": "fuzz", "images": ["**/**"], "subject": "either", "require": {"cosign": {"key": "key", "transparency": "none"}}}]
}"#;

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

/// Runs a target over the seeds in `seeds/<name>`; says how many there were.
pub fn replay_seeds(name: &str, target: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let seeds = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| std::fs::read(entry.ok()?.path()).ok());
    seeds.map(|seed| target(&seed)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_pass() {
        let targets: [(&str, fn(&[u8])); 16] = [
            ("bundle", bundle),
            ("certificate", certificate),
            ("containers-policy", containers_policy),
            ("manifest", manifest),
            ("notation-envelope", notation_envelope),
            ("notation-policy", notation_policy),
            ("notation-revocation", notation_revocation),
            ("notary-collection", notary_collection),
            ("notary-metadata", notary_metadata),
            ("payload", payload),
            ("policy", policy),
            ("reference", reference),
            ("session", session),
            ("simple-signing", simple_signing),
            ("timestamp", timestamp),
            ("trusted-root", trusted_root),
        ];
        for (name, target) in targets {
            assert!(replay_seeds(name, target) > 0, "{name} has no seeds");
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

    /// The seeds reach the end of a session: with checks that always say yes, a real transcript is allowed.
    #[test]
    fn a_real_transcript_goes_deep() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/session");
        let transcript = |name: &str| Transcript::parse(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        assert_eq!(judge::<true>(&transcript("p256")).unwrap().decision, Decision::Allow);
        assert_eq!(judge::<false>(&transcript("p256")).unwrap().code.as_deref(), Some("signature-invalid"));
        assert_eq!(judge::<true>(&transcript("unsigned")).unwrap().code.as_deref(), Some("signature-not-found"));
    }
}
