//! Keys and signatures made by OpenSSL, and keys that must be refused: `fixtures/keys.json`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common {
    pub(super) mod json;
    pub(super) mod loaded;
}

use common::{
    json::{bytes, list, text},
    loaded::Loaded,
};
use serde_json::Value;
use verimage_crypto::{Algorithm, EcdsaEncoding, HashAlgorithm, KeyError, PublicKey, SignatureError};

fn fixtures() -> Value {
    serde_json::from_str(include_str!("fixtures/keys.json")).expect("JSON")
}

fn algorithm(signature: &Value) -> Algorithm {
    let hash = match text(&signature["hash"]) {
        "sha384" => HashAlgorithm::Sha384,
        "sha512" => HashAlgorithm::Sha512,
        _ => HashAlgorithm::Sha256,
    };
    match text(&signature["algorithm"]) {
        "ecdsa-der" => Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Der },
        "ecdsa-fixed" => Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Fixed },
        "ed25519" => Algorithm::Ed25519,
        "rsa-pkcs1" => Algorithm::RsaPkcs1 { hash },
        "rsa-pss" => Algorithm::RsaPss { hash },
        other => panic!("unknown algorithm {other}"),
    }
}

#[track_caller]
fn public_key(entry: &Value) -> PublicKey {
    PublicKey::from_spki_der(&bytes(&entry["spki"])).expect("a good key")
}

#[test]
fn every_signature_is_accepted_for_its_message_only() {
    let fixtures = fixtures();
    let message = bytes(&fixtures["message"]);
    let mut accepted = 0;
    for entry in list(&fixtures["keys"]) {
        let key = public_key(entry);
        assert_eq!(key.kind().to_string(), text(&entry["kind"]));
        let loaded = Loaded::new(&key).expect("every set takes the key");
        for signature in list(&entry["signatures"]) {
            let (algorithm, signature) = (algorithm(signature), bytes(&signature["bytes"]));
            assert_eq!(loaded.verify(algorithm, &message, &signature), Ok(()), "{} {algorithm}", entry["name"]);
            assert_eq!(loaded.verify(algorithm, b"another message", &signature), Err(SignatureError::Mismatch));
            accepted += 1;
        }
    }
    assert_eq!(accepted, 3 * 6 + 9 * 6 + 1);
}

#[test]
fn every_algorithm_of_another_kind_is_a_mismatch() {
    let fixtures = fixtures();
    let hash = HashAlgorithm::Sha256;
    let encoding = EcdsaEncoding::Der;
    let algorithms = [Algorithm::Ecdsa { hash, encoding }, Algorithm::Ed25519, Algorithm::RsaPkcs1 { hash }, Algorithm::RsaPss { hash }];
    for entry in list(&fixtures["keys"]) {
        let key = public_key(entry);
        let loaded = Loaded::new(&key).expect("every set takes the key");
        let kind = key.kind();
        for algorithm in algorithms {
            let name = algorithm.to_string();
            let family = name.split(' ').next().expect("a first word");
            let expected = SignatureError::AlgorithmMismatch { algorithm, key: kind };
            let answer = loaded.verify(algorithm, b"", b"");
            assert_eq!(answer == Err(expected), !kind.to_string().starts_with(family), "{kind} {name}");
        }
    }
}

#[test]
fn rsa_padding_is_exact() {
    let fixtures = fixtures();
    let message = bytes(&fixtures["message"]);
    let mut refused = 0;
    for entry in list(&fixtures["keys"]) {
        let loaded = Loaded::new(&public_key(entry)).expect("every set takes the key");
        for signature in list(&entry["refused"]) {
            assert_eq!(
                loaded.verify(algorithm(signature), &message, &bytes(&signature["bytes"])),
                Err(SignatureError::Mismatch),
                "{} {}",
                entry["name"],
                signature["why"]
            );
            refused += 1;
        }
    }
    assert_eq!(refused, 2 * 14);
}

#[test]
fn a_changed_bit_is_refused() {
    let fixtures = fixtures();
    let message = bytes(&fixtures["message"]);
    let mut flipped = 0;
    for entry in list(&fixtures["keys"]) {
        if !["P-256", "P-384", "rsa-2048-65537", "ed25519"].contains(&text(&entry["name"])) {
            continue;
        }
        let loaded = Loaded::new(&public_key(entry)).expect("every set takes the key");
        // The curve's own hash for both encodings of ECDSA, SHA-256 for both paddings of RSA.
        let own_hash = match text(&entry["name"]) {
            "P-384" => "sha384",
            "ed25519" => "none",
            _ => "sha256",
        };
        for signature in list(&entry["signatures"]).filter(|s| s["hash"] == own_hash) {
            let algorithm = algorithm(signature);
            let mut signature = bytes(&signature["bytes"]);
            for bit in 0..signature.len() * 8 {
                signature[bit / 8] ^= 1 << (bit % 8);
                assert!(loaded.verify(algorithm, &message, &signature).is_err());
                signature[bit / 8] ^= 1 << (bit % 8);
                flipped += 1;
            }
            assert_eq!(loaded.verify(algorithm, &message, &signature), Ok(()));
        }
    }
    assert!(flipped > 6_500, "{flipped}");
}

#[test]
fn a_signature_of_another_length_is_refused() {
    let fixtures = fixtures();
    let message = bytes(&fixtures["message"]);
    for entry in list(&fixtures["keys"]) {
        let loaded = Loaded::new(&public_key(entry)).expect("every set takes the key");
        for signature in list(&entry["signatures"]) {
            let (algorithm, good) = (algorithm(signature), bytes(&signature["bytes"]));
            for bad in [
                &[][..],
                &good[1..],
                &good[..good.len() - 1],
                &[&good[..], &[0]].concat(),
                &[&[0], &good[..]].concat(),
                &[&good[..], &good[..]].concat(),
            ] {
                assert!(matches!(loaded.verify(algorithm, &message, bad), Err(SignatureError::Length { .. } | SignatureError::Encoding)));
            }
        }
    }
}

#[test]
fn pkcs1_and_spki_and_pem_give_the_same_key() {
    for entry in list(&fixtures()["keys"]) {
        let spki = bytes(&entry["spki"]);
        let key = public_key(entry);
        assert_eq!(key.spki_der(), spki);
        assert_eq!(PublicKey::from_pem(&pem("PUBLIC KEY", &spki)), Ok(key.clone()));
        if entry["pkcs1"].is_string() {
            let pkcs1 = bytes(&entry["pkcs1"]);
            assert_eq!(key.subject_public_key(), pkcs1);
            for other in [PublicKey::from_pkcs1_der(&pkcs1), PublicKey::from_pem(&pem("RSA PUBLIC KEY", &pkcs1))] {
                assert_eq!(other.as_ref(), Ok(&key));
                assert_eq!(other.map(|key| key.fingerprint()), Ok(key.fingerprint()));
            }
            assert!(PublicKey::from_pem(&pem("PUBLIC KEY", &pkcs1)).is_err());
        }
        assert!(PublicKey::from_pem(&pem("RSA PUBLIC KEY", &spki)).is_err());
    }
}

#[test]
fn unfit_keys_are_refused_with_their_reason() {
    let mut refused = 0;
    for entry in list(&fixtures()["refused_keys"]) {
        let spki = bytes(&entry["spki"]);
        let error = PublicKey::from_spki_der(&spki).expect_err(text(&entry["name"]));
        assert_eq!(error.to_string(), text(&entry["error"]), "{}", entry["name"]);
        assert_eq!(PublicKey::from_pem(&pem("PUBLIC KEY", &spki)), Err(error));
        refused += 1;
    }
    assert!(refused > 40, "{refused}");
}

/// One changed bit must give an error or another key, never a second form of the same one.
#[test]
fn a_key_has_one_form() {
    for entry in list(&fixtures()["keys"]) {
        let good = public_key(entry);
        let mut spki = good.spki_der().to_vec();
        for bit in 0..spki.len() * 8 {
            spki[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = PublicKey::from_spki_der(&spki) {
                assert_ne!(other, good);
                assert_ne!(other.fingerprint(), good.fingerprint());
                Loaded::new(&other).expect("every set takes every key");
            }
            spki[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..spki.len() {
            let expected = Err(KeyError::MalformedDer);
            assert_eq!(PublicKey::from_spki_der(&spki[..length]), expected);
        }
    }
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("ASCII"));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text.into_bytes()
}
