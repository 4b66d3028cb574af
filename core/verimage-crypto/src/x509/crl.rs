//! Certificate revocation lists, parsed once.

use std::{collections::BTreeMap, fmt, sync::Arc};

use const_oid::ObjectIdentifier;

use super::{
    Certificate, CertificateError, Extension, GeneralName, Name,
    algorithm::Identifier,
    certificate::{not_empty, outer, part, serial},
    extension::{PointName, general_names},
    oid,
};
use crate::{
    Algorithm, CryptoSet,
    asn1::{self, Element, Fault, Reader, named_bits, small, tag},
};

/// A certificate revocation list (RFC 5280, section 5). Clones share it.
#[derive(Clone)]
pub struct RevocationList(Arc<Parsed>);

struct Parsed {
    der: Vec<u8>,
    signed: Vec<u8>,
    issuer: Name,
    this_update: i64,
    next_update: Option<i64>,
    algorithm: Result<Algorithm, ObjectIdentifier>,
    signature: Vec<u8>,
    extensions: Vec<Extension>,
    number: Option<Vec<u8>>,
    base_number: Option<Vec<u8>>,
    scope: Scope,
    /// Those whose certificates are listed; the issuer of the list is the first.
    certificate_issuers: Vec<Name>,
    entries: BTreeMap<Vec<u8>, Vec<(usize, Revoked)>>,
    /// A critical extension of the list or of an entry that is not understood.
    not_understood: Option<ObjectIdentifier>,
}

/// That and why a certificate was revoked (RFC 5280, section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// When, in seconds since 1970.
    pub time: i64,
    /// `CRLReason`; 0 (unspecified) if none is given. 6 is on hold, 8 is removed from the list.
    pub reason: u8,
    /// Since when the key is suspected, if that is said.
    pub invalidity_date: Option<i64>,
}

/// `issuingDistributionPoint` (section 5.2.5): which certificates and reasons the list is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// The extension, to be compared.
    pub(super) der: Vec<u8>,
    pub(super) name: Option<PointName>,
    pub(super) only_users: bool,
    pub(super) only_authorities: bool,
    pub(super) only_reasons: Option<u16>,
    pub(super) indirect: bool,
    pub(super) only_attributes: bool,
}

impl RevocationList {
    /// Largest list that is read, in bytes of DER.
    pub const MAX_SIZE: usize = 32 * 1024 * 1024;

    /// Reads a list in DER.
    ///
    /// # Errors
    /// [`CertificateError`] names the part that is not as RFC 5280 wants it.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > Self::MAX_SIZE {
            return Err(CertificateError::TooLarge { limit: Self::MAX_SIZE });
        }
        Parsed::read(der).map(|parsed| Self(Arc::new(parsed)))
    }

    /// All the bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// Who signed it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn this_update(&self) -> i64 {
        self.0.this_update
    }

    /// Until when the next one comes, if that is said.
    #[must_use]
    pub fn next_update(&self) -> Option<i64> {
        self.0.next_update
    }

    /// The number of the list, big-endian.
    #[must_use]
    pub fn number(&self) -> Option<&[u8]> {
        self.0.number.as_deref()
    }

    /// The number of the list that this one only adds to. Such a list is of no use alone.
    #[must_use]
    pub fn base_number(&self) -> Option<&[u8]> {
        self.0.base_number.as_deref()
    }

    /// Whether it lists certificates of other issuers, too.
    #[must_use]
    pub fn is_indirect(&self) -> bool {
        self.0.scope.indirect
    }

    /// All extensions of the list; none stands twice.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// A critical extension, of the list or of an entry, that is not understood. Such a list says nothing.
    #[must_use]
    pub fn not_understood(&self) -> Option<ObjectIdentifier> {
        self.0.not_understood
    }

    /// The entry for a certificate of an issuer.
    #[must_use]
    pub fn entry(&self, certificate_issuer: &Name, serial: &[u8]) -> Option<Revoked> {
        let of_issuer = |at: usize| self.0.certificate_issuers.get(at).is_some_and(|issuer| issuer.matches(certificate_issuer));
        self.0.entries.get(serial)?.iter().find(|(at, _)| of_issuer(*at)).map(|(_, revoked)| *revoked)
    }

    /// Verifies the signature with the key of a certificate. Nothing else is looked at.
    ///
    /// # Errors
    /// [`CertificateError::SignatureAlgorithm`] and [`CertificateError::IssuerKey`] if it cannot be verified,
    /// [`CertificateError::Signature`] if it is wrong.
    pub fn verify_signed_by(&self, signer: &Certificate, set: &CryptoSet) -> Result<(), CertificateError> {
        let algorithm = self.0.algorithm.map_err(|oid| CertificateError::SignatureAlgorithm { oid })?;
        signer.verify(set, algorithm, &self.0.signed, &self.0.signature)
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.0.scope
    }

    pub(super) fn authority_key(&self) -> Option<&[u8]> {
        self.0.extensions.iter().find(|extension| extension.id() == oid::AUTHORITY_KEY_IDENTIFIER).map(Extension::value)
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RevocationList").field("issuer", self.issuer()).finish_non_exhaustive()
    }
}

/// What `TBSCertList` holds, before it is judged.
struct Body<'a> {
    is_old: bool,
    algorithm: Element<'a>,
    issuer: Element<'a>,
    this_update: i64,
    next_update: Option<i64>,
    entries: Option<Element<'a>>,
    extensions: Option<Element<'a>>,
}

impl<'a> Body<'a> {
    fn read(reader: &mut Reader<'a>) -> asn1::Result<Self> {
        let is_old = match reader.optional(tag::INTEGER)? {
            Some(version) if version.small()? == 1 => false,
            Some(_) => return Err(Fault::Malformed),
            None => true,
        };
        let algorithm = reader.expect(tag::SEQUENCE)?;
        let issuer = reader.any()?;
        let this_update = asn1::time::read(reader.any()?)?;
        let next_update = optional_time(reader)?;
        let entries = reader.optional(tag::SEQUENCE)?;
        let extensions = reader.optional(tag::constructed(0))?.map(|value| value.read(Reader::any)).transpose()?;
        if is_old && extensions.is_some() {
            return Err(Fault::Malformed);
        }
        Ok(Self { is_old, algorithm, issuer, this_update, next_update, entries, extensions })
    }
}

fn optional_time(reader: &mut Reader<'_>) -> asn1::Result<Option<i64>> {
    let value = match reader.optional(tag::UTC_TIME)? {
        Some(value) => Some(value),
        None => reader.optional(tag::GENERALIZED_TIME)?,
    };
    value.map(asn1::time::read).transpose()
}

impl Parsed {
    fn read(der: &[u8]) -> Result<Self, CertificateError> {
        const LIST: &str = "revocation list";
        let (signed, algorithm, signature) = outer(der).map_err(part(LIST))?;
        let body = signed.read(Body::read).map_err(part(LIST))?;
        if body.algorithm.whole != algorithm.whole {
            return Err(CertificateError::AlgorithmMismatch);
        }
        let extensions = body.extensions.map(Extension::read_all).transpose().map_err(part("extensions"))?.unwrap_or_default();
        let algorithm = Identifier::read(algorithm).map_err(part("signature algorithm"))?;
        let issuer = Name::read(body.issuer).and_then(not_empty).map_err(part("issuer"))?;
        let mut list = Self {
            der: der.to_vec(),
            signed: signed.whole.to_vec(),
            certificate_issuers: vec![issuer.clone()],
            issuer,
            this_update: body.this_update,
            next_update: body.next_update,
            algorithm: algorithm.signature().ok_or(algorithm.oid),
            signature: signature.to_vec(),
            number: None,
            base_number: None,
            scope: Scope::default(),
            entries: BTreeMap::new(),
            not_understood: None,
            extensions: Vec::new(),
        };
        for extension in &extensions {
            list.add_extension(extension).map_err(|_| CertificateError::Extension { id: extension.id() })?;
        }
        list.extensions = extensions;
        if let Some(entries) = body.entries {
            entries.read(|reader| list.add_entries(reader, body.is_old)).map_err(part("revoked certificates"))?;
        }
        Ok(list)
    }

    fn add_extension(&mut self, extension: &Extension) -> asn1::Result<()> {
        let value = || Element::only(extension.value());
        match extension.id() {
            oid::CRL_NUMBER => self.number = Some(number(value()?)?),
            oid::DELTA_CRL_INDICATOR => self.base_number = Some(number(value()?)?),
            oid::ISSUING_DISTRIBUTION_POINT => self.scope = Scope::read(value()?)?,
            oid::AUTHORITY_KEY_IDENTIFIER => {}
            id if extension.is_critical() => self.not_understood = Some(id),
            _ => {}
        }
        Ok(())
    }

    /// Section 5.3.3: in an indirect list, an entry without an issuer of its own has that of the entry before.
    fn add_entries(&mut self, reader: &mut Reader<'_>, is_old: bool) -> asn1::Result<()> {
        let mut issuer = 0;
        while !reader.is_empty() {
            let entry = reader.expect(tag::SEQUENCE)?.read(Entry::read)?;
            if is_old && !entry.extensions.is_empty() {
                return Err(Fault::Malformed);
            }
            let mut revoked = Revoked { time: entry.time, reason: 0, invalidity_date: None };
            for extension in &entry.extensions {
                if let Some(name) = self.read_entry_extension(extension, &mut revoked)? {
                    issuer = self.certificate_issuers.len();
                    self.certificate_issuers.push(name);
                }
            }
            self.entries.entry(entry.serial.to_vec()).or_default().push((issuer, revoked));
        }
        Ok(())
    }

    /// Gives the issuer, if the extension names one.
    fn read_entry_extension(&mut self, extension: &Extension, revoked: &mut Revoked) -> asn1::Result<Option<Name>> {
        let value = || Element::only(extension.value());
        match extension.id() {
            oid::REASON_CODE => revoked.reason = reason(value()?)?,
            oid::INVALIDITY_DATE => revoked.invalidity_date = Some(asn1::time::read(value()?)?),
            oid::CERTIFICATE_ISSUER if self.scope.indirect => return certificate_issuer(value()?).map(Some),
            id if extension.is_critical() => self.not_understood = Some(id),
            _ => {}
        }
        Ok(None)
    }
}

struct Entry<'a> {
    serial: &'a [u8],
    time: i64,
    extensions: Vec<Extension>,
}

impl<'a> Entry<'a> {
    fn read(reader: &mut Reader<'a>) -> asn1::Result<Self> {
        let serial = serial(reader.any()?)?;
        let time = asn1::time::read(reader.any()?)?;
        let extensions = if reader.is_empty() { Vec::new() } else { Extension::read_all(reader.any()?)? };
        Ok(Self { serial, time, extensions })
    }
}

impl Scope {
    fn read(value: Element<'_>) -> asn1::Result<Self> {
        let value = value.expect(tag::SEQUENCE)?;
        value.read(|reader| {
            let name = reader.optional(tag::constructed(0))?.map(PointName::read).transpose()?;
            let only_users = flag(reader, 1)?;
            let only_authorities = flag(reader, 2)?;
            let only_reasons = reader.optional(tag::context(3))?.map(|value| named_bits(value.content)).transpose()?;
            let (indirect, only_attributes) = (flag(reader, 4)?, flag(reader, 5)?);
            let der = value.whole.to_vec();
            Ok(Self { der, name, only_users, only_authorities, only_reasons, indirect, only_attributes })
        })
    }
}

fn flag(reader: &mut Reader<'_>, number: u8) -> asn1::Result<bool> {
    reader.optional(tag::context(number))?.map_or(Ok(false), |value| Element { tag: tag::BOOLEAN, ..value }.boolean())
}

/// Section 5.2.3: not negative, at most 20 bytes; without the zero that keeps it positive.
fn number(value: Element<'_>) -> asn1::Result<Vec<u8>> {
    const LONGEST: usize = 20;
    match value.integer()? {
        [first, ..] if first & 0x80 != 0 => Err(Fault::Malformed),
        bytes if bytes.len() > LONGEST => Err(Fault::TooMany),
        [0, rest @ ..] => Ok(rest.to_vec()),
        bytes => Ok(bytes.to_vec()),
    }
}

fn reason(value: Element<'_>) -> asn1::Result<u8> {
    let number = small(value.expect(tag::ENUMERATED)?.content)?;
    u8::try_from(number).ok().filter(|number| matches!(number, 0..=6 | 8..=10)).ok_or(Fault::Malformed)
}

fn certificate_issuer(value: Element<'_>) -> asn1::Result<Name> {
    let directory = |name| if let GeneralName::Directory(name) = name { Some(name) } else { None };
    general_names(value.expect(tag::SEQUENCE)?)?.into_iter().find_map(directory).ok_or(Fault::Malformed)
}
