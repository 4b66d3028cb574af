//! From what was found in the metadata to evidence.

use verimage_core::{Code, Digest, Evidence, Failure, Signer};
use verimage_tuf::{Evidence as Found, Outcome, RoleName, Warning};

/// Evidence that the tag has this digest. The signer is the key that trust begins with, which signed the root: whatever roles
/// are below it, it chose them.
pub(crate) fn evidence(found: &Found, outcome: &Outcome) -> Result<Evidence, Failure> {
    let root = found.root_keys.first().ok_or_else(|| Failure::new(Code::MetadataInvalid, "no root key is named"))?;
    let names: Vec<String> = found.signed_in.iter().map(RoleName::to_string).collect();
    let mut evidence = Evidence::new(found.digest.clone(), Signer::key(Digest::of_sha256(*root.fingerprint().as_bytes())))
        .with_size(found.length)
        .with_fact("tag", found.target.clone())
        .with_fact("roles", names.join(", "));
    if let Some(expires) = found.roles.iter().map(|role| role.expires).min() {
        evidence = evidence.with_fact("expires", expires.to_string());
    }
    evidence.warnings.extend(outcome.warnings.iter().map(|warning| word(warning).to_owned()));
    Ok(evidence)
}

/// Warnings as stable words.
fn word(warning: &Warning) -> &'static str {
    match warning {
        Warning::PinOutdated { .. } => "notary-root-pin-outdated",
        Warning::TrustedOnFirstUse => "notary-trusted-on-first-use",
        Warning::NotBoundToCollection => "notary-root-not-bound-to-collection",
        _ => "notary-delegation-ignored",
    }
}
