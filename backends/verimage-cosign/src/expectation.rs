//! What one signature must fulfil, all of it: the same checks for every form.

use std::collections::{BTreeMap, BTreeSet};

use verimage_core::policy::SignedIdentity;
use verimage_core::{Code, Digest, Evidence, Failure, Signer, Timestamp, VerifiedTime};
use verimage_crypto::x509::Certificate;
use verimage_crypto::{Algorithm, CryptoSet, HashAlgorithm, MessageDigest, VerifyingKey};

use crate::authority::{Authority, Hints};
use crate::config::algorithms;
use crate::evidence::Material;
use crate::failure::{malformed, too_few_logs};
use crate::log::body::{Binding, HashOf, Signed as LoggedContent, Verifier};
use crate::log::entry::{LogEvidence, verify_all};
use crate::log::logs::Logs;
use crate::times::{TimestampDemand, check_not_ahead};

/// The constraints of a leaf. One signature must meet all of them.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) crypto: CryptoSet,
    pub(crate) authority: Authority,
    /// The transparency logs, if one must have the signature.
    pub(crate) log: Option<LogDemand>,
    pub(crate) timestamps: TimestampDemand,
    pub(crate) reference: ReferenceRule,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Whether the payload's `docker-reference` must fit.
#[derive(Debug)]
pub(crate) enum ReferenceRule {
    Off,
    Repository,
    Exact,
    Signed(SignedIdentity),
}

/// How many different logs must have the signature.
#[derive(Debug)]
pub(crate) struct LogDemand {
    pub(crate) logs: Logs,
    pub(crate) least: usize,
}

/// A signature with everything that its proofs are bound to.
pub(crate) struct Signed<'a> {
    pub(crate) message: Message<'a>,
    pub(crate) signature: &'a [u8],
    /// For envelopes: the payload, and for those outside bundles the envelope as it is stored.
    pub(crate) envelope: Option<(&'a [u8], Option<&'a [u8]>)>,
    /// What a timestamp is over.
    pub(crate) stamped: &'a [u8],
    pub(crate) material: &'a Material,
}

/// The bytes that were signed, or what is known of them.
#[derive(Clone, Copy)]
pub(crate) enum Message<'a> {
    Bytes(&'a [u8]),
    Digest(&'a MessageDigest),
}

/// A signature that holds, by a signer that counts, at verified times.
pub(crate) struct Authenticated {
    signer: Signer,
    times: Vec<VerifiedTime>,
    facts: BTreeMap<String, String>,
}

impl Expectation {
    /// Everything that does not depend on what was signed: who, with which proofs, and when.
    pub(crate) fn authenticate(&self, signed: &Signed<'_>, now: Timestamp) -> Result<Authenticated, Failure> {
        match &self.authority {
            Authority::Key { key, algorithms } => {
                let algorithm = verify(key, algorithms, signed)?;
                let (times, facts) = self.proofs(signed, &Verifier::Key(key.public_key()), algorithm, now)?;
                let signer = Signer::key(Digest::of_sha256(*key.public_key().fingerprint().as_bytes()));
                Ok(Authenticated { signer, times, facts })
            }
            Authority::Certificates(rules) => {
                if signed.material.misplaced_chain && rules.hints == Hints::Ignored {
                    return Err(malformed("the bundle: since version 0.3 it holds one certificate, not a chain"));
                }
                let certificates = readable(&signed.material.certificates, Code::CertificateMalformed)?;
                let leaf = rules.leaf(certificates)?;
                let claims = rules.check_identity(leaf)?;
                let key = self.leaf_key(leaf)?;
                let algorithms = algorithms(key.public_key().kind(), None, rules.scheme).map_err(|reason| key_unsupported(&reason))?;
                let algorithm = verify(&key, &algorithms, signed)?;
                let verifier = Verifier::Certificate { der: leaf.der(), key: key.public_key().kind() };
                let (times, mut facts) = self.proofs(signed, &verifier, algorithm, now)?;
                let moments = self.moments(&times, signed.material, now)?;
                let path = rules.check_path(leaf, certificates, &moments, &self.crypto)?;
                facts.extend(claims.extensions.iter().map(|(number, text)| (crate::fulcio::extension_name(*number), text.clone())));
                facts.extend(claims.issuer.iter().map(|issuer| ("issuer".to_owned(), issuer.clone())));
                facts.extend(claims.subjects.first().map(|(_, subject)| ("subject".to_owned(), subject.clone())));
                Ok(Authenticated { signer: rules.signer(leaf, &claims, &path), times, facts })
            }
        }
    }

    fn leaf_key(&self, leaf: &Certificate) -> Result<VerifyingKey, Failure> {
        let key = leaf.public_key().map_err(|error| key_unsupported(&error.to_string()))?;
        self.crypto.load(key).map_err(|error| key_unsupported(&error.to_string()))
    }

    /// Log entries and timestamps, and that they agree: a log's key must count at every time that is known.
    fn proofs(
        &self,
        signed: &Signed<'_>,
        verifier: &Verifier<'_>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<(Vec<VerifiedTime>, BTreeMap<String, String>), Failure> {
        let mut times = Vec::new();
        let mut facts = BTreeMap::new();
        let entries = self.log_entries(signed, verifier, algorithm)?;
        for entry in &entries {
            times.extend(entry.time.map(|time| VerifiedTime { time, source: "rekor".to_owned() }));
            facts.extend(entry.log_index.map(|index| ("logIndex".to_owned(), index.to_string())));
        }
        let tokens: &[Vec<u8>] =
            if self.timestamps.authorities.is_empty() { &[] } else { readable(&signed.material.timestamps, Code::PayloadMalformed)? };
        for time in self.timestamps.verify(tokens, signed.stamped, &self.crypto)? {
            times.push(VerifiedTime { time, source: "tsa".to_owned() });
        }
        for verified in &times {
            check_not_ahead(verified.time, now)?;
        }
        check_log_keys(&entries, &times, now)?;
        Ok((times, facts))
    }

    fn log_entries(&self, signed: &Signed<'_>, verifier: &Verifier<'_>, algorithm: Algorithm) -> Result<Vec<LogEvidence>, Failure> {
        let Some(demand) = &self.log else { return Ok(Vec::new()) };
        let encoding = match signed.message {
            Message::Bytes(bytes) => hash_of(algorithm).digest(bytes),
            Message::Digest(digest) => *digest,
        };
        let payload = signed.envelope.map(|(payload, _)| HashAlgorithm::Sha256.digest(payload));
        let stored = signed.envelope.and_then(|(_, stored)| stored).map(|stored| HashAlgorithm::Sha256.digest(stored));
        let content = match &payload {
            None => LoggedContent::Message(HashOf::from(&encoding)),
            Some(payload) => LoggedContent::Envelope {
                encoding: HashOf::from(&encoding),
                payload: payload.as_bytes(),
                envelope: stored.as_ref().map(MessageDigest::as_bytes),
            },
        };
        let binding = Binding { signature: signed.signature, verifier: *verifier, signed: content };
        let verified = signed.material.entries.read().and_then(|entries| verify_all(&entries, &demand.logs, &binding));
        let evidence = verified.map_err(|error| Failure::new(error.code(), error.to_string()))?;
        let logs: BTreeSet<_> = evidence.iter().map(|entry| entry.key).collect();
        if logs.len() < demand.least { Err(too_few_logs(logs.len(), demand.least)) } else { Ok(evidence) }
    }

    /// When the certificate must be valid: at every verified time. Without any, now is as good as the policy wants it, but
    /// only if it asks for no log: an inclusion proof says that there is an entry, not since when.
    fn moments(&self, times: &[VerifiedTime], material: &Material, now: Timestamp) -> Result<Vec<Timestamp>, Failure> {
        match times {
            [] if self.log.is_some() => {
                let stamped = material.timestamps.as_ref().is_ok_and(|tokens| !tokens.is_empty());
                let rest = if stamped { "the policy trusts no timestamp authority" } else { "no timestamp comes with the signature" };
                Err(Failure::new(Code::TimestampMissing, format!("the log entry has no time, and {rest}")))
            }
            [] => Ok(vec![now]),
            times => Ok(times.iter().map(|verified| verified.time).collect()),
        }
    }
}

/// The algorithm under which the signature holds, of those that the key may have signed with.
fn verify(key: &VerifyingKey, algorithms: &[Algorithm], signed: &Signed<'_>) -> Result<Algorithm, Failure> {
    let holds = |algorithm: &&Algorithm| match signed.message {
        Message::Bytes(bytes) => key.verify(**algorithm, bytes, signed.signature).is_ok(),
        Message::Digest(digest) => key.verify_digest(**algorithm, digest, signed.signature).is_ok(),
    };
    algorithms.iter().find(holds).copied().ok_or_else(|| {
        let fingerprint = key.public_key().fingerprint();
        Failure::new(Code::SignatureInvalid, format!("the signature does not verify with the key {fingerprint}"))
    })
}

/// The hash with which a log writes down what was signed.
fn hash_of(algorithm: Algorithm) -> HashAlgorithm {
    match algorithm {
        Algorithm::Ecdsa { hash, .. } | Algorithm::RsaPkcs1 { hash } | Algorithm::RsaPss { hash } => hash,
        _ => HashAlgorithm::Sha512,
    }
}

/// An entry without a time of its own must be of a log whose key counts at all the times that are known, or now.
fn check_log_keys(entries: &[LogEvidence], times: &[VerifiedTime], now: Timestamp) -> Result<(), Failure> {
    let moments: Vec<Timestamp> = if times.is_empty() { vec![now] } else { times.iter().map(|verified| verified.time).collect() };
    for entry in entries.iter().filter(|entry| entry.time.is_none()) {
        if let Some(moment) = moments.iter().find(|moment| !entry.counts_at(**moment)) {
            return Err(Failure::new(Code::LogProofInvalid, format!("the log's key does not count at {moment}")));
        }
    }
    Ok(())
}

fn readable<T>(part: &Result<T, String>, code: Code) -> Result<&T, Failure> {
    part.as_ref().map_err(|reason| Failure::new(code, reason.clone()))
}

fn key_unsupported(reason: &str) -> Failure {
    Failure::new(Code::KeyUnsupported, format!("the key of the signer's certificate: {reason}"))
}

impl Authenticated {
    /// Evidence for a digest, once what was signed was found to name it.
    pub(crate) fn evidence(self, digest: Digest) -> Evidence {
        let mut evidence = Evidence::new(digest, self.signer);
        evidence.signed_at = self.times;
        evidence.facts = self.facts;
        evidence
    }
}
