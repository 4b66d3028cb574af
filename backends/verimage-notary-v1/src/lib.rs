#![doc = include_str!("../docs.md")]

mod check;
mod compile;
mod config;
mod discover;
mod envelope;
mod failure;

use std::sync::Arc;

use verimage_core::policy::Backend;
use verimage_crypto::CryptoSet;

pub use config::{CertificateDates, NotaryV1Config, RootBinding, Search};

/// The backend for policies: the leaf `notaryV1`, judged with this crypto set.
pub fn backend(crypto: CryptoSet) -> Arc<dyn Backend> {
    Arc::new(compile::NotaryV1Backend { crypto })
}
