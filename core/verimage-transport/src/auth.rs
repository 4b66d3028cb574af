//! From a challenge to an `Authorization` header: tokens are asked for once, shared, and asked for again when refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;
use verimage_core::{StoreError, StoreErrorKind};

use crate::address::Neighbourhood;
use crate::challenge::{BearerChallenge, Challenges};
use crate::client::{Client, Hop};
use crate::credentials::{Credential, basic};
use crate::flight::{Flights, lock};
use crate::hosts::authority;
use crate::realm;
use crate::registries::Endpoint;

/// Bytes of a token service's answer.
const TOKEN_BYTES: u64 = 64 << 10;
/// How long a token lives that does not say so. Distribution, "Token Authentication Specification".
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// No token is used for longer, whatever it says.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
/// More tokens than this are forgotten together.
const MAX_TOKENS: usize = 4096;

/// What is sent in `Authorization`, until when, what must not be repeated to anybody, and whom it stands for.
pub(crate) struct Authorization {
    header: HeaderValue,
    expires: Option<Instant>,
    secrets: Vec<String>,
    /// The token service that gave this to nobody in particular, for it must not see the credentials that are known.
    anonymous_from: Option<Url>,
}

/// A repository on one server: what a token is good for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    origin: String,
    path: String,
}

/// Who asks for a token: the registry that was spoken to.
pub(crate) struct Asker<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) url: &'a Url,
    pub(crate) neighbourhood: Neighbourhood,
    pub(crate) deadline: Instant,
}

#[derive(Deserialize)]
struct TokenBody {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<Seconds>,
}

/// Some token services write numbers as texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Authorization {
    fn bearer(token: &str, expires: Option<Instant>, anonymous_from: Option<Url>) -> Option<Arc<Self>> {
        Self::new(&format!("Bearer {token}"), expires, vec![token.to_owned()], anonymous_from)
    }

    pub(crate) fn basic(username: &str, password: &str, expires: Option<Instant>) -> Option<Arc<Self>> {
        let encoded = basic(username, password);
        Self::new(&format!("Basic {encoded}"), expires, vec![encoded, password.to_owned()], None)
    }

    fn new(text: &str, expires: Option<Instant>, secrets: Vec<String>, anonymous_from: Option<Url>) -> Option<Arc<Self>> {
        let mut header = HeaderValue::from_str(text).ok()?;
        header.set_sensitive(true);
        Some(Arc::new(Self { header, expires, secrets, anonymous_from }))
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// What a server that was sent this must not be quoted with.
    pub(crate) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Tells a refusal of nobody in particular from one of whom the credentials stand for: registries hide with 404, too.
    pub(crate) fn explain(&self, error: StoreError) -> StoreError {
        match (&self.anonymous_from, error.kind) {
            (Some(realm), StoreErrorKind::Unauthorized | StoreErrorKind::NotFound) => {
                realm::withheld(StoreError::new(StoreErrorKind::Unauthorized, error.detail), realm)
            }
            _ => error,
        }
    }

    fn is_alive(&self) -> bool {
        self.expires.is_none_or(|expires| Instant::now() < expires)
    }
}

impl Scope {
    pub(crate) fn of(url: &Url, endpoint: &Endpoint) -> Self {
        Self { origin: format!("{}://{}", url.scheme(), authority(url)), path: endpoint.path.clone() }
    }
}

/// The authorizations that are in use.
#[derive(Default)]
pub(crate) struct Tokens {
    known: Mutex<HashMap<Scope, Arc<Authorization>>>,
    flights: Flights<Scope, Result<Arc<Authorization>, StoreError>>,
}

impl Tokens {
    /// What this scope was last granted, if that is still good.
    pub(crate) fn current(&self, scope: &Scope) -> Option<Arc<Authorization>> {
        lock(&self.known).get(scope).filter(|known| known.is_alive()).map(Arc::clone)
    }

    /// A new authorization in place of the refused one. Callers that come together share it.
    pub(crate) async fn renew<F>(
        &self,
        scope: &Scope,
        refused: Option<&Arc<Authorization>>,
        obtain: impl FnOnce() -> F,
    ) -> Result<Arc<Authorization>, StoreError>
    where
        F: Future<Output = Result<Arc<Authorization>, StoreError>>,
    {
        let other = |current: &Arc<Authorization>| refused.is_none_or(|refused| !Arc::ptr_eq(current, refused));
        if let Some(current) = self.current(scope).filter(other) {
            return Ok(current);
        }
        let work = || async {
            let granted = obtain().await?;
            let mut known = lock(&self.known);
            if known.len() >= MAX_TOKENS {
                known.clear();
            }
            known.insert(scope.clone(), Arc::clone(&granted));
            Ok(granted)
        };
        self.flights.join(scope.clone(), work).await
    }
}

impl Client {
    /// Answers a challenge with what is known for the repository.
    pub(crate) async fn authorize(&self, asker: &Asker<'_>, challenges: &Challenges) -> Result<Arc<Authorization>, StoreError> {
        let encrypted = asker.url.scheme() == "https" || asker.endpoint.in_clear;
        let found = self.credentials.find(asker.endpoint).await?.filter(|_| encrypted);
        let expires = found.as_ref().and_then(|found| Instant::now().checked_add(found.life?));
        let credential = found.map(|found| found.credential);
        let refuse = |why: &str| StoreError::new(StoreErrorKind::Unauthorized, format!("{}: {why}", asker.endpoint.name()));
        let unusable = || refuse("the credential has characters that cannot be sent");
        match (&challenges.bearer, &credential) {
            (Some(_), Some(Credential::RegistryToken(token))) => Authorization::bearer(token, expires, None).ok_or_else(unusable),
            (Some(bearer), _) => self.token(asker, bearer, credential.as_ref()).await,
            (None, Some(Credential::Basic { username, password })) => {
                Authorization::basic(username, password, expires).ok_or_else(unusable)
            }
            (None, Some(_)) => Err(refuse("the registry asks for a password, and a token is what is known")),
            (None, None) if !encrypted => Err(refuse("the server asks for a user name and a password, and none is sent over http")),
            (None, None) => Err(refuse("the registry asks for a user name and a password, and none is known for it")),
        }
    }

    /// Fetches a token for reading one repository. Distribution, "Token Authentication Specification" and "OAuth2 Token Authentication".
    async fn token(
        &self,
        asker: &Asker<'_>,
        challenge: &BearerChallenge,
        credential: Option<&Credential>,
    ) -> Result<Arc<Authorization>, StoreError> {
        let realm = realm::parse(&challenge.realm, asker.url)?;
        let introduced = realm::may_see_credentials(&realm, asker.url, &self.credential_realms);
        let shown = credential.filter(|_| introduced);
        let mut hop = Hop::to(realm.clone(), "application/json", self.reach(&realm, asker.url, asker.neighbourhood));
        hop.place = format!("token service {} of {}", authority(&realm), asker.endpoint.host);
        hop.verified = asker.endpoint.verified || realm.origin() != asker.url.origin();
        ask_for(&mut hop, asker.endpoint, challenge, shown);
        let withheld = (credential.is_some() && !introduced).then_some(realm);
        let granted = self.granted(&hop, asker.deadline, withheld.as_ref()).await;
        granted.map_err(|error| withheld.iter().fold(error, realm::withheld))
    }

    /// Sends the request for a token. Redirects are not followed: a token service answers itself.
    async fn granted(&self, hop: &Hop, deadline: Instant, withheld: Option<&Url>) -> Result<Arc<Authorization>, StoreError> {
        let reply = self.patient(hop, deadline).await?;
        let status = reply.status();
        if !status.is_success() {
            let (StoreError { kind, detail }, _) = reply.refusal().await;
            let kind = match kind {
                // RFC 6749, section 5.2: a refresh token that is no good is a bad request.
                StoreErrorKind::Unavailable if status == StatusCode::BAD_REQUEST && hop.form.is_some() => StoreErrorKind::Unauthorized,
                // No token service is no proof that there is no image.
                StoreErrorKind::NotFound => StoreErrorKind::Unavailable,
                kind => kind,
            };
            return Err(StoreError { kind, detail });
        }
        let began = Instant::now();
        let unusable = || StoreError::unavailable(format!("{}: the answer holds no token that can be used", hop.place));
        let body: TokenBody = serde_json::from_slice(&reply.body(TOKEN_BYTES).await?).map_err(|_| unusable())?;
        let token = [body.token, body.access_token].into_iter().flatten().find(|token| !token.is_empty()).ok_or_else(unusable)?;
        let expires = began + body.expires_in.map_or(DEFAULT_LIFE, life);
        let anonymous_from = withheld.cloned();
        Authorization::bearer(&token, Some(expires), anonymous_from).ok_or_else(unusable)
    }
}

/// Fills in what is asked for: always and only to read this repository, whatever scope the challenge names.
fn ask_for(hop: &mut Hop, endpoint: &Endpoint, challenge: &BearerChallenge, credential: Option<&Credential>) {
    let scope = format!("repository:{}:pull", endpoint.path);
    let mut parameters = vec![("scope", scope.as_str())];
    parameters.extend(challenge.service.as_deref().map(|service| ("service", service)));
    if let Some(Credential::IdentityToken(token)) = credential {
        parameters.extend([("grant_type", "refresh_token"), ("client_id", "verimage"), ("refresh_token", token)]);
        hop.secrets = vec![token.clone()];
        hop.form = Some(Serializer::new(String::new()).extend_pairs(parameters).finish());
        return;
    }
    hop.url.query_pairs_mut().extend_pairs(parameters);
    if let Some(Credential::Basic { username, password }) = credential {
        hop.authorization = Authorization::basic(username, password, None);
    }
}

fn life(seconds: Seconds) -> Duration {
    let seconds = match seconds {
        Seconds::Number(seconds) => seconds,
        Seconds::Text(text) => text.trim().parse().unwrap_or(DEFAULT_LIFE.as_secs_f64()),
    };
    Duration::try_from_secs_f64(seconds.clamp(0.0, LONGEST_LIFE.as_secs_f64())).unwrap_or_default()
}
