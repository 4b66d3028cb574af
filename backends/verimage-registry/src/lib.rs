//! OCI registries as a place where images and signatures lie.
#![doc = include_str!("../docs.md")]

mod address;
mod auth;
mod certificates;
mod challenge;
mod client;
mod config;
mod connect;
mod credentials;
mod environment;
mod failure;
mod flight;
mod helper;
mod hosts;
mod link;
mod read;
mod realm;
mod referrers;
mod registries;
mod store;

pub use address::{Guard, Neighbourhood, Reach};
pub use config::{ConfigError, Proxy, RegistryConfig};
pub use credentials::Credential;
pub use store::RegistryStore;
