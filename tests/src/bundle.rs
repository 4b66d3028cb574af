//! `sigstore-bundle`: a bundle over an artifact, by a key or an identity.

use std::collections::BTreeMap;

use serde_json::json;
use verimage_core::policy::{Anchor, AnchorKey, AnchorRoot};
use verimage_core::{Digest, Timestamp};
use verimage_cosign::artifact::{Artifact, ArtifactVerifier};
use verimage_crypto::CryptoSet;

use crate::{Answer, Case, path, paths, read, text};

/// Who must have signed a bundle.
pub enum Signer {
    /// The holder of this key, in PEM.
    Key(Vec<u8>),
    /// Whoever this issuer called so.
    Identity {
        /// The name in the certificate.
        subject: String,
        /// Who vouched for it.
        issuer: String,
    },
}

/// Judges a bundle over an artifact, with every check that cosign knows.
///
/// # Errors
/// The code and the reason of the refusal.
pub fn verify_bundle(
    bundle: &[u8],
    artifact: Artifact<'_>,
    signer: Signer,
    trusted_root: Vec<u8>,
    now: Timestamp,
) -> Result<(), (String, String)> {
    let mut anchors = BTreeMap::from([("root".to_owned(), Anchor::TrustedRoot(AnchorRoot { json: trusted_root, dated: None }))]);
    let leaf = match signer {
        Signer::Key(pem) => {
            anchors.insert("key".to_owned(), Anchor::PublicKey(AnchorKey { pem, hash: None, unpinned: false }));
            json!({"key": "key", "transparency": {"root": "root"}})
        }
        Signer::Identity { subject, issuer } => {
            json!({"keyless": {"root": "root", "identities": [{"subject": subject, "issuer": issuer}]}})
        }
    };
    let config = serde_json::from_value(leaf).map_err(|error| ("policy-invalid".to_owned(), error.to_string()))?;
    let verifier =
        ArtifactVerifier::new(&config, anchors, CryptoSet::aws_lc()).map_err(|error| (error.code.to_string(), error.to_string()))?;
    verifier.verify(bundle, artifact, now).map(drop).map_err(|failure| (failure.code.to_string(), failure.detail))
}

pub(crate) fn bundle(case: &Case) -> Result<Answer, String> {
    let key = paths(case, "key").into_iter().next();
    let signer = match key {
        Some(path) => Signer::Key(read(&path)?),
        None => Signer::Identity { subject: text(&case.params, "identity")?.to_owned(), issuer: text(&case.params, "issuer")?.to_owned() },
    };
    let digest = case.params.get("digest").and_then(serde_json::Value::as_str).map(Digest::parse).transpose();
    let digest = digest.map_err(|error| error.to_string())?;
    let bytes = if digest.is_none() { read(&path(case, "artifact")?)? } else { Vec::new() };
    let artifact = digest.as_ref().map_or(Artifact::Bytes(&bytes), Artifact::Digest);
    let now = match text(&case.params, "time") {
        Ok(time) => time.parse().map_err(|error| format!("`time`: {error}"))?,
        Err(_) => Timestamp::now(),
    };
    let verdict = verify_bundle(&read(&path(case, "bundle")?)?, artifact, signer, read(&path(case, "trusted_root")?)?, now);
    Ok(verdict.map_or_else(|(code, detail)| Answer::reject(&code, detail), |()| Answer::accept()))
}
