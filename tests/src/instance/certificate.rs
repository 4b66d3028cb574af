//! Certificates of every shape, and the authorities that issue them.

use super::der::{bits, certificate_time, integer, name, octets, oid, sequence, tag, tlv};
use super::key::{Key, pem};

/// Purposes of keys (RFC 5280, section 4.2.1.12).
pub mod purpose {
    /// For code.
    pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
    /// For time stamps.
    pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
    /// For servers.
    pub const SERVER_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.1";
    /// For anything.
    pub const ANY: &str = "2.5.29.37.0";
}

/// Key usages, as the first byte of the bits (RFC 5280, section 4.2.1.3).
pub mod usage {
    /// Signatures over documents.
    pub const DIGITAL_SIGNATURE: u8 = 0x80;
    /// Agreement on keys.
    pub const KEY_AGREEMENT: u8 = 0x08;
    /// Signatures over certificates and revocation lists.
    pub const AUTHORITY: u8 = 0x06;
}

/// An extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its identifier.
    pub id: String,
    /// Whether readers that do not know it must refuse.
    pub critical: bool,
    /// What it holds, in DER.
    pub value: Vec<u8>,
}

impl Extension {
    /// An extension that may be passed over.
    pub fn new(id: &str, value: Vec<u8>) -> Self {
        Self { id: id.to_owned(), critical: false, value }
    }

    /// An extension that must be understood.
    pub fn critical(id: &str, value: Vec<u8>) -> Self {
        Self { critical: true, ..Self::new(id, value) }
    }

    /// Whether the key is one of an authority, and how many authorities may follow.
    pub fn basic_constraints(authority: bool, path_length: Option<u8>) -> Self {
        let flag: &[u8] = if authority { &[tag::BOOLEAN, 1, 0xff] } else { &[] };
        let length = path_length.map(|length| integer(u64::from(length))).unwrap_or_default();
        Self::critical("2.5.29.19", sequence(&[flag, &length]))
    }

    /// What the key may do.
    pub fn key_usage(usage: u8) -> Self {
        Self::critical("2.5.29.15", tlv(tag::BIT_STRING, &[&[usage.trailing_zeros().min(7) as u8], &[usage]]))
    }

    /// What the key is for.
    pub fn purposes(list: &[&str]) -> Self {
        Self::new("2.5.29.37", sequence(&[&list.iter().flat_map(|id| oid(id)).collect::<Vec<_>>()]))
    }

    fn der(&self) -> Vec<u8> {
        let critical: &[u8] = if self.critical { &[tag::BOOLEAN, 1, 0xff] } else { &[] };
        sequence(&[&oid(&self.id), critical, &octets(&self.value)])
    }
}

/// A certificate to be signed.
#[derive(Clone, Debug)]
pub struct Body {
    /// The serial number, positive.
    pub serial: u64,
    /// The issuer's name.
    pub issuer: Vec<u8>,
    /// The algorithm that will sign.
    pub algorithm: Vec<u8>,
    /// The first second in which it is valid.
    pub not_before: i64,
    /// The last second in which it is valid.
    pub not_after: i64,
    /// The subject's name.
    pub subject: Vec<u8>,
    /// The key that is certified.
    pub spki: Vec<u8>,
    /// In the order in which they are written.
    pub extensions: Vec<Extension>,
}

impl Body {
    /// The bytes that are signed.
    pub fn der(&self) -> Vec<u8> {
        let validity = sequence(&[&certificate_time(self.not_before), &certificate_time(self.not_after)]);
        let extensions: Vec<u8> = self.extensions.iter().flat_map(Extension::der).collect();
        let extensions = if extensions.is_empty() { Vec::new() } else { tlv(0xa3, &[&sequence(&[&extensions])]) };
        let version = tlv(0xa0, &[&integer(2)]);
        let serial = integer(self.serial);
        sequence(&[&version, &serial, &self.algorithm, &self.issuer, &validity, &self.subject, &self.spki, &extensions])
    }

    /// The certificate.
    pub fn sign(&self, key: &Key) -> Vec<u8> {
        let body = self.der();
        sequence(&[&body, &self.algorithm, &bits(&key.sign(&body))])
    }
}

/// A certification authority. Its certificate is the same each time that it is written.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Its common name.
    pub name: String,
    /// Its serial number.
    pub serial: u64,
    /// Its key.
    pub key: Key,
    /// The first second in which it is valid.
    pub not_before: i64,
    /// The last second in which it is valid.
    pub not_after: i64,
    /// What it may certify for; anything, if nothing is said.
    pub purposes: Option<Vec<&'static str>>,
    /// Whether its certificate calls it an authority.
    pub is_authority: bool,
    /// What its key may do.
    pub usage: u8,
    /// Who certified it; itself, if nobody.
    pub issuer: Option<Box<Authority>>,
}

impl Authority {
    /// A root.
    pub fn root(name: &str, key: Key, (not_before, not_after): (i64, i64)) -> Self {
        let (name, usage) = (name.to_owned(), usage::AUTHORITY);
        Self { name, serial: 1, key, not_before, not_after, purposes: None, is_authority: true, usage, issuer: None }
    }

    /// An authority below this one, valid as long.
    pub fn below(&self, name: &str, key: Key) -> Self {
        let (name, issuer) = (name.to_owned(), Some(Box::new(self.clone())));
        Self { name, serial: 2, key, purposes: None, is_authority: true, usage: usage::AUTHORITY, issuer, ..self.clone() }
    }

    /// Its certificate.
    pub fn certificate(&self) -> Vec<u8> {
        let issuer = self.issuer.as_deref().unwrap_or(self);
        let mut extensions = vec![Extension::key_usage(self.usage), Extension::basic_constraints(self.is_authority, None)];
        extensions.extend(self.purposes.as_deref().map(Extension::purposes));
        extensions.extend(self.key_identifiers());
        issuer.issue(&Body {
            serial: self.serial,
            issuer: Vec::new(),
            algorithm: Vec::new(),
            not_before: self.not_before,
            not_after: self.not_after,
            subject: name(&self.name),
            spki: self.key.spki(),
            extensions,
        })
    }

    /// Names of the keys, without which some readers find no path.
    fn key_identifiers(&self) -> Vec<Extension> {
        let subject = Extension::new("2.5.29.14", octets(&self.key.id()[..20]));
        self.issuer.iter().map(|issuer| issuer.names_its_key()).chain([subject]).collect()
    }

    /// The extension by which a certificate names the key of its issuer.
    pub fn names_its_key(&self) -> Extension {
        Extension::new("2.5.29.35", sequence(&[&tlv(0x80, &[&self.key.id()[..20]])]))
    }

    /// Its certificate and those above, up to the root.
    pub fn chain(&self) -> Vec<Vec<u8>> {
        let above = self.issuer.as_ref().map(|issuer| issuer.chain()).unwrap_or_default();
        [vec![self.certificate()], above].concat()
    }

    /// Its certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate())
    }

    /// A certificate by this authority, whatever the body says about its issuer.
    pub fn issue(&self, body: &Body) -> Vec<u8> {
        Body { issuer: name(&self.name), algorithm: self.key.algorithm(), ..body.clone() }.sign(&self.key)
    }
}
