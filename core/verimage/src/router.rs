//! Sends each want to the store that can answer it.

use std::collections::BTreeMap;
use std::sync::Arc;

use verimage_core::{Blob, ImageRef, Place, SignatureStore, StateStore, StoreError, Want, What, async_trait};

/// The stores of one verification.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    /// Holds the image.
    pub(crate) image: Option<Arc<dyn SignatureStore>>,
    /// Every registry; none when offline.
    pub(crate) registry: Option<Arc<dyn SignatureStore>>,
    /// Repositories that are not in a registry, by name.
    pub(crate) repositories: BTreeMap<String, Arc<dyn SignatureStore>>,
    /// Web addresses; none when offline.
    pub(crate) web: Option<Arc<dyn SignatureStore>>,
    /// Lookasides of signatures; when offline those in folders alone.
    pub(crate) lookaside: Option<Arc<dyn SignatureStore>>,
    /// Notary servers; none when offline.
    pub(crate) notary: Option<Arc<dyn SignatureStore>>,
    /// What is kept between verifications, if anybody keeps it.
    pub(crate) state: Option<Arc<dyn StateStore>>,
    /// Stores that the policy names.
    pub(crate) named: BTreeMap<String, Arc<dyn SignatureStore>>,
}

#[async_trait]
impl SignatureStore for Router {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let store = match (&want.place, &want.what) {
            (_, What::Http { .. }) => self.web.as_ref(),
            (Place::Store(server), What::TrustState { collection }) => return self.kept(server, collection).await,
            (Place::Store(name), What::Role { .. }) => self.named.get(name).or(self.notary.as_ref()),
            (Place::Image, What::Lookaside { .. }) => self.image.as_ref().or(self.lookaside.as_ref()),
            (Place::Store(name), What::Lookaside { .. }) => self.named.get(name).or(self.lookaside.as_ref()),
            (Place::Store(name), What::SignatureList(_)) => self.named.get(name).or(self.registry.as_ref()),
            (Place::Store(name), _) => self.named.get(name),
            (Place::Image, _) => self.image.as_ref().or(self.registry.as_ref()),
            (Place::Repository(repository), _) => self.repositories.get(&repository.to_string()).or(self.registry.as_ref()),
            _ => None,
        };
        match store {
            Some(store) => store.fetch(image, want).await,
            None => Err(StoreError::unavailable("no store is configured for this place, or the engine is offline")),
        }
    }
}

impl Router {
    /// Nothing at all if nobody keeps anything; "not found" from whoever does is a first contact.
    async fn kept(&self, server: &str, collection: &str) -> Result<Vec<Blob>, StoreError> {
        let Some(state) = &self.state else { return Ok(Vec::new()) };
        let kept = state.load(server, collection).await?;
        kept.map(|bytes| vec![Blob::new(bytes)]).ok_or_else(|| StoreError::not_found("nothing was kept of it"))
    }
}
