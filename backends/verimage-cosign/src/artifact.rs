//! Sigstore bundles over artifacts that are no images: files and their digests.
//!
//! The same checks as for images, with the leaf `cosign` of a policy as the demand. A bundle over an artifact is a message
//! signature, or a statement of any type that names the artifact's digest.

use std::collections::BTreeMap;

use verimage_core::policy::{Anchor, Definitions, LeafContext, PolicyError};
use verimage_core::{Code, Digest, DigestAlgorithm, Evidence, Failure, Timestamp};
use verimage_crypto::{CryptoSet, HashAlgorithm, MessageDigest};

use crate::bundle::{Bundle, Content};
use crate::compile::Leaf;
use crate::config::CosignConfig;
use crate::expectation::{Expectation, Message, Signed};
use crate::failure::malformed;

/// An artifact: all of it, or its digest alone.
#[derive(Clone, Copy, Debug)]
pub enum Artifact<'a> {
    /// The bytes.
    Bytes(&'a [u8]),
    /// The digest. Signatures by Ed25519 keys need the bytes.
    Digest(&'a Digest),
}

/// Judges bundles over artifacts.
#[derive(Debug)]
pub struct ArtifactVerifier(Expectation);

impl ArtifactVerifier {
    /// A verifier with the demands of a leaf, whose names are those of `anchors`.
    ///
    /// # Errors
    /// As for the leaf of a policy, with pointers below the leaf.
    pub fn new(config: &CosignConfig, anchors: BTreeMap<String, Anchor>, crypto: CryptoSet) -> Result<Self, PolicyError> {
        let definitions = Definitions::of_anchors(anchors);
        let context = LeafContext::outside(&definitions);
        let leaf = Leaf { config, context: &context, crypto: &crypto };
        leaf.refuse_claims_of_payloads("an artifact")?;
        leaf.expectation().map(Self)
    }

    /// Judges one bundle, as of `now`.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn verify(&self, bundle: &[u8], artifact: Artifact<'_>, now: Timestamp) -> Result<Evidence, Failure> {
        let Bundle { content, material } = Bundle::parse(bundle).map_err(|reason| malformed(format!("the bundle: {reason}")))?;
        let subject = match artifact {
            Artifact::Bytes(bytes) => Digest::sha256(bytes),
            Artifact::Digest(digest) => digest.clone(),
        };
        match content {
            Content::Envelope(envelope) => {
                self.0.judge_statement(&envelope, None, &envelope.signature, &material, &subject, now).map(|attested| attested.evidence)
            }
            Content::Message { algorithm, digest, signature } => {
                let computed = hash_of(artifact, algorithm)?;
                if computed.as_bytes() != digest {
                    return Err(Failure::new(Code::SubjectMismatch, "the bundle is for another artifact"));
                }
                let message = match artifact {
                    Artifact::Bytes(bytes) => Message::Bytes(bytes),
                    Artifact::Digest(_) => Message::Digest(&computed),
                };
                let signed = Signed { message, signature: &signature, envelope: None, stamped: &signature, material: &material };
                Ok(self.0.authenticate(&signed, now)?.evidence(subject))
            }
        }
    }
}

/// The artifact's hash under the algorithm that the bundle names.
fn hash_of(artifact: Artifact<'_>, algorithm: HashAlgorithm) -> Result<MessageDigest, Failure> {
    match artifact {
        Artifact::Bytes(bytes) => Ok(algorithm.digest(bytes)),
        Artifact::Digest(digest) => {
            let same = match (digest.algorithm(), algorithm) {
                (DigestAlgorithm::Sha256, HashAlgorithm::Sha256)
                | (DigestAlgorithm::Sha384, HashAlgorithm::Sha384)
                | (DigestAlgorithm::Sha512, HashAlgorithm::Sha512) => {
                    hex::decode(digest.hex()).ok().and_then(|bytes| MessageDigest::from_bytes(algorithm, &bytes))
                }
                _ => None,
            };
            same.ok_or_else(|| {
                Failure::new(Code::SubjectMismatch, format!("the bundle names a {algorithm} hash, the artifact's digest is {digest}"))
            })
        }
    }
}
