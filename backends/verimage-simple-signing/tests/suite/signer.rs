//! Makes keys and signatures, good ones and others.

use std::sync::OnceLock;

use pgp::composed::KeyType;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, OnePassSignature, PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureType,
    Subpacket, SubpacketData, UserId,
};
use pgp::ser::Serialize;
use pgp::types::{
    Duration, KeyDetails, KeyVersion, PacketHeaderVersion, Password, RevocationKey, SecretParams, SigningKey, Tag, Timestamp,
};
use rand::{SeedableRng, rngs::StdRng};
use verimage_core::{Code, Digest};
use verimage_crypto::CryptoSet;
use verimage_simple_signing::{KeyRing, KeyRingError, Signed};

/// When keys are made: 2024-01-02.
pub(crate) const MADE: u32 = 1_704_153_600;
/// When they sign: 2024-02-01.
pub(crate) const SIGNED: u32 = 1_706_745_600;
/// When is verified: 2026-01-01.
pub(crate) const NOW: i64 = 1_767_225_600;
pub(crate) const DAY: u32 = 86_400;

pub(crate) struct Owner {
    pub(crate) secret: SecretKey,
    pub(crate) public: PublicKey,
}

pub(crate) struct Sub {
    pub(crate) secret: SecretSubkey,
    pub(crate) public: PublicSubkey,
}

fn inner(kind: &KeyType, seed: u64, made: u32, version: KeyVersion) -> (PubKeyInner, SecretParams) {
    let (public, secret) = kind.generate(StdRng::seed_from_u64(seed)).unwrap();
    (PubKeyInner::new(version, kind.to_alg(), Timestamp::from_secs(made), None, public).unwrap(), secret)
}

pub(crate) fn owner_of(kind: &KeyType, seed: u64, made: u32, version: KeyVersion) -> Owner {
    let (inner, secret) = inner(kind, seed, made, version);
    let public = PublicKey::from_inner(inner).unwrap();
    Owner { secret: SecretKey::new(public.clone(), secret).unwrap(), public }
}

/// An owner of an Ed25519 key, made at the usual time.
pub(crate) fn owner(seed: u64) -> Owner {
    owner_of(&KeyType::Ed25519Legacy, seed, MADE, KeyVersion::V4)
}

/// The one that most tests trust.
pub(crate) fn alice() -> &'static Owner {
    static ALICE: OnceLock<Owner> = OnceLock::new();
    ALICE.get_or_init(|| owner(1))
}

/// One whose key goes with weak hashes too.
pub(crate) fn rsa() -> &'static Owner {
    static RSA: OnceLock<Owner> = OnceLock::new();
    RSA.get_or_init(|| owner_of(&KeyType::Rsa(2048), 8, MADE, KeyVersion::V4))
}

pub(crate) fn subkey(kind: &KeyType, seed: u64, made: u32) -> Sub {
    let (inner, secret) = inner(kind, seed, made, KeyVersion::V4);
    let public = PublicSubkey::from_inner(inner).unwrap();
    Sub { secret: SecretSubkey::new(public.clone(), secret).unwrap(), public }
}

pub(crate) fn created(at: u32) -> SubpacketData {
    SubpacketData::SignatureCreationTime(Timestamp::from_secs(at))
}

pub(crate) fn lasts(seconds: u32) -> SubpacketData {
    SubpacketData::SignatureExpirationTime(Duration::from_secs(seconds))
}

pub(crate) fn key_lasts(seconds: u32) -> SubpacketData {
    SubpacketData::KeyExpirationTime(Duration::from_secs(seconds))
}

pub(crate) fn flags(certify: bool, sign: bool) -> SubpacketData {
    let mut flags = KeyFlags::default();
    flags.set_certify(certify);
    flags.set_sign(sign);
    SubpacketData::KeyFlags(flags)
}

pub(crate) fn revoker(of: &Owner) -> SubpacketData {
    let key = RevocationKey::new(pgp::types::RevocationKeyClass::Default, of.public.algorithm(), of.public.fingerprint().as_bytes());
    SubpacketData::RevocationKey(key)
}

/// A signature to be, by a key: its type, hash and signed subpackets.
pub(crate) struct Draft {
    pub(crate) config: SignatureConfig,
}

impl Draft {
    pub(crate) fn new(kind: SignatureType, by: &impl KeyDetails, signed: Vec<SubpacketData>) -> Self {
        let mut config = match by.version() {
            KeyVersion::V6 => SignatureConfig::v6(StdRng::seed_from_u64(7), kind, by.algorithm(), HashAlgorithm::Sha512).unwrap(),
            _ => SignatureConfig::v4(kind, by.algorithm(), HashAlgorithm::Sha256),
        };
        config.hashed_subpackets = signed.into_iter().map(|data| Subpacket::regular(data).unwrap()).collect();
        config.hashed_subpackets.push(Subpacket::regular(SubpacketData::IssuerFingerprint(by.fingerprint())).unwrap());
        Self { config }
    }

    pub(crate) fn hash(mut self, hash: HashAlgorithm) -> Self {
        self.config.hash_alg = hash;
        self
    }

    pub(crate) fn critical(mut self, data: SubpacketData) -> Self {
        self.config.hashed_subpackets.push(Subpacket::critical(data).unwrap());
        self
    }

    pub(crate) fn unsigned(mut self, data: SubpacketData) -> Self {
        self.config.unhashed_subpackets.push(Subpacket::regular(data).unwrap());
        self
    }

    pub(crate) fn over(self, by: &impl SigningKey, content: &[u8]) -> Signature {
        let mut hasher = self.config.hash_alg.new_hasher().unwrap();
        if let pgp::packet::SignatureVersionSpecific::V6 { salt } = &self.config.version_specific {
            hasher.update(salt);
        }
        let as_document = SignatureConfig { typ: SignatureType::Binary, ..self.config.clone() };
        as_document.hash_data_to_sign(&mut hasher, content).unwrap();
        let length = self.config.hash_signature_data(&mut hasher).unwrap();
        hasher.update(&self.config.trailer(length).unwrap());
        let digest = hasher.finalize();
        let signature = by.sign(&Password::empty(), self.config.hash_alg, &digest).unwrap();
        Signature::from_config(self.config, [digest[0], digest[1]], signature).unwrap()
    }

    pub(crate) fn over_name(self, by: &Owner, name: &UserId) -> Signature {
        self.config.sign_certification(&by.secret, &by.public, &Password::empty(), Tag::UserId, name).unwrap()
    }

    pub(crate) fn over_key(self, by: &Owner, key: &PublicKey) -> Signature {
        self.config.sign_key(&by.secret, &Password::empty(), key).unwrap()
    }

    pub(crate) fn over_subkey(self, by: &Owner, sub: &PublicSubkey) -> Signature {
        self.config.sign_subkey_binding(&by.secret, &by.public, &Password::empty(), sub).unwrap()
    }

    pub(crate) fn back(self, by: &Sub, primary: &PublicKey) -> Signature {
        self.config.sign_primary_key_binding(&by.secret, &by.public, &Password::empty(), primary).unwrap()
    }
}

pub(crate) fn name() -> UserId {
    UserId::from_str(PacketHeaderVersion::New, "Alice <alice@example.test>").unwrap()
}

/// A key file, packet by packet.
#[derive(Clone, Default)]
pub(crate) struct File(pub(crate) Vec<u8>);

impl File {
    pub(crate) fn of(owner: &Owner) -> Self {
        Self::default().with(6, &owner.public)
    }

    pub(crate) fn with(mut self, tag: u8, packet: &impl Serialize) -> Self {
        let mut body = Vec::new();
        packet.to_writer(&mut body).unwrap();
        self.0.extend(packet_of(tag, &body));
        self
    }

    pub(crate) fn signature(self, signature: &Signature) -> Self {
        self.with(2, signature)
    }

    pub(crate) fn name(self) -> Self {
        self.with(13, &name())
    }

    pub(crate) fn subkey(self, sub: &Sub) -> Self {
        self.with(14, &sub.public)
    }

    /// With the self-signature of these subpackets over the usual name.
    pub(crate) fn certified(self, owner: &Owner, signed: Vec<SubpacketData>) -> Self {
        self.name().signature(&Draft::new(SignatureType::CertPositive, &owner.public, signed).over_name(owner, &name()))
    }

    /// With a subkey, bound and signing back.
    pub(crate) fn bound(self, owner: &Owner, sub: &Sub, mut signed: Vec<SubpacketData>) -> Self {
        signed.push(SubpacketData::EmbeddedSignature(Box::new(back(owner, sub))));
        self.subkey(sub).signature(&Draft::new(SignatureType::SubkeyBinding, &owner.public, signed).over_subkey(owner, &sub.public))
    }

    pub(crate) fn ring(&self) -> Result<KeyRing, KeyRingError> {
        KeyRing::parse(&self.0, &CryptoSet::rustcrypto())
    }
}

pub(crate) fn back(owner: &Owner, sub: &Sub) -> Signature {
    Draft::new(SignatureType::KeyBinding, &sub.public, vec![created(MADE)]).back(sub, &owner.public)
}

/// The file of an owner with nothing special.
pub(crate) fn file_of(owner: &Owner) -> File {
    File::of(owner).certified(owner, vec![created(MADE), flags(true, true)])
}

/// A packet with a length of five bytes.
pub(crate) fn packet_of(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0 | tag, 0xff][..], &length, body].concat()
}

pub(crate) fn literal(content: &[u8]) -> Vec<u8> {
    packet_of(11, &[&[b'b', 0, 0, 0, 0, 0][..], content].concat())
}

pub(crate) fn written(tag: u8, packet: &impl Serialize) -> Vec<u8> {
    File::default().with(tag, packet).0
}

/// A message as signers write it: announcement, content, signature.
pub(crate) fn message(signature: &Signature, content: &[u8]) -> Vec<u8> {
    [announcement(signature), literal(content), written(2, signature)].concat()
}

pub(crate) fn announcement(signature: &Signature) -> Vec<u8> {
    let config = signature.config().unwrap();
    let announcement = match &config.version_specific {
        pgp::packet::SignatureVersionSpecific::V6 { salt } => {
            OnePassSignature::v6(config.typ, config.hash_alg, config.pub_alg, salt.clone(), [0; 32])
        }
        _ => OnePassSignature::v3(config.typ, config.hash_alg, config.pub_alg, [0; 8].into()),
    };
    written(4, &announcement)
}

/// A signature over content, with nothing special.
pub(crate) fn signature(by: &Owner, content: &[u8]) -> Signature {
    Draft::new(SignatureType::Binary, &by.public, vec![created(SIGNED)]).over(&by.secret, content)
}

pub(crate) fn signed_message(by: &Owner, content: &[u8]) -> Vec<u8> {
    message(&signature(by, content), content)
}

/// Compressed without compression: raw DEFLATE in stored blocks (RFC 1951, section 3.2.4), in a packet without a length.
pub(crate) fn zipped(content: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xa3, 1];
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        packet.push(u8::from(blocks.peek().is_none()));
        packet.extend(length.to_le_bytes());
        packet.extend((!length).to_le_bytes());
        packet.extend(block);
    }
    packet
}

pub(crate) fn payload(digest: &Digest, reference: &str) -> Vec<u8> {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"{reference}"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"atomic container signature"}},"optional":{{"creator":"suite","timestamp":1}}}}"#
    )
    .into_bytes()
}

/// What both crypto sets say about a message under a key file.
pub(crate) fn verify(file: &File, message: &[u8], now: i64) -> Result<Signed, Code> {
    let now = verimage_core::Timestamp::from_second(now).unwrap();
    let [one, other] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| {
        let ring = KeyRing::parse(&file.0, &crypto).expect("a key file");
        ring.verify(message, now).map_err(|failure| (failure.code, failure.detail))
    });
    assert_eq!(one, other);
    one.map_err(|(code, _)| code)
}
