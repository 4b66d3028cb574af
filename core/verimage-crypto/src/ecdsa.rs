//! The rules for ECDSA that hold under every crypto set (FIPS 186-5, section 6).

use const_oid::db::rfc5912::{SECP_256_R_1, SECP_384_R_1, SECP_521_R_1};
use der::{
    Decode, Encode, Sequence,
    asn1::{ObjectIdentifier, UintRef},
};

use crate::{EcdsaEncoding, KeyError, KeyKind, MessageDigest, SignatureError};

/// A named curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// RFC 5480, section 2.1.1.1.
    pub(crate) fn from_oid(oid: ObjectIdentifier) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| *curve.oid() == oid)
    }

    pub(crate) fn oid(self) -> &'static ObjectIdentifier {
        match self {
            Self::P256 => &SECP_256_R_1,
            Self::P384 => &SECP_384_R_1,
            Self::P521 => &SECP_521_R_1,
        }
    }

    pub(crate) fn kind(self) -> KeyKind {
        match self {
            Self::P256 => KeyKind::EcdsaP256,
            Self::P384 => KeyKind::EcdsaP384,
            Self::P521 => KeyKind::EcdsaP521,
        }
    }

    /// Checks a public point (SEC 1, section 2.3.4): uncompressed, on the curve, not the identity.
    pub(crate) fn check_point(self, point: &[u8]) -> Result<(), KeyError> {
        const UNCOMPRESSED: u8 = 4;
        let on_curve = match self {
            Self::P256 => p256::PublicKey::from_sec1_bytes(point).is_ok(),
            Self::P384 => p384::PublicKey::from_sec1_bytes(point).is_ok(),
            Self::P521 => p521::PublicKey::from_sec1_bytes(point).is_ok(),
        };
        if on_curve && point.first() == Some(&UNCOMPRESSED) { Ok(()) } else { Err(KeyError::InvalidPoint) }
    }

    /// Reads a signature in either encoding into `r` then `s`, each of field width and from 1 to n-1.
    ///
    /// A high `s` is accepted: neither cosign nor the Notary Project asks for the low one.
    pub(crate) fn read_signature(self, encoding: EcdsaEncoding, signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let fixed = match encoding {
            EcdsaEncoding::Der => self.read_der(signature)?,
            EcdsaEncoding::Fixed => signature.to_vec(),
        };
        let width = self.order().len();
        let (r, s) = fixed.split_at_checked(width).unwrap_or((&fixed, &[]));
        if r.len() != width || s.len() != width {
            return Err(SignatureError::Length { expected: width.saturating_mul(2), found: fixed.len() });
        }
        if self.is_scalar(r) && self.is_scalar(s) { Ok(fixed) } else { Err(SignatureError::OutOfRange) }
    }

    /// The digest as ECDSA uses it: the leftmost bits up to the width of the curve's own hash, or the
    /// whole digest with zeros in front. Both are the same integer as the one of section 6.4.2, step 2.
    pub(crate) fn digest_of_own_width(self, digest: &MessageDigest) -> Vec<u8> {
        let width = match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 64,
        };
        let digest = digest.as_bytes();
        pad_left(digest.get(..width).unwrap_or(digest), width)
    }

    fn read_der(self, signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let parsed = DerSignature::from_der(signature).map_err(|_| SignatureError::Encoding)?;
        if parsed.to_der().ok().as_deref() != Some(signature) {
            return Err(SignatureError::Encoding);
        }
        let (r, s) = (parsed.r.as_bytes(), parsed.s.as_bytes());
        let width = self.order().len();
        if r.len() > width || s.len() > width {
            return Err(SignatureError::OutOfRange);
        }
        let mut fixed = pad_left(r, width);
        fixed.extend(pad_left(s, width));
        Ok(fixed)
    }

    /// Bytes of equal length compare as the numbers they are.
    fn is_scalar(self, bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| *byte != 0) && bytes < self.order()
    }

    /// The order n of the curve, as wide as its field (NIST SP 800-186, section 3.2.1).
    fn order(self) -> &'static [u8] {
        match self {
            Self::P256 => &P256_ORDER,
            Self::P384 => &P384_ORDER,
            Self::P521 => &P521_ORDER,
        }
    }
}

/// `ECDSA-Sig-Value` of RFC 3279, section 2.2.3.
#[derive(Sequence)]
struct DerSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

fn pad_left(bytes: &[u8], width: usize) -> Vec<u8> {
    let mut padded = vec![0; width.saturating_sub(bytes.len())];
    padded.extend_from_slice(bytes);
    padded
}

const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
    0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a,
    0xcc, 0xc5, 0x29, 0x73,
];
const P521_ORDER: [u8; 66] = [
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc,
    0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09,
];

#[cfg(test)]
mod tests {
    use p256::elliptic_curve::Curve as _;

    use super::*;
    use crate::HashAlgorithm;

    const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

    #[test]
    fn orders_are_those_of_the_curve_crates() {
        assert_eq!(P256_ORDER[..], p256::NistP256::ORDER.to_be_bytes().as_ref()[..]);
        assert_eq!(P384_ORDER[..], p384::NistP384::ORDER.to_be_bytes().as_ref()[..]);
        let p521 = p521::NistP521::ORDER.to_be_bytes();
        let p521: &[u8] = p521.as_ref();
        assert_eq!(P521_ORDER[..], p521[p521.len() - 66..]);
    }

    #[test]
    fn fixed_signature_has_two_scalars_in_range() {
        for curve in CURVES {
            let order = curve.order();
            let width = order.len();
            let mut largest = order.to_vec();
            largest[width - 1] -= 1;
            let zero = vec![0; width];
            let one = pad_left(&[1], width);
            let read = |r: &[u8], s: &[u8]| curve.read_signature(EcdsaEncoding::Fixed, &[r, s].concat()).map(|_| ());
            assert_eq!(read(&one, &largest), Ok(()));
            assert_eq!(read(&largest, &one), Ok(()));
            for bad in [order, &zero] {
                assert_eq!(read(bad, &one), Err(SignatureError::OutOfRange));
                assert_eq!(read(&one, bad), Err(SignatureError::OutOfRange));
            }
            for found in [0, 1, width, 2 * width - 1, 2 * width + 1, 3 * width] {
                let expected = 2 * width;
                assert_eq!(curve.read_signature(EcdsaEncoding::Fixed, &vec![1; found]), Err(SignatureError::Length { expected, found }));
            }
        }
    }

    #[test]
    fn der_signature_is_read_strictly() {
        let read = |bytes: &[u8]| Curve::P256.read_signature(EcdsaEncoding::Der, bytes);
        let expected = [pad_left(&[1], 32), pad_left(&[0x80], 32)].concat();
        assert_eq!(read(&[0x30, 7, 2, 1, 1, 2, 2, 0, 0x80]), Ok(expected));
        for bad in [
            &[][..],
            &[0x30, 0],
            &[0x30, 3, 2, 1, 1],
            // Negative, padded, empty integers; long length form; indefinite length; trailing bytes.
            &[0x30, 6, 2, 1, 1, 2, 1, 0x80],
            &[0x30, 7, 2, 1, 1, 2, 2, 0, 1],
            &[0x30, 5, 2, 1, 1, 2, 0],
            &[0x30, 0x81, 6, 2, 1, 1, 2, 1, 1],
            &[0x30, 7, 2, 0x81, 1, 1, 2, 1, 1],
            &[0x30, 0x80, 2, 1, 1, 2, 1, 1, 0, 0],
            &[0x30, 6, 2, 1, 1, 2, 1, 1, 0],
            &[0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1],
            &[0x31, 6, 2, 1, 1, 2, 1, 1],
        ] {
            assert_eq!(read(bad), Err(SignatureError::Encoding), "{bad:02x?}");
        }
        let zero = [0x30, 6, 2, 1, 0, 2, 1, 1];
        assert_eq!(read(&zero), Err(SignatureError::OutOfRange));
        let mut wide = vec![0x30, 38, 2, 1, 1, 2, 33, 1];
        wide.extend([0; 32]);
        assert_eq!(read(&wide[..]), Err(SignatureError::OutOfRange));
    }

    #[test]
    fn digest_is_cut_or_padded_to_the_own_width() {
        let sha256 = HashAlgorithm::Sha256.digest(b"verimage");
        let sha512 = HashAlgorithm::Sha512.digest(b"verimage");
        assert_eq!(Curve::P256.digest_of_own_width(&sha512), sha512.as_bytes()[..32]);
        assert_eq!(Curve::P384.digest_of_own_width(&sha256), [&[0; 16], sha256.as_bytes()].concat());
        assert_eq!(Curve::P521.digest_of_own_width(&sha512), sha512.as_bytes());
    }
}
