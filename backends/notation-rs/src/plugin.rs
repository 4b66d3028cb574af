//! Verification plugins as a trait: nothing is ever executed.

use std::{collections::BTreeMap, fmt::Debug};

use semver::Version;

use crate::{Label, envelope::SignerInfo, trust_policy::TrustedIdentities};

/// What a plugin can take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// `SIGNATURE_VERIFIER.TRUSTED_IDENTITY`: whether the signer is the right one. The chain must still end in a trust store.
    TrustedIdentity,
    /// `SIGNATURE_VERIFIER.REVOCATION_CHECK`: whether a certificate was revoked.
    RevocationCheck,
}

impl Capability {
    /// The name in the plugin specification.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TrustedIdentity => "SIGNATURE_VERIFIER.TRUSTED_IDENTITY",
            Self::RevocationCheck => "SIGNATURE_VERIFIER.REVOCATION_CHECK",
        }
    }
}

/// What a plugin is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PluginRequest<'a> {
    /// The signature; its integrity is proven.
    pub signer: &'a SignerInfo,
    /// The identities of the statement.
    pub trusted_identities: &'a TrustedIdentities,
    /// What is to be judged.
    pub capabilities: &'a [Capability],
}

/// What a plugin answers.
#[derive(Clone, Debug, Default)]
pub struct PluginResponse {
    /// For each capability that was asked for: well, or why not. One that is missing failed.
    pub results: BTreeMap<Capability, Result<(), String>>,
    /// The critical attributes that the plugin understood. All must be among them.
    pub processed_attributes: Vec<Label>,
}

/// The logic of a verification plugin, known to the program that embeds this crate (plugin specification,
/// "Verification extensibility").
pub trait VerificationPlugin: Debug + Send + Sync {
    /// The name that signatures call it by.
    fn name(&self) -> &str;

    /// Its version.
    fn version(&self) -> &Version;

    /// What it takes over; at least one.
    fn capabilities(&self) -> &[Capability];

    /// Judges a signature.
    ///
    /// # Errors
    /// A sentence, if the plugin cannot answer.
    fn verify(&self, request: &PluginRequest<'_>) -> Result<PluginResponse, String>;
}
