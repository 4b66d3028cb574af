//! The time stamp authority: RFC 3161 tokens, in CMS (RFC 5652), each part replaceable.

use super::certificate::{Authority, Body, Extension, purpose, usage};
use super::der::{certificate_time, generalized_time, integer, name, octets, oid, sequence, set, tlv};
use super::key::{Hash, Key};
use super::{AUTHORITY_YEARS, SIGNED};

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";

/// An authority that stamps.
#[derive(Clone, Debug)]
pub struct TimestampAuthority {
    /// Where it is served.
    pub uri: String,
    /// Who certified its signer.
    pub issuer: Authority,
    /// The key that signs tokens.
    pub key: Key,
    /// The signer's common name.
    pub common_name: String,
    /// What the signer's certificate is for.
    pub purposes: Vec<&'static str>,
    /// Whether the purposes are critical, as they must be.
    pub purposes_critical: bool,
    /// Whether the signer's certificate calls it an authority.
    pub is_authority: bool,
    /// The first second in which the signer is valid.
    pub not_before: i64,
    /// The last second in which the signer is valid.
    pub not_after: i64,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct Token {
    /// The stamped time.
    pub time: i64,
    /// The hash of the imprint.
    pub hash: Hash,
    /// The imprint, if it is not that of the message.
    pub imprint: Option<Vec<u8>>,
    /// The hash of the signature over the token.
    pub digest: Option<Hash>,
    /// The certificates that come with it.
    pub certificates: Certificates,
    /// Whether the signer's certificate is named among the signed attributes.
    pub names_signer: bool,
    /// The time in the attribute for it.
    pub signing_time: Option<i64>,
    /// The policy.
    pub policy: &'static str,
    /// The number that a request asked for.
    pub nonce: Option<u64>,
    /// The status of the response: 0 is granted.
    pub status: u64,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            time: SIGNED,
            hash: Hash::Sha256,
            imprint: None,
            digest: None,
            certificates: Certificates::Signer,
            names_signer: true,
            signing_time: None,
            policy: "1.3.6.1.4.1.57264.2",
            nonce: Some(42),
            status: 0,
        }
    }
}

/// The certificates that come with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// None.
    Nothing,
    /// The signer's.
    Signer,
    /// The signer's and those above.
    Chain,
    /// Any.
    These(Vec<Vec<u8>>),
}

impl TimestampAuthority {
    /// An authority below this root, with an intermediate of its own.
    pub fn new(uri: &str, root: &Authority, key: Key) -> Self {
        let intermediate = root.below(&format!("{uri} intermediate"), Key::p256(&format!("{uri} intermediate")));
        Self {
            uri: uri.to_owned(),
            issuer: Authority { purposes: Some(vec![purpose::TIME_STAMPING]), ..intermediate },
            key,
            common_name: format!("{uri} signer"),
            purposes: vec![purpose::TIME_STAMPING],
            purposes_critical: true,
            is_authority: false,
            not_before: AUTHORITY_YEARS.0,
            not_after: AUTHORITY_YEARS.1,
        }
    }

    /// The certificate of the signer.
    pub fn certificate(&self) -> Vec<u8> {
        let purposes = Extension { critical: self.purposes_critical, ..Extension::purposes(&self.purposes) };
        let mut extensions = vec![Extension::key_usage(usage::DIGITAL_SIGNATURE), purposes];
        if self.is_authority {
            extensions.push(Extension::basic_constraints(true, None));
        }
        extensions.extend([Extension::new("2.5.29.14", octets(&self.key.id()[..20])), self.issuer.names_its_key()]);
        self.issuer.issue(&Body {
            serial: 1001,
            issuer: Vec::new(),
            algorithm: Vec::new(),
            not_before: self.not_before,
            not_after: self.not_after,
            subject: name(&self.common_name),
            spki: self.key.spki(),
            extensions,
        })
    }

    /// The certificate of the signer and those above.
    pub fn chain(&self) -> Vec<Vec<u8>> {
        [vec![self.certificate()], self.issuer.chain()].concat()
    }

    /// The response with a token over this message.
    pub fn stamp(&self, message: &[u8], token: &Token) -> Vec<u8> {
        let status = sequence(&[&integer(token.status)]);
        let content = sequence(&[&oid(SIGNED_DATA), &tlv(0xa0, &[&self.signed_data(message, token)])]);
        sequence(&[&status, &content])
    }

    fn signed_data(&self, message: &[u8], token: &Token) -> Vec<u8> {
        let digest = token.digest.unwrap_or(self.key.hash());
        let certificates = match &token.certificates {
            Certificates::Nothing => Vec::new(),
            Certificates::Signer => vec![self.certificate()],
            Certificates::Chain => self.chain(),
            Certificates::These(certificates) => certificates.clone(),
        };
        let bag = if certificates.is_empty() { Vec::new() } else { tlv(0xa0, &[&certificates.concat()]) };
        let info = info(message, token);
        let encapsulated = sequence(&[&oid(TST_INFO), &tlv(0xa0, &[&octets(&info)])]);
        let signer = self.signer_info(&info, token, digest);
        sequence(&[&integer(3), &set(&[algorithm(digest)]), &encapsulated, &bag, &set(&[signer])])
    }

    fn signer_info(&self, info: &[u8], token: &Token, digest: Hash) -> Vec<u8> {
        let attribute = |id: &str, value: Vec<u8>| sequence(&[&oid(id), &set(&[value])]);
        let mut attributes = vec![attribute(CONTENT_TYPE, oid(TST_INFO)), attribute(MESSAGE_DIGEST, octets(&digest.of(info)))];
        if token.names_signer {
            let identifier = sequence(&[&octets(&Hash::Sha256.of(&self.certificate()))]);
            attributes.push(attribute(SIGNING_CERTIFICATE_V2, sequence(&[&sequence(&[&identifier])])));
        }
        attributes.extend(token.signing_time.map(|time| attribute(SIGNING_TIME, certificate_time(time))));
        let signed = set(&attributes);
        let signature = octets(&self.key.sign_with(digest, &signed));
        let implicit = [&[0xa0], &signed[1..]].concat();
        let signer = sequence(&[&name(&self.issuer.name), &integer(1001)]);
        sequence(&[&integer(1), &signer, &algorithm(digest), &implicit, &self.key.algorithm_with(digest), &signature])
    }
}

/// TSTInfo (RFC 3161, section 2.4.2).
fn info(message: &[u8], token: &Token) -> Vec<u8> {
    let imprint = token.imprint.clone().unwrap_or_else(|| token.hash.of(message));
    let imprint = sequence(&[&algorithm(token.hash), &octets(&imprint)]);
    let nonce = token.nonce.map(integer).unwrap_or_default();
    let time = generalized_time(token.time);
    sequence(&[&integer(1), &oid(token.policy), &imprint, &integer(7), &time, &sequence(&[&integer(1)]), &nonce])
}

fn algorithm(hash: Hash) -> Vec<u8> {
    sequence(&[&oid(hash.oid())])
}

/// A certificate that carries the name and number of the signer, and another key (GHSA-xm5m-wgh2-rrg3).
pub fn decoy(authority: &TimestampAuthority, key: &Key) -> Vec<u8> {
    TimestampAuthority { key: key.clone(), ..authority.clone() }.certificate()
}

/// An authority that nobody vouches for, with the names and numbers of this one.
pub fn self_made(authority: &TimestampAuthority) -> TimestampAuthority {
    let issuer = Authority { key: Key::p256("self-made root"), issuer: None, ..authority.issuer.clone() };
    TimestampAuthority { issuer, key: Key::p256("self-made signer"), ..authority.clone() }
}
