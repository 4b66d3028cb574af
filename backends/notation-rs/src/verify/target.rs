//! What the signature is about, and the metadata in it.

use std::collections::BTreeMap;

use verimage_crypto::HashAlgorithm;

use super::CheckError;
use crate::{TargetArtifact, envelope::VerifiedEnvelope, value::brief};

/// What a signature must be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected<'a> {
    /// An artifact of a registry: all three must be exactly what was signed.
    Artifact {
        /// The media type.
        media_type: &'a str,
        /// The digest, with its algorithm in front.
        digest: &'a str,
        /// The size in bytes.
        size: u64,
    },
    /// A file. Its digest is made with the hash of the algorithm that the envelope names.
    Blob {
        /// The digest, with its algorithm in front.
        digest: &'a str,
        /// The size in bytes.
        size: u64,
        /// The media type, if it matters.
        media_type: Option<&'a str>,
    },
}

/// Signature specification, "Payload"; for blobs also that the digest is of the hash that the key stands for.
pub(super) fn check(verified: &VerifiedEnvelope, expected: Expected<'_>) -> Result<(), CheckError> {
    let target = verified.target();
    let (digest, size, media_type) = match expected {
        Expected::Artifact { media_type, digest, size } => (digest, size, Some(media_type)),
        Expected::Blob { digest, size, media_type } => {
            let wanted = prefix(verified.signer_info().algorithm.hash());
            if !target.digest.starts_with(wanted) {
                return Err(mismatch("digest", &target.digest, wanted));
            }
            (digest, size, media_type)
        }
    };
    if target.digest != digest {
        return Err(mismatch("digest", &target.digest, digest));
    }
    if target.size != size {
        return Err(mismatch("size", &target.size.to_string(), &size.to_string()));
    }
    match media_type {
        Some(media_type) if target.media_type != media_type => Err(mismatch("mediaType", &target.media_type, media_type)),
        _ => Ok(()),
    }
}

pub(super) fn check_metadata(target: &TargetArtifact, wanted: &BTreeMap<String, String>) -> Result<(), CheckError> {
    match wanted.iter().find(|(key, value)| target.annotations.get(*key) != Some(value)) {
        Some((key, _)) => Err(CheckError::MetadataMissing { key: key.clone() }),
        None => Ok(()),
    }
}

fn mismatch(member: &'static str, found: &str, expected: &str) -> CheckError {
    CheckError::TargetMismatch { member, found: brief(found), expected: expected.to_owned() }
}

fn prefix(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha384 => "sha384:",
        HashAlgorithm::Sha512 => "sha512:",
        _ => "sha256:",
    }
}
