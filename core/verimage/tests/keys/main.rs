//! Keys from elsewhere, against servers on this machine that say what they should not.
#![cfg(feature = "remote-keys")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr)]

mod gitlab;
mod kubernetes;
mod loader;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod server;
mod web;

use std::path::{Path, PathBuf};

use verimage::{Code, KeyReference, KeyResolver, KeyResolverError};

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/cosign")
}

/// A public key as cosign writes it.
pub(crate) fn pem(name: &str) -> String {
    std::fs::read_to_string(fixtures().join("keys").join(format!("{name}.pub"))).unwrap()
}

pub(crate) async fn resolve(resolver: &dyn KeyResolver, reference: &str) -> Result<Vec<u8>, KeyResolverError> {
    resolver.resolve(&KeyReference::parse(reference).unwrap()).await
}

/// What a status of the server means, whoever asked.
pub(crate) const STATUSES: [(u16, Code); 7] = [
    (401, Code::StoreUnauthorized),
    (403, Code::StoreUnauthorized),
    (404, Code::PolicyInvalid),
    (410, Code::PolicyInvalid),
    (429, Code::StoreRateLimited),
    (500, Code::StoreUnavailable),
    (204, Code::StoreUnavailable),
];
