//! Signing certificates, as Fulcio issues them to whoever has an identity.

use super::certificate::{Authority, Body, Extension, purpose, usage};
use super::ct::{SctDraft, sct_list};
use super::der::{name, octets, oid, sequence, tag, tlv, utf8};
use super::key::Key;
use super::{ISSUED, LEAF_SECONDS};

/// Fulcio's arc of identifiers.
pub const FULCIO: &str = "1.3.6.1.4.1.57264.1";
/// The issuer of GitHub's workflow identities.
pub const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
/// The workflow to which [`Leaf::github`] is issued.
pub const GITHUB_SUBJECT: &str = "https://github.com/example/app/.github/workflows/release.yml@refs/heads/main";
/// The issuer of e-mail identities.
pub const EMAIL_ISSUER: &str = "https://accounts.example";
/// The person to whom [`Leaf::email`] is issued.
pub const EMAIL_SUBJECT: &str = "alice@example.com";

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// A person or a service account.
    Email(String),
    /// A workflow or a workload.
    Uri(String),
    /// A host.
    Dns(String),
    /// A user name, in Fulcio's own kind of name.
    UserName(String),
    /// Anything, in DER.
    Raw(Vec<u8>),
}

impl AlternativeName {
    fn der(&self) -> Vec<u8> {
        match self {
            Self::Email(text) => tlv(0x81, &[text.as_bytes()]),
            Self::Dns(text) => tlv(0x82, &[text.as_bytes()]),
            Self::Uri(text) => tlv(0x86, &[text.as_bytes()]),
            Self::UserName(text) => tlv(0xa0, &[&oid(&format!("{FULCIO}.7")), &tlv(0xa0, &[&utf8(text)])]),
            Self::Raw(der) => der.clone(),
        }
    }
}

/// A signing certificate to be issued. Each part can be left out.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The key that signs.
    pub key: Key,
    /// The serial number.
    pub serial: u64,
    /// A common name. Fulcio writes none.
    pub common_name: String,
    /// Whom it names. No extension is written if there are none.
    pub names: Vec<AlternativeName>,
    /// Whether the names must be understood, as they must where the subject is empty.
    pub names_critical: bool,
    /// Extension 1: the issuer as plain bytes.
    pub issuer_raw: Option<String>,
    /// Extension 8: the issuer in DER.
    pub issuer: Option<String>,
    /// More of Fulcio's extensions by number: plain bytes up to 6, DER above.
    pub claims: Vec<(u32, String)>,
    /// What the key is for.
    pub purposes: Option<Vec<&'static str>>,
    /// What the key may do.
    pub usage: Option<u8>,
    /// Whether basic constraints stand there, and say that it is an authority.
    pub is_authority: Option<bool>,
    /// The first second in which it is valid.
    pub not_before: i64,
    /// The last second in which it is valid.
    pub not_after: i64,
    /// Any other extensions, before the list of SCTs.
    pub others: Vec<Extension>,
}

impl Leaf {
    /// A certificate for this name by this issuer.
    pub fn new(name: AlternativeName, issuer: &str) -> Self {
        Self {
            key: Key::p256("leaf"),
            serial: 77,
            common_name: String::new(),
            names: vec![name],
            names_critical: true,
            issuer_raw: Some(issuer.to_owned()),
            issuer: Some(issuer.to_owned()),
            claims: Vec::new(),
            purposes: Some(vec![purpose::CODE_SIGNING]),
            usage: Some(usage::DIGITAL_SIGNATURE),
            is_authority: None,
            not_before: ISSUED,
            not_after: ISSUED + LEAF_SECONDS,
            others: Vec::new(),
        }
    }

    /// A workflow on GitHub.
    pub fn github() -> Self {
        let claims = [
            (2, "push"),
            (3, "0123456789abcdef0123456789abcdef01234567"),
            (4, "Release"),
            (5, "example/app"),
            (6, "refs/heads/main"),
            (9, GITHUB_SUBJECT),
            (10, "0123456789abcdef0123456789abcdef01234567"),
            (11, "github-hosted"),
            (12, "https://github.com/example/app"),
            (13, "0123456789abcdef0123456789abcdef01234567"),
            (14, "refs/heads/main"),
            (15, "1000"),
            (16, "https://github.com/example"),
            (17, "2000"),
            (18, GITHUB_SUBJECT),
            (19, "0123456789abcdef0123456789abcdef01234567"),
            (20, "push"),
            (21, "https://github.com/example/app/actions/runs/1/attempts/1"),
            (22, "public"),
            (23, "production"),
            (24, "repo:example/app:ref:refs/heads/main"),
        ];
        let claims = claims.map(|(number, text)| (number, text.to_owned())).to_vec();
        Self { claims, ..Self::new(AlternativeName::Uri(GITHUB_SUBJECT.to_owned()), GITHUB_ISSUER) }
    }

    /// A person.
    pub fn email() -> Self {
        Self::new(AlternativeName::Email(EMAIL_SUBJECT.to_owned()), EMAIL_ISSUER)
    }

    /// A user name.
    pub fn user(name: &str) -> Self {
        Self::new(AlternativeName::UserName(name.to_owned()), EMAIL_ISSUER)
    }

    /// As an enterprise's own authority would issue it: a subject, and neither Fulcio's extensions nor SCTs.
    pub fn enterprise(common_name: &str) -> Self {
        let (common_name, names_critical) = (common_name.to_owned(), false);
        Self { common_name, names_critical, issuer: None, issuer_raw: None, ..Self::email() }
    }

    /// The extensions, without a list of SCTs.
    fn extensions(&self, issuer: &Authority) -> Vec<Extension> {
        let mut list = Vec::new();
        list.extend(self.usage.map(Extension::key_usage));
        list.extend(self.purposes.as_deref().map(Extension::purposes));
        list.extend(self.is_authority.map(|is| Extension::basic_constraints(is, None)));
        list.push(Extension::new("2.5.29.14", octets(&self.key.id()[..20])));
        list.push(issuer.names_its_key());
        if !self.names.is_empty() {
            let names = sequence(&[&self.names.iter().flat_map(AlternativeName::der).collect::<Vec<_>>()]);
            list.push(Extension { critical: self.names_critical, ..Extension::new("2.5.29.17", names) });
        }
        list.extend(self.issuer_raw.as_ref().map(|text| claim(1, text)));
        list.extend(self.issuer.as_ref().map(|text| claim(8, text)));
        list.extend(self.claims.iter().map(|(number, text)| claim(*number, text)));
        list.extend(self.others.clone());
        list
    }

    /// The certificate by this authority, with an SCT for each draft.
    pub fn issue(&self, issuer: &Authority, scts: &[SctDraft]) -> Vec<u8> {
        let mut body = Body {
            serial: self.serial,
            issuer: name(&issuer.name),
            algorithm: issuer.key.algorithm(),
            not_before: self.not_before,
            not_after: self.not_after,
            subject: name(&self.common_name),
            spki: self.key.spki(),
            extensions: self.extensions(issuer),
        };
        if !scts.is_empty() {
            let precertificate = body.der();
            let scts: Vec<_> = scts.iter().map(|draft| draft.sign(&precertificate, &issuer.key.spki())).collect();
            body.extensions.push(sct_list(&scts));
        }
        issuer.issue(&body)
    }
}

/// One of Fulcio's extensions (`oid-info.md`): up to 6 the bytes are the text.
pub fn claim(number: u32, text: &str) -> Extension {
    let value = if number <= 6 { text.as_bytes().to_vec() } else { tlv(tag::UTF8_STRING, &[text.as_bytes()]) };
    Extension::new(&format!("{FULCIO}.{number}"), value)
}
