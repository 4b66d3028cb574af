//! Public keys, parsed once.

use std::fmt;

use const_oid::db::{rfc5912, rfc8410::ID_ED_25519};
use der::{
    AnyRef, Decode, Encode,
    asn1::{BitStringRef, ObjectIdentifier},
};
use sha2::{Digest, Sha256};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::{KeyError, ecdsa::Curve, ed25519, pem, rsa::Modulus};

/// A public key that passed every check of this crate, not yet bound to a crypto set.
///
/// Two values are equal exactly when the keys are the same, however they were written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    material: Material,
    spki_der: Vec<u8>,
    fingerprint: Fingerprint,
}

impl PublicKey {
    /// Reads a key in PEM: one block `PUBLIC KEY` (SPKI) or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// Text may stand before the block, only white space after it. Tools that take the first of several
    /// blocks ignore keys that the writer of the file counts on, so a second block is an error here.
    ///
    /// # Errors
    /// [`KeyError::NotPublicKey`] names what stood there instead: a certificate, a private key, an
    /// OpenPGP block, DER. [`KeyError::DamagedPem`], [`KeyError::MoreThanOneBlock`] and
    /// [`KeyError::TrailingText`] are faults of the frame; all others are those of
    /// [`from_spki_der`](Self::from_spki_der) and [`from_pkcs1_der`](Self::from_pkcs1_der).
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        match pem::public_key(pem)? {
            pem::Block::Pkcs1(der) => Self::from_pkcs1_der(&der),
            pem::Block::Spki(der) => Self::from_spki_der(&der),
        }
    }

    /// Reads the keys of a text, each in a PEM block of its own, in their order. Text may stand before the first.
    ///
    /// # Errors
    /// Those of [`from_pem`](Self::from_pem), also if there is no block at all.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, KeyError> {
        let blocks = pem::split(pem);
        if blocks.is_empty() { Self::from_pem(pem).map(|key| vec![key]) } else { blocks.into_iter().map(Self::from_pem).collect() }
    }

    /// Reads a PKCS#1 `RSAPublicKey` (RFC 8017, appendix A.1.1) in DER.
    ///
    /// # Errors
    /// [`KeyError::MalformedDer`] and [`KeyError::NotCanonical`] for its form,
    /// [`KeyError::RsaModulusSize`], [`KeyError::RsaModulusEven`] and [`KeyError::RsaExponent`] for its
    /// numbers.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::new(Material::rsa(der)?)
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280, section 4.1) in DER.
    ///
    /// # Errors
    /// [`KeyError::UnsupportedAlgorithm`], [`KeyError::UnsupportedCurve`] and
    /// [`KeyError::UnnamedCurve`] for keys that are not served; [`KeyError::MalformedDer`] and
    /// [`KeyError::NotCanonical`] for their form; [`KeyError::InvalidPoint`],
    /// [`KeyError::SmallOrderPoint`] and the RSA errors of [`from_pkcs1_der`](Self::from_pkcs1_der) for
    /// their numbers.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = Self::new(Material::from_spki_der(der)?)?;
        if key.spki_der == der { Ok(key) } else { Err(KeyError::NotCanonical) }
    }

    /// What kind of key this is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match &self.material {
            Material::Ecdsa { curve, .. } => curve.kind(),
            Material::Ed25519(_) => KeyKind::Ed25519,
            Material::Rsa { modulus, .. } => KeyKind::Rsa { bits: modulus.bits() },
        }
    }

    /// The key as `SubjectPublicKeyInfo` in DER, whatever form it was read from.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The bytes inside the `SubjectPublicKeyInfo`: an uncompressed point (SEC 1), a PKCS#1
    /// `RSAPublicKey` in DER, or the 32 bytes of an Ed25519 key.
    #[must_use]
    pub fn subject_public_key(&self) -> &[u8] {
        self.material.subject_public_key()
    }

    /// SHA-256 of [`spki_der`](Self::spki_der), so the same for every form of the same key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    fn new(material: Material) -> Result<Self, KeyError> {
        let spki_der = material.to_spki_der()?;
        let fingerprint = Fingerprint::of(&spki_der);
        Ok(Self { material, spki_der, fingerprint })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PublicKey").field("kind", &self.kind()).field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// The kind of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA over NIST P-256.
    EcdsaP256,
    /// ECDSA over NIST P-384.
    EcdsaP384,
    /// ECDSA over NIST P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
    /// RSA.
    Rsa {
        /// Length of the modulus: 2048 to 8192.
        bits: u32,
    },
}

impl fmt::Display for KeyKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => out.write_str("ECDSA P-256"),
            Self::EcdsaP384 => out.write_str("ECDSA P-384"),
            Self::EcdsaP521 => out.write_str("ECDSA P-521"),
            Self::Ed25519 => out.write_str("Ed25519"),
            Self::Rsa { bits } => write!(out, "RSA {bits}"),
        }
    }
}

/// The SHA-256 fingerprint of a public key.
///
/// Its text form is how `verimage` names a key as a signer: `SHA256:` and 64 small hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The 32 bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn of(spki_der: &[u8]) -> Self {
        Self(Sha256::digest(spki_der).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SHA256:")?;
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The numbers of a key, checked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Material {
    Ecdsa { curve: Curve, point: Vec<u8> },
    Ed25519([u8; ed25519::KEY_LENGTH]),
    Rsa { modulus: Modulus, pkcs1: Vec<u8> },
}

impl Material {
    /// Checks the numbers; the caller checks that the structure around them is canonical.
    fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::MalformedDer)?;
        let bytes = spki.subject_public_key.as_bytes().ok_or(KeyError::MalformedDer)?;
        match spki.algorithm.oid {
            rfc5912::ID_EC_PUBLIC_KEY => Self::ecdsa(spki.algorithm.parameters, bytes),
            rfc5912::RSA_ENCRYPTION => Self::rsa(bytes),
            ID_ED_25519 => Self::ed25519(bytes),
            oid => Err(KeyError::UnsupportedAlgorithm { oid: oid.to_string() }),
        }
    }

    /// RFC 5480, section 2.1.1: the parameters name the curve.
    fn ecdsa(parameters: Option<AnyRef<'_>>, point: &[u8]) -> Result<Self, KeyError> {
        let oid = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok()).ok_or(KeyError::UnnamedCurve)?;
        let unsupported = || KeyError::UnsupportedCurve { oid: oid.to_string() };
        let curve = Curve::from_oid(oid).ok_or_else(unsupported)?;
        curve.check_point(point)?;
        Ok(Self::Ecdsa { curve, point: point.to_vec() })
    }

    fn ed25519(point: &[u8]) -> Result<Self, KeyError> {
        let point = point.try_into().map_err(|_| KeyError::InvalidPoint)?;
        ed25519::check_point(&point)?;
        Ok(Self::Ed25519(point))
    }

    fn rsa(pkcs1: &[u8]) -> Result<Self, KeyError> {
        Ok(Self::Rsa { modulus: Modulus::from_pkcs1_der(pkcs1)?, pkcs1: pkcs1.to_vec() })
    }

    fn subject_public_key(&self) -> &[u8] {
        match self {
            Self::Ecdsa { point, .. } => point,
            Self::Ed25519(point) => point,
            Self::Rsa { pkcs1, .. } => pkcs1,
        }
    }

    /// The one form in which this crate accepts the key. RFC 3279, section 2.3.1: RSA parameters are
    /// NULL; RFC 8410, section 3: those of Ed25519 are absent.
    fn to_spki_der(&self) -> Result<Vec<u8>, KeyError> {
        let (oid, parameters) = match self {
            Self::Ecdsa { curve, .. } => (rfc5912::ID_EC_PUBLIC_KEY, Some(curve.oid().into())),
            Self::Ed25519(_) => (ID_ED_25519, None),
            Self::Rsa { .. } => (rfc5912::RSA_ENCRYPTION, Some(AnyRef::NULL)),
        };
        BitStringRef::from_bytes(self.subject_public_key())
            .and_then(|subject_public_key| {
                SubjectPublicKeyInfoRef { algorithm: AlgorithmIdentifierRef { oid, parameters }, subject_public_key }.to_der()
            })
            .map_err(|_| KeyError::MalformedDer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the first test vector of RFC 8032, section 7.1.
    const ED25519: &str = "302a300506032b6570032100\
                           d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn ed25519() -> PublicKey {
        PublicKey::from_spki_der(&hex::decode(ED25519).expect("hexadecimal")).expect("good key")
    }

    #[test]
    fn fingerprint_is_the_hash_of_the_spki() {
        let key = ed25519();
        let expected = "SHA256:06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9";
        assert_eq!(key.fingerprint().to_string(), expected);
        assert_eq!(format!("{key:?}"), format!("PublicKey {{ kind: Ed25519, fingerprint: {expected}, .. }}"));
    }

    #[test]
    fn kinds_have_names() {
        assert_eq!(ed25519().kind().to_string(), "Ed25519");
        assert_eq!(KeyKind::EcdsaP521.to_string(), "ECDSA P-521");
        assert_eq!(KeyKind::Rsa { bits: 3072 }.to_string(), "RSA 3072");
    }

    #[test]
    fn only_public_keys_in_pem_are_read() {
        let found = |pem: &[u8]| PublicKey::from_pem(pem).expect_err("no key").to_string();
        assert_eq!(
            found(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"),
            "found a certificate, expected a PEM block `PUBLIC KEY` or `RSA PUBLIC KEY`"
        );
        assert_eq!(found(ed25519().spki_der()), "found binary data, expected a PEM block `PUBLIC KEY` or `RSA PUBLIC KEY`");
    }
}
