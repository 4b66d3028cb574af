//! What the container tools of this machine are set to. The only place that reads the environment.

use std::env;
use std::path::{Path, PathBuf};

use crate::config::{ConfigError, Proxy, RegistryConfig};

impl RegistryConfig {
    /// The settings of this machine's container tools.
    ///
    /// Credentials come from `$REGISTRY_AUTH_FILE`, or from `$XDG_RUNTIME_DIR/containers/auth.json` and the user's
    /// `containers/auth.json`, then from docker's `config.json` (`$DOCKER_CONFIG` or `~/.docker`). `registries.conf` is
    /// `$CONTAINERS_REGISTRIES_CONF`, or the user's, or the one in `/etc/containers`, with the files of `registries.conf.d`.
    /// Certificates come from the `certs.d` directories of the user, of `/etc/containers` and of `/etc/docker`; proxies from
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case. Files that do not exist are passed over, and so are directories
    /// that a variable names by a relative path.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] if a directory of `registries.conf.d` cannot be listed.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let home = directory("HOME");
        let user = user_directory(home.as_deref());
        let mut config = Self { proxy: Proxy::from_environment(), ..Self::default() };
        config.auth_files = auth_files(home.as_deref(), user.as_deref());
        config.registries_conf = registries_conf(user.as_deref())?;
        let system = ["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from);
        let directories = user.map(|user| user.join("certs.d")).into_iter().chain(system);
        config.certificate_directories = directories.filter(|directory| directory.is_dir()).collect();
        Ok(config)
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The directory that a variable names. A relative one would depend on where the process was started: it is passed over.
fn directory(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from).filter(|directory| directory.is_absolute())
}

fn user_directory(home: Option<&Path>) -> Option<PathBuf> {
    directory("XDG_CONFIG_HOME").or_else(|| home.map(|home| home.join(".config"))).map(|directory| directory.join("containers"))
}

fn auth_files(home: Option<&Path>, user: Option<&Path>) -> Vec<PathBuf> {
    let container_tools = match variable("REGISTRY_AUTH_FILE") {
        Some(file) => vec![PathBuf::from(file)],
        None => {
            let runtime = directory("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json"));
            runtime.into_iter().chain(user.map(|user| user.join("auth.json"))).collect()
        }
    };
    let docker = directory("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker")));
    let docker = docker.map(|directory| directory.join("config.json"));
    container_tools.into_iter().chain(docker).filter(|file| file.is_file()).collect()
}

fn registries_conf(user: Option<&Path>) -> Result<Vec<PathBuf>, ConfigError> {
    if let Some(file) = variable("CONTAINERS_REGISTRIES_CONF") {
        return Ok(vec![PathBuf::from(file)]);
    }
    let system = Path::new("/etc/containers");
    let main = user.map(|user| user.join("registries.conf")).filter(|file| file.is_file());
    let main = main.or_else(|| Some(system.join("registries.conf")).filter(|file| file.is_file()));
    let mut files: Vec<PathBuf> = main.into_iter().collect();
    for directory in [Some(system), user].into_iter().flatten() {
        files.extend(fragments(&directory.join("registries.conf.d"))?);
    }
    Ok(files)
}

/// The `*.conf` files of a directory in the order of their names, as the container tools read them.
fn fragments(directory: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let entries = directory.read_dir().map_err(|error| ConfigError::unreadable(directory, &error))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    Ok(files)
}

impl Proxy {
    /// The proxies of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case.
    #[must_use]
    pub fn from_environment() -> Self {
        let either = |upper: &str| variable(&upper.to_ascii_lowercase()).or_else(|| variable(upper));
        // A web server sets HTTP_PROXY from a visitor's `Proxy:` header (CVE-2016-5385, "httpoxy").
        let http = if env::var_os("REQUEST_METHOD").is_some() { variable("http_proxy") } else { either("HTTP_PROXY") };
        let all = either("ALL_PROXY");
        let except = either("NO_PROXY").unwrap_or_default();
        Self { http: http.or_else(|| all.clone()), https: either("HTTPS_PROXY").or(all), except }
    }
}
