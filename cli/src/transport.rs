//! From flags to an engine. The only module that knows how registries are wired.

use std::sync::Arc;

use verimage::core::{Blob, SignatureStore, StoreError, Want, async_trait};
use verimage::registry::{ConfigError, RegistryConfig, RegistryStore};
use verimage::{Builder, ImageRef, Verimage};

use crate::args::TransportArguments;
use crate::failure::Failure;

/// An engine that reaches registries as the flags say, and as this machine's container tools do where they say nothing.
pub(crate) fn engine(arguments: &TransportArguments) -> Result<Verimage, Failure> {
    let builder = Verimage::builder().timeout(arguments.timeout);
    let builder = arguments.allow_private.iter().fold(builder, |builder, host| builder.allow_private(host));
    let builder = if arguments.offline { builder.offline() } else { registries(builder, arguments)? };
    builder.build().map_err(Failure::from)
}

fn registries(builder: Builder, arguments: &TransportArguments) -> Result<Builder, Failure> {
    let unusable = |error: ConfigError| Failure::usage(error.to_string());
    let config = match RegistryConfig::from_environment() {
        Ok(config) => config,
        Err(error) if names_registries(arguments) => return Err(unusable(error)),
        // Images in layouts need no registry; others are told.
        Err(error) => return Ok(builder.registry(Arc::new(Unconfigured(error.to_string())))),
    };
    let mut config = config.timeout(arguments.timeout);
    config = arguments.plain_http.iter().fold(config, |config, host| config.plain_http(host));
    config = arguments.ca_file.iter().fold(config, |config, file| config.ca_file(file));
    if let Some(file) = &arguments.registry_config {
        config = config.auth_file(file);
    }
    if let Some(file) = &arguments.registries_conf {
        config = config.registries_conf(file);
    }
    Ok(builder.registry(Arc::new(RegistryStore::new(config).map_err(unusable)?)))
}

fn names_registries(arguments: &TransportArguments) -> bool {
    let files = [&arguments.registry_config, &arguments.registries_conf];
    !arguments.plain_http.is_empty() || !arguments.ca_file.is_empty() || files.iter().any(|file| file.is_some())
}

/// Stands for registries that this machine's configuration keeps from being used.
#[derive(Debug)]
struct Unconfigured(String);

#[async_trait]
impl SignatureStore for Unconfigured {
    async fn fetch(&self, _image: &ImageRef, _want: &Want) -> Result<Vec<Blob>, StoreError> {
        Err(StoreError::unavailable(format!("this machine's registry configuration: {}", self.0)))
    }
}
