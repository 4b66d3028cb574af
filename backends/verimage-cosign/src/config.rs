//! The leaf `cosign` of a policy, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use verimage_core::policy::SignedIdentityDocument;
use verimage_core::policy::document::KeyHash;
use verimage_crypto::{Algorithm, EcdsaEncoding, HashAlgorithm, KeyKind};

pub use crate::fulcio::SubjectKind;

/// What a policy demands of a cosign signature: exactly one of `key`, `keyless` and `certificate` says whose.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CosignConfig {
    /// The key that must have signed, as named under `trust`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whose short-lived certificate must have signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyless: Option<KeylessConfig>,
    /// The certificate, or whose certificate of an authority of your own, must have signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateConfig>,
    /// Whether a transparency log must prove the signature.
    #[serde(default)]
    pub transparency: Transparency,
    /// Whether a certificate transparency log must know the certificate; by default for keyless signatures alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sct: Option<Sct>,
    /// Whether an authority must have stamped the signature. By default, timestamps are judged if the trusted root of
    /// `keyless`, else that of the logs, has authorities for them, and needed only where nothing else says when a
    /// certificate signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampRule>,
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

/// Keyless signatures: certificates that an identity provider's word was enough for.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeylessConfig {
    /// Who may have signed; one of them.
    pub identities: Vec<IdentityConfig>,
    /// The trusted root, as named under `trust`; the public instance's, if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

/// A signer by the names in the certificate. Each name is an exact text, a regular expression for the whole of it, or a
/// glob in which `*` is any run of characters and `?` any one.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityConfig {
    /// Who vouched for the identity, such as `https://token.actions.githubusercontent.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The issuer as a regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_regex: Option<String>,
    /// The issuer as a glob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_glob: Option<String>,
    /// The identity: an email address, a URI such as that of a workflow, a DNS name, a user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The identity as a regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_regex: Option<String>,
    /// The identity as a glob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_glob: Option<String>,
    /// What kind of name the identity is; any, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_kind: Option<SubjectKind>,
    /// Names that the certificate must have as well, each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<NameConfig>,
    /// What Fulcio's extensions must say, by name such as `sourceRepositoryUri` or by object identifier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, TextConfig>,
}

/// One more name of a certificate.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NameConfig {
    /// The name.
    pub subject: String,
    /// What kind of name it is; any, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_kind: Option<SubjectKind>,
}

/// A text: exact, or `{regex: …}`, or `{glob: …}`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TextConfig {
    /// A regular expression for the whole text.
    Regex(String),
    /// A glob for the whole text.
    Glob(String),
    /// This text.
    #[serde(untagged)]
    Exact(String),
}

impl<'de> Deserialize<'de> for TextConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        enum Pattern {
            Regex(String),
            Glob(String),
        }
        word_or(
            deserializer,
            |text| Ok(Self::Exact(text.to_owned())),
            |pattern| match pattern {
                Pattern::Regex(text) => Self::Regex(text),
                Pattern::Glob(text) => Self::Glob(text),
            },
        )
    }
}

/// Certificates of your own. `leaf` alone pins its key; `chain` is the authority whose certificates count, and with `leaf`
/// only that one.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateConfig {
    /// The signer's certificate, as named under `trust`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<String>,
    /// The authority, as named under `trust`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Certificates between the signer's and the authority, as named under `trust`. None of them is trusted for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediates: Option<String>,
    /// Whom the certificate must name: `any`, or a list of identities, whose issuers may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<CertificateIdentity>,
    /// What the certificate must be for.
    #[serde(default)]
    pub eku: ExtendedKeyUsage,
}

/// Whom a certificate of an authority of your own must name.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CertificateIdentity {
    /// Anybody to whom the authority issued; the verdict warns `identity-not-checked`.
    Any,
    /// One of these.
    #[serde(untagged)]
    Names(Vec<IdentityConfig>),
}

impl<'de> Deserialize<'de> for CertificateIdentity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word_or(deserializer, |text| if text == "any" { Ok(Self::Any) } else { Err("`any` or a list of identities") }, Self::Names)
    }
}

/// What a certificate must be for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExtendedKeyUsage {
    /// Code signing, and its key usage must allow signatures.
    #[default]
    CodeSigning,
    /// Anything; the verdict warns `purpose-not-checked`.
    Any,
}

/// Whether a transparency log must prove the signature: `required`, `none`, or which logs and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Transparency {
    /// An entry in a log of the trusted root of the leaf; the public instance's, if the leaf has none.
    #[default]
    Required,
    /// No proof; the verdict warns `log-not-required`.
    None,
    /// Entries in logs of this trusted root, or in those with these keys.
    #[serde(untagged)]
    Logs(LogsConfig),
}

/// Which logs, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogsConfig {
    /// The trusted root or the keys of logs, as named under `trust`; the root of the leaf, if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// How many different logs must have the signature.
    #[serde(default = "one")]
    pub min_entries: usize,
}

impl<'de> Deserialize<'de> for Transparency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = |text: &str| match text {
            "required" => Ok(Self::Required),
            "none" => Ok(Self::None),
            _ => Err("`required`, `none` or `{root, minEntries}`"),
        };
        word_or(deserializer, word, Self::Logs)
    }
}

/// Whether a certificate transparency log must know the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Sct {
    /// At least one of the trusted root's logs.
    Required,
    /// None; the verdict warns `sct-not-required` for keyless signatures.
    None,
}

/// Whether an authority must have stamped the signature: `none`, or whose timestamps and how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TimestampRule {
    /// Timestamps are passed over.
    None,
    /// Timestamps of these authorities.
    #[serde(untagged)]
    Authorities(TimestampConfig),
}

/// Whose timestamps, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimestampConfig {
    /// Certificates of type `tsa`, or a trusted root, as named under `trust`.
    pub tsa: String,
    /// How many different authorities must have stamped.
    #[serde(default = "one")]
    pub min_entries: usize,
}

impl<'de> Deserialize<'de> for TimestampRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word_or(deserializer, |text| if text == "none" { Ok(Self::None) } else { Err("`none` or `{tsa, minEntries}`") }, Self::Authorities)
    }
}

fn one() -> usize {
    1
}

/// A word, or a document of the shape `T`.
fn word_or<'de, D, T, R>(
    deserializer: D,
    word: impl FnOnce(&str) -> Result<R, &'static str>,
    document: impl FnOnce(T) -> R,
) -> Result<R, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::String(text) => word(&text).map_err(|expected| D::Error::custom(format_args!("found `{text}`, expected {expected}"))),
        other => serde_json::from_value(other).map(document).map_err(D::Error::custom),
    }
}

/// Whether the payload's `docker-reference` must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reference {
    /// It may be anything, as for cosign.
    #[default]
    Off,
    /// It names the same repository.
    Repository,
    /// It names the same repository, and the same tag or digest.
    Exact,
    /// It fits by a rule of containers `policy.json`, written as in the leaf `simpleSigning`.
    #[serde(untagged)]
    Signed(SignedIdentityDocument),
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

/// The algorithms under which a key may have signed (specs of cosign's key loader: a flag chooses the hash, SHA-256 by
/// default; newer signers choose the hash of the curve).
pub(crate) fn algorithms(kind: KeyKind, hash: Option<KeyHash>, scheme: Option<Scheme>) -> Result<Vec<Algorithm>, String> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    let pinned = hash.map(|hash| match hash {
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
