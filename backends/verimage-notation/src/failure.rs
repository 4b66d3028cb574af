//! How refusals of `notation-rs` become codes.

use notation_rs::TimestampError;
use notation_rs::envelope::{EnvelopeError, IntegrityError};
use notation_rs::verify::CheckError;
use verimage_core::{Code, Failure, Limits};

/// A manifest that is not well formed.
pub(crate) fn malformed(detail: impl Into<String>) -> Failure {
    Failure::new(Code::PayloadMalformed, detail)
}

/// More signatures than are looked at.
pub(crate) fn too_many(limits: &Limits) -> Failure {
    let detail = format!("the image has more referrers that may be signatures than the {} that are looked at", limits.referrers);
    Failure::new(Code::LimitExceeded, detail)
}

/// An envelope that says it is larger than is read.
pub(crate) fn too_large(size: u64, limits: &Limits) -> Failure {
    Failure::new(Code::LimitExceeded, format!("the envelope claims {size} bytes, at most {} are read", limits.envelope_bytes))
}

/// A failed check. `unreachable` says that somebody who was asked about revocation did not answer.
pub(crate) fn of_check(error: &CheckError, unreachable: bool) -> Failure {
    let failure = Failure::new(code(error), error.to_string());
    if unreachable && matches!(error, CheckError::RevocationUnknown { .. }) { failure.because_unreachable() } else { failure }
}

fn code(error: &CheckError) -> Code {
    match error {
        CheckError::Integrity(error) => integrity(error),
        CheckError::TargetMismatch { .. } => Code::SubjectMismatch,
        CheckError::MetadataMissing { .. } => Code::AnnotationMismatch,
        CheckError::PluginRequired { .. }
        | CheckError::PluginTooOld { .. }
        | CheckError::PluginWithoutCapability { .. }
        | CheckError::PluginFailed { .. }
        | CheckError::AttributeNotProcessed { .. }
        | CheckError::RefusedByPlugin { .. } => Code::PluginRequired,
        CheckError::IdentityMismatch { .. } | CheckError::NoX509Identities { .. } => Code::IdentityMismatch,
        CheckError::Expired { .. } => Code::SignatureExpired,
        CheckError::NotValidNow(_) | CheckError::NotValidWhenSigned { .. } => Code::CertificateExpired,
        CheckError::Timestamp(TimestampError::Missing) => Code::TimestampMissing,
        CheckError::FromTheFuture { .. } | CheckError::Timestamp(_) => Code::TimestampInvalid,
        CheckError::Revoked { .. } => Code::CertificateRevoked,
        CheckError::RevocationUnknown { .. } | CheckError::RevocationNotAsked => Code::RevocationUnknown,
        CheckError::TrustStore(_) | CheckError::NoTrustedCertificates | CheckError::Untrusted => Code::CertificateUntrusted,
    }
}

fn integrity(error: &IntegrityError) -> Code {
    match error {
        IntegrityError::Chain(_) => Code::CertificateUntrusted,
        IntegrityError::Envelope(EnvelopeError::UnknownCritical { .. }) => Code::PluginRequired,
        IntegrityError::Envelope(_) | IntegrityError::Payload(_) => Code::PayloadMalformed,
        IntegrityError::Key(_) | IntegrityError::SignatureKey(_) => Code::KeyUnsupported,
        IntegrityError::AlgorithmMismatch { .. } | IntegrityError::SaltLength { .. } | IntegrityError::Signature(_) => {
            Code::SignatureInvalid
        }
    }
}

#[cfg(test)]
mod tests;
