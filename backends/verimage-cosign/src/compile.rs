//! From the leaf as it is written to what judges.

use std::sync::Arc;

use schemars::schema_for;
use serde_json::Value;
use verimage_core::policy::{Anchor, Backend, CertificateKind, LeafContext, PolicyError, SignedIdentity, Store, read_config};
use verimage_core::{Code, Place, Verifier};
use verimage_crypto::x509::Certificate;
use verimage_crypto::{CryptoSet, KeyError, PublicKey};

use crate::authority::{Authority, CertificateRules, Hints, Purpose};
use crate::check::CosignVerifier;
use crate::config::{
    CertificateConfig, CertificateIdentity, CosignConfig, ExtendedKeyUsage, Format, KeylessConfig, LogsConfig, Reference, Sct,
    TimestampRule, Transparency, algorithms,
};
use crate::expectation::{Expectation, LogDemand, ReferenceRule};
use crate::identity::{self, IssuerRule};
use crate::times::TimestampDemand;
use crate::trust::{Chain, Trust};

/// The trusted root of sigstore's public instance, which policies may name without defining it.
pub const PUBLIC_GOOD: &str = "sigstore-public-good";

#[derive(Debug)]
pub(crate) struct CosignBackend {
    pub(crate) crypto: CryptoSet,
}

impl Backend for CosignBackend {
    fn name(&self) -> &'static str {
        "cosign"
    }

    fn compile(&self, config: &Value, context: &LeafContext<'_>) -> Result<Arc<dyn Verifier>, PolicyError> {
        let config: CosignConfig = read_config(config, context.pointer)?;
        let leaf = Leaf { config: &config, context, crypto: &self.crypto };
        let (expectation, warnings) = (leaf.expectation()?, leaf.warnings());
        let stores = leaf.stores()?;
        Ok(Arc::new(CosignVerifier::new(stores, config.format, context.attestation.cloned(), expectation, warnings)))
    }

    fn schema(&self) -> Value {
        schema_for!(CosignConfig).to_value()
    }
}

/// A leaf while it is compiled.
pub(crate) struct Leaf<'a> {
    pub(crate) config: &'a CosignConfig,
    pub(crate) context: &'a LeafContext<'a>,
    pub(crate) crypto: &'a CryptoSet,
}

impl Leaf<'_> {
    pub(crate) fn expectation(&self) -> Result<Expectation, PolicyError> {
        let CosignConfig { key, keyless, certificate, .. } = self.config;
        let (authority, own_root) = match (key, keyless, certificate) {
            (Some(name), None, None) => (self.key(name)?, None),
            (None, Some(keyless), None) => {
                let name = keyless.root.as_deref().unwrap_or(PUBLIC_GOOD);
                let root = self.trusted_root(name, "/keyless/root")?;
                (self.keyless(keyless, &root)?, Some(root))
            }
            (None, None, Some(certificate)) => (self.certificate(certificate)?, None),
            _ => {
                let message = "a cosign leaf has exactly one of `key`, `keyless` and `certificate`";
                return Err(self.context.invalid("", message));
            }
        };
        if matches!(authority, Authority::Key { .. }) && self.config.sct.is_some() {
            return Err(self.context.invalid("/sct", "a key has no certificate that a log could know"));
        }
        let root = self.log_root(own_root.clone())?;
        // A root that `transparency` names beside that of `keyless` is for its logs alone.
        let stamping = own_root.or_else(|| root.clone());
        if self.context.attestation.is_some() {
            self.refuse_claims_of_payloads("an attestation")?;
        }
        if self.config.format == Format::Bundle && self.config.reference != Reference::Off {
            let message = "a bundle names no reference, so none could fulfil this";
            return Err(self.context.invalid("/reference", message).with_hint("leave out `reference`, or `format: bundle`"));
        }
        Ok(Expectation {
            crypto: *self.crypto,
            timestamps: self.timestamps(stamping.as_deref())?,
            log: self.log(root.as_deref())?,
            authority,
            reference: self.reference()?,
            annotations: self.config.annotations.clone(),
        })
    }

    fn reference(&self) -> Result<ReferenceRule, PolicyError> {
        Ok(match &self.config.reference {
            Reference::Off => ReferenceRule::Off,
            Reference::Repository => ReferenceRule::Repository,
            Reference::Exact => ReferenceRule::Exact,
            Reference::Signed(document) => {
                let identity = SignedIdentity::new(document);
                ReferenceRule::Signed(identity.map_err(|(field, message)| self.context.invalid(&format!("/reference{field}"), message))?)
            }
        })
    }

    /// What the verdict says aloud about this leaf.
    pub(crate) fn warnings(&self) -> Vec<&'static str> {
        let certificate = self.config.certificate.as_ref();
        let any_identity = certificate
            .is_some_and(|certificate| certificate.leaf.is_none() && matches!(certificate.identity, Some(CertificateIdentity::Any)));
        let any_usage = certificate.is_some_and(|certificate| certificate.eku == ExtendedKeyUsage::Any);
        let without_sct = self.config.keyless.is_some() && self.config.sct == Some(Sct::None);
        let words = [
            (self.config.transparency == Transparency::None, "log-not-required"),
            (any_identity, "identity-not-checked"),
            (any_usage, "purpose-not-checked"),
            (without_sct, "sct-not-required"),
        ];
        words.into_iter().filter(|(applies, _)| *applies).map(|(_, word)| word).collect()
    }

    /// Where to look. A place that cannot hold the demanded form is a mistake.
    fn stores(&self) -> Result<Vec<Store>, PolicyError> {
        let mut stores = Vec::new();
        for (index, name) in self.config.stores.iter().enumerate() {
            let field = format!("/stores/{index}");
            let store = self.context.store(name, &field)?;
            match (self.config.format, store) {
                (Format::Bundle, Store::Tag { .. }) => {
                    return Err(self.context.invalid(&field, format!("`{name}` holds tags, and bundles are never below a tag")));
                }
                (Format::SimpleSigning, Store::Referrers(_)) => {
                    return Err(self
                        .context
                        .invalid(&field, format!("`{name}` holds referrers, and `simpleSigning` is below the tag alone")));
                }
                (_, Store::Lookaside(_) | Store::Openshift(_)) => {
                    return Err(self.context.invalid(&field, format!("`{name}` holds GPG signatures, and no others")));
                }
                _ => stores.push(store.clone()),
            }
        }
        if stores.is_empty() {
            stores.push(Store::Auto(Place::Image));
        }
        Ok(stores)
    }

    /// Statements have neither a reference nor annotations of the signer.
    pub(crate) fn refuse_claims_of_payloads(&self, what: &str) -> Result<(), PolicyError> {
        let CosignConfig { reference, annotations, format, .. } = self.config;
        let fields = [
            ("/reference", *reference != Reference::Off),
            ("/annotations", !annotations.is_empty()),
            ("/format", *format == Format::SimpleSigning),
        ];
        match fields.into_iter().find(|(_, given)| *given) {
            Some((field, _)) => Err(self
                .context
                .invalid(field, format!("{what} has nothing of the kind"))
                .with_hint("leave it out; an attestation has `conditions`")),
            None => Ok(()),
        }
    }

    fn key(&self, name: &str) -> Result<Authority, PolicyError> {
        let anchor = self.context.key(name, "/key")?;
        let unusable = |error: KeyError| self.unusable_key("/key", name, &error);
        let key = PublicKey::from_pem(&anchor.pem).map_err(unusable)?;
        let field = if self.config.scheme.is_some() { "/scheme" } else { "/key" };
        let algorithms = algorithms(key.kind(), anchor.hash, self.config.scheme).map_err(|message| self.context.invalid(field, message))?;
        let key = self.crypto.load(&key).map_err(unusable)?;
        Ok(Authority::Key { key, algorithms })
    }

    fn keyless(&self, config: &KeylessConfig, root: &Trust) -> Result<Authority, PolicyError> {
        if root.issuers.is_empty() {
            return Err(self.context.invalid("/keyless/root", "this trusted root has no certificate authority"));
        }
        let certificate_logs = (self.config.sct != Some(Sct::None)).then(|| root.certificate_logs.clone());
        if certificate_logs.as_ref().is_some_and(|logs| logs.count() == 0) {
            let message = "this trusted root has no certificate transparency log";
            return Err(self.context.invalid("/keyless/root", message).with_hint("`sct: none` does without, for instances that have none"));
        }
        Ok(Authority::Certificates(CertificateRules {
            leaf: None,
            issuers: root.issuers.clone(),
            hints: Hints::Ignored,
            purpose: Purpose::CodeSigning,
            identities: identity::read_all(&config.identities, "/keyless/identities", IssuerRule::Needed, self.context)?,
            certificate_logs,
            scheme: self.config.scheme,
        }))
    }

    fn certificate(&self, config: &CertificateConfig) -> Result<Authority, PolicyError> {
        let leaf = config.leaf.as_deref().map(|name| self.leaf_certificate(name)).transpose()?;
        let Some(chain) = config.chain.as_deref() else {
            let leaf = leaf.ok_or_else(|| self.context.invalid("/certificate", "a certificate leaf has a `leaf`, a `chain` or both"))?;
            return self.pinned(config, &leaf);
        };
        if self.config.sct == Some(Sct::Required) {
            let message = "a certificate authority of your own has no certificate transparency log that could be asked";
            return Err(self.context.invalid("/sct", message).with_hint("put both into a trusted root, and use `keyless`"));
        }
        let identities = match &config.identity {
            None => {
                let message = "say whom the certificate must name: a list of identities, or `any`";
                return Err(self.context.invalid("/certificate", message));
            }
            Some(CertificateIdentity::Any) => Vec::new(),
            Some(CertificateIdentity::Names(names)) => {
                identity::read_all(names, "/certificate/identity", IssuerRule::Optional, self.context)?
            }
        };
        Ok(Authority::Certificates(CertificateRules {
            leaf,
            issuers: vec![self.issuer(chain, config.intermediates.as_deref())?],
            hints: Hints::Used,
            purpose: if config.eku == ExtendedKeyUsage::Any { Purpose::Any } else { Purpose::CodeSigning },
            identities,
            certificate_logs: None,
            scheme: self.config.scheme,
        }))
    }

    /// A certificate without a chain stands for its key: nothing else in it is looked at.
    fn pinned(&self, config: &CertificateConfig, leaf: &Certificate) -> Result<Authority, PolicyError> {
        let useless = config.identity.is_some() || config.intermediates.is_some() || config.eku != ExtendedKeyUsage::CodeSigning;
        if useless || self.config.sct == Some(Sct::Required) {
            let message = "a certificate without `chain` pins its key, so `identity`, `intermediates`, `eku` and `sct` have no effect";
            return Err(self.context.invalid("/certificate", message).with_hint("remove them, or name the `chain`"));
        }
        let name = config.leaf.as_deref().unwrap_or_default();
        let field = if self.config.scheme.is_some() { "/scheme" } else { "/certificate/leaf" };
        let unusable = |error: &KeyError| self.unusable_key("/certificate/leaf", name, error);
        let key = leaf.public_key().map_err(unusable)?;
        let algorithms = algorithms(key.kind(), None, self.config.scheme).map_err(|message| self.context.invalid(field, message))?;
        Ok(Authority::Key { key: self.crypto.load(key).map_err(|error| unusable(&error))?, algorithms })
    }

    fn leaf_certificate(&self, name: &str) -> Result<Certificate, PolicyError> {
        let anchor = self.context.certificates(name, "/certificate/leaf", CertificateKind::Ca)?;
        let read = Certificate::all_from_file(&anchor.bytes).map_err(|error| error.to_string());
        match read.as_deref() {
            Ok([certificate]) => Ok(certificate.clone()),
            Ok(several) => {
                Err(self.context.invalid("/certificate/leaf", format!("`{name}` has {} certificates, one is needed here", several.len())))
            }
            Err(error) => Err(self.context.invalid("/certificate/leaf", format!("the certificate `{name}`: {error}"))),
        }
    }

    /// An authority for signers: nobody else's certificate stands in its chain.
    fn issuer(&self, name: &str, intermediates: Option<&str>) -> Result<Chain, PolicyError> {
        let field = "/certificate/chain";
        let mut chain = self.chain(name, field, CertificateKind::Ca)?;
        chain.intermediates.extend(intermediates.map_or(Ok(Vec::new()), |name| self.intermediates(name))?);
        match &chain.signer {
            None => Ok(chain),
            Some(other) => {
                let message = format!("the certificates `{name}`: `{}` is no certificate authority", other.subject());
                Err(self.context.invalid(field, message).with_hint("name the signer's own certificate as `leaf`"))
            }
        }
    }

    /// Certificates that only complete paths, whoever issued them.
    fn intermediates(&self, name: &str) -> Result<Vec<Certificate>, PolicyError> {
        let field = "/certificate/intermediates";
        let anchor = self.context.certificates(name, field, CertificateKind::Ca)?;
        let invalid = |reason: String| self.context.invalid(field, format!("the certificates `{name}`: {reason}"));
        let certificates = Certificate::all_from_file(&anchor.bytes).map_err(|error| invalid(error.to_string()))?;
        match certificates.iter().find(|certificate| !certificate.is_ca()) {
            Some(other) => Err(invalid(format!("`{}` is no certificate authority", other.subject()))),
            None => Ok(certificates),
        }
    }

    fn chain(&self, name: &str, field: &str, kind: CertificateKind) -> Result<Chain, PolicyError> {
        let anchor = self.context.certificates(name, field, kind)?;
        Chain::of_file(&anchor.bytes, name).map_err(|reason| self.context.invalid(field, format!("the certificates `{name}`: {reason}")))
    }

    fn trusted_root(&self, name: &str, field: &str) -> Result<Arc<Trust>, PolicyError> {
        let anchor = self.context.trusted_root(name, field)?;
        let trust = Trust::load(&anchor.json, self.crypto);
        trust.map(Arc::new).map_err(|reason| self.context.invalid(field, format!("the trusted root `{name}`: {reason}")))
    }

    /// The root whose logs are asked: the one that is named, that of the leaf, or the public instance's.
    fn log_root(&self, own: Option<Arc<Trust>>) -> Result<Option<Arc<Trust>>, PolicyError> {
        match (&self.config.transparency, own) {
            (Transparency::Logs(LogsConfig { root: Some(name), .. }), _) => self.logs(name).map(Some),
            (_, Some(own)) => Ok(Some(own)),
            (Transparency::None, None) => Ok(None),
            (_, None) => self.trusted_root(PUBLIC_GOOD, "/transparency").map(Some),
        }
    }

    /// The logs of a trusted root, or those whose keys the policy has.
    fn logs(&self, name: &str) -> Result<Arc<Trust>, PolicyError> {
        let field = "/transparency/root";
        match self.context.anchor(name, field)? {
            Anchor::TransparencyLog(log) => {
                let trust = Trust::of_log_keys(&log.pem, self.crypto);
                trust.map(Arc::new).map_err(|error| self.context.invalid(field, format!("the log `{name}`: {error}")))
            }
            _ => self.trusted_root(name, field),
        }
    }

    fn log(&self, root: Option<&Trust>) -> Result<Option<LogDemand>, PolicyError> {
        let least = match &self.config.transparency {
            Transparency::None => return Ok(None),
            Transparency::Required => 1,
            Transparency::Logs(logs) if logs.min_entries == 0 => {
                let error = self.context.invalid("/transparency/minEntries", "at least one log is needed here");
                return Err(error.with_hint("`transparency: none` asks for none"));
            }
            Transparency::Logs(logs) => logs.min_entries,
        };
        let logs = root.map(|root| root.logs.clone()).unwrap_or_default();
        if logs.count() < least {
            let message = format!("{least} different logs are demanded, the trusted root has {}", logs.count());
            return Err(self.context.invalid("/transparency", message));
        }
        Ok(Some(LogDemand { logs, least }))
    }

    fn timestamps(&self, root: Option<&Trust>) -> Result<TimestampDemand, PolicyError> {
        let (authorities, least) = match &self.config.timestamp {
            Some(TimestampRule::None) => (Vec::new(), 0),
            None => (root.map(|root| root.timestamp_authorities.clone()).unwrap_or_default(), 0),
            Some(TimestampRule::Authorities(named)) => {
                let authorities = match self.context.anchor(&named.tsa, "/timestamp/tsa")? {
                    Anchor::TrustedRoot(_) => self.trusted_root(&named.tsa, "/timestamp/tsa")?.timestamp_authorities.clone(),
                    _ => vec![self.chain(&named.tsa, "/timestamp/tsa", CertificateKind::Tsa)?],
                };
                (authorities, named.min_entries)
            }
        };
        let demand = TimestampDemand { authorities, least };
        match (&self.config.timestamp, demand.different()) {
            (Some(TimestampRule::Authorities(_)), most) if !(1..=most).contains(&least) => {
                let message = format!("`minEntries` is between 1 and {most}, the number of different authorities");
                Err(self.context.invalid("/timestamp/minEntries", message))
            }
            _ => Ok(demand),
        }
    }

    /// A key of a kind that is not used is told apart from a text that is no key.
    fn unusable_key(&self, field: &str, name: &str, error: &KeyError) -> PolicyError {
        let code = match error {
            KeyError::UnsupportedAlgorithm { .. }
            | KeyError::UnsupportedCurve { .. }
            | KeyError::UnnamedCurve
            | KeyError::RsaModulusSize { .. }
            | KeyError::RsaExponent
            | KeyError::RefusedBySet { .. } => Code::KeyUnsupported,
            _ => Code::PolicyInvalid,
        };
        PolicyError::new(code, format!("{}{field}", self.context.pointer), format!("the key `{name}`: {error}"))
            .with_hint("cosign's keys are ECDSA P-256, P-384 and P-521, RSA of 2048 to 8192 bits, and Ed25519, as PEM public keys")
    }
}
