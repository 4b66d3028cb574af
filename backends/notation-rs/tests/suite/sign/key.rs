//! Keys of every kind, made from names.

use std::{convert::Infallible, sync::LazyLock};

use p256::ecdsa::signature::Signer as _;
use rsa::{
    BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey,
    pkcs1::EncodeRsaPublicKey as _,
    rand_core::{TryCryptoRng, TryRng},
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{
    der::{bits, oid, sequence, tlv, unsigned},
    primes::PRIMES,
};

/// A key. Names give keys on curves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Key {
    Rsa(u16),
    P256(&'static str),
    P384(&'static str),
    P521(&'static str),
    /// A public key that nobody can sign with: a modulus of this many bits.
    Modulus(u16),
    /// A public key that nobody can sign with: on another curve, or of another kind.
    Foreign(&'static str),
}

/// How an envelope is signed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Padding {
    /// As it should be.
    Right,
    /// RSASSA-PSS with a salt of this length.
    Salt(usize),
    /// RSASSA-PKCS1-v1_5.
    Pkcs1,
    /// ECDSA in DER.
    Der,
}

pub const ALL: [Key; 6] = [Key::Rsa(2048), Key::Rsa(3072), Key::Rsa(4096), Key::P256("leaf"), Key::P384("leaf"), Key::P521("leaf")];

static RSA: LazyLock<Vec<(u16, RsaPrivateKey)>> = LazyLock::new(|| {
    let number = |hex: &str| BoxedUint::from_be_slice(&hex::decode(hex).unwrap(), 4 * hex.len() as u32).unwrap();
    let key = |primes: [&str; 2]| RsaPrivateKey::from_p_q(number(primes[0]), number(primes[1]), BoxedUint::from(65537_u32)).unwrap();
    PRIMES.into_iter().map(|(bits, primes)| (bits, key(primes))).collect()
});

fn rsa(bits: u16) -> &'static RsaPrivateKey {
    &RSA.iter().find(|(size, _)| *size == bits).unwrap().1
}

fn p256(name: &str) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&Sha256::digest(name)).unwrap()
}

fn p384(name: &str) -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&Sha384::digest(name)).unwrap()
}

fn p521(name: &str) -> p521::ecdsa::SigningKey {
    p521::ecdsa::SigningKey::from_slice(&[&[0, 0][..], &Sha512::digest(name)].concat()).unwrap()
}

impl Key {
    /// The names of its algorithm in JWS and COSE.
    pub fn algorithm(self) -> (&'static str, i64) {
        match self {
            Self::Rsa(2048) => ("PS256", -37),
            Self::Rsa(3072) => ("PS384", -38),
            Self::Rsa(_) | Self::Modulus(_) => ("PS512", -39),
            Self::P256(_) | Self::Foreign(_) => ("ES256", -7),
            Self::P384(_) => ("ES384", -35),
            Self::P521(_) => ("ES512", -36),
        }
    }

    pub fn public(self) -> Vec<u8> {
        match self {
            Self::Rsa(bits) => rsa(bits).to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec(),
            Self::P256(name) => p256(name).verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(name) => p384(name).verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P521(name) => p521(name).verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Modulus(bits) => sequence(&[&unsigned(&vec![0xff; usize::from(bits / 8)]), &unsigned(&[1, 0, 1])]),
            Self::Foreign(_) => vec![4; 65],
        }
    }

    pub fn spki(self) -> Vec<u8> {
        const EC: &str = "1.2.840.10045.2.1";
        let algorithm = match self {
            Self::Rsa(_) | Self::Modulus(_) => sequence(&[&oid("1.2.840.113549.1.1.1"), &[5, 0]]),
            Self::P256(_) => sequence(&[&oid(EC), &oid("1.2.840.10045.3.1.7")]),
            Self::P384(_) => sequence(&[&oid(EC), &oid("1.3.132.0.34")]),
            Self::P521(_) => sequence(&[&oid(EC), &oid("1.3.132.0.35")]),
            Self::Foreign("ed448") => sequence(&[&oid("1.3.101.113")]),
            Self::Foreign(curve) => sequence(&[&oid(EC), &oid(curve)]),
        };
        sequence(&[&algorithm, &bits(&self.public())])
    }

    /// A signature of a certificate, a list or an answer, and its algorithm.
    pub fn certify(self, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let ecdsa = |hash: &str| sequence(&[&oid(&format!("1.2.840.10045.4.3.{hash}"))]);
        match self {
            Self::Rsa(bits) => {
                let algorithm = sequence(&[&oid("1.2.840.113549.1.1.11"), &[5, 0]]);
                (algorithm, rsa(bits).sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)).unwrap())
            }
            Self::P384(_) => (ecdsa("3"), self.sign(Padding::Der, message)),
            Self::P521(_) => (ecdsa("4"), self.sign(Padding::Der, message)),
            _ => (ecdsa("2"), self.sign(Padding::Der, message)),
        }
    }

    /// A signature of an envelope.
    pub fn sign(self, padding: Padding, message: &[u8]) -> Vec<u8> {
        let in_der = padding == Padding::Der;
        match self {
            Self::Rsa(2048) => sign_rsa::<Sha256>(2048, padding, message),
            Self::Rsa(3072) => sign_rsa::<Sha384>(3072, padding, message),
            Self::Rsa(bits) => sign_rsa::<Sha512>(bits, padding, message),
            Self::P256(name) => {
                let signature: p256::ecdsa::Signature = p256(name).sign(message);
                if in_der { signature.to_der().as_bytes().to_vec() } else { signature.to_bytes().to_vec() }
            }
            Self::P384(name) => {
                let signature: p384::ecdsa::Signature = p384(name).sign(message);
                if in_der { signature.to_der().as_bytes().to_vec() } else { signature.to_bytes().to_vec() }
            }
            Self::P521(name) => {
                let signature: p521::ecdsa::Signature = p521(name).sign(message);
                if in_der { signature.to_der().as_bytes().to_vec() } else { signature.to_bytes().to_vec() }
            }
            // Nobody has the key.
            Self::Modulus(bits) => vec![1; usize::from(bits / 8)],
            Self::Foreign(_) => tlv(0x30, &[&unsigned(&[1]), &unsigned(&[1])]),
        }
    }
}

fn sign_rsa<H>(bits: u16, padding: Padding, message: &[u8]) -> Vec<u8>
where
    H: sha2::Digest + sha2::digest::FixedOutputReset + sha2::digest::const_oid::AssociatedOid,
{
    let (key, hash) = (rsa(bits), H::digest(message));
    match padding {
        Padding::Pkcs1 => key.sign(Pkcs1v15Sign::new::<H>(), &hash).unwrap(),
        Padding::Salt(length) => key.sign_with_rng(&mut Counter(0), Pss::<H>::new_with_salt(length), &hash).unwrap(),
        _ => key.sign_with_rng(&mut Counter(0), Pss::<H>::new(), &hash).unwrap(),
    }
}

/// Salts and blinding that are the same each time.
struct Counter(u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        let hash = Sha256::digest(self.0.to_be_bytes());
        Ok(u64::from_be_bytes(hash[..8].try_into().unwrap()))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for byte in target {
            *byte = self.try_next_u64()? as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}
