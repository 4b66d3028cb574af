//! Failures in the words of `verimage`.

use verimage_core::{Code, Failure};
use verimage_tuf::{Failure as Refusal, FailureKind};

/// Why a tag is not trusted; nothing if only the store knows, which has said so.
pub(crate) fn failure(refusal: &Refusal) -> Option<Failure> {
    let code = match refusal.kind() {
        FailureKind::SignatureNotFound => Code::SignatureNotFound,
        FailureKind::SignatureInvalid => Code::SignatureInvalid,
        FailureKind::ThresholdNotMet => Code::ThresholdNotMet,
        FailureKind::MetadataExpired => Code::MetadataExpired,
        FailureKind::RollbackDetected => Code::RollbackDetected,
        FailureKind::CertificateUntrusted => Code::CertificateUntrusted,
        FailureKind::CertificateExpired => Code::CertificateExpired,
        FailureKind::ReferenceMismatch => Code::ReferenceMismatch,
        FailureKind::DelegationMissing => Code::DelegationMissing,
        FailureKind::TagDigestMismatch => Code::TagDigestMismatch,
        FailureKind::LimitExceeded => Code::LimitExceeded,
        FailureKind::StoreUnavailable => return None,
        _ => Code::MetadataInvalid,
    };
    Some(Failure::new(code, format!("{refusal}. {}", refusal.hint())))
}

/// What was kept cannot be used, and must not be taken for a first contact.
pub(crate) fn unreadable(why: impl std::fmt::Display) -> Failure {
    Failure::new(Code::TrustStateUnreadable, why.to_string())
}
