//! Keys that can sign images: which there are, and the crypto set that verifies with them (specification section 2.4).

use std::io;

use pgp::crypto::hash::HashAlgorithm as PgpHash;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::errors::Result as PgpResult;
use pgp::ser::Serialize;
use pgp::types::{
    EcdsaPublicParams, EddsaLegacyPublicParams, Fingerprint, KeyDetails, KeyId, KeyVersion, Mpi, PublicParams, RsaPublicParams,
    SignatureBytes, Timestamp, VerifyingKey as PgpVerifyingKey,
};
use verimage_core::Digest;
use verimage_crypto::{Algorithm, CryptoSet, EcdsaEncoding, HashAlgorithm, KeyKind, MessageDigest, PublicKey, VerifyingKey};

/// A key packet whose key may sign.
#[derive(Debug)]
pub(crate) struct Key<P> {
    packet: P,
    /// The key in the crypto set; nothing for Ed448, which no set has.
    loaded: Option<VerifyingKey>,
}

impl<P: PgpVerifyingKey> Key<P> {
    /// Takes keys of version 4 and 6: RSA of at least 2048 bits, ECDSA over the curves of NIST, Ed25519 and Ed448.
    ///
    /// # Errors
    /// A sentence on what kind of key it is.
    pub(crate) fn new(packet: P, crypto: &CryptoSet) -> Result<Self, String> {
        if !matches!(packet.version(), KeyVersion::V4 | KeyVersion::V6) {
            return Err(format!("it is of version {}", u8::from(packet.version())));
        }
        let key = match (packet.public_params(), packet.algorithm()) {
            (PublicParams::RSA(key), PublicKeyAlgorithm::RSA | PublicKeyAlgorithm::RSASign) => rsa(key)?,
            (PublicParams::ECDSA(EcdsaPublicParams::P256 { key }), _) => spki(P256, &key.to_sec1_bytes())?,
            (PublicParams::ECDSA(EcdsaPublicParams::P384 { key }), _) => spki(P384, &key.to_sec1_bytes())?,
            (PublicParams::ECDSA(EcdsaPublicParams::P521 { key }), _) => spki(P521, &key.to_sec1_bytes())?,
            (PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { key }), _) => spki(ED25519, key.as_bytes())?,
            (PublicParams::Ed25519(params), _) => spki(ED25519, params.key.as_bytes())?,
            (PublicParams::Ed448(_), _) => return Ok(Self { packet, loaded: None }),
            (_, algorithm) => return Err(format!("{algorithm:?} keys, or those of its curve, do not count")),
        };
        let loaded = Some(crypto.load(&key).map_err(|error| error.to_string())?);
        Ok(Self { packet, loaded })
    }

    /// When it was made, in seconds since 1970.
    pub(crate) fn created(&self) -> i64 {
        i64::from(self.packet.created_at().as_secs())
    }

    /// The fingerprint, as GnuPG prints it.
    pub(crate) fn name(&self) -> String {
        hex::encode_upper(self.packet.fingerprint().as_bytes())
    }

    /// The digest of its SubjectPublicKeyInfo, under which other schemes know it.
    pub(crate) fn spki(&self) -> Option<Digest> {
        self.loaded.as_ref().map(|key| Digest::of_sha256(*key.public_key().fingerprint().as_bytes()))
    }

    fn verify_loaded(key: &VerifyingKey, hash: PgpHash, digest: &[u8], signature: &SignatureBytes) -> Option<bool> {
        let kind = key.public_key().kind();
        if kind == KeyKind::Ed25519 {
            return Some(key.verify(Algorithm::Ed25519, digest, &parts(signature, 32)).is_ok());
        }
        let hash = match hash {
            PgpHash::Sha256 => HashAlgorithm::Sha256,
            PgpHash::Sha384 => HashAlgorithm::Sha384,
            PgpHash::Sha512 => HashAlgorithm::Sha512,
            _ => return None,
        };
        let digest = MessageDigest::from_bytes(hash, digest)?;
        let ecdsa = Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Fixed };
        let (algorithm, width) = match kind {
            KeyKind::Rsa { bits } => (Algorithm::RsaPkcs1 { hash }, bits.div_ceil(8)),
            KeyKind::EcdsaP256 => (ecdsa, 32),
            KeyKind::EcdsaP384 => (ecdsa, 48),
            _ => (ecdsa, 66),
        };
        Some(key.verify_digest(algorithm, &digest, &parts(signature, usize::try_from(width).ok()?)).is_ok())
    }
}

/// The numbers of a signature, each of this width.
fn parts(signature: &SignatureBytes, width: usize) -> Vec<u8> {
    match signature {
        SignatureBytes::Native(bytes) => bytes.to_vec(),
        SignatureBytes::Mpis(numbers) => numbers.iter().flat_map(|number| padded(number, width)).collect(),
    }
}

fn padded(number: &Mpi, width: usize) -> Vec<u8> {
    let bytes = number.as_ref();
    let zeros = width.saturating_sub(bytes.len());
    std::iter::repeat_n(0, zeros).chain(bytes.iter().copied()).collect()
}

const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];
const P384: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62,
    0x00,
];
const P521: &[u8] = &[
    0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23, 0x03,
    0x81, 0x86, 0x00,
];
const ED25519: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A SubjectPublicKeyInfo (RFC 5480, RFC 8410): what stands before the key depends on its kind alone.
fn spki(kind: &[u8], key: &[u8]) -> Result<PublicKey, String> {
    PublicKey::from_spki_der(&[kind, key].concat()).map_err(|error| error.to_string())
}

fn rsa(key: &RsaPublicParams) -> Result<PublicKey, String> {
    let mut written = Vec::new();
    key.to_writer(&mut written).map_err(|error| error.to_string())?;
    let mut rest = written.as_slice();
    let mut integers = Vec::new();
    for _ in 0..2 {
        let number = Mpi::try_from_reader(&mut rest).map_err(|error| error.to_string())?;
        let sign = number.as_ref().first().is_some_and(|byte| byte & 0x80 != 0);
        integers.extend(der(0x02, &[if sign { &[0][..] } else { &[] }, number.as_ref()].concat()));
    }
    PublicKey::from_pkcs1_der(&der(0x30, &integers)).map_err(|error| error.to_string())
}

/// A DER value of at most 65,535 bytes; longer keys are refused long before.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let low = length.last_chunk::<2>().copied().unwrap_or_default();
    let header = match content.len() {
        0..128 => vec![tag, low[1]],
        128..256 => vec![tag, 0x81, low[1]],
        _ => vec![tag, 0x82, low[0], low[1]],
    };
    [header.as_slice(), content].concat()
}

impl<P: KeyDetails> KeyDetails for Key<P> {
    fn version(&self) -> KeyVersion {
        self.packet.version()
    }

    fn legacy_key_id(&self) -> KeyId {
        self.packet.legacy_key_id()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.packet.fingerprint()
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.packet.algorithm()
    }

    fn created_at(&self) -> Timestamp {
        self.packet.created_at()
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        self.packet.legacy_v3_expiration_days()
    }

    fn public_params(&self) -> &PublicParams {
        self.packet.public_params()
    }
}

/// With the crypto set; hashes that no set has, which only old self-signatures use, and Ed448 with rPGP.
impl<P: PgpVerifyingKey> PgpVerifyingKey for Key<P> {
    fn verify(&self, hash: PgpHash, digest: &[u8], signature: &SignatureBytes) -> PgpResult<()> {
        match self.loaded.as_ref().and_then(|key| Self::verify_loaded(key, hash, digest, signature)) {
            Some(true) => Ok(()),
            Some(false) => Err(io::Error::other("the signature does not match").into()),
            None => self.packet.verify(hash, digest, signature),
        }
    }
}

impl<P: Serialize> Serialize for Key<P> {
    fn to_writer<W: io::Write>(&self, writer: &mut W) -> PgpResult<()> {
        self.packet.to_writer(writer)
    }

    fn write_len(&self) -> usize {
        self.packet.write_len()
    }
}
