//! Requests: one hop, pauses that the server asks for, redirects, and the answer to a challenge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;
use verimage_core::{StoreError, StoreErrorKind};

use crate::address::{Neighbourhood, Reach, neighbourhood};
use crate::auth::{Asker, Authorization, Scope, Tokens};
use crate::challenge::Challenges;
use crate::config::{ConfigError, RegistryConfig};
use crate::connect::{Connection, Connections};
use crate::credentials::{Credential, Credentials};
use crate::failure;
use crate::hosts::{Hosts, authority};
use crate::registries::{Endpoint, Transport, names};

const MAX_REDIRECTS: usize = 3;
/// How often one request is sent to a server that asks to come back later.
const MAX_TRIES: usize = 3;

/// Everything that requests share.
pub struct Client {
    connections: Arc<Connections>,
    tokens: Tokens,
    hosts: Arc<Hosts>,
    pub(crate) credentials: Credentials,
    pub(crate) credential_realms: Vec<String>,
    allow_private: Vec<String>,
}

/// A question to one repository.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The repository and its server.
    pub endpoint: &'a Endpoint,
    /// The media types that are understood.
    pub accept: &'static str,
    /// When the answer must be here.
    pub deadline: Instant,
    /// Whether the head of the answer is enough.
    pub head: bool,
}

/// As whom a server is asked.
#[derive(Clone, Copy)]
enum Who {
    /// With the credentials and tokens that are known.
    Known,
    Nobody,
}

/// One request to one URL.
pub(crate) struct Hop {
    pub(crate) url: Url,
    pub(crate) accept: &'static str,
    pub(crate) authorization: Option<Arc<Authorization>>,
    /// Fields to post; without them the request is a GET, or a HEAD.
    pub(crate) form: Option<String>,
    pub(crate) head: bool,
    /// What else must not be repeated to anybody.
    pub(crate) secrets: Vec<String>,
    pub(crate) reach: Reach,
    pub(crate) verified: bool,
    /// Who is asked, for messages.
    pub(crate) place: String,
}

/// The head of an answer; the body is still to be read. Holds the host's permit until then.
pub struct Reply {
    pub(crate) response: Response,
    /// Where the registry itself is.
    neighbourhood: Neighbourhood,
    place: String,
    redirected: bool,
    authorization: Option<Arc<Authorization>>,
    secrets: Vec<String>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Why there is no answer, and whether not even a connection came about. A bad certificate is something that was said.
pub(crate) struct Unanswered {
    error: StoreError,
    unconnected: bool,
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        Self { error, unconnected: false }
    }
}

impl From<Unanswered> for StoreError {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.error
    }
}

impl Hop {
    pub(crate) fn to(url: Url, accept: &'static str, reach: Reach) -> Self {
        let place = authority(&url);
        Self { url, accept, authorization: None, form: None, head: false, secrets: Vec::new(), reach, verified: true, place }
    }
}

impl Reply {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Its header fields.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Where it came from in the end.
    pub fn url(&self) -> &Url {
        self.response.url()
    }

    /// Whether it came from another origin than the one that was asked.
    pub fn is_redirected(&self) -> bool {
        self.redirected
    }

    /// Who answered, for messages.
    pub fn place(&self) -> String {
        if self.redirected { format!("{} (redirected to {})", self.place, authority(self.url())) } else { self.place.clone() }
    }

    /// This answer if it is one.
    ///
    /// # Errors
    /// What its status means, if that is not 200.
    pub async fn good(self) -> Result<Self, StoreError> {
        if self.status() == StatusCode::OK { Ok(self) } else { Err(self.refusal().await.0) }
    }

    /// What a bad status means, and the start of its body.
    pub async fn refusal(self) -> (StoreError, Vec<u8>) {
        let (status, place, secrets, redirected) = (self.status(), self.place(), self.secrets(), self.redirected);
        let authorization = self.authorization.clone();
        let body = self.error_body().await;
        let kind = match failure::kind_of(status) {
            // The registry sent us there, so it has something; that the place does not is an outage.
            StoreErrorKind::NotFound if redirected && !failure::says_unknown(&body) => StoreErrorKind::Unavailable,
            kind => kind,
        };
        let error = failure::refused(kind, &place, status, &body, &secrets);
        (authorization.iter().fold(error, |error, authorization| authorization.explain(error)), body)
    }

    /// What this server may know of us and must not be quoted with.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let sent = self.authorization.iter().flat_map(|authorization| authorization.secrets());
        sent.chain(&self.secrets).cloned().collect()
    }

    /// Whether the registry itself asks who we are. A challenge from behind a redirect is nobody's business.
    fn asks_for_authorization(&self) -> bool {
        self.status() == StatusCode::UNAUTHORIZED && !self.redirected && !Challenges::of(self.headers()).is_empty()
    }
}

impl Client {
    /// A client with these settings.
    ///
    /// # Errors
    /// [`ConfigError`] if a file that the settings name cannot be read, or is not what it must be.
    pub fn new(config: &RegistryConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            connections: Arc::new(Connections::new(config)?),
            tokens: Tokens::default(),
            hosts: Arc::new(Hosts::new(config.requests_per_host)),
            credentials: Credentials::new(config)?,
            credential_realms: config.credential_realms.clone(),
            allow_private: config.allow_private.clone(),
        })
    }

    /// A client over the same connections for somebody whose credentials go before ours. Tokens are not shared.
    #[must_use]
    pub fn of_reader(&self, credentials: &BTreeMap<String, Credential>) -> Self {
        Self {
            connections: Arc::clone(&self.connections),
            tokens: Tokens::default(),
            hosts: Arc::clone(&self.hosts),
            credentials: self.credentials.of_reader(credentials),
            credential_realms: self.credential_realms.clone(),
            allow_private: self.allow_private.clone(),
        }
    }

    /// Asks a repository for a resource, in whatever the server speaks.
    ///
    /// # Errors
    /// A [`StoreError`] if there is no answer.
    pub async fn get(&self, call: Call<'_>, resource: &str) -> Result<Reply, StoreError> {
        self.get_path(call, &format!("v2/{}/{resource}", call.endpoint.path)).await
    }

    /// Asks the server of a repository for any path of it, in whatever the server speaks.
    ///
    /// # Errors
    /// A [`StoreError`] if there is no answer.
    pub async fn get_path(&self, call: Call<'_>, path: &str) -> Result<Reply, StoreError> {
        self.in_its_transport(call, path, Who::Known).await
    }

    /// As [`get_path`](Self::get_path), but shows nobody who we are: a challenge is an answer like any other.
    ///
    /// # Errors
    /// A [`StoreError`] if there is no answer.
    pub async fn get_anonymously(&self, call: Call<'_>, path: &str) -> Result<Reply, StoreError> {
        self.in_its_transport(call, path, Who::Nobody).await
    }

    /// Asks one URL of a server that is no registry, with these credentials if there are any, and answers no challenge.
    ///
    /// # Errors
    /// A [`StoreError`] if there is no answer.
    pub async fn get_url(&self, call: Call<'_>, url: &Url, credential: Option<(&str, &str)>) -> Result<Reply, StoreError> {
        let authorization = credential.and_then(|(username, password)| Authorization::basic(username, password, None));
        Ok(self.follow(call, url, authorization).await?)
    }

    /// Asks over https or http, as the server is known to speak or is found to.
    async fn in_its_transport(&self, call: Call<'_>, path: &str, who: Who) -> Result<Reply, StoreError> {
        let host = self.hosts.of(&call.endpoint.host);
        match (call.endpoint.transport, host.speaks_tls()) {
            (Transport::Https, _) | (_, Some(true)) => Ok(self.ask_as(call, true, path, who).await?),
            (Transport::Http, _) | (_, Some(false)) => Ok(self.ask_as(call, false, path, who).await?),
            (Transport::HttpsThenHttp, None) => {
                let first = self.ask_as(call, true, path, who).await;
                if !matches!(first, Err(Unanswered { unconnected: true, .. })) {
                    host.remember_tls(true);
                    return Ok(first?);
                }
                let second = self.ask_as(call, false, path, who).await?;
                host.remember_tls(false);
                Ok(second)
            }
        }
    }

    async fn ask_as(&self, call: Call<'_>, tls: bool, path: &str, who: Who) -> Result<Reply, Unanswered> {
        let url = call.endpoint.url(tls, path)?;
        match who {
            Who::Known => self.try_ask(call, &url).await,
            Who::Nobody => self.follow(call, &url, None).await,
        }
    }

    /// Asks one URL of a repository, and answers a challenge once.
    ///
    /// # Errors
    /// A [`StoreError`] if there is no answer.
    pub async fn ask(&self, call: Call<'_>, url: &Url) -> Result<Reply, StoreError> {
        Ok(self.try_ask(call, url).await?)
    }

    async fn try_ask(&self, call: Call<'_>, url: &Url) -> Result<Reply, Unanswered> {
        let scope = Scope::of(url, call.endpoint);
        let known = self.tokens.current(&scope);
        let reply = self.follow(call, url, known.clone()).await?;
        if !reply.asks_for_authorization() {
            return Ok(reply);
        }
        let asker = Asker { endpoint: call.endpoint, url, neighbourhood: reply.neighbourhood, deadline: call.deadline };
        let challenges = Challenges::of(reply.headers());
        reply.error_body().await;
        let fresh = self.tokens.renew(&scope, known.as_ref(), || self.authorize(&asker, &challenges)).await?;
        self.follow(call, url, Some(fresh)).await
    }

    /// Follows redirects. What authorizes us at the registry is taken off for good at the first other origin.
    async fn follow(&self, call: Call<'_>, url: &Url, authorization: Option<Arc<Authorization>>) -> Result<Reply, Unanswered> {
        let mut hop = Hop::to(url.clone(), call.accept, Reach::Named);
        hop.authorization = authorization;
        hop.head = call.head;
        hop.verified = call.endpoint.verified;
        hop.place = call.endpoint.name();
        let mut reply = self.patient(&hop, call.deadline).await?;
        let neighbourhood = reply.neighbourhood;
        let mut redirected = false;
        for _ in 0..MAX_REDIRECTS {
            let Some(target) = redirect_target(&reply)? else { return Ok(reply) };
            reply.error_body().await;
            if target.origin() != hop.url.origin() {
                hop.authorization = None;
                hop.verified = true;
            }
            hop.reach = self.reach(&target, url, neighbourhood);
            hop.url = target;
            reply = self.patient(&hop, call.deadline).await.map_err(StoreError::from)?;
            reply.neighbourhood = neighbourhood;
            redirected |= hop.url.origin() != url.origin();
            reply.redirected = redirected;
        }
        match redirect_target(&reply)? {
            None => Ok(reply),
            Some(_) => {
                let detail = format!("{}: more than {MAX_REDIRECTS} redirects", reply.place());
                Err(StoreError::new(StoreErrorKind::TooLarge, detail).into())
            }
        }
    }

    /// Where a URL that a registry names may lead.
    pub(crate) fn reach(&self, target: &Url, registry: &Url, neighbourhood: Neighbourhood) -> Reach {
        let allowed = self.allow_private.iter().any(|listed| names(listed, &authority(target)));
        if allowed || target.origin() == registry.origin() { Reach::Named } else { Reach::From(neighbourhood) }
    }

    /// Sends one request, and again if the server asks to come back within the deadline.
    pub(crate) async fn patient(&self, hop: &Hop, deadline: Instant) -> Result<Reply, Unanswered> {
        for _ in 1..MAX_TRIES {
            let reply = self.send(hop).await?;
            let Some(pause) = pause(&reply).filter(|pause| Instant::now().checked_add(*pause).is_some_and(|end| end < deadline)) else {
                return Ok(reply);
            };
            reply.error_body().await;
            tokio::time::sleep(pause).await;
        }
        self.send(hop).await
    }

    async fn send(&self, hop: &Hop) -> Result<Reply, Unanswered> {
        if !hop.reach.admits_literal(&hop.url) {
            let address = authority(&hop.url);
            return Err(StoreError::unavailable(format!("{}: must not be sent to the address {address}", hop.place)).into());
        }
        let host = self.hosts.of(&authority(&hop.url));
        let permit = host.permit().await;
        let Connection { client, proxied } = self.connections.open(&hop.url, &host, hop.reach, hop.verified)?;
        let method = match (&hop.form, hop.head) {
            (Some(_), _) => Method::POST,
            (None, true) => Method::HEAD,
            (None, false) => Method::GET,
        };
        let mut request = client.request(method, hop.url.clone()).header(ACCEPT, HeaderValue::from_static(hop.accept));
        if let Some(authorization) = &hop.authorization {
            request = request.header(AUTHORIZATION, authorization.header());
        }
        if let Some(form) = &hop.form {
            let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            request = request.header(CONTENT_TYPE, form_type).body(form.clone());
        }
        let answer = request.send().await;
        let response = answer.map_err(|error| Unanswered {
            unconnected: error.is_connect() && !failure::is_within_tls(&error),
            error: failure::unreachable(&hop.place, &error),
        })?;
        let neighbourhood =
            if proxied { Neighbourhood::of_literal(&hop.url) } else { response.remote_addr().map(|peer| neighbourhood(peer.ip())) };
        Ok(Reply {
            response,
            neighbourhood: neighbourhood.unwrap_or(Neighbourhood::Public),
            place: hop.place.clone(),
            redirected: false,
            authorization: hop.authorization.clone(),
            secrets: hop.secrets.clone(),
            _permit: permit,
        })
    }
}

/// Where a redirect leads, if the answer is one. Never from https to anything else.
fn redirect_target(reply: &Reply) -> Result<Option<Url>, StoreError> {
    if !matches!(reply.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refuse = |why: &str| StoreError::unavailable(format!("{}: a redirect {why}", reply.place()));
    let location = reply.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| reply.url().join(location).ok());
    let mut target = target.ok_or_else(|| refuse("leads nowhere"))?;
    target.set_fragment(None);
    if target.scheme() != "https" && (target.scheme() != "http" || reply.url().scheme() != "http") {
        return Err(refuse("leads away from https"));
    }
    if !target.username().is_empty() || target.password().is_some() {
        return Err(refuse("has a user name in its address"));
    }
    Ok(Some(target))
}

/// How long the server asks to wait: RFC 9110, section 10.2.3, seconds or a date.
fn pause(reply: &Reply) -> Option<Duration> {
    if !matches!(reply.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let text = reply.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default())
}
