//! The crypto set in pure Rust.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey, pkcs1::DecodeRsaPublicKey};
use sha2::{
    Digest, Sha256, Sha384, Sha512,
    digest::{FixedOutputReset, const_oid::AssociatedOid},
};

use crate::{
    CryptoSet, EcdsaKey, EcdsaVerifier, Ed25519Key, Ed25519Verifier, HashAlgorithm, KeyKind, MessageDigest, PublicKey, Refused, RsaKey,
    RsaPadding, RsaVerifier, error::refused,
};

impl CryptoSet {
    /// The set in pure Rust: the packages of the RustCrypto project, and dalek for Ed25519.
    #[must_use]
    pub fn rustcrypto() -> Self {
        Self { name: "rustcrypto", ecdsa: &Ecdsa, ed25519: &Ed25519, rsa: &Rsa }
    }
}

#[derive(Debug)]
struct Ecdsa;

impl EcdsaVerifier for Ecdsa {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
        let point = key.subject_public_key();
        Ok(match key.kind() {
            KeyKind::EcdsaP256 => Box::new(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(refused)?),
            KeyKind::EcdsaP384 => Box::new(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(refused)?),
            KeyKind::EcdsaP521 => Box::new(p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(refused)?),
            _ => return Err(Refused),
        })
    }
}

macro_rules! ecdsa_key {
    ($curve:ident) => {
        impl EcdsaKey for $curve::ecdsa::VerifyingKey {
            fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<(), Refused> {
                let signature = $curve::ecdsa::Signature::from_slice(signature).map_err(refused)?;
                self.verify_prehash(digest, &signature).map_err(refused)
            }
        }
    };
}

ecdsa_key!(p256);
ecdsa_key!(p384);
ecdsa_key!(p521);

#[derive(Debug)]
struct Ed25519;

impl Ed25519Verifier for Ed25519 {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn Ed25519Key>, Refused> {
        let key = ed25519_dalek::VerifyingKey::try_from(key.subject_public_key());
        Ok(Box::new(key.map_err(refused)?))
    }
}

impl Ed25519Key for ed25519_dalek::VerifyingKey {
    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Refused> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.verify_strict(message, &signature).map_err(refused)
    }
}

#[derive(Debug)]
struct Rsa;

impl RsaVerifier for Rsa {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn RsaKey>, Refused> {
        let key = RsaPublicKey::from_pkcs1_der(key.subject_public_key());
        Ok(Box::new(key.map_err(refused)?))
    }
}

impl RsaKey for RsaPublicKey {
    fn verify(&self, padding: RsaPadding, digest: &MessageDigest, signature: &[u8]) -> Result<(), Refused> {
        let hashed = digest.as_bytes();
        match digest.algorithm() {
            HashAlgorithm::Sha256 => verify_rsa::<Sha256>(self, padding, hashed, signature),
            HashAlgorithm::Sha384 => verify_rsa::<Sha384>(self, padding, hashed, signature),
            HashAlgorithm::Sha512 => verify_rsa::<Sha512>(self, padding, hashed, signature),
        }
    }
}

fn verify_rsa<H>(key: &RsaPublicKey, padding: RsaPadding, hashed: &[u8], signature: &[u8]) -> Result<(), Refused>
where
    H: AssociatedOid + Digest + FixedOutputReset,
{
    match padding {
        RsaPadding::Pkcs1 => key.verify(Pkcs1v15Sign::new::<H>(), hashed, signature),
        // `new` fixes the length of the salt to that of the hash.
        RsaPadding::Pss => key.verify(Pss::<H>::new(), hashed, signature),
    }
    .map_err(refused)
}
