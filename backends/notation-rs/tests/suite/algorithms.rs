//! Section "Algorithms": the leaf key alone decides.

use notation_rs::{
    UnsupportedKey, Warning,
    chain::ChainError,
    envelope::{EnvelopeError, Format, IntegrityError, PssSalt},
};
use verimage_crypto::SignatureError;

use crate::{
    cose, integrity_with, jws, refused,
    sign::{Cose, Jws, Key, Padding, cose::ALG, cose::int, key::ALL},
};

#[test]
fn every_key_signs_jws_under_both_schemes() {
    for key in ALL {
        for envelope in [Jws::new(key), Jws::by_authority(key)] {
            let verified = jws(&envelope).unwrap_or_else(|error| panic!("{key:?}: {error}"));
            assert_eq!(verified.warnings(), []);
            assert_eq!(verified.signer_info().algorithm.jws_name(), key.algorithm().0);
        }
    }
}

#[test]
fn every_key_signs_cose_under_both_schemes() {
    for key in ALL {
        for envelope in [Cose::new(key), Cose::by_authority(key)] {
            let verified = cose(&envelope).unwrap_or_else(|error| panic!("{key:?}: {error}"));
            assert_eq!(verified.warnings(), []);
            assert_eq!(verified.signer_info().algorithm.cose_number(), key.algorithm().1.into());
        }
    }
}

#[test]
fn both_forms_say_the_same() {
    let (jws, cose) = (jws(&Jws::new(Key::P256("leaf"))).unwrap(), cose(&Cose::new(Key::P256("leaf"))).unwrap());
    assert_eq!(jws.target(), cose.target());
    let (mut one, mut other) = (jws.signer_info().clone(), cose.signer_info().clone());
    one.signature.clear();
    other.signature.clear();
    other.format = one.format;
    assert_eq!(one, other);
}

/// The externally made signature: PS512 with a salt of 32 bytes.
#[test]
fn ps512_with_a_salt_of_32_bytes_passes_in_jws_with_a_warning() {
    let envelope = Jws::new(Key::Rsa(4096)).padding(Padding::Salt(32));
    let verified = jws(&envelope).unwrap();
    assert_eq!(verified.warnings(), [Warning::PssSaltLength { found: 32, expected: 64 }]);
    assert_eq!(verified.warnings()[0].to_string(), "jws-pss-salt-length=32");
}

#[test]
fn any_salt_passes_in_jws() {
    for (bits, salts) in [(2048, [0, 16, 222]), (3072, [0, 32, 334]), (4096, [0, 20, 446])] {
        for salt in salts {
            let verified = jws(&Jws::new(Key::Rsa(bits)).padding(Padding::Salt(salt))).unwrap();
            assert!(matches!(verified.warnings(), [Warning::PssSaltLength { found, .. }] if *found == salt), "{bits} {salt}");
        }
    }
}

#[test]
fn strict_salts_refuse_what_is_not_as_long_as_the_hash() {
    let strict = |envelope: &Jws| integrity_with(Format::Jws, &envelope.build(), PssSalt::Strict);
    let short = Jws::new(Key::Rsa(4096)).padding(Padding::Salt(32));
    refused!(strict(&short), IntegrityError::SaltLength { found: 32, expected: 64 });
    assert!(strict(&Jws::new(Key::Rsa(4096))).is_ok());
}

#[test]
fn cose_takes_no_other_salt() {
    for salt in [0, 32, 63] {
        let envelope = Cose::new(Key::Rsa(4096)).padding(Padding::Salt(salt));
        refused!(cose(&envelope), IntegrityError::Signature(SignatureError::Mismatch));
    }
}

#[test]
fn pkcs1_is_refused_in_both_forms() {
    for bits in [2048, 3072, 4096] {
        let key = Key::Rsa(bits);
        refused!(jws(&Jws::new(key).padding(Padding::Pkcs1)), IntegrityError::Signature(SignatureError::Mismatch));
        refused!(cose(&Cose::new(key).padding(Padding::Pkcs1)), IntegrityError::Signature(SignatureError::Mismatch));
    }
}

#[test]
fn ecdsa_in_der_is_refused() {
    for key in [Key::P256("leaf"), Key::P384("leaf"), Key::P521("leaf")] {
        refused!(jws(&Jws::new(key).padding(Padding::Der)), IntegrityError::Signature(SignatureError::Length { .. }));
    }
}

#[test]
fn other_algorithms_than_that_of_the_key_are_refused() {
    for (key, header) in [
        (Key::Rsa(2048), "PS512"),
        (Key::Rsa(4096), "PS256"),
        (Key::Rsa(2048), "ES256"),
        (Key::P256("leaf"), "ES384"),
        (Key::P384("leaf"), "ES256"),
        (Key::P256("leaf"), "PS256"),
    ] {
        let envelope = Jws::new(key).set("alg", &format!("{header:?}"));
        refused!(jws(&envelope), IntegrityError::AlgorithmMismatch { .. });
    }
    let envelope = Cose::new(Key::P256("leaf")).set(int(ALG), int(-37));
    refused!(cose(&envelope), IntegrityError::AlgorithmMismatch { .. });
}

#[test]
fn algorithms_without_a_place_are_refused() {
    for header in [r#""none""#, r#""HS256""#, r#""RS256""#, r#""ES256K""#, r#""EdDSA""#, r#""es256""#] {
        let envelope = Jws::new(Key::P256("leaf")).set("alg", header);
        refused!(jws(&envelope), IntegrityError::Envelope(EnvelopeError::Algorithm { .. }));
    }
    for number in [-8, -257, -47, 5] {
        let envelope = Cose::new(Key::P256("leaf")).set(int(ALG), int(number));
        refused!(cose(&envelope), IntegrityError::Envelope(EnvelopeError::Algorithm { .. }));
    }
}

#[test]
fn rsa_1024_and_other_sizes_are_refused() {
    for bits in [1024, 2056, 2560, 3000, 8192] {
        let envelope = Jws::new(Key::Modulus(bits)).set("alg", r#""PS256""#);
        match jws(&envelope) {
            Err(IntegrityError::Key(UnsupportedKey::RsaSize { bits: found })) => assert_eq!(found, u32::from(bits)),
            other => panic!("{bits}: {other:?}"),
        }
    }
    let text = IntegrityError::Key(UnsupportedKey::RsaSize { bits: 1024 }).to_string();
    assert_eq!(text, "rsa key size 1024 bits is not supported");
}

#[test]
fn other_curves_and_kinds_are_refused() {
    // P-224, secp256k1, brainpoolP256r1.
    for curve in ["1.3.132.0.33", "1.3.132.0.10", "1.3.36.3.3.2.8.1.1.7"] {
        refused!(jws(&Jws::new(Key::Foreign(curve))), IntegrityError::Key(UnsupportedKey::Curve { .. }));
    }
    refused!(jws(&Jws::new(Key::Foreign("ed448"))), IntegrityError::Key(UnsupportedKey::Kind { .. }));
}

#[test]
fn weak_authorities_are_refused() {
    let mut pki = crate::sign::Pki::new(Key::P256("leaf"));
    pki.root.key = Key::Modulus(1024);
    let envelope = Jws::new(Key::P256("leaf")).chain(pki.chain());
    refused!(jws(&envelope), IntegrityError::Chain(ChainError::AuthorityKey { .. }));
}

#[test]
fn a_changed_byte_anywhere_in_the_signature_is_refused() {
    for key in [Key::Rsa(2048), Key::P256("leaf")] {
        let envelope = Cose::new(key);
        let good = envelope.build();
        let signature = envelope.signature();
        for at in [good.len() - signature.len(), good.len() - 1] {
            let mut changed = good.clone();
            changed[at] ^= 1;
            refused!(integrity_with(Format::Cose, &changed, PssSalt::AnyInJws), IntegrityError::Signature(_));
        }
    }
}
