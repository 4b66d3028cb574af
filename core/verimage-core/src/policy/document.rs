//! The native policy file, `apiVersion: verimage/v1`, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A policy file.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyDocument {
    /// `verimage/v1`.
    pub api_version: ApiVersion,
    /// `ImagePolicy`.
    pub kind: Kind,
    /// What happens to an image that no rule matches.
    #[serde(default)]
    pub unmatched: Unmatched,
    /// Trust anchors by name; requirements refer to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trust: BTreeMap<String, AnchorDocument>,
    /// Places that hold signatures, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, Store>,
    /// The rules; at least one.
    pub rules: Vec<RuleDocument>,
}

/// The version of the policy language.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub enum ApiVersion {
    /// Version 1.
    #[serde(rename = "verimage/v1")]
    V1,
}

/// The kind of document.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub enum Kind {
    /// A policy over images.
    ImagePolicy,
}

/// What happens to an image that no rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unmatched {
    /// It is denied.
    #[default]
    Deny,
    /// It is allowed, and the verdict says so.
    Allow,
}

/// A named trust anchor.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum AnchorDocument {
    /// A public key.
    PublicKey(PublicKeyDocument),
    /// Certificates of authorities.
    X509(CertificatesDocument),
    /// A sigstore trusted root: certificate authorities, logs and timestamp authorities in one.
    TrustedRoot(TrustedRootDocument),
    /// Root keys or root certificates of Notary v1 collections.
    TufRoot(TufRootDocument),
    /// OpenPGP keys.
    Openpgp(OpenPgpDocument),
    /// The keys of transparency logs.
    TransparencyLog(TransparencyLogDocument),
}

/// Certificates, by exactly one of `pem`, `file` and `trustStore`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificatesDocument {
    /// The certificates themselves, PEM. Those that issued themselves are the anchors, the others stand between; if none
    /// did, the last one is the anchor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// A file with the certificates, PEM or DER; a relative path starts at the policy's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A named trust store of the Notary Project: all certificates in `x509/TYPE/NAME` below the folder of trust stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_store: Option<String>,
    /// What the certificates vouch for.
    #[serde(rename = "type")]
    pub kind: CertificateKind,
}

/// What certificates vouch for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CertificateKind {
    /// Signers.
    Ca,
    /// Timestamps.
    Tsa,
    /// Signers whose time of signing an authority attests (Notary Project).
    SigningAuthority,
}

/// A sigstore trusted root, by exactly one of `json` and `file`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedRootDocument {
    /// The text of `trusted_root.json` itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// A file with it; a relative path starts at the policy's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Root keys or root certificates of Notary v1 collections, by exactly one of `pem` and `file`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TufRootDocument {
    /// The keys themselves, PEM: `PUBLIC KEY` blocks, or `CERTIFICATE` blocks to pin the certificates around them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// A file with them; a relative path starts at the policy's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// OpenPGP keys, by exactly one of `armor` and `file`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenPgpDocument {
    /// The keys themselves, in blocks that begin with `-----BEGIN PGP PUBLIC KEY BLOCK-----`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub armor: Option<String>,
    /// A file with them, armored or binary; a relative path starts at the policy's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// The keys of transparency logs, by exactly one of `pem` and `file`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransparencyLogDocument {
    /// The keys themselves, PEM: `PUBLIC KEY` blocks, one for each log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// A file with them; a relative path starts at the policy's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// A public key, by exactly one of `pem`, `file` and `ref`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicKeyDocument {
    /// The key itself: PEM, `PUBLIC KEY` or `RSA PUBLIC KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// A file with the key; a relative path starts at the policy's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A key reference: `env://NAME`, `https://HOST/PATH`, `gitlab://PROJECT`, `k8s://NAMESPACE/SECRET`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Which key it must be, as verdicts print a signer: `SHA256:` and the hash of the key in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Take whatever key a web address has when the policy is loaded: whoever can write there chooses what may run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure_unpinned: bool,
    /// The only hash that signatures with this key may use; without it, those that fit the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<KeyHash>,
}

/// A hash algorithm that goes with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A place that holds signatures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type", deny_unknown_fields)]
pub enum Store {
    /// Everything that a repository may hold: referrers, the referrers tag, and tags named after the digest.
    Auto {
        /// Another repository than the image's own, as `COSIGN_REPOSITORY`.
        #[serde(skip_serializing_if = "Option::is_none")]
        repository: Option<String>,
    },
    /// The Referrers API, and the referrers tag where a registry has none.
    Referrers {
        /// Another repository than the image's own, as `COSIGN_REPOSITORY`.
        #[serde(skip_serializing_if = "Option::is_none")]
        repository: Option<String>,
    },
    /// Tags named after the digest, as cosign writes them: `sha256-<hex>.sig`.
    Tag {
        /// Another repository than the image's own, as `COSIGN_REPOSITORY`.
        #[serde(skip_serializing_if = "Option::is_none")]
        repository: Option<String>,
        /// What stands before `sha256-`.
        #[serde(skip_serializing_if = "Option::is_none")]
        tag_prefix: Option<String>,
    },
    /// A lookaside of GPG signatures: files `<url>/<repository path>@sha256=<hex>/signature-1` and so on.
    Lookaside {
        /// The base: `https://…`, `http://…` or `file:///…`.
        url: String,
    },
    /// The signature extension of a registry, as OpenShift's has it.
    Openshift {
        /// The registry: `https://host[:port]`, or `http://…` without TLS.
        url: String,
    },
}

/// One rule.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleDocument {
    /// The name, as verdicts print it; unique.
    pub name: String,
    /// The language of `images` and `except`.
    #[serde(default, skip_serializing_if = "Dialect::is_native")]
    pub dialect: Dialect,
    /// Which images the rule is for; at least one pattern.
    pub images: Vec<String>,
    /// Which of them it is not for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Whether the most specific rule wins, or this one always applies.
    #[serde(default)]
    pub apply: Apply,
    /// Whether the rule blocks or only reports.
    #[serde(default)]
    pub mode: Mode,
    /// Which manifest must be signed when the reference names an index.
    #[serde(default)]
    pub subject: SubjectRule,
    /// Refuse references that name no digest.
    #[serde(default)]
    pub require_digest: bool,
    /// Ask the registry for the manifest even if the reference names its digest.
    #[serde(default)]
    pub require_present: bool,
    /// What must be proven of the image: `allOf`, `anyOf`, `threshold`, `allow`, `deny`, or a scheme such as `cosign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<Value>,
    /// What must have been attested about the image, each of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestations: Option<Vec<AttestationDocument>>,
}

/// The language of a rule's scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Dialect {
    /// Patterns `host/path[:tag][@digest]`.
    #[default]
    Native,
    /// Those of containers `policy.json`, behind their transport: `docker:registry.example/team`, `docker:*.example.com`,
    /// `oci:/srv/images`, `docker:` for all of a transport, and `**` for everything. For policies that were imported.
    Containers,
    /// Kyverno's: `*` is any run of characters of `registry/path:tag` or `registry/path@digest`, `?` is any one of them. Such
    /// a rule applies always, as every rule does there.
    Kyverno,
    /// Those of Kyverno's `ImageValidatingPolicy`: `*` is any run of characters of a reference as it may have been written, `?` is
    /// any one of them. Such a rule applies always.
    ImageValidatingPolicy,
    /// policy-controller's: `*` is any run without `/` of `registry/path:tag` or `registry/path@digest`, `**` any run. Such a
    /// rule applies always, as every rule does there.
    PolicyController,
    /// Connaisseur's: `*` is any run of characters of `registry/path[:tag][@digest]`, `?` is any one of them, and anything may
    /// stand before and behind the pattern. The narrowest pattern wins, as there; of equals the last one.
    Connaisseur,
    /// Portieris': `*` is any run of characters, in the host and in the rest each for itself; a tag or digest may stand behind
    /// the pattern. The pattern with more characters wins.
    Portieris,
}

impl Dialect {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_native(&self) -> bool {
        *self == Self::Native
    }

    /// Why a rule in this dialect cannot take part in this way.
    pub(super) fn refuses(self, apply: Apply) -> Option<&'static str> {
        let knows_no_selection = matches!(self, Self::Kyverno | Self::ImageValidatingPolicy | Self::PolicyController);
        let refused = knows_no_selection && apply == Apply::Select;
        refused.then_some("in this dialect every rule that matches judges, none is selected: write `apply: always`")
    }
}

/// One attestation that a rule demands.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttestationDocument {
    /// The name, as messages print it.
    pub name: String,
    /// The type of the predicate: a URI, with or without its scheme, or cosign's short name for it such as
    /// `slsaprovenance1`.
    pub predicate_type: String,
    /// Who must have attested: the same trees of schemes as for the image.
    pub require: Value,
    /// Which of several statements by the demanded signer must fulfil the conditions.
    #[serde(default)]
    pub statements: Statements,
    /// What the predicate must say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<ConditionDocument>,
}

/// Which of several statements of one type and signer must fulfil the conditions. A registry can hide statements, so
/// `all` and `newest` speak of those that it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Statements {
    /// Each of them, and there is one.
    #[default]
    All,
    /// At least one.
    Any,
    /// The one with the latest verified time; those without such a time do not count.
    Newest,
}

/// A condition over a predicate: exactly one of `all`, `any`, or an `op` with what it needs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionDocument {
    /// Each of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<ConditionDocument>>,
    /// At least one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<ConditionDocument>>,
    /// Where the value stands in the predicate, as a JSON pointer such as `/builder/id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How it is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Operator>,
    /// With what it is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// How a value of a predicate is compared. A value that is not there fulfils nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operator {
    /// The same JSON value.
    Eq,
    /// Another JSON value.
    Ne,
    /// One of a list.
    In,
    /// None of a list.
    NotIn,
    /// A number or a time of RFC 3339 below.
    Lt,
    /// A number or a time of RFC 3339 below or equal.
    Le,
    /// A number or a time of RFC 3339 above.
    Gt,
    /// A number or a time of RFC 3339 above or equal.
    Ge,
    /// A text that a regular expression matches as a whole.
    Matches,
    /// Anything is there.
    Exists,
    /// A time of RFC 3339 that is not older than a duration such as `72h`; without a path, the verified time of signing.
    MaxAge,
}

/// How a rule takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Apply {
    /// The most specific of these rules judges.
    #[default]
    Select,
    /// This rule judges whenever it matches, besides the selected one.
    Always,
}

/// Whether a rule blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// What is not allowed is not admitted.
    #[default]
    Enforce,
    /// What is not allowed is reported and admitted.
    Audit,
}

/// Which manifest must be signed when the reference names an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SubjectRule {
    /// What the reference names.
    #[default]
    Index,
    /// The manifest of the platform; every image manifest of the index if no platform is known.
    Platform,
    /// What the reference names, else as `platform`.
    Either,
}

/// What must differ between the children that a threshold counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Distinct {
    /// The signers: equal keys and equal names count once.
    #[default]
    Signer,
    /// Only the entries of the list.
    Entry,
}
