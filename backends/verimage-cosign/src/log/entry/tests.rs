use serde_json::json;
use verimage_core::Code;

use super::*;
use crate::log::body::{Mismatch, Signed, Verifier};
use crate::log::checkpoint::CheckpointError;
use crate::log::encoding::base64_text;
use crate::log::set::SetError;
use crate::log::testing::*;
use crate::trust_root::TrustRoot;

/// The verdict over one entry, the same under every crypto set.
fn judge(entry: &Value, demand: Demand) -> Result<LogEvidence, LogError> {
    judge_read(LogEntry::from_bundle(entry, demand))
}

fn judge_read(entry: Result<LogEntry, LogError>) -> Result<LogEvidence, LogError> {
    let entry = entry?;
    let mut found: Vec<_> = SETS.iter().map(|set| with_binding(|binding| entry.verify(&logs(&set()), &binding))).collect();
    found.dedup();
    assert_eq!(found.len(), 1, "the crypto sets disagree");
    found.remove(0)
}

fn code(found: &Result<LogEvidence, LogError>) -> &'static str {
    found.as_ref().map_or_else(|error| error.code().as_str(), |_| "passes")
}

fn edited(mut entry: Value, pointer: &str, value: Value) -> Value {
    *entry.pointer_mut(pointer).unwrap() = value;
    entry
}

fn without(mut entry: Value, key: &str) -> Value {
    entry.as_object_mut().unwrap().remove(key).unwrap();
    entry
}

fn at_time(seconds: u64, signed: u64) -> Value {
    let promise = promise(&body_one(), 1000, signed, &log_id_one());
    let entry = edited(entry_one(), "/integratedTime", json!(seconds.to_string()));
    edited(entry, "/inclusionPromise/signedEntryTimestamp", json!(base64_text(&promise)))
}

#[test]
fn entries_of_both_generations_pass() {
    let one = judge(&entry_one(), Demand::Proof).unwrap();
    assert_eq!((one.log_id.clone(), one.log_index), (log_id_one(), Some(1000)));
    assert_eq!(one.time, Some(Timestamp::from_second(INTEGRATED_TIME as i64).unwrap()));
    let two = judge(&entry_two(), Demand::Proof).unwrap();
    assert_eq!((two.log_id.clone(), two.log_index, two.time), (log_id_two(), Some(1), None));
    assert!(two.counts_at("2023-06-01T00:00:00Z".parse().unwrap()));
    assert!(!two.counts_at("2024-06-01T00:00:00Z".parse().unwrap()));
    assert_eq!(judge(&entry_one(), Demand::Promise), Ok(one));
}

#[test]
fn annotations_pass_like_entries() {
    let found = judge_read(LogEntry::from_annotation(&annotation().to_string())).unwrap();
    assert_eq!(found, judge(&entry_one(), Demand::Promise).unwrap());
}

#[test]
fn annotations_are_read_strictly() {
    let good = annotation().to_string();
    for (from, to) in [
        ("\"Payload\"", "\"payload\""),
        ("\"logIndex\":1000", "\"logIndex\":1000,\"logIndex\":1000"),
        ("\"logIndex\":1000", "\"logIndex\":-1"),
        ("\"logIndex\":1000", "\"logIndex\":\"1000\""),
        ("\"logIndex\":1000", "\"logIndex\":1000,\"extra\":1"),
        ("\"body\"", "\"Body\""),
        ("\"logID\"", "\"logId\""),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        assert_eq!(code(&judge_read(LogEntry::from_annotation(&bad))), "payload-malformed", "{to}");
    }
    let upper = hex::encode(log_id_one()).to_uppercase();
    let bad = edited(annotation(), "/Payload/logID", json!(upper));
    assert_eq!(code(&judge_read(LogEntry::from_annotation(&bad.to_string()))), "payload-malformed");
}

#[test]
fn attacks_on_annotations() {
    let judged =
        |pointer: &str, value: Value| code(&judge_read(LogEntry::from_annotation(&edited(annotation(), pointer, value).to_string())));
    assert_eq!(judged("/Payload/integratedTime", json!(INTEGRATED_TIME + 1)), "log-proof-invalid", "time moved");
    assert_eq!(judged("/Payload/logIndex", json!(1001)), "log-proof-invalid", "index moved");
    assert_eq!(judged("/Payload/logID", json!(hex::encode(log_id_two()))), "log-proof-invalid", "promise of another log");
    assert_eq!(judged("/Payload/logID", json!("00")), "log-missing", "unknown log");
    assert_eq!(judged("/Payload/body", json!(base64_text(body_two().as_bytes()))), "log-proof-invalid", "body swapped");
    assert_eq!(judged("/SignedEntryTimestamp", json!(base64_text(&sign_one(b"x")))), "log-proof-invalid", "promise swapped");
}

#[test]
fn attacks_on_the_promise() {
    for (attack, entry) in [
        (
            "promise over another message",
            edited(entry_one(), "/inclusionPromise/signedEntryTimestamp", json!(base64_text(&sign_one(b"x")))),
        ),
        ("promise for another time", at_time(INTEGRATED_TIME + 1, INTEGRATED_TIME)),
        ("promise that is no signature", edited(entry_one(), "/inclusionPromise/signedEntryTimestamp", json!("AAAA"))),
        ("index moved", edited(entry_one(), "/logIndex", json!("1001"))),
        ("index above 2^53", edited(entry_one(), "/logIndex", json!("9007199254741992"))),
        ("log swapped", edited(entry_one(), "/logId/keyId", json!(base64_text(&log_id_two())))),
    ] {
        assert_eq!(code(&judge(&entry, Demand::Proof)), "log-proof-invalid", "{attack}");
    }
    assert_eq!(judge(&at_time(0, 0), Demand::Proof), Err(LogError::Set(SetError::NoTime)));
    assert_eq!(judge(&without(entry_one(), "inclusionPromise"), Demand::Promise), Err(LogError::NoPromise));
}

#[test]
fn a_time_without_a_promise_is_no_time() {
    let found = judge(&without(entry_one(), "inclusionPromise"), Demand::Proof).unwrap();
    assert_eq!(found.time, None);
}

/// The key counts from 2023-01-01T00:00:00Z to 2024-01-01T00:00:00Z, both included.
#[test]
fn the_keys_validity_is_closed() {
    let (start, end) = (1_672_531_200, 1_704_067_200);
    assert!(judge(&at_time(start, start), Demand::Proof).is_ok());
    assert!(judge(&at_time(end, end), Demand::Proof).is_ok());
    for seconds in [start - 1, end + 1] {
        let found = judge(&at_time(seconds, seconds), Demand::Proof);
        assert!(matches!(found, Err(LogError::Set(SetError::OutsideValidity { .. }))), "{seconds}");
    }
}

#[test]
fn attacks_on_the_proof() {
    let other_root = base64_text(TreeHash::empty().as_bytes());
    let note = note_two(&note_text("two.example", 2, &TreeHash::empty()));
    for (attack, pointer, value) in [
        ("hash changed", "/inclusionProof/hashes/0", json!(other_root)),
        ("hash added", "/inclusionProof/hashes", json!([other_root, other_root])),
        ("hashes removed", "/inclusionProof/hashes", json!([])),
        ("hash too short", "/inclusionProof/hashes/0", json!("AAAA")),
        ("root of nothing", "/inclusionProof/rootHash", json!(other_root)),
        ("size beside the checkpoint's", "/inclusionProof/treeSize", json!("3")),
        ("index of the sibling", "/inclusionProof/logIndex", json!("0")),
        ("index beside the proof's", "/logIndex", json!("0")),
        ("body swapped", "/canonicalizedBody", json!(base64_text(body_one().as_bytes()))),
        ("checkpoint of another root", "/inclusionProof/checkpoint/envelope", json!(note)),
        ("checkpoint of another log", "/inclusionProof/checkpoint", entry_one()["inclusionProof"]["checkpoint"].clone()),
        ("checkpoint that is none", "/inclusionProof/checkpoint/envelope", json!("x")),
        ("proof of the other log", "/inclusionProof", entry_one()["inclusionProof"].clone()),
    ] {
        assert_eq!(code(&judge(&edited(entry_two(), pointer, value), Demand::Proof)), "log-proof-invalid", "{attack}");
    }
}

/// The log signed this root, but under another size, or somebody else signed it.
#[test]
fn the_checkpoint_must_be_the_proofs_own() {
    let root = root_two();
    let judged = |note: String| judge(&edited(entry_two(), "/inclusionProof/checkpoint/envelope", json!(note)), Demand::Proof);
    assert!(judged(note_two(&note_text("two.example", 2, &root))).is_ok());
    let other_size = judged(note_two(&note_text("two.example", 5, &root)));
    assert_eq!(other_size, Err(LogError::CheckpointSize { proof: 2, checkpoint: 5 }));
    let other_root = judged(note_two(&note_text("two.example", 2, &TreeHash::empty())));
    assert_eq!(other_root, Err(LogError::CheckpointRoot));
    let text = note_text("two.example", 2, &root);
    let forged = judged(format!("{text}\n{}", line("two.example", &log_id_two(), &[0; 64])));
    assert!(matches!(forged, Err(LogError::Checkpoint(CheckpointError::Signature(_)))), "{forged:?}");
}

#[test]
fn missing_parts_prove_nothing() {
    assert_eq!(judge(&without(entry_two(), "inclusionProof"), Demand::Proof), Err(LogError::NoProof));
    let bare = edited(entry_two(), "/inclusionProof/checkpoint", Value::Null);
    assert_eq!(judge(&bare, Demand::Proof), Err(LogError::NoCheckpoint));
    let unknown = edited(entry_two(), "/logId/keyId", json!("AAAA"));
    assert_eq!(judge(&unknown, Demand::Proof), Err(LogError::UnknownLog { id: "000000".to_owned() }));
    let missing =
        [LogError::NoProof, LogError::NoPromise, LogError::NoCheckpoint, LogError::NoEntry, judge(&unknown, Demand::Proof).unwrap_err()];
    assert!(missing.iter().all(|error| error.code() == Code::LogMissing));
}

#[test]
fn a_log_with_an_unknown_key_type_proves_nothing() {
    let mut root = trusted_root();
    root["tlogs"][0]["publicKey"]["keyDetails"] = json!("ML_DSA_65");
    let logs = Logs::load(&TrustRoot::parse(root.to_string().as_bytes()).unwrap().transparency_logs, &SETS[0]());
    let judged = |entry: &Value| {
        let entry = LogEntry::from_bundle(entry, Demand::Proof).unwrap();
        with_binding(|binding| entry.verify(&logs, &binding))
    };
    assert!(matches!(judged(&entry_one()), Err(LogError::UnusableLog { .. })));
    assert_eq!(code(&judged(&entry_one())), "log-missing");
    assert!(judged(&entry_two()).is_ok());
}

/// Version 0.1 may carry a proof without a checkpoint. It proves nothing, but it must not be wrong.
#[test]
fn a_proof_beside_a_promise_must_hold() {
    let bare = edited(entry_one(), "/inclusionProof/checkpoint", Value::Null);
    assert!(judge(&bare, Demand::Promise).is_ok());
    let wrong = edited(bare, "/inclusionProof/logIndex", json!("0"));
    assert_eq!(code(&judge(&wrong, Demand::Promise)), "log-proof-invalid");
}

#[test]
fn entries_for_something_else_are_refused() {
    let entry = LogEntry::from_bundle(&entry_one(), Demand::Proof).unwrap();
    let logs = logs(&SETS[0]());
    let key = p256_public();
    with_binding(|good| {
        for (binding, expected) in [
            (Binding { signature: b"other", ..good }, Mismatch::Signature),
            (Binding { verifier: Verifier::Key(&key), ..good }, Mismatch::Verifier),
        ] {
            let found = entry.verify(&logs, &binding);
            assert_eq!((code(&found), found.err()), ("log-entry-mismatch", Some(LogError::Mismatch(expected))));
        }
    });
    let other = edited(entry_one(), "/kindVersion/version", json!("0.0.2"));
    assert_eq!(code(&judge(&other, Demand::Proof)), "log-entry-mismatch");
    let other = edited(entry_one(), "/kindVersion/kind", json!("dsse"));
    assert!(matches!(judge(&other, Demand::Proof), Err(LogError::Kind { .. })));
    assert!(with_binding(|good| matches!(good.signed, Signed::Message(_))));
}

#[test]
fn malformed_entries_are_named() {
    for (pointer, value) in [
        ("/logIndex", json!("-1")),
        ("/logIndex", json!(-1)),
        ("/logId/keyId", json!("")),
        ("/kindVersion", Value::Null),
        ("/inclusionProof/treeSize", json!("-2")),
        ("/inclusionProof/rootHash", json!("?")),
        ("/inclusionPromise/signedEntryTimestamp", json!("")),
        ("/canonicalizedBody", json!("")),
        ("/integratedTime", json!("soon")),
    ] {
        assert_eq!(code(&judge(&edited(entry_one(), pointer, value), Demand::Proof)), "payload-malformed", "{pointer}");
    }
    assert_eq!(code(&judge(&json!([]), Demand::Proof)), "payload-malformed");
}

#[test]
fn numbers_may_be_numbers_and_zero_may_be_absent() {
    let numbers = edited(entry_one(), "/logIndex", json!(1000));
    assert!(judge(&numbers, Demand::Proof).is_ok());
    assert_eq!(LogEntry::from_bundle(&without(entry_one(), "logIndex"), Demand::Proof).unwrap().log_index, 0);
}

#[test]
fn entries_are_counted_and_none_twice() {
    let read = |values: &[Value]| bundle_entries(values, Demand::Proof);
    assert_eq!(read(&[entry_one(), entry_two()]).unwrap().len(), 2);
    assert_eq!(read(&vec![entry_one(); 33]).unwrap_err(), LogError::TooMany { found: 33 });
    let repeated = read(&[entry_one(), entry_two(), entry_one()]).unwrap_err();
    assert_eq!(repeated.to_string(), "log entry 2: the entry occurs twice");
    let renumbered = edited(entry_one(), "/logIndex", json!("7"));
    assert_eq!(read(&[entry_one(), renumbered]).unwrap_err().code(), Code::PayloadMalformed);
    let other_body = edited(entry_one(), "/canonicalizedBody", json!("AAAA"));
    assert_eq!(read(&[entry_one(), other_body]).unwrap_err().code(), Code::PayloadMalformed);
    let same_index = edited(entry_two(), "/logIndex", json!("1000"));
    assert!(read(&[entry_one(), same_index]).is_ok());
}

#[test]
fn every_entry_must_hold() {
    let logs = logs(&SETS[0]());
    let judged = |values: &[Value]| {
        let entries = bundle_entries(values, Demand::Proof).unwrap();
        with_binding(|binding| verify_all(&entries, &logs, &binding)).map_err(|error| error.code())
    };
    assert_eq!(judged(&[entry_one(), entry_two()]).map(|found| found.len()), Ok(2));
    let wrong = edited(entry_two(), "/inclusionProof/hashes", json!([]));
    assert_eq!(judged(&[entry_one(), wrong]), Err(Code::LogProofInvalid));
    assert_eq!(judged(&[]), Err(Code::LogMissing));
}
