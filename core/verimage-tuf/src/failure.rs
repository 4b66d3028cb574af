//! Why a target is not trusted.

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;
use verimage_core::Digest;
use verimage_crypto::x509::PathError;

use crate::{DelegationName, Gun, RoleFile, RoleName};

/// Why a target is not trusted: the collection, the role at fault, and the fault with what was expected and found.
///
/// `Display` says what is wrong in one line; [`hint`](Self::hint) says what to do about it.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{gun}: {}", line(.role, .fault))]
#[non_exhaustive]
pub struct Failure {
    /// The collection.
    pub gun: Gun,
    /// The role whose file or whose entry is at fault.
    pub role: RoleName,
    /// What is wrong.
    pub fault: Fault,
}

impl Failure {
    /// The kind, for machines.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.fault.kind(&self.role)
    }

    /// The check that failed.
    #[must_use]
    pub fn check(&self) -> Check {
        self.fault.check()
    }

    /// What a newcomer can do about it, in one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        self.fault.hint()
    }
}

/// The kinds of failure. Each has the text of the failure code of `verimage` that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FailureKind {
    /// The repository is not signed, or the tag is not among what is signed.
    SignatureNotFound,
    /// No key of the role made a signature that verifies.
    SignatureInvalid,
    /// Fewer distinct keys, or fewer delegations, than demanded.
    ThresholdNotMet,
    /// A file is malformed, missing, or not the one that another file names.
    MetadataInvalid,
    /// A file is past its expiry.
    MetadataExpired,
    /// A file is older than one that was seen before.
    RollbackDetected,
    /// The root does not hold what is pinned, or its certificate is none that counts.
    CertificateUntrusted,
    /// The root certificate is past its validity, or before it.
    CertificateExpired,
    /// The root certificate is for another collection.
    ReferenceMismatch,
    /// A delegation that is needed is not there.
    DelegationMissing,
    /// The tag has another digest than the reference, or delegations do not agree on it.
    TagDigestMismatch,
    /// More bytes, roles or signatures than allowed.
    LimitExceeded,
    /// A file could not be fetched. The caller knows why.
    StoreUnavailable,
}

impl FailureKind {
    /// The text of the failure code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignatureNotFound => "signature-not-found",
            Self::SignatureInvalid => "signature-invalid",
            Self::ThresholdNotMet => "threshold-not-met",
            Self::MetadataInvalid => "metadata-invalid",
            Self::MetadataExpired => "metadata-expired",
            Self::RollbackDetected => "rollback-detected",
            Self::CertificateUntrusted => "certificate-untrusted",
            Self::CertificateExpired => "certificate-expired",
            Self::ReferenceMismatch => "reference-mismatch",
            Self::DelegationMissing => "delegation-missing",
            Self::TagDigestMismatch => "tag-digest-mismatch",
            Self::LimitExceeded => "limit-exceeded",
            Self::StoreUnavailable => "store-unavailable",
        }
    }
}

/// The checks, by the numbers of specification section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Check {
    /// The file was there and could be had.
    Availability,
    /// C1: size.
    Size,
    /// C2: hash over the bytes received.
    Hash,
    /// C3: length over the bytes received.
    Length,
    /// The file is strict JSON of the right shape.
    Structure,
    /// C4: `_type`.
    Type,
    /// C5: version.
    Version,
    /// C6: roles and their thresholds.
    Roles,
    /// C7: key IDs.
    KeyId,
    /// C8: signatures.
    Signatures,
    /// C9: threshold.
    Threshold,
    /// C10: expiry.
    Expiry,
    /// C11: rollback.
    Rollback,
    /// C12: delegations.
    Delegation,
    /// C13: the target.
    Target,
    /// Sections 3.1 and 3.2: what the user pinned.
    Pin,
    /// Section 3.3: rotation of the root.
    Rotation,
    /// Section 4: which roles must agree on the tag.
    Agreement,
}

/// What is wrong with a role, a file, or an entry.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The server has no root for the collection.
    #[error("is not signed: the server has no trust data for it")]
    NotSigned,
    /// The server does not serve a file that must be there.
    #[error("the server does not serve {file}, which must be there")]
    Absent {
        /// The file.
        file: RoleFile,
    },
    /// A file could not be fetched, so nothing is known.
    #[error("{file} could not be fetched")]
    Unreachable {
        /// The file.
        file: RoleFile,
    },
    /// C1: the file is larger than its role may be.
    #[error("is larger than {limit} bytes")]
    TooLarge {
        /// Bytes that are read at most.
        limit: u64,
    },
    /// More of something than is looked at.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many are looked at.
        limit: u64,
    },
    /// C2: the file is another one than the role above it names.
    #[error("{algorithm} of the file is {found}, expected {expected}")]
    Hash {
        /// `sha256` or `sha512`.
        algorithm: &'static str,
        /// In hexadecimal.
        expected: String,
        /// In hexadecimal.
        found: String,
    },
    /// C3: the file has another length than the role above it names.
    #[error("the file has {} bytes, expected {expected}", found.map_or_else(|| "more".to_owned(), |found| found.to_string()))]
    Length {
        /// Bytes that the role above it names.
        expected: u64,
        /// Bytes received; nothing if the store stopped reading.
        found: Option<u64>,
    },
    /// The file is no strict JSON, or not of the shape of its role.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// C7: a key stands under an ID that is not its own. Such an ID would let one key count twice.
    #[error("a key is listed as {listed}, but its ID is {computed}")]
    KeyId {
        /// As listed.
        listed: String,
        /// As computed from the key.
        computed: String,
    },
    /// C8: no signature by a key of the role verifies.
    #[error("no signature by a key of the role verifies ({reason})")]
    NoValidSignature {
        /// Of the signatures that came closest, the first.
        reason: String,
        /// Key IDs of the role.
        keys: Vec<String>,
    },
    /// C9: not enough keys signed.
    #[error("{found} of the {threshold} distinct keys that must sign did")]
    Threshold {
        /// How many must sign.
        threshold: u64,
        /// How many did.
        found: u64,
        /// Key IDs of the role.
        keys: Vec<String>,
    },
    /// C10: the file is past its expiry.
    #[error("expired at {expires}, it is {now}")]
    Expired {
        /// When it expired.
        expires: Timestamp,
        /// The moment of verification.
        now: Timestamp,
    },
    /// C11: the file is older than one that was accepted before.
    #[error("version {found} is older than version {known}, which was accepted before")]
    Rollback {
        /// The version accepted before.
        known: u64,
        /// The version now.
        found: u64,
    },
    /// C11: a delegation that was accepted before is not published any more, though its keys are listed still.
    #[error("is not published, though version {known} was accepted before and it is declared still")]
    Withheld {
        /// The version accepted before.
        known: u64,
    },
    /// C11: two roots have one version.
    #[error("another root with version {version} was accepted before")]
    RootReplaced {
        /// The version.
        version: u64,
    },
    /// Section 3.1: no key of the root counts.
    #[error("no key of the root counts: {0}")]
    RootKey(#[from] RootKeyFault),
    /// Sections 3.1 and 3.2: what is pinned is not in the root.
    #[error("no key of the root is the one that is pinned; expected {}, found {}", list(expected), list(found))]
    Pin {
        /// What is pinned.
        expected: Vec<String>,
        /// What the root has in that place.
        found: Vec<String>,
    },
    /// Section 3.1: no root certificate leads to the pinned authority.
    #[error("the root certificate does not lead to the pinned authority: {0}")]
    Authority(#[from] PathError),
    /// Section 3.2: the pinned key is a root key, but did not sign the root.
    #[error("the pinned key {key} is a root key, but did not sign the root")]
    PinnedKeyDidNotSign {
        /// Its fingerprint.
        key: String,
    },
    /// Section 3.3: a root is not signed by the root before it.
    #[error("root version {to} is not signed by the keys of version {from}, which is trusted")]
    Rotation {
        /// The version that is trusted.
        from: u64,
        /// The version after it.
        to: u64,
    },
    /// Section 3.3: a root carries another version than its name.
    #[error("{file} carries version {found}")]
    RotationVersion {
        /// The file.
        file: RoleFile,
        /// The version in it.
        found: u64,
    },
    /// C12: nobody delegated to the role.
    #[error("is needed, but not declared by {declared_by}")]
    NotDelegated {
        /// The role that would have to declare it.
        declared_by: RoleName,
    },
    /// C12: the role is declared, but has never published anything.
    #[error("is needed and declared, but the snapshot does not list it")]
    NotPublished,
    /// C13: the entry of the target names no digest.
    #[error("the entry for `{target}` {fault}")]
    Target {
        /// The name of the target.
        target: String,
        /// What is wrong with the entry.
        fault: Malformed,
    },
    /// Section 4: the tag or digest is in none of the roles that count.
    #[error("{wanted} is not signed in {}{}", list(searched), others(declared))]
    TargetMissing {
        /// The tag or digest.
        wanted: String,
        /// The roles that were searched.
        searched: Vec<RoleName>,
        /// Other delegations that are declared and do not count.
        declared: Vec<DelegationName>,
    },
    /// Section 4: the tag is in a role below `targets/releases`, which Docker refuses too.
    #[error("`{target}` is signed there, which does not count as released")]
    NotReleased {
        /// The tag.
        target: String,
    },
    /// Section 4: the tag is signed with another digest than the reference has.
    #[error("`{target}` is signed as {found}, the reference has {expected}")]
    TagDigest {
        /// The tag.
        target: String,
        /// The digest of the reference.
        expected: Digest,
        /// The digest that is signed.
        found: Digest,
    },
    /// Section 4: delegations that must agree do not.
    #[error("delegations disagree: {}", list(&digests.iter().map(|(role, digest)| format!("{role} signed {digest}")).collect::<Vec<_>>()))]
    Disagreement {
        /// What each signed.
        digests: Vec<(DelegationName, Digest)>,
    },
    /// Section 4: fewer distinct signers among the delegations than demanded.
    #[error("{found} of {needed} distinct signers agree on {wanted}{}", because(reasons))]
    TooFewDelegations {
        /// The tag or digest.
        wanted: String,
        /// How many must agree.
        needed: u64,
        /// How many do.
        found: u64,
        /// Why the others do not count.
        reasons: Vec<String>,
    },
}

impl Fault {
    fn kind(&self, role: &RoleName) -> FailureKind {
        use FailureKind::*;
        match self {
            Self::NotSigned | Self::TargetMissing { .. } | Self::NotReleased { .. } => SignatureNotFound,
            Self::NoValidSignature { .. } | Self::PinnedKeyDidNotSign { .. } | Self::Rotation { .. } => SignatureInvalid,
            Self::Threshold { .. } | Self::TooFewDelegations { .. } => ThresholdNotMet,
            Self::Absent { .. } if matches!(role, RoleName::Delegation(_)) => DelegationMissing,
            Self::Absent { .. }
            | Self::Hash { .. }
            | Self::Length { .. }
            | Self::Malformed(_)
            | Self::KeyId { .. }
            | Self::RotationVersion { .. }
            | Self::Target { .. } => MetadataInvalid,
            Self::Expired { .. } => MetadataExpired,
            Self::Rollback { .. } | Self::Withheld { .. } | Self::RootReplaced { .. } => RollbackDetected,
            Self::RootKey(fault) => fault.kind(),
            Self::Pin { .. } | Self::Authority(_) => CertificateUntrusted,
            Self::NotDelegated { .. } | Self::NotPublished => DelegationMissing,
            Self::TagDigest { .. } | Self::Disagreement { .. } => TagDigestMismatch,
            Self::TooLarge { .. } | Self::TooMany { .. } => LimitExceeded,
            Self::Unreachable { .. } => StoreUnavailable,
        }
    }

    fn check(&self) -> Check {
        match self {
            Self::NotSigned | Self::Absent { .. } | Self::Unreachable { .. } => Check::Availability,
            Self::TooLarge { .. } | Self::TooMany { .. } => Check::Size,
            Self::Hash { .. } => Check::Hash,
            Self::Length { .. } => Check::Length,
            Self::Malformed(malformed) => malformed.check,
            Self::KeyId { .. } => Check::KeyId,
            Self::NoValidSignature { .. } => Check::Signatures,
            Self::Threshold { .. } => Check::Threshold,
            Self::Expired { .. } => Check::Expiry,
            Self::Rollback { .. } | Self::Withheld { .. } | Self::RootReplaced { .. } => Check::Rollback,
            Self::RootKey(_) | Self::Pin { .. } | Self::Authority(_) | Self::PinnedKeyDidNotSign { .. } => Check::Pin,
            Self::Rotation { .. } | Self::RotationVersion { .. } => Check::Rotation,
            Self::NotDelegated { .. } | Self::NotPublished => Check::Delegation,
            Self::Target { .. } => Check::Target,
            Self::TargetMissing { .. }
            | Self::NotReleased { .. }
            | Self::TagDigest { .. }
            | Self::Disagreement { .. }
            | Self::TooFewDelegations { .. } => Check::Agreement,
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::NotSigned => "Sign it with `docker trust sign`, or correct the name of the image or of the notary server.",
            Self::Absent { .. } => "The server's copy is incomplete; publish the repository again, or ask who runs the server.",
            Self::Unreachable { .. } => "Check the address of the notary server, the network and the credentials, then try again.",
            Self::TooLarge { .. } | Self::TooMany { .. } => "Look at who writes to the server; raise the limit only if the size is right.",
            Self::Hash { .. } | Self::Length { .. } => "Try again, in case somebody was publishing; if it stays, do not trust the server.",
            Self::Malformed(_) | Self::Target { .. } => "Publish again with a current client; if it stays, do not trust the server.",
            Self::KeyId { .. } => "Do not trust the server: no client writes a wrong key ID.",
            Self::NoValidSignature { .. } | Self::Threshold { .. } => {
                "Have the holders of the listed keys sign and publish; a key that was replaced has to sign again."
            }
            Self::Expired { .. } => {
                "Check the clock of this machine. If it is right, have the repository published again, and the server make a new timestamp."
            }
            Self::Rollback { .. } | Self::Withheld { .. } | Self::RootReplaced { .. } => {
                "Somebody serves old data. Only if the repository was set up anew on purpose, remove its trust state."
            }
            Self::RootKey(fault) => fault.hint(),
            Self::Pin { .. } | Self::Authority(_) => {
                "Compare the pin with the root key that the owner of the repository names; another key means another owner."
            }
            Self::PinnedKeyDidNotSign { .. } => "Pin a root key that signs, or have the root signed with the pinned one.",
            Self::Rotation { .. } | Self::RotationVersion { .. } => {
                "Ask the owner whether the root key was replaced. Only if the repository was set up anew on purpose, remove its trust state."
            }
            Self::NotDelegated { .. } => "Declare the delegation with `docker trust signer add`, or correct its name in the policy.",
            Self::NotPublished => "Have the signer sign a tag with `docker trust sign`, so that the delegation is published.",
            Self::TargetMissing { .. } | Self::NotReleased { .. } => {
                "Sign the tag with `docker trust sign`, or name the delegation that signs it in the policy."
            }
            Self::TagDigest { .. } => "The tag has moved since; pull by the digest that is signed, or sign the new one.",
            Self::Disagreement { .. } | Self::TooFewDelegations { .. } => "Have every signer sign the same digest for the tag.",
        }
    }
}

/// Why a file is not of the shape of its role.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
#[non_exhaustive]
pub struct Malformed {
    /// The check that it fails.
    pub check: Check,
    /// What is wrong.
    pub detail: String,
}

impl Malformed {
    pub(crate) fn new(check: Check, detail: impl Into<String>) -> Self {
        Self { check, detail: detail.into() }
    }
}

/// Why a root key does not count (specification section 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RootKeyFault {
    /// It is no certificate, so nothing says which collection it is for.
    #[error("it is a bare key without a certificate, so that nothing binds it to this collection")]
    Bare,
    /// Its certificates are not one leaf with the authorities above it.
    #[error("its certificate bundle {0}")]
    Bundle(String),
    /// Its certificate is for another collection.
    #[error("its certificate is for {}", if found.is_empty() { "nobody" } else { found })]
    CommonName {
        /// The common name.
        found: String,
    },
    /// Its certificate is signed with an algorithm that does not count, such as SHA-1.
    #[error("its certificate is signed with the algorithm {oid}, which is not accepted")]
    Algorithm {
        /// The algorithm.
        oid: String,
    },
    /// Its key cannot be used.
    #[error("{0}")]
    Key(String),
    /// Its certificate is not valid at the moment of verification.
    #[error("its certificate is valid from {not_before} to {not_after}")]
    Validity {
        /// In UTC.
        not_before: Timestamp,
        /// In UTC.
        not_after: Timestamp,
    },
}

impl RootKeyFault {
    fn kind(&self) -> FailureKind {
        match self {
            Self::CommonName { .. } => FailureKind::ReferenceMismatch,
            Self::Validity { .. } => FailureKind::CertificateExpired,
            Self::Bare | Self::Bundle(_) | Self::Algorithm { .. } | Self::Key(_) => FailureKind::CertificateUntrusted,
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::CommonName { .. } => "The data belongs to another repository; check the name of the image and the server.",
            Self::Validity { .. } => "Have the root rotated with `notary key rotate GUN root`, or pin the root key without the dates.",
            _ => "Rotate the root to a key with a certificate for this repository.",
        }
    }
}

/// Some faults speak of the collection, the others of a role.
fn line(role: &RoleName, fault: &Fault) -> String {
    match fault {
        Fault::NotSigned | Fault::TargetMissing { .. } | Fault::Disagreement { .. } | Fault::TooFewDelegations { .. } => fault.to_string(),
        fault => format!("role {role}: {fault}"),
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    const MOST: usize = 8;
    let mut texts: Vec<_> = items.iter().take(MOST).map(ToString::to_string).collect();
    if items.len() > MOST {
        texts.push(format!("{} more", items.len().saturating_sub(MOST)));
    }
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
}

fn others(declared: &[DelegationName]) -> String {
    if declared.is_empty() { String::new() } else { format!("; declared, but not asked, are {}", list(declared)) }
}

fn because(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}
