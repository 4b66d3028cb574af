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

/// A payload, envelope or bundle that says it is larger than is read.
pub(crate) fn blob_too_large(size: u64, most: u64) -> Failure {
    Failure::new(Code::LimitExceeded, format!("the signature claims {size} bytes, at most {most} are read"))
}

/// Fewer logs than demanded.
pub(crate) fn too_few_logs(found: usize, least: usize) -> Failure {
    Failure::new(Code::LogMissing, format!("{least} different logs must have the signature, {found} do"))
}

/// A layer that is something else than a signature.
pub(crate) fn foreign_layer(media_type: &str) -> Failure {
    Failure::new(Code::SignatureNotFound, format!("the layer is a `{}`, not what cosign puts here", media_type.escape_debug()))
}

/// A digest whose signature tag would be longer than tags are.
pub(crate) fn no_tag(digest: &Digest, prefix: &str) -> Failure {
    let detail = format!("cosign's tag `{prefix}{}-….sig` would be longer than a tag may be", digest.algorithm().name());
    Failure::new(Code::SignatureNotFound, detail)
}

/// More referrers than are looked at.
pub(crate) fn too_many_referrers(limits: &Limits) -> Failure {
    Failure::new(
        Code::LimitExceeded,
        format!("the image has more referrers that may be signatures than the {} that are looked at", limits.referrers),
    )
}
