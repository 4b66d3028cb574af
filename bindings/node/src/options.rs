//! Options as JSON: what is not known is refused, what is not said is as the library has it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use verimage::core::{Repository, SignatureStore};
use verimage::registry::{Credential, RegistryConfig};
use verimage::{Builder, ImageSource, Keeping, LayoutStore, Limits, Request, Selector, StateFolder, Verdicts, Verimage};

use crate::refusal::Refusal;
use crate::store::{JsStore, NamedStore};

/// How an engine is put together.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct EngineOptions {
    timeout: Option<f64>,
    limits: Limits,
    offline: bool,
    plain_http: Vec<String>,
    ca_files: Vec<PathBuf>,
    auth_file: Option<PathBuf>,
    credentials: BTreeMap<String, Login>,
    registries_conf: Option<PathBuf>,
    registries_d: Option<PathBuf>,
    allow_private: Vec<String>,
    state_dir: StateDir,
    repositories: BTreeMap<String, PathBuf>,
    keep_verdicts: Option<f64>,
}

/// Who signs in to a registry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    password: String,
}

/// Where is kept what was seen on Notary servers: the user's folder, another one, or nowhere.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged, expecting = "`stateDir` is a folder, or false")]
enum StateDir {
    #[default]
    #[serde(skip)]
    User,
    Folder(PathBuf),
    Nowhere(bool),
}

impl EngineOptions {
    pub(crate) fn parse(json: &str) -> Result<Self, Refusal> {
        parse(json)
    }

    pub(crate) fn build(&self, stores: Vec<NamedStore>) -> Result<Verimage, Refusal> {
        let mut builder = Verimage::builder().limits(self.limits.clone());
        builder = self.timeout()?.into_iter().fold(builder, Builder::timeout);
        builder = if self.offline { builder.offline() } else { builder.servers(self.servers()?) };
        builder = self.registries_d.iter().fold(builder, Builder::registries_d);
        builder = self.allow_private.iter().fold(builder, |builder, host| builder.allow_private(host));
        builder = self.state()?.into_iter().fold(builder, |builder, state| builder.state(Arc::new(state)));
        for (name, path) in &self.repositories {
            let layout = layout(path).map_err(|error| Refusal::configuration(format!("repository `{name}`: {error}")))?;
            builder = builder.repository(&repository(name)?, layout);
        }
        for NamedStore { role, name, fetch } in stores {
            builder = given(builder, &role, &name.unwrap_or_default(), Arc::new(JsStore::new(fetch)))?;
        }
        let keeping = self.keeping()?;
        if !keeping.allowed.is_zero() {
            builder = builder.verdicts(Verdicts::new(keeping));
        }
        Ok(builder.build()?)
    }

    /// Whoever asks again after a denial may just have signed, so that is not kept.
    fn keeping(&self) -> Result<Keeping, Refusal> {
        let keeping = Keeping { denied: Duration::ZERO, ..Keeping::default() };
        let Some(milliseconds) = self.keep_verdicts else { return Ok(keeping) };
        let allowed = Duration::try_from_secs_f64(milliseconds / 1000.0);
        Ok(Keeping { allowed: allowed.map_err(|_| Refusal::usage("`keepVerdicts` is a number of milliseconds, or 0"))?, ..keeping })
    }

    fn timeout(&self) -> Result<Option<Duration>, Refusal> {
        let duration = |milliseconds: f64| Duration::try_from_secs_f64(milliseconds / 1000.0);
        self.timeout.map(duration).transpose().map_err(|_| Refusal::usage("`timeout` is a number of milliseconds"))
    }

    fn state(&self) -> Result<Option<StateFolder>, Refusal> {
        match &self.state_dir {
            StateDir::User => Ok(StateFolder::of_user()),
            StateDir::Folder(folder) => Ok(Some(StateFolder::new(folder))),
            StateDir::Nowhere(false) => Ok(None),
            StateDir::Nowhere(true) => Err(Refusal::usage("`stateDir` is a folder, or false")),
        }
    }

    fn servers(&self) -> Result<RegistryConfig, Refusal> {
        let mut config = RegistryConfig::from_environment().map_err(Refusal::configuration)?;
        config = self.timeout()?.into_iter().fold(config, RegistryConfig::timeout);
        config = self.plain_http.iter().fold(config, RegistryConfig::plain_http);
        config = self.ca_files.iter().fold(config, RegistryConfig::ca_file);
        config = self.auth_file.iter().fold(config, RegistryConfig::auth_file);
        config = self.registries_conf.iter().fold(config, RegistryConfig::registries_conf);
        Ok(self.credentials.iter().fold(config, |config, (place, login)| {
            let (username, password) = (login.username.clone(), login.password.clone());
            config.credential(place, Credential::Basic { username, password })
        }))
    }
}

fn given(builder: Builder, role: &str, name: &str, store: Arc<dyn SignatureStore>) -> Result<Builder, Refusal> {
    Ok(match role {
        "registry" => builder.registry(store),
        "lookaside" => builder.lookaside(store),
        "notary" => builder.notary(store),
        "web" => builder.web(store),
        "store" => builder.store(name, store),
        "repository" => builder.repository(&repository(name)?, store),
        _ => return Err(Refusal::usage(format!("a store cannot be `{role}`"))),
    })
}

fn repository(name: &str) -> Result<Repository, Refusal> {
    Repository::parse(name).map_err(|error| Refusal::configuration(format!("repository `{}`: {error}", name.escape_debug())))
}

fn layout(path: &Path) -> Result<Arc<dyn SignatureStore>, verimage::LayoutError> {
    Ok(match path.is_dir() {
        true => Arc::new(LayoutStore::open_folder(path, Selector::Only)?),
        false => Arc::new(LayoutStore::open_archive(path, Selector::Only)?),
    })
}

/// What is asked about one image.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Question {
    name: Option<String>,
    platform: Option<String>,
    at: Option<String>,
    all_evidence: bool,
}

impl Question {
    pub(crate) fn parse(json: &str) -> Result<Self, Refusal> {
        parse(json)
    }

    pub(crate) fn about(&self, image: &str) -> Result<Request, Refusal> {
        let mut request = Request::new(ImageSource::parse(image).map_err(verimage::Error::from)?);
        request.name = option("name", self.name.as_deref())?;
        request.platform = option("platform", self.platform.as_deref())?;
        request.at = option("at", self.at.as_deref())?;
        request.all_evidence = self.all_evidence;
        Ok(request)
    }
}

fn option<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: Option<&str>) -> Result<Option<T>, Refusal> {
    text.map(str::parse).transpose().map_err(|error| Refusal::usage(format!("`{name}`: {error}")))
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Refusal> {
    serde_json::from_str(json).map_err(|error| Refusal::usage(format!("options: {error}")))
}
