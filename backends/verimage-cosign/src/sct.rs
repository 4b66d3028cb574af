//! Signed certificate timestamps: promises of certificate transparency logs, embedded in a certificate (RFC 6962, sections
//! 3.2 and 3.3).

use thiserror::Error;
use verimage_core::{Code, Failure, Timestamp};
use verimage_crypto::SignatureError;
use verimage_crypto::x509::{Certificate, ObjectIdentifier};

use crate::der;
use crate::log::logs::{Log, Logs};

/// The list of promises in a certificate.
const LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
/// The most promises that are read of one certificate.
const MAX_PROMISES: usize = 32;

/// Why the promises of a certificate do not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum SctError {
    #[error("the certificate has no promise of a certificate transparency log")]
    Absent,
    #[error("the certificate's promises are malformed")]
    Malformed,
    #[error("a promise was made at {0}, when the log's key did not count")]
    OutsideValidity(Timestamp),
    #[error("the trusted root has none of the certificate transparency logs that made promises")]
    UnknownLogs,
    #[error("a promise: {0}")]
    Signature(#[from] SignatureError),
}

impl SctError {
    fn code(&self) -> Code {
        match self {
            Self::Absent | Self::UnknownLogs => Code::SctMissing,
            Self::Malformed | Self::OutsideValidity(_) | Self::Signature(_) => Code::SctInvalid,
        }
    }
}

/// Verifies that at least one known log has the certificate: each promise of a known log must hold, those of other logs
/// are passed over. `issuer` is the certificate that was verified to have signed it.
pub(crate) fn verify(certificate: &Certificate, issuer: &Certificate, logs: &Logs) -> Result<(), Failure> {
    check(certificate, issuer, logs).map_err(|error| Failure::new(error.code(), error.to_string()))
}

fn check(certificate: &Certificate, issuer: &Certificate, logs: &Logs) -> Result<(), SctError> {
    let extension = certificate.extension(LIST).ok_or(SctError::Absent)?;
    let promises = read_list(extension.value()).ok_or(SctError::Malformed)?;
    let signed = certificate.tbs_der_without(LIST).ok_or(SctError::Malformed)?;
    let key_hash = verimage_crypto::HashAlgorithm::Sha256.digest(issuer.spki_der());
    let mut known = false;
    for promise in promises {
        let Ok(log) = logs.find(promise.log_id) else { continue };
        promise.verify(log, key_hash.as_bytes(), &signed)?;
        known = true;
    }
    if known { Ok(()) } else { Err(SctError::UnknownLogs) }
}

/// One promise, version 1.
struct Promise<'a> {
    log_id: &'a [u8],
    milliseconds: u64,
    /// As found: logs with static trees put the index of the entry there.
    extensions: &'a [u8],
    signature: &'a [u8],
}

impl Promise<'_> {
    /// Section 3.2, `precert_entry`: the hash of the issuer's key, and the certificate without the list.
    fn verify(&self, log: &Log, issuer_key_hash: &[u8], signed: &[u8]) -> Result<(), SctError> {
        let time = i64::try_from(self.milliseconds).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
        let time = time.ok_or(SctError::Malformed)?;
        if !log.description.validity.contains(time) {
            return Err(SctError::OutsideValidity(time));
        }
        let length = u32::try_from(signed.len()).ok().filter(|length| *length < 1 << 24).ok_or(SctError::Malformed)?;
        let extensions = u16::try_from(self.extensions.len()).map_err(|_| SctError::Malformed)?;
        let mut message = vec![0, 0];
        message.extend(self.milliseconds.to_be_bytes());
        message.extend([0, 1]);
        message.extend_from_slice(issuer_key_hash);
        message.extend(length.to_be_bytes().iter().skip(1));
        message.extend_from_slice(signed);
        message.extend(extensions.to_be_bytes());
        message.extend_from_slice(self.extensions);
        Ok(log.verify(&message, self.signature)?)
    }
}

/// The extension: an octet string around `SignedCertificateTimestampList`. At least one promise, and all bytes used.
fn read_list(value: &[u8]) -> Option<Vec<Promise<'_>>> {
    let mut rest = der::content(der::OCTET_STRING, value)?;
    let mut list = vector(&mut rest)?;
    let mut promises = Vec::new();
    while !list.is_empty() {
        if promises.len() == MAX_PROMISES {
            return None;
        }
        promises.push(read_promise(vector(&mut list)?)?);
    }
    (rest.is_empty() && !promises.is_empty()).then_some(promises)
}

fn read_promise(bytes: &[u8]) -> Option<Promise<'_>> {
    let mut rest = bytes;
    let [0] = take(&mut rest, 1)? else { return None };
    let log_id = take(&mut rest, 32)?;
    let milliseconds = u64::from_be_bytes(take(&mut rest, 8)?.try_into().ok()?);
    let extensions = vector(&mut rest)?;
    // RFC 5246, section 4.7: SHA-256 with RSA or ECDSA. Which of them is for the log's key to say.
    let [4, 1 | 3] = take(&mut rest, 2)? else { return None };
    let signature = vector(&mut rest)?;
    rest.is_empty().then_some(Promise { log_id, milliseconds, extensions, signature })
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

/// RFC 5246, section 4.3: a length of two bytes, and as many bytes.
fn vector<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_be_bytes(take(rest, 2)?.try_into().ok()?);
    take(rest, usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise() -> Vec<u8> {
        [&[0][..], &[7; 32], &1_700_000_000_000_u64.to_be_bytes(), &[0, 8], &[9; 8], &[4, 3], &[0, 2], &[1, 2]].concat()
    }

    fn list(promises: &[Vec<u8>]) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        let inner: Vec<u8> = promises.iter().flat_map(|promise| [length(promise), promise.clone()].concat()).collect();
        let content = [length(&inner), inner].concat();
        let der = u8::try_from(content.len()).unwrap();
        if der < 0x80 { [vec![4, der], content].concat() } else { [vec![4, 0x81, der], content].concat() }
    }

    #[test]
    fn reads_lists_of_promises() {
        let found =
            |list: &[u8]| read_list(list).map(|promises| promises.iter().map(|promise| promise.extensions.len()).collect::<Vec<_>>());
        assert_eq!(found(&list(&[promise()])), Some(vec![8]));
        assert_eq!(found(&list(&[promise(), promise()])), Some(vec![8, 8]));
    }

    #[test]
    fn refuses_every_other_form() {
        let good = list(&[promise()]);
        let edited = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            bad
        };
        // The version of the promise, its hash and its kind of signature.
        let hash = good.len() - 6;
        for bad in [list(&[]), edited(6, 1), edited(hash, 2), edited(hash + 1, 2), edited(0, 5), edited(1, 3)] {
            assert!(read_list(&bad).is_none(), "{bad:02x?}");
        }
        for length in 0..good.len() {
            assert!(read_list(&good[..length]).is_none(), "{length}");
        }
        assert!(read_list(&[good.clone(), vec![0]].concat()).is_none());
        let mut longer = promise();
        longer.push(0);
        assert!(read_list(&list(&[longer])).is_none());
    }
}
