//! The timestamp countersignature over the signature of an envelope (RFC 3161).

use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use verimage_crypto::{
    CryptoSet,
    rfc3161::{self, Embedded, Form, SigningCertificate, Stamped, TokenRules},
    x509::{Certificate, ObjectIdentifier},
};

use crate::{
    Warning, ber,
    chain::{self, ChainError, ValidityError},
    envelope::SignerInfo,
};

/// The baseline policy for time stamps of ETSI EN 319 421: the accuracy is a second if none is told.
const BASELINE_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.2023.1.1");

/// Why a timestamp does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// There is none.
    #[error("no timestamp countersignature was found in the signature envelope")]
    Missing,
    /// The bytes are no token.
    #[error("failed to parse timestamp countersignature with error: not a timestamp token")]
    NotToken,
    /// The token does not verify.
    #[error("failed to verify the timestamp countersignature with error: {0}")]
    Token(rfc3161::TimestampError),
    /// The chain of the authority breaks a rule.
    #[error("failed to validate the timestamping certificate chain with error: {0}")]
    Chain(#[from] ChainError),
    /// The signature may have been made when a certificate was not valid.
    #[error("timestamp can be outside the validity of the signing chain: {0}")]
    Outside(#[from] ValidityError),
    /// The stamped time cannot be written.
    #[error("failed to parse timestamp countersignature with error: time is out of range")]
    OutOfRange,
}

/// A timestamp that was verified: the signature existed before the end of the interval.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticTimestamp {
    /// The stamped time.
    pub time: Timestamp,
    /// How far it may be off, both ways.
    pub accuracy: Duration,
    /// The chain of the authority: the signer first, the trusted root last.
    pub certificate_chain: Vec<Certificate>,
}

impl AuthenticTimestamp {
    /// The earliest and the latest moment that it stands for.
    #[must_use]
    pub fn interval(&self) -> (Timestamp, Timestamp) {
        let from = self.time.checked_sub(self.accuracy).unwrap_or(Timestamp::MIN);
        (from, self.time.checked_add(self.accuracy).unwrap_or(Timestamp::MAX))
    }
}

/// Verifies the token over the raw signature, the chain of its authority, and that the signing chain was valid all the time
/// that it stands for. Whether the authority was revoked is for the caller.
pub(crate) fn verify(
    info: &SignerInfo,
    roots: &[Certificate],
    latest: Timestamp,
    set: &CryptoSet,
) -> Result<(AuthenticTimestamp, Option<Warning>), TimestampError> {
    let token = info.timestamp_signature.as_deref().ok_or(TimestampError::Missing)?;
    if token.len() > TokenRules::MAX_SIZE {
        return Err(TimestampError::Token(rfc3161::TimestampError::TooLarge { limit: TokenRules::MAX_SIZE }));
    }
    let token = ber::token_to_der(token).ok_or(TimestampError::NotToken)?;
    let rules = TokenRules::new(roots)
        .embedded(Embedded::Intermediates)
        .signing_certificate(SigningCertificate::V2Required)
        .form(Form::NotaryProject)
        .now(latest.as_second());
    let stamp = rules.verify(&token, Stamped::Message(&info.signature), set).map_err(TimestampError::Token)?;
    chain::check_time_stamping(stamp.path().certificates(), set)?;
    let nanoseconds = i32::try_from(stamp.nanoseconds()).map_err(|_| TimestampError::OutOfRange)?;
    let timestamp = AuthenticTimestamp {
        time: Timestamp::new(stamp.gen_time(), nanoseconds).map_err(|_| TimestampError::OutOfRange)?,
        accuracy: accuracy(&stamp),
        certificate_chain: stamp.path().certificates().to_vec(),
    };
    let (from, until) = timestamp.interval();
    chain::check_validity(&info.certificate_chain, from, until)?;
    let (found, expected) = (stamp.imprint_hash(), info.algorithm.hash());
    Ok((timestamp, (found != expected).then_some(Warning::ImprintHash { found, expected })))
}

fn accuracy(stamp: &rfc3161::Timestamp) -> Duration {
    let told = stamp.accuracy().filter(|accuracy| !accuracy.is_zero());
    let baseline = if stamp.policy() == BASELINE_POLICY { Duration::from_secs(1) } else { Duration::ZERO };
    told.unwrap_or(baseline)
}
