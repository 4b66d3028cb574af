//! Who may have signed: a key, or whoever holds a certificate that an authority issued to the right name.

use verimage_core::{Code, Digest, Failure, Signer, Timestamp};
use verimage_crypto::x509::{Certificate, KeyUsage, Leaf, ObjectIdentifier, Path, PathError, PathFault, PathRules};
use verimage_crypto::{Algorithm, CryptoSet, VerifyingKey};

use crate::config::Scheme;
use crate::fulcio::Claims;
use crate::identity::{self, Identity};
use crate::log::logs::Logs;
use crate::sct;
use crate::times::seconds;
use crate::trust::Chain;

const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// Who may have signed.
#[derive(Debug)]
pub(crate) enum Authority {
    Key { key: VerifyingKey, algorithms: Vec<Algorithm> },
    Certificates(CertificateRules),
}

/// What a signer's certificate must be.
#[derive(Debug)]
pub(crate) struct CertificateRules {
    /// The certificate itself, if the policy has it.
    pub(crate) leaf: Option<Certificate>,
    pub(crate) issuers: Vec<Chain>,
    /// Whether certificates beside the signature may complete the path.
    pub(crate) hints: Hints,
    pub(crate) purpose: Purpose,
    /// Whom it must name; empty if anybody will do.
    pub(crate) identities: Vec<Identity>,
    /// The logs of which one must know the certificate.
    pub(crate) certificate_logs: Option<Logs>,
    pub(crate) scheme: Option<Scheme>,
}

/// Whether certificates beside the signature may complete the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hints {
    Used,
    /// The root has all that is between.
    Ignored,
}

/// What the certificate must be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    CodeSigning,
    Any,
}

impl CertificateRules {
    /// The certificate that is said to have signed: the policy's own, or the first beside the signature.
    pub(crate) fn leaf<'a>(&'a self, found: &'a [Certificate]) -> Result<&'a Certificate, Failure> {
        match (&self.leaf, found.first()) {
            (Some(pinned), None) => Ok(pinned),
            (Some(pinned), Some(found)) if pinned == found => Ok(pinned),
            (Some(_), Some(_)) => {
                Err(Failure::new(Code::CertificateUntrusted, "the signature comes with another certificate than the policy's"))
            }
            (None, Some(found)) => Ok(found),
            (None, None) => Err(Failure::new(
                Code::IdentityMismatch,
                "the signature comes without a certificate, so it names nobody: sign with it, or name it as `leaf`",
            )),
        }
    }

    /// Cheap, so it goes first: most signatures that do not count are other people's.
    pub(crate) fn check_identity(&self, leaf: &Certificate) -> Result<Claims, Failure> {
        let malformed = |reason| Failure::new(Code::CertificateMalformed, format!("the signer's certificate: {reason}"));
        let claims = Claims::read(leaf).map_err(malformed)?;
        if !self.identities.is_empty() {
            identity::check(&self.identities, &claims)?;
        }
        Ok(claims)
    }

    /// One authority vouches at every moment, and a certificate transparency log knows what it issued.
    pub(crate) fn check_path(
        &self,
        leaf: &Certificate,
        found: &[Certificate],
        times: &[Timestamp],
        crypto: &CryptoSet,
    ) -> Result<Path, Failure> {
        self.check_key_usage(leaf)?;
        let hints = if self.hints == Hints::Used { chain_of(leaf, found) } else { Vec::new() };
        let mut closest: Option<Failure> = None;
        for issuer in &self.issuers {
            match self.path(issuer, leaf, &hints, times, crypto) {
                Ok(path) => {
                    let checked = self.certificate_logs.as_ref().map_or(Ok(()), |logs| sct::verify(leaf, path.issuer(), logs));
                    return checked.map(|()| path);
                }
                Err(failure) if closest.as_ref().is_none_or(|known| known.code.rank() < failure.code.rank()) => closest = Some(failure),
                Err(_) => {}
            }
        }
        Err(closest.unwrap_or_else(|| Failure::new(Code::CertificateUntrusted, "the trusted root has no certificate authority")))
    }

    /// Whatever the purpose: a key that says what it is for must be for signatures (RFC 5280, section 4.2.1.3).
    fn check_key_usage(&self, leaf: &Certificate) -> Result<(), Failure> {
        match leaf.key_usage() {
            Some(usage) if !usage.contains(KeyUsage::DIGITAL_SIGNATURE) => {
                Err(Failure::new(Code::CertificateUntrusted, "the signer's certificate is not for signatures"))
            }
            _ => Ok(()),
        }
    }

    /// RFC 5280, section 6, at each time; the certificate profile of the client specification, section "Certificate".
    fn path(
        &self,
        issuer: &Chain,
        leaf: &Certificate,
        hints: &[Certificate],
        times: &[Timestamp],
        crypto: &CryptoSet,
    ) -> Result<Path, Failure> {
        let pool: Vec<Certificate> = issuer.intermediates.iter().chain(hints).cloned().collect();
        let mut found: Option<Path> = None;
        for time in times {
            if !issuer.validity.contains(*time) {
                let detail = format!("the authority `{}` did not count at {time}", issuer.name);
                return Err(Failure::new(Code::CertificateUntrusted, detail));
            }
            for moment in seconds(*time) {
                let still = found.as_ref().is_some_and(|path| path.certificates().iter().all(|one| one.validity().contains(moment)));
                if !still {
                    found =
                        Some(self.rules(&issuer.anchors, &pool, moment).find(leaf, crypto).map_err(|error| path_failure(&error, *time))?);
                }
            }
        }
        found.ok_or_else(|| Failure::new(Code::TimestampMissing, "there is no time at which the certificate could be judged"))
    }

    fn rules<'a>(&self, anchors: &'a [Certificate], pool: &'a [Certificate], moment: i64) -> PathRules<'a> {
        let rules = PathRules::new(anchors, pool, moment).leaf(Leaf::EndEntity);
        match self.purpose {
            Purpose::CodeSigning => rules.purpose(CODE_SIGNING).leaf_key_usage(KeyUsage::DIGITAL_SIGNATURE),
            Purpose::Any => rules,
        }
    }

    /// Who signed: the names of a keyless signer are its issuer's word; otherwise the anchor and the subject tell them apart.
    pub(crate) fn signer(&self, leaf: &Certificate, claims: &Claims, path: &Path) -> Signer {
        let name = match (&claims.issuer, claims.subjects.first()) {
            (Some(issuer), Some((_, subject))) => format!("{subject} ({issuer})"),
            _ if leaf.subject().is_empty() => format!("{} ({})", claims.names(), path.anchor().subject()),
            _ => format!("{} ({})", leaf.subject(), path.anchor().subject()),
        };
        Signer::named(format!("certificate:{name}")).with_key(Digest::sha256(leaf.spki_der()))
    }
}

/// The certificates beside the signature that continue the chain from the leaf upwards, in their order: one for each step,
/// so that nobody can make the search for a path long.
fn chain_of(leaf: &Certificate, found: &[Certificate]) -> Vec<Certificate> {
    let mut chain: Vec<Certificate> = Vec::new();
    for hint in found.iter().skip(1) {
        if hint.subject().matches(chain.last().unwrap_or(leaf).issuer()) {
            chain.push(hint.clone());
        }
    }
    chain
}

/// A certificate that was not valid is told apart from one that nobody issued.
fn path_failure(error: &PathError, time: Timestamp) -> Failure {
    match error.fault() {
        PathFault::Expired { .. } | PathFault::NotYetValid { .. } => Failure::new(Code::CertificateExpired, format!("at {time}: {error}")),
        PathFault::Budget { .. } => Failure::new(Code::LimitExceeded, error.to_string()),
        _ => Failure::new(Code::CertificateUntrusted, error.to_string()),
    }
}
