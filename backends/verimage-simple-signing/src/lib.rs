#![doc = include_str!("../docs.md")]

mod armor;
mod check;
mod compile;
mod config;
mod discover;
mod envelope;
mod extension;
mod failure;
mod key;
mod key_ring;
mod packet;
mod payload;
mod statement;

use std::sync::Arc;

use verimage_core::policy::Backend;
use verimage_crypto::CryptoSet;

pub use config::SimpleSigningConfig;
pub use failure::KeyRingError;
pub use key_ring::{KeyRing, Signed};
pub use payload::{Payload, PayloadError};

/// The backend for policies: the leaf `simpleSigning`, judged with this crypto set.
pub fn backend(crypto: CryptoSet) -> Arc<dyn Backend> {
    Arc::new(compile::SimpleSigningBackend { crypto })
}
