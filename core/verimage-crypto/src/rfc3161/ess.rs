//! The attributes that name the signing certificate (RFC 2634, section 5.4; RFC 5035; RFC 5816).

use sha1::{Digest, Sha1};

use super::{SigningCertificate, TimestampError, oid, signed_data::Attributes, signed_data::malformed};
use crate::{
    HashAlgorithm,
    asn1::{self, Element, Fault, tag},
    x509::{Certificate, GeneralName, algorithm::Identifier, general_names},
};

const MOST_CERTIFICATES: usize = 16;
const MOST_POLICIES: usize = 64;

/// Whether the attributes, as far as they are there, name the certificate of the signer.
pub(super) fn check(attributes: &Attributes<'_>, signer: &Certificate, rule: SigningCertificate) -> Result<(), TimestampError> {
    let newer = attributes.optional(oid::SIGNING_CERTIFICATE_V2)?;
    if rule == SigningCertificate::V2Required && newer.is_none() {
        return Err(TimestampError::EssMissing);
    }
    for (value, read) in [(attributes.optional(oid::SIGNING_CERTIFICATE)?, read_old as Read), (newer, read_new as Read)] {
        let Some(value) = value else { continue };
        let id = first(value).and_then(read).map_err(malformed("signing certificate attribute"))?;
        if !id.names(signer) {
            return Err(TimestampError::EssMismatch);
        }
    }
    Ok(())
}

type Read = for<'a> fn(Element<'a>) -> asn1::Result<CertificateId<'a>>;

/// The certificate of the signer comes first.
fn first(value: Element<'_>) -> asn1::Result<Element<'_>> {
    value.expect(tag::SEQUENCE)?.read(|reader| {
        let certificates = reader.expect(tag::SEQUENCE)?.list(MOST_CERTIFICATES)?;
        reader.optional(tag::SEQUENCE)?.map(|policies| policies.list(MOST_POLICIES)).transpose()?;
        certificates.first().copied().ok_or(Fault::Malformed)
    })
}

struct CertificateId<'a> {
    /// SHA-1 if there is none. It is no signature: what is signed is the attribute as a whole, and the certificate has
    /// been found and verified without it.
    hash: Option<HashAlgorithm>,
    digest: &'a [u8],
    issuer: Option<(Vec<GeneralName>, &'a [u8])>,
}

fn read_old(value: Element<'_>) -> asn1::Result<CertificateId<'_>> {
    value.expect(tag::SEQUENCE)?.read(|reader| {
        let digest = reader.expect(tag::OCTET_STRING)?.content;
        let issuer = reader.optional(tag::SEQUENCE)?.map(issuer_and_serial).transpose()?;
        Ok(CertificateId { hash: None, digest, issuer })
    })
}

/// The hash is SHA-256 if none is written.
fn read_new(value: Element<'_>) -> asn1::Result<CertificateId<'_>> {
    value.expect(tag::SEQUENCE)?.read(|reader| {
        let algorithm = reader.optional(tag::SEQUENCE)?.map(Identifier::read).transpose()?;
        let hash = algorithm.map_or(Some(HashAlgorithm::Sha256), |algorithm| algorithm.hash()).ok_or(Fault::Malformed)?;
        let digest = reader.expect(tag::OCTET_STRING)?.content;
        let issuer = reader.optional(tag::SEQUENCE)?.map(issuer_and_serial).transpose()?;
        Ok(CertificateId { hash: Some(hash), digest, issuer })
    })
}

fn issuer_and_serial(value: Element<'_>) -> asn1::Result<(Vec<GeneralName>, &[u8])> {
    value.read(|reader| Ok((general_names(reader.expect(tag::SEQUENCE)?)?, reader.any()?.integer()?)))
}

impl CertificateId<'_> {
    fn names(&self, signer: &Certificate) -> bool {
        let same_digest = match self.hash {
            Some(hash) => hash.digest(signer.der()).as_bytes() == self.digest,
            None => Sha1::digest(signer.der()).as_slice() == self.digest,
        };
        same_digest && self.issuer.as_ref().is_none_or(|(names, serial)| is_issuer(names, signer) && *serial == signer.serial())
    }
}

fn is_issuer(names: &[GeneralName], signer: &Certificate) -> bool {
    matches!(names, [GeneralName::Directory(name)] if name.matches(signer.issuer()))
}
