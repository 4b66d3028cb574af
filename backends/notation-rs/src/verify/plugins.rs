//! What a plugin has to say (plugin specification, "Verification extensibility").

use super::{CheckError, CheckKind, CheckResult, Progress, Verification};
use crate::{
    envelope::SignerInfo,
    plugin::{Capability, PluginRequest, PluginResponse, VerificationPlugin},
    trust_policy::VerificationType,
    value::brief,
};

impl Verification<'_> {
    /// The plugin that the signature names. Nothing else may stand in for it.
    pub(super) fn plugin(&self, info: &SignerInfo) -> Result<Option<&dyn VerificationPlugin>, CheckError> {
        let Some(wanted) = &info.plugin else { return Ok(None) };
        let name = || brief(&wanted.name);
        let plugin = self.plugins.iter().find(|plugin| plugin.name() == wanted.name);
        let plugin = plugin.ok_or_else(|| CheckError::PluginRequired { name: name(), min_version: wanted.min_version.clone() })?;
        if plugin.capabilities().is_empty() {
            return Err(CheckError::PluginWithoutCapability { name: name() });
        }
        let version = plugin.version();
        // Semantic Versioning, section 11: build metadata has no say.
        match wanted.min_version.as_ref().filter(|least| version.cmp_precedence(least).is_lt()) {
            Some(least) => Err(CheckError::PluginTooOld { name: name(), version: version.clone(), least: least.clone() }),
            None => Ok(Some(plugin.as_ref())),
        }
    }

    /// Asked last, and only about signatures that nothing enforced has failed.
    pub(super) fn ask_plugin(&self, plugin: &dyn VerificationPlugin, progress: &mut Progress<'_>, revocation: bool) {
        if progress.outcome.failure().is_some() {
            return;
        }
        let of_plugin = plugin.capabilities().contains(&Capability::RevocationCheck) && revocation;
        let identity = plugin.capabilities().contains(&Capability::TrustedIdentity).then_some(Capability::TrustedIdentity);
        let capabilities: Vec<_> = identity.into_iter().chain(of_plugin.then_some(Capability::RevocationCheck)).collect();
        let signer = progress.verified.signer_info();
        let request = PluginRequest { signer, trusted_identities: &self.statement.trusted_identities, capabilities: &capabilities };
        let failed = |reason| CheckError::PluginFailed { name: plugin.name().to_owned(), reason };
        let response = match plugin.verify(&request) {
            Ok(response) => response,
            Err(reason) => return progress.outcome.record(CheckKind::Plugin, Err(failed(reason))),
        };
        for capability in capabilities {
            let check = match capability {
                Capability::TrustedIdentity => VerificationType::Authenticity,
                Capability::RevocationCheck => VerificationType::Revocation,
            };
            let is_failed = matches!(progress.outcome.result(CheckKind::Type(check)), Some(CheckResult::Failed(_)));
            if !is_failed {
                progress.outcome.record_type(check, verdict(plugin, &response, capability));
            }
        }
        progress.outcome.record(CheckKind::Plugin, check_processed(plugin, &response, signer));
    }
}

fn verdict(plugin: &dyn VerificationPlugin, response: &PluginResponse, capability: Capability) -> Result<(), CheckError> {
    let missing = || Err("no verdict".to_owned());
    let verdict = response.results.get(&capability).cloned().unwrap_or_else(missing);
    verdict.map_err(|reason| CheckError::RefusedByPlugin { name: plugin.name().to_owned(), capability, reason })
}

fn check_processed(plugin: &dyn VerificationPlugin, response: &PluginResponse, signer: &SignerInfo) -> Result<(), CheckError> {
    let mut unknown = signer.unknown_critical_attributes();
    match unknown.find(|attribute| !response.processed_attributes.contains(&attribute.label)) {
        Some(attribute) => Err(CheckError::AttributeNotProcessed { label: attribute.label.clone(), name: plugin.name().to_owned() }),
        None => Ok(()),
    }
}
