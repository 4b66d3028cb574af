//! The leaf `notation` of a policy, as it is written.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What a policy demands of a Notary Project signature.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotationConfig {
    /// The trust stores, as named under `trust`: certificates of type `ca`, `signingAuthority` or `tsa`.
    pub stores: Vec<String>,
    /// Who may have signed: `*` for anybody with a certificate of the stores, or `x509.subject: C=…, ST=…, O=…`.
    pub identities: Vec<String>,
    /// How much is enforced.
    #[serde(default)]
    pub level: Level,
    /// When the timestamp of a signature is verified.
    #[serde(default)]
    pub verify_timestamp: VerifyTimestamp,
    /// Metadata that the signer must have signed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user_metadata: BTreeMap<String, String>,
    /// Refuse RSASSA-PSS signatures whose salt has not the length of the hash. JWS demands that length, and some signers
    /// neglect it; without this the verdict only warns.
    #[serde(default)]
    pub strict_pss_salt: bool,
}

/// A level by its name, or what happens when each check fails; what is not named is enforced.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Level {
    /// A level of the specification.
    Named(LevelName),
    /// Each check on its own.
    Custom(CustomLevel),
}

impl Default for Level {
    fn default() -> Self {
        Self::Named(LevelName::Strict)
    }
}

/// Text is a name, a map is a level of one's own; so an error says what is wrong with the one that was meant.
impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Level;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a level, or what each check does when it fails")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Level, E> {
                LevelName::deserialize(name.into_deserializer()).map(Level::Named)
            }

            fn visit_map<A: MapAccess<'de>>(self, checks: A) -> Result<Level, A::Error> {
                CustomLevel::deserialize(MapAccessDeserializer::new(checks)).map(Level::Custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// The levels of the specification. `skip` is no signature requirement: write `allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LevelName {
    /// All is enforced.
    Strict,
    /// Integrity and authenticity are enforced; the rest is told.
    Permissive,
    /// Integrity is enforced. Anybody's signature will do, and is never presented as trusted.
    Audit,
}

/// What happens when each check fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomLevel {
    /// Trust in the signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticity: Option<CheckAction>,
    /// That the certificates were valid at the time of signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentic_timestamp: Option<CheckAction>,
    /// That the signature has not expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<CheckAction>,
    /// That no certificate was revoked; the only check that may be skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<CheckAction>,
}

/// What a failed check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckAction {
    /// The signature does not count.
    Enforce,
    /// The verdict warns.
    Log,
    /// The check is not made.
    Skip,
}

/// When the timestamp of a signature is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VerifyTimestamp {
    /// Always, if a store of type `tsa` is named.
    #[default]
    Always,
    /// Only once a certificate of the signer has expired.
    AfterCertExpiry,
}
