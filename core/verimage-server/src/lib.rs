#![doc = include_str!("../docs.md")]

mod app;
mod config;
mod doors;
mod judging;
mod metrics;
mod policies;
mod readers;
mod redis;
mod server;

pub use config::{Cache, ConfigError, NamespacePolicy, PullSecretsConfig, RegistryToken, ServerConfig, SharedCache, Tls};
pub use server::{Event, Server, StartError};
