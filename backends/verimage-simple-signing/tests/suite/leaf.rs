//! The leaf as policies write it, over a place that answers from memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use verimage_core::policy::document::PolicyDocument;
use verimage_core::policy::{Anchor, AnchorOpenPgp, Backend, Compiler, read_config};
use verimage_core::{
    Answer, Blob, Code, Context, Decision, Digest, ImageRef, Limits, Policy, PolicyError, Progress, Session, StoreError, StoreErrorKind,
    Timestamp, Verdict, What,
};
use verimage_crypto::CryptoSet;

use crate::signer::*;

pub(crate) const IMAGE: &str = "registry.example/team/app:1.0";

/// What answers: the files of a lookaside, or the list of an extension.
#[derive(Clone, Default)]
pub(crate) struct Place {
    files: Vec<Vec<u8>>,
    list: Option<Vec<u8>>,
    fails_after: Option<usize>,
}

impl Place {
    pub(crate) fn lookaside(files: &[Vec<u8>]) -> Self {
        Self { files: files.to_vec(), ..Self::default() }
    }

    pub(crate) fn extension(entries: &[Vec<u8>]) -> Self {
        let entry = |entry: &Vec<u8>| json!({"schemaVersion": 2, "name": "x", "type": "atomic", "content": STANDARD.encode(entry)});
        let list = json!({"signatures": entries.iter().map(entry).collect::<Vec<_>>()});
        Self { list: Some(list.to_string().into_bytes()), ..Self::default() }
    }

    pub(crate) fn failing_after(self, files: usize) -> Self {
        Self { fails_after: Some(files), ..self }
    }

    fn answer(&self, what: &What) -> Result<Vec<Blob>, StoreError> {
        let found = match what {
            What::Resolve => Some(br#"{"schemaVersion":2,"layers":[],"config":{"mediaType":"x","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}}"#.to_vec()),
            What::SignatureList(_) => self.list.clone(),
            What::Lookaside { index, .. } if self.fails_after.is_some_and(|files| *index as usize > files) => {
                return Err(StoreError::new(StoreErrorKind::Unauthorized, "403 Forbidden"));
            }
            What::Lookaside { index, .. } => self.files.get(*index as usize - 1).cloned(),
            _ => None,
        };
        found.map(|bytes| vec![Blob::new(bytes)]).ok_or_else(|| StoreError::not_found("404"))
    }
}

fn compile(leaf: &Value, stores: &Value, keys: &[(&str, Vec<u8>)]) -> Result<Policy, PolicyError> {
    let anchors: BTreeMap<String, Anchor> =
        keys.iter().map(|(name, keys)| ((*name).to_owned(), Anchor::OpenPgp(AnchorOpenPgp { keys: keys.clone() }))).collect();
    let trust: BTreeMap<_, _> = anchors.keys().map(|name| (name.clone(), json!({"openpgp": {"file": "x"}}))).collect();
    let document = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust, "stores": stores,
        "rules": [{"name": "rule", "images": ["**/**"], "require": {"simpleSigning": leaf}}]});
    let document: PolicyDocument = read_config(&document, "")?;
    let backends: [Arc<dyn Backend>; 1] = [verimage_simple_signing::backend(CryptoSet::rustcrypto())];
    Compiler::new(&backends).compile(&document, anchors, "suite", b"")
}

/// A verdict over a digest reference or a tag, and what was asked for it.
fn run(policy: &Policy, image: &ImageRef, place: &Place, all_evidence: bool) -> (Verdict, Vec<String>) {
    let limits = Limits::default();
    let mut context = Context::new(Timestamp::from_second(NOW).unwrap(), &limits);
    context.all_evidence = all_evidence;
    let mut session = Session::new(policy, image.clone(), None);
    let mut asked = Vec::new();
    loop {
        match session.step(&context) {
            Progress::Done(verdict) => return (*verdict, asked),
            Progress::Pause => {}
            Progress::Fetch(wants) => {
                asked.extend(wants.iter().map(|want| want.describe(image)));
                let answers = wants.into_iter().map(|want| Answer { result: place.answer(&want.what), want }).collect();
                session.supply(answers, &context);
            }
        }
    }
}

/// The digest that the payloads of the suite name, under the tag of [`IMAGE`].
fn image() -> ImageRef {
    ImageRef::parse(&format!("{IMAGE}@{}", Digest::sha256(b"manifest"))).unwrap()
}

fn code(verdict: &Verdict) -> Option<Code> {
    assert_eq!(verdict.admitted, verdict.decision == Decision::Allow);
    match &verdict.code {
        Some(text) => Some(*Code::ALL.iter().find(|code| code.as_str() == text).unwrap()),
        None => {
            assert!(verdict.admitted);
            None
        }
    }
}

/// The code of the image under a key file and the default identity, but for the digest in the reference: the payloads name
/// the tag alone.
pub(crate) fn judge(file: &File, place: &Place) -> Option<Code> {
    let leaf =
        json!({"keys": ["alice"], "signedIdentity": {"remapIdentity": {"prefix": "registry.example", "signedPrefix": "registry.example"}}});
    let policy = compile(&leaf, &json!({}), &[("alice", file.0.clone())]).unwrap();
    let bare = ImageRef::parse(&format!("registry.example/team/app@{}", Digest::sha256(b"manifest"))).unwrap();
    let exact = json!({"keys": ["alice"], "signedIdentity": {"exactReference": IMAGE}});
    let by_digest = code(&run(&policy, &bare, place, false).0);
    let by_reference = code(&run(&compile(&exact, &json!({}), &[("alice", file.0.clone())]).unwrap(), &image(), place, false).0);
    // An image that is given by digest accepts every tag of its repository.
    if by_reference != Some(Code::ReferenceMismatch) {
        assert_eq!(by_digest, by_reference);
    }
    by_reference
}

pub(crate) struct Judged {
    pub(crate) decision: Option<Code>,
    pub(crate) warnings: Vec<&'static str>,
}

/// The same under another identity rule, with the warnings of the verdict that are this scheme's.
pub(crate) fn judge_identity(identity: &str, place: &Place) -> Judged {
    let leaf = json!({"keys": ["alice"], "signedIdentity": identity});
    let policy = compile(&leaf, &json!({}), &[("alice", file_of(alice()).0)]).unwrap();
    let (verdict, _) = run(&policy, &image(), place, false);
    let known = ["signed-tag-not-compared", "openpgp-key-unusable"];
    let warnings = known.into_iter().filter(|word| verdict.warnings.iter().any(|warning| warning == word)).collect();
    Judged { decision: code(&verdict), warnings }
}

/// A policy with a lookaside at this address.
pub(crate) fn stores(url: &str) -> Result<Policy, PolicyError> {
    let leaf = json!({"keys": ["alice"], "stores": ["sigs"]});
    compile(&leaf, &json!({"sigs": {"type": "lookaside", "url": url}}), &[("alice", file_of(alice()).0)])
}

fn good() -> Vec<u8> {
    signed_message(alice(), &payload(&Digest::sha256(b"manifest"), IMAGE))
}

#[test]
fn evidence_names_the_primary_key_and_no_time_of_signing() {
    let policy =
        compile(&json!({"keys": ["alice"], "signedIdentity": "matchRepository"}), &json!({}), &[("alice", file_of(alice()).0)]).unwrap();
    let (verdict, _) = run(&policy, &image(), &Place::lookaside(&[good()]), false);
    let report = &verdict.reports[0];
    let fingerprint = verify(&file_of(alice()), &good(), NOW).unwrap().fingerprint;
    assert_eq!(report.signer.as_deref(), Some(format!("openpgp:{fingerprint}").as_str()));
    assert!(report.signed_at.is_empty());
    assert_eq!(report.facts.get("reference").map(String::as_str), Some(IMAGE));
    assert_eq!(report.facts.get("claimedSignatureTime").map(String::as_str), Some("2024-02-01T00:00:00Z"));
}

#[test]
fn n_signatures_take_n_and_one_questions_to_a_lookaside() {
    let leaf = json!({"keys": ["alice"], "stores": ["sigs"], "signedIdentity": "matchRepository"});
    let lookaside = json!({"sigs": {"type": "lookaside", "url": "https://sigs.example/base/"}});
    let policy = compile(&leaf, &lookaside, &[("alice", file_of(alice()).0)]).unwrap();
    let bad = signed_message(&owner(9), &payload(&Digest::sha256(b"manifest"), IMAGE));
    let (verdict, asked) = run(&policy, &image(), &Place::lookaside(&[bad, good(), good()]), false);
    assert!(verdict.admitted);
    let base = format!("https://sigs.example/base//team/app@sha256={}", Digest::sha256(b"manifest").hex());
    assert_eq!(asked, [1, 2, 3, 4].map(|index| format!("{base}/signature-{index}")));
    assert_eq!(verdict.reports.len(), 2);
    assert_eq!(run(&policy, &image(), &Place::default(), false).1.len(), 1);
}

#[test]
fn one_hundred_and_twenty_seven_signatures_are_read_and_no_more() {
    let foreign = signed_message(&owner(9), &payload(&Digest::sha256(b"manifest"), IMAGE));
    let files = |bad: usize| [vec![foreign.clone(); bad], vec![good()]].concat();
    assert_eq!(judge(&file_of(alice()), &Place::lookaside(&files(126))), None);
    assert_eq!(judge(&file_of(alice()), &Place::lookaside(&files(127))), Some(Code::LimitExceeded));
}

#[test]
fn another_place_makes_up_for_one_that_fails() {
    let leaf = json!({"keys": ["alice"], "stores": ["sigs", "registry"], "signedIdentity": "matchRepository"});
    let both = json!({"sigs": {"type": "lookaside", "url": "file:///sigs"}, "registry": {"type": "openshift", "url": "https://registry.example/"}});
    let policy = compile(&leaf, &both, &[("alice", file_of(alice()).0)]).unwrap();
    let place = Place { fails_after: Some(0), ..Place::extension(&[good()]) };
    let (verdict, asked) = run(&policy, &image(), &place, false);
    assert!(verdict.admitted);
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().any(|asked| asked.starts_with("signature list of team/app@") && asked.ends_with("at https://registry.example")));
    let place = Place { fails_after: Some(0), ..Place::default() };
    assert_eq!(code(&run(&policy, &image(), &place, false).0), Some(Code::StoreUnauthorized));
}

#[test]
fn distinct_signers_are_counted_by_their_keys() {
    let leaf = |keys: &[&str]| json!({"simpleSigning": {"keys": keys, "signedIdentity": "matchRepository"}});
    let anchor = |name: &str, owner: &Owner| (name.to_owned(), Anchor::OpenPgp(AnchorOpenPgp { keys: file_of(owner).0 }));
    let anchors = BTreeMap::from([anchor("alice", alice()), anchor("bob", &owner(2))]);
    let require = json!({"threshold": {"k": 2, "of": [leaf(&["alice", "bob"]), leaf(&["alice"])]}});
    let document = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
        "trust": {"alice": {"openpgp": {"file": "a"}}, "bob": {"openpgp": {"file": "b"}}},
        "rules": [{"name": "two", "images": ["**/**"], "require": require}]});
    let backends: [Arc<dyn Backend>; 1] = [verimage_simple_signing::backend(CryptoSet::rustcrypto())];
    let policy = Compiler::new(&backends).compile(&read_config(&document, "").unwrap(), anchors, "suite", b"").unwrap();
    let by_bob = signed_message(&owner(2), &payload(&Digest::sha256(b"manifest"), IMAGE));
    assert_eq!(code(&run(&policy, &image(), &Place::lookaside(&[good(), good()]), false).0), Some(Code::ThresholdNotMet));
    assert_eq!(code(&run(&policy, &image(), &Place::lookaside(&[good(), by_bob]), false).0), None);
}

#[test]
fn leaves_that_cannot_be_meant_are_refused() {
    let alice = || vec![("alice", file_of(alice()).0)];
    for (leaf, stores, keys, code) in [
        (json!({"keys": []}), json!({}), vec![], Code::PolicyInvalid),
        (json!({"keys": ["bob"]}), json!({}), vec![], Code::PolicyUndefinedName),
        (json!({"keys": ["alice"], "x": 1}), json!({}), alice(), Code::PolicyInvalid),
        (json!({"keys": ["alice"], "signedIdentity": "matchAny"}), json!({}), alice(), Code::PolicyInvalid),
        (json!({"keys": ["alice"], "signedIdentity": {"exactReference": "r.example/a"}}), json!({}), alice(), Code::PolicyInvalid),
        (json!({"keys": ["alice"], "stores": ["tags"]}), json!({"tags": {"type": "tag"}}), alice(), Code::PolicyInvalid),
        (json!({"keys": ["alice"]}), json!({}), vec![("alice", b"garbage".to_vec())], Code::PolicyInvalid),
        (json!({"keys": ["alice"]}), json!({}), vec![("alice", File::of(&owner(1)).0)], Code::KeyUnsupported),
        (json!({"keys": ["alice", "bob"]}), json!({}), vec![("alice", file_of(&owner(1)).0), ("bob", b"x".to_vec())], Code::PolicyInvalid),
    ] {
        assert_eq!(compile(&leaf, &stores, &keys).unwrap_err().code, code, "{leaf}");
    }
    assert!(compile(&json!({"keys": ["alice"]}), &json!({}), &alice()).is_ok());
}
