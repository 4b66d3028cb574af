//! The leaf `notaryV1` of a policy, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a policy demands of a tag in a Notary v1 collection: exactly one of `root`, `authority`, `keyIds` and
/// `insecureTrustOnFirstUse` says whom trust begins with.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotaryV1Config {
    /// The Notary server, `https://host[:port]`; by default as Docker has it: Docker Hub's, else the host of the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The collection on the server (GUN); by default the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gun: Option<String>,
    /// The root keys or root certificates, as named under `trust`; one of them must have signed the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The authority that must have issued the root certificate, as named under `trust`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// IDs of root keys with their certificates, as `root.json` lists them in `signed.roles.root.keyids`; one of them must have
    /// signed the root. The IDs that `notary key list` prints are those of the keys alone, and fit nothing here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_ids: Vec<String>,
    /// Trust whatever root comes first, and then only what follows from it. Needs a place where it is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure_trust_on_first_use: bool,
    /// Delegations that must have signed the tag, `targets/alice` or `alice`; by default `search` says where it is looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegations: Vec<String>,
    /// How many of the delegations are enough, told apart by their keys; by default all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<usize>,
    /// For delegations, as `delegations` has them, the key with which each must be signed, as named under `trust`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delegation_keys: BTreeMap<String, String>,
    /// Where a tag is looked for without `delegations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// Whether the dates of the certificate around a pinned root key count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_dates: Option<CertificateDates>,
    /// What binds a pinned root key to the collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_binding: Option<RootBinding>,
}

/// Where a tag is looked for without `delegations`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Search {
    /// Where `docker trust` looks: in `targets/releases`, then in `targets`.
    #[default]
    Docker,
    /// Where Connaisseur looks: in `targets/releases` alone if anything is delegated, else in `targets`.
    Released,
}

/// Whether the dates of the certificate around a pinned root key count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CertificateDates {
    /// They do not: the pin stands for them. Those of many old collections have run out.
    #[default]
    Ignored,
    /// They do.
    Enforced,
}

/// What binds a pinned root key to the collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RootBinding {
    /// A certificate for the key in the name of the collection.
    #[default]
    Certificate,
    /// Nothing: for keys without a certificate, that are used for one collection only. Metadata do not name their collection, so
    /// the server could answer with that of another one under the same key.
    InsecureNone,
}
