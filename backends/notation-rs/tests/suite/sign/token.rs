//! Timestamp tokens.

use sha2::{Digest as _, Sha256};

use super::{
    certificate::{INTERMEDIATE, Pki, name},
    der::{SHA256, octets, oid, sequence, time, tlv, unsigned},
    key::Key,
};

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
pub const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
pub const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
pub const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
pub const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
pub const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.47";

/// Signed attributes: identifiers and values.
pub type Attributes = Vec<(&'static str, Vec<Vec<u8>>)>;

/// A token to be written.
#[derive(Clone, Debug)]
pub struct Token {
    pub message: Vec<u8>,
    pub time: &'static str,
    /// In seconds.
    pub accuracy: Option<u8>,
    pub policy: &'static str,
    pub pki: Pki,
    pub names_certificate: bool,
    pub version: u8,
    /// Of `SignedData`.
    pub data_version: u8,
    /// The digest algorithm that is written.
    pub digest: Vec<u8>,
    /// The signature algorithm that is written, if not that of the signer.
    pub algorithm: Option<Vec<u8>>,
}

pub const STAMPER: Key = Key::P256("stamper");

impl Token {
    pub fn new(message: &[u8]) -> Self {
        Self {
            message: message.to_vec(),
            time: "20250601000000Z",
            accuracy: None,
            policy: "1.2.3.4",
            pki: Pki::stamping(STAMPER),
            names_certificate: true,
            version: 1,
            data_version: 3,
            digest: SHA256.to_vec(),
            algorithm: None,
        }
    }

    fn info(&self) -> Vec<u8> {
        let imprint = sequence(&[SHA256, &octets(&Sha256::digest(&self.message))]);
        let accuracy = self.accuracy.map(|seconds| sequence(&[&unsigned(&[seconds])])).unwrap_or_default();
        sequence(&[&unsigned(&[self.version]), &oid(self.policy), &imprint, &unsigned(&[7]), &time(self.time), &accuracy])
    }

    pub fn der(&self) -> Vec<u8> {
        self.with_signers(&[self.signer(&self.attributes())])
    }

    /// The attributes that a good signer signs.
    pub fn attributes(&self) -> Attributes {
        let leaf = self.pki.leaf.der(INTERMEDIATE);
        let certificate_id = sequence(&[&sequence(&[&sequence(&[&octets(&Sha256::digest(leaf))])])]);
        let mut attributes = vec![(CONTENT_TYPE, vec![oid(TST_INFO)]), (MESSAGE_DIGEST, vec![octets(&Sha256::digest(self.info()))])];
        if self.names_certificate {
            attributes.push((SIGNING_CERTIFICATE, vec![certificate_id]));
        }
        attributes
    }

    /// A `SignerInfo` whose signature over these attributes is right.
    pub fn signer(&self, attributes: &Attributes) -> Vec<u8> {
        let attribute = |(id, values): &(&str, Vec<Vec<u8>>)| sequence(&[&oid(id), &tlv(0x31, &[&values.concat()])]);
        let attributes: Vec<u8> = attributes.iter().flat_map(attribute).collect();
        let (algorithm, signature) = self.pki.leaf.key.certify(&tlv(0x31, &[&attributes]));
        let algorithm = self.algorithm.clone().unwrap_or(algorithm);
        let signer = sequence(&[&name("intermediate"), &unsigned(&[1])]);
        sequence(&[&unsigned(&[1]), &signer, &self.digest, &tlv(0xa0, &[&attributes]), &algorithm, &octets(&signature)])
    }

    pub fn with_signers(&self, signers: &[Vec<u8>]) -> Vec<u8> {
        let chain = self.pki.chain();
        let content = sequence(&[&oid(TST_INFO), &tlv(0xa0, &[&octets(&self.info())])]);
        let certificates = tlv(0xa0, &[&chain[0], &chain[1]]);
        let (version, digests) = (unsigned(&[self.data_version]), tlv(0x31, &[&self.digest]));
        let data = sequence(&[&version, &digests, &content, &certificates, &tlv(0x31, &[&signers.concat()])]);
        sequence(&[&oid(SIGNED_DATA), &tlv(0xa0, &[&data])])
    }

    /// The same with an open length around it, and the information in two pieces.
    pub fn ber(&self) -> Vec<u8> {
        let (der, info) = (self.der(), self.info());
        let (first, second) = info.split_at(info.len() / 2);
        let whole = octets(&info);
        let at = der.windows(whole.len()).position(|window| window == whole).unwrap();
        let pieces = [&[0x24, 0x80][..], &octets(first), &octets(second), &[0, 0]].concat();
        // Every length around the pieces is left open.
        let open = |bytes: &[u8]| [&bytes[..1], &[0x80]].concat();
        let mut out = Vec::new();
        let (mut position, mut depth) = (0, 0);
        while position < at {
            let header = header_length(&der[position..]);
            let end = position + header + length(&der[position..]);
            if end > at {
                out.extend(open(&der[position..]));
                position += header;
                depth += 1;
            } else {
                out.extend_from_slice(&der[position..end]);
                position = end;
            }
        }
        out.extend(pieces);
        position += whole.len();
        // What encloses the content ends where the content does; what encloses that goes on.
        out.extend([0, 0].repeat(2));
        depth -= 2;
        out.extend_from_slice(&der[position..]);
        out.extend([0, 0].repeat(depth));
        out
    }
}

fn header_length(der: &[u8]) -> usize {
    if der[1] & 0x80 == 0 { 2 } else { 2 + usize::from(der[1] & 0x7f) }
}

fn length(der: &[u8]) -> usize {
    match header_length(der) {
        2 => der[1].into(),
        longer => der[2..longer].iter().fold(0, |value, byte| value << 8 | usize::from(*byte)),
    }
}
