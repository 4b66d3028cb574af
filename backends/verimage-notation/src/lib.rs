#![doc = include_str!("../docs.md")]

mod check;
mod compile;
mod config;
mod discover;
mod envelope;
mod failure;
mod import;

use std::sync::Arc;

use verimage_core::policy::Backend;
use verimage_crypto::CryptoSet;

pub use config::{CheckAction, Level, LevelName, NotationConfig, VerifyTimestamp};
pub use import::import;

/// The backend for policies: the leaf `notation`, judged with this crypto set.
pub fn backend(crypto: CryptoSet) -> Arc<dyn Backend> {
    Arc::new(compile::NotationBackend { crypto })
}
