//! Why a trust policy is refused, or none applies.

use thiserror::Error;

use super::Kind;
use crate::{DnError, JsonError, StoreNameError};

/// Why a trust policy document is refused. The texts are those of the reference where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `kind`, `statement` and `value` mean the same throughout
pub enum PolicyError {
    /// No version.
    #[error("{kind} trust policy document has empty version, version must be specified")]
    VersionEmpty { kind: Kind },
    /// Another version.
    #[error("{kind} trust policy document uses unsupported version \"{value}\"")]
    VersionUnsupported { kind: Kind, value: String },
    /// No statement.
    #[error("{kind} trust policy document can not have zero trust policy statements")]
    NoStatements { kind: Kind },
    /// Two statements of one name.
    #[error("multiple {kind} trust policy statements use the same name \"{statement}\", statement names must be unique")]
    DuplicateName { kind: Kind, statement: String },
    /// A statement without a name.
    #[error("{kind} trust policy: a trust policy statement is missing a name, every statement requires a name")]
    NameEmpty { kind: Kind },
    /// What is wrong with `signatureVerification`.
    #[error("{kind} trust policy: trust policy statement \"{statement}\" has invalid signatureVerification: {error}")]
    SignatureVerification { kind: Kind, statement: String, error: LevelError },
    /// A statement that skips, and yet trusts somebody.
    #[error(
        "{kind} trust policy: trust policy statement \"{statement}\" is set to skip signature verification but configured with trust stores and/or trusted identities, remove them if signature verification needs to be skipped"
    )]
    SkipWithTrust { kind: Kind, statement: String },
    /// A statement that verifies, and trusts nobody.
    #[error(
        "{kind} trust policy: trust policy statement \"{statement}\" is either missing trust stores or trusted identities, both must be specified"
    )]
    TrustMissing { kind: Kind, statement: String },
    /// What is wrong with a trust store.
    #[error("{kind} trust policy: {error}")]
    TrustStore { kind: Kind, error: StoreReferenceError },
    /// What is wrong with a trusted identity.
    #[error("{kind} trust policy: trust policy statement \"{statement}\" {error}")]
    Identity { kind: Kind, statement: String, error: IdentityError },
    /// A statement without scopes.
    #[error("oci trust policy statement \"{statement}\" has zero registry scopes, it must specify registry scopes with at least one value")]
    NoScopes { statement: String },
    /// The scope of all beside others.
    #[error(
        "oci trust policy statement \"{statement}\" uses wildcard registry scope '*', a wildcard scope cannot be used in conjunction with other scope values"
    )]
    WildcardScopeBesideOthers { statement: String },
    /// A wildcard inside a scope.
    #[error(
        "registry scope \"{value}\" with wild card(s) is not valid, make sure it is a fully qualified repository without the scheme, protocol or tag. For example domain.com/my/repository or a local scope like local/myOCILayout"
    )]
    ScopeWildcard { value: String },
    /// A scope that is no repository.
    #[error(
        "registry scope \"{value}\" is not valid, make sure it is a fully qualified repository without the scheme, protocol or tag. For example domain.com/my/repository or a local scope like local/myOCILayout"
    )]
    ScopeMalformed { value: String },
    /// One scope twice.
    #[error(
        "registry scope \"{value}\" is present in multiple oci trust policy statements, one registry scope value can only be associated with one statement"
    )]
    DuplicateScope { value: String },
    /// The scope of all may not skip.
    #[error("oci trust policy statement \"{statement}\": global scope '*' cannot use verification level skip")]
    GlobalScopeSkips { statement: String },
    /// Two global statements.
    #[error(
        "multiple blob trust policy statements have globalPolicy set to true. Only one trust policy statement can be marked as global policy"
    )]
    MultipleGlobal,
    /// The global statement may not skip.
    #[error("global blob trust policy statement cannot have verification level set to skip")]
    GlobalSkips,
    /// The bytes are not strict JSON.
    #[error("malformed trust policy. {0}")]
    Json(#[from] JsonError),
    /// A member is missing or of the wrong kind.
    #[error("malformed trust policy. `{path}` should be {expected}")]
    Member { path: String, expected: &'static str },
    /// A member that trust policies do not have: most often a misspelt one.
    #[error("malformed trust policy. `{path}` is not known")]
    UnknownMember { path: String },
}

impl PolicyError {
    /// The name of the statement that the error is about, where it is about one that has a name.
    #[must_use]
    pub fn statement(&self) -> Option<&str> {
        match self {
            Self::DuplicateName { statement, .. }
            | Self::SignatureVerification { statement, .. }
            | Self::SkipWithTrust { statement, .. }
            | Self::TrustMissing { statement, .. }
            | Self::Identity { statement, .. }
            | Self::NoScopes { statement }
            | Self::WildcardScopeBesideOthers { statement }
            | Self::GlobalScopeSkips { statement } => Some(statement),
            Self::TrustStore { error, .. } => Some(error.statement()),
            _ => None,
        }
    }
}

/// What is wrong with `signatureVerification`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `value` and `check` are what the policy says
pub enum LevelError {
    /// No level.
    #[error("signature verification level is empty or missing in the trust policy statement")]
    Missing,
    /// No such level.
    #[error("invalid signature verification level \"{value}\"")]
    Unknown { value: String },
    /// Nothing is verified, so nothing can be verified otherwise.
    #[error("signature verification level \"skip\" can't be used to customize signature verification")]
    OverrideOfSkip,
    /// No such check.
    #[error(
        "verification type \"{value}\" in custom signature verification is not supported, supported values are [integrity authenticity authenticTimestamp expiry revocation]"
    )]
    UnknownType { value: String },
    /// No such action.
    #[error("verification action \"{value}\" in custom signature verification is not supported, supported values are [enforce log skip]")]
    UnknownAction { value: String },
    /// Integrity is always enforced.
    #[error("\"integrity\" verification can not be overridden in custom signature verification")]
    OverrideOfIntegrity,
    /// Only revocation may be skipped.
    #[error("\"{check}\" verification can not be skipped in custom signature verification")]
    SkipOfOther { check: &'static str },
    /// No such rule for timestamps.
    #[error("verifyTimestamp must be \"always\" or \"afterCertExpiry\", but got \"{value}\"")]
    VerifyTimestamp { value: String },
}

/// What is wrong with a trust store in a statement.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `statement` and `value` are what the policy says
pub enum StoreReferenceError {
    /// No colon.
    #[error(
        "trust policy statement \"{statement}\" has malformed trust store value \"{value}\". The required format is <TrustStoreType>:<TrustStoreName>"
    )]
    Malformed { statement: String, value: String },
    /// No such type.
    #[error(
        "trust policy statement \"{statement}\" uses an unsupported trust store type \"{store_type}\" in trust store value \"{value}\""
    )]
    Type { statement: String, store_type: String, value: String },
    /// A name that cannot be one.
    #[error(
        "trust policy statement \"{statement}\" uses an unsupported trust store name \"{}\" in trust store value \"{value}\". Named store name needs to follow [a-zA-Z0-9_.-]+ format", error.name
    )]
    Name { statement: String, value: String, error: StoreNameError },
}

impl StoreReferenceError {
    fn statement(&self) -> &str {
        match self {
            Self::Malformed { statement, .. } | Self::Type { statement, .. } | Self::Name { statement, .. } => statement,
        }
    }
}

/// What is wrong with a trusted identity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `value` is what the policy says
pub enum IdentityError {
    /// Everybody beside somebody.
    #[error("uses a wildcard trusted identity '*', a wildcard identity cannot be used in conjunction with other values")]
    WildcardBesideOthers,
    /// Nothing.
    #[error("has an empty trusted identity")]
    Empty,
    /// No colon.
    #[error("has trusted identity \"{value}\" missing separator")]
    NoSeparator { value: String },
    /// Nothing behind the colon.
    #[error("has trusted identity \"{value}\" without an identity value")]
    NoValue { value: String },
    /// A name that cannot be one.
    #[error("has trusted identity \"{value}\" with invalid identity value: {error}")]
    Name { value: String, error: DnError },
    /// Whoever has one name has the other.
    #[error("has overlapping x509 trustedIdentities, \"{value}\" overlaps with \"{other}\"")]
    Overlap { value: String, other: String },
}

/// Why no statement applies.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `value` is what was asked for
pub enum SelectionError {
    /// Not a repository with a digest.
    #[error(
        "artifact URI \"{value}\" could not be parsed, make sure it is the fully qualified oci artifact URI without the scheme/protocol. e.g domain.com:80/my/repository@sha256:digest"
    )]
    Reference { value: String },
    /// No statement is about it.
    #[error(
        "artifact \"{value}\" has no applicable oci trust policy statement. Trust policy applicability for a given artifact is determined by registryScopes"
    )]
    NotApplicable { value: String },
    /// A statement was asked for by no name.
    #[error("policy name cannot be empty")]
    NameEmpty,
    /// No statement has the name.
    #[error("no applicable blob trust policy with name \"{value}\"")]
    NoSuchName { value: String },
    /// No statement is global.
    #[error("no global blob trust policy")]
    NoGlobal,
}
