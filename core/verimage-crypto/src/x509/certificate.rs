//! Certificates, parsed once.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use const_oid::ObjectIdentifier;

use super::{
    AuthorityKeyIdentifier, BasicConstraints, CertificateError, ExtendedKeyUsage, Extension, GeneralName, KeyUsage, Name, NameConstraints,
    algorithm::Identifier,
    extension::{DistributionPoint, Known, Policies},
};
use crate::{
    Algorithm, CryptoSet, HashAlgorithm, KeyError, PublicKey, VerifyingKey,
    asn1::{self, Element, Fault, Reader, read_first, tag},
    pem,
};

/// An X.509 certificate (RFC 5280, section 4.1). Clones share it.
///
/// The original bytes are kept: signatures, fingerprints and comparisons are over them. Two certificates are equal exactly
/// when their bytes are.
///
/// Reading is strict about form and judges nothing: whether a certificate may be trusted is for
/// [`PathRules`](super::PathRules), or for a scheme with rules of its own.
#[derive(Clone)]
pub struct Certificate(Arc<Parsed>);

struct Parsed {
    der: Vec<u8>,
    signed: Range<usize>,
    spki: Range<usize>,
    version: u8,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    validity: Validity,
    algorithm: Result<Algorithm, ObjectIdentifier>,
    signature: Vec<u8>,
    extensions: Vec<Extension>,
    known: Known,
    public_key: OnceLock<Result<PublicKey, KeyError>>,
    /// The key, loaded into the set that used it first.
    loaded: OnceLock<(CryptoSet, VerifyingKey)>,
    /// Whose key was found to have signed this certificate, as its bytes, and by which set. Certificates of a trusted root are
    /// there for many verifications, and a signature that holds goes on to hold.
    signer: OnceLock<(CryptoSet, Vec<u8>)>,
}

impl Certificate {
    /// Largest certificate that is read, in bytes of DER.
    pub const MAX_SIZE: usize = 64 * 1024;

    /// Most certificates that are read from one file.
    pub const MAX_COUNT: usize = 4096;

    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// [`CertificateError`] names the part that is not as RFC 5280 wants it.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > Self::MAX_SIZE {
            return Err(CertificateError::TooLarge { limit: Self::MAX_SIZE });
        }
        Parsed::read(der).map(|parsed| Self(Arc::new(parsed)))
    }

    /// Reads one certificate in PEM: one block `CERTIFICATE`.
    ///
    /// # Errors
    /// As [`all_from_pem`](Self::all_from_pem), and [`CertificateError::Count`] if there is more than one block.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        match Self::all_from_pem(pem)?.as_slice() {
            [certificate] => Ok(certificate.clone()),
            several => Err(CertificateError::Count { found: several.len() }),
        }
    }

    /// Reads a PEM bundle in its order. Text may stand between the blocks.
    ///
    /// # Errors
    /// [`CertificateError::DamagedPem`]; [`CertificateError::ForeignBlock`] if a block is no certificate, such as a private
    /// key; [`CertificateError::Count`] if there is none or there are too many; and those of [`from_der`](Self::from_der).
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem::certificates(pem, Self::MAX_COUNT)?;
        blocks.iter().map(|der| Self::from_der(der)).collect()
    }

    /// Reads what a certificate file may hold: a PEM bundle, or certificates in DER one after the other.
    ///
    /// # Errors
    /// Those of [`all_from_pem`](Self::all_from_pem).
    pub fn all_from_file(bytes: &[u8]) -> Result<Vec<Self>, CertificateError> {
        // A digit zero begins text, too; but no certificate is so short that its length is one digit.
        let is_der = matches!(bytes, [tag::SEQUENCE, 0x80..=0xff, ..]);
        if !is_der {
            return Self::all_from_pem(bytes);
        }
        let mut certificates = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if certificates.len() == Self::MAX_COUNT {
                return Err(CertificateError::Count { found: Self::MAX_COUNT.saturating_add(1) });
            }
            let (first, after) = read_first(rest).map_err(|_| CertificateError::Malformed { part: "certificate" })?;
            certificates.push(Self::from_der(first.whole)?);
            rest = after;
        }
        Ok(certificates)
    }

    /// All the bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The original bytes that the issuer signed.
    #[must_use]
    pub fn tbs_der(&self) -> &[u8] {
        self.0.der.get(self.0.signed.clone()).unwrap_or_default()
    }

    /// The signed bytes without one extension, as certificate transparency logs sign them (RFC 6962, section 3.2): all
    /// else is as in the original, but for the lengths around it. Nothing if the extension is not there.
    #[must_use]
    pub fn tbs_der_without(&self, id: ObjectIdentifier) -> Option<Vec<u8>> {
        let unwanted = self.extension(id)?;
        without(self.tbs_der(), unwanted).ok()
    }

    /// 1, 2 or 3.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.0.version
    }

    /// The serial number in two's complement, big-endian; at most 20 bytes. Zero and negative ones occur.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// Who signed it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// Whose key it names.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// When it may be used.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// The `SubjectPublicKeyInfo` as it stands in the certificate.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        self.0.der.get(self.0.spki.clone()).unwrap_or_default()
    }

    /// The public key, read when it is first asked for.
    ///
    /// # Errors
    /// Those of [`PublicKey::from_spki_der`].
    pub fn public_key(&self) -> Result<&PublicKey, &KeyError> {
        self.0.public_key.get_or_init(|| PublicKey::from_spki_der(self.spki_der())).as_ref()
    }

    /// The algorithm of the issuer's signature.
    ///
    /// # Errors
    /// The object identifier of an algorithm that is not served. SHA-1 and MD5 are not.
    pub fn signature_algorithm(&self) -> Result<Algorithm, ObjectIdentifier> {
        self.0.algorithm
    }

    /// The issuer's signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.0.signature
    }

    /// SHA-256 of all the bytes.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        HashAlgorithm::Sha256.digest(self.der()).as_bytes().try_into().unwrap_or_default()
    }

    /// All extensions in their order; none stands twice.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// An extension, known to this crate or not.
    #[must_use]
    pub fn extension(&self, id: ObjectIdentifier) -> Option<&Extension> {
        self.0.extensions.iter().find(|extension| extension.id() == id)
    }

    /// `basicConstraints`, if present.
    #[must_use]
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.0.known.basic_constraints
    }

    /// Whether `basicConstraints` says that the key may certify others.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.is_ca)
    }

    /// `keyUsage`, if present.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.known.key_usage
    }

    /// `extKeyUsage`, if present.
    #[must_use]
    pub fn extended_key_usage(&self) -> Option<&ExtendedKeyUsage> {
        self.0.known.extended_key_usage.as_ref()
    }

    /// The names in `subjectAltName`; empty if it is absent.
    #[must_use]
    pub fn alternative_names(&self) -> &[GeneralName] {
        &self.0.known.alternative_names
    }

    /// `nameConstraints`, if present.
    #[must_use]
    pub fn name_constraints(&self) -> Option<&NameConstraints> {
        self.0.known.name_constraints.as_ref()
    }

    /// `subjectKeyIdentifier`, if present.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.0.known.subject_key.as_deref()
    }

    /// `authorityKeyIdentifier`, if present.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<&AuthorityKeyIdentifier> {
        self.0.known.authority_key.as_ref()
    }

    /// The policies that the certificate asserts, if it has the extension.
    #[must_use]
    pub fn certificate_policies(&self) -> Option<&[ObjectIdentifier]> {
        self.0.known.policies.asserted.as_deref()
    }

    /// Whether subject and issuer are the same name. Such a certificate need not be signed with its own key.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject().matches(self.issuer())
    }

    /// Verifies the signature with the key of another certificate, or of this one. Nothing else is looked at: neither
    /// names, nor whether the other may certify, nor time.
    ///
    /// # Errors
    /// [`CertificateError::SignatureAlgorithm`] and [`CertificateError::IssuerKey`] if it cannot be verified,
    /// [`CertificateError::Signature`] if it is wrong.
    pub fn verify_signed_by(&self, issuer: &Self, set: &CryptoSet) -> Result<(), CertificateError> {
        if self.0.signer.get().is_some_and(|(by, key)| by.is_same(set) && key == issuer.spki_der()) {
            return Ok(());
        }
        let algorithm = self.signature_algorithm().map_err(|oid| CertificateError::SignatureAlgorithm { oid })?;
        issuer.verify(set, algorithm, self.tbs_der(), self.signature())?;
        self.0.signer.get_or_init(|| (*set, issuer.spki_der().to_vec()));
        Ok(())
    }

    /// Verifies a signature with the key in this certificate.
    pub(crate) fn verify(&self, set: &CryptoSet, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), CertificateError> {
        let key = self.loaded_key(set).map_err(|error| CertificateError::IssuerKey { error })?;
        key.verify(algorithm, message, signature).map_err(|error| CertificateError::Signature { error })
    }

    fn loaded_key(&self, set: &CryptoSet) -> Result<VerifyingKey, KeyError> {
        if let Some((_, key)) = self.0.loaded.get().filter(|(by, _)| by.is_same(set)) {
            return Ok(key.clone());
        }
        let key = set.load(self.public_key().map_err(Clone::clone)?)?;
        self.0.loaded.get_or_init(|| (*set, key.clone()));
        Ok(key)
    }

    pub(crate) fn policies(&self) -> &Policies {
        &self.0.known.policies
    }

    pub(crate) fn distribution_points(&self) -> &[DistributionPoint] {
        &self.0.known.distribution_points
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Certificate").field("subject", self.subject()).field("issuer", self.issuer()).finish_non_exhaustive()
    }
}

/// From when to when, in seconds since 1970, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

impl Validity {
    /// Whether a moment lies inside.
    #[must_use]
    pub fn contains(self, time: i64) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }
}

/// What `TBSCertificate` holds, before it is judged.
struct Body<'a> {
    version: u8,
    serial: &'a [u8],
    algorithm: Element<'a>,
    issuer: Element<'a>,
    validity: Element<'a>,
    subject: Element<'a>,
    spki: Element<'a>,
    extensions: Option<Element<'a>>,
}

impl Parsed {
    fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let (signed, algorithm, signature) = outer(der).map_err(part("certificate"))?;
        let body = signed.read(Body::read).map_err(part("certificate"))?;
        if body.algorithm.whole != algorithm.whole {
            return Err(CertificateError::AlgorithmMismatch);
        }
        let extensions = body.extensions.map(Extension::read_all).transpose().map_err(part("extensions"))?.unwrap_or_default();
        let mut known = Known::default();
        for extension in &extensions {
            known.add(extension).map_err(|_| CertificateError::Extension { id: extension.id() })?;
        }
        let algorithm = Identifier::read(algorithm).map_err(part("signature algorithm"))?;
        Ok(Self {
            signed: range(der, signed.whole)?,
            spki: range(der, body.spki.whole)?,
            version: body.version,
            serial: body.serial.to_vec(),
            issuer: Name::read(body.issuer).and_then(not_empty).map_err(part("issuer"))?,
            subject: Name::read(body.subject).map_err(part("subject"))?,
            validity: validity(body.validity).map_err(part("validity"))?,
            algorithm: algorithm.signature().ok_or(algorithm.oid),
            signature: signature.to_vec(),
            der: der.to_vec(),
            extensions,
            known,
            public_key: OnceLock::new(),
            loaded: OnceLock::new(),
            signer: OnceLock::new(),
        })
    }
}

impl<'a> Body<'a> {
    fn read(reader: &mut Reader<'a>) -> asn1::Result<Self> {
        let version = reader.optional(tag::constructed(0))?.map_or(Ok(1), version)?;
        let serial = serial(reader.any()?)?;
        let algorithm = reader.expect(tag::SEQUENCE)?;
        let issuer = reader.any()?;
        let validity = reader.any()?;
        let subject = reader.any()?;
        let spki = reader.expect(tag::SEQUENCE)?;
        let unique = [reader.optional(tag::context(1))?, reader.optional(tag::context(2))?];
        let extensions = reader.optional(tag::constructed(3))?.map(|value| value.read(|reader| reader.any())).transpose()?;
        // Section 4.1: unique identifiers since version 2, extensions in version 3.
        let too_early = (version < 2 && unique.iter().any(Option::is_some)) || (version < 3 && extensions.is_some());
        if too_early {
            return Err(Fault::Malformed);
        }
        Ok(Self { version, serial, algorithm, issuer, validity, subject, spki, extensions })
    }
}

/// `TBSCertificate` without one of its extensions, and without the list of them if that was the only one.
fn without(signed: &[u8], unwanted: &Extension) -> asn1::Result<Vec<u8>> {
    const LIST: u8 = tag::constructed(3);
    let mut body = Vec::new();
    for value in Element::only(signed)?.list(usize::MAX)? {
        if value.tag != LIST {
            body.extend_from_slice(value.whole);
            continue;
        }
        let mut kept = Vec::new();
        for extension in value.read(Reader::any)?.list(usize::MAX)? {
            let (id, _) = read_first(extension.content)?;
            if id.oid()? != unwanted.id() {
                kept.extend_from_slice(extension.whole);
            }
        }
        if !kept.is_empty() {
            body.extend(asn1::write(LIST, &asn1::write(tag::SEQUENCE, &kept)));
        }
    }
    Ok(asn1::write(tag::SEQUENCE, &body))
}

/// `Certificate`: what is signed, how, and the signature. `CertificateList` has the same form.
pub(super) fn outer(der: &[u8]) -> asn1::Result<(Element<'_>, Element<'_>, &[u8])> {
    Element::only(der)?
        .expect(tag::SEQUENCE)?
        .read(|reader| Ok((reader.expect(tag::SEQUENCE)?, reader.expect(tag::SEQUENCE)?, reader.any()?.octets_of_bits()?)))
}

/// Version 1 is the default, so it is not written.
fn version(value: Element<'_>) -> asn1::Result<u8> {
    match value.read(|reader| reader.any()?.small())? {
        1 => Ok(2),
        2 => Ok(3),
        _ => Err(Fault::Malformed),
    }
}

/// Section 4.1.2.2: at most 20 bytes.
pub(super) fn serial(value: Element<'_>) -> asn1::Result<&[u8]> {
    const LONGEST: usize = 20;
    let serial = value.integer()?;
    if serial.len() > LONGEST { Err(Fault::TooMany) } else { Ok(serial) }
}

fn validity(value: Element<'_>) -> asn1::Result<Validity> {
    value.expect(tag::SEQUENCE)?.read(|reader| {
        let not_before = asn1::time::read(reader.any()?)?;
        let not_after = asn1::time::read(reader.any()?)?;
        Ok(Validity { not_before, not_after })
    })
}

/// Section 4.1.2.4: the issuer has a name.
pub(super) fn not_empty(name: Name) -> asn1::Result<Name> {
    if name.is_empty() { Err(Fault::Malformed) } else { Ok(name) }
}

pub(super) fn part(part: &'static str) -> impl Fn(Fault) -> CertificateError {
    move |fault| match fault {
        Fault::Malformed => CertificateError::Malformed { part },
        Fault::TooMany => CertificateError::TooMany { part },
    }
}

/// Where a slice of the bytes lies in them.
fn range(der: &[u8], slice: &[u8]) -> Result<Range<usize>, CertificateError> {
    let start = (slice.as_ptr() as usize).checked_sub(der.as_ptr() as usize);
    let range = start.and_then(|start| Some(start..start.checked_add(slice.len())?));
    range.filter(|range| der.get(range.clone()) == Some(slice)).ok_or(CertificateError::Malformed { part: "certificate" })
}
