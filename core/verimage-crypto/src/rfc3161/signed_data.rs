//! The envelope of a time stamp: CMS `SignedData` (RFC 5652, section 5), and the response around it.

use const_oid::ObjectIdentifier;

use super::{Form, TimestampError, oid};
use crate::{
    Algorithm, HashAlgorithm,
    asn1::{self, Element, Fault, Reader, tag},
    x509::{Name, algorithm::Identifier, oid as x509},
};

/// What is read of a token. Nothing in it has been verified.
#[derive(Debug)]
pub(super) struct SignedData<'a> {
    /// The DER of `TSTInfo`.
    pub(super) content: &'a [u8],
    /// Certificates in DER; they may be anything.
    pub(super) certificates: Vec<&'a [u8]>,
    /// One at least.
    pub(super) signers: Vec<SignerInfo<'a>>,
}

#[derive(Debug)]
pub(super) struct SignerInfo<'a> {
    pub(super) id: SignerId<'a>,
    pub(super) digest: HashAlgorithm,
    pub(super) algorithm: Algorithm,
    pub(super) attributes: Attributes<'a>,
    pub(super) signature: &'a [u8],
}

/// Which certificate is the signer's.
#[derive(Debug)]
pub(super) enum SignerId<'a> {
    IssuerAndSerial { issuer: Name, serial: &'a [u8] },
    KeyIdentifier(&'a [u8]),
}

/// The signed attributes (RFC 5652, section 5.3): each once, with one value.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    /// The bytes that are signed: the attributes as the `SET OF` that they are, not as the `[0]` that they are written as.
    pub(super) signed: Vec<u8>,
    values: Vec<(ObjectIdentifier, Vec<Element<'a>>)>,
}

const MOST_DIGESTS: usize = 16;
const MOST_CERTIFICATES: usize = 64;
const MOST_ATTRIBUTES: usize = 64;
const MOST_VALUES: usize = 16;
const MOST_SIGNERS: usize = 16;
/// Each signer costs signature checks, so only a few are looked at, where more than one may be.
const MOST_TRIED: usize = 4;

type Result<T> = std::result::Result<T, TimestampError>;

/// Reads a `TimeStampResp` (RFC 3161, section 2.4.2) or the token alone.
pub(super) fn read(bytes: &[u8], form: Form) -> Result<SignedData<'_>> {
    let outer = Element::only(bytes).and_then(|value| value.expect(tag::SEQUENCE)).map_err(malformed("time stamp"))?;
    let is_token = outer.content.first() == Some(&tag::OBJECT_IDENTIFIER);
    if is_token { read_token(outer, form) } else { read_token(token_of_response(outer)?, form) }
}

fn token_of_response(response: Element<'_>) -> Result<Element<'_>> {
    let (status, token) = response
        .read(|reader| {
            let status = reader.expect(tag::SEQUENCE)?.read(|reader| {
                let status = reader.any()?.small()?;
                reader.optional(tag::SEQUENCE)?;
                reader.optional(tag::BIT_STRING)?;
                Ok(status)
            })?;
            Ok((status, reader.optional(tag::SEQUENCE)?))
        })
        .map_err(malformed("time stamp response"))?;
    // Granted, or granted with modifications.
    match (status, token) {
        (0 | 1, Some(token)) => Ok(token),
        _ => Err(TimestampError::Rejected { status }),
    }
}

fn read_token(token: Element<'_>, form: Form) -> Result<SignedData<'_>> {
    let (kind, content) = token
        .read(|reader| Ok((reader.any()?.oid()?, reader.expect(tag::constructed(0))?.read(Reader::any)?)))
        .map_err(malformed("content info"))?;
    expect_type(kind, oid::SIGNED_DATA)?;
    let body = content.expect(tag::SEQUENCE).and_then(|content| content.read(Body::read)).map_err(malformed("signed data"))?;
    expect_type(body.content_type, oid::TST_INFO)?;
    // RFC 5652, section 5.1: the content is not plain data, so the version is 3 at least.
    let (versions, most) = match form {
        Form::Rfc3161 => (3..=5, 1),
        Form::NotaryProject => (3..=3, MOST_TRIED),
    };
    if !versions.contains(&body.version) {
        return Err(TimestampError::Version { part: "signed data", found: body.version });
    }
    if !(1..=most).contains(&body.signers.len()) {
        return Err(TimestampError::Signers { found: body.signers.len() });
    }
    Ok(SignedData { signers: body.read_signers(form)?, content: body.content, certificates: body.certificates })
}

struct Body<'a> {
    version: u64,
    digests: Vec<HashAlgorithm>,
    content_type: ObjectIdentifier,
    content: &'a [u8],
    certificates: Vec<&'a [u8]>,
    signers: Vec<Element<'a>>,
}

impl<'a> Body<'a> {
    fn read(reader: &mut Reader<'a>) -> asn1::Result<Self> {
        let version = reader.any()?.small()?;
        let digests = reader.expect(tag::SET)?.list(MOST_DIGESTS)?.into_iter().map(Identifier::read).collect::<asn1::Result<Vec<_>>>()?;
        let digests = digests.iter().filter_map(Identifier::hash).collect();
        let (content_type, content) = reader.expect(tag::SEQUENCE)?.read(|reader| {
            let content_type = reader.any()?.oid()?;
            let content = reader.expect(tag::constructed(0))?.read(|reader| reader.expect(tag::OCTET_STRING))?;
            Ok((content_type, content.content))
        })?;
        let certificates = reader.optional(tag::constructed(0))?.map(certificates).transpose()?.unwrap_or_default();
        reader.optional(tag::constructed(1))?;
        let signers = reader.expect(tag::SET)?.list_or_empty(MOST_SIGNERS)?;
        Ok(Self { version, digests, content_type, content, certificates, signers })
    }

    /// Those that can be read; if none can, why the first cannot.
    fn read_signers(&self, form: Form) -> Result<Vec<SignerInfo<'a>>> {
        let (mut signers, mut first) = (Vec::new(), None);
        for signer in &self.signers {
            match SignerInfo::read(*signer, form).and_then(|signer| self.announced(signer)) {
                Ok(signer) => signers.push(signer),
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.filter(|_| signers.is_empty()).map_or(Ok(signers), Err)
    }

    /// RFC 5652, section 5.1: a verifier may insist that the digest algorithm is announced.
    fn announced(&self, signer: SignerInfo<'a>) -> Result<SignerInfo<'a>> {
        let is_announced = self.digests.contains(&signer.digest);
        if is_announced { Ok(signer) } else { Err(TimestampError::Malformed { part: "digest algorithms" }) }
    }
}

/// Kinds of certificate other than X.509 are passed over.
fn certificates(value: Element<'_>) -> asn1::Result<Vec<&[u8]>> {
    let choices = value.list_or_empty(MOST_CERTIFICATES)?;
    Ok(choices.into_iter().filter(|choice| choice.tag == tag::SEQUENCE).map(|choice| choice.whole).collect())
}

impl<'a> SignerInfo<'a> {
    fn read(value: Element<'a>, form: Form) -> Result<Self> {
        const PART: &str = "signer info";
        let (version, id, digest, attributes, algorithm, signature) = value
            .expect(tag::SEQUENCE)
            .and_then(|value| {
                value.read(|reader| {
                    let version = reader.any()?.small()?;
                    let id = reader.any()?;
                    let digest = Identifier::read(reader.any()?)?;
                    let attributes = reader.expect(tag::constructed(0))?;
                    let algorithm = Identifier::read(reader.any()?)?;
                    let signature = reader.expect(tag::OCTET_STRING)?.content;
                    reader.optional(tag::constructed(1))?;
                    Ok((version, id, digest, attributes, algorithm, signature))
                })
            })
            .map_err(malformed(PART))?;
        let id = SignerId::read(id).map_err(malformed(PART))?;
        let by_key = form == Form::NotaryProject && matches!(id, SignerId::KeyIdentifier(_));
        if version != id.version() || by_key {
            return Err(TimestampError::Version { part: PART, found: version });
        }
        let digest = digest.hash().ok_or(TimestampError::Algorithm { oid: digest.oid })?;
        let algorithm = signature_algorithm(&algorithm, digest).ok_or(TimestampError::Algorithm { oid: algorithm.oid })?;
        let attributes = Attributes::read(attributes).map_err(malformed("signed attributes"))?;
        Ok(Self { id, digest, algorithm, attributes, signature })
    }
}

/// RFC 3370, section 3.2: plain `rsaEncryption` is PKCS#1 v1.5 with the digest algorithm of the signer.
fn signature_algorithm(algorithm: &Identifier<'_>, digest: HashAlgorithm) -> Option<Algorithm> {
    if algorithm.oid == x509::RSA_ENCRYPTION {
        return algorithm.null_or_absent(Algorithm::RsaPkcs1 { hash: digest });
    }
    algorithm.signature()
}

impl<'a> SignerId<'a> {
    fn read(value: Element<'a>) -> asn1::Result<Self> {
        const KEY_IDENTIFIER: u8 = tag::context(0);
        match value.tag {
            tag::SEQUENCE => value.read(|reader| {
                let issuer = Name::read(reader.any()?)?;
                let serial = reader.any()?.integer()?;
                Ok(Self::IssuerAndSerial { issuer, serial })
            }),
            KEY_IDENTIFIER => Ok(Self::KeyIdentifier(value.content)),
            _ => Err(Fault::Malformed),
        }
    }

    /// RFC 5652, section 5.3.
    fn version(&self) -> u64 {
        match self {
            Self::IssuerAndSerial { .. } => 1,
            Self::KeyIdentifier(_) => 3,
        }
    }
}

impl<'a> Attributes<'a> {
    fn read(value: Element<'a>) -> asn1::Result<Self> {
        let signed = value.whole.iter().skip(1).copied();
        let signed = std::iter::once(tag::SET).chain(signed).collect();
        let mut values = Vec::new();
        for attribute in value.list(MOST_ATTRIBUTES)? {
            values.push(attribute.expect(tag::SEQUENCE)?.read(|reader| {
                let id = reader.any()?.oid()?;
                Ok((id, reader.expect(tag::SET)?.list(MOST_VALUES)?))
            })?);
        }
        Ok(Self { signed, values })
    }

    /// The value of an attribute that must be there.
    pub(super) fn required(&self, id: ObjectIdentifier) -> Result<Element<'a>> {
        self.optional(id)?.ok_or(TimestampError::Attribute { id })
    }

    /// The value of an attribute that may be there.
    pub(super) fn optional(&self, wanted: ObjectIdentifier) -> Result<Option<Element<'a>>> {
        let mut found = self.values.iter().filter(|(id, _)| *id == wanted).map(|(_, values)| values.as_slice());
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some([value]), None) => Ok(Some(*value)),
            _ => Err(TimestampError::Attribute { id: wanted }),
        }
    }
}

fn expect_type(found: ObjectIdentifier, expected: ObjectIdentifier) -> Result<()> {
    if found == expected { Ok(()) } else { Err(TimestampError::ContentType { expected, found }) }
}

pub(super) fn malformed(part: &'static str) -> impl Fn(Fault) -> TimestampError {
    move |_| TimestampError::Malformed { part }
}
