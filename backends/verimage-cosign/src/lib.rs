#![doc = include_str!("../docs.md")]

pub mod artifact;
mod authority;
mod bundle;
mod check;
mod compile;
mod config;
mod der;
mod discover;
mod dsse;
mod envelope;
mod evidence;
mod expectation;
mod failure;
mod fulcio;
mod identity;
mod judge;
pub mod log;
mod sct;
mod statements;
mod times;
mod trust;
mod trust_root;

use std::sync::Arc;

use verimage_core::policy::Backend;
use verimage_crypto::CryptoSet;

pub use compile::PUBLIC_GOOD;
pub use config::{
    CertificateConfig, CertificateIdentity, CosignConfig, ExtendedKeyUsage, Format, IdentityConfig, KeylessConfig, LogsConfig, Reference,
    Scheme, Sct, SubjectKind, TextConfig, TimestampConfig, TimestampRule, Transparency,
};
pub use envelope::{Payload, PayloadError, SIMPLE_SIGNING_MEDIA_TYPE};

/// The backend for policies: the leaf `cosign`, judged with this crypto set.
pub fn backend(crypto: CryptoSet) -> Arc<dyn Backend> {
    Arc::new(compile::CosignBackend { crypto })
}
