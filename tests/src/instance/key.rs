//! Private keys made from names: the same name is the same key, on every machine.

use std::convert::Infallible;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use rsa::BoxedUint;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts as _;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::der::{bits, oid, sequence, unsigned};

/// A private key.
#[derive(Clone, Debug)]
pub struct Key {
    kind: Kind,
    secret: Secret,
}

/// The kinds of key that are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits. There is one such key.
    Rsa,
}

/// The hashes that are signed or stamped here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The hash of a message.
    pub fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    /// Its identifier.
    pub fn oid(self) -> &'static str {
        match self {
            Self::Sha256 => "2.16.840.1.101.3.4.2.1",
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
            Self::Sha512 => "2.16.840.1.101.3.4.2.3",
        }
    }
}

#[derive(Clone, Debug)]
enum Secret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Rsa,
}

impl Key {
    /// The key of this kind and name.
    pub fn new(kind: Kind, name: &str) -> Self {
        let secret = match kind {
            Kind::P256 => Secret::P256(p256::ecdsa::SigningKey::from_slice(&Sha256::digest(name)).expect("a scalar")),
            Kind::P384 => Secret::P384(p384::ecdsa::SigningKey::from_slice(&Sha384::digest(name)).expect("a scalar")),
            Kind::Ed25519 => Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&Sha256::digest(name).into())),
            Kind::Rsa => Secret::Rsa,
        };
        Self { kind, secret }
    }

    /// The P-256 key of this name.
    pub fn p256(name: &str) -> Self {
        Self::new(Kind::P256, name)
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The public key as SubjectPublicKeyInfo.
    pub fn spki(&self) -> Vec<u8> {
        let point = |curve: &str, point: &[u8]| sequence(&[&sequence(&[&oid("1.2.840.10045.2.1"), &oid(curve)]), &bits(point)]);
        match &self.secret {
            Secret::P256(key) => point("1.2.840.10045.3.1.7", key.verifying_key().to_sec1_point(false).as_bytes()),
            Secret::P384(key) => point("1.3.132.0.34", key.verifying_key().to_sec1_point(false).as_bytes()),
            Secret::Ed25519(_) => sequence(&[&sequence(&[&oid("1.3.101.112")]), &bits(&self.raw())]),
            Secret::Rsa => {
                let numbers = sequence(&[&unsigned(&RSA.n_bytes()), &unsigned(&RSA.e_bytes())]);
                sequence(&[&sequence(&[&oid("1.2.840.113549.1.1.1"), &NULL]), &bits(&numbers)])
            }
        }
    }

    /// The 32 bytes of a public Ed25519 key.
    pub fn raw(&self) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            _ => panic!("only Ed25519 keys are plain bytes"),
        }
    }

    /// The public key in PEM.
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    /// SHA-256 over the public key: the identifier of a log with this key.
    pub fn id(&self) -> Vec<u8> {
        Sha256::digest(self.spki()).to_vec()
    }

    /// The hash that goes with this kind of key.
    pub fn hash(&self) -> Hash {
        match self.kind {
            Kind::P384 => Hash::Sha384,
            Kind::Ed25519 => Hash::Sha512,
            _ => Hash::Sha256,
        }
    }

    /// A signature with the hash that goes with the key; RSA by PKCS #1 v1.5, Ed25519 pure.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_with(self.hash(), message)
    }

    /// A signature over this hash of the message. Ed25519 has no choice.
    pub fn sign_with(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let prehash = hash.of(message);
        match &self.secret {
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(&prehash).expect("a signature");
                signature.to_der().as_bytes().to_vec()
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(&prehash).expect("a signature");
                signature.to_der().as_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Secret::Rsa => {
                let padding = match hash {
                    Hash::Sha256 => rsa::Pkcs1v15Sign::new::<Sha256>(),
                    Hash::Sha384 => rsa::Pkcs1v15Sign::new::<Sha384>(),
                    Hash::Sha512 => rsa::Pkcs1v15Sign::new::<Sha512>(),
                };
                RSA.sign_with_rng(&mut Blinding(0), padding, &prehash).expect("a signature")
            }
        }
    }

    /// A prehashed Ed25519 signature (RFC 8032, Ed25519ph), as message signatures have it.
    pub fn sign_prehashed(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => {
                let hash = Sha512::new_with_prefix(message);
                key.sign_prehashed(hash, None).expect("a signature").to_bytes().to_vec()
            }
            _ => self.sign(message),
        }
    }

    /// The algorithm of [`Key::sign`] as certificates name it.
    pub fn algorithm(&self) -> Vec<u8> {
        self.algorithm_with(self.hash())
    }

    /// The algorithm of [`Key::sign_with`] as certificates name it.
    pub fn algorithm_with(&self, hash: Hash) -> Vec<u8> {
        let number = match hash {
            Hash::Sha256 => 0,
            Hash::Sha384 => 1,
            Hash::Sha512 => 2,
        };
        match self.kind {
            Kind::P256 | Kind::P384 => sequence(&[&oid(&format!("1.2.840.10045.4.3.{}", number + 2))]),
            Kind::Ed25519 => sequence(&[&oid("1.3.101.112")]),
            Kind::Rsa => sequence(&[&oid(&format!("1.2.840.113549.1.1.{}", number + 11)), &NULL]),
        }
    }

    /// The name of the key's type in a trusted root.
    pub fn details(&self) -> &'static str {
        match self.kind {
            Kind::P256 => "PKIX_ECDSA_P256_SHA_256",
            Kind::P384 => "PKIX_ECDSA_P384_SHA_384",
            Kind::Ed25519 => "PKIX_ED25519",
            Kind::Rsa => "PKIX_RSA_PKCS1V15_2048_SHA256",
        }
    }
}

const NULL: [u8; 2] = [5, 0];

/// A document in PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Standard base64.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The primes that follow SHAKE-256 of "first" and of "second", 128 bytes each with the two highest bits set.
const PRIMES: [&str; 2] = [
    "d3da417b0bfade6950a0857d3f719f250d3380574a6036e375e6d121dd6c1a71a297d66601db4dcd9e465b6e124ac0468f7024adeeecc7d9\
     100146d724492efaa085c5d785f1983b4e628a8c3cb473420affdd73e2fe9056e46b88870a6a5e2157e7d8c5e6df3b824562c9aba6a3764e\
     de0ff093cbdedc6d1fa42e949a03d259",
    "e4653d084444cde6985bd0ba3cfbc0ff1db6d19cafcb23cff9642e626d59604b961d8ed9fa0a6695a21715c7710c61181b1c1149f70c46ce\
     69834ec5bbaf01fb1f457139702dbb4a563bde2e8b49bc1f136b1690e57dba5ca257c2e977b763f4a415781e3639d32030b8fc83659bdd0c\
     5acb58d51d137edc78bb1599451a2da5",
];

static RSA: LazyLock<rsa::RsaPrivateKey> = LazyLock::new(|| {
    let [first, second] = PRIMES.map(|prime| BoxedUint::from_be_slice(&hex::decode(prime).expect("hexadecimal"), 1024).expect("a number"));
    rsa::RsaPrivateKey::from_p_q(first, second, BoxedUint::from(65537_u32)).expect("two primes")
});

/// What blinds the private operation: no secret is at stake, and the signature is the same for all values.
struct Blinding(u64);

impl TryRng for Blinding {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        let hash = Sha256::digest(self.0.to_be_bytes());
        Ok(hash[..8].iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for byte in target {
            *byte = self.try_next_u64()? as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Blinding {}
