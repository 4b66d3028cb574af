//! Integrity: the signature, the chain of its key, and the payload.

use std::sync::Arc;

use verimage_crypto::{Algorithm, CryptoSet, SignatureError, VerifyingKey};

use super::{Envelope, Format, IntegrityError, SignerInfo};
use crate::{SignatureAlgorithm, TargetArtifact, Warning, chain};

/// Which salts of RSASSA-PSS are accepted in JWS envelopes. In COSE, only one as long as the hash is (RFC 8230).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PssSalt {
    /// Any length, as the reference does; another than that of the hash gives a warning.
    #[default]
    AnyInJws,
    /// As long as the hash (RFC 7518, section 3.5).
    Strict,
}

/// An envelope whose integrity is proven: its key signed these headers and this payload, and its chain is well formed.
///
/// That says nothing about trust: anyone can make a chain.
#[derive(Clone, Debug)]
pub struct VerifiedEnvelope {
    info: Arc<SignerInfo>,
    target: TargetArtifact,
    warnings: Vec<Warning>,
}

impl VerifiedEnvelope {
    /// What was signed, how and by whom.
    #[must_use]
    pub fn signer_info(&self) -> &SignerInfo {
        &self.info
    }

    /// The artifact that the signature is about.
    #[must_use]
    pub fn target(&self) -> &TargetArtifact {
        &self.target
    }

    /// What should be told.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    pub(crate) fn shared_info(&self) -> Arc<SignerInfo> {
        self.info.clone()
    }
}

impl Envelope {
    /// Verifies the signature over the original bytes, the rules for the chain but for time, and the payload.
    ///
    /// If the envelope names a plugin, unknown critical attributes are left to it.
    ///
    /// # Errors
    /// [`IntegrityError`] with the first check that failed.
    pub fn verify_integrity(&self, set: &CryptoSet, salt: PssSalt) -> Result<VerifiedEnvelope, IntegrityError> {
        let info = &self.info;
        let leaf = info.leaf().ok_or(super::EnvelopeError::CertificateChainMissing)?;
        let algorithm = SignatureAlgorithm::of_certificate(leaf)?;
        if algorithm != info.algorithm {
            return Err(IntegrityError::AlgorithmMismatch { key: algorithm, header: info.algorithm });
        }
        let key = leaf.public_key().map_err(Clone::clone).and_then(|key| set.load(key)).map_err(IntegrityError::SignatureKey)?;
        let mut warnings = Vec::from_iter(self.verify_signature(&key, algorithm, salt)?);
        warnings.extend(chain::check_code_signing(&info.certificate_chain, set)?);
        Ok(VerifiedEnvelope { info: info.clone(), target: TargetArtifact::parse(&info.payload)?, warnings })
    }

    /// Strict first, with the given set. Only if that fails, and only in JWS, the length of the salt is found once.
    fn verify_signature(
        &self,
        key: &VerifyingKey,
        algorithm: SignatureAlgorithm,
        salt: PssSalt,
    ) -> Result<Option<Warning>, IntegrityError> {
        let signature = &self.info.signature;
        let strict = key.verify(algorithm.primitive(), &self.message, signature);
        match (strict, algorithm.primitive()) {
            (Ok(()), _) => Ok(None),
            (Err(SignatureError::Mismatch), Algorithm::RsaPss { hash }) if self.info.format == Format::Jws => {
                let (found, expected) = (key.verify_pss_any_salt(hash, &self.message, signature)?, hash.length());
                match salt {
                    PssSalt::AnyInJws => Ok(Some(Warning::PssSaltLength { found, expected })),
                    PssSalt::Strict => Err(IntegrityError::SaltLength { found, expected }),
                }
            }
            (Err(error), _) => Err(error.into()),
        }
    }
}
