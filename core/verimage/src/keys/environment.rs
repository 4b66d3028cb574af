//! Keys in environment variables, and the only place of this module that reads the environment.

use std::collections::BTreeMap;
use std::env;
#[cfg(feature = "remote-keys")]
use std::path::PathBuf;
use std::sync::Arc;

use verimage_core::async_trait;
#[cfg(feature = "remote-keys")]
use verimage_transport::Proxy;

#[cfg(feature = "remote-keys")]
use crate::keys::{GitLabKeys, HttpsKeys, KubernetesApi};
use crate::keys::{KeyReference, KeyResolver, KeyResolverError, KeyResolvers};

/// Resolves `env://NAME`: PEM in an environment variable.
#[derive(Clone, Debug)]
pub struct EnvironmentKeys {
    /// The variables; those of this process, if none are given.
    given: Option<BTreeMap<String, String>>,
}

impl EnvironmentKeys {
    /// The variables of this process, as they are when a policy is loaded.
    pub fn of_process() -> Self {
        Self { given: None }
    }

    /// These variables.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { given: Some(variables.into_iter().collect()) }
    }
}

#[async_trait]
impl KeyResolver for EnvironmentKeys {
    fn schemes(&self) -> &[&str] {
        &["env"]
    }

    async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        let name = reference.rest();
        if name.contains(['=', '/']) {
            return Err(KeyResolverError::invalid("behind `env://` stands the name of a variable, as in `env://COSIGN_PUBLIC_KEY`"));
        }
        let value = match &self.given {
            None => variable(name),
            Some(given) => given.get(name).cloned(),
        };
        let unset = || KeyResolverError::invalid(format!("the environment variable `{name}` is not set, empty or not text"));
        value.map(String::into_bytes).ok_or_else(unset)
    }

    fn waits(&self) -> bool {
        false
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

impl KeyResolvers {
    /// What this machine is set to: `env://`, in builds with `remote-keys` also `https://`, `gitlab://` and `k8s://`, and in
    /// builds with `pkcs11` also `pkcs11:` if `$COSIGN_PKCS11_MODULE_PATH` names a module.
    ///
    /// GitLab is `$GITLAB_HOST`, by default gitlab.com, with the token in `$GITLAB_TOKEN`. The cluster is the one that
    /// `kubectl` would ask: `$KUBECONFIG`, else `~/.kube/config`, else the one that this process runs in. Proxies are those
    /// of `$HTTPS_PROXY` and `$NO_PROXY`.
    pub fn of_machine() -> Self {
        let resolvers = Self::none().with(Arc::new(EnvironmentKeys::of_process()));
        #[cfg(feature = "remote-keys")]
        let resolvers = {
            let proxy = Proxy::from_environment();
            let mut gitlab = GitLabKeys::new(variable("GITLAB_TOKEN")).proxy(proxy.clone());
            if let Some(host) = variable("GITLAB_HOST") {
                gitlab = gitlab.host(host);
            }
            let web = HttpsKeys::new().proxy(proxy.clone());
            resolvers.with(Arc::new(web)).with(Arc::new(gitlab)).with(Arc::new(cluster().proxy(proxy)))
        };
        #[cfg(feature = "pkcs11")]
        let resolvers = match variable("COSIGN_PKCS11_MODULE_PATH") {
            Some(module) => resolvers.with(Arc::new(crate::keys::Pkcs11Keys::new(module))),
            None => resolvers,
        };
        resolvers
    }
}

#[cfg(feature = "remote-keys")]
pub(crate) fn cluster() -> KubernetesApi {
    const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    let home = variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let files = match env::var_os("KUBECONFIG").filter(|files| !files.is_empty()) {
        Some(files) => env::split_paths(&files).filter(|file| !file.as_os_str().is_empty()).collect(),
        None => home.map(|home| home.join(".kube/config")).into_iter().collect::<Vec<_>>(),
    };
    let keys = KubernetesApi::new().kubeconfig(files);
    match variable("KUBERNETES_SERVICE_HOST") {
        Some(host) => keys.in_cluster(&host, &variable("KUBERNETES_SERVICE_PORT").unwrap_or_default(), SERVICE_ACCOUNT),
        None => keys,
    }
}
