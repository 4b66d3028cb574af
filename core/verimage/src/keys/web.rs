//! Keys at web addresses.

use std::fmt;

use reqwest::Url;
use verimage_core::async_trait;
use verimage_transport::Proxy;

use crate::keys::http::{Http, has_user};
use crate::keys::{KeyReference, KeyResolver, KeyResolverError};

const MAX_REDIRECTS: usize = 3;

/// Resolves `https://HOST/PATH`, and `http://` at loopback hosts: PEM at a web address. No credentials are sent.
///
/// The policy says which key it must be (`sha256`), or that it does not know (`insecureUnpinned`); the loader sees to that.
#[derive(Clone)]
pub struct HttpsKeys {
    http: Http,
}

impl HttpsKeys {
    /// Addresses that are reached directly.
    pub fn new() -> Self {
        Self { http: Http { redirects: MAX_REDIRECTS, ..Http::default() } }
    }

    /// Goes through these proxies.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.http.proxy = proxy;
        self
    }
}

impl Default for HttpsKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HttpsKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpsKeys").field("proxy", &self.http.proxy).finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyResolver for HttpsKeys {
    fn schemes(&self) -> &[&str] {
        &["https", "http"]
    }

    async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        let url = Url::parse(&reference.text()).ok().filter(|url| url.has_host() && !has_user(url));
        let url = url.ok_or_else(|| KeyResolverError::invalid(format!("`{reference}` is no web address")))?;
        self.http.get(&url, None).await
    }
}
