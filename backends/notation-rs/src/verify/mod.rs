//! The whole verification of one signature (trust store and trust policy specification, "Signature Evaluation").

mod authenticity;
mod error;
mod outcome;
mod plugins;
mod target;
mod time;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use verimage_crypto::CryptoSet;

use crate::{
    TrustStores,
    envelope::{Envelope, Format, PssSalt, VerifiedEnvelope},
    plugin::{Capability, VerificationPlugin},
    revocation::{self, Material, Status},
    trust_policy::{Action, Statement, VerificationType},
};

pub use error::CheckError;
pub use outcome::{Check, CheckKind, CheckResult, Outcome};
pub use target::Expected;

/// How signatures are verified: a statement, trust stores, and a crypto set.
///
/// ```
/// # use notation_rs::{Timestamp, TrustStores, envelope::Format, revocation::{Answer, Material, Request}, trust_policy::Statement};
/// # use notation_rs::verify::{Expected, Outcome, Verification};
/// # use verimage_crypto::CryptoSet;
/// # fn fetch(_: &Request) -> Answer { unimplemented!() }
/// # fn verify(statement: &Statement, stores: &TrustStores, envelope: &[u8], digest: &str, now: Timestamp) -> Outcome {
/// let verification = Verification::new(statement, stores, CryptoSet::rustcrypto());
/// let expected = Expected::Artifact { media_type: "application/vnd.oci.image.manifest.v1+json", digest, size: 1024 };
/// let mut material = Material::new();
/// loop {
///     let outcome = verification.verify(Format::Jws, envelope, expected, now, &material);
///     if outcome.is_final() {
///         return outcome;
///     }
///     for request in outcome.needed {
///         let answer = fetch(&request);
///         material.insert(request, answer);
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Verification<'a> {
    statement: &'a Statement,
    stores: &'a TrustStores,
    set: CryptoSet,
    salt: PssSalt,
    user_metadata: BTreeMap<String, String>,
    plugins: &'a [Arc<dyn VerificationPlugin>],
}

/// What is known of one signature while it is verified.
struct Progress<'v> {
    verified: &'v VerifiedEnvelope,
    now: Timestamp,
    material: &'v Material,
    outcome: Outcome,
}

impl Progress<'_> {
    /// Whether something that is enforced has failed, and nothing that could still be learnt would help.
    fn is_lost(&self) -> bool {
        let may_help = |error: &CheckError| matches!(error, CheckError::RevocationUnknown { .. }) && !self.outcome.is_final();
        self.outcome.failures().any(|(check, error)| check.action == Action::Enforce && !may_help(error))
    }
}

impl<'a> Verification<'a> {
    /// Verification by one statement.
    #[must_use]
    pub fn new(statement: &'a Statement, stores: &'a TrustStores, set: CryptoSet) -> Self {
        Self { statement, stores, set, salt: PssSalt::default(), user_metadata: BTreeMap::new(), plugins: &[] }
    }

    /// Which salts of RSASSA-PSS are accepted.
    #[must_use]
    pub fn pss_salt(self, salt: PssSalt) -> Self {
        Self { salt, ..self }
    }

    /// Metadata that must have been signed.
    #[must_use]
    pub fn user_metadata(self, user_metadata: BTreeMap<String, String>) -> Self {
        Self { user_metadata, ..self }
    }

    /// The plugins at hand.
    #[must_use]
    pub fn plugins(self, plugins: &'a [Arc<dyn VerificationPlugin>]) -> Self {
        Self { plugins, ..self }
    }

    /// Verifies one signature. The same arguments always give the same outcome.
    ///
    /// If the outcome is not final, answers to what it needs go into the material, and it is verified again.
    #[must_use]
    pub fn verify(&self, format: Format, envelope: &[u8], expected: Expected<'_>, now: Timestamp, material: &Material) -> Outcome {
        let mut outcome = self.untouched();
        if self.statement.level.is_skip() {
            return outcome;
        }
        let envelope = Envelope::parse(format, envelope).map_err(Into::into);
        let verified = match envelope.and_then(|envelope| envelope.verify_integrity(&self.set, self.salt)) {
            Ok(verified) => verified,
            Err(error) => {
                outcome.record(CheckKind::Type(VerificationType::Integrity), Err(error.into()));
                return outcome;
            }
        };
        outcome.record(CheckKind::Type(VerificationType::Integrity), Ok(()));
        outcome.signer = Some(verified.shared_info());
        outcome.target = Some(verified.target().clone());
        outcome.warnings = verified.warnings().to_vec();
        let mut progress = Progress { verified: &verified, now, material, outcome };
        self.run(&mut progress, expected);
        progress.outcome
    }

    /// Every check in its order. Those that cost nothing are all made, so that their reasons are told together; a signature that
    /// fails one of them is not worth a timestamp's verification, and one that fails up to there no question about revocation.
    fn run(&self, progress: &mut Progress<'_>, expected: Expected<'_>) {
        let verified = progress.verified;
        progress.outcome.record(CheckKind::TargetArtifact, target::check(verified, expected));
        if !self.user_metadata.is_empty() {
            progress.outcome.record(CheckKind::UserMetadata, target::check_metadata(verified.target(), &self.user_metadata));
        }
        let plugin = match self.plugin(verified.signer_info()) {
            Ok(plugin) => plugin,
            Err(error) => return progress.outcome.record(CheckKind::Plugin, Err(error)),
        };
        let takes = |capability| plugin.is_some_and(|plugin| plugin.capabilities().contains(&capability));
        let authenticity = self.authenticity(verified.signer_info(), takes(Capability::TrustedIdentity));
        progress.outcome.record_type(VerificationType::Authenticity, authenticity);
        progress.outcome.record_type(VerificationType::Expiry, time::check_expiry(verified.signer_info(), progress.now));
        if progress.is_lost() {
            return;
        }
        self.check_time(progress);
        if progress.is_lost() {
            return progress.outcome.needed.clear();
        }
        let asked = self.statement.level.action(VerificationType::Revocation) != Action::Skip;
        if asked && !takes(Capability::RevocationCheck) {
            self.check_revocation(progress);
        }
        if let Some(plugin) = plugin {
            self.ask_plugin(plugin, progress, asked);
        }
        if progress.is_lost() {
            progress.outcome.needed.clear();
        }
    }

    /// URLs of a signer that nobody trusts are not followed.
    fn check_revocation(&self, progress: &mut Progress<'_>) {
        let authentic = progress.outcome.result(CheckKind::Type(VerificationType::Authenticity)) == Some(&CheckResult::Passed);
        let info = progress.verified.signer_info();
        let found = revocation::check(&info.certificate_chain, progress.material, progress.now, info.authentic_signing_time, &self.set);
        if !authentic && !found.needed.is_empty() {
            return progress.outcome.record_type(VerificationType::Revocation, Err(CheckError::RevocationNotAsked));
        }
        progress.outcome.record_type(VerificationType::Revocation, judge_revocation("signing", &found));
        progress.outcome.revocation = found.certificates;
        progress.outcome.needed.extend(found.needed);
        progress.outcome.warnings.extend(found.warnings);
    }

    /// Nothing looked at yet.
    fn untouched(&self) -> Outcome {
        let level = &self.statement.level;
        let always = if level.is_skip() { Action::Skip } else { Action::Enforce };
        let own = [CheckKind::TargetArtifact, CheckKind::UserMetadata, CheckKind::Plugin].map(|kind| (kind, always));
        let types = VerificationType::ALL.map(|check| (CheckKind::Type(check), level.action(check)));
        let checks = types.into_iter().chain(own).map(|(kind, action)| Check { kind, action, result: CheckResult::NotPerformed });
        Outcome {
            statement: self.statement.name.clone(),
            level: level.name(),
            checks: checks.collect(),
            signer: None,
            target: None,
            timestamp: None,
            revocation: Vec::new(),
            warnings: Vec::new(),
            needed: Vec::new(),
        }
    }
}

impl Outcome {
    fn record(&mut self, kind: CheckKind, result: Result<(), CheckError>) {
        if let Some(check) = self.checks.iter_mut().find(|check| check.kind == kind) {
            check.result = result.map_or_else(CheckResult::Failed, |()| CheckResult::Passed);
        }
    }

    fn record_type(&mut self, check: VerificationType, result: Result<(), CheckError>) {
        self.record(CheckKind::Type(check), result);
    }
}

fn judge_revocation(role: &'static str, found: &revocation::Revocation) -> Result<(), CheckError> {
    let Some(worst) = found.worst() else { return Ok(()) };
    let subject = worst.subject.clone();
    match &worst.status {
        Status::Unknown { reasons } => Err(CheckError::RevocationUnknown { role, subject, reasons: reasons.clone() }),
        _ => Err(CheckError::Revoked { role, subject }),
    }
}
