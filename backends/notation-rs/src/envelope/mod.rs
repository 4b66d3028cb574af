//! Signature envelopes: JWS and COSE, read into one form, and their integrity.

mod cose;
mod error;
mod headers;
mod integrity;
mod jws;
mod time;

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use semver::Version;
use verimage_crypto::x509::Certificate;

use crate::{Label, SignatureAlgorithm, Value, value::brief};

pub use error::{EnvelopeError, IntegrityError};
pub use integrity::{PssSalt, VerifiedEnvelope};

/// The form of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Flattened JSON Web Signature: `application/jose+json`.
    Jws,
    /// `COSE_Sign1`: `application/cose`.
    Cose,
}

impl Format {
    /// The form that a media type names; compared exactly.
    ///
    /// # Errors
    /// [`EnvelopeError::Format`] for any other media type.
    pub fn from_media_type(media_type: &str) -> Result<Self, EnvelopeError> {
        match media_type {
            "application/jose+json" => Ok(Self::Jws),
            "application/cose" => Ok(Self::Cose),
            other => Err(EnvelopeError::Format { media_type: brief(other) }),
        }
    }

    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jws => "application/jose+json",
            Self::Cose => "application/cose",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.media_type())
    }
}

/// How the signer claims trust (signing scheme specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningScheme {
    /// `notary.x509`: a signer with a certificate; its time is proven by a timestamp only.
    X509,
    /// `notary.x509.signingAuthority`: an authority that vouches for the time itself.
    X509SigningAuthority,
}

impl SigningScheme {
    /// The name in the envelope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X509 => "notary.x509",
            Self::X509SigningAuthority => "notary.x509.signingAuthority",
        }
    }
}

impl fmt::Display for SigningScheme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The plugin without which the signature must not be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginAttributes {
    /// Its name.
    pub name: String,
    /// The least version, if one is named.
    pub min_version: Option<Version>,
}

/// A signed attribute that the specification does not define.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExtendedAttribute {
    /// Its name.
    pub label: Label,
    /// Whether whoever does not understand it must refuse the signature.
    pub critical: bool,
    /// Its value.
    pub value: Value,
}

/// What an envelope says, in either form.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SignerInfo {
    /// The form of the envelope.
    pub format: Format,
    /// The algorithm that the header names.
    pub algorithm: SignatureAlgorithm,
    /// The content type of the payload.
    pub content_type: String,
    /// The payload, byte for byte as it was signed.
    pub payload: Vec<u8>,
    /// The signing scheme.
    pub signing_scheme: SigningScheme,
    /// When the signer says that it signed; nobody vouches for it.
    pub signing_time: Option<Timestamp>,
    /// When the signing authority says that it signed.
    pub authentic_signing_time: Option<Timestamp>,
    /// From when on the signer does not want the signature to count.
    pub expiry: Option<Timestamp>,
    /// The plugin that must have its say.
    pub plugin: Option<PluginAttributes>,
    /// All other signed attributes.
    pub extended_attributes: Vec<ExtendedAttribute>,
    /// Leaf first, root last.
    pub certificate_chain: Vec<Certificate>,
    /// The signature itself: `r` and `s` of fixed width, or an RSA block.
    pub signature: Vec<u8>,
    /// A timestamp token (RFC 3161) over the signature. Not signed.
    pub timestamp_signature: Option<Vec<u8>>,
    /// What made the signature. Not signed.
    pub signing_agent: Option<String>,
}

impl SignerInfo {
    /// The signing certificate.
    #[must_use]
    pub fn leaf(&self) -> Option<&Certificate> {
        self.certificate_chain.first()
    }

    /// The claimed time: that of the authority, or else that of the signer.
    #[must_use]
    pub fn claimed_time(&self) -> Option<Timestamp> {
        self.authentic_signing_time.or(self.signing_time)
    }

    /// The critical attributes that the specification does not define.
    pub fn unknown_critical_attributes(&self) -> impl Iterator<Item = &ExtendedAttribute> {
        self.extended_attributes.iter().filter(|attribute| attribute.critical)
    }
}

/// An envelope that has been read, and not yet verified.
///
/// ```
/// use notation_rs::envelope::{Envelope, EnvelopeError, Format};
///
/// let format = Format::from_media_type("application/jose+json")?;
/// assert!(matches!(Envelope::parse(format, b"{}"), Err(EnvelopeError::MissingMember { .. })));
/// # Ok::<(), EnvelopeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Envelope {
    info: Arc<SignerInfo>,
    message: Vec<u8>,
}

impl Envelope {
    /// Largest envelope that is read, in bytes.
    pub const MAX_SIZE: usize = 32 * 1024 * 1024;

    /// Most certificates in one chain.
    pub const MAX_CERTIFICATES: usize = 10;

    /// Reads an envelope and checks all that can be checked without a key: its form and the rules for its headers.
    ///
    /// # Errors
    /// [`EnvelopeError`] with the first rule that is broken.
    pub fn parse(format: Format, bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > Self::MAX_SIZE {
            return Err(EnvelopeError::TooLarge { limit: Self::MAX_SIZE });
        }
        let parts = match format {
            Format::Jws => jws::read(bytes)?,
            Format::Cose => cose::read(bytes)?,
        };
        let message = parts.message.clone();
        Ok(Self { info: Arc::new(headers::interpret(format, parts)?), message })
    }

    /// What the envelope says. **Nothing of it is proven**: for showing it to people, never for a decision.
    #[must_use]
    pub fn unverified(&self) -> &SignerInfo {
        &self.info
    }
}
