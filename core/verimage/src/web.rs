//! Web addresses as a store: what certificates and policies point to, such as revocation lists and OCSP responders.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use verimage_core::{Blob, HttpMethod, ImageRef, Origin, SignatureStore, StoreError, StoreErrorKind, Want, What, async_trait};
use verimage_transport::{Guard, Neighbourhood, Reach};

use crate::transfer::{self, Unread, root_cause};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one question may take: a responder that is slower is as good as none.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 3;

/// Asks web addresses. What remote data names is asked only in public networks, unless its host is listed; link-local and
/// metadata addresses never. No credentials are ever sent.
#[derive(Debug)]
pub(crate) struct WebStore {
    allow_private: Vec<String>,
    named: Clients,
    public: Clients,
}

/// The clients for one reach: connections are reused, and the trust stores are read once, when TLS is first spoken.
#[derive(Debug)]
struct Clients {
    reach: Reach,
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
}

impl Clients {
    fn new(reach: Reach) -> Self {
        Self { reach, plain: OnceLock::new(), tls: OnceLock::new() }
    }

    fn client(&self, url: &Url) -> Result<&Client, reqwest::Error> {
        let is_plain = url.scheme() == "http";
        let kept = if is_plain { &self.plain } else { &self.tls };
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        let builder = Client::builder()
            .user_agent(concat!("verimage/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .no_proxy()
            .dns_resolver(Arc::new(Guard::new(self.reach)));
        // Without TLS no trust store need be read.
        let client = if is_plain { builder.tls_certs_only([]) } else { builder }.build()?;
        Ok(kept.get_or_init(|| client))
    }
}

impl WebStore {
    /// Hosts, as `name` or `name:port`, that remote data may name although they are private.
    pub(crate) fn new(allow_private: Vec<String>) -> Self {
        let [named, public] = [Reach::Named, Reach::From(Neighbourhood::Public)].map(Clients::new);
        Self { allow_private, named, public }
    }

    fn clients(&self, url: &Url, origin: Origin) -> &Clients {
        let host = url.host_str().unwrap_or_default();
        let with_port = url.port().map(|port| format!("{host}:{port}"));
        let listed = self.allow_private.iter().any(|known| known == host || Some(known) == with_port.as_ref());
        if listed || origin == Origin::Policy { &self.named } else { &self.public }
    }

    async fn send(&self, url: &Url, question: &Question<'_>) -> Result<Response, StoreError> {
        let clients = self.clients(url, question.origin);
        let refused = || StoreError::unavailable(format!("{}: this address is not asked", place(url)));
        if !matches!(url.scheme(), "http" | "https") || !clients.reach.admits_literal(url) {
            return Err(refused());
        }
        let failed = |error: reqwest::Error| StoreError::unavailable(format!("{}: {}", place(url), root_cause(&error)));
        let client = clients.client(url).map_err(failed)?;
        let request = match question.method {
            HttpMethod::Post => client.post(url.clone()).body(question.body.to_vec()),
            _ => client.get(url.clone()),
        };
        let request = question.content_type.iter().fold(request.header(ACCEPT, "*/*"), |request, kind| request.header(CONTENT_TYPE, *kind));
        let answer = request.send().await.map_err(failed)?;
        match answer.remote_addr().as_ref().map(SocketAddr::ip).map(Neighbourhood::of) {
            Some(peer) if !clients.reach.admits(peer) => Err(refused()),
            _ => Ok(answer),
        }
    }
}

/// What is asked of each address, however often redirects lead on.
struct Question<'a> {
    method: HttpMethod,
    body: &'a [u8],
    content_type: Option<&'a str>,
    origin: Origin,
}

#[async_trait]
impl SignatureStore for WebStore {
    async fn fetch(&self, _image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let What::Http { method, url, body, content_type, origin } = &want.what else {
            return Err(StoreError::unavailable("this is no web address"));
        };
        let mut url = Url::parse(url).map_err(|error| StoreError::unavailable(format!("the address is malformed: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(StoreError::unavailable(format!("{}: the address has a user name", place(&url))));
        }
        let question = Question { method: *method, body, content_type: content_type.as_deref(), origin: *origin };
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send(&url, &question).await?;
            match redirect(&answer, &url)? {
                Some(next) => url = next,
                None => return read(answer, &url, want.max_bytes).await,
            }
        }
        Err(StoreError::unavailable(format!("{}: more than {MAX_REDIRECTS} redirects", place(&url))))
    }
}

/// Where a redirect leads, if the answer is one: never from https to http.
fn redirect(answer: &Response, from: &Url) -> Result<Option<Url>, StoreError> {
    if !answer.status().is_redirection() {
        return Ok(None);
    }
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| from.join(location).ok());
    let safe = target.filter(|target| (from.scheme() == "http" || target.scheme() == "https") && target.username().is_empty());
    safe.map(Some).ok_or_else(|| StoreError::unavailable(format!("{}: a redirect leads nowhere good", place(from))))
}

async fn read(answer: Response, url: &Url, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
    match answer.status() {
        StatusCode::OK => match transfer::body(answer, max_bytes).await {
            Ok(bytes) => Ok(vec![Blob::new(bytes)]),
            Err(Unread::TooLarge) => Err(StoreError::too_large(max_bytes)),
            Err(Unread::Broken(why)) => Err(StoreError::unavailable(format!("{}: {why}", place(url)))),
        },
        StatusCode::TOO_MANY_REQUESTS => {
            Err(StoreError::new(StoreErrorKind::RateLimited, format!("{}: the server asks to come back later", place(url))))
        }
        other => Err(StoreError::unavailable(format!("{}: answered with status {}", place(url), other.as_u16()))),
    }
}

/// The address for messages: a query may be a secret.
fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

#[cfg(test)]
mod tests;
