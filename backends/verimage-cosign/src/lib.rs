#![doc = include_str!("../docs.md")]

mod bundle;
mod check;
mod config;
mod discover;
mod envelope;
mod expectation;
mod failure;
#[allow(dead_code, reason = "the change that lets leaves demand a log calls it")]
pub mod log;
#[allow(dead_code, reason = "the change that lets leaves demand a log calls it")]
mod trust_root;

use std::sync::Arc;

use verimage_core::policy::Backend;
use verimage_crypto::CryptoSet;

pub use config::{CosignConfig, Format, Reference, Scheme, Transparency};
pub use envelope::{Payload, PayloadError, SIMPLE_SIGNING_MEDIA_TYPE};

/// The backend for policies: the leaf `cosign`, judged with this crypto set.
pub fn backend(crypto: CryptoSet) -> Arc<dyn Backend> {
    Arc::new(config::CosignBackend { crypto })
}
