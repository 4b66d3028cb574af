//! The signed entry timestamp: Rekor's promise that an entry was logged at a time (specs of rekor, "SignedEntryTimestamp").

use serde_json::json;
use thiserror::Error;
use verimage_core::Timestamp;
use verimage_crypto::SignatureError;

use super::encoding::base64_text;
use super::logs::Log;

/// The largest integer that every reader of canonical JSON takes for itself (RFC 8785, appendix D).
const MAX_EXACT: u64 = (1 << 53) - 1;

/// What the log signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promised<'a> {
    pub(crate) body: &'a [u8],
    /// Seconds since 1970.
    pub(crate) integrated_time: u64,
    pub(crate) log_id: &'a [u8],
    /// The index over all shards of the log.
    pub(crate) log_index: u64,
}

/// Why a promise does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum SetError {
    #[error("a number above 2^53 cannot be signed exactly")]
    Inexact,
    #[error("the promise names no time")]
    NoTime,
    #[error("the promise: {0}")]
    Signature(#[from] SignatureError),
    #[error("the entry was logged at {time}, outside the validity of the log's key")]
    OutsideValidity { time: Timestamp },
}

impl Promised<'_> {
    /// Verifies the promise. Gives the time at which the log says that it saw the entry.
    pub(super) fn verify(&self, signature: &[u8], log: &Log) -> Result<Timestamp, SetError> {
        if self.integrated_time == 0 {
            return Err(SetError::NoTime);
        }
        log.verify(&self.message()?, signature)?;
        let time = i64::try_from(self.integrated_time).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let time = time.ok_or(SetError::Inexact)?;
        if log.description.validity.contains(time) { Ok(time) } else { Err(SetError::OutsideValidity { time }) }
    }

    /// The bytes that are signed.
    pub(super) fn message(&self) -> Result<Vec<u8>, SetError> {
        if self.integrated_time > MAX_EXACT || self.log_index > MAX_EXACT {
            return Err(SetError::Inexact);
        }
        let entry = json!({
            "body": base64_text(self.body),
            "integratedTime": self.integrated_time,
            "logID": hex::encode(self.log_id),
            "logIndex": self.log_index,
        });
        serde_json_canonicalizer::to_vec(&entry).map_err(|_| SetError::Inexact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_canonical() {
        let promised = Promised { body: b"{}", integrated_time: 1_700_000_000, log_id: &[0xc0, 0xd2], log_index: 7 };
        let expected = br#"{"body":"e30=","integratedTime":1700000000,"logID":"c0d2","logIndex":7}"#;
        assert_eq!(promised.message().unwrap(), expected);
        assert_eq!(Promised { log_index: 1 << 53, ..promised }.message(), Err(SetError::Inexact));
        assert_eq!(Promised { integrated_time: u64::MAX, ..promised }.message(), Err(SetError::Inexact));
        let largest = Promised { log_index: MAX_EXACT, ..promised }.message().unwrap();
        assert!(String::from_utf8(largest).unwrap().ends_with(":9007199254740991}"));
    }
}
