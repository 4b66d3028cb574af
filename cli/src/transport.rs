//! From flags to an engine. The only module that knows how registries are wired.

use std::sync::Arc;

use verimage::core::{Blob, SignatureStore, StoreError, Want, async_trait};
use verimage::registry::{RegistryConfig, RegistryStore};
use verimage::{Builder, ImageRef, StateFolder, Verimage};

use crate::args::TransportArguments;
use crate::failure::Failure;

/// An engine that reaches registries as the flags say, and as this machine's container tools do where they say nothing.
pub(crate) fn engine(arguments: &TransportArguments) -> Result<Verimage, Failure> {
    builder(arguments, |config| config)?.build().map_err(Failure::from)
}

/// The same, to be completed; `more` is said of registries.
pub(crate) fn builder(arguments: &TransportArguments, more: impl Fn(RegistryConfig) -> RegistryConfig) -> Result<Builder, Failure> {
    let builder = Verimage::builder().timeout(arguments.timeout);
    let builder = arguments.allow_private.iter().fold(builder, |builder, host| builder.allow_private(host));
    let builder = arguments.registries_d.iter().fold(builder, |builder, folder| builder.registries_d(folder));
    let builder = if arguments.offline { builder.offline() } else { servers(builder, arguments, more)? };
    Ok(state(arguments).into_iter().fold(builder, |builder, state| builder.state(Arc::new(state))))
}

/// The same, with something around the store of all registries.
pub(crate) fn builder_through(
    arguments: &TransportArguments,
    around: impl FnOnce(Arc<dyn SignatureStore>) -> Arc<dyn SignatureStore>,
) -> Result<Builder, Failure> {
    let builder = builder(arguments, |config| config)?;
    let registries = match configuration(arguments)? {
        Ok(config) if !arguments.offline => RegistryStore::new(config).map_err(|error| Failure::usage(error.to_string()))?,
        _ => return Ok(builder),
    };
    Ok(builder.registry(around(Arc::new(registries))))
}

/// Where is kept what was seen of collections on Notary servers.
fn state(arguments: &TransportArguments) -> Option<StateFolder> {
    match &arguments.state_dir {
        _ if arguments.no_state => None,
        Some(folder) => Some(StateFolder::new(folder)),
        None => StateFolder::of_user(),
    }
}

fn servers(builder: Builder, arguments: &TransportArguments, more: impl Fn(RegistryConfig) -> RegistryConfig) -> Result<Builder, Failure> {
    Ok(match configuration(arguments)? {
        Ok(config) => builder.servers(more(config)),
        Err(unconfigured) => {
            let unconfigured = Arc::new(unconfigured);
            builder.registry(unconfigured.clone()).notary(unconfigured)
        }
    })
}

/// How registries are reached. Images in layouts need no registry, so a machine that is not set up for them is told to those
/// who ask for one.
fn configuration(arguments: &TransportArguments) -> Result<Result<RegistryConfig, Unconfigured>, Failure> {
    let mut config = match RegistryConfig::from_environment() {
        Ok(config) => config,
        Err(error) if names_registries(arguments) => return Err(Failure::usage(error.to_string())),
        Err(error) => return Ok(Err(Unconfigured(error.to_string()))),
    };
    config = config.timeout(arguments.timeout);
    config = arguments.plain_http.iter().fold(config, |config, host| config.plain_http(host));
    config = arguments.ca_file.iter().fold(config, |config, file| config.ca_file(file));
    if let Some(file) = &arguments.registry_config {
        config = config.auth_file(file);
    }
    if let Some(file) = &arguments.registries_conf {
        config = config.registries_conf(file);
    }
    Ok(Ok(config))
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
