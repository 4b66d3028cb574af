//! Trust policies: which statement applies to an artifact, and what it demands.

mod document;
mod error;
mod level;
mod scope;
mod validate;

use std::fmt;

use crate::{StoreName, StoreType, TrustedIdentity};
use document::Document;

pub use document::{Leniency, Reading};
pub use error::{IdentityError, LevelError, PolicyError, SelectionError, StoreReferenceError};
pub use level::{Action, Level, LevelName, VerificationType};

/// What a trust policy document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Artifacts in registries.
    Oci,
    /// Files.
    Blob,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Oci => "oci",
            Self::Blob => "blob",
        })
    }
}

/// When the timestamp of a signature is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VerifyTimestamp {
    /// Always.
    #[default]
    Always,
    /// Only when a certificate of the chain has expired.
    AfterCertExpiry,
}

/// A trust store that a statement names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StoreReference {
    /// Its type.
    pub store_type: StoreType,
    /// Its name.
    pub name: StoreName,
}

/// Whose signatures a statement accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedIdentities {
    /// Everybody with a certificate of the trust stores: `*`.
    Any,
    /// Any one of these.
    AnyOf(Vec<TrustedIdentity>),
}

/// One statement of a trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// Its name.
    pub name: String,
    /// What is verified, and what a failure does.
    pub level: Level,
    /// When timestamps are verified.
    pub verify_timestamp: VerifyTimestamp,
    /// The trust stores.
    pub trust_stores: Vec<StoreReference>,
    /// The trusted identities.
    pub trusted_identities: TrustedIdentities,
    /// The repositories, or `*`; empty for blobs.
    pub registry_scopes: Vec<String>,
    /// Whether the statement is for all blobs for which none is named.
    pub is_global: bool,
}

/// A valid trust policy document for artifacts in registries.
///
/// ```
/// use notation_rs::trust_policy::OciDocument;
///
/// let policy = OciDocument::parse(br#"{"version": "1.0", "trustPolicies": [{
///     "name": "production", "registryScopes": ["registry.example.com/app"],
///     "signatureVerification": {"level": "strict"},
///     "trustStores": ["ca:acme"], "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"]
/// }]}"#)?;
/// assert_eq!(policy.select("registry.example.com/app@sha256:00")?.name, "production");
/// assert!(policy.select("registry.example.com/other@sha256:00").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciDocument {
    statements: Vec<Statement>,
}

impl OciDocument {
    /// Reads and validates a document.
    ///
    /// # Errors
    /// [`PolicyError`] with the first rule that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        Self::parse_with(bytes, Reading::default())
    }

    /// As [`parse`](Self::parse), with a say about what the reference allows beside.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(bytes: &[u8], reading: Reading) -> Result<Self, PolicyError> {
        let document = Document::read(bytes, "registryScopes", reading.unknown_members)?;
        Ok(Self { statements: validate::statements(Kind::Oci, document, reading)? })
    }

    /// All statements, in their order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The statement for an artifact, `host/path@digest`: the one that names exactly the repository, or else the one for `*`.
    ///
    /// # Errors
    /// [`SelectionError::Reference`] and [`SelectionError::NotApplicable`].
    pub fn select(&self, artifact: &str) -> Result<&Statement, SelectionError> {
        let repository = artifact.rsplit_once('@').map(|(repository, _)| repository).filter(|text| scope::is_repository(text));
        let repository = repository.ok_or_else(|| SelectionError::Reference { value: artifact.to_owned() })?;
        let with = |wanted: &str| self.statements.iter().find(|statement| statement.registry_scopes.iter().any(|scope| scope == wanted));
        with(repository).or_else(|| with("*")).ok_or_else(|| SelectionError::NotApplicable { value: artifact.to_owned() })
    }

    /// A scope that differs from a repository only in the case of letters or in the port that is understood. It does not
    /// apply, but somebody may have thought that it would.
    #[must_use]
    pub fn near_miss(&self, repository: &str) -> Option<&str> {
        let mut scopes = self.statements.iter().flat_map(|statement| &statement.registry_scopes);
        scopes.find(|scope| scope::is_near(scope, repository)).map(String::as_str)
    }
}

/// A valid trust policy document for blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobDocument {
    statements: Vec<Statement>,
}

impl BlobDocument {
    /// Reads and validates a document.
    ///
    /// # Errors
    /// [`PolicyError`] with the first rule that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        Self::parse_with(bytes, Reading::default())
    }

    /// As [`parse`](Self::parse), with a say about what the reference allows beside.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(bytes: &[u8], reading: Reading) -> Result<Self, PolicyError> {
        let document = Document::read(bytes, "globalPolicy", reading.unknown_members)?;
        Ok(Self { statements: validate::statements(Kind::Blob, document, reading)? })
    }

    /// All statements, in their order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The statement of a name.
    ///
    /// # Errors
    /// [`SelectionError::NameEmpty`] and [`SelectionError::NoSuchName`].
    pub fn select(&self, name: &str) -> Result<&Statement, SelectionError> {
        if name.trim().is_empty() {
            return Err(SelectionError::NameEmpty);
        }
        let found = self.statements.iter().find(|statement| statement.name == name);
        found.ok_or_else(|| SelectionError::NoSuchName { value: name.to_owned() })
    }

    /// The statement for all other blobs.
    ///
    /// # Errors
    /// [`SelectionError::NoGlobal`].
    pub fn global(&self) -> Result<&Statement, SelectionError> {
        self.statements.iter().find(|statement| statement.is_global).ok_or(SelectionError::NoGlobal)
    }
}
