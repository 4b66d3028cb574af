//! RSASSA-PSS by OpenSSL with salts of every kind of length: `fixtures/salts.json`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common {
    pub(super) mod json;
    #[allow(dead_code)] // each set is asked by itself
    pub(super) mod loaded;
}

use common::{
    json::{bytes, list, text},
    loaded::sets,
};
use serde_json::Value;
use verimage_crypto::{Algorithm, HashAlgorithm, PublicKey, SignatureError, VerifyingKey};

fn hash(case: &Value) -> HashAlgorithm {
    match text(&case["hash"]) {
        "sha256" => HashAlgorithm::Sha256,
        "sha384" => HashAlgorithm::Sha384,
        _ => HashAlgorithm::Sha512,
    }
}

/// The key of a case under every crypto set.
fn keys(fixtures: &Value, case: &Value) -> Vec<VerifyingKey> {
    let key = PublicKey::from_pem(text(&fixtures["keys"][text(&case["key"])]).as_bytes()).expect("a good key");
    sets().iter().map(|set| set.load(&key).expect("a usable key")).collect()
}

#[test]
fn the_salt_of_every_signature_is_found_and_only_one_length_is_strict() {
    let fixtures: Value = serde_json::from_str(include_str!("fixtures/salts.json")).expect("JSON");
    let message = bytes(&fixtures["message"]);
    let mut strict = 0;
    for case in list(&fixtures["cases"]) {
        let (hash, signature) = (hash(case), bytes(&case["signature"]));
        let salt = case["salt"].as_u64().map(|salt| salt as usize);
        for key in keys(&fixtures, case) {
            let found = key.verify_pss_any_salt(hash, &message, &signature);
            assert_eq!(found, salt.ok_or(SignatureError::Mismatch), "{case}");
            let strictly = key.verify(Algorithm::RsaPss { hash }, &message, &signature);
            assert_eq!(strictly.is_ok(), salt == Some(hash.length()), "{case}");
            strict += usize::from(strictly.is_ok());
            assert_eq!(key.verify_pss_any_salt(hash, b"another", &signature), Err(SignatureError::Mismatch));
        }
    }
    assert!(strict >= 12);
}

#[test]
fn attack_a_changed_byte_or_another_padding() {
    let fixtures: Value = serde_json::from_str(include_str!("fixtures/salts.json")).expect("JSON");
    let message = bytes(&fixtures["message"]);
    let case = &fixtures["cases"][0];
    let good = bytes(&case["signature"]);
    for key in keys(&fixtures, case) {
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert!(key.verify_pss_any_salt(hash(case), &message, &changed).is_err(), "byte {at}");
        }
        let short = key.verify_pss_any_salt(hash(case), &message, &good[1..]);
        assert!(matches!(short, Err(SignatureError::Length { .. })));
        for number in [vec![0; good.len()], [&vec![0; good.len() - 1][..], &[1]].concat()] {
            assert_eq!(key.verify_pss_any_salt(hash(case), &message, &number), Err(SignatureError::Mismatch));
        }
    }
}
