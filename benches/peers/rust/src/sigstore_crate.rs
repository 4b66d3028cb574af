//! The crate `sigstore`.

use std::collections::BTreeMap;
use std::fs;

use oci_client::manifest::OciImageManifest;
use sigstore::bundle::verify::blocking::Verifier;
use sigstore::bundle::verify::{ArtifactDigest, policy::Identity};
use sigstore::cosign::payload::simple_signing::SimpleSigning;
use sigstore::cosign::verification_constraint::{PublicKeyVerifier, VerificationConstraint};
use sigstore::cosign::{SignatureLayer, verify_constraints};
use sigstore::trust::ManualTrustRoot;

use crate::{Failure, Verification};

/// Checked: the certificate's chain up to any certificate of the trusted root, its embedded SCT, its name and issuer, the entry's body,
/// its time against the certificate, the signature of the envelope, and that the statement names the digest. Not checked: inclusion
/// proof, checkpoint and promise; the time of the entry is believed.
pub fn bundle(root: &str, bundle: &str, subject: &str, issuer: &str) -> Result<Verification, Failure> {
    let verifier = Verifier::new(Default::default(), trust(root)?)?;
    let policy = Identity::new(subject, issuer);
    let text = fs::read(bundle)?;
    Ok(Box::new(move |digest| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digest.trim_start_matches("sha256:"), &mut bytes)?;
        verifier.verify_digest_with(ArtifactDigest::Sha256(bytes), serde_json::from_slice(&text)?, &policy, true)?;
        Ok(())
    }))
}

/// The crate reads trusted roots only from a repository of its own.
fn trust(root: &str) -> Result<ManualTrustRoot<'static>, Failure> {
    use base64::Engine as _;
    let root: serde_json::Value = serde_json::from_slice(&fs::read(root)?)?;
    let bytes = |value: &serde_json::Value| -> Result<Vec<u8>, Failure> {
        Ok(base64::engine::general_purpose::STANDARD.decode(value["rawBytes"].as_str().ok_or("no bytes")?)?)
    };
    let mut fulcio_certs = Vec::new();
    for certificate in root["certificateAuthorities"][0]["certChain"]["certificates"].as_array().ok_or("no certificates")? {
        fulcio_certs.push(bytes(certificate)?.into());
    }
    let ctfe_keys = BTreeMap::from([(String::new(), bytes(&root["ctlogs"][0]["publicKey"])?)]);
    Ok(ManualTrustRoot { fulcio_certs, ctfe_keys, ..ManualTrustRoot::default() })
}

/// A payload signed by a key, the log ignored. Checked: the signature, and that the payload names the digest. The client of the crate
/// makes a layer of what it fetches, and only that; here it is made of what is in memory.
pub fn key(key: &str, manifest: &str, payload: &str) -> Result<Verification, Failure> {
    let verifier = PublicKeyVerifier::try_from(&fs::read(key)?)?;
    let constraints: [Box<dyn VerificationConstraint>; 1] = [Box::new(verifier)];
    let (manifest, payload) = (fs::read(manifest)?, fs::read(payload)?);
    Ok(Box::new(move |digest| {
        let parsed: OciImageManifest = serde_json::from_slice(&manifest)?;
        let descriptor = parsed.layers.first().ok_or("no layer")?;
        let signature = descriptor.annotations.as_ref().and_then(|found| found.get("dev.cosignproject.cosign/signature")).cloned();
        let simple_signing: SimpleSigning = serde_json::from_slice(&payload)?;
        if !simple_signing.satisfies_manifest_digest(digest) {
            return Err("the payload is about something else".into());
        }
        let layer = SignatureLayer {
            simple_signing,
            oci_digest: descriptor.digest.clone(),
            certificate_signature: None,
            bundle: None,
            signature,
            raw_data: payload.clone(),
        };
        verify_constraints(&[layer], constraints.iter()).map_err(|_| "the signature does not hold")?;
        Ok(())
    }))
}
