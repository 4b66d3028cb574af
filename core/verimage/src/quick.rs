//! Policies without a file: the short forms of the command line, desugared to the native model.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use verimage_core::policy::document::PublicKeyDocument;
use verimage_core::policy::{Pattern, go};

use crate::keys::KeyReference;

/// A policy over any image that demands one cosign signature, as the flags of `cosign verify` say it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QuickPolicy {
    /// Who must have signed.
    pub signer: QuickSigner,
    /// Another repository that holds the signatures, as `COSIGN_REPOSITORY`.
    pub signature_repository: Option<String>,
    /// A file with the trusted root whose authorities and logs count; by default the public instance's.
    pub trusted_root: Option<String>,
    /// A file with the certificates of an authority that must have stamped the signature.
    pub timestamp_chain: Option<String>,
    /// Whether the transparency log is left out, as `--insecure-ignore-tlog`.
    pub insecure_ignore_log: bool,
    /// Whether certificate transparency logs are left out, as `--insecure-ignore-sct`.
    pub insecure_ignore_sct: bool,
    /// Demanded annotations, as `-a key=value`.
    pub annotations: BTreeMap<String, String>,
    /// Whether the payload must name the reference.
    pub reference: QuickReference,
}

/// Who must have signed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum QuickSigner {
    /// The holder of a key; [`quick_key`] reads one as it is typed.
    Key(PublicKeyDocument),
    /// Whoever a trusted identity provider called so.
    Keyless(QuickIdentity),
    /// The holder of a certificate.
    Certificate {
        /// A file with the certificate itself.
        leaf: Option<String>,
        /// A file with the authority: what is between first, the root last.
        chain: Option<String>,
        /// Whom the certificate must name; needed with a chain, unless the certificate itself is given.
        identity: Option<QuickIdentity>,
    },
}

/// The names in a certificate. Expressions match anywhere in the name, as those of cosign do.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct QuickIdentity {
    /// The name.
    pub subject: Option<String>,
    /// An expression for the name.
    pub subject_regexp: Option<String>,
    /// Who vouched for it.
    pub issuer: Option<String>,
    /// An expression for who vouched.
    pub issuer_regexp: Option<String>,
}

/// Whether the payload must name the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuickReference {
    /// It may name anything.
    #[default]
    Off,
    /// It names the repository.
    Repository,
    /// It names the repository and the tag or digest.
    Exact,
}

/// A public key as it is typed: a file, or a key reference, behind which `#SHA256:…` may say which key it must be.
///
/// ```
/// let key = verimage::quick_key("gitlab://group/project");
/// assert_eq!((key.file, key.reference.as_deref(), key.sha256), (None, Some("gitlab://group/project"), None));
/// ```
pub fn quick_key(text: &str) -> PublicKeyDocument {
    if !KeyReference::is_meant_by(text) {
        return PublicKeyDocument { file: Some(text.to_owned()), ..PublicKeyDocument::default() };
    }
    let (reference, pin) = text.split_once('#').map_or((text, None), |(reference, pin)| (reference, Some(pin.to_owned())));
    PublicKeyDocument { reference: Some(reference.to_owned()), sha256: pin, ..PublicKeyDocument::default() }
}

impl QuickPolicy {
    /// A policy that demands a signature of this signer, and everything that cosign demands unless it is told not to.
    pub fn new(signer: QuickSigner) -> Self {
        Self {
            signer,
            signature_repository: None,
            trusted_root: None,
            timestamp_chain: None,
            insecure_ignore_log: false,
            insecure_ignore_sct: false,
            annotations: BTreeMap::new(),
            reference: QuickReference::Off,
        }
    }

    /// The native policy as YAML.
    ///
    /// # Errors
    /// A sentence, if an expression is not understood.
    pub fn to_yaml(&self) -> Result<String, String> {
        serde_saphyr::to_string(&self.to_value()?).map_err(|error| error.to_string())
    }

    fn to_value(&self) -> Result<Value, String> {
        let mut trust = Map::new();
        let mut leaf = self.signer.to_leaf(&mut trust, self.trusted_root.is_some())?;
        self.add_evidence(&mut leaf, &mut trust);
        match self.reference {
            QuickReference::Off => {}
            QuickReference::Repository => drop(leaf.insert("reference".to_owned(), json!("repository"))),
            QuickReference::Exact => drop(leaf.insert("reference".to_owned(), json!("exact"))),
        }
        if !self.annotations.is_empty() {
            leaf.insert("annotations".to_owned(), json!(self.annotations));
        }
        let mut policy = Map::from_iter([("apiVersion".to_owned(), json!("verimage/v1")), ("kind".to_owned(), json!("ImagePolicy"))]);
        if !trust.is_empty() {
            policy.insert("trust".to_owned(), Value::Object(trust));
        }
        if let Some(repository) = &self.signature_repository {
            leaf.insert("stores".to_owned(), json!(["signatures"]));
            policy.insert("stores".to_owned(), json!({"signatures": {"type": "auto", "repository": repository}}));
        }
        policy.insert("rules".to_owned(), json!([{"name": "command-line", "images": ["**/**"], "require": {"cosign": leaf}}]));
        Ok(Value::Object(policy))
    }

    /// Logs and timestamps.
    fn add_evidence(&self, leaf: &mut Map<String, Value>, trust: &mut Map<String, Value>) {
        let used = !self.insecure_ignore_log || matches!(self.signer, QuickSigner::Keyless(_));
        if let Some(file) = self.trusted_root.as_ref().filter(|_| used) {
            trust.insert("root".to_owned(), json!({"trustedRoot": {"file": file}}));
        }
        if self.insecure_ignore_log {
            leaf.insert("transparency".to_owned(), json!("none"));
        } else if self.trusted_root.is_some() {
            leaf.insert("transparency".to_owned(), json!({"root": "root"}));
        }
        if self.insecure_ignore_sct {
            leaf.insert("sct".to_owned(), json!("none"));
        }
        if let Some(file) = &self.timestamp_chain {
            trust.insert("tsa".to_owned(), json!({"x509": {"file": file, "type": "tsa"}}));
            leaf.insert("timestamp".to_owned(), json!({"tsa": "tsa"}));
        }
    }
}

/// A policy over any image that demands one Notary Project signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QuickNotation {
    /// A file with the certificates of the authority.
    pub authority: String,
    /// Who must have signed, as `x509.subject: C=…, ST=…, O=…`; anybody with a certificate of the authority, if nobody is said.
    pub identities: Vec<String>,
}

impl QuickNotation {
    /// A policy for whoever has a certificate of the authority.
    pub fn new(authority: String) -> Self {
        Self { authority, identities: Vec::new() }
    }

    /// The native policy as YAML.
    ///
    /// # Errors
    /// A sentence, if the YAML cannot be written.
    pub fn to_yaml(&self) -> Result<String, String> {
        let identities = if self.identities.is_empty() { json!(["*"]) } else { json!(self.identities) };
        let policy = json!({
            "apiVersion": "verimage/v1", "kind": "ImagePolicy",
            "trust": {"authority": {"x509": {"file": self.authority, "type": "ca"}}},
            "rules": [{"name": "command-line", "images": ["**/**"],
                "require": {"notation": {"stores": ["authority"], "identities": identities}}}],
        });
        serde_saphyr::to_string(&policy).map_err(|error| error.to_string())
    }
}

/// A policy over any image that demands a tag in a Notary v1 collection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QuickNotary {
    /// A file with the root keys or root certificates.
    pub root: String,
    /// The Notary server; Docker's own choice if none is said.
    pub server: Option<String>,
    /// Delegations that must have signed; what `docker trust` looks at, if none is said.
    pub delegations: Vec<String>,
}

impl QuickNotary {
    /// A policy for what is signed below this root.
    pub fn new(root: String) -> Self {
        Self { root, server: None, delegations: Vec::new() }
    }

    /// The native policy as YAML.
    ///
    /// # Errors
    /// A sentence, if the YAML cannot be written.
    pub fn to_yaml(&self) -> Result<String, String> {
        let mut leaf = Map::from_iter([("root".to_owned(), json!("root"))]);
        leaf.extend(self.server.as_ref().map(|server| ("server".to_owned(), json!(server))));
        if !self.delegations.is_empty() {
            leaf.insert("delegations".to_owned(), json!(self.delegations));
        }
        let policy = json!({
            "apiVersion": "verimage/v1", "kind": "ImagePolicy",
            "trust": {"root": {"tufRoot": {"file": self.root}}},
            "rules": [{"name": "command-line", "images": ["**/**"], "require": {"notaryV1": leaf}}],
        });
        serde_saphyr::to_string(&policy).map_err(|error| error.to_string())
    }
}

/// A policy over any image that demands one GPG signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QuickGpg {
    /// A file with the OpenPGP keys, one of which must have signed.
    pub keys: String,
    /// Where the signatures are; where this machine's container tools look, if nothing is said.
    pub lookaside: Option<String>,
}

impl QuickGpg {
    /// A policy for the holders of these keys.
    pub fn new(keys: String) -> Self {
        Self { keys, lookaside: None }
    }

    /// The native policy as YAML.
    ///
    /// # Errors
    /// A sentence, if the YAML cannot be written.
    pub fn to_yaml(&self) -> Result<String, String> {
        let mut leaf = Map::from_iter([("keys".to_owned(), json!(["keys"]))]);
        let mut policy = Map::from_iter([("apiVersion".to_owned(), json!("verimage/v1")), ("kind".to_owned(), json!("ImagePolicy"))]);
        policy.insert("trust".to_owned(), json!({"keys": {"openpgp": {"file": self.keys}}}));
        if let Some(url) = &self.lookaside {
            leaf.insert("stores".to_owned(), json!(["signatures"]));
            policy.insert("stores".to_owned(), json!({"signatures": {"type": "lookaside", "url": url}}));
        }
        let rule = json!({"name": "command-line", "images": ["**/**"], "subject": "platform", "require": {"simpleSigning": leaf}});
        policy.insert("rules".to_owned(), json!([rule]));
        serde_saphyr::to_string(&policy).map_err(|error| error.to_string())
    }
}

impl QuickSigner {
    fn to_leaf(&self, trust: &mut Map<String, Value>, own_root: bool) -> Result<Map<String, Value>, String> {
        let mut anchor = |name: &str, body: Value| {
            trust.insert(name.to_owned(), body);
            json!(name)
        };
        let authority = |file: &String| json!({"x509": {"file": file, "type": "ca"}});
        Ok(match self {
            Self::Key(key) => Map::from_iter([("key".to_owned(), anchor("key", json!({"publicKey": key})))]),
            Self::Keyless(identity) => {
                let mut keyless = Map::from_iter([("identities".to_owned(), json!([identity.to_value()?]))]);
                keyless.extend(own_root.then(|| ("root".to_owned(), json!("root"))));
                Map::from_iter([("keyless".to_owned(), Value::Object(keyless))])
            }
            Self::Certificate { leaf, chain, identity } => {
                let mut certificate = Map::new();
                certificate.extend(leaf.as_ref().map(|file| ("leaf".to_owned(), anchor("certificate", authority(file)))));
                certificate.extend(chain.as_ref().map(|file| ("chain".to_owned(), anchor("chain", authority(file)))));
                let identity = identity
                    .as_ref()
                    .map(|identity| identity.without_vacuous_issuer().to_value())
                    .transpose()?
                    .map(|identity| json!([identity]));
                let any = (leaf.is_some() && chain.is_some()).then(|| json!("any"));
                certificate.extend(identity.or(any).map(|identity| ("identity".to_owned(), identity)));
                Map::from_iter([("certificate".to_owned(), Value::Object(certificate))])
            }
        })
    }
}

impl QuickIdentity {
    /// Certificates of one's own name no issuer. Users of cosign demand one that matches anything, such as `.*`; here an
    /// expression that an empty text fulfils demands none.
    fn without_vacuous_issuer(&self) -> Self {
        let vacuous = |expression: &String| Pattern::regex(expression).is_ok_and(|pattern| pattern.matches(""));
        let issuer_regexp = self.issuer_regexp.clone().filter(|expression| !vacuous(expression));
        Self { issuer_regexp, ..self.clone() }
    }

    fn to_value(&self) -> Result<Value, String> {
        let expression = |flag: &str, text: &Option<String>| {
            let read = |text: &String| go::anywhere(text).map_err(|message| format!("the expression of `{flag}` {message}"));
            text.as_ref().map(read).transpose()
        };
        let fields = [
            ("subject", self.subject.clone()),
            ("subjectRegex", expression("--certificate-identity-regexp", &self.subject_regexp)?),
            ("issuer", self.issuer.clone()),
            ("issuerRegex", expression("--certificate-oidc-issuer-regexp", &self.issuer_regexp)?),
        ];
        Ok(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))).collect())
    }
}
