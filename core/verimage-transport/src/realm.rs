//! Which token service a registry may name, and whether it may see credentials.

use url::{Host, Url};
use verimage_core::{StoreError, StoreErrorKind};

use crate::hosts::authority;
use crate::registries::names;

/// Registries whose token service, known to all, is neither on their host nor below it.
const KNOWN: [(&str, &str); 2] = [("registry-1.docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")];

/// Reads the realm of a challenge. A registry on https has its tokens from https.
pub(crate) fn parse(realm: &str, registry: &Url) -> Result<Url, StoreError> {
    let refuse = |why: &str| StoreError::unavailable(format!("{}: the token service {why}", authority(registry)));
    let mut url = Url::parse(realm).map_err(|_| refuse("has no readable address"))?;
    let as_open_as_the_registry = url.scheme() == "http" && registry.scheme() == "http";
    if url.scheme() != "https" && !as_open_as_the_registry {
        return Err(refuse("is not on https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("has a user name in its address"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether the token service belongs to the registry's house: its own host, a host below it, or one that is known to.
/// A common parent domain says nothing: it may be one under which anybody gets a name (`github.io`, `co.uk`).
pub(crate) fn may_see_credentials(realm: &Url, registry: &Url, listed: &[String]) -> bool {
    if listed.iter().any(|listed| names(listed, &authority(realm))) {
        return true;
    }
    match (realm.host(), registry.host()) {
        (Some(Host::Domain(realm_name)), Some(Host::Domain(registry_name))) if realm_name != registry_name => {
            realm.scheme() == "https" && same_house(realm_name, registry_name)
        }
        (Some(realm), Some(registry)) => realm == registry,
        _ => false,
    }
}

fn same_house(realm: &str, registry: &str) -> bool {
    let below =
        |domain: &str| domain.contains('.') && realm.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    below(registry) || KNOWN.contains(&(registry, realm))
}

/// What to say when a token service refuses someone who was not introduced.
pub(crate) fn withheld(error: StoreError, realm: &Url) -> StoreError {
    if error.kind != StoreErrorKind::Unauthorized {
        return error;
    }
    let host = authority(realm);
    let detail =
        format!("{}; credentials were not sent, for {host} is another host than the registry (see credential_realm)", error.detail);
    StoreError::new(error.kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn credentials_stay_in_the_house() {
        let seen = |realm: &str, registry: &str| may_see_credentials(&url(realm), &url(registry), &[]);
        assert!(seen("https://auth.docker.io/token", "https://registry-1.docker.io/v2/"));
        assert!(seen("https://gitlab.com/jwt/auth", "https://registry.gitlab.com/v2/"));
        assert!(seen("https://ghcr.io/token", "https://ghcr.io/v2/"));
        assert!(seen("https://auth.registry.example/token", "https://registry.example/v2/"));
        assert!(seen("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/v2/"));
        assert!(!seen("https://auth.cloud.example/token", "https://registry.cloud.example/v2/"));
        assert!(!seen("https://evil.github.io/token", "https://registry.github.io/v2/"));
        assert!(!seen("https://evil.co.uk/token", "https://registry.co.uk/v2/"));
        assert!(!seen("https://evil.docker.io/token", "https://registry-1.docker.io/v2/"));
        assert!(!seen("https://example/token", "https://registry.example/v2/"));
        assert!(!seen("http://auth.docker.io/token", "https://registry-1.docker.io/v2/"));
        assert!(!seen("https://evil.io/token", "https://ghcr.io/v2/"));
        assert!(!seen("https://evilghcr.io/token", "https://ghcr.io/v2/"));
        assert!(!seen("https://ghcr.io.evil.example/token", "https://ghcr.io/v2/"));
        assert!(!seen("http://localhost:5001/token", "http://127.0.0.1:5000/v2/"));
        assert!(!seen("http://auth.a.example/token", "http://registry.a.example/v2/"));
        assert!(may_see_credentials(&url("https://login.example/t"), &url("https://a.test/v2/"), &["login.example".to_owned()]));
    }

    #[test]
    fn a_registry_on_https_names_a_realm_on_https() {
        assert!(parse("http://a.example/token", &url("https://a.example/v2/")).is_err());
        assert!(parse("http://a.example/token", &url("http://a.example/v2/")).is_ok());
        for bad in ["", "/token", "file:///etc/passwd", "gopher://a/", "https://u:p@a.example/"] {
            assert!(parse(bad, &url("http://a.example/v2/")).is_err(), "{bad}");
        }
    }
}
