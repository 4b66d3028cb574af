//! The store: from a want to the bytes of a role's file.

use std::fmt;
use std::time::Instant;

use verimage_core::{Blob, ImageRef, Place, RoleVersion, SignatureStore, StoreError, Want, What, async_trait};
use verimage_transport::{Call, Client, ConfigError, Endpoint, Flights, Patience, RegistryConfig};

/// The longest name of a collection, in bytes.
const MAX_COLLECTION: usize = 255;

/// Notary servers as a [`SignatureStore`]. Keeps connections and tokens, so one store serves many verifications.
pub struct NotaryServerStore {
    client: Client,
    flights: Flights<Want, Result<Vec<Blob>, StoreError>>,
    patience: Patience,
}

impl NotaryServerStore {
    /// A store with these settings.
    ///
    /// # Errors
    /// [`ConfigError`] if a file that the settings name cannot be read, or is not what it must be.
    pub fn new(config: &RegistryConfig) -> Result<Self, ConfigError> {
        Ok(Self { client: Client::new(config)?, flights: Flights::default(), patience: config.patience() })
    }

    async fn answer(&self, want: &Want, deadline: Instant) -> Result<Vec<Blob>, StoreError> {
        let (Place::Store(server), What::Role { collection, role, version }) = (&want.place, &want.what) else {
            return Err(StoreError::unavailable("not a question to a Notary server"));
        };
        let endpoint = endpoint(server, collection)?;
        let call = Call { endpoint: &endpoint, accept: "application/json", deadline, head: false };
        let reply = self.client.get(call, &resource(role, version)?).await?.good().await?;
        Ok(vec![Blob::new(reply.body(want.max_bytes).await?)])
    }
}

#[async_trait]
impl SignatureStore for NotaryServerStore {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let ends = self.patience.ends();
        let flight = self.flights.join(want.clone(), || self.answer(want, ends));
        Patience::within(ends, flight, || want.describe(image)).await
    }
}

impl fmt::Debug for NotaryServerStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NotaryServerStore").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// The server of an address, and the collection on it.
fn endpoint(server: &str, collection: &str) -> Result<Endpoint, StoreError> {
    if !is_clean_path(collection) || collection.len() > MAX_COLLECTION {
        return Err(StoreError::unavailable(format!("{server}: the name of the collection cannot be part of an address")));
    }
    Endpoint::at(server, collection)
}

/// What stands behind `/v2/<collection>/` (specification section 1).
fn resource(role: &str, version: &RoleVersion) -> Result<String, StoreError> {
    let unknown = || StoreError::unavailable(format!("`{}` names no file of a role", role.escape_debug()));
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_clean_path(role) {
        return Err(unknown());
    }
    let file = match version {
        RoleVersion::Current => format!("{role}.json"),
        RoleVersion::Sha256(hash) if is_hash(hash) => format!("{role}.{hash}.json"),
        RoleVersion::Number(number) => format!("{number}.{role}.json"),
        _ => return Err(unknown()),
    };
    Ok(format!("_trust/tuf/{file}"))
}

/// A path that stays as it is in an address, and where it is: the port of a collection's host is the only `:`.
fn is_clean_path(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_servers_and_nothing_else() {
        let endpoint = |server: &str| endpoint(server, "docker.io/library/alpine");
        assert_eq!(endpoint("https://notary.example:4443").unwrap().name(), "notary.example:4443/docker.io/library/alpine");
        assert!(endpoint("http://127.0.0.1:4445/").is_ok());
        for server in [
            "notary.example",
            "ftp://notary.example",
            "https://user@notary.example",
            "https://user:word@notary.example",
            "https://notary.example/prefix",
            "https://notary.example/?a=b",
            "https://notary.example/#a",
            "",
        ] {
            assert!(endpoint(server).is_err(), "{server}");
        }
    }

    #[test]
    fn collections_and_roles_never_lead_elsewhere() {
        let long = "a".repeat(256);
        for collection in ["../x", "a/../b", "/a", "a//b", "a/", "", "a?b", "a#b", "a%2e", "a b", "a\\b", &long] {
            assert!(endpoint("https://notary.example", collection).is_err(), "{collection}");
            assert!(collection == long || resource(collection, &RoleVersion::Current).is_err(), "{collection}");
        }
        assert!(endpoint("https://notary.example", "registry.example:5000/a/b").is_ok());
    }

    #[test]
    fn files_are_named_as_servers_name_them() {
        let hash = "0123456789abcdef".repeat(4);
        for (role, version, expected) in [
            ("timestamp", RoleVersion::Current, "_trust/tuf/timestamp.json".to_owned()),
            ("targets/releases", RoleVersion::Sha256(hash.clone()), format!("_trust/tuf/targets/releases.{hash}.json")),
            ("root", RoleVersion::Number(2), "_trust/tuf/2.root.json".to_owned()),
        ] {
            assert_eq!(resource(role, &version).unwrap(), expected);
        }
        for hash in ["", "../..", &hash.to_uppercase(), "abc"] {
            assert!(resource("root", &RoleVersion::Sha256(hash.to_owned())).is_err(), "{hash}");
        }
    }
}
