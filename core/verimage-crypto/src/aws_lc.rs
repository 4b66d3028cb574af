//! The crypto set of AWS-LC, a C library.

use std::sync::OnceLock;

use aws_lc_rs::{
    digest::{self, Digest},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
        RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
    },
};

use crate::{
    CryptoSet, EcdsaKey, EcdsaVerifier, Ed25519Key, Ed25519Verifier, HashAlgorithm, KeyKind, MessageDigest, PublicKey, Refused, RsaKey,
    RsaPadding, RsaVerifier, error::refused,
};

impl CryptoSet {
    /// The set of AWS-LC, by way of `aws-lc-rs`: written in C and assembly, faster for ECDSA and RSA.
    #[must_use]
    pub fn aws_lc() -> Self {
        Self { name: "aws-lc", ecdsa: &Ecdsa, ed25519: &Ed25519, rsa: &Rsa }
    }
}

#[derive(Debug)]
struct Ecdsa;

/// Digests come in the width of the curve's own hash, whatever hash made them, and AWS-LC knows them by
/// that width: so one parsed key serves all hashes.
struct LoadedEcdsa {
    key: ParsedPublicKey,
    own_hash: &'static digest::Algorithm,
}

impl EcdsaVerifier for Ecdsa {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
        let (algorithm, own_hash): (&'static dyn VerificationAlgorithm, _) = match key.kind() {
            KeyKind::EcdsaP256 => (&ECDSA_P256_SHA256_FIXED, &digest::SHA256),
            KeyKind::EcdsaP384 => (&ECDSA_P384_SHA384_FIXED, &digest::SHA384),
            KeyKind::EcdsaP521 => (&ECDSA_P521_SHA512_FIXED, &digest::SHA512),
            _ => return Err(Refused),
        };
        let key = ParsedPublicKey::new(algorithm, key.spki_der()).map_err(refused)?;
        Ok(Box::new(LoadedEcdsa { key, own_hash }))
    }
}

impl EcdsaKey for LoadedEcdsa {
    fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let digest = Digest::import_less_safe(digest, self.own_hash).map_err(refused)?;
        self.key.verify_digest_sig(&digest, signature).map_err(refused)
    }
}

#[derive(Debug)]
struct Ed25519;

struct LoadedEd25519(ParsedPublicKey);

impl Ed25519Verifier for Ed25519 {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn Ed25519Key>, Refused> {
        let key = ParsedPublicKey::new(&ED25519, key.subject_public_key()).map_err(refused)?;
        Ok(Box::new(LoadedEd25519(key)))
    }
}

impl Ed25519Key for LoadedEd25519 {
    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Refused> {
        self.0.verify_sig(message, signature).map_err(refused)
    }
}

#[derive(Debug)]
struct Rsa;

/// AWS-LC binds a parsed key to one padding and hash. Nearly every key is used with one pair only, so
/// the others are parsed when they are first asked for.
struct LoadedRsa {
    pkcs1_der: Vec<u8>,
    slots: [RsaSlot; 6],
}

struct RsaSlot {
    padding: RsaPadding,
    hash: HashAlgorithm,
    key: OnceLock<Result<ParsedPublicKey, Refused>>,
}

impl RsaVerifier for Rsa {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn RsaKey>, Refused> {
        let loaded = LoadedRsa {
            pkcs1_der: key.subject_public_key().to_vec(),
            slots: [
                RsaSlot::new(RsaPadding::Pkcs1, HashAlgorithm::Sha256),
                RsaSlot::new(RsaPadding::Pkcs1, HashAlgorithm::Sha384),
                RsaSlot::new(RsaPadding::Pkcs1, HashAlgorithm::Sha512),
                RsaSlot::new(RsaPadding::Pss, HashAlgorithm::Sha256),
                RsaSlot::new(RsaPadding::Pss, HashAlgorithm::Sha384),
                RsaSlot::new(RsaPadding::Pss, HashAlgorithm::Sha512),
            ],
        };
        // A key that AWS-LC cannot read is refused now, not at its first signature.
        loaded.parsed(RsaPadding::Pkcs1, HashAlgorithm::Sha256)?;
        Ok(Box::new(loaded))
    }
}

impl RsaKey for LoadedRsa {
    fn verify(&self, padding: RsaPadding, digest: &MessageDigest, signature: &[u8]) -> Result<(), Refused> {
        let key = self.parsed(padding, digest.algorithm())?;
        let label = match digest.algorithm() {
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        };
        let digest = Digest::import_less_safe(digest.as_bytes(), label).map_err(refused)?;
        key.verify_digest_sig(&digest, signature).map_err(refused)
    }
}

impl LoadedRsa {
    fn parsed(&self, padding: RsaPadding, hash: HashAlgorithm) -> Result<&ParsedPublicKey, Refused> {
        self.slots.iter().find(|slot| slot.padding == padding && slot.hash == hash).ok_or(Refused)?.parsed(&self.pkcs1_der)
    }
}

impl RsaSlot {
    fn new(padding: RsaPadding, hash: HashAlgorithm) -> Self {
        let key = OnceLock::new();
        Self { padding, hash, key }
    }

    fn parsed(&self, pkcs1_der: &[u8]) -> Result<&ParsedPublicKey, Refused> {
        self.key.get_or_init(|| ParsedPublicKey::new(self.parameters(), pkcs1_der).map_err(refused)).as_ref().map_err(|Refused| Refused)
    }

    /// The PSS parameters take only salts as long as the hash.
    fn parameters(&self) -> &'static RsaParameters {
        match (self.padding, self.hash) {
            (RsaPadding::Pkcs1, HashAlgorithm::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
            (RsaPadding::Pkcs1, HashAlgorithm::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
            (RsaPadding::Pkcs1, HashAlgorithm::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
            (RsaPadding::Pss, HashAlgorithm::Sha256) => &RSA_PSS_2048_8192_SHA256,
            (RsaPadding::Pss, HashAlgorithm::Sha384) => &RSA_PSS_2048_8192_SHA384,
            (RsaPadding::Pss, HashAlgorithm::Sha512) => &RSA_PSS_2048_8192_SHA512,
        }
    }
}
