//! A TUF repository behind a URL.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, NoProxy, Response, StatusCode, Url};
use verimage_core::Code;
use verimage_transport::Proxy;

use crate::transfer::{self, Unread, root_cause};
use crate::trust::TrustError;
use crate::trust::mirror::{Mirror, is_loopback, is_safe, too_large};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 3;

/// Metadata below the address, targets in `targets/` below it, as the public instance has them.
pub(crate) struct HttpMirror {
    base: Url,
    client: Client,
}

impl HttpMirror {
    pub(crate) fn new(base: Url, proxy: &Proxy) -> Result<Self, TrustError> {
        let unusable = |error: reqwest::Error| TrustError::Usage(format!("no connection can be set up: {}", root_cause(&error)));
        let mut builder = Client::builder()
            .user_agent(concat!("verimage/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::custom(redirect))
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .no_proxy();
        if is_loopback(&base) {
            // This machine is reached directly; without TLS no trust store need be read.
            builder = if base.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        } else if let Some(url) = &proxy.https {
            let https = reqwest::Proxy::https(url).map_err(unusable)?;
            builder = builder.proxy(https.no_proxy(NoProxy::from_string(&proxy.except)));
        }
        Ok(Self { base, client: builder.build().map_err(unusable)? })
    }

    async fn get(&self, url: Url, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        let place = url.to_string();
        let failed = |why: String| TrustError::new(Code::StoreUnavailable, format!("{place}: {why}"));
        let answer = self.client.get(url).send().await.map_err(|error| failed(root_cause(&error)))?;
        match answer.status() {
            StatusCode::OK => body(answer, &place, max_bytes).await.map(Some),
            // Object stores say `forbidden` where nothing is.
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => Ok(None),
            StatusCode::TOO_MANY_REQUESTS => Err(TrustError::new(Code::StoreRateLimited, format!("{place}: asks to come back later"))),
            other => Err(failed(format!("answered with status {}", other.as_u16()))),
        }
    }
}

#[async_trait]
impl Mirror for HttpMirror {
    async fn metadata(&self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        let url = self.base.join(name).map_err(|error| TrustError::Usage(format!("`{name}`: {error}")))?;
        self.get(url, max_bytes).await
    }

    async fn target(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("targets").extend(path.split('/'));
        }
        self.get(url, max_bytes).await
    }
}

async fn body(answer: Response, place: &str, max_bytes: u64) -> Result<Vec<u8>, TrustError> {
    transfer::body(answer, max_bytes).await.map_err(|unread| match unread {
        Unread::TooLarge => too_large(place, max_bytes),
        Unread::Broken(why) => TrustError::new(Code::StoreUnavailable, format!("{place}: {why}")),
    })
}

/// Few redirects; none to a weaker scheme, and none that leads a public mirror's client to an address of its own network.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let to = attempt.url();
    let same_host = attempt.previous().last().is_some_and(|from| from.host_str() == to.host_str() && from.scheme() == to.scheme());
    let named = to.domain().is_some() && to.scheme() == "https" && !is_loopback(to);
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error(format!("more than {MAX_REDIRECTS} redirects"))
    } else if is_safe(to) && (same_host || named) {
        attempt.follow()
    } else {
        let refused = format!("a redirect to `{}` is not followed", to.origin().ascii_serialization());
        attempt.error(refused)
    }
}
