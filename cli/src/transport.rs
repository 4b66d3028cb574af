//! From flags to an engine. The only module that knows how registries are wired.

use std::sync::Arc;

use verimage::Verimage;
use verimage::registry::{ConfigError, RegistryConfig, RegistryStore};

use crate::args::TransportArguments;
use crate::failure::Failure;

/// An engine that reaches registries as the flags say, and as this machine's container tools do where they say nothing.
pub(crate) fn engine(arguments: &TransportArguments) -> Result<Verimage, Failure> {
    let builder = Verimage::builder().timeout(arguments.timeout);
    let builder = if arguments.offline { builder.offline() } else { builder.registry(Arc::new(registries(arguments)?)) };
    builder.build().map_err(Failure::from)
}

fn registries(arguments: &TransportArguments) -> Result<RegistryStore, Failure> {
    let unusable = |error: ConfigError| Failure::usage(error.to_string());
    let mut config = RegistryConfig::from_environment().map_err(unusable)?.timeout(arguments.timeout);
    config = arguments.plain_http.iter().fold(config, |config, host| config.plain_http(host));
    config = arguments.ca_file.iter().fold(config, |config, file| config.ca_file(file));
    if let Some(file) = &arguments.registry_config {
        config = config.auth_file(file);
    }
    if let Some(file) = &arguments.registries_conf {
        config = config.registries_conf(file);
    }
    RegistryStore::new(config).map_err(unusable)
}
