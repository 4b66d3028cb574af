//! The store: from a want to bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde::de::IgnoredAny;
use verimage_core::{Blob, Bytes, Digest, ImageRef, Place, Repository, SignatureStore, StoreError, Tag, Want, What, async_trait};
use verimage_transport::{By, Call, Client, ConfigError, Credential, Endpoint, Flights, Patience, Registries, RegistryConfig, Reply};

use crate::lacking::Lacking;
use crate::tagged::{Manifest, Tagged};

const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
const ANY_TYPE: &str = "*/*";
const CONTENT_DIGEST: &str = "docker-content-digest";

/// Registries as a [`SignatureStore`]: the image's own repository and others by name.
///
/// A store keeps connections and tokens, so one store serves many verifications; it keeps no manifest. Equal wants that are
/// under way at the same time are fetched once.
pub struct RegistryStore {
    pub(crate) client: Client,
    /// Hosts without the Referrers API.
    pub(crate) without_referrers: Lacking,
    /// Hosts without the signature extension.
    pub(crate) without_signatures: Lacking,
    /// What tags of images named when they were last asked for.
    tagged: Arc<Tagged>,
    registries: Registries,
    flights: Flights<(ImageRef, Want), Result<Vec<Blob>, StoreError>>,
    patience: Patience,
}

/// A want that a registry can answer.
enum Question<'a> {
    Tag(&'a Tag),
    Manifest(&'a Digest),
    Blob(&'a Digest),
    Referrers { subject: &'a Digest, artifact_type: Option<&'a str> },
    Signatures(&'a Digest),
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<IgnoredAny>,
}

impl RegistryStore {
    /// A store with these settings.
    ///
    /// # Errors
    /// [`ConfigError`] if a file that the settings name cannot be read, or is not what it must be.
    pub fn new(config: RegistryConfig) -> Result<Self, ConfigError> {
        Ok(Self::over(Client::new(&config)?, Arc::default(), Registries::new(&config)?, config.patience()))
    }

    /// A store over the same connections for somebody whose credentials, by `host` or `host/path`, go before those of this one.
    /// Tokens and answers are not shared.
    #[must_use]
    pub fn of_reader(&self, credentials: &BTreeMap<String, Credential>) -> Self {
        // Whoever is told by the registry what a tag names may see what that is.
        let tagged = Arc::clone(&self.tagged);
        Self::over(self.client.of_reader(credentials), tagged, self.registries.clone(), self.patience)
    }

    /// A store that knows nothing yet of what registries lack.
    fn over(client: Client, tagged: Arc<Tagged>, registries: Registries, patience: Patience) -> Self {
        let (without_referrers, without_signatures) = (Lacking::default(), Lacking::default());
        Self { client, without_referrers, without_signatures, tagged, registries, flights: Flights::default(), patience }
    }

    async fn answer(&self, image: &ImageRef, want: &Want, deadline: Instant) -> Result<Vec<Blob>, StoreError> {
        let no_question = || StoreError::unavailable("not a registry question");
        let own = image.clone().with_default_tag();
        if let (Place::Store(server), What::SignatureList(digest)) = (&want.place, &want.what) {
            let endpoint = Endpoint::at(server, own.path())?;
            return self.put(&Question::Signatures(digest), &endpoint, want.max_bytes, deadline).await;
        }
        let (repository, question) = read(&own, want).ok_or_else(no_question)?;
        let (mirrors, place) = self.registries.endpoints(&repository, question.by())?;
        match question {
            Question::Referrers { .. } => return self.merge(&question, &mirrors, &place, want.max_bytes, deadline).await,
            // Whether there is a list is a matter of the place itself.
            Question::Signatures(_) => return self.put(&question, &place, want.max_bytes, deadline).await,
            _ => {}
        }
        for (at, mirror) in mirrors.iter().enumerate() {
            // Whatever a mirror cannot give, the place itself is asked for.
            if let Some(found) = self.put_to_mirror(&question, mirror, want.max_bytes, share(deadline, mirrors.len() - at)).await {
                return Ok(found);
            }
        }
        self.put(&question, &place, want.max_bytes, deadline).await
    }

    /// The lists of all places together. The place itself must answer, for only it can say that something is not there;
    /// mirrors may add to its list.
    async fn merge(
        &self,
        question: &Question<'_>,
        mirrors: &[Endpoint],
        place: &Endpoint,
        max_bytes: u64,
        deadline: Instant,
    ) -> Result<Vec<Blob>, StoreError> {
        let mut pages = self.put(question, place, max_bytes, deadline).await?;
        for (at, mirror) in mirrors.iter().enumerate() {
            let read: u64 = pages.iter().map(|page| page.bytes().len() as u64).sum();
            let left = share(deadline, mirrors.len() - at);
            let more = self.put_to_mirror(question, mirror, max_bytes.saturating_sub(read), left).await;
            for page in more.into_iter().flatten() {
                if !is_empty(&page) && !pages.contains(&page) {
                    pages.push(page);
                }
            }
        }
        Ok(pages)
    }

    async fn put_to_mirror(&self, question: &Question<'_>, mirror: &Endpoint, max_bytes: u64, deadline: Instant) -> Option<Vec<Blob>> {
        let answer = self.put(question, mirror, max_bytes, deadline);
        tokio::time::timeout_at(deadline.into(), answer).await.ok()?.ok()
    }

    async fn put(&self, question: &Question<'_>, endpoint: &Endpoint, max_bytes: u64, deadline: Instant) -> Result<Vec<Blob>, StoreError> {
        let manifests = Call { endpoint, accept: MANIFEST_TYPES, deadline, head: false };
        let get = async |call, resource: String| self.client.get(call, &resource).await?.good().await;
        let bytes = match question {
            Question::Referrers { subject, artifact_type } => {
                return self.referrers(manifests, subject, *artifact_type, max_bytes).await;
            }
            Question::Signatures(digest) => {
                let call = Call { accept: "application/json", ..manifests };
                return self.signatures(call, digest, max_bytes).await;
            }
            Question::Tag(tag) => self.tagged(manifests, tag, max_bytes).await?,
            Question::Manifest(digest) => body_of(get(manifests, format!("manifests/{digest}")).await?, digest, max_bytes).await?,
            Question::Blob(digest) => {
                let call = Call { accept: ANY_TYPE, ..manifests };
                body_of(get(call, format!("blobs/{digest}")).await?, digest, max_bytes).await?
            }
        };
        Ok(vec![Blob::new(bytes)])
    }

    /// The manifest that a tag names. If it is known which one that was, the head of the answer tells whether it still is; its
    /// bytes have been hashed, and a registry that lies about it could as well serve the old manifest.
    async fn tagged(&self, call: Call<'_>, tag: &Tag, max_bytes: u64) -> Result<Bytes, StoreError> {
        let (name, resource) = (format!("{}:{tag}", call.endpoint.name()), format!("manifests/{tag}"));
        if let Some(known) = self.tagged.get(&name).filter(|known| known.bytes.len() as u64 <= max_bytes) {
            let reply = self.client.get(Call { head: true, ..call }, &resource).await;
            if reply.is_ok_and(|reply| reply.status().is_success() && announced(&reply) == Some(known.digest.clone())) {
                return Ok(known.bytes);
            }
        }
        let reply = self.client.get(call, &resource).await?.good().await?;
        let (bytes, announced) = body_of_tag(reply, max_bytes).await?;
        // Heads of a registry that announces nothing would tell nothing.
        if let Some(digest) = announced {
            self.tagged.keep(name, Manifest { digest, bytes: bytes.clone() });
        }
        Ok(bytes)
    }
}

#[async_trait]
impl SignatureStore for RegistryStore {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let ends = self.patience.ends();
        let flight = self.flights.join((image.clone(), want.clone()), || self.answer(image, want, ends));
        Patience::within(ends, flight, || want.describe(image)).await
    }
}

impl fmt::Debug for RegistryStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RegistryStore")
            .field("registries", &self.registries)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl Question<'_> {
    fn by(&self) -> By {
        match self {
            Self::Tag(tag) if !names_digest(tag.as_str()) => By::Tag,
            _ => By::Digest,
        }
    }
}

/// Whether a tag says which digest its content belongs to: `<algorithm>-<hex>`, with or without a suffix.
fn names_digest(tag: &str) -> bool {
    let stem = tag.split_once('.').map_or(tag, |(stem, _)| stem);
    stem.split_once('-').is_some_and(|(algorithm, hex)| Digest::parse(&format!("{algorithm}:{hex}")).is_ok())
}

/// Whether a page of referrers says no more than that there is nothing.
fn is_empty(page: &Blob) -> bool {
    serde_json::from_slice::<Index>(page.bytes()).is_ok_and(|index| index.manifests.is_empty())
}

/// When one of several mirrors must have answered, so that as much time is left for each after it and for the place itself.
fn share(deadline: Instant, mirrors: usize) -> Instant {
    let now = Instant::now();
    let places = u32::try_from(mirrors).unwrap_or(u32::MAX).saturating_add(1);
    now + deadline.saturating_duration_since(now) / places
}

/// The repository and the question of a want, if it is one for a registry.
fn read<'a>(image: &'a ImageRef, want: &'a Want) -> Option<(Repository, Question<'a>)> {
    let repository = match &want.place {
        Place::Image => image.repository(),
        Place::Repository(repository) => repository.clone(),
        _ => return None,
    };
    let question = match &want.what {
        What::Resolve => match (image.digest(), image.tag()) {
            (Some(digest), _) => Question::Manifest(digest),
            (None, tag) => Question::Tag(tag?),
        },
        What::ManifestByTag(tag) => Question::Tag(tag),
        What::Manifest(digest) => Question::Manifest(digest),
        What::Blob(digest) => Question::Blob(digest),
        What::SignatureList(digest) => Question::Signatures(digest),
        What::Referrers { subject, artifact_type } => Question::Referrers { subject, artifact_type: artifact_type.as_deref() },
        _ => return None,
    };
    Some((repository, question))
}

/// Reads what was asked for by digest, and hashes it again.
async fn body_of(reply: Reply, digest: &Digest, max_bytes: u64) -> Result<Bytes, StoreError> {
    let place = reply.place();
    let bytes = reply.body(max_bytes).await?;
    if digest.matches(&bytes) {
        Ok(bytes)
    } else {
        Err(StoreError::unavailable(format!("{place}: digest mismatch: what came is not {digest}")))
    }
}

/// The digest that a registry says its answer has.
fn announced(reply: &Reply) -> Option<Digest> {
    reply.headers().get(CONTENT_DIGEST).and_then(|value| Digest::parse(value.to_str().ok()?).ok())
}

/// Reads what was asked for by tag, and the digest that was announced for it. A header that names another digest than the body's is
/// a lie or an accident.
pub(crate) async fn body_of_tag(reply: Reply, max_bytes: u64) -> Result<(Bytes, Option<Digest>), StoreError> {
    let announced = announced(&reply);
    let bytes = match &announced {
        Some(digest) => body_of(reply, digest, max_bytes).await?,
        None => reply.body(max_bytes).await?,
    };
    Ok((bytes, announced))
}
