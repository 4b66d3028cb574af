//! Where keys come from that are neither in the policy nor in a file: key references and their resolvers.
//!
//! References are resolved when a policy is loaded, never while an image is judged. A program adds places of its own, such
//! as a cloud key service, as a [`KeyResolver`]:
//!
//! ```
//! use std::sync::Arc;
//! use verimage::core::async_trait;
//! use verimage::{KeyReference, KeyResolver, KeyResolverError, PolicyLoader};
//!
//! #[derive(Debug)]
//! struct Vault;
//!
//! #[async_trait]
//! impl KeyResolver for Vault {
//!     fn schemes(&self) -> &[&str] {
//!         &["hashivault"]
//!     }
//!
//!     async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
//!         Err(KeyResolverError::unavailable(format!("the vault of `{}` is closed", reference.rest())))
//!     }
//! }
//!
//! let loader = PolicyLoader::new().with_key_resolver(Arc::new(Vault));
//! ```

mod environment;
#[cfg(feature = "remote-keys")]
mod gitlab;
#[cfg(feature = "remote-keys")]
mod http;
#[cfg(feature = "remote-keys")]
mod kubeconfig;
#[cfg(feature = "remote-keys")]
mod kubernetes;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod reference;
mod unknown;
#[cfg(feature = "remote-keys")]
mod web;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use verimage_core::{Code, async_trait};

pub use environment::EnvironmentKeys;
#[cfg(feature = "remote-keys")]
pub use gitlab::GitLabKeys;
#[cfg(feature = "remote-keys")]
pub use kubernetes::KubernetesApi;
#[cfg(feature = "pkcs11")]
pub use pkcs11::Pkcs11Keys;
pub use reference::KeyReference;
#[cfg(feature = "remote-keys")]
pub use web::HttpsKeys;

/// The largest key, and the largest answer with a key in it, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 1 << 20;
/// How long all keys of a policy may take together.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many places are asked at the same time.
const CONCURRENCY: usize = 8;

/// A place that keys come from.
#[async_trait]
pub trait KeyResolver: Debug + Send + Sync {
    /// The schemes that it resolves, in small letters and without `://`.
    fn schemes(&self) -> &[&str];

    /// Brings the public key of a reference with one of these schemes: PEM.
    ///
    /// # Errors
    /// Why it is not to be had.
    async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError>;

    /// Whether resolving may wait for anything, such as the network. A resolver that never does serves
    /// [`PolicyLoader::load`](crate::PolicyLoader::load) too.
    fn waits(&self) -> bool {
        true
    }
}

/// Why a key is not to be had from its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct KeyResolverError {
    /// [`Code::StoreUnavailable`], [`Code::StoreUnauthorized`] or [`Code::StoreRateLimited`] if the place did not answer the
    /// question, else [`Code::PolicyInvalid`].
    pub code: Code,
    /// What happened. Never a secret.
    pub message: String,
    /// What to do, if more is to say than the message does.
    pub hint: Option<String>,
}

impl KeyResolverError {
    /// Any of them.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// The place says that there is no such key, or has something else, or the reference cannot be right.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::PolicyInvalid, message)
    }

    /// The place cannot be reached, or does not do its work.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::StoreUnavailable, message)
    }

    /// The place does not let us read the key.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(Code::StoreUnauthorized, message)
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The resolvers that a loader asks: the first that knows the scheme.
#[derive(Clone, Debug)]
pub struct KeyResolvers {
    resolvers: Vec<Arc<dyn KeyResolver>>,
    timeout: Duration,
}

/// What came of each reference.
pub(crate) type Resolved = BTreeMap<KeyReference, Result<Vec<u8>, KeyResolverError>>;

impl KeyResolvers {
    /// No resolver: every reference is refused.
    pub fn none() -> Self {
        Self { resolvers: Vec::new(), timeout: DEFAULT_TIMEOUT }
    }

    /// Adds a resolver. It goes before those that are there.
    #[must_use]
    pub fn with(mut self, resolver: Arc<dyn KeyResolver>) -> Self {
        self.resolvers.insert(0, resolver);
        self
    }

    /// How long all keys of a policy may take together. 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Brings one key. Needs a tokio runtime with timers.
    ///
    /// # Errors
    /// That of the resolver; that there is none; that the key is too large, or took too long.
    pub async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        let resolver = self.of(reference)?;
        let late = |_| KeyResolverError::unavailable(format!("`{reference}` did not come within {:?}", self.timeout));
        let bytes = tokio::time::timeout(self.timeout, resolver.resolve(reference)).await.map_err(late)??;
        bounded(reference, bytes)
    }

    /// Brings one key from a resolver that never waits.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and that the resolver does wait.
    pub fn resolve_now(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        let resolver = self.of(reference)?;
        let answer = if resolver.waits() { None } else { resolver.resolve(reference).now_or_never() };
        let waits = || {
            KeyResolverError::invalid(format!("`{reference}` has to be asked for, and this policy is loaded without asking anybody"))
                .with_hint("load it with `PolicyLoader::load_async`, on the command line without `--offline`; or export the key to a file")
        };
        bounded(reference, answer.ok_or_else(waits)??)
    }

    /// Brings all keys, several at the same time. The time is that of all of them: who is asked last waits no longer.
    pub(crate) async fn resolve_all(&self, references: BTreeSet<KeyReference>) -> Resolved {
        let end = tokio::time::Instant::now().checked_add(self.timeout);
        let answers = stream::iter(references).map(|reference| async move {
            let left = end.map_or(self.timeout, |end| end.saturating_duration_since(tokio::time::Instant::now()));
            let answer = self.clone().timeout(left).resolve(&reference).await;
            (reference, answer)
        });
        answers.buffer_unordered(CONCURRENCY).collect().await
    }

    /// Brings the keys that can be had without waiting.
    pub(crate) fn resolve_all_now(&self, references: BTreeSet<KeyReference>) -> Resolved {
        references.into_iter().map(|reference| (reference.clone(), self.resolve_now(&reference))).collect()
    }

    fn of(&self, reference: &KeyReference) -> Result<&dyn KeyResolver, KeyResolverError> {
        let found = self.resolvers.iter().find(|resolver| resolver.schemes().contains(&reference.scheme()));
        found.map(AsRef::as_ref).ok_or_else(|| unknown::refusal(reference))
    }
}

fn bounded(reference: &KeyReference, bytes: Vec<u8>) -> Result<Vec<u8>, KeyResolverError> {
    if bytes.len() > MAX_KEY_BYTES {
        return Err(too_large(&reference.to_string()));
    }
    Ok(bytes)
}

fn too_large(place: &str) -> KeyResolverError {
    KeyResolverError::invalid(format!("what `{place}` brings is larger than {MAX_KEY_BYTES} bytes, so it is no key"))
}
