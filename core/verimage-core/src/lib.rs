//! Types, policy model, session and verdict of verimage: pure decisions about container image signatures.
#![doc = include_str!("../docs.md")]

mod code;
mod decision;
mod digest;
pub mod json;
mod judge;
mod leaf;
mod limits;
pub mod manifest;
mod platform;
pub mod policy;
mod reference;
mod report;
mod schema1;
mod session;
mod transcript;
mod trial;
mod verdict;
mod verifier;
mod want;

pub use code::{Code, CodeClass};
pub use decision::Decision;
pub use digest::{Digest, DigestAlgorithm, DigestError};
pub use limits::Limits;
pub use platform::Platform;
pub use policy::{Policy, PolicyError};
pub use reference::{
    ImageRef, MAX_NAME_LENGTH, MAX_REFERENCE_LENGTH, MAX_TAG_LENGTH, RawReference, ReferenceError, Repository, Tag, is_dns_subdomain,
};
pub use report::{Evidence, Failure, SignatureReport, Signer, VerifiedTime};
pub use session::{Progress, Session};
pub use transcript::{Replay, Transcript, TranscriptError};
pub use verdict::{
    LeafVerdict, ReportOutcome, ReportTime, ReportVerdict, RuleVerdict, VERDICT_VERSION, Verdict, VerdictMaterial, VerdictPolicy,
    VerdictSubject,
};
pub use verifier::{Check, Context, Learned, SignatureStore, StateStore, Step, Subject, Verifier, one_round};
pub use want::{Answer, Blob, HttpMethod, Origin, Place, RoleVersion, StoreError, StoreErrorKind, Want, What};

// The traits' own vocabulary, so that an implementor depends on this crate alone.
pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use jiff::Timestamp;
