//! `rfc3161-token`: tokens of time stamp authorities, under every crypto set, which must agree.

use std::time::Duration;

use serde_json::{Map, Value};
use verimage_crypto::CryptoSet;
use verimage_crypto::rfc3161::{Stamped, Timestamp, TimestampError, TokenRules};
use verimage_crypto::x509::PathFault;

use crate::x509::{certificates, readable_certificates};
use crate::{Answer, Case, moment, path, paths, read};

pub(crate) fn token(case: &Case) -> Result<Answer, String> {
    let roots = match certificates(case, "roots")? {
        Ok(roots) => roots,
        Err(error) => return Ok(Answer::reject("certificate-malformed", error)),
    };
    let message = match paths(case, "message").first() {
        Some(path) => Some(read(path)?),
        None => None,
    };
    let stamped = message.as_deref().map_or(Stamped::InsecureAnything, Stamped::Message);
    let token = read(&path(case, "token")?)?;
    let intermediates = readable_certificates(case, "intermediates")?;
    let rules = TokenRules::new(&roots).intermediates(&intermediates).now(moment(case)?);
    let sets = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()];
    let mut outcomes: Vec<_> = sets.iter().map(|set| rules.verify(&token, stamped, set)).collect();
    outcomes.dedup();
    match outcomes.as_slice() {
        [Ok(timestamp)] => output(timestamp).map(Answer::Accept),
        [Err(error)] => Ok(Answer::reject(code(error), error)),
        _ => Err(format!("the crypto sets disagree: {outcomes:?}")),
    }
}

fn output(timestamp: &Timestamp) -> Result<Map<String, Value>, String> {
    let nanoseconds = i32::try_from(timestamp.nanoseconds()).map_err(|error| error.to_string())?;
    let time = jiff::Timestamp::new(timestamp.gen_time(), nanoseconds).map_err(|error| error.to_string())?;
    let accuracy = timestamp.accuracy().unwrap_or(Duration::ZERO);
    let seconds = if accuracy.subsec_nanos() == 0 { Value::from(accuracy.as_secs()) } else { Value::from(accuracy.as_secs_f64()) };
    Ok(Map::from_iter([("gen_time".to_owned(), Value::from(time.to_string())), ("accuracy_s".to_owned(), seconds)]))
}

fn code(error: &TimestampError) -> &'static str {
    match error {
        TimestampError::Path(error) => match error.fault() {
            PathFault::Expired { .. } | PathFault::NotYetValid { .. } => "certificate-expired",
            PathFault::Budget { .. } => "limit-exceeded",
            _ => "certificate-untrusted",
        },
        _ => "timestamp-invalid",
    }
}
