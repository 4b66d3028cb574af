//! Certificate authorities and client certificates: files of the configuration, and `certs.d` directories.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Identity};
use url::Url;

use crate::config::ConfigError;

/// What `certs.d/HOST` holds for one host.
#[derive(Default)]
pub(crate) struct HostCertificates {
    pub(crate) authorities: Vec<Certificate>,
    pub(crate) identity: Option<Identity>,
}

/// The certificates of PEM files.
pub(crate) fn authorities(files: &[PathBuf]) -> Result<Vec<Certificate>, ConfigError> {
    let mut all = Vec::new();
    for file in files {
        all.extend(authorities_in(file)?);
    }
    Ok(all)
}

fn authorities_in(file: &Path) -> Result<Vec<Certificate>, ConfigError> {
    let found = Certificate::from_pem_bundle(&read(file)?).unwrap_or_default();
    if found.is_empty() {
        return Err(ConfigError::malformed(file.display(), "holds no PEM certificate"));
    }
    Ok(found)
}

/// The first of the directories that has an entry for the host of `url`, as docker names it: `registry.example:5000`.
pub(crate) fn directory_of(directories: &[PathBuf], url: &Url) -> Option<PathBuf> {
    let host = url.host_str().filter(|host| is_file_name(host))?;
    let port = url.port_or_known_default()?;
    let with_port = format!("{host}:{port}");
    let mut names = vec![with_port.as_str()];
    if url.port().is_none() {
        names.push(if host == crate::registries::DOCKER_HUB_SERVER { crate::registries::DOCKER_HUB } else { host });
    }
    let candidates = directories.iter().flat_map(|directory| names.iter().map(|name| directory.join(name)));
    candidates.into_iter().find(|path| path.is_dir())
}

/// Whether a host, which may come from a redirect, is harmless as the name of a directory.
fn is_file_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'[' | b']' | b':');
    !host.starts_with('.') && host.bytes().all(allowed)
}

/// Reads `*.crt`, and `*.cert` with the `*.key` of the same name.
pub(crate) fn load(directory: &Path) -> Result<HostCertificates, ConfigError> {
    let entries = directory.read_dir().map_err(|error| ConfigError::unreadable(directory, &error))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    let mut found = HostCertificates::default();
    for file in files {
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => found.authorities.extend(authorities_in(&file)?),
            Some("cert") => found.identity = Some(identity(&file)?),
            _ => {}
        }
    }
    Ok(found)
}

fn identity(certificate: &Path) -> Result<Identity, ConfigError> {
    let mut pem = read(&certificate.with_extension("key"))?;
    pem.push(b'\n');
    pem.extend(read(certificate)?);
    let malformed = |_| ConfigError::malformed(certificate.display(), "with its .key is no PEM client certificate");
    Identity::from_pem(&pem).map_err(malformed)
}

fn read(file: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(file).map_err(|error| ConfigError::unreadable(file, &error))
}
