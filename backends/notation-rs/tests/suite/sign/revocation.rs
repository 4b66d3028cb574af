//! Answers of responders, and revocation lists.

use super::{
    certificate::Draft,
    der::{bits, extension, octets, oid, sequence, tagged_list, time, tlv, unsigned},
    key::Key,
};

pub fn ocsp_access(urls: &[&str]) -> Vec<u8> {
    let entry = |url: &&str| sequence(&[&oid("1.3.6.1.5.5.7.48.1"), &tlv(0x86, &[url.as_bytes()])]);
    extension("1.3.6.1.5.5.7.1.1", false, &sequence(&[&urls.iter().flat_map(entry).collect::<Vec<_>>()]))
}

fn points(urls: &[&str]) -> Vec<u8> {
    let point = |url: &&str| sequence(&[&tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[url.as_bytes()])])])]);
    sequence(&[&urls.iter().flat_map(point).collect::<Vec<_>>()])
}

pub fn distribution_points(urls: &[&str]) -> Vec<u8> {
    extension("2.5.29.31", false, &points(urls))
}

pub fn freshest(urls: &[&str]) -> Vec<u8> {
    extension("2.5.29.46", false, &points(urls))
}

/// An answer to be written.
#[derive(Clone, Debug)]
pub struct OcspDraft {
    /// What was asked; the identifier is taken from there.
    pub request: Vec<u8>,
    /// `CertStatus`.
    pub status: Vec<u8>,
    pub this_update: &'static str,
    pub next_update: Option<&'static str>,
    pub responder: Vec<u8>,
    pub signer: Key,
    pub certificates: Vec<Vec<u8>>,
    pub single_extensions: Vec<Vec<u8>>,
    pub extensions: Vec<Vec<u8>>,
}

pub const GOOD: &[u8] = &[0x80, 0];
pub const UNKNOWN: &[u8] = &[0x82, 0];

pub fn revoked(reason: u8) -> Vec<u8> {
    tlv(0xa1, &[&time("20250101000000Z"), &tlv(0xa0, &[&[0x0a, 1, reason]])])
}

pub fn invalidity_date(text: &str) -> Vec<u8> {
    extension("2.5.29.24", false, &time(text))
}

impl OcspDraft {
    /// Signed by the issuer itself.
    pub fn new(request: &[u8], issuer: &Draft) -> Self {
        Self {
            request: request.to_vec(),
            status: GOOD.to_vec(),
            this_update: "20250531000000Z",
            next_update: Some("20250701000000Z"),
            responder: tlv(0xa1, &[&issuer.subject]),
            signer: issuer.key,
            certificates: Vec::new(),
            single_extensions: Vec::new(),
            extensions: Vec::new(),
        }
    }

    pub fn der(&self) -> Vec<u8> {
        // The identifier is inside four sequences.
        let id = (0..4).fold(self.request.as_slice(), |der, _| {
            let header = if der[1] & 0x80 == 0 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
            &der[header..]
        });
        let next = self.next_update.map(|text| tlv(0xa0, &[&time(text)])).unwrap_or_default();
        let single_extensions = tagged_list(0xa1, &self.single_extensions);
        let single = sequence(&[id, &self.status, &time(self.this_update), &next, &single_extensions]);
        let produced = time("20250531000000Z");
        let extensions = tagged_list(0xa1, &self.extensions);
        let data = sequence(&[&self.responder, &produced, &sequence(&[&single]), &extensions]);
        let (algorithm, signature) = self.signer.certify(&data);
        let certificates = tagged_list(0xa0, &self.certificates);
        let basic = sequence(&[&data, &algorithm, &bits(&signature), &certificates]);
        let bytes = sequence(&[&oid("1.3.6.1.5.5.7.48.1.1"), &octets(&basic)]);
        sequence(&[&[0x0a, 1, 0], &tlv(0xa0, &[&bytes])])
    }
}

/// A revocation list to be written.
#[derive(Clone, Debug)]
pub struct ListDraft {
    pub issuer: Vec<u8>,
    pub signer: Key,
    pub this_update: &'static str,
    pub next_update: Option<&'static str>,
    /// Serial number, time, and extensions of the entry.
    pub entries: Vec<(u8, &'static str, Vec<Vec<u8>>)>,
    pub extensions: Vec<Vec<u8>>,
    /// The algorithm that is written, if not that of the signer.
    pub algorithm: Option<Vec<u8>>,
}

pub fn reason(number: u8) -> Vec<u8> {
    extension("2.5.29.21", false, &[0x0a, 1, number])
}

pub fn list_number(number: u8) -> Vec<u8> {
    extension("2.5.29.20", false, &unsigned(&[number]))
}

pub fn delta_of(number: u8) -> Vec<u8> {
    extension("2.5.29.27", true, &unsigned(&[number]))
}

impl ListDraft {
    pub fn new(issuer: &Draft) -> Self {
        Self {
            issuer: issuer.subject.clone(),
            signer: issuer.key,
            this_update: "20250531000000Z",
            next_update: Some("20250701000000Z"),
            entries: Vec::new(),
            extensions: Vec::new(),
            algorithm: None,
        }
    }

    pub fn revoke(mut self, serial: u8, time: &'static str, extensions: Vec<Vec<u8>>) -> Self {
        self.entries.push((serial, time, extensions));
        self
    }

    pub fn with(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub fn der(&self) -> Vec<u8> {
        let list = |items: &[Vec<u8>]| if items.is_empty() { Vec::new() } else { sequence(&[&items.concat()]) };
        let entry = |(serial, when, extensions): &(u8, &'static str, Vec<Vec<u8>>)| {
            sequence(&[&unsigned(&[*serial]), &time(when), &list(extensions)])
        };
        let entries = list(&self.entries.iter().map(entry).collect::<Vec<_>>());
        let next = self.next_update.map(time).unwrap_or_default();
        let algorithm = self.algorithm.clone().unwrap_or_else(|| self.signer.certify(b"").0);
        let extensions = tagged_list(0xa0, &self.extensions);
        let body = [&unsigned(&[1]), &algorithm, &self.issuer, &time(self.this_update), &next, &entries, &extensions];
        let body = sequence(&body.map(Vec::as_slice));
        let (_, signature) = self.signer.certify(&body);
        sequence(&[&body, &algorithm, &bits(&signature)])
    }
}
