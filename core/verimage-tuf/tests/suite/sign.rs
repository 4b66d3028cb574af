//! Keys of every kind, made from names, and root certificates written byte by byte, so that wrong ones can be written too.

use std::{convert::Infallible, sync::LazyLock};

use ed25519_dalek::Signer as _;
use rsa::{
    BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey,
    pkcs1::EncodeRsaPublicKey as _,
    rand_core::{TryCryptoRng, TryRng},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use verimage_crypto::x509::ObjectIdentifier;

use crate::base64;

/// A private key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Key {
    P256(&'static str),
    P384(&'static str),
    P521(&'static str),
    Ed25519(&'static str),
    Rsa,
    /// A public key that nobody can sign with: a modulus of 1024 bits.
    ShortRsa,
}

/// The primes that follow SHAKE-256 of "first 2048" and "second 2048": a key for everybody, and so for nobody.
const PRIMES: [&str; 2] = [
    "c13cb375abdc02686249d670e74e1e5cb004678475700144fc421158127dbf882739158f80e2b309a29ca4269a81cf778937c10865242d056be7\
     51ac4e8be92a23b68135caaee1816f87ca73321b0ff9b9b7136187e670853b791af777fc43b48bf468587af1acb9af9d83d9f7c08d4435b3df62\
     69122c2ccbb9ca5b3fb15ab7",
    "d93f0f2c5ae4e7ccd3f9837df4a4abb41651f11fd7b9800d9e7864e2af24b9b87dc71d572d2ce88b08205501dbe3765ec4301902c2f37f216ea9\
     1c5580f0c58c1e0642e4c8b0477242ada34af33cc8c3377567a9da161bba47bdd29914eac6be1c3c68f74246605cb97ef6f4d7a332693fdb8c92\
     1187761cfa71fe8d1f28d21f",
];

static RSA: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let [p, q] = PRIMES.map(|hex| BoxedUint::from_be_slice(&hex::decode(hex).unwrap(), 1024).unwrap());
    RsaPrivateKey::from_p_q(p, q, BoxedUint::from(65537_u32)).unwrap()
});

fn p256(name: &str) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&Sha256::digest(name)).unwrap()
}

fn p384(name: &str) -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&Sha384::digest(name)).unwrap()
}

fn p521(name: &str) -> p521::ecdsa::SigningKey {
    p521::ecdsa::SigningKey::from_slice(&[&[0, 0][..], &Sha512::digest(name)].concat()).unwrap()
}

fn ed25519(name: &str) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&Sha256::digest(name).into())
}

impl Key {
    fn public(self) -> Vec<u8> {
        match self {
            Self::P256(name) => p256(name).verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(name) => p384(name).verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P521(name) => p521(name).verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Ed25519(name) => ed25519(name).verifying_key().as_bytes().to_vec(),
            Self::Rsa => RSA.to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec(),
            Self::ShortRsa => sequence(&[&unsigned(&[0xff; 128]), &unsigned(&[1, 0, 1])]),
        }
    }

    pub fn spki(self) -> Vec<u8> {
        const EC: &str = "1.2.840.10045.2.1";
        let algorithm = match self {
            Self::P256(_) => sequence(&[&oid(EC), &oid("1.2.840.10045.3.1.7")]),
            Self::P384(_) => sequence(&[&oid(EC), &oid("1.3.132.0.34")]),
            Self::P521(_) => sequence(&[&oid(EC), &oid("1.3.132.0.35")]),
            Self::Ed25519(_) => sequence(&[&oid("1.3.101.112")]),
            Self::Rsa | Self::ShortRsa => sequence(&[&oid("1.2.840.113549.1.1.1"), &[5, 0]]),
        };
        sequence(&[&algorithm, &bits(&self.public())])
    }

    /// ECDSA as `r` then `s`, over SHA-256 on every curve; RSA by the method.
    pub fn sign(self, method: &str, message: &[u8]) -> Vec<u8> {
        let hash = Sha256::digest(message);
        match (self, method) {
            (Self::P256(name), _) => {
                let signature: p256::ecdsa::Signature = p256(name).sign(message);
                signature.to_bytes().to_vec()
            }
            (Self::P384(name), _) => {
                use p384::ecdsa::signature::hazmat::PrehashSigner as _;
                let signature: p384::ecdsa::Signature = p384(name).sign_prehash(&hash).unwrap();
                signature.to_bytes().to_vec()
            }
            (Self::P521(name), _) => {
                use p521::ecdsa::signature::hazmat::PrehashSigner as _;
                let padded = [&[0; 34][..], &hash].concat();
                let signature: p521::ecdsa::Signature = p521(name).sign_prehash(&padded).unwrap();
                signature.to_bytes().to_vec()
            }
            (Self::Ed25519(name), _) => ed25519(name).sign(message).to_bytes().to_vec(),
            (Self::Rsa, "rsapkcs1v15") => RSA.sign(Pkcs1v15Sign::new::<Sha256>(), &hash).unwrap(),
            (Self::Rsa, _) => RSA.sign_with_rng(&mut Counter(0), Pss::<Sha256>::new_with_salt(32), &hash).unwrap(),
            (Self::ShortRsa, _) => vec![1; 128],
        }
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

/// A key as metadata list it, with the private half.
#[derive(Clone, Debug)]
pub struct Signer {
    pub key: Key,
    pub key_type: &'static str,
    pub public: Vec<u8>,
    pub method: &'static str,
    /// Under another ID than its own.
    pub false_id: Option<String>,
}

impl Signer {
    pub fn bare(key: Key) -> Self {
        let (key_type, method) = match key {
            Key::Ed25519(_) => ("ed25519", "eddsa"),
            Key::Rsa | Key::ShortRsa => ("rsa", "rsapss"),
            _ => ("ecdsa", "ecdsa"),
        };
        let public = if key_type == "ed25519" { key.public() } else { key.spki() };
        Self { key, key_type, public, method, false_id: None }
    }

    /// With certificates in PEM, the leaf first.
    pub fn certified(key: Key, certificates: &[Vec<u8>]) -> Self {
        let public = certificates.iter().flat_map(|der| pem("CERTIFICATE", der).into_bytes()).collect();
        let key_type = if key == Key::Rsa { "rsa-x509" } else { "ecdsa-x509" };
        Self { key_type, public, ..Self::bare(key) }
    }

    pub fn id(&self) -> String {
        let text = format!(r#"{{"keytype":"{}","keyval":{{"private":null,"public":"{}"}}}}"#, self.key_type, base64(&self.public));
        self.false_id.clone().unwrap_or_else(|| hex::encode(Sha256::digest(text)))
    }

    pub fn listed(&self) -> Value {
        json!({"keytype": self.key_type, "keyval": {"private": null, "public": base64(&self.public)}})
    }

    pub fn sign(&self, message: &[u8]) -> Value {
        json!({"keyid": self.id(), "method": self.method, "sig": base64(&self.key.sign(self.method, message))})
    }
}

/// A certificate to be written. The subject is the issuer, unless it is said otherwise.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub subject: Vec<&'static str>,
    pub issuer: &'static str,
    pub key: Key,
    pub validity: [&'static str; 2],
    pub is_authority: bool,
    pub algorithm: &'static str,
}

pub const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub const ECDSA_SHA1: &str = "1.2.840.10045.4.1";

impl Certificate {
    pub fn new(subject: &'static str, key: Key) -> Self {
        let validity = ["20250101000000Z", "20350101000000Z"];
        Self { subject: vec![subject], issuer: subject, key, validity, is_authority: false, algorithm: ECDSA_SHA256 }
    }

    pub fn authority(subject: &'static str, key: Key) -> Self {
        Self { is_authority: true, ..Self::new(subject, key) }
    }

    pub fn issued_by(self, issuer: &'static str) -> Self {
        Self { issuer, ..self }
    }

    /// Signed by a P-256 key.
    pub fn der(&self, signer: Key) -> Vec<u8> {
        let algorithm = sequence(&[&oid(self.algorithm)]);
        let validity = sequence(&self.validity.map(|time| tlv(0x18, &[time.as_bytes()])).each_ref().map(Vec::as_slice));
        let flag: &[u8] = if self.is_authority { &[1, 1, 0xff] } else { &[] };
        let constraints = sequence(&[&oid("2.5.29.19"), &[1, 1, 0xff], &tlv(4, &[&sequence(&[flag])])]);
        let extensions = tlv(0xa3, &[&sequence(&[&constraints])]);
        let names = [name(&[self.issuer]), name(&self.subject)];
        let body =
            [&tlv(0xa0, &[&[2, 1, 2]]), &tlv(2, &[&[1]]), &algorithm, &names[0], &validity, &names[1], &self.key.spki(), &extensions];
        let body = sequence(&body.map(Vec::as_slice));
        let Key::P256(signer) = signer else { panic!("authorities have P-256 keys") };
        let signature: p256::ecdsa::Signature = p256(signer).sign(&body);
        sequence(&[&body, &algorithm, &bits(signature.to_der().as_bytes())])
    }

    /// Signed with its own key.
    pub fn self_signed(&self) -> Vec<u8> {
        self.der(if matches!(self.key, Key::P256(_)) { self.key } else { Key::P256("some authority") })
    }
}

pub fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(der))
}

/// Common names, each in a part of its own.
fn name(commons: &[&str]) -> Vec<u8> {
    let part = |common: &&str| tlv(0x31, &[&sequence(&[&oid("2.5.4.3"), &tlv(0x0c, &[common.as_bytes()])])]);
    sequence(&[&commons.iter().flat_map(part).collect::<Vec<_>>()])
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = body.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let head = if body.len() < 0x80 { vec![tag, length[0]] } else { [&[tag, 0x80 | length.len() as u8], length].concat() };
    [head, body].concat()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

fn oid(text: &str) -> Vec<u8> {
    tlv(6, &[text.parse::<ObjectIdentifier>().unwrap().as_bytes()])
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes])
}

/// A positive number.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1)..];
    let zero: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
    tlv(2, &[zero, bytes])
}

/// A signature in DER from `r` then `s`.
pub fn in_der(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    sequence(&[&unsigned(r), &unsigned(s)])
}
