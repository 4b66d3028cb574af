use ed25519_dalek::Signer as _;

use super::*;
use crate::log::logs::Logs;
use crate::log::testing::{
    RSA, SETS, ed25519_key, line, log_id_one, log_id_two, logs, note_one, note_text, note_two, p256_public, sign_one, trusted_root,
};
use crate::trust_root::TrustRoot;

const ONE: &str = "one.example - 42";
const TWO: &str = "two.example";

fn text(origin: &str) -> String {
    note_text(origin, 9, &TreeHash::empty())
}

fn judge(note: &str, id: &[u8]) -> Result<Generation, CheckpointError> {
    let mut found: Vec<_> =
        SETS.iter().map(|set| Checkpoint::parse(note).and_then(|checkpoint| checkpoint.verify(logs(&set()).find(id).unwrap()))).collect();
    found.dedup();
    assert_eq!(found.len(), 1, "the crypto sets disagree");
    found.remove(0)
}

fn is_malformed(note: &str) -> bool {
    matches!(Checkpoint::parse(note), Err(CheckpointError::Malformed(_)))
}

#[test]
fn both_generations_verify() {
    assert_eq!(judge(&note_one(&text(ONE)), &log_id_one()), Ok(Generation::One));
    assert_eq!(judge(&note_two(&text(TWO)), &log_id_two()), Ok(Generation::Two));
    let read = note_one(&text(ONE));
    let read = Checkpoint::parse(&read).unwrap();
    assert_eq!((read.origin, read.size, read.root), (ONE, 9, TreeHash::empty()));
}

#[test]
fn extension_lines_are_signed_too() {
    let extended = format!("{}Timestamp: 1\n", text(ONE));
    let note = note_one(&extended);
    assert_eq!(judge(&note, &log_id_one()), Ok(Generation::One));
    assert!(judge(&note.replace("Timestamp: 1", "Timestamp: 2"), &log_id_one()).is_err());
    assert!(judge(&note.replace("Timestamp: 1\n", ""), &log_id_one()).is_err());
    assert!(judge(&note_one(&text(ONE)).replace("\n\n", "\nTimestamp: 1\n\n"), &log_id_one()).is_err());
}

#[test]
fn size_root_and_origin_are_signed() {
    let note = note_two(&text(TWO));
    assert!(judge(&note.replace("\n9\n", "\n8\n"), &log_id_two()).is_err());
    assert!(judge(&note.replace("47DEQ", "57DEQ"), &log_id_two()).is_err());
    assert!(judge(&note_one(&text(ONE)).replace("- 42", "- 43"), &log_id_one()).is_err());
}

#[test]
fn lines_of_other_keys_are_ignored() {
    let note = note_two(&text(TWO));
    let witness = line("witness.example", &[1, 2, 3, 4], b"cosignature");
    let same_origin = line(TWO, &[1, 2, 3, 4], b"a key to come");
    assert_eq!(judge(&format!("{note}{witness}{same_origin}"), &log_id_two()), Ok(Generation::Two));
    let first = note.replace("\n\n", &format!("\n\n{witness}"));
    assert_eq!(judge(&first, &log_id_two()), Ok(Generation::Two));
    assert_eq!(judge(&format!("{}\n{witness}{same_origin}", text(TWO)), &log_id_two()), Err(CheckpointError::Unsigned));
}

#[test]
fn a_line_of_the_log_that_fails_refuses_the_others() {
    let forged = line(TWO, &log_id_two(), &[0; 64]);
    let note = note_two(&text(TWO));
    assert!(matches!(judge(&format!("{note}{forged}"), &log_id_two()), Err(CheckpointError::Signature(_))));
    assert!(matches!(judge(&note.replace("\n\n", &format!("\n\n{forged}")), &log_id_two()), Err(CheckpointError::Signature(_))));
}

#[test]
fn name_and_hint_must_both_be_those_of_the_log() {
    let signed = text(ONE);
    let signature = sign_one(signed.as_bytes());
    let other_name = format!("{signed}\n{}", line("other.example", &log_id_one(), &signature));
    let other_hint = format!("{signed}\n{}", line("one.example", &[0; 4], &signature));
    assert_eq!(judge(&other_name, &log_id_one()), Err(CheckpointError::Unsigned));
    assert_eq!(judge(&other_hint, &log_id_one()), Err(CheckpointError::Unsigned));
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    assert!(matches!(judge(&note_two(&text("three.example")), &log_id_two()), Err(CheckpointError::Origin { .. })));
    assert!(matches!(judge(&note_two(&text("two.example.evil")), &log_id_two()), Err(CheckpointError::Origin { .. })));
    assert!(judge(&note_two(&text(TWO)), &log_id_one()).is_err());
    assert!(judge(&note_one(&text(ONE)), &log_id_two()).is_err());
}

#[test]
fn origins_are_hosts_or_addresses_without_scheme() {
    assert!(is_origin_of("log.example:8000", "http://log.example:8000"));
    assert!(is_origin_of("log.example/path", "https://log.example/path/"));
    assert!(is_origin_of("log.example", "https://log.example/path"));
    assert!(!is_origin_of("log.example", "https://log.example:8000"));
    assert!(!is_origin_of("", ""));
    assert!(!is_origin_of("example", "https://log.example"));
}

#[test]
fn only_strict_notes_are_read() {
    let good = note_two(&text(TWO));
    for (from, to) in [
        ("\n\n", "\n"),
        ("\u{2014} ", "- "),
        ("\u{2014} ", "\u{2014}"),
        ("two.example\n9", "\n9"),
        ("\n9\n", "\n09\n"),
        ("\n9\n", "\n-9\n"),
        ("\n9\n", "\n18446744073709551616\n"),
        ("\n9\n", "\r\n9\r\n"),
        ("47DEQ", "DEQ"),
        ("\n\n\u{2014}", "\n\n\n\u{2014}"),
        ("\u{2014} two.example ", "\u{2014}  "),
        ("\u{2014} two.example ", "\u{2014} two+example "),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(bad != good && is_malformed(&bad), "{from:?} to {to:?}");
    }
    assert!(is_malformed(good.trim_end()));
    assert!(is_malformed(&format!("{good}\n")));
    assert!(is_malformed(&format!("{good}\u{2014} two.example AAAA\n")));
    assert!(is_malformed(""));
    assert!(is_malformed(&format!("{}\n", text(TWO))));
    assert!(is_malformed(&format!("{}{good}", "x".repeat(MAX_LENGTH))));
}

#[test]
fn seventeen_lines_are_too_many() {
    let witness = line("witness.example", &[1, 2, 3, 4], b"cosignature");
    let note = |count: usize| format!("{}{}", note_two(&text(TWO)), witness.repeat(count));
    assert_eq!(judge(&note(15), &log_id_two()), Ok(Generation::Two));
    assert!(is_malformed(&note(16)));
}

#[test]
fn every_bit_of_a_note_counts() {
    let note = note_two(&text(TWO));
    let logs = logs(&SETS[0]());
    for position in 0..note.len() {
        for bit in 0..8 {
            let mut flipped = note.clone().into_bytes();
            flipped[position] ^= 1 << bit;
            let Ok(flipped) = String::from_utf8(flipped) else { continue };
            let found = Checkpoint::parse(&flipped).and_then(|note| note.verify(logs.find(&log_id_two()).unwrap()));
            assert!(found.is_err(), "{flipped:?}");
        }
    }
}

/// Worked with another implementation of SHA-256 from the definition in C2SP `signed-note`.
#[test]
fn keys_are_named_by_generation_and_kind() {
    let rsa = PublicKey::from_spki_der(&base64_bytes(RSA).unwrap()).unwrap();
    let expected = "82baebddba5ccc7a3d54f001b717c0eeebf1222996244f77079c212c4ea3a8e4";
    assert_eq!(hex::encode(key_id(Generation::Two, TWO, &rsa)), expected);
    assert_eq!(key_id(Generation::One, TWO, &rsa), rsa.fingerprint().as_bytes());
    assert_eq!(key_id(Generation::Two, TWO, &p256_public()), p256_public().fingerprint().as_bytes());
}

#[test]
fn signed_control_characters_are_refused() {
    for extension in ["a\tb", "a\rb", "\u{7}", "\u{85}"] {
        assert!(is_malformed(&note_two(&format!("{}{extension}\n", text(TWO)))), "{extension:?}");
    }
}

#[test]
fn the_root_may_say_the_hint() {
    let mut root = trusted_root();
    root["tlogs"][1]["checkpointKeyId"] = serde_json::json!({"keyId": "AQIDBAU="});
    let logs = Logs::load(&TrustRoot::parse(root.to_string().as_bytes()).unwrap().transparency_logs, &SETS[0]());
    let log = logs.find(&log_id_two()).unwrap();
    let (signed, usual) = (text(TWO), note_two(&text(TWO)));
    let said = format!("{signed}\n{}", line(TWO, &[1, 2, 3, 4], &ed25519_key().sign(signed.as_bytes()).to_bytes()));
    assert_eq!(Checkpoint::parse(&said).unwrap().verify(log), Ok(Generation::Two));
    assert_eq!(Checkpoint::parse(&usual).unwrap().verify(log), Err(CheckpointError::Unsigned));
}

/// A second note behind the first moves the blank line: what was signed becomes longer.
#[test]
fn the_last_blank_line_counts() {
    let good = note_two(&text(TWO));
    let doubled = format!("{good}\n{}", line(TWO, &log_id_two(), &[0; 64]));
    assert!(judge(&doubled, &log_id_two()).is_err());
}
