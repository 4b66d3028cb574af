//! kubeconfig (v1): which cluster, and who we are there.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Identity;
use serde::Deserialize;

use crate::keys::KeyResolverError;
use crate::keys::kubernetes::{Cluster, authorities, read, server};

/// One file. What is not about reaching a cluster is passed over.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Kubeconfig {
    current_context: Option<String>,
    clusters: Option<Vec<NamedCluster>>,
    contexts: Option<Vec<NamedContext>>,
    users: Option<Vec<NamedUser>>,
}

#[derive(Clone, Deserialize)]
struct NamedCluster {
    name: String,
    cluster: ClusterEntry,
}

#[derive(Clone, Deserialize)]
struct NamedContext {
    name: String,
    context: ContextEntry,
}

#[derive(Clone, Deserialize)]
struct NamedUser {
    name: String,
    user: Option<UserEntry>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterEntry {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: Option<bool>,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Clone, Deserialize)]
struct ContextEntry {
    cluster: String,
    user: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct UserEntry {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    exec: Option<serde_json::Value>,
    auth_provider: Option<serde_json::Value>,
    username: Option<String>,
    r#as: Option<String>,
}

/// The cluster of a context, by default of the current one. Of several files, the first that says something counts ("Merging kubeconfig files").
pub(crate) fn cluster(files: &[&Path], context: Option<&str>) -> Result<Cluster, KeyResolverError> {
    let files = files.iter().map(|file| File::read(file)).collect::<Result<Vec<_>, _>>()?;
    let said = |file: &File<'_>| file.content.current_context.clone().filter(|name| !name.is_empty());
    let context = context.map(str::to_owned).or_else(|| files.iter().find_map(said));
    let current = context.ok_or_else(|| KeyResolverError::invalid("the kubeconfig names no current context"))?;
    let (_, context) = find(&files, "context", &current, |file| file.content.contexts.as_deref(), |entry| &entry.name)?;
    let name = &context.context.cluster;
    let (home, cluster) = find(&files, "cluster", name, |file| file.content.clusters.as_deref(), |entry| &entry.name)?;
    refuse_cluster(&cluster.cluster)?;
    let entry = &cluster.cluster;
    let authority = home.bytes(entry.certificate_authority.as_deref(), entry.certificate_authority_data.as_deref())?;
    let authorities = authority.map(|pem| authorities(&pem)).transpose()?;
    let mut cluster = Cluster { server: server(&entry.server)?, authorities, identity: None, token: None };
    if let Some(name) = context.context.user.as_deref().filter(|name| !name.is_empty()) {
        let (home, user) = find(&files, "user", name, |file| file.content.users.as_deref(), |entry| &entry.name)?;
        let user = user.user.clone().unwrap_or_default();
        refuse_user(&user)?;
        (cluster.identity, cluster.token) = (identity(home, &user)?, token(home, &user)?);
    }
    Ok(cluster)
}

/// A kubeconfig file, and where it is: its paths start at its folder.
struct File<'a> {
    path: &'a Path,
    content: Kubeconfig,
}

impl<'a> File<'a> {
    fn read(path: &'a Path) -> Result<Self, KeyResolverError> {
        let bytes = read(path)?;
        // What the reader says may quote the file, and the file holds secrets.
        let unreadable = || KeyResolverError::invalid(format!("`{}` is no kubeconfig", path.display()));
        let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
        let content = serde_saphyr::from_str(text).map_err(|_| unreadable())?;
        Ok(Self { path, content })
    }

    /// What stands in the file itself goes before another file, as for `kubectl`.
    fn bytes(&self, file: Option<&str>, data: Option<&str>) -> Result<Option<Vec<u8>>, KeyResolverError> {
        let no_base64 = |_| KeyResolverError::invalid(format!("`{}` holds data that is not base64", self.path.display()));
        match (data.filter(|data| !data.is_empty()), file.filter(|file| !file.is_empty())) {
            (Some(data), _) => STANDARD.decode(data).map(Some).map_err(no_base64),
            (None, Some(file)) => read(&self.path.parent().unwrap_or(Path::new("")).join(file)).map(Some),
            (None, None) => Ok(None),
        }
    }
}

fn find<'a, T>(
    files: &'a [File<'a>],
    kind: &str,
    name: &str,
    list: impl Fn(&'a File<'a>) -> Option<&'a [T]>,
    name_of: impl Fn(&T) -> &str,
) -> Result<(&'a File<'a>, &'a T), KeyResolverError> {
    let mut all = files.iter().flat_map(|file| list(file).into_iter().flatten().map(move |entry| (file, entry)));
    let missing = || KeyResolverError::invalid(format!("the kubeconfig has no {kind} `{name}`"));
    all.find(|(_, entry)| name_of(entry) == name).ok_or_else(missing)
}

/// What would be a weaker or another connection if it were passed over.
fn refuse_cluster(entry: &ClusterEntry) -> Result<(), KeyResolverError> {
    if entry.insecure_skip_tls_verify == Some(true) {
        return Err(KeyResolverError::invalid("the kubeconfig says `insecure-skip-tls-verify`, so anybody could bring the key")
            .with_hint("give the cluster's `certificate-authority-data`"));
    }
    refuse([("tls-server-name", entry.tls_server_name.is_some()), ("proxy-url", entry.proxy_url.is_some())])
}

/// What would make us somebody else if it were passed over. No program is started.
fn refuse_user(user: &UserEntry) -> Result<(), KeyResolverError> {
    refuse([
        ("exec", user.exec.is_some()),
        ("auth-provider", user.auth_provider.is_some()),
        ("username", user.username.is_some()),
        ("as", user.r#as.is_some()),
    ])
}

fn refuse<const N: usize>(fields: [(&str, bool); N]) -> Result<(), KeyResolverError> {
    match fields.iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(KeyResolverError::invalid(format!("the kubeconfig has `{field}`, which verimage does not follow"))
            .with_hint("use a token or a client certificate, or `kubectl get secret` and a key file")),
        None => Ok(()),
    }
}

fn identity(home: &File<'_>, user: &UserEntry) -> Result<Option<Identity>, KeyResolverError> {
    let certificate = home.bytes(user.client_certificate.as_deref(), user.client_certificate_data.as_deref())?;
    let key = home.bytes(user.client_key.as_deref(), user.client_key_data.as_deref())?;
    let incomplete = || KeyResolverError::invalid("the client certificate of the kubeconfig is no PEM certificate with its key");
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            Identity::from_pem(&[key.as_slice(), b"\n", &certificate].concat()).map(Some).map_err(|_| incomplete())
        }
        _ => Err(incomplete()),
    }
}

/// A file goes before a token that stands in the kubeconfig: it is kept fresh.
fn token(home: &File<'_>, user: &UserEntry) -> Result<Option<String>, KeyResolverError> {
    let not_text = |_| KeyResolverError::invalid("the token of the kubeconfig is not text");
    match home.bytes(user.token_file.as_deref(), None)? {
        Some(bytes) => String::from_utf8(bytes).map(Some).map_err(not_text),
        None => Ok(user.token.clone().filter(|token| !token.is_empty())),
    }
}
