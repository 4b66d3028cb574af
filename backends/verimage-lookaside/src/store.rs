//! Lookasides: from a want to the bytes of a signature.

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use percent_encoding::percent_decode_str;
use url::Url;
use verimage_core::{Blob, Digest, ImageRef, Place, SignatureStore, StoreError, StoreErrorKind, Want, What, async_trait};
use verimage_transport::{By, Call, Client, ConfigError, Endpoint, Patience, Registries, RegistryConfig};

use crate::file;
use crate::registries_d::{RegistriesD, RegistriesDError};

/// Lookasides as a [`SignatureStore`].
pub struct LookasideStore {
    client: Client,
    registries: Registries,
    registries_d: Result<RegistriesD, RegistriesDError>,
    patience: Patience,
}

impl LookasideStore {
    /// A store with these settings; `registries.d` that cannot be used is told when it is needed.
    ///
    /// # Errors
    /// [`ConfigError`] if a file that the settings name cannot be read, or is not what it must be.
    pub fn new(config: &RegistryConfig, registries_d: Result<RegistriesD, RegistriesDError>) -> Result<Self, ConfigError> {
        Ok(Self { client: Client::new(config)?, registries: Registries::new(config)?, registries_d, patience: config.patience() })
    }

    async fn answer(&self, image: &ImageRef, want: &Want, deadline: Instant) -> Result<Vec<Blob>, StoreError> {
        let What::Lookaside { digest, index } = &want.what else { return Err(StoreError::unavailable("not a question to a lookaside")) };
        let (base, image) = match &want.place {
            Place::Store(base) => (base.clone(), image.clone()),
            _ => self.of_machine(image)?,
        };
        let url = signature(&base, image.path(), digest, *index)?;
        let blob = match url.scheme() {
            "file" => file::read(local(&url)?, want.max_bytes).await?,
            _ => self.ask(&url, want.max_bytes, deadline).await?,
        };
        Ok(vec![blob])
    }

    /// The base that this machine is set to, and the physical name below it.
    fn of_machine(&self, image: &ImageRef) -> Result<(String, ImageRef), StoreError> {
        let registries_d = self.registries_d.as_ref().map_err(|error| StoreError::unavailable(error.to_string()))?;
        let (_, place) = self.registries.endpoints(&image.repository(), By::Digest)?;
        let suffix = image.to_string().get(image.name().len()..).unwrap_or_default().to_owned();
        let physical = ImageRef::parse(&format!("{}{suffix}", place.name()));
        let physical = physical.map_err(|error| StoreError::unavailable(format!("{}: {error}", place.name())))?;
        let nowhere = || StoreError::not_found(format!("no lookaside is known for {}", physical.name()));
        Ok((registries_d.base(&physical).ok_or_else(nowhere)?, physical))
    }

    async fn ask(&self, url: &Url, max_bytes: u64, deadline: Instant) -> Result<Blob, StoreError> {
        let mut bare = url.clone();
        let credential = (!url.username().is_empty()).then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default())));
        // Neither can fail for a URL with a host.
        let _ = (bare.set_username(""), bare.set_password(None));
        let endpoint = Endpoint::of(&bare, bare.path().trim_start_matches('/'));
        let endpoint = endpoint.ok_or_else(|| StoreError::unavailable("a lookaside is at a file, http or https address"))?;
        let call = Call { endpoint: &endpoint, accept: "*/*", deadline, head: false };
        let credential = credential.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
        let reply = self.client.get_url(call, &bare, credential).await?;
        if reply.status().as_u16() == 404 {
            // Whoever redirected us there has no other way to say it.
            let (error, _) = reply.refusal().await;
            return Err(StoreError::new(StoreErrorKind::NotFound, error.detail));
        }
        Ok(Blob::new(reply.good().await?.body(max_bytes).await?))
    }
}

#[async_trait]
impl SignatureStore for LookasideStore {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let ends = self.patience.ends();
        Patience::within(ends, self.answer(image, want, ends), || want.describe(image)).await
    }
}

impl fmt::Debug for LookasideStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LookasideStore").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// The address of a signature. The base's path is kept as it is written, and its query behind the file.
fn signature(base: &str, path: &str, digest: &Digest, index: u32) -> Result<Url, StoreError> {
    let malformed = || StoreError::unavailable("the address of the lookaside is malformed");
    let mut url = Url::parse(base).map_err(|_| malformed())?;
    if !matches!(url.scheme(), "file" | "http" | "https") {
        return Err(StoreError::unavailable(format!("a lookaside is at a file, http or https address, not at {}:", url.scheme())));
    }
    let below = format!("{}/{path}@{}={}/signature-{index}", url.path(), digest.algorithm().name(), digest.hex());
    let below = if url.path() == "/" { below.replacen("//", "/", 1) } else { below };
    url.set_path(&below);
    url.set_fragment(None);
    Ok(url)
}

fn local(url: &Url) -> Result<PathBuf, StoreError> {
    let foreign = url.host_str().is_some_and(|host| !host.is_empty());
    let path = url.to_file_path().ok().filter(|_| !foreign);
    path.ok_or_else(|| StoreError::unavailable("a file of a lookaside is on this machine: `file:///path`"))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_have_the_addresses_of_the_container_tools() {
        let digest = Digest::of_sha256([0; 32]);
        let hex = digest.hex();
        for (base, expected) in [
            ("https://r.example", format!("https://r.example/library/busybox@sha256={hex}/signature-1")),
            ("https://r.example/sigs", format!("https://r.example/sigs/library/busybox@sha256={hex}/signature-1")),
            ("https://r.example/sigs/", format!("https://r.example/sigs//library/busybox@sha256={hex}/signature-1")),
            ("https://r.example/sigs?a=b", format!("https://r.example/sigs/library/busybox@sha256={hex}/signature-1?a=b")),
            ("file:///var/lib/sigstore", format!("file:///var/lib/sigstore/library/busybox@sha256={hex}/signature-1")),
        ] {
            assert_eq!(signature(base, "library/busybox", &digest, 1).unwrap().as_str(), expected, "{base}");
        }
        for base in ["ftp://r.example", "sigs", "s3://bucket"] {
            assert!(signature(base, "a", &digest, 1).is_err(), "{base}");
        }
        assert!(local(&Url::parse("file://host/path").unwrap()).is_err());
    }
}
