//! Questions to OCSP responders and their answers (RFC 6960).

use sha1::{Digest, Sha1};
use thiserror::Error;

use super::{Certificate, CertificateError, Extension, Name, algorithm::Identifier, certificate::part, oid};
use crate::{
    Algorithm, CryptoSet,
    asn1::{self, Element, Fault, Reader, small, tag, time},
};

/// Why bytes are not an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OcspError {
    /// The responder has no answer.
    #[error("responder answered with status {status} ({})", status_name(*status))]
    Status {
        /// `OCSPResponseStatus`.
        status: u64,
    },
    /// The answer is of a type that is not known.
    #[error("response is of type {found}")]
    ResponseType {
        /// The type.
        found: super::ObjectIdentifier,
    },
    /// The answer cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

fn status_name(status: u64) -> &'static str {
    match status {
        1 => "malformedRequest",
        2 => "internalError",
        3 => "tryLater",
        5 => "sigRequired",
        6 => "unauthorized",
        _ => "unknown",
    }
}

/// What a responder says about one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OcspStatus {
    /// It was not revoked.
    Good,
    /// It was revoked.
    Revoked {
        /// When, in seconds since 1970.
        time: i64,
        /// `CRLReason`; 0 (unspecified) if none is given.
        reason: u8,
        /// Since when the key is suspected, if that is said.
        invalidity_date: Option<i64>,
    },
    /// The responder does not know it.
    Unknown,
}

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SingleResponse {
    /// What it says.
    pub status: OcspStatus,
    /// Since when that is known, in seconds since 1970.
    pub this_update: i64,
    /// When more will be known, if that is said.
    pub next_update: Option<i64>,
    /// A critical extension that is not understood. Such an answer says nothing.
    pub not_understood: Option<super::ObjectIdentifier>,
    id: CertificateId,
}

/// `CertID` (section 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
struct CertificateId {
    hash: super::ObjectIdentifier,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    serial: Vec<u8>,
}

/// An answer of an OCSP responder, parsed and not verified.
#[derive(Clone, Debug)]
pub struct OcspResponse {
    responder: Responder,
    responses: Vec<SingleResponse>,
    not_understood: Option<super::ObjectIdentifier>,
    signed: Vec<u8>,
    algorithm: Result<Algorithm, super::ObjectIdentifier>,
    signature: Vec<u8>,
    certificates: Vec<Certificate>,
}

#[derive(Clone, Debug)]
enum Responder {
    Name(Name),
    /// SHA-1 of the key. It only finds the certificate; what counts is the signature.
    Key(Vec<u8>),
}

/// A question about one certificate, in DER: without a nonce, and with SHA-1, which every responder knows. The hash names
/// the certificate and protects nothing.
///
/// # Errors
/// [`CertificateError::IssuerKey`] if the issuer's key cannot be read.
pub fn ocsp_request(certificate: &Certificate, issuer: &Certificate) -> Result<Vec<u8>, CertificateError> {
    let id = CertificateId::new(certificate, issuer, oid::SHA1)?;
    let hash = asn1::write(tag::OBJECT_IDENTIFIER, id.hash.as_bytes());
    let algorithm = asn1::write(tag::SEQUENCE, &[hash, asn1::write(tag::NULL, &[])].concat());
    let hashes = [id.issuer_name, id.issuer_key].map(|hash| asn1::write(tag::OCTET_STRING, &hash)).concat();
    let id = asn1::write(tag::SEQUENCE, &[algorithm, hashes, asn1::write(tag::INTEGER, &id.serial)].concat());
    Ok([tag::SEQUENCE; 4].iter().fold(id, |inner, tag| asn1::write(*tag, &inner)))
}

impl OcspResponse {
    /// Largest answer that is read, in bytes of DER.
    pub const MAX_SIZE: usize = 64 * 1024;

    const MOST_RESPONSES: usize = 64;
    const MOST_CERTIFICATES: usize = 8;

    /// Reads an answer in DER.
    ///
    /// # Errors
    /// [`OcspError::Status`] if it says that there is none; otherwise the part that is not as RFC 6960 wants it.
    pub fn from_der(der: &[u8]) -> Result<Self, OcspError> {
        const PART: &str = "OCSP response";
        if der.len() > Self::MAX_SIZE {
            return Err(CertificateError::TooLarge { limit: Self::MAX_SIZE }.into());
        }
        let (status, bytes) = outer(der).map_err(part(PART))?;
        let (0, Some((found, basic))) = (status, bytes) else { return Err(OcspError::Status { status }) };
        if found != oid::OCSP_BASIC {
            return Err(OcspError::ResponseType { found });
        }
        Ok(Self::read(basic).map_err(part(PART))?)
    }

    /// The part about a certificate of an issuer, if there is exactly one.
    ///
    /// # Errors
    /// [`CertificateError::IssuerKey`] if the issuer's key cannot be read.
    pub fn response(&self, certificate: &Certificate, issuer: &Certificate) -> Result<Option<&SingleResponse>, CertificateError> {
        let mut found = None;
        for response in &self.responses {
            if CertificateId::new(certificate, issuer, response.id.hash)? == response.id && found.replace(response).is_some() {
                return Ok(None);
            }
        }
        Ok(found)
    }

    /// When more will be known about the first of its certificates, in seconds since 1970; nothing if one of them does not say.
    #[must_use]
    pub fn next_update(&self) -> Option<i64> {
        self.responses.iter().map(|response| response.next_update).min().flatten()
    }

    /// Certificates that came with the answer. They may be anything.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// A critical extension of the whole answer that is not understood.
    #[must_use]
    pub fn not_understood(&self) -> Option<super::ObjectIdentifier> {
        self.not_understood
    }

    /// Whether the answer names the subject or the key of a certificate as its signer.
    #[must_use]
    pub fn names(&self, signer: &Certificate) -> bool {
        match &self.responder {
            Responder::Name(name) => name.der() == signer.subject().der(),
            Responder::Key(hash) => {
                signer.public_key().is_ok_and(|key| Sha1::digest(key.subject_public_key()).as_slice() == hash.as_slice())
            }
        }
    }

    /// Verifies the signature with the key of a certificate. Nothing else is looked at.
    ///
    /// # Errors
    /// [`CertificateError::SignatureAlgorithm`] and [`CertificateError::IssuerKey`] if it cannot be verified,
    /// [`CertificateError::Signature`] if it is wrong.
    pub fn verify_signed_by(&self, signer: &Certificate, set: &CryptoSet) -> Result<(), CertificateError> {
        let algorithm = self.algorithm.map_err(|oid| CertificateError::SignatureAlgorithm { oid })?;
        signer.verify(set, algorithm, &self.signed, &self.signature)
    }

    /// `BasicOCSPResponse` (section 4.2.1).
    fn read(der: &[u8]) -> asn1::Result<Self> {
        Element::only(der)?.expect(tag::SEQUENCE)?.read(|reader| {
            let data = reader.expect(tag::SEQUENCE)?;
            let algorithm = Identifier::read(reader.any()?)?;
            let signature = reader.any()?.octets_of_bits()?;
            let certificates = match reader.optional(tag::constructed(0))? {
                Some(list) => list.read(Reader::any)?.expect(tag::SEQUENCE)?.list_or_empty(Self::MOST_CERTIFICATES)?,
                None => Vec::new(),
            };
            let (responder, responses, extensions) = data.read(read_data)?;
            Ok(Self {
                responder,
                responses,
                not_understood: critical(&extensions),
                signed: data.whole.to_vec(),
                algorithm: algorithm.signature().ok_or(algorithm.oid),
                signature: signature.to_vec(),
                certificates: certificates.iter().filter_map(|value| Certificate::from_der(value.whole).ok()).collect(),
            })
        })
    }
}

type Bytes<'a> = Option<(super::ObjectIdentifier, &'a [u8])>;

/// `OCSPResponse`: the status and, if it is good, the type and the bytes of the answer.
fn outer(der: &[u8]) -> asn1::Result<(u64, Bytes<'_>)> {
    Element::only(der)?.expect(tag::SEQUENCE)?.read(|reader| {
        let status = small(reader.expect(tag::ENUMERATED)?.content)?;
        let bytes = reader.optional(tag::constructed(0))?.map(|value| {
            let value = value.read(Reader::any)?.expect(tag::SEQUENCE)?;
            value.read(|reader| Ok((reader.any()?.oid()?, reader.expect(tag::OCTET_STRING)?.content)))
        });
        Ok((status, bytes.transpose()?))
    })
}

/// `ResponseData`.
fn read_data(reader: &mut Reader<'_>) -> asn1::Result<(Responder, Vec<SingleResponse>, Vec<Extension>)> {
    const NAME: u8 = tag::constructed(1);
    const KEY: u8 = tag::constructed(2);
    if let Some(version) = reader.optional(tag::constructed(0))? {
        // The default, which is not written in DER, but often is.
        version.read(|reader| if reader.any()?.small()? == 0 { Ok(()) } else { Err(Fault::Malformed) })?;
    }
    let responder = reader.any()?;
    let responder = match responder.tag {
        NAME => responder.read(|reader| Name::read(reader.any()?)).map(Responder::Name)?,
        KEY => responder.read(|reader| reader.expect(tag::OCTET_STRING)).map(|key| Responder::Key(key.content.to_vec()))?,
        _ => return Err(Fault::Malformed),
    };
    time::read_fine(reader.any()?)?;
    let responses = reader.expect(tag::SEQUENCE)?.list(OcspResponse::MOST_RESPONSES)?;
    let responses = responses.into_iter().map(SingleResponse::read).collect::<asn1::Result<_>>()?;
    let extensions = reader.optional(tag::constructed(1))?.map(|value| Extension::read_all(value.read(Reader::any)?)).transpose()?;
    Ok((responder, responses, extensions.unwrap_or_default()))
}

impl SingleResponse {
    fn read(value: Element<'_>) -> asn1::Result<Self> {
        value.expect(tag::SEQUENCE)?.read(|reader| {
            let id = CertificateId::read(reader.any()?)?;
            let mut status = read_status(reader.any()?)?;
            let (this_update, _) = time::read_fine(reader.any()?)?;
            let next_update = reader.optional(tag::constructed(0))?.map(|value| value.read(|reader| time::read_fine(reader.any()?)));
            let extensions =
                reader.optional(tag::constructed(1))?.map(|value| Extension::read_all(value.read(Reader::any)?)).transpose()?;
            let extensions = extensions.unwrap_or_default();
            if let OcspStatus::Revoked { invalidity_date, .. } = &mut status {
                let date = extensions.iter().find(|extension| extension.id() == oid::INVALIDITY_DATE);
                *invalidity_date = date.map(|date| time::read(Element::only(date.value())?)).transpose()?;
            }
            let next_update = next_update.transpose()?.map(|(seconds, _)| seconds);
            Ok(Self { status, this_update, next_update, not_understood: critical(&extensions), id })
        })
    }
}

fn read_status(value: Element<'_>) -> asn1::Result<OcspStatus> {
    const GOOD: u8 = tag::context(0);
    const REVOKED: u8 = tag::constructed(1);
    const UNKNOWN: u8 = tag::context(2);
    match (value.tag, value.content) {
        (GOOD, []) => Ok(OcspStatus::Good),
        (UNKNOWN, []) => Ok(OcspStatus::Unknown),
        (REVOKED, _) => value.read(|reader| {
            let (time, _) = time::read_fine(reader.any()?)?;
            let reason = reader.optional(tag::constructed(0))?.map(|value| value.read(|reader| reader.expect(tag::ENUMERATED)));
            let reason = reason.transpose()?.map_or(Ok(0), |reason| small(reason.content))?;
            Ok(OcspStatus::Revoked { time, reason: u8::try_from(reason).map_err(|_| Fault::Malformed)?, invalidity_date: None })
        }),
        _ => Err(Fault::Malformed),
    }
}

fn critical(extensions: &[Extension]) -> Option<super::ObjectIdentifier> {
    let understood = [oid::INVALIDITY_DATE];
    extensions.iter().find(|extension| extension.is_critical() && !understood.contains(&extension.id())).map(Extension::id)
}

impl CertificateId {
    fn new(certificate: &Certificate, issuer: &Certificate, hash: super::ObjectIdentifier) -> Result<Self, CertificateError> {
        let key = issuer.public_key().map_err(|error| CertificateError::IssuerKey { error: error.clone() })?;
        let digest = |bytes: &[u8]| match hash {
            oid::SHA1 => Sha1::digest(bytes).to_vec(),
            oid::SHA256 => crate::HashAlgorithm::Sha256.digest(bytes).as_bytes().to_vec(),
            _ => Vec::new(),
        };
        Ok(Self {
            hash,
            issuer_name: digest(issuer.subject().der()),
            issuer_key: digest(key.subject_public_key()),
            serial: certificate.serial().to_vec(),
        })
    }

    /// Hashes that are not known have no bytes here, and match nothing that is not empty.
    fn read(value: Element<'_>) -> asn1::Result<Self> {
        value.expect(tag::SEQUENCE)?.read(|reader| {
            let hash = Identifier::read(reader.any()?)?;
            let issuer_name = reader.expect(tag::OCTET_STRING)?.content;
            let issuer_key = reader.expect(tag::OCTET_STRING)?.content;
            if issuer_name.is_empty() || issuer_key.is_empty() {
                return Err(Fault::Malformed);
            }
            let serial = super::certificate::serial(reader.any()?)?;
            Ok(Self { hash: hash.oid, issuer_name: issuer_name.to_vec(), issuer_key: issuer_key.to_vec(), serial: serial.to_vec() })
        })
    }
}
