#![doc = include_str!("../docs.md")]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
#![cfg_attr(test, allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used))]

mod algorithm;
mod ber;
mod cbor;
pub mod chain;
pub mod envelope;
mod json;
pub mod manifest;
mod payload;
pub mod plugin;
pub mod revocation;
mod timestamp;
pub mod trust_policy;
mod trust_store;
mod trusted_identity;
mod value;
pub mod verify;
mod warning;

pub use algorithm::{SignatureAlgorithm, UnsupportedKey};
pub use cbor::CborError;
pub use jiff::Timestamp;
pub use json::JsonError;
pub use payload::{PAYLOAD_MEDIA_TYPE, PayloadError, TargetArtifact};
pub use timestamp::{AuthenticTimestamp, TimestampError};
pub use trust_store::{StoreName, StoreNameError, StoreType, TrustStore, TrustStoreError, TrustStores};
pub use trusted_identity::{DistinguishedName, DnError, TrustedIdentity};
pub use value::{Label, Value};
pub use warning::Warning;
