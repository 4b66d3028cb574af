//! Expiry, and that the chain was valid when the signature was made.

use jiff::{SignedDuration, Timestamp};

use super::{CheckError, Progress, Verification, judge_revocation};
use crate::{
    StoreType,
    chain::{self, check_validity},
    envelope::{SignerInfo, SigningScheme},
    revocation, timestamp,
    trust_policy::{VerificationType, VerifyTimestamp},
};

/// How far clocks may differ before a time in the future is a lie.
const MOST_SKEW: SignedDuration = SignedDuration::from_hours(24);

/// Expired at the very moment, as the reference has it.
pub(super) fn check_expiry(info: &SignerInfo, now: Timestamp) -> Result<(), CheckError> {
    match info.expiry {
        Some(expiry) if now >= expiry => Err(CheckError::Expired { expiry }),
        _ => Ok(()),
    }
}

impl Verification<'_> {
    pub(super) fn check_time(&self, progress: &mut Progress<'_>) {
        let result = self.authentic_time(progress);
        progress.outcome.record_type(VerificationType::AuthenticTimestamp, result);
    }

    fn authentic_time(&self, progress: &mut Progress<'_>) -> Result<(), CheckError> {
        let (info, now) = (progress.verified.signer_info(), progress.now);
        let latest = now.checked_add(MOST_SKEW).unwrap_or(Timestamp::MAX);
        if let Some(time) = info.claimed_time().filter(|time| *time > latest) {
            return Err(CheckError::FromTheFuture { time });
        }
        match (info.signing_scheme, info.authentic_signing_time) {
            (SigningScheme::X509SigningAuthority, Some(time)) => {
                check_validity(&info.certificate_chain, time, time).map_err(|error| CheckError::NotValidWhenSigned { time, error })
            }
            _ if self.needs_timestamp(info, now) => self.timestamp(progress, latest),
            _ => check_validity(&info.certificate_chain, now, now).map_err(CheckError::NotValidNow),
        }
    }

    fn needs_timestamp(&self, info: &SignerInfo, now: Timestamp) -> bool {
        let has_store = self.statement.trust_stores.iter().any(|store| store.store_type == StoreType::Tsa);
        let has_expired = info.certificate_chain.iter().any(|certificate| chain::valid_until(certificate) < now);
        has_store && (self.statement.verify_timestamp == VerifyTimestamp::Always || has_expired)
    }

    /// The authority must not have been revoked, whatever the statement says about revocation; until that is known there is no
    /// timestamp.
    fn timestamp(&self, progress: &mut Progress<'_>, latest: Timestamp) -> Result<(), CheckError> {
        let info = progress.verified.signer_info();
        let roots = self.stores.certificates(&self.statement.trust_stores, StoreType::Tsa)?;
        let (timestamp, warning) = timestamp::verify(info, &roots, latest, &self.set)?;
        let found = revocation::check(&timestamp.certificate_chain, progress.material, progress.now, None, &self.set);
        let result = judge_revocation("timestamping", &found);
        let outcome = &mut progress.outcome;
        outcome.timestamp = result.is_ok().then_some(timestamp);
        outcome.needed.extend(found.needed);
        outcome.warnings.extend(warning.into_iter().chain(found.warnings));
        result
    }
}
