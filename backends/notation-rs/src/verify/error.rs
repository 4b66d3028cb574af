//! Why a check failed.

use jiff::Timestamp;
use semver::Version;
use thiserror::Error;

use crate::{Label, TimestampError, TrustStoreError, chain::ValidityError, envelope::IntegrityError, plugin::Capability};

/// Why a check failed. Nothing is added without whoever translates it taking note.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckError {
    /// Integrity: see there.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),

    /// The signature is about another artifact.
    #[error("content descriptor mismatch: `{member}` is `{found}`, expected `{expected}`")]
    TargetMismatch {
        /// What differs.
        member: &'static str,
        /// What was signed.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// Metadata that was asked for was not signed, or with another value.
    #[error("unable to find specified metadata in the signature: `{key}`")]
    MetadataMissing {
        /// The key.
        key: String,
    },

    /// The signature names a plugin that is not there.
    #[error(
        "error while locating the verification plugin \"{name}\", make sure the plugin is installed successfully before verifying the signature"
    )]
    PluginRequired {
        /// The plugin.
        name: String,
        /// The least version.
        min_version: Option<Version>,
    },
    /// The plugin is too old.
    #[error("found plugin {name} with version {version} but signature verification needs plugin version greater than or equal to {least}")]
    PluginTooOld {
        /// The plugin.
        name: String,
        /// Its version.
        version: Version,
        /// The least version.
        least: Version,
    },
    /// The plugin verifies nothing.
    #[error(
        "digital signature requires plugin \"{name}\" with signature verification capabilities (\"SIGNATURE_VERIFIER.TRUSTED_IDENTITY\" and/or \"SIGNATURE_VERIFIER.REVOCATION_CHECK\") installed"
    )]
    PluginWithoutCapability {
        /// The plugin.
        name: String,
    },
    /// The plugin has no answer.
    #[error("verification plugin \"{name}\" failed: {reason}")]
    PluginFailed {
        /// The plugin.
        name: String,
        /// Why.
        reason: String,
    },
    /// The plugin did not understand a critical attribute.
    #[error("extended critical attribute \"{label}\" was not processed by the verification plugin \"{name}\"")]
    AttributeNotProcessed {
        /// The attribute.
        label: Label,
        /// The plugin.
        name: String,
    },
    /// The plugin says no.
    #[error("verification plugin \"{name}\" refused the signature for {}: {reason}", capability.as_str())]
    RefusedByPlugin {
        /// The plugin.
        name: String,
        /// What it judged.
        capability: Capability,
        /// Why.
        reason: String,
    },

    /// A trust store is not there.
    #[error(transparent)]
    TrustStore(#[from] TrustStoreError),
    /// The statement names no trust store for the scheme.
    #[error("no trusted certificates are found to verify authenticity")]
    NoTrustedCertificates,
    /// No certificate of the chain is in a trust store.
    #[error("the signature's certificate chain does not contain any trusted certificate")]
    Untrusted,
    /// The statement has identities for plugins only.
    #[error("no x509 trusted identities are configured in the trust policy \"{statement}\"")]
    NoX509Identities {
        /// The statement.
        statement: String,
    },
    /// The signer is somebody else.
    #[error(
        "signing certificate from the digital signature does not match the X.509 trusted identities [{}] defined in the trust policy \"{statement}\": it is \"{subject}\"", identities.join(" ")
    )]
    IdentityMismatch {
        /// The subject of the signer.
        subject: String,
        /// The identities.
        identities: Vec<String>,
        /// The statement.
        statement: String,
    },

    /// The signature has expired.
    #[error("digital signature has expired on \"{}\"", expiry.strftime("%a, %d %b %Y %H:%M:%S +0000"))]
    Expired {
        /// Since when.
        expiry: Timestamp,
    },
    /// The chain is not valid now, and no timestamp counts.
    #[error("verification time is outside the validity period: {0}")]
    NotValidNow(ValidityError),
    /// The chain was not valid when the signing authority signed.
    #[error("certificate was not valid when the digital signature was produced at \"{time}\": {error}")]
    NotValidWhenSigned {
        /// When.
        time: Timestamp,
        /// Which certificate.
        error: ValidityError,
    },
    /// The signature was made in the future.
    #[error("signature claims to be made at \"{time}\", which is in the future")]
    FromTheFuture {
        /// When.
        time: Timestamp,
    },
    /// The timestamp does not count.
    #[error(transparent)]
    Timestamp(#[from] TimestampError),

    /// A certificate was revoked.
    #[error("{role} certificate with subject \"{subject}\" is revoked")]
    Revoked {
        /// `signing` or `timestamping`.
        role: &'static str,
        /// The certificate.
        subject: String,
    },
    /// Nobody knows whether a certificate was revoked.
    #[error("{role} certificate with subject \"{subject}\" revocation status is unknown: {}", reasons.join("; "))]
    RevocationUnknown {
        /// `signing` or `timestamping`.
        role: &'static str,
        /// The certificate.
        subject: String,
        /// Why nobody knows.
        reasons: Vec<String>,
    },
    /// Nobody was asked, because URLs of a signer that is not trusted are not followed.
    #[error("revocation was not asked for, because the signer is not trusted")]
    RevocationNotAsked,
}
