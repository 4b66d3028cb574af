//! When a signature was made: only what a log or an authority signed counts (RFC 3161; client specification, "Time").

use verimage_core::{Code, Failure, Timestamp};
use verimage_crypto::CryptoSet;
use verimage_crypto::rfc3161::{Embedded, Stamped, TokenRules};
use verimage_crypto::x509::Certificate;

use crate::trust::Chain;

/// The most timestamps of one signature that are judged, as in sigstore-go.
const MAX_TIMESTAMPS: usize = 32;
/// How far a verified time may lie ahead of this machine's clock, in seconds. More means that one of the two is wrong.
const MAX_AHEAD: i64 = 300;

/// Which timestamps are judged, and how many authorities must have stamped.
#[derive(Debug)]
pub(crate) struct TimestampDemand {
    /// Each is tried alone: what one vouches for is not completed by another.
    pub(crate) authorities: Vec<Chain>,
    /// How many different authorities are needed.
    pub(crate) least: usize,
}

impl TimestampDemand {
    /// Verifies every token over what was stamped. Without authorities, tokens say nothing and are passed over.
    pub(crate) fn verify(&self, tokens: &[Vec<u8>], stamped: &[u8], crypto: &CryptoSet) -> Result<Vec<Timestamp>, Failure> {
        if self.authorities.is_empty() {
            return Ok(Vec::new());
        }
        if tokens.len() > MAX_TIMESTAMPS {
            let detail = format!("the signature has {} timestamps, at most {MAX_TIMESTAMPS} are judged", tokens.len());
            return Err(Failure::new(Code::LimitExceeded, detail));
        }
        let mut stamping = Vec::new();
        let mut times = Vec::new();
        for token in tokens {
            let (authority, time) = self.verify_token(token, stamped, crypto)?;
            stamping.push(authority);
            times.push(time);
        }
        match different(&stamping) {
            found if found < self.least => {
                let detail = format!("{} different timestamp authorities are needed, {found} have stamped the signature", self.least);
                Err(Failure::new(Code::TimestampMissing, detail))
            }
            _ => Ok(times),
        }
    }

    /// How many different authorities there are.
    pub(crate) fn different(&self) -> usize {
        different(&self.authorities.iter().collect::<Vec<_>>())
    }

    /// The authority that made the token, and the time in it.
    fn verify_token(&self, token: &[u8], stamped: &[u8], crypto: &CryptoSet) -> Result<(&Chain, Timestamp), Failure> {
        let mut reasons = Vec::new();
        for authority in &self.authorities {
            match verify(authority, token, stamped, crypto) {
                Ok(time) => return Ok((authority, time)),
                Err(reason) => reasons.push(format!("{}: {reason}", authority.name)),
            }
        }
        Err(Failure::new(Code::TimestampInvalid, format!("no trusted authority made the timestamp ({})", reasons.join("; "))))
    }
}

/// An authority may stand in a root several times, once for each of its certificates: the same name or the same anchor is
/// one authority.
fn different(authorities: &[&Chain]) -> usize {
    let same = |one: &Chain, other: &Chain| {
        let shared = |anchor: &Certificate| other.anchors.iter().any(|known| known.spki_der() == anchor.spki_der());
        one.name == other.name || one.anchors.iter().any(shared)
    };
    let first = |(index, authority): &(usize, &&Chain)| !authorities.iter().take(*index).any(|earlier| same(earlier, authority));
    authorities.iter().enumerate().filter(first).count()
}

/// Section "RFC 3161" of the client specification: the signer that the root pins, a path at the stamped time, and the time
/// within the authority's own validity.
fn verify(authority: &Chain, token: &[u8], stamped: &[u8], crypto: &CryptoSet) -> Result<Timestamp, String> {
    let mut rules = TokenRules::new(&authority.anchors).intermediates(&authority.intermediates);
    if let Some(signer) = &authority.signer {
        rules = rules.pinned_signer(signer).embedded(Embedded::SignerOnly);
    }
    let verified = rules.verify(token, Stamped::Message(stamped), crypto).map_err(|error| error.to_string())?;
    let nanoseconds = i32::try_from(verified.nanoseconds()).unwrap_or(i32::MAX);
    let time = Timestamp::new(verified.gen_time(), nanoseconds).map_err(|error| error.to_string())?;
    if authority.validity.contains(time) { Ok(time) } else { Err(format!("it is of {time}, when the authority did not count")) }
}

/// A signature of the future means that a clock is wrong: the log's, the authority's or this machine's.
pub(crate) fn check_not_ahead(time: Timestamp, now: Timestamp) -> Result<(), Failure> {
    if time.as_second().saturating_sub(now.as_second()) <= MAX_AHEAD {
        return Ok(());
    }
    Err(Failure::new(Code::TimestampInvalid, format!("the signature was made at {time}, and it is judged as of {now}: check the clock")))
}

/// The whole seconds in which a time lies: both count where a certificate's end is compared.
pub(crate) fn seconds(time: Timestamp) -> impl Iterator<Item = i64> {
    let first = time.as_second();
    let next = (time.subsec_nanosecond() > 0).then(|| first.saturating_add(1));
    std::iter::once(first).chain(next)
}
