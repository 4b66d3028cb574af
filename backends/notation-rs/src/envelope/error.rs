//! Why an envelope is not accepted.

use thiserror::Error;
use verimage_crypto::{SignatureError, x509::CertificateError};

use crate::{Label, SignatureAlgorithm, UnsupportedKey, cbor::CborError, chain::ChainError, json::JsonError, payload::PayloadError};

/// Why bytes are not an envelope as the specification wants it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// `alg` names an algorithm that is not served.
    #[error("signature algorithm `{found}` is not supported")]
    Algorithm {
        /// What it names.
        found: String,
    },
    /// Base64 with white space, wrong padding or bits to spare.
    #[error("`{member}` is not canonical base64")]
    Base64 {
        /// Where.
        member: &'static str,
    },
    /// A header that differs from a known one in case only: others would take it for that.
    #[error("header `{found}` differs from `{known}` in case only")]
    CaseVariant {
        /// The header.
        found: String,
        /// The known one.
        known: &'static str,
    },
    /// The bytes are not strict CBOR.
    #[error("unable to parse the digital signature, error : {0}")]
    Cbor(#[from] CborError),
    /// A certificate of the chain cannot be read.
    #[error("malformed {} certificate: {error}", if *index == 0 { "leaf" } else { "chain" })]
    Certificate {
        /// Where in the chain, from 0.
        index: usize,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// There is no chain, or an empty one.
    #[error("certificate chain is not present")]
    CertificateChainMissing,
    /// The payload is of another type.
    #[error("payload content type \"{found}\" not supported")]
    ContentType {
        /// The type.
        found: String,
    },
    /// A header that must be there always must not be listed as critical.
    #[error("header `{label}` must not be listed as critical")]
    CriticalForbidden {
        /// The header.
        label: Label,
    },
    /// `crit` is empty or is no list of names.
    #[error("\"crit\" header must be a non-empty list of header names")]
    CriticalMalformed,
    /// There is no `crit`.
    #[error("missing \"crit\" header")]
    CriticalMissing,
    /// A header that is listed as critical is not there.
    #[error("\"{label}\" header is marked critical but not present")]
    CriticalNotPresent {
        /// The header.
        label: Label,
    },
    /// A header is listed as critical twice.
    #[error("\"{label}\" header is marked critical twice")]
    CriticalTwice {
        /// The header.
        label: Label,
    },
    /// Signed and unsigned headers share a name.
    #[error("header `{label}` is both signed and unsigned")]
    Disjoint {
        /// The header.
        label: Label,
    },
    /// The signature expires before it was made.
    #[error("expiry cannot be equal or before the signing time")]
    Expiry,
    /// A header that changes what the signature is over.
    #[error("header `{label}` is not allowed")]
    Forbidden {
        /// The header.
        label: Label,
    },
    /// The media type names no form of envelope.
    #[error("signature envelope format with media type \"{media_type}\" is not supported")]
    Format {
        /// The media type.
        media_type: String,
    },
    /// A header has a value of the wrong kind.
    #[error("header `{name}` should be {expected}")]
    Header {
        /// The header.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The bytes are not strict JSON.
    #[error("unable to parse the digital signature, error : {0}")]
    Json(#[from] JsonError),
    /// A part of the envelope is missing.
    #[error("{member} missing in {format} envelope")]
    MissingMember {
        /// The part.
        member: &'static str,
        /// The form of the envelope.
        format: &'static str,
    },
    /// A header is missing.
    #[error("header `{name}` is not present")]
    MissingHeader {
        /// The header.
        name: &'static str,
    },
    /// Headers that must be listed as critical are not.
    #[error("these required headers are not marked as critical: [{}]", names.join(", "))]
    NotCritical {
        /// The headers.
        names: Vec<&'static str>,
    },
    /// An attribute for a plugin is blank.
    #[error("{name} is an empty string")]
    PluginAttributeEmpty {
        /// The attribute.
        name: &'static str,
    },
    /// A least version of a plugin, but no plugin.
    #[error("a verification plugin version is named, but no verification plugin")]
    PluginMissing,
    /// The least version of a plugin is not a semantic version.
    #[error("\"{found}\" is not a semantic version")]
    PluginVersion {
        /// What it is.
        found: String,
    },
    /// The scheme is not one of the two.
    #[error("unsupported SigningScheme: `{found}`")]
    SigningScheme {
        /// What it names.
        found: String,
    },
    /// The signing time that the scheme needs is missing.
    #[error("signing-time not present")]
    SigningTimeMissing,
    /// The structure is not that of the format.
    #[error("unable to parse the digital signature, error : {what}")]
    Structure {
        /// What is wrong.
        what: &'static str,
    },
    /// A tag where none may be.
    #[error("header `{label}` holds a CBOR tag")]
    Tag {
        /// The header.
        label: Label,
    },
    /// A time of the other scheme.
    #[error("\"{name}\" header must not be present for {scheme} signing scheme")]
    TimeOfOtherScheme {
        /// The header.
        name: &'static str,
        /// The scheme.
        scheme: &'static str,
    },
    /// More bytes than are read.
    #[error("envelope has more than {limit} bytes")]
    TooLarge {
        /// Bytes that would be read.
        limit: usize,
    },
    /// More certificates than are read.
    #[error("certificate chain has {found} certificates, at most {limit} are read")]
    TooManyCertificates {
        /// How many there are.
        found: usize,
        /// How many would be read.
        limit: usize,
    },
    /// A critical attribute that nobody here understands.
    #[error("critical attribute `{label}` is not understood")]
    UnknownCritical {
        /// The attribute.
        label: Label,
    },
    /// A member that the format does not have.
    #[error("unknown member `{name}` in the envelope")]
    UnknownMember {
        /// The member.
        name: String,
    },
}

/// Why the integrity of an envelope is not proven. Nothing is added without whoever translates it taking note.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IntegrityError {
    /// The header names another algorithm than the key stands for.
    #[error("mismatch between signature algorithm derived from signing certificate ({key}) and signing algorithm specified ({header})")]
    AlgorithmMismatch {
        /// The algorithm of the key.
        key: SignatureAlgorithm,
        /// The algorithm in the header.
        header: SignatureAlgorithm,
    },
    /// The chain breaks a rule.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The envelope itself breaks a rule.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The key of the leaf is not one of those that may sign.
    #[error(transparent)]
    Key(#[from] UnsupportedKey),
    /// The payload breaks a rule.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The signature does not match.
    #[error("signature is invalid. Error: {0}")]
    Signature(#[from] SignatureError),
    /// The crypto set refuses the key.
    #[error("signature is invalid. Error: {0}")]
    SignatureKey(verimage_crypto::KeyError),
    /// The signature matches, but its salt has not the length of the hash.
    #[error("signature has a salt of {found} bytes, expected {expected}")]
    SaltLength {
        /// The length found.
        found: usize,
        /// The length of the hash.
        expected: usize,
    },
}
