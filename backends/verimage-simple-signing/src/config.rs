//! The leaf `simpleSigning` of a policy, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verimage_core::policy::SignedIdentityDocument;

/// What a policy demands of a GPG signature: one signature by one of the keys, which names the image's digest and a reference
/// that fits.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimpleSigningConfig {
    /// The OpenPGP keys, as named under `trust`; one of all that are in them must have signed.
    pub keys: Vec<String>,
    /// Which reference the signature must name.
    #[serde(default)]
    pub signed_identity: SignedIdentityDocument,
    /// Where the signatures are, as named under `stores`; by default where this machine's container tools look for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stores: Vec<String>,
}
