//! What comes out of a verification.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use jiff::Timestamp;
use verimage_core::Digest;
use verimage_crypto::{HashAlgorithm, PublicKey};

use crate::{Failure, RoleFile, RoleName, TrustState};

/// A file that is needed, and how large it may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Request {
    /// The file.
    pub file: RoleFile,
    /// Most bytes that are read of it.
    pub max_bytes: u64,
}

/// What the store says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Its bytes, as they were received.
    Bytes(Bytes),
    /// The server says that there is no such file.
    Absent,
    /// There are more bytes than were asked for.
    TooLarge,
    /// Nobody knows: the server cannot be reached, wants other credentials, or gives another error.
    Unreachable,
}

/// What a verification needs next, or what came out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Files, to be fetched together and [supplied](crate::Verification::supply).
    Fetch(Vec<Request>),
    /// The outcome. Further steps give the same.
    Done(Box<Outcome>),
}

/// The outcome of a verification.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The target with its evidence, or why it is not trusted.
    pub result: Result<Evidence, Failure>,
    /// What is to be remembered, if the chain of roles held. To be kept also where the target is not trusted.
    pub state: Option<TrustState>,
    /// Files that verified and are named by their hash: handed in the next time, they need not be fetched.
    pub cache: CachedRoles,
    /// What should be told.
    pub warnings: Vec<Warning>,
}

/// A target that is trusted, and why.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evidence {
    /// The digest that is signed: of a manifest, or of an index.
    pub digest: Digest,
    /// The size in bytes that is signed.
    pub length: u64,
    /// The name under which it was found: the tag.
    pub target: String,
    /// The roles that hold the entry.
    pub signed_in: Vec<RoleName>,
    /// Every role that was verified on the way: root, timestamp, snapshot, targets, delegations.
    pub roles: Vec<VerifiedRole>,
    /// The keys that trust begins with: those under the pin that signed the root in which it held. A pinned key that did not
    /// sign is not among them.
    pub root_keys: Vec<PublicKey>,
}

/// A role whose file verified.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VerifiedRole {
    /// Which one.
    pub role: RoleName,
    /// Its version.
    pub version: u64,
    /// Until when it holds.
    pub expires: Timestamp,
    /// The distinct keys that signed it.
    pub signers: Vec<PublicKey>,
}

/// What does not speak against the target, but should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The pinned key is not in the newest root any more; the chain of roots was followed from one that has it.
    PinOutdated {
        /// The version that has it.
        version: u64,
        /// The newest version.
        newest: u64,
    },
    /// Nothing is pinned: trust is in the root that came first, now or when the state was begun.
    TrustedOnFirstUse,
    /// Nothing binds the root key to the collection: a server can answer with another one under the same key.
    NotBoundToCollection,
    /// A delegation that might have counted does not.
    DelegationIgnored {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PinOutdated { version, newest } => {
                write!(out, "the pinned root key was replaced after root version {version}; the newest is version {newest}")
            }
            Self::TrustedOnFirstUse => out.write_str("nothing is pinned: the root was trusted because it came first"),
            Self::NotBoundToCollection => out.write_str("nothing binds the root key to this collection"),
            Self::DelegationIgnored { reason } => write!(out, "a delegation does not count: {reason}"),
        }
    }
}

/// Files named by their SHA-256. They are verified like those of a server: a wrong one does no harm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CachedRoles(BTreeMap<[u8; 32], Bytes>);

impl CachedRoles {
    /// Adds a file.
    pub fn insert(&mut self, bytes: Bytes) {
        let hash = HashAlgorithm::Sha256.digest(&bytes);
        if let Ok(hash) = hash.as_bytes().try_into() {
            self.0.insert(hash, bytes);
        }
    }

    /// The files with their hashes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8; 32], &Bytes)> {
        self.0.iter()
    }

    pub(crate) fn get(&self, hash: &[u8; 32]) -> Option<&Bytes> {
        self.0.get(hash)
    }
}

impl FromIterator<Bytes> for CachedRoles {
    fn from_iter<T: IntoIterator<Item = Bytes>>(files: T) -> Self {
        let mut cached = Self::default();
        files.into_iter().for_each(|bytes| cached.insert(bytes));
        cached
    }
}
