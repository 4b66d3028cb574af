#![doc = include_str!("../docs.md")]

mod store;

pub use store::NotaryServerStore;
pub use verimage_transport::{ConfigError, RegistryConfig};
