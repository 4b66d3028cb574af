#![doc = include_str!("../docs.md")]
#![forbid(unsafe_code)]
#![warn(missing_debug_implementations)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
#![cfg_attr(test, allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used))]

mod algorithm;
mod cbor;
pub mod chain;
pub mod envelope;
mod json;
mod payload;
pub mod trust_policy;
mod trust_store;
mod trusted_identity;
mod value;
mod warning;

pub use algorithm::{SignatureAlgorithm, UnsupportedKey};
pub use cbor::CborError;
pub use jiff::Timestamp;
pub use json::JsonError;
pub use payload::{PAYLOAD_MEDIA_TYPE, PayloadError, TargetArtifact};
pub use trust_store::{StoreName, StoreNameError, StoreType, TrustStore, TrustStoreError, TrustStores};
pub use trusted_identity::{DistinguishedName, DnError, TrustedIdentity};
pub use value::{Label, Value};
pub use warning::Warning;
