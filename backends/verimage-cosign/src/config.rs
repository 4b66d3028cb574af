//! The leaf `cosign` of a policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use verimage_core::policy::document::KeyHash;
use verimage_core::policy::{AnchorKey, Backend, LeafContext, PolicyError, Store, read_config};
use verimage_core::{Code, Place, Verifier};
use verimage_crypto::{Algorithm, CryptoSet, EcdsaEncoding, HashAlgorithm, KeyError, KeyKind, PublicKey};

use crate::check::CosignVerifier;
use crate::expectation::Expectation;

/// What a policy demands of a cosign signature.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CosignConfig {
    /// The key that must have signed, as named under `trust`.
    pub key: String,
    /// Whether a transparency log must prove the signature.
    #[serde(default)]
    pub transparency: Transparency,
    /// Whether the payload's `docker-reference` must fit the reference that is judged.
    #[serde(default)]
    pub reference: Reference,
    /// Annotations that the signature must carry, as `cosign verify -a`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The signature scheme, where the key leaves a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// The forms of signature that count.
    #[serde(default)]
    pub format: Format,
    /// Where the signatures are, as named under `stores`; by default beside the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stores: Vec<String>,
}

/// Whether a transparency log must prove the signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Transparency {
    /// An entry in the log.
    #[default]
    Required,
    /// No proof; the verdict warns `log-not-required`.
    None,
}

/// Whether the payload's `docker-reference` must fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reference {
    /// It may be anything, as for cosign.
    #[default]
    Off,
    /// It names the same repository.
    Repository,
    /// It names the same repository, and the same tag or digest.
    Exact,
}

/// The forms of signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// Either form.
    #[default]
    Any,
    /// Simple-signing payloads below the `.sig` tag, as cosign 1 and 2 write them.
    SimpleSigning,
    /// Sigstore bundles among the referrers, as cosign 3 writes them.
    Bundle,
}

/// The signature scheme of an RSA key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Scheme {
    /// RSASSA-PSS with a salt as long as the hash; the default is PKCS #1 v1.5.
    #[serde(rename = "rsa-pss")]
    RsaPss,
}

#[derive(Debug)]
pub(crate) struct CosignBackend {
    pub(crate) crypto: CryptoSet,
}

/// Fields of later versions: named, so that a policy that needs them gets a plain answer.
const PLANNED: [&str; 6] = ["keyless", "certificate", "sct", "timestamp", "root", "attestations"];

impl Backend for CosignBackend {
    fn name(&self) -> &'static str {
        "cosign"
    }

    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        if let Some(field) = PLANNED.iter().find(|field| config.get(field).is_some()) {
            let message = format!("`{field}` is not supported by this version of verimage");
            return Err(PolicyError::new(Code::PolicyUnsupportedField, format!("{}/{field}", context.pointer), message)
                .with_hint("use a leaf with a `key`"));
        }
        let config: CosignConfig = read_config(config, context.pointer)?;
        let anchor = &context.anchor(&config.key, "/key")?.key;
        let invalid = |field: &str, message: String| PolicyError::invalid(format!("{}{field}", context.pointer), message);
        let key = PublicKey::from_pem(&anchor.pem).map_err(|error| unusable_key(context.pointer, &config.key, &error))?;
        let algorithms = algorithms(key.kind(), anchor, config.scheme)
            .map_err(|message| invalid(if config.scheme.is_some() { "/scheme" } else { "/key" }, message))?;
        let key = self.crypto.load(&key).map_err(|error| unusable_key(context.pointer, &config.key, &error))?;
        let named: Result<Vec<_>, _> =
            config.stores.iter().enumerate().map(|(index, name)| context.store(name, &format!("/stores/{index}")).cloned()).collect();
        let mut stores = named?;
        if stores.is_empty() {
            stores.push(Store::Auto(Place::Image));
        }
        let CosignConfig { transparency, reference, annotations, format, .. } = config;
        Ok(Arc::new(CosignVerifier::new(stores, format, Expectation { key, algorithms, transparency, reference, annotations })))
    }

    fn schema(&self) -> Value {
        schema_for!(CosignConfig).to_value()
    }
}

/// A key of a kind that is not used is told apart from a text that is no key.
fn unusable_key(pointer: &str, name: &str, error: &KeyError) -> PolicyError {
    let code = match error {
        KeyError::UnsupportedAlgorithm { .. }
        | KeyError::UnsupportedCurve { .. }
        | KeyError::UnnamedCurve
        | KeyError::RsaModulusSize { .. }
        | KeyError::RsaExponent
        | KeyError::RefusedBySet { .. } => Code::KeyUnsupported,
        _ => Code::PolicyInvalid,
    };
    PolicyError::new(code, format!("{pointer}/key"), format!("the key `{name}`: {error}"))
        .with_hint("cosign's keys are ECDSA P-256, P-384 and P-521, RSA of 2048 to 8192 bits, and Ed25519, as PEM public keys")
}

/// The algorithms under which a key may have signed (specs of cosign's key loader: a flag chooses the hash, SHA-256 by
/// default; newer signers choose the hash of the curve).
fn algorithms(kind: KeyKind, anchor: &AnchorKey, scheme: Option<Scheme>) -> Result<Vec<Algorithm>, String> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    let pinned = anchor.hash.map(|hash| match hash {
        KeyHash::Sha256 => Sha256,
        KeyHash::Sha384 => Sha384,
        KeyHash::Sha512 => Sha512,
    });
    let hashes = |fitting: &[HashAlgorithm]| pinned.map_or_else(|| fitting.to_vec(), |hash| vec![hash]);
    let ecdsa = |fitting: &[HashAlgorithm]| {
        hashes(fitting).into_iter().map(|hash| Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Der }).collect::<Vec<_>>()
    };
    match (kind, scheme) {
        (KeyKind::Rsa { .. }, Some(Scheme::RsaPss)) => {
            Ok(hashes(&[Sha256, Sha384, Sha512]).into_iter().map(|hash| Algorithm::RsaPss { hash }).collect())
        }
        (_, Some(Scheme::RsaPss)) => Err("`rsa-pss` is for RSA keys".to_owned()),
        (KeyKind::Rsa { .. }, None) => Ok(hashes(&[Sha256]).into_iter().map(|hash| Algorithm::RsaPkcs1 { hash }).collect()),
        (KeyKind::EcdsaP256, None) => Ok(ecdsa(&[Sha256])),
        (KeyKind::EcdsaP384, None) => Ok(ecdsa(&[Sha384, Sha256])),
        (KeyKind::EcdsaP521, None) => Ok(ecdsa(&[Sha512, Sha256])),
        (KeyKind::Ed25519, None) if pinned.is_some() => Err("an Ed25519 key has no `hash` to choose".to_owned()),
        (KeyKind::Ed25519, None) => Ok(vec![Algorithm::Ed25519ph, Algorithm::Ed25519]),
        _ => Err("cosign does not sign with keys of this type".to_owned()),
    }
}
