//! Keys in GitLab, where `cosign generate-key-pair gitlab://PROJECT` puts them.

use std::fmt;

use reqwest::Url;
use reqwest::header::HeaderName;
use serde::Deserialize;
use verimage_core::{Code, async_trait};
use verimage_transport::Proxy;

use crate::keys::http::{Http, has_user, secret};
use crate::keys::{KeyReference, KeyResolver, KeyResolverError};

const PUBLIC_HOST: &str = "https://gitlab.com";
const VARIABLE: &str = "COSIGN_PUBLIC_KEY";
/// A project that was moved is answered with a redirect.
const MAX_REDIRECTS: usize = 3;

/// Resolves `gitlab://GROUP/PROJECT` and `gitlab://ID`: the variable `COSIGN_PUBLIC_KEY` of a project.
#[derive(Clone)]
pub struct GitLabKeys {
    host: String,
    token: Option<String>,
    http: Http,
}

#[derive(Deserialize)]
struct Variable {
    key: String,
    /// Nothing if the variable is hidden.
    value: Option<String>,
}

impl GitLabKeys {
    /// gitlab.com with this access token, which needs the scope `read_api` and the role of a maintainer.
    pub fn new(token: Option<String>) -> Self {
        Self { host: PUBLIC_HOST.to_owned(), token, http: Http { redirects: MAX_REDIRECTS, ..Http::default() } }
    }

    /// Another GitLab: a host, or its address with or without `/api/v4`.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// Goes through these proxies.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.http.proxy = proxy;
        self
    }

    /// GitLab REST API, "Project-level CI/CD variables": `/projects/:id/variables/:key`.
    fn address(&self, reference: &KeyReference) -> Result<Url, KeyResolverError> {
        let project = reference.rest().trim_end_matches('/');
        let strange = |part: &str| matches!(part, "" | "." | "..") || part.contains(['?', '%', '\\']);
        if project.split('/').any(strange) {
            return Err(KeyResolverError::invalid("behind `gitlab://` stands a project: `group/project` or its number"));
        }
        let host = if self.host.contains("://") { self.host.clone() } else { format!("https://{}", self.host) };
        let plain = |url: &Url| url.has_host() && !has_user(url) && url.query().is_none() && url.fragment().is_none();
        let mut url = Url::parse(&host).ok().filter(plain).ok_or_else(|| {
            KeyResolverError::invalid("the address of GitLab is none").with_hint("`GITLAB_HOST` looks like `https://gitlab.example`")
        })?;
        let base = url.path().trim_end_matches('/').trim_end_matches("/api/v4").to_owned();
        url.set_path(&base);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v4", "projects", project, "variables", VARIABLE]);
        }
        Ok(url)
    }
}

impl fmt::Debug for GitLabKeys {
    /// Whether there is a token, not which.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GitLabKeys").field("token", &self.token.is_some()).finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyResolver for GitLabKeys {
    fn schemes(&self) -> &[&str] {
        &["gitlab"]
    }

    async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        let url = self.address(reference)?;
        let token = self.token.as_deref().ok_or_else(|| {
            KeyResolverError::unauthorized(format!("`{reference}` needs an access token, and there is none"))
                .with_hint("set `GITLAB_TOKEN` to a token with the scope `read_api`")
        })?;
        let token = secret(HeaderName::from_static("private-token"), token)?;
        let answer = self.http.get(&url, Some(token)).await.map_err(explained)?;
        let variable: Option<Variable> = serde_json::from_slice(&answer).ok();
        let value = variable.filter(|variable| variable.key == VARIABLE).and_then(|variable| variable.value);
        let no_value = || KeyResolverError::invalid(format!("{}: the answer holds no value of `{VARIABLE}`", self.host));
        value.map(String::into_bytes).ok_or_else(no_value)
    }
}

fn explained(error: KeyResolverError) -> KeyResolverError {
    match error.code {
        Code::StoreUnauthorized => error.with_hint("the token in `GITLAB_TOKEN` needs the scope `read_api` and the role of a maintainer"),
        Code::PolicyInvalid => error.with_hint(format!(
            "check that the project has the variable `{VARIABLE}`; GitLab says the same of projects that the token does not see"
        )),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_one_segment_of_the_address() {
        let address = |host: &str, text: &str| {
            GitLabKeys::new(None).host(host).address(&KeyReference::parse(text).unwrap()).map(|url| url.to_string())
        };
        let end = "/variables/COSIGN_PUBLIC_KEY";
        for (host, text, expected) in [
            ("https://gitlab.com", "gitlab://group/sub/project", "https://gitlab.com/api/v4/projects/group%2Fsub%2Fproject"),
            ("gitlab.example:8443", "gitlab://42", "https://gitlab.example:8443/api/v4/projects/42"),
            ("https://a.example/gitlab/", "gitlab://a/b", "https://a.example/gitlab/api/v4/projects/a%2Fb"),
            ("https://a.example/api/v4/", "gitlab://a/b/", "https://a.example/api/v4/projects/a%2Fb"),
        ] {
            assert_eq!(address(host, text).as_deref(), Ok(format!("{expected}{end}").as_str()));
        }
        for text in ["gitlab://../admin", "gitlab://a//b", "gitlab://a/./b", "gitlab://a/b?x", "gitlab://a%2fb", "gitlab:///a"] {
            assert!(address("https://gitlab.com", text).is_err(), "{text}");
        }
        for host in ["https://", "https://u:p@a.example", "https://a.example/?x", "https://a.example/#x"] {
            assert!(address(host, "gitlab://a/b").is_err(), "{host}");
        }
    }
}
