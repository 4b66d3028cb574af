//! The rules for RSA that hold under every crypto set (RFC 8017).

use std::ops::RangeInclusive;

use der::{Decode, Encode, Sequence, asn1::UintRef};

use crate::{KeyError, SignatureError};

const MODULUS_BITS: RangeInclusive<u32> = 2048..=8192;
const EXPONENTS: RangeInclusive<u64> = 3..=0x1_ffff_ffff;

/// The modulus of a checked public key, big-endian, without zeros in front.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Modulus(Vec<u8>);

impl Modulus {
    /// Checks a PKCS#1 `RSAPublicKey` and takes its modulus.
    pub(crate) fn from_pkcs1_der(pkcs1: &[u8]) -> Result<Self, KeyError> {
        let key = Pkcs1::from_der(pkcs1).map_err(|_| KeyError::MalformedDer)?;
        if key.to_der().ok().as_deref() != Some(pkcs1) {
            return Err(KeyError::NotCanonical);
        }
        let modulus = Self(key.modulus.as_bytes().to_vec());
        let bits = modulus.bits();
        if !MODULUS_BITS.contains(&bits) {
            return Err(KeyError::RsaModulusSize { bits });
        }
        if !is_odd(&modulus.0) {
            return Err(KeyError::RsaModulusEven);
        }
        check_exponent(key.exponent.as_bytes())?;
        Ok(modulus)
    }

    pub(crate) fn bits(&self) -> u32 {
        let unused = self.0.first().map_or(0, |byte| byte.leading_zeros());
        u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_mul(u8::BITS).saturating_sub(unused)
    }

    /// RFC 8017, sections 8.1.2 and 8.2.2, step 1, and 5.2.2: as long as the modulus, and below it.
    pub(crate) fn check_signature(&self, signature: &[u8]) -> Result<(), SignatureError> {
        if signature.len() != self.0.len() {
            return Err(SignatureError::Length { expected: self.0.len(), found: signature.len() });
        }
        if signature >= self.0.as_slice() {
            return Err(SignatureError::OutOfRange);
        }
        Ok(())
    }
}

/// `RSAPublicKey` of RFC 8017, appendix A.1.1.
#[derive(Sequence)]
struct Pkcs1<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn check_exponent(bytes: &[u8]) -> Result<(), KeyError> {
    let fits = bytes.len() <= size_of::<u64>();
    let value = bytes.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    if fits && EXPONENTS.contains(&value) && is_odd(bytes) { Ok(()) } else { Err(KeyError::RsaExponent) }
}

fn is_odd(bytes: &[u8]) -> bool {
    bytes.last().is_some_and(|byte| byte & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pkcs1(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        Pkcs1 { modulus: UintRef::new(modulus).expect("short enough"), exponent: UintRef::new(exponent).expect("short enough") }
            .to_der()
            .expect("short enough")
    }

    fn check(modulus: &[u8], exponent: &[u8]) -> Result<u32, KeyError> {
        Modulus::from_pkcs1_der(&pkcs1(modulus, exponent)).map(|modulus| modulus.bits())
    }

    #[test]
    fn modulus_has_2048_to_8192_bits_and_is_odd() {
        let size = |bits| Err(KeyError::RsaModulusSize { bits });
        let odd = |first: u8, length: usize| [&vec![first][..], &vec![0xff; length - 1]].concat();
        assert_eq!(check(&odd(0x80, 256), &[3]), Ok(2048));
        assert_eq!(check(&odd(0x01, 257), &[3]), Ok(2049));
        assert_eq!(check(&odd(0x80, 1024), &[3]), Ok(8192));
        assert_eq!(check(&odd(0x7f, 256), &[3]), size(2047));
        assert_eq!(check(&odd(0x80, 128), &[3]), size(1024));
        assert_eq!(check(&odd(0x01, 1025), &[3]), size(8193));
        assert_eq!(check(&[0], &[3]), size(0));
        let even = [&[0x80; 255][..], &[0xfe]].concat();
        assert_eq!(check(&even, &[3]), Err(KeyError::RsaModulusEven));
    }

    #[test]
    fn exponent_is_odd_from_3_to_33_bits() {
        let modulus = [0xff; 256];
        for good in [&[3][..], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(check(&modulus, good), Ok(2048), "{good:x?}");
        }
        for bad in [&[0][..], &[1], &[2], &[4], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 3]] {
            let expected = Err(KeyError::RsaExponent);
            assert_eq!(check(&modulus, bad), expected, "{bad:x?}");
        }
    }

    #[test]
    fn key_is_strict_der() {
        let good = pkcs1(&[0xff; 256], &[1, 0, 1]);
        assert!(Modulus::from_pkcs1_der(&good).is_ok());
        let mut trailing = good.clone();
        trailing.push(0);
        let mut negative = good.clone();
        // The zero that keeps the modulus positive becomes part of the number.
        negative[8] = 0xff;
        for bad in [&trailing[..], &negative, &good[..good.len() - 1], &[]] {
            assert_eq!(Modulus::from_pkcs1_der(bad).map(|_| ()), Err(KeyError::MalformedDer));
        }
    }

    #[test]
    fn signature_is_as_long_as_the_modulus_and_below_it() {
        let bytes = [0xfd; 256];
        let modulus = Modulus::from_pkcs1_der(&pkcs1(&bytes, &[3])).expect("good key");
        let mut below = bytes;
        below[255] -= 1;
        assert_eq!(modulus.check_signature(&below), Ok(()));
        assert_eq!(modulus.check_signature(&[0; 256]), Ok(()));
        assert_eq!(modulus.check_signature(&bytes), Err(SignatureError::OutOfRange));
        for found in [0, 255, 257] {
            let expected = 256;
            assert_eq!(modulus.check_signature(&vec![0; found]), Err(SignatureError::Length { expected, found }));
        }
    }
}
