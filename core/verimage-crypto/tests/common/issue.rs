//! Certificates written byte by byte, so that wrong ones can be written too, with P-256 keys made from names.

use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use sha2::{Digest, Sha256};
use verimage_crypto::x509::{Certificate, CertificateError, ObjectIdentifier, RevocationList};

pub(crate) const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
pub(crate) const ECDSA_SHA384: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];

pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = body.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let head = if body.len() < 0x80 { vec![tag, length[0]] } else { [&[tag, 0x80 | length.len() as u8], length].concat() };
    [head, body].concat()
}

pub(crate) fn oid(text: &str) -> Vec<u8> {
    tlv(6, &[text.parse::<ObjectIdentifier>().expect("an identifier").as_bytes()])
}

/// A name with one common name in UTF-8; none if the text is empty.
pub(crate) fn name(text: &str) -> Vec<u8> {
    if text.is_empty() { tlv(0x30, &[]) } else { tlv(0x30, &[&rdn("2.5.4.3", 0x0c, text)]) }
}

pub(crate) fn rdn(kind: &str, tag: u8, text: &str) -> Vec<u8> {
    tlv(0x31, &[&tlv(0x30, &[&oid(kind), &tlv(tag, &[text.as_bytes()])])])
}

pub(crate) fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[&oid(id), critical, &tlv(4, &[value])])
}

pub(crate) fn basic_constraints(path_length: Option<u8>) -> Vec<u8> {
    let length = path_length.map(|length| tlv(2, &[&[length]])).unwrap_or_default();
    extension("2.5.29.19", true, &tlv(0x30, &[&[1, 1, 0xff], &length]))
}

/// The first byte of the bits, as DER writes it: keyCertSign is 4, digitalSignature 0x80.
pub(crate) fn key_usage(bits: u8) -> Vec<u8> {
    extension("2.5.29.15", true, &tlv(3, &[&[bits.trailing_zeros() as u8, bits]]))
}

pub(crate) fn purposes(list: &[&str]) -> Vec<u8> {
    extension("2.5.29.37", false, &tlv(0x30, &[&list.iter().flat_map(|id| oid(id)).collect::<Vec<_>>()]))
}

/// A certificate to be written. The key is the one that its name, or another, gives.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) version: u8,
    pub(crate) serial: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) key: String,
    pub(crate) issuer: Vec<u8>,
    pub(crate) signed_with: String,
    pub(crate) validity: (&'static str, &'static str),
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) inner_algorithm: &'static [u8],
    pub(crate) outer_algorithm: &'static [u8],
}

impl Draft {
    /// Subject and issuer are both names and keys.
    pub(crate) fn new(subject: &str, issuer: &str) -> Self {
        Self {
            version: 2,
            serial: vec![1],
            subject: name(subject),
            key: subject.to_owned(),
            issuer: name(issuer),
            signed_with: issuer.to_owned(),
            validity: ("20200101000000Z", "20300101000000Z"),
            extensions: Vec::new(),
            inner_algorithm: ECDSA_SHA256,
            outer_algorithm: ECDSA_SHA256,
        }
    }

    pub(crate) fn authority(subject: &str, issuer: &str) -> Self {
        Self::new(subject, issuer).with(basic_constraints(None)).with(key_usage(4))
    }

    pub(crate) fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let version = if self.version == 0 { Vec::new() } else { tlv(0xa0, &[&tlv(2, &[&[self.version]])]) };
        let validity = tlv(0x30, &[&tlv(0x18, &[self.validity.0.as_bytes()]), &tlv(0x18, &[self.validity.1.as_bytes()])]);
        let extensions = if self.extensions.is_empty() { Vec::new() } else { tlv(0xa3, &[&tlv(0x30, &[&self.extensions.concat()])]) };
        let serial = tlv(2, &[&self.serial]);
        let spki = spki(&self.key);
        let body = tlv(0x30, &[&version, &serial, self.inner_algorithm, &self.issuer, &validity, &self.subject, &spki, &extensions]);
        let signature: Signature = key(&self.signed_with).sign(&body);
        tlv(0x30, &[&body, self.outer_algorithm, &tlv(3, &[&[0], signature.to_der().as_bytes()])])
    }

    pub(crate) fn read(&self) -> Result<Certificate, CertificateError> {
        Certificate::from_der(&self.der())
    }

    #[track_caller]
    pub(crate) fn issue(&self) -> Certificate {
        self.read().expect("a good certificate")
    }
}

/// A revocation list to be written.
#[derive(Clone)]
pub(crate) struct ListDraft {
    pub(crate) issuer: Vec<u8>,
    pub(crate) signed_with: String,
    pub(crate) updates: (&'static str, Option<&'static str>),
    /// Serial number, and extensions of the entry.
    pub(crate) entries: Vec<(u8, Vec<Vec<u8>>)>,
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl ListDraft {
    pub(crate) fn new(issuer: &str) -> Self {
        Self {
            issuer: name(issuer),
            signed_with: issuer.to_owned(),
            updates: ("20241201000000Z", Some("20250201000000Z")),
            entries: Vec::new(),
            extensions: Vec::new(),
        }
    }

    pub(crate) fn revoke(mut self, serial: u8, extensions: Vec<Vec<u8>>) -> Self {
        self.entries.push((serial, extensions));
        self
    }

    pub(crate) fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    #[track_caller]
    pub(crate) fn issue(&self) -> RevocationList {
        let time = |text: &str| tlv(0x18, &[text.as_bytes()]);
        let optional = |tag: u8, list: &[u8]| if list.is_empty() { Vec::new() } else { tlv(tag, &[list]) };
        let entry = |(serial, extensions): &(u8, Vec<Vec<u8>>)| {
            tlv(0x30, &[&tlv(2, &[&[*serial]]), &time("20241115000000Z"), &optional(0x30, &extensions.concat())])
        };
        let entries = optional(0x30, &self.entries.iter().flat_map(entry).collect::<Vec<_>>());
        let next = self.updates.1.map(time).unwrap_or_default();
        let extensions = if self.extensions.is_empty() { Vec::new() } else { tlv(0xa0, &[&tlv(0x30, &[&self.extensions.concat()])]) };
        let body = tlv(0x30, &[&[2, 1, 1], ECDSA_SHA256, &self.issuer, &time(self.updates.0), &next, &entries, &extensions]);
        let signature: Signature = key(&self.signed_with).sign(&body);
        let der = tlv(0x30, &[&body, ECDSA_SHA256, &tlv(3, &[&[0], signature.to_der().as_bytes()])]);
        RevocationList::from_der(&der).expect("a good list")
    }
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_slice(&Sha256::digest(name)).expect("a scalar")
}

fn spki(name: &str) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&oid("1.2.840.10045.2.1"), &oid("1.2.840.10045.3.1.7")]);
    tlv(0x30, &[&algorithm, &tlv(3, &[&[0], key(name).verifying_key().to_sec1_point(false).as_bytes()])])
}
