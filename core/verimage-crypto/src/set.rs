//! Crypto sets, and keys loaded into one.

use std::{
    fmt::{self, Debug},
    sync::Arc,
};

use crate::{
    Algorithm, HashAlgorithm, KeyError, MessageDigest, PublicKey, Refused, RsaPadding, SignatureError, ecdsa::Curve, ed25519,
    key::Material, pss, rsa::Modulus,
};

/// An implementation of each primitive, chosen per instance and never global.
///
/// A part can be replaced with struct update:
///
/// ```
/// use verimage_crypto::{CryptoSet, EcdsaVerifier};
///
/// fn with_hardware(ecdsa: &'static dyn EcdsaVerifier) -> CryptoSet {
///     CryptoSet { name: "hardware", ecdsa, ..CryptoSet::rustcrypto() }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // so that callers can write struct updates
pub struct CryptoSet {
    /// Name in messages.
    pub name: &'static str,
    /// ECDSA over P-256, P-384 and P-521.
    pub ecdsa: &'static dyn EcdsaVerifier,
    /// Ed25519.
    pub ed25519: &'static dyn Ed25519Verifier,
    /// RSA, both paddings.
    pub rsa: &'static dyn RsaVerifier,
}

impl CryptoSet {
    /// Prepares a key for any number of verifications.
    ///
    /// # Errors
    /// [`KeyError::RefusedBySet`] if the implementation cannot use the key. The sets of this crate take
    /// every [`PublicKey`].
    pub fn load(&self, key: &PublicKey) -> Result<VerifyingKey, KeyError> {
        let prepared = match key.material() {
            Material::Ecdsa { curve, .. } => self.ecdsa.load(key).map(|key| Prepared::Ecdsa { curve: *curve, key }),
            Material::Ed25519(_) => self.ed25519.load(key).map(Prepared::Ed25519),
            Material::Rsa { modulus, .. } => self.rsa.load(key).map(|key| Prepared::Rsa { modulus: modulus.clone(), key }),
        }
        .map_err(|Refused| KeyError::RefusedBySet { set: self.name, kind: key.kind() })?;
        Ok(VerifyingKey(Arc::new(Loaded { public_key: key.clone(), prepared })))
    }

    /// Whether the parts are the very same. Names may be equal for different parts, addresses of parts without size too; then
    /// their code tells them apart.
    #[allow(ambiguous_wide_pointer_comparisons, reason = "parts with the same address and the same code are the same")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.ecdsa, other.ecdsa) && std::ptr::eq(self.ed25519, other.ed25519) && std::ptr::eq(self.rsa, other.rsa)
    }
}

/// A public key loaded into a crypto set. Clones share the loaded key.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Loaded>);

struct Loaded {
    public_key: PublicKey,
    prepared: Prepared,
}

enum Prepared {
    Ecdsa { curve: Curve, key: Box<dyn EcdsaKey> },
    Ed25519(Box<dyn Ed25519Key>),
    Rsa { modulus: Modulus, key: Box<dyn RsaKey> },
}

impl VerifyingKey {
    /// The key that was loaded.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// Verifies a signature of a message.
    ///
    /// # Errors
    /// [`SignatureError::AlgorithmMismatch`] if the algorithm is for another kind of key;
    /// [`SignatureError::Encoding`], [`SignatureError::Length`], [`SignatureError::OutOfRange`] and
    /// [`SignatureError::WeakPoint`] if the bytes are no signature at all;
    /// [`SignatureError::Mismatch`] if they are, but not of this message by this key.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        match (&self.0.prepared, algorithm) {
            (Prepared::Ed25519(key), Algorithm::Ed25519) => Ok(key.verify(message, ed25519::read_signature(signature)?)?),
            (Prepared::Ed25519(_), Algorithm::Ed25519ph) => {
                ed25519::verify_prehashed(self.public_key().subject_public_key(), message, ed25519::read_signature(signature)?)
            }
            (_, Algorithm::Ecdsa { hash, .. } | Algorithm::RsaPkcs1 { hash } | Algorithm::RsaPss { hash }) => {
                self.verify_digest(algorithm, &hash.digest(message), signature)
            }
            _ => Err(self.mismatch(algorithm)),
        }
    }

    /// Verifies a signature of a message of which only the digest is at hand. Ed25519 needs the message itself.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and [`SignatureError::AlgorithmMismatch`] if the digest is not one of the algorithm's hash.
    pub fn verify_digest(&self, algorithm: Algorithm, digest: &MessageDigest, signature: &[u8]) -> Result<(), SignatureError> {
        match (&self.0.prepared, algorithm) {
            (Prepared::Ecdsa { curve, key }, Algorithm::Ecdsa { hash, encoding }) if hash == digest.algorithm() => {
                let signature = curve.read_signature(encoding, signature)?;
                key.verify(&curve.digest_of_own_width(digest), &signature)?;
            }
            (Prepared::Rsa { modulus, key }, Algorithm::RsaPkcs1 { hash }) if hash == digest.algorithm() => {
                modulus.check_signature(signature)?;
                key.verify(RsaPadding::Pkcs1, digest, signature)?;
            }
            (Prepared::Rsa { modulus, key }, Algorithm::RsaPss { hash }) if hash == digest.algorithm() => {
                modulus.check_signature(signature)?;
                key.verify(RsaPadding::Pss, digest, signature)?;
            }
            _ => return Err(self.mismatch(algorithm)),
        }
        Ok(())
    }

    /// Verifies a signature by RSASSA-PSS whose salt may have any length, and gives that length. For schemes whose signers
    /// are known not to keep to the length of the hash; all others call [`verify`](Self::verify).
    ///
    /// The answer does not depend on the crypto set: this is done with the `rsa` package under every set.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_pss_any_salt(&self, hash: HashAlgorithm, message: &[u8], signature: &[u8]) -> Result<usize, SignatureError> {
        let Prepared::Rsa { modulus, .. } = &self.0.prepared else { return Err(self.mismatch(Algorithm::RsaPss { hash })) };
        modulus.check_signature(signature)?;
        Ok(pss::verify_any_salt(self.public_key().subject_public_key(), &hash.digest(message), signature)?)
    }

    fn mismatch(&self, algorithm: Algorithm) -> SignatureError {
        SignatureError::AlgorithmMismatch { algorithm, key: self.public_key().kind() }
    }
}

impl Debug for VerifyingKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("VerifyingKey").field(self.public_key()).finish()
    }
}

/// The ECDSA part of a crypto set.
pub trait EcdsaVerifier: Debug + Send + Sync {
    /// Prepares a key on one of the three curves.
    ///
    /// # Errors
    /// [`Refused`] for a key of another kind.
    fn load(&self, key: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused>;
}

/// A key prepared by an [`EcdsaVerifier`].
pub trait EcdsaKey: Send + Sync {
    /// Verifies a signature of a digest.
    ///
    /// The digest has the width of the curve's own hash: 32, 48 or 64 bytes; digests of other widths
    /// have been cut or padded to the same integer. The signature is `r` then `s`, each of field width
    /// and in range.
    ///
    /// # Errors
    /// [`Refused`] if the signature does not match.
    fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<(), Refused>;
}

/// The Ed25519 part of a crypto set.
pub trait Ed25519Verifier: Debug + Send + Sync {
    /// Prepares an Ed25519 key.
    ///
    /// # Errors
    /// [`Refused`] for a key of another kind.
    fn load(&self, key: &PublicKey) -> Result<Box<dyn Ed25519Key>, Refused>;
}

/// A key prepared by an [`Ed25519Verifier`].
pub trait Ed25519Key: Send + Sync {
    /// Verifies a signature of a message by the equation without the cofactor.
    ///
    /// `R` and the key are canonical and not of small order, `S` is in range.
    ///
    /// # Errors
    /// [`Refused`] if the signature does not match.
    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Refused>;
}

/// The RSA part of a crypto set.
pub trait RsaVerifier: Debug + Send + Sync {
    /// Prepares an RSA key.
    ///
    /// # Errors
    /// [`Refused`] for a key of another kind.
    fn load(&self, key: &PublicKey) -> Result<Box<dyn RsaKey>, Refused>;
}

/// A key prepared by an [`RsaVerifier`].
pub trait RsaKey: Send + Sync {
    /// Verifies a signature of a digest. The signature is as long as the modulus and below it.
    ///
    /// # Errors
    /// [`Refused`] if the signature does not match, or the salt of PSS is not as long as the digest.
    fn verify(&self, padding: RsaPadding, digest: &MessageDigest, signature: &[u8]) -> Result<(), Refused>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EcdsaEncoding;

    /// A part that says yes to everything: what is still refused, this crate refuses.
    #[derive(Debug)]
    struct Yes;

    impl EcdsaVerifier for Yes {
        fn load(&self, _: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
            Ok(Box::new(Self))
        }
    }

    impl EcdsaKey for Yes {
        fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), Refused> {
            Ok(())
        }
    }

    /// A part that says no to everything.
    #[derive(Debug)]
    struct No;

    impl EcdsaVerifier for No {
        fn load(&self, _: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
            Err(Refused)
        }
    }

    const DER: Algorithm = Algorithm::Ecdsa { hash: HashAlgorithm::Sha256, encoding: EcdsaEncoding::Der };

    fn p256() -> PublicKey {
        let spki = "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e5\
                    63a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33\
                    576b315ececbb6406837bf51f5";
        PublicKey::from_spki_der(&hex::decode(spki).expect("hexadecimal")).expect("good key")
    }

    fn with_ecdsa(name: &'static str, ecdsa: &'static dyn EcdsaVerifier) -> CryptoSet {
        let set = CryptoSet::rustcrypto();
        CryptoSet { name, ecdsa, ..set }
    }

    #[test]
    fn a_lenient_part_cannot_loosen_the_rules() {
        let key = with_ecdsa("yes", &Yes).load(&p256()).expect("loads");
        assert_eq!(key.verify(DER, b"", &[0x30, 6, 2, 1, 1, 2, 1, 1]), Ok(()));
        assert_eq!(key.verify(DER, b"", &[0x30, 6, 2, 1, 1, 2, 1, 0]), Err(SignatureError::OutOfRange));
        assert_eq!(key.verify(DER, b"", &[]), Err(SignatureError::Encoding));
        assert_eq!(
            key.verify(Algorithm::Ed25519, b"", &[0; 64]),
            Err(SignatureError::AlgorithmMismatch { algorithm: Algorithm::Ed25519, key: p256().kind() })
        );
    }

    #[test]
    fn a_part_that_refuses_a_key_is_named() {
        let error = with_ecdsa("no", &No).load(&p256()).expect_err("refused");
        assert_eq!(error.to_string(), "crypto set `no` refused the ECDSA P-256 key");
    }

    #[test]
    fn loaded_keys_can_be_shared() {
        fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
        let set = CryptoSet::rustcrypto();
        shared(&set);
        let key = set.load(&p256()).expect("loads");
        shared(&key);
        assert_eq!(key.clone().public_key(), &p256());
        assert_eq!(format!("{key:?}"), format!("VerifyingKey({:?})", p256()));
    }
}
