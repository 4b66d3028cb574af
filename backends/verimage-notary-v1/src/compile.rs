//! From the leaf as it is written to what judges.

use std::sync::Arc;

use schemars::schema_for;
use serde_json::Value;
use verimage_core::policy::{Anchor, Backend, CertificateKind, LeafContext, PolicyError, read_config};
use verimage_core::{Code, Verifier};
use verimage_crypto::x509::Certificate;
use verimage_crypto::{CryptoSet, Fingerprint, PublicKey};
use verimage_tuf::{DelegationName, Gun, Need, Pins, TargetRule};

use crate::check::{Demand, NotaryV1Verifier};
use crate::config::{CertificateDates, NotaryV1Config, RootBinding, Search};

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

#[derive(Debug)]
pub(crate) struct NotaryV1Backend {
    pub(crate) crypto: CryptoSet,
}

impl Backend for NotaryV1Backend {
    fn name(&self) -> &'static str {
        "notaryV1"
    }

    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        if context.attestation.is_some() {
            let message = "Notary v1 signs tags and no attestations";
            return Err(PolicyError::new(Code::PolicyUnsupportedField, context.pointer, message));
        }
        let config: NotaryV1Config = read_config(config, context.pointer)?;
        let gun = config.gun.as_deref().map(Gun::new).transpose().map_err(|error| context.invalid("/gun", error.to_string()))?;
        let demand = Demand {
            server: config.server.as_deref().map(|server| self::server(server, context)).transpose()?,
            gun,
            pins: pins(&config, context)?,
            rule: rule(&config, context)?,
            signers: signers(&config, context)?,
            crypto: self.crypto,
        };
        Ok(Arc::new(NotaryV1Verifier::new(demand)))
    }

    fn schema(&self) -> Value {
        schema_for!(NotaryV1Config).to_value()
    }
}

/// An address without a scheme is an https one, as Connaisseur writes it.
fn server(text: &str, context: &LeafContext<'_>) -> Result<String, PolicyError> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let is_address = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if !matches!(scheme, "https" | "http") || rest.is_empty() || !rest.bytes().all(is_address) {
        return Err(context.invalid("/server", "a Notary server is at `https://host[:port]`, or at `http://` without TLS"));
    }
    Ok(format!("{scheme}://{}", rest.to_ascii_lowercase()))
}

fn pins(config: &NotaryV1Config, context: &LeafContext<'_>) -> Result<Pins, PolicyError> {
    let given = [config.root.is_some(), config.authority.is_some(), !config.key_ids.is_empty(), config.insecure_trust_on_first_use];
    if given.iter().filter(|given| **given).count() != 1 {
        let message = "exactly one of `root`, `authority`, `keyIds` and `insecureTrustOnFirstUse` says whom trust begins with";
        return Err(context.invalid("", message).with_hint("pin the root: `root: NAME`, with the key of its owner under `trust`"));
    }
    let invalid = |field: &'static str| move |error: String| context.invalid(field, error);
    let pins = match (&config.root, &config.authority) {
        (Some(name), _) => return root(name, config, context),
        (_, Some(name)) => {
            let anchor = context.certificates(name, "/authority", CertificateKind::Ca)?;
            let certificates = Certificate::all_from_file(&anchor.bytes).map_err(|error| invalid("/authority")(error.to_string()))?;
            Pins::authorities(certificates).map_err(|error| invalid("/authority")(error.to_string()))?
        }
        _ if config.insecure_trust_on_first_use => Pins::insecure_trust_on_first_use(),
        _ => Pins::key_ids(config.key_ids.iter().map(String::as_str)).map_err(|error| invalid("/keyIds")(error.to_string()))?,
    };
    match (config.certificate_dates, config.root_binding) {
        (None, None) => Ok(pins),
        (Some(_), _) => {
            Err(context.invalid("/certificateDates", "this has no effect: only with a root key in `root` may dates be ignored"))
        }
        (_, Some(_)) => Err(context.invalid("/rootBinding", "this has no effect: only a root key in `root` may go without a certificate")),
    }
}

/// What `root` names: certificates, or keys.
fn root(name: &str, config: &NotaryV1Config, context: &LeafContext<'_>) -> Result<Pins, PolicyError> {
    let invalid = |error: String| context.invalid("/root", format!("`{name}`: {error}"));
    let bytes = match context.anchor(name, "/root")? {
        Anchor::TufRoot(root) => root.pem.clone(),
        Anchor::PublicKey(_) => context.key(name, "/root")?.pem.clone(),
        other => {
            return Err(
                context.invalid("/root", format!("`{name}` is a `{}`, and a `tufRoot` or `publicKey` is needed here", other.kind()))
            );
        }
    };
    if bytes.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE) {
        let certificates = Certificate::all_from_pem(&bytes).map_err(|error| invalid(error.to_string()))?;
        return Pins::certificates(certificates).map_err(|error| invalid(error.to_string()));
    }
    let keys = PublicKey::all_from_pem(&bytes).map_err(|error| invalid(error.to_string()))?;
    let pins = Pins::root_keys(keys, Need::Any).map_err(|error| invalid(error.to_string()))?;
    let dates = match config.certificate_dates.unwrap_or_default() {
        CertificateDates::Ignored => verimage_tuf::CertificateDates::Ignored,
        CertificateDates::Enforced => verimage_tuf::CertificateDates::Enforced,
    };
    let binding = match config.root_binding.unwrap_or_default() {
        RootBinding::Certificate => verimage_tuf::RootBinding::Certificate,
        RootBinding::InsecureNone => verimage_tuf::RootBinding::InsecureNone,
    };
    Ok(pins.dates(dates).binding(binding))
}

fn rule(config: &NotaryV1Config, context: &LeafContext<'_>) -> Result<TargetRule, PolicyError> {
    let name = |(index, text): (usize, &String)| {
        DelegationName::from_short(text).map_err(|error| context.invalid(&format!("/delegations/{index}"), error.to_string()))
    };
    let names = config.delegations.iter().enumerate().map(name).collect::<Result<Vec<_>, _>>()?;
    if config.search.is_some() && !names.is_empty() {
        return Err(context.invalid("/search", "this has no effect beside `delegations`, which says where the tag must be"));
    }
    match config.threshold {
        None if names.is_empty() => match config.search.unwrap_or_default() {
            Search::Docker => Ok(TargetRule::docker()),
            Search::Released => Ok(TargetRule::released()),
        },
        Some(_) if names.is_empty() => Err(context.invalid("/threshold", "this has no effect without `delegations`")),
        None => TargetRule::all_of(names).map_err(|error| context.invalid("/delegations", error.to_string())),
        Some(needed) => TargetRule::at_least(needed, names).map_err(|error| context.invalid("/threshold", error.to_string())),
    }
}

/// The keys with which delegations must be signed.
fn signers(config: &NotaryV1Config, context: &LeafContext<'_>) -> Result<Vec<(DelegationName, Fingerprint)>, PolicyError> {
    if !config.delegation_keys.is_empty() && config.threshold.is_some() {
        let message = "this goes with all of `delegations` only: beside `threshold` one that is not signed with its key could still count";
        return Err(context.invalid("/delegationKeys", message).with_hint("leave `threshold` out"));
    }
    let signer = |(delegation, key): (&String, &String)| {
        let field = format!("/delegationKeys/{}", delegation.replace('~', "~0").replace('/', "~1"));
        if !config.delegations.contains(delegation) {
            return Err(context.invalid(&field, format!("`{delegation}` is none of `delegations`")));
        }
        let name = DelegationName::from_short(delegation).map_err(|error| context.invalid(&field, error.to_string()))?;
        let pem = &context.key(key, &field)?.pem;
        let key = PublicKey::from_pem(pem).map_err(|error| context.invalid(&field, format!("the key `{key}`: {error}")))?;
        Ok((name, key.fingerprint()))
    };
    config.delegation_keys.iter().map(signer).collect()
}
