//! The family of crates around `sigstore-verify`.

use std::fs;

use sigstore_trust_root::TrustedRoot;
use sigstore_types::{Bundle, Sha256Hash};
use sigstore_verify::{VerificationPolicy, Verifier};

use crate::{Failure, Verification};

/// Checked: the certificate's chain at the verified time, up to any certificate of the trusted root, its embedded SCT, its name and
/// issuer, the log entry's inclusion proof, checkpoint and promise, or the timestamp, the entry's body, the signature of the envelope,
/// and that the statement names the digest.
pub fn bundle(root: &str, bundle: &str, subject: &str, issuer: &str) -> Result<Verification, Failure> {
    let verifier = Verifier::new(&TrustedRoot::from_json(&fs::read_to_string(root)?)?)?;
    let policy = VerificationPolicy::new(subject, issuer);
    let text = fs::read_to_string(bundle)?;
    Ok(Box::new(move |digest| {
        let digest = Sha256Hash::from_hex(digest.trim_start_matches("sha256:"))?;
        verifier.verify(digest, &Bundle::from_json(&text)?, &policy)?;
        Ok(())
    }))
}
