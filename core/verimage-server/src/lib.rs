#![doc = include_str!("../docs.md")]

mod app;
mod config;
mod metrics;
mod server;
mod verdicts;

pub use config::{ConfigError, ServerConfig, Tls};
pub use server::{Event, Server, StartError};
