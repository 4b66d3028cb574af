//! The rules for Ed25519 that hold under every crypto set (RFC 8032, section 5.1).
//!
//! RFC 8032 leaves room for points of small order and for several encodings of one point, and
//! implementations use that room differently. Here only one encoding of each point counts, and points
//! of small order are refused, for the key as for the `R` of a signature. What remains is decided by the
//! equation `[S]B = R + [k]A` without the cofactor, and there all implementations agree.

use ed25519_dalek::Digest as _;

use crate::{KeyError, SignatureError};

pub(crate) const KEY_LENGTH: usize = 32;
pub(crate) const SIGNATURE_LENGTH: usize = 64;

/// Checks a public point: on the curve, in canonical form, not of small order.
pub(crate) fn check_point(point: &[u8; KEY_LENGTH]) -> Result<(), KeyError> {
    ed25519_dalek::VerifyingKey::from_bytes(point).map_err(|_| KeyError::InvalidPoint)?;
    let y = Y::of(point);
    if !y.is_canonical() {
        return Err(KeyError::NotCanonical);
    }
    if y.has_small_order() {
        return Err(KeyError::SmallOrderPoint);
    }
    Ok(())
}

/// Checks the form of a signature: `R` canonical and not of small order, `S` below the group order.
///
/// That `R` is on the curve needs no check: no computed point equals one that is not.
pub(crate) fn read_signature(signature: &[u8]) -> Result<&[u8; SIGNATURE_LENGTH], SignatureError> {
    let length = |_| SignatureError::Length { expected: SIGNATURE_LENGTH, found: signature.len() };
    let whole: &[u8; SIGNATURE_LENGTH] = signature.try_into().map_err(length)?;
    let (r, s) = whole.split_at(KEY_LENGTH);
    let r: &[u8; KEY_LENGTH] = r.try_into().map_err(length)?;
    let y = Y::of(r);
    if !y.is_canonical() || y.has_small_order() {
        return Err(SignatureError::WeakPoint);
    }
    if s.iter().rev().ge(GROUP_ORDER.iter().rev()) {
        return Err(SignatureError::OutOfRange);
    }
    Ok(whole)
}

/// Verifies Ed25519ph with an empty context, by the equation without the cofactor. The same code serves every crypto
/// set, because AWS-LC's Rust interface has no Ed25519ph.
pub(crate) fn verify_prehashed(key: &[u8], message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> Result<(), SignatureError> {
    let key = ed25519_dalek::VerifyingKey::try_from(key).map_err(|_| SignatureError::Mismatch)?;
    let hash = ed25519_dalek::Sha512::new().chain_update(message);
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    key.verify_prehashed_strict(hash, None, &signature).map_err(|_| SignatureError::Mismatch)
}

/// The y-coordinate of an encoded point, little-endian: the encoding without its sign bit.
struct Y([u8; KEY_LENGTH]);

impl Y {
    fn of(point: &[u8; KEY_LENGTH]) -> Self {
        let mut y = *point;
        if let Some(last) = y.last_mut() {
            *last &= 0x7f;
        }
        Self(y)
    }

    /// Below the field prime. The other non-canonical form, a sign bit on x = 0, is of small order.
    fn is_canonical(&self) -> bool {
        self.0.iter().rev().lt(FIELD_PRIME.iter().rev())
    }

    /// Each of the eight points of small order, and no other, has one of these five y-coordinates.
    fn has_small_order(&self) -> bool {
        SMALL_ORDER.contains(&self.0)
    }
}

/// 2^255 - 19.
const FIELD_PRIME: [u8; KEY_LENGTH] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// 2^252 + 27742317777372353535851937790883648493.
const GROUP_ORDER: [u8; KEY_LENGTH] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
];

/// 0, 1, -1 and the two y-coordinates of the points of order 8.
const SMALL_ORDER: [[u8; KEY_LENGTH]; 5] = [
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
        0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
        0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn with_sign(mut y: [u8; 32]) -> [u8; 32] {
        y[31] |= 0x80;
        y
    }

    /// The vector of RFC 8032, section 7.3.
    #[test]
    fn prehashed_signatures_verify_and_differ_from_plain_ones() {
        let secret: [u8; 32] = hex_bytes("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42");
        let signature: [u8; 64] = hex_bytes(concat!(
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41",
            "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
        ));
        let key = ed25519_dalek::SigningKey::from_bytes(&secret).verifying_key();
        assert_eq!(verify_prehashed(key.as_bytes(), b"abc", &signature), Ok(()));
        assert_eq!(verify_prehashed(key.as_bytes(), b"abd", &signature), Err(SignatureError::Mismatch));
        assert!(key.verify_strict(b"abc", &ed25519_dalek::Signature::from_bytes(&signature)).is_err());
    }

    fn hex_bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).expect("hexadecimal").try_into().expect("the right length")
    }

    #[test]
    fn small_order_table_is_complete() {
        for y in SMALL_ORDER {
            for point in [y, with_sign(y)] {
                let key = ed25519_dalek::VerifyingKey::from_bytes(&point).expect("on the curve");
                assert!(key.is_weak());
                assert_eq!(check_point(&point), Err(KeyError::SmallOrderPoint));
            }
        }
        let points: usize = SMALL_ORDER
            .iter()
            .map(|y| {
                // x = 0 has one sign only.
                let x_is_zero = *y == SMALL_ORDER[1] || *y == SMALL_ORDER[2];
                if x_is_zero { 1 } else { 2 }
            })
            .sum();
        assert_eq!(points, 8, "the curve has cofactor 8");
    }

    #[test]
    fn second_encodings_are_not_canonical() {
        // y + p for the y from 0 to 18: the only ones that fit into 255 bits.
        for y in 0..19 {
            let mut bytes = FIELD_PRIME;
            bytes[0] += y;
            for point in [bytes, with_sign(bytes)] {
                assert!(!Y::of(&point).is_canonical());
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(&point);
                assert_eq!(read_signature(&signature), Err(SignatureError::WeakPoint));
                assert!(check_point(&point).is_err());
            }
        }
        let mut largest = FIELD_PRIME;
        largest[0] -= 1;
        assert!(Y::of(&largest).is_canonical());
    }

    #[test]
    fn signature_scalar_is_below_the_group_order() {
        let with_scalar = |s: &[u8; 32]| [&[7; 32][..], s].concat();
        let mut largest = GROUP_ORDER;
        largest[0] -= 1;
        assert!(read_signature(&with_scalar(&largest)).is_ok());
        assert!(read_signature(&with_scalar(&[0; 32])).is_ok());
        for too_large in [GROUP_ORDER, [0xff; 32]] {
            assert_eq!(read_signature(&with_scalar(&too_large)), Err(SignatureError::OutOfRange));
        }
    }

    #[test]
    fn signature_has_64_bytes() {
        for found in [0, 32, 63, 65] {
            assert_eq!(read_signature(&vec![7; found]), Err(SignatureError::Length { expected: 64, found }));
        }
    }
}
