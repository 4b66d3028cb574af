//! How this scheme's refusals become codes.

use verimage_core::{Code, Digest, Failure, Limits};

/// A signature, manifest or payload that is not well formed.
pub(crate) fn malformed(detail: impl Into<String>) -> Failure {
    Failure::new(Code::PayloadMalformed, detail)
}

/// More layers than are looked at.
pub(crate) fn too_many_layers(found: usize, limits: &Limits) -> Failure {
    Failure::new(
        Code::LimitExceeded,
        format!("the signature manifest has {found} layers; of all stores together {} are tried", limits.signatures),
    )
}

/// A payload that says it is larger than is read.
pub(crate) fn payload_too_large(size: u64, limits: &Limits) -> Failure {
    Failure::new(Code::LimitExceeded, format!("the payload claims {size} bytes, at most {} are read", limits.payload_bytes))
}

/// Nothing proves an entry in the log.
pub(crate) fn log_missing() -> Failure {
    Failure::new(Code::LogMissing, "the signature is sound, but no transparency log entry proves it")
}

/// A layer that is something else than a signature.
pub(crate) fn foreign_layer(media_type: &str) -> Failure {
    Failure::new(Code::SignatureNotFound, format!("the layer is a `{}`, not a cosign payload", media_type.escape_debug()))
}

/// A digest whose signature tag would be longer than tags are.
pub(crate) fn no_tag(digest: &Digest, prefix: &str) -> Failure {
    let detail = format!("cosign's tag `{prefix}{}-….sig` would be longer than a tag may be", digest.algorithm().name());
    Failure::new(Code::SignatureNotFound, detail)
}

/// A bundle that says it is larger than is read.
pub(crate) fn envelope_too_large(size: u64, limits: &Limits) -> Failure {
    Failure::new(Code::LimitExceeded, format!("the bundle claims {size} bytes, at most {} are read", limits.envelope_bytes))
}

/// More referrers than are looked at.
pub(crate) fn too_many_referrers(limits: &Limits) -> Failure {
    Failure::new(
        Code::LimitExceeded,
        format!("the image has more referrers that may be signatures than the {} that are looked at", limits.referrers),
    )
}
