//! Sends each want to the store that can answer it.

use std::collections::BTreeMap;
use std::sync::Arc;

use verimage_core::{Blob, ImageRef, Place, SignatureStore, StoreError, Want, What, async_trait};

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
    /// Stores that the policy names.
    pub(crate) named: BTreeMap<String, Arc<dyn SignatureStore>>,
}

#[async_trait]
impl SignatureStore for Router {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let store = match &want.place {
            _ if matches!(want.what, What::Http { .. }) => self.web.as_ref(),
            Place::Image => self.image.as_ref().or(self.registry.as_ref()),
            Place::Repository(repository) => self.repositories.get(&repository.to_string()).or(self.registry.as_ref()),
            Place::Store(name) => self.named.get(name),
            _ => None,
        };
        match store {
            Some(store) => store.fetch(image, want).await,
            None => Err(StoreError::unavailable("no store is configured for this place, or the engine is offline")),
        }
    }
}
