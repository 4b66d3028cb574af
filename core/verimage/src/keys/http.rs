//! One question over https, bounded in every way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderName, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, Response, StatusCode, Url};
use verimage_core::Code;
use verimage_transport::{Guard, Neighbourhood, Proxy, Reach};

use crate::keys::{KeyResolverError, MAX_KEY_BYTES, too_large};
use crate::transfer::{self, Unread, root_cause};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How places are reached.
#[derive(Clone, Default)]
pub(crate) struct Http {
    pub(crate) proxy: Proxy,
    /// The only authorities that count; those of the system, if none are given.
    pub(crate) authorities: Option<Vec<Certificate>>,
    /// Who we are to the server.
    pub(crate) identity: Option<Identity>,
    /// How many redirects are followed.
    pub(crate) redirects: usize,
}

/// A header that proves who we are.
pub(crate) type Secret = (HeaderName, HeaderValue);

/// One request of several, where redirects lead.
struct Hop {
    url: Url,
    secret: Option<Secret>,
    reach: Reach,
}

/// Makes a header of a secret; what it cannot hold is not repeated.
pub(crate) fn secret(name: HeaderName, value: &str) -> Result<Secret, KeyResolverError> {
    let unusable = |_| KeyResolverError::invalid(format!("the secret for the header `{name}` has characters that no header can hold"));
    let mut value = HeaderValue::from_str(value.trim()).map_err(unusable)?;
    value.set_sensitive(true);
    Ok((name, value))
}

impl Http {
    /// The body of the answer, of the size of a key. The secret stays at the origin of `url`.
    pub(crate) async fn get(&self, url: &Url, secret: Option<Secret>) -> Result<Vec<u8>, KeyResolverError> {
        self.get_within(MAX_KEY_BYTES as u64, url, secret).await
    }

    /// The same, of any other size.
    pub(crate) async fn get_within(&self, max_bytes: u64, url: &Url, secret: Option<Secret>) -> Result<Vec<u8>, KeyResolverError> {
        let mut hop = Hop { url: url.clone(), secret, reach: Reach::Named };
        let mut beginning = None;
        for _ in 0..self.redirects {
            let (answer, neighbourhood) = self.send(&hop).await?;
            let Some(target) = redirect_target(&answer, &hop.url)? else { return read(answer, &hop.url, max_bytes).await };
            if target.origin() != hop.url.origin() {
                hop.secret = None;
            }
            // Remote data leads to public addresses, or stays in the neighbourhood that the policy named.
            let beginning = *beginning.get_or_insert(neighbourhood);
            hop.reach = if target.origin() == url.origin() { Reach::Named } else { Reach::From(beginning) };
            hop.url = target;
        }
        let (answer, _) = self.send(&hop).await?;
        match redirect_target(&answer, &hop.url)? {
            None => read(answer, &hop.url, max_bytes).await,
            Some(_) => Err(KeyResolverError::unavailable(format!("{}: more than {} redirects", place(url), self.redirects))),
        }
    }

    async fn send(&self, hop: &Hop) -> Result<(Response, Neighbourhood), KeyResolverError> {
        let place = place(&hop.url);
        if !is_safe(&hop.url) {
            return Err(KeyResolverError::invalid(format!("{place}: only https is spoken, and http with loopback hosts")));
        }
        if !hop.reach.admits_literal(&hop.url) {
            return Err(KeyResolverError::invalid(format!("{place}: this address is never asked for a key")));
        }
        let proxied = self.proxy.leads(&hop.url);
        let client = self.client(hop, proxied)?;
        let request = client.get(hop.url.clone()).header(ACCEPT, HeaderValue::from_static("*/*"));
        let request = match &hop.secret {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        let unreachable = |error: reqwest::Error| KeyResolverError::unavailable(format!("{place}: {}", root_cause(&error)));
        let answer = request.send().await.map_err(unreachable)?;
        let peer = answer.remote_addr().as_ref().map(SocketAddr::ip).map(Neighbourhood::of);
        let neighbourhood = if proxied { Neighbourhood::of_literal(&hop.url) } else { peer };
        Ok((answer, neighbourhood.unwrap_or(Neighbourhood::Public)))
    }

    fn client(&self, hop: &Hop, proxied: bool) -> Result<Client, KeyResolverError> {
        let unusable =
            |error: reqwest::Error| KeyResolverError::unavailable(format!("no connection can be set up: {}", root_cause(&error)));
        let mut builder = Client::builder()
            .user_agent(concat!("verimage/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .no_proxy();
        builder = match &self.proxy.https {
            // Behind a proxy, resolving names is the proxy's duty.
            Some(proxy) if proxied => builder.proxy(reqwest::Proxy::https(proxy).map_err(unusable)?),
            _ => builder.dns_resolver(Arc::new(Guard::new(hop.reach))),
        };
        if hop.url.scheme() == "http" {
            // Without TLS no trust store need be read.
            return builder.tls_certs_only([]).build().map_err(unusable);
        }
        if let Some(authorities) = &self.authorities {
            builder = builder.tls_certs_only(authorities.iter().cloned());
        }
        self.identity.iter().cloned().fold(builder, reqwest::ClientBuilder::identity).build().map_err(unusable)
    }
}

/// What the status means, and the body of a good one. The body of a bad one is not repeated.
async fn read(answer: Response, url: &Url, max_bytes: u64) -> Result<Vec<u8>, KeyResolverError> {
    let place = place(url);
    match answer.status() {
        StatusCode::OK => transfer::body(answer, max_bytes).await.map_err(|unread| match unread {
            Unread::TooLarge if max_bytes == MAX_KEY_BYTES as u64 => too_large(&place),
            Unread::TooLarge => KeyResolverError::unavailable(format!("{place}: the answer is larger than {max_bytes} bytes")),
            Unread::Broken(why) => KeyResolverError::unavailable(format!("{place}: {why}")),
        }),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(KeyResolverError::unauthorized(format!("{place}: we may not read this (status {})", answer.status().as_u16())))
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(KeyResolverError::invalid(format!("{place}: nothing is there"))),
        StatusCode::TOO_MANY_REQUESTS => {
            Err(KeyResolverError::new(Code::StoreRateLimited, format!("{place}: the server asks to come back later")))
        }
        other => Err(KeyResolverError::unavailable(format!("{place}: answered with status {}", other.as_u16()))),
    }
}

/// Where a redirect leads, if the answer is one. Never from https to anything else.
fn redirect_target(answer: &Response, from: &Url) -> Result<Option<Url>, KeyResolverError> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refuse = |why: &str| KeyResolverError::unavailable(format!("{}: a redirect {why}", place(from)));
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let mut target = location.and_then(|location| from.join(location).ok()).ok_or_else(|| refuse("leads nowhere"))?;
    target.set_fragment(None);
    if !is_safe(&target) || (from.scheme() == "https" && target.scheme() != "https") {
        return Err(refuse("leads away from https"));
    }
    if has_user(&target) {
        return Err(refuse("has a user name in its address"));
    }
    Ok(Some(target))
}

/// Whether a URL is https, or http on this machine.
fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => Neighbourhood::of_literal(url).map_or(url.host_str() == Some("localhost"), |place| place == Neighbourhood::Loopback),
        _ => false,
    }
}

pub(crate) fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The address for messages: a query may be a secret.
fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_spoken_to() {
        let safe = |text: &str| is_safe(&Url::parse(text).unwrap());
        assert!(["https://a.example/k", "http://localhost:1/k", "http://127.0.0.1/k", "http://[::1]/k"].into_iter().all(safe));
        let unsafe_ones = ["http://a.example/k", "http://localhost.a.example/k", "http://10.0.0.1/k", "ftp://a.example/k", "file:///k"];
        assert!(!unsafe_ones.into_iter().any(safe));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", secret(HeaderName::from_static("private-token"), "glpat-secret\n").unwrap());
        assert!(!shown.contains("glpat"), "{shown}");
        let refused = secret(HeaderName::from_static("private-token"), "glpat\u{7f}-secret").unwrap_err();
        assert!(!refused.message.contains("glpat"), "{refused}");
        assert_eq!(place(&Url::parse("https://a.example:8443/k?token=secret#x").unwrap()), "https://a.example:8443/k");
    }
}
