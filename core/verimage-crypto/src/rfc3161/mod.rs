//! Time stamps by a trusted authority (RFC 3161), verified for any scheme.
//!
//! [`TokenRules`] verify a response or a token over the bytes that were stamped. The token's envelope, its signature, its
//! signer, the path to an anchor at the stamped time and what was stamped are all checked; nothing of the token is given
//! out before.

mod error;
mod ess;
mod oid;
mod signed_data;
mod tst_info;

use std::time::Duration;

pub use error::TimestampError;

use crate::{
    CryptoSet, HashAlgorithm,
    x509::{Certificate, ObjectIdentifier, Path, PathRules, ensure_valid_at},
};
use signed_data::{SignedData, SignerId, SignerInfo};
use tst_info::TstInfo;

/// What a time stamp must satisfy.
///
/// Always: one signer, unless the [`Form`] allows several; the certificate that made the signature is no certification
/// authority and is for time stamping alone, critically; a path from it to an anchor is valid at the stamped time; the hash of
/// the message is the stamped one.
///
/// ```
/// # use verimage_crypto::{CryptoSet, rfc3161::{Stamped, TimestampError, TokenRules}, x509::Certificate};
/// # fn check(roots: &[Certificate], token: &[u8], signature: &[u8]) -> Result<(), TimestampError> {
/// let timestamp = TokenRules::new(roots).verify(token, Stamped::Message(signature), &CryptoSet::rustcrypto())?;
/// println!("signed before {}", timestamp.gen_time());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TokenRules<'a> {
    anchors: &'a [Certificate],
    intermediates: &'a [Certificate],
    embedded: Embedded,
    pinned: Option<&'a Certificate>,
    signing_certificate: SigningCertificate,
    form: Form,
    now: Option<i64>,
}

/// Whose rules say how a token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// RFC 3161 and RFC 5652: exactly one signer.
    Rfc3161,
    /// The Notary Project: `SignedData` of version 3, `SignerInfo` of version 1, which names the signer by issuer and serial
    /// number; of a few signers one that is good suffices.
    NotaryProject,
}

/// What the certificates inside a token are good for. They are never anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Embedded {
    /// For finding the signer, and as intermediates of the path.
    Intermediates,
    /// For finding the signer only.
    SignerOnly,
}

/// Which attribute must name the signing certificate. Whatever is there must name the one that signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningCertificate {
    /// Either version, or none.
    IfPresent,
    /// Version 2 (RFC 5816), as the Notary Project wants it.
    V2Required,
}

/// What must have been stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stamped<'a> {
    /// These bytes: the raw signature, in most schemes.
    Message(&'a [u8]),
    /// Anything. Such a time stamp says nothing about what the caller has: for conformance tests.
    InsecureAnything,
}

impl<'a> TokenRules<'a> {
    /// Largest response or token that is read, in bytes of DER.
    pub const MAX_SIZE: usize = 256 * 1024;

    /// Rules with the anchors of one authority.
    #[must_use]
    pub fn new(anchors: &'a [Certificate]) -> Self {
        Self {
            anchors,
            intermediates: &[],
            embedded: Embedded::Intermediates,
            pinned: None,
            signing_certificate: SigningCertificate::IfPresent,
            form: Form::Rfc3161,
            now: None,
        }
    }

    /// More certificates for the path. The signer's may be among them.
    #[must_use]
    pub fn intermediates(self, intermediates: &'a [Certificate]) -> Self {
        Self { intermediates, ..self }
    }

    /// What the certificates inside the token are good for.
    #[must_use]
    pub fn embedded(self, embedded: Embedded) -> Self {
        Self { embedded, ..self }
    }

    /// The signer must be exactly this certificate, embedded or not.
    #[must_use]
    pub fn pinned_signer(self, signer: &'a Certificate) -> Self {
        Self { pinned: Some(signer), ..self }
    }

    /// Which attribute must name the signing certificate.
    #[must_use]
    pub fn signing_certificate(self, rule: SigningCertificate) -> Self {
        Self { signing_certificate: rule, ..self }
    }

    /// Whose rules say how the token is written.
    #[must_use]
    pub fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// The stamped time must not be later than this.
    #[must_use]
    pub fn now(self, now: i64) -> Self {
        Self { now: Some(now), ..self }
    }

    /// Verifies a `TimeStampResp` or a bare token in DER.
    ///
    /// A nonce is for whoever asked for the time stamp; it is not compared.
    ///
    /// # Errors
    /// [`TimestampError`] with the first check that failed; of several signers, none of which is good, for the first.
    pub fn verify(&self, token: &[u8], stamped: Stamped<'_>, set: &CryptoSet) -> Result<Timestamp, TimestampError> {
        if token.len() > Self::MAX_SIZE {
            return Err(TimestampError::TooLarge { limit: Self::MAX_SIZE });
        }
        let data = signed_data::read(token, self.form)?;
        let info = tst_info::read(data.content)?;
        check_imprint(&info, stamped)?;
        let embedded: Vec<_> = data.certificates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        let mut first = TimestampError::Signers { found: data.signers.len() };
        for (index, signer) in data.signers.iter().enumerate() {
            match self.verify_signer(&data, signer, &info, &embedded, set) {
                Ok(timestamp) => return Ok(timestamp),
                Err(error) if index == 0 => first = error,
                Err(_) => {}
            }
        }
        Err(first)
    }

    fn verify_signer(
        &self,
        data: &SignedData<'_>,
        signer: &SignerInfo<'_>,
        info: &TstInfo<'_>,
        embedded: &[Certificate],
        set: &CryptoSet,
    ) -> Result<Timestamp, TimestampError> {
        check_attributes(data.content, signer)?;
        let certificate = self.certificate(signer, embedded, set)?;
        ess::check(&signer.attributes, &certificate, self.signing_certificate)?;
        check_certificate(&certificate)?;
        let path = self.path(&certificate, embedded, info.gen_time, set)?;
        let signing_time = signing_time(signer)?;
        signing_time.map_or(Ok(()), |time| ensure_valid_at(&path, time)).map_err(Box::new)?;
        match self.now.filter(|now| info.gen_time.0 > *now) {
            Some(now) => Err(TimestampError::Future { gen_time: info.gen_time.0, now }),
            None => Ok(Timestamp::new(info, signing_time, path)),
        }
    }

    /// The certificate that made the signature, not one that is only named.
    fn certificate(&self, signer: &SignerInfo<'_>, embedded: &[Certificate], set: &CryptoSet) -> Result<Certificate, TimestampError> {
        const MOST_TRIED: usize = 8;
        let named = |certificate: &&Certificate| is_named(&signer.id, certificate);
        let candidates: Vec<_> = match self.pinned {
            Some(pinned) if embedded.iter().filter(named).any(|certificate| certificate != pinned) => Vec::new(),
            Some(pinned) => [pinned].into_iter().filter(named).collect(),
            None => embedded.iter().chain(self.intermediates).filter(named).take(MOST_TRIED).collect(),
        };
        let mut outcome = Err(TimestampError::SignerUnknown);
        for candidate in candidates {
            match candidate.verify(set, signer.algorithm, &signer.attributes.signed, signer.signature) {
                Ok(()) => return Ok(candidate.clone()),
                Err(error) => outcome = Err(TimestampError::Signature(error)),
            }
        }
        outcome
    }

    /// The whole path is valid at the stamped time; where that has a fraction, until the next second.
    fn path(
        &self,
        signer: &Certificate,
        embedded: &[Certificate],
        (seconds, nanoseconds): (i64, u32),
        set: &CryptoSet,
    ) -> Result<Path, TimestampError> {
        let mut pool = self.intermediates.to_vec();
        if self.embedded == Embedded::Intermediates {
            pool.extend_from_slice(embedded);
        }
        let path = PathRules::new(self.anchors, &pool, seconds).purpose(oid::TIME_STAMPING).find(signer, set).map_err(Box::new)?;
        let until = seconds.saturating_add(i64::from(nanoseconds > 0));
        ensure_valid_at(&path, until).map_err(Box::new)?;
        Ok(path)
    }
}

/// A time stamp that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    gen_time: i64,
    nanoseconds: u32,
    accuracy: Option<Duration>,
    policy: ObjectIdentifier,
    serial: Vec<u8>,
    imprint_hash: HashAlgorithm,
    nonce: Option<Vec<u8>>,
    signing_time: Option<i64>,
    path: Path,
}

impl Timestamp {
    /// The stamped time, in whole seconds since 1970.
    #[must_use]
    pub fn gen_time(&self) -> i64 {
        self.gen_time
    }

    /// What the stamped time has beyond the whole second, in nanoseconds.
    #[must_use]
    pub fn nanoseconds(&self) -> u32 {
        self.nanoseconds
    }

    /// How far the stamped time may be off, both ways, if that is said.
    #[must_use]
    pub fn accuracy(&self) -> Option<Duration> {
        self.accuracy
    }

    /// The authority's policy.
    #[must_use]
    pub fn policy(&self) -> ObjectIdentifier {
        self.policy
    }

    /// The number of the time stamp, in two's complement, big-endian.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The hash of the message that was stamped.
    #[must_use]
    pub fn imprint_hash(&self) -> HashAlgorithm {
        self.imprint_hash
    }

    /// The nonce of the request, if there was one.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// The signing time attribute, in seconds since 1970. It lies in the validity of the whole path.
    #[must_use]
    pub fn signing_time(&self) -> Option<i64> {
        self.signing_time
    }

    /// The certificate that signed.
    #[must_use]
    pub fn signer(&self) -> &Certificate {
        self.path.leaf()
    }

    /// The path from the signer to the anchor.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn new(info: &TstInfo<'_>, signing_time: Option<i64>, path: Path) -> Self {
        let (gen_time, nanoseconds) = info.gen_time;
        Self {
            gen_time,
            nanoseconds,
            accuracy: info.accuracy,
            policy: info.policy,
            serial: info.serial.to_vec(),
            imprint_hash: info.hash,
            nonce: info.nonce.map(<[u8]>::to_vec),
            signing_time,
            path,
        }
    }
}

/// The imprint has the length of its hash in any case.
fn check_imprint(info: &TstInfo<'_>, stamped: Stamped<'_>) -> Result<(), TimestampError> {
    let same = match stamped {
        Stamped::Message(message) => info.hash.digest(message).as_bytes() == info.imprint,
        Stamped::InsecureAnything => info.hash.digest(&[]).as_bytes().len() == info.imprint.len(),
    };
    if same { Ok(()) } else { Err(TimestampError::Imprint { hash: info.hash }) }
}

/// RFC 5652, section 5.4 and 11: the attributes bind the content and its type.
fn check_attributes(content: &[u8], signer: &SignerInfo<'_>) -> Result<(), TimestampError> {
    let attributes = &signer.attributes;
    let found = attributes.required(oid::CONTENT_TYPE)?.oid().map_err(signed_data::malformed("content type attribute"))?;
    if found != oid::TST_INFO {
        return Err(TimestampError::ContentType { expected: oid::TST_INFO, found });
    }
    let digest = attributes.required(oid::MESSAGE_DIGEST)?;
    let same = digest.tag == crate::asn1::tag::OCTET_STRING && digest.content == signer.digest.digest(content).as_bytes();
    if same { Ok(()) } else { Err(TimestampError::MessageDigest) }
}

fn signing_time(signer: &SignerInfo<'_>) -> Result<Option<i64>, TimestampError> {
    let value = signer.attributes.optional(oid::SIGNING_TIME)?;
    value.map(crate::asn1::time::read).transpose().map_err(signed_data::malformed("signing time attribute"))
}

fn is_named(id: &SignerId<'_>, certificate: &Certificate) -> bool {
    match id {
        SignerId::IssuerAndSerial { issuer, serial } => certificate.issuer().der() == issuer.der() && certificate.serial() == *serial,
        SignerId::KeyIdentifier(key) => certificate.subject_key_identifier() == Some(key),
    }
}

/// RFC 3161, section 2.3: the certificate is for time stamping alone, and says so critically.
fn check_certificate(signer: &Certificate) -> Result<(), TimestampError> {
    if signer.is_ca() {
        return Err(TimestampError::SignerIsAuthority);
    }
    match signer.extended_key_usage() {
        Some(usage) if usage.critical && usage.purposes == [oid::TIME_STAMPING] => Ok(()),
        _ => Err(TimestampError::SignerPurpose),
    }
}
