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
}

/// A public key, by exactly one of `pem`, `file` and `ref`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicKeyDocument {
    /// The key itself: PEM, `PUBLIC KEY` or `RSA PUBLIC KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// A file with the key; a relative path starts at the policy's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A key reference: `env://NAME`.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
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
}

/// One rule.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleDocument {
    /// The name, as verdicts print it; unique.
    pub name: String,
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
    /// What must be proven: `allOf`, `anyOf`, `threshold`, `allow`, `deny`, or a scheme such as `cosign`.
    pub require: Value,
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
