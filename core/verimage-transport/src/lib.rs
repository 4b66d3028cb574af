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
mod read;
mod realm;
mod registries;

pub use address::{Guard, Neighbourhood, Reach, is_loopback_host};
pub use client::{Call, Client, Reply};
pub use config::{ConfigError, Patience, Proxy, RegistryConfig};
pub use credentials::{Credential, TokenFile};
pub use failure::{is_error_document, too_large};
pub use flight::{Flights, lock};
pub use registries::{By, Endpoint, Registries};
