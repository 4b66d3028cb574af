//! From flags to an engine. The only module that knows how registries are wired.

use verimage::Verimage;

use crate::args::TransportArguments;
use crate::failure::Failure;

/// An engine that reaches registries as the flags say, and as this machine's container tools do where they say nothing.
pub(crate) fn engine(arguments: &TransportArguments) -> Result<Verimage, Failure> {
    let builder = Verimage::builder().timeout(arguments.timeout);
    let builder = if arguments.offline { builder.offline() } else { registries(builder, arguments)? };
    builder.build().map_err(Failure::from)
}

#[cfg(feature = "registry")]
fn registries(builder: verimage::Builder, arguments: &TransportArguments) -> Result<verimage::Builder, Failure> {
    use std::sync::Arc;
    use verimage::registry::{RegistryConfig, RegistryStore};

    let unusable = |error: verimage::registry::ConfigError| Failure::usage(error.to_string());
    let mut config = RegistryConfig::from_environment().map_err(unusable)?.timeout(arguments.timeout);
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

/// Without registries, flags about them are an error and not ignored.
#[cfg(not(feature = "registry"))]
fn registries(builder: verimage::Builder, arguments: &TransportArguments) -> Result<verimage::Builder, Failure> {
    let files = [&arguments.registry_config, &arguments.registries_conf];
    let given = !arguments.plain_http.is_empty() || !arguments.ca_file.is_empty() || files.iter().any(|file| file.is_some());
    if given {
        return Err(Failure::usage("this verimage was built without registries, so flags about them have no meaning"));
    }
    Ok(builder.offline())
}
