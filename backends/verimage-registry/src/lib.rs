//! OCI registries as a place where images and signatures lie.
#![doc = include_str!("../docs.md")]

mod lacking;
mod link;
mod referrers;
mod signatures;
mod store;
mod tagged;

pub use store::RegistryStore;
pub use verimage_transport::{ConfigError, Credential, Proxy, RegistryConfig, TokenFile, is_loopback_host};
