//! Ed25519 keys and signatures with parts of small order, where implementations are known to differ.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod common {
    pub(super) mod loaded;
}

use common::loaded::Loaded;
use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION};
use verimage_crypto::{Algorithm, HashAlgorithm, KeyError, PublicKey, SignatureError};

const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Secret scalar and nonce of the tests.
const SECRET: u64 = 0x1234_5678_9abc_def1;
const NONCE: u64 = 0x0fed_cba9_8765_4321;

fn public_key(point: EdwardsPoint) -> Result<PublicKey, KeyError> {
    let point = point.compress();
    PublicKey::from_spki_der(&[&SPKI_HEAD[..], point.as_bytes()].concat())
}

/// `k` of RFC 8032, section 5.1.7, step 2.
fn challenge(r: EdwardsPoint, key: EdwardsPoint, message: &[u8]) -> Scalar {
    let (r, key) = (r.compress(), key.compress());
    let input = [r.as_bytes(), key.as_bytes(), message].concat();
    let hash = HashAlgorithm::Sha512.digest(&input);
    Scalar::from_bytes_mod_order_wide(hash.as_bytes().try_into().expect("64 bytes"))
}

/// Signs so that `8[S]B = 8R + 8[k]A` always holds, and `[S]B = R + [k]A` only where the parts of
/// small order cancel out. Returns the signature and whether they do.
fn sign(key: EdwardsPoint, nonce: u64, twist: EdwardsPoint, message: &[u8]) -> ([u8; 64], bool) {
    let nonce = Scalar::from(nonce);
    let r = EdwardsPoint::mul_base(&nonce) + twist;
    let k = challenge(r, key, message);
    let s = nonce + k * Scalar::from(SECRET);
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r.compress().as_bytes());
    signature[32..].copy_from_slice(s.as_bytes());
    (signature, EdwardsPoint::mul_base(&s) == r + k * key)
}

#[test]
fn equation_has_no_cofactor() {
    let (mut matching, mut other) = (0, 0);
    for key_twist in EIGHT_TORSION {
        let point = EdwardsPoint::mul_base(&Scalar::from(SECRET)) + key_twist;
        let loaded = Loaded::new(&public_key(point).expect("a good key")).expect("loads");
        for twist in EIGHT_TORSION {
            for message in 0..4_u8 {
                let (signature, holds) = sign(point, NONCE, twist, &[message]);
                let answer = loaded.verify(Algorithm::Ed25519, &[message], &signature);
                if holds {
                    assert_eq!(answer, Ok(()));
                    matching += 1;
                } else {
                    assert_eq!(answer, Err(SignatureError::Mismatch));
                    other += 1;
                }
            }
        }
    }
    assert!(matching >= 16 && other >= 16, "{matching} and {other}");
}

#[test]
fn nonce_point_of_small_order_is_refused() {
    let mut matching = 0;
    for key_twist in EIGHT_TORSION {
        let point = EdwardsPoint::mul_base(&Scalar::from(SECRET)) + key_twist;
        let loaded = Loaded::new(&public_key(point).expect("a good key")).expect("loads");
        for twist in EIGHT_TORSION {
            let (signature, holds) = sign(point, 0, twist, b"message");
            matching += usize::from(holds);
            assert_eq!(loaded.verify(Algorithm::Ed25519, b"message", &signature), Err(SignatureError::WeakPoint));
        }
    }
    assert!(matching > 0, "some of them satisfy the equation");
}

#[test]
fn key_of_small_order_is_refused() {
    for point in EIGHT_TORSION {
        assert_eq!(public_key(point), Err(KeyError::SmallOrderPoint));
    }
}
