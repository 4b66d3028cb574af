//! From the leaf as it is written to what judges.

use std::sync::Arc;

use notation_rs::envelope::PssSalt;
use notation_rs::trust_policy::{OciDocument, Statement};
use notation_rs::{StoreName, StoreType, TrustStore, TrustStores};
use schemars::schema_for;
use serde_json::{Value, json};
use verimage_core::policy::{Anchor, Backend, CertificateKind, LeafContext, PolicyError, read_config};
use verimage_core::{Code, Verifier};
use verimage_crypto::CryptoSet;

use crate::check::{Demand, NotationVerifier};
use crate::config::{Level, LevelName, NotationConfig};

#[derive(Debug)]
pub(crate) struct NotationBackend {
    pub(crate) crypto: CryptoSet,
}

impl Backend for NotationBackend {
    fn name(&self) -> &'static str {
        "notation"
    }

    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        if context.attestation.is_some() {
            let message = "notation signatures over attestations are not supported";
            return Err(PolicyError::new(Code::PolicyUnsupportedField, context.pointer, message));
        }
        let config: NotationConfig = read_config(config, context.pointer)?;
        let mut stores = TrustStores::new();
        let mut names = Vec::new();
        for (index, name) in config.stores.iter().enumerate() {
            let store = self.store(name, &format!("/stores/{index}"), context)?;
            names.push(format!("{}:{name}", store.store_type()));
            stores.insert(store);
        }
        let statement = statement(&config, &names, context)?;
        let salt = if config.strict_pss_salt { PssSalt::Strict } else { PssSalt::default() };
        let demand = Demand { statement, stores, crypto: self.crypto, salt, user_metadata: config.user_metadata };
        Ok(Arc::new(NotationVerifier::new(demand, warning(&config.level))))
    }

    fn schema(&self) -> Value {
        schema_for!(NotationConfig).to_value()
    }
}

impl NotationBackend {
    fn store(&self, name: &str, field: &str, context: &LeafContext<'_>) -> Result<TrustStore, PolicyError> {
        let anchor = match context.anchor(name, field)? {
            Anchor::X509(anchor) => anchor,
            other => return Err(context.invalid(field, format!("`{name}` is a `{}`, and an `x509` is needed here", other.kind()))),
        };
        let store_type = match anchor.kind {
            CertificateKind::Ca => StoreType::Ca,
            CertificateKind::SigningAuthority => StoreType::SigningAuthority,
            CertificateKind::Tsa => StoreType::Tsa,
            _ => return Err(context.invalid(field, format!("`{name}` is of a type that is no trust store"))),
        };
        let invalid = |message: String| context.invalid(field, message);
        let store_name = StoreName::new(name).map_err(|error| invalid(error.to_string()))?;
        TrustStore::new(store_type, store_name, [(name, anchor.bytes.as_slice())], &self.crypto).map_err(|error| invalid(error.to_string()))
    }
}

/// The leaf as the one statement of a trust policy, so that the rules for statements are those of the specification.
fn statement(config: &NotationConfig, stores: &[String], context: &LeafContext<'_>) -> Result<Statement, PolicyError> {
    let verification = match &config.level {
        Level::Named(name) => json!({"level": name, "verifyTimestamp": config.verify_timestamp}),
        Level::Custom(actions) => json!({"level": "strict", "override": actions, "verifyTimestamp": config.verify_timestamp}),
    };
    let document = json!({"version": "1.0", "trustPolicies": [{"name": "leaf", "registryScopes": ["*"],
        "signatureVerification": verification, "trustStores": stores, "trustedIdentities": config.identities}]});
    let parsed = OciDocument::parse(document.to_string().as_bytes()).map_err(|error| context.invalid("", error.to_string()))?;
    parsed.statements().first().cloned().ok_or_else(|| context.invalid("", "the leaf is no statement"))
}

/// What a lax level is called in verdicts.
fn warning(level: &Level) -> Option<&'static str> {
    match level {
        Level::Named(LevelName::Strict) => None,
        Level::Named(LevelName::Permissive) => Some("signature-level-permissive"),
        Level::Named(LevelName::Audit) => Some("signature-level-audit"),
        Level::Custom(_) => Some("signature-level-custom"),
    }
}
