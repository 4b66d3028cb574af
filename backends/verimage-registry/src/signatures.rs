//! The signature extension of OpenShift's and IBM's registries, which lists GPG signatures.

use reqwest::StatusCode;
use verimage_core::{Blob, Digest, StoreError, StoreErrorKind};
use verimage_transport::Call;

use crate::store::RegistryStore;

/// By which a registry says that it has the extension.
const EXTENSION: &str = "x-registry-supports-signatures";

impl RegistryStore {
    /// The list of a manifest, as the registry gives it. "Not found" means that the registry does not have the extension.
    pub(crate) async fn signatures(&self, call: Call<'_>, digest: &Digest, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
        if !self.has_extension(call).await? {
            return Err(StoreError::not_found(format!("{}: the registry has no signature extension", call.endpoint.host)));
        }
        let path = format!("extensions/v2/{}/signatures/{digest}", call.endpoint.path());
        let reply = self.client.get_path(call, &path).await?;
        if reply.status() == StatusCode::NOT_FOUND {
            // Whoever has the extension has a list, even if it is empty.
            let (error, _) = reply.refusal().await;
            return Err(StoreError::new(StoreErrorKind::Unavailable, error.detail));
        }
        Ok(vec![Blob::new(reply.good().await?.body(max_bytes).await?)])
    }

    /// Registries say it at their root, also to those whom they do not know.
    async fn has_extension(&self, call: Call<'_>) -> Result<bool, StoreError> {
        let host = &call.endpoint.host;
        if self.without_signatures.knows(host) {
            return Ok(false);
        }
        let reply = self.client.get_anonymously(call, "v2/").await?;
        let says_so = !reply.is_redirected() && reply.headers().get(EXTENSION).is_some_and(|value| value == "1");
        match reply.status() {
            _ if says_so => Ok(true),
            StatusCode::OK | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => {
                self.without_signatures.remember(host);
                Ok(false)
            }
            _ => Err(reply.refusal().await.0),
        }
    }
}
