//! The bundles of sigstore's conformance suite, read in place: the log part of each, with the verdict that is right for it.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "tests read the corpus beside the repository")]

use std::path::PathBuf;

use serde_json::Value;
use verimage_core::json;
use verimage_crypto::{HashAlgorithm, KeyKind, MessageDigest, PublicKey};

use super::body::{Binding, HashOf, Signed, Verifier};
use super::encoding::base64_bytes;
use super::entry::{Demand, LogEntry, LogEvidence, bundle_entries, verify_all};
use super::error::LogError;
use super::logs::Logs;
use super::merkle::TreeHash;
use super::testing::{SETS, p256_public};
use crate::trust_root::{LogKey, TrustRoot};

/// What is right for the log part of a case. `passes` with a `_fail`: what is wrong there is no matter of logs.
const VERDICTS: [(&str, &str); 32] = [
    ("bundle-empty-certificate-chain_fail", "log-proof-invalid"),
    ("bundle-from-wrong-instance_fail", "log-missing"),
    ("checkpoint-wrong-roothash_fail", "log-proof-invalid"),
    ("dsse-invalid-sig_fail", "log-entry-mismatch"),
    ("dsse-mismatch-envelope_fail", "log-entry-mismatch"),
    ("happy-path-intoto-in-dsse-v3", "passes"),
    ("happy-path-v0.1", "passes"),
    ("happy-path-v0.3", "passes"),
    ("inclusion-proof-corrupted-hash_fail", "log-proof-invalid"),
    ("incorrect-public-key_fail", "log-proof-invalid"),
    ("integrated-time-in-future_fail", "passes"),
    ("intoto-log-entry-mismatch_fail", "log-entry-mismatch"),
    ("intoto-missing-inclusion-proof_fail", "log-missing"),
    ("intoto-with-custom-trust-root", "passes"),
    ("invalid-checkpoint-signature_fail", "log-proof-invalid"),
    ("managed-key-happy-path", "passes"),
    ("message-digest-mismatch_fail", "passes"),
    ("rekor2-checkpoint-cosigned", "passes"),
    ("rekor2-checkpoint-missing-log-signature_fail", "log-proof-invalid"),
    ("rekor2-checkpoint-missing-root-hash_fail", "log-proof-invalid"),
    ("rekor2-checkpoint-two-sigs-from-origin", "passes"),
    ("rekor2-dsse-happy-path", "passes"),
    ("rekor2-dsse-invalid-sig_fail", "log-entry-mismatch"),
    ("rekor2-happy-path", "passes"),
    ("rekor2-timestamp-outside-tsa-cert-validity_fail", "passes"),
    ("rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail", "passes"),
    ("rekor2-timestamp-with-embedded-cert", "passes"),
    ("rekor2-timestamp-with-incorrect-time_fail", "passes"),
    ("signature-mismatch_fail", "log-entry-mismatch"),
    ("trust-root-tsa-validity-end-inclusive", "passes"),
    ("wrong-hashedrekord-artifact_fail", "log-entry-mismatch"),
    ("wrong-hashedrekord-entry_fail", "log-entry-mismatch"),
];

/// Not bundles, or without a signature or a key that could be compared.
const UNREADABLE: [&str; 4] =
    ["bundle-invalid-base64-signature_fail", "bundle-malformed-json_fail", "bundle-unknown-version_fail", "managed-key-wrong-key_fail"];

/// The corpus, or a loud nothing.
fn corpus() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("VERIMAGE_CORPUS").map_or_else(beside, PathBuf::from).join("sigstore-conformance");
    if !folder.is_dir() {
        println!("skipped: there is no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// One case, as its folder holds it.
struct Case {
    root: TrustRoot,
    artifact: Vec<u8>,
    key: Option<PublicKey>,
    bundle: Value,
}

impl Case {
    fn read(folder: &std::path::Path, name: &str) -> Self {
        let own = |file: &str| std::fs::read(folder.join(name).join(file));
        let shared = |file: &str| std::fs::read(folder.join(file)).unwrap();
        Self {
            root: TrustRoot::parse(&own("trusted_root.json").unwrap_or_else(|_| shared("production_trusted_root.json"))).unwrap(),
            artifact: own("artifact").unwrap_or_else(|_| shared("a.txt")),
            key: own("key.pub").ok().map(|pem| PublicKey::from_pem(&pem).unwrap()),
            bundle: json::strict_value(&own("bundle.sigstore.json").unwrap()).unwrap(),
        }
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.bundle.pointer(pointer).and_then(Value::as_str)
    }

    fn bytes(&self, pointer: &str) -> Option<Vec<u8>> {
        self.text(pointer).and_then(base64_bytes)
    }

    fn demand(&self) -> Demand {
        if self.text("/mediaType").unwrap().ends_with("version=0.1") { Demand::Promise } else { Demand::Proof }
    }

    fn certificate(&self) -> Vec<u8> {
        let single = self.bytes("/verificationMaterial/certificate/rawBytes");
        single.or_else(|| self.bytes("/verificationMaterial/x509CertificateChain/certificates/0/rawBytes")).unwrap_or_default()
    }

    fn entries(&self) -> Result<Vec<LogEntry>, LogError> {
        let entries = self.bundle.pointer("/verificationMaterial/tlogEntries").and_then(Value::as_array);
        bundle_entries(entries.unwrap(), self.demand())
    }

    /// The log part alone, the same under every crypto set.
    fn judge(&self) -> Result<Vec<LogEvidence>, LogError> {
        let entries = self.entries()?;
        let mut found: Vec<_> = SETS
            .iter()
            .map(|set| {
                let logs = Logs::load(&self.root.transparency_logs, &set());
                self.with_binding(|binding| verify_all(&entries, &logs, &binding))
            })
            .collect();
        found.dedup();
        assert_eq!(found.len(), 1, "the crypto sets disagree");
        found.remove(0)
    }

    fn with_binding<T>(&self, judge: impl FnOnce(Binding<'_>) -> T) -> T {
        let certificate = self.certificate();
        let by_certificate = Verifier::Certificate { der: &certificate, key: KeyKind::EcdsaP256 };
        let verifier = self.key.as_ref().map_or(by_certificate, Verifier::Key);
        match self.bytes("/messageSignature/signature") {
            Some(signature) => {
                let digest = HashAlgorithm::Sha256.digest(&self.artifact);
                judge(Binding { signature: &signature, verifier, signed: Signed::Message(HashOf::from(&digest)) })
            }
            None => {
                let signature = self.bytes("/dsseEnvelope/signatures/0/sig").unwrap();
                let (encoding, payload) = self.envelope();
                let signed = Signed::Envelope { encoding: HashOf::from(&encoding), payload: payload.as_bytes(), envelope: None };
                judge(Binding { signature: &signature, verifier, signed })
            }
        }
    }

    fn envelope(&self) -> (MessageDigest, MessageDigest) {
        let payload = self.bytes("/dsseEnvelope/payload").unwrap();
        let kind = self.text("/dsseEnvelope/payloadType").unwrap();
        let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
        (HashAlgorithm::Sha256.digest(&[head.as_bytes(), &payload].concat()), HashAlgorithm::Sha256.digest(&payload))
    }
}

#[test]
fn every_bundle_has_its_verdict() {
    let Some(folder) = corpus() else { return };
    let mut wrong = Vec::new();
    for (name, expected) in VERDICTS {
        let found = Case::read(&folder, name).judge();
        let code = found.as_ref().map_or_else(|error| error.code().as_str(), |_| "passes");
        println!("{name}: {code}{}", found.as_ref().err().map(|error| format!(" ({error})")).unwrap_or_default());
        if code != expected {
            wrong.push(format!("{name}: should be {expected}, is {code}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_bundle_is_left_out() {
    let Some(folder) = corpus() else { return };
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_dir());
    for name in entries.map(|entry| entry.file_name().into_string().unwrap()) {
        assert!(VERDICTS.iter().any(|(known, _)| *known == name) || UNREADABLE.contains(&name.as_str()), "{name} has no verdict");
    }
}

/// Times of Rekor v1 are authenticated, those of v2 are none.
#[test]
fn times_come_from_promises_alone() {
    let Some(folder) = corpus() else { return };
    let time = |name: &str| Case::read(&folder, name).judge().unwrap()[0].time.map(|time| time.as_second());
    assert_eq!(time("happy-path-v0.1"), Some(1_689_177_396));
    assert_eq!(time("happy-path-v0.3"), Some(1_710_869_186));
    assert_eq!(time("intoto-with-custom-trust-root"), Some(1_675_209_600));
    assert_eq!(time("rekor2-happy-path"), None);
}

/// Worked values, measured with other implementations.
#[test]
fn leaves_and_promises_have_their_worked_values() {
    let Some(folder) = corpus() else { return };
    for (name, leaf, message) in [
        (
            "happy-path-v0.1",
            "86407f5cc9c6f0d1a84fede6cfe1265fe0b3e1a4e21b4c0695e4a021ec11338f",
            "27efbfabc1e0adf55195b8ea71281af661f782d8982d3cbeacc94cf7a6ade23d",
        ),
        (
            "happy-path-v0.3",
            "aee3c920bb1132e929ed20e1c194579a60e95849f7a554e0033fdd26ee221629",
            "a77a67b05ef48abed4f89d052a01940e1fda0144fe6f845d353e809d19d8d35c",
        ),
        (
            "happy-path-intoto-in-dsse-v3",
            "875d33538d49eb9bc3224c4868c25d06f78f566730771c4437f50962530906ae",
            "8dd8455ca636b676808bfc1bd29f77dab7bc80c7cb196eebb4ec2133829204c5",
        ),
        ("rekor2-happy-path", "78470eff2921878c2141726b650bf349099c37850a731f287a6accf35d40441f", ""),
        ("rekor2-dsse-happy-path", "fe40655a0f968947de630c778c0f68bd52c68a40c5a25fc1a3a4edd6ab3c2f99", ""),
    ] {
        let entry = Case::read(&folder, name).entries().unwrap().remove(0);
        assert_eq!(format!("{:?}", TreeHash::leaf(&entry.body)), leaf, "{name}");
        if !message.is_empty() {
            let signed = entry.promised().message().unwrap();
            assert_eq!(hex::encode(HashAlgorithm::Sha256.digest(&signed).as_bytes()), message, "{name}");
        }
    }
}

/// Sound bundles, each spoilt in one place.
#[test]
fn spoilt_bundles_are_refused() {
    let Some(folder) = corpus() else { return };
    let foreign = |name: &str, pointer: &str| Case::read(&folder, name).bundle.pointer(pointer).unwrap().clone();
    let set = "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp";
    let proof = "/verificationMaterial/tlogEntries/0/inclusionProof";
    let note = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
    let hint = |name: &str| Value::from(foreign(name, note).as_str().unwrap().replace("wNI9aj", "wNI9ak").replace("8w1amd", "8w1ame"));
    for (attack, name, pointer, value) in [
        ("promise of another entry", "happy-path-v0.3", set, foreign("happy-path-v0.1", set)),
        ("promise of another entry", "happy-path-v0.1", set, foreign("happy-path-v0.3", set)),
        ("promise of another log", "happy-path-v0.1", set, foreign("intoto-with-custom-trust-root", set)),
        ("proof of another entry", "happy-path-v0.3", proof, foreign("happy-path-v0.1", proof)),
        ("proof of another log", "rekor2-happy-path", proof, foreign("rekor2-dsse-happy-path", proof)),
        ("checkpoint of another tree", "happy-path-v0.3", note, foreign("happy-path-v0.1", note)),
        ("key hint edited", "happy-path-v0.3", note, hint("happy-path-v0.3")),
        ("key hint edited", "rekor2-happy-path", note, hint("rekor2-happy-path")),
        ("index edited", "rekor2-happy-path", "/verificationMaterial/tlogEntries/0/logIndex", Value::from("734")),
        ("time edited", "happy-path-v0.3", "/verificationMaterial/tlogEntries/0/integratedTime", Value::from("1710869187")),
    ] {
        let mut case = Case::read(&folder, name);
        *case.bundle.pointer_mut(pointer).unwrap() = value;
        let code = case.judge().map_err(|error| error.code().as_str());
        assert_eq!(code.err(), Some("log-proof-invalid"), "{attack} in {name}");
    }
}

/// CVE-2022-23649 and CVE-2022-36056: a sound entry beside a signature that it is not for.
#[test]
fn a_sound_entry_of_another_signature_is_refused() {
    let Some(folder) = corpus() else { return };
    let names = ["happy-path-v0.3", "happy-path-v0.1", "managed-key-happy-path"];
    for (name, other) in names.iter().flat_map(|name| names.map(|other| (*name, other))).filter(|(name, other)| name != other) {
        let mut case = Case::read(&folder, name);
        let entries = Case::read(&folder, other).bundle["verificationMaterial"]["tlogEntries"].clone();
        case.bundle["verificationMaterial"]["tlogEntries"] = entries;
        assert_eq!(case.judge().map_err(|error| error.code().as_str()).err(), Some("log-entry-mismatch"), "{other} in {name}");
    }
}

/// The same evidence as cosign 1 and 2 keep it beside a layer.
#[test]
fn a_real_promise_passes_as_an_annotation() {
    let Some(folder) = corpus() else { return };
    for (name, time) in [("happy-path-v0.1", 1_689_177_396), ("managed-key-happy-path", 1_766_077_479)] {
        let case = Case::read(&folder, name);
        let entry = &case.bundle["verificationMaterial"]["tlogEntries"][0];
        let number = |key: &str| entry[key].as_str().unwrap().parse::<u64>().unwrap();
        let annotation = serde_json::json!({"SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {"body": entry["canonicalizedBody"], "integratedTime": number("integratedTime"), "logIndex": number("logIndex"),
            "logID": hex::encode(base64_bytes(entry["logId"]["keyId"].as_str().unwrap()).unwrap())}});
        let entry = LogEntry::from_annotation(&annotation.to_string()).unwrap();
        let logs = Logs::load(&case.root.transparency_logs, &SETS[0]());
        let found = case.with_binding(|binding| entry.verify(&logs, &binding)).unwrap();
        assert_eq!(found.time.map(|time| time.as_second()), Some(time));
    }
}

#[test]
fn an_entry_of_another_key_is_refused() {
    let Some(folder) = corpus() else { return };
    let mut case = Case::read(&folder, "managed-key-happy-path");
    case.key = Some(p256_public());
    assert_eq!(case.judge().map_err(|error| error.code().as_str()).err(), Some("log-entry-mismatch"));
}

#[test]
fn every_trusted_root_is_read() {
    let Some(folder) = corpus() else { return };
    let production = TrustRoot::parse(&std::fs::read(folder.join("production_trusted_root.json")).unwrap()).unwrap();
    let urls: Vec<_> = production.transparency_logs.iter().map(|log| log.base_url.as_str()).collect();
    assert_eq!(urls, ["https://rekor.sigstore.dev", "https://log2025-1.rekor.sigstore.dev"]);
    let logs = production.transparency_logs.iter().chain(&production.certificate_logs);
    assert!(logs.clone().all(|log| matches!(log.key, LogKey::Usable { .. })));
    // The identifier of a Rekor v2 log is that of its signer of notes, not the hash of its key.
    let hashes: Vec<_> = logs
        .map(|log| match &log.key {
            LogKey::Usable { key, .. } => key.fingerprint().as_bytes().as_slice() == log.id,
            LogKey::Unusable { .. } => false,
        })
        .collect();
    assert_eq!(hashes, [true, false, true, true]);
    assert_eq!((production.certificate_authorities.len(), production.timestamp_authorities.len()), (2, 1));
    for (name, _) in VERDICTS {
        let _ = Case::read(&folder, name).root;
    }
}
