//! From the leaf as it is written to what judges.

use std::sync::Arc;

use schemars::schema_for;
use serde_json::Value;
use verimage_core::policy::{Backend, LeafContext, PolicyError, SignedIdentity, Store, read_config};
use verimage_core::{Code, Verifier};
use verimage_crypto::CryptoSet;

use crate::check::{Demand, SimpleSigningVerifier};
use crate::config::SimpleSigningConfig;
use crate::failure::KeyRingError;
use crate::key_ring::KeyRing;

#[derive(Debug)]
pub(crate) struct SimpleSigningBackend {
    pub(crate) crypto: CryptoSet,
}

impl Backend for SimpleSigningBackend {
    fn name(&self) -> &'static str {
        "simpleSigning"
    }

    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        if context.attestation.is_some() {
            let message = "GPG simple signing signs images and no attestations";
            return Err(PolicyError::new(Code::PolicyUnsupportedField, context.pointer, message));
        }
        let config: SimpleSigningConfig = read_config(config, context.pointer)?;
        let identity = SignedIdentity::new(&config.signed_identity)
            .map_err(|(field, message)| context.invalid(&format!("/signedIdentity{field}"), message))?;
        let demand = Demand { ring: self.ring(&config, context)?, identity, stores: stores(&config, context)? };
        Ok(Arc::new(SimpleSigningVerifier::new(demand)))
    }

    fn schema(&self) -> Value {
        schema_for!(SimpleSigningConfig).to_value()
    }
}

impl SimpleSigningBackend {
    /// The keys of all files together. A file that holds none that count is a mistake, whatever the others hold.
    fn ring(&self, config: &SimpleSigningConfig, context: &LeafContext<'_>) -> Result<KeyRing, PolicyError> {
        if config.keys.is_empty() {
            return Err(context.invalid("/keys", "at least one name is needed here"));
        }
        let mut ring = KeyRing::default();
        for (index, name) in config.keys.iter().enumerate() {
            let field = format!("/keys/{index}");
            let read = KeyRing::parse(&context.openpgp(name, &field)?.keys, &self.crypto);
            ring.extend(read.map_err(|error| refused(&error, name, context, &field))?);
        }
        Ok(ring)
    }
}

fn refused(error: &KeyRingError, name: &str, context: &LeafContext<'_>, field: &str) -> PolicyError {
    let code = match error {
        KeyRingError::Malformed(_) => Code::PolicyInvalid,
        KeyRingError::Unusable(_) => Code::KeyUnsupported,
    };
    PolicyError::new(code, format!("{}{field}", context.pointer), format!("`{name}`: {error}"))
        .with_hint("`gpg --armor --export FINGERPRINT` writes a key as it is needed here")
}

fn stores(config: &SimpleSigningConfig, context: &LeafContext<'_>) -> Result<Vec<Store>, PolicyError> {
    let store = |(index, name): (usize, &String)| {
        let field = format!("/stores/{index}");
        match context.store(name, &field)? {
            store @ (Store::Lookaside(_) | Store::Openshift(_)) => Ok(store.clone()),
            _ => Err(context.invalid(&field, format!("`{name}` holds no GPG signatures; a `lookaside` or `openshift` store does"))),
        }
    };
    config.stores.iter().enumerate().map(store).collect()
}
