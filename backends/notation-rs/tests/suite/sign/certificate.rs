//! Certificates written byte by byte, so that wrong ones can be written too.

use verimage_crypto::x509::Certificate;

use super::{
    der::{bits, extension, oid, sequence, tagged_list, time, tlv, unsigned},
    key::Key,
};

pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub const KEY_USAGE: &str = "2.5.29.15";
pub const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// Bits of `keyUsage`, the first byte as DER writes it.
pub const DIGITAL_SIGNATURE: u8 = 0x80;
pub const CONTENT_COMMITMENT: u8 = 0x40;
pub const CERT_SIGN: u8 = 0x04;
pub const CRL_SIGN: u8 = 0x02;

/// A name of attributes, each in a part of its own: C, ST and O as trust policies want them, and a common name.
pub fn name(common: &str) -> Vec<u8> {
    let parts = [("2.5.4.6", "US"), ("2.5.4.8", "WA"), ("2.5.4.10", "Notary"), ("2.5.4.3", common)];
    sequence(&[&parts.iter().flat_map(|(kind, text)| part(&[(kind, 0x0c, text.as_bytes())])).collect::<Vec<_>>()])
}

/// One part of a name: attributes with their string types.
pub fn part(attributes: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let attribute = |(kind, tag, text): &(&str, u8, &[u8])| sequence(&[&oid(kind), &tlv(*tag, &[text])]);
    tlv(0x31, &[&attributes.iter().flat_map(attribute).collect::<Vec<_>>()])
}

pub fn key_usage(critical: bool, usage: u8) -> Vec<u8> {
    extension(KEY_USAGE, critical, &tlv(3, &[&[usage.trailing_zeros() as u8, usage]]))
}

pub fn basic_constraints(critical: bool, is_ca: bool, path_length: Option<u8>) -> Vec<u8> {
    let ca: &[u8] = if is_ca { &[1, 1, 0xff] } else { &[] };
    let length = path_length.map(|length| unsigned(&[length])).unwrap_or_default();
    extension(BASIC_CONSTRAINTS, critical, &sequence(&[ca, &length]))
}

pub fn purposes(critical: bool, list: &[&str]) -> Vec<u8> {
    extension(EXTENDED_KEY_USAGE, critical, &sequence(&[&list.iter().flat_map(|id| oid(id)).collect::<Vec<_>>()]))
}

/// A certificate to be written.
#[derive(Clone, Debug)]
pub struct Draft {
    pub version: u8,
    pub serial: Vec<u8>,
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    pub key: Key,
    pub validity: (&'static str, &'static str),
    pub extensions: Vec<Vec<u8>>,
    /// The algorithm that is written, if not that of the signer.
    pub algorithm: Option<Vec<u8>>,
}

impl Draft {
    pub fn new(subject: &str, issuer: &str, key: Key) -> Self {
        Self {
            version: 2,
            serial: vec![1],
            subject: name(subject),
            issuer: name(issuer),
            key,
            validity: ("20240101000000Z", "20300101000000Z"),
            extensions: Vec::new(),
            algorithm: None,
        }
    }

    pub fn leaf(issuer: &str, key: Key) -> Self {
        Self::new("leaf", issuer, key).with(basic_constraints(true, false, None)).with(key_usage(true, DIGITAL_SIGNATURE))
    }

    pub fn authority(subject: &str, issuer: &str, key: Key) -> Self {
        Self::new(subject, issuer, key).with(basic_constraints(true, true, None)).with(key_usage(true, CERT_SIGN | CRL_SIGN))
    }

    pub fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Puts an extension in the place of the one with the same identifier.
    pub fn replacing(mut self, id: &str, extension: Vec<u8>) -> Self {
        self = self.without(id);
        self.with(extension)
    }

    pub fn without(mut self, id: &str) -> Self {
        let id = oid(id);
        self.extensions.retain(|extension| !extension.windows(id.len()).any(|window| window == id));
        self
    }

    pub fn der(&self, signer: Key) -> Vec<u8> {
        let version = if self.version == 0 { Vec::new() } else { tlv(0xa0, &[&unsigned(&[self.version])]) };
        let validity = sequence(&[&time(self.validity.0), &time(self.validity.1)]);
        let algorithm = self.algorithm.clone().unwrap_or_else(|| signer.certify(b"").0);
        let serial = tlv(2, &[&self.serial]);
        let extensions = tagged_list(0xa3, &self.extensions);
        let body = [&version, &serial, &algorithm, &self.issuer, &validity, &self.subject, &self.key.spki(), &extensions];
        let body = sequence(&body.map(Vec::as_slice));
        let (_, signature) = signer.certify(&body);
        sequence(&[&body, &algorithm, &bits(&signature)])
    }

    #[track_caller]
    pub fn issue(&self, signer: Key) -> Certificate {
        Certificate::from_der(&self.der(signer)).unwrap()
    }
}

/// A chain of three to be spoilt: leaf, intermediate, root.
#[derive(Clone, Debug)]
pub struct Pki {
    pub leaf: Draft,
    pub intermediate: Draft,
    pub root: Draft,
}

pub const ROOT: Key = Key::P256("root");
pub const INTERMEDIATE: Key = Key::P384("intermediate");

impl Pki {
    pub fn new(key: Key) -> Self {
        Self {
            leaf: Draft::leaf("intermediate", key),
            intermediate: Draft::authority("intermediate", "root", INTERMEDIATE),
            root: Draft::authority("root", "root", ROOT),
        }
    }

    /// For timestamps.
    pub fn stamping(key: Key) -> Self {
        let mut pki = Self::new(key);
        pki.leaf = pki.leaf.with(purposes(true, &[TIME_STAMPING]));
        pki
    }

    /// Leaf first.
    pub fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.leaf.der(INTERMEDIATE), self.intermediate.der(ROOT), self.root.der(ROOT)]
    }

    pub fn certificates(&self) -> Vec<Certificate> {
        self.chain().iter().map(|der| Certificate::from_der(der).unwrap()).collect()
    }
}
