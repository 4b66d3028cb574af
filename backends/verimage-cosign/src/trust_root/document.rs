//! From the JSON of a trusted root to values. In proto3 JSON absent, null and empty are the same.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use verimage_core::Timestamp;
use verimage_crypto::{KeyError, PublicKey};

use super::{Authority, Fault, KeyDetails, LogKey, TransparencyLog, TrustRoot, TrustRootError, Validity};
use crate::log::encoding::base64_bytes;

const MEDIA_TYPES: [&str; 3] = [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];
const CLIENT_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json";
/// Entries of a kind; today's roots have four.
const MAX_ENTRIES: usize = 128;
const MAX_CHAIN: usize = 16;
/// Checkpoints name a key with four bytes.
const KEY_HINT_LENGTH: usize = 4;

/// Reads a trusted root, or unwraps it first.
pub(super) fn read(value: Value) -> Result<TrustRoot, TrustRootError> {
    let media_type = value.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    if media_type == CLIENT_MEDIA_TYPE {
        let client: ClientDocument = shape(value)?;
        return read_root(client.trusted_root.ok_or_else(|| TrustRootError::new("trustedRoot", Fault::Missing))?);
    }
    read_root(shape(value)?)
}

fn shape<T: DeserializeOwned>(value: Value) -> Result<T, TrustRootError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let at = error.path().to_string();
        TrustRootError::new(if at == "." { String::new() } else { at }, Fault::Json(error.into_inner().to_string()))
    })
}

fn read_root(document: RootDocument) -> Result<TrustRoot, TrustRootError> {
    let media_type = document.media_type.unwrap_or_default();
    if !MEDIA_TYPES.contains(&media_type.as_str()) {
        return Err(TrustRootError::new("mediaType", Fault::MediaType { found: media_type.escape_debug().to_string() }));
    }
    Ok(TrustRoot {
        transparency_logs: logs("tlogs", document.tlogs)?,
        certificate_authorities: each("certificateAuthorities", document.certificate_authorities, authority)?,
        certificate_logs: logs("ctlogs", document.ctlogs)?,
        timestamp_authorities: each("timestampAuthorities", document.timestamp_authorities, authority)?,
    })
}

fn each<D, T>(
    name: &str,
    documents: Option<Vec<D>>,
    read: impl Fn(&str, D) -> Result<T, TrustRootError>,
) -> Result<Vec<T>, TrustRootError> {
    let documents = documents.unwrap_or_default();
    at_most(name, documents.len(), MAX_ENTRIES)?;
    documents.into_iter().enumerate().map(|(index, document)| read(&format!("{name}[{index}]"), document)).collect()
}

fn at_most(at: &str, found: usize, most: usize) -> Result<(), TrustRootError> {
    if found > most { Err(TrustRootError::new(at, Fault::TooMany { found, most })) } else { Ok(()) }
}

/// Logs are looked up by their identifier, so each identifier stands once.
fn logs(name: &str, documents: Option<Vec<LogDocument>>) -> Result<Vec<TransparencyLog>, TrustRootError> {
    let logs = each(name, documents, log)?;
    for (index, log) in logs.iter().enumerate() {
        let first = logs.iter().position(|other| other.id == log.id).unwrap_or(index);
        if first != index {
            let first = format!("{name}[{first}].logId");
            return Err(TrustRootError::new(format!("{name}[{index}].logId"), Fault::Duplicate { first }));
        }
    }
    Ok(logs)
}

fn log(at: &str, document: LogDocument) -> Result<TransparencyLog, TrustRootError> {
    let key = document.public_key.ok_or_else(|| TrustRootError::new(format!("{at}.publicKey"), Fault::Missing))?;
    let at_key = format!("{at}.publicKey");
    let range = format!("{at_key}.validFor");
    let validity = validity(&range, key.valid_for)?;
    if validity.start.is_none() {
        return Err(TrustRootError::new(format!("{range}.start"), Fault::Missing));
    }
    let bytes = bytes(&format!("{at_key}.rawBytes"), key.raw_bytes)?;
    Ok(TransparencyLog {
        base_url: document.base_url.unwrap_or_default(),
        id: identifier(&format!("{at}.logId"), document.log_id)?,
        key: log_key(&at_key, &bytes, &key.key_details.unwrap_or_default(), document.hash_algorithm.as_deref())?,
        checkpoint_key_id: checkpoint_key_id(&format!("{at}.checkpointKeyId"), document.checkpoint_key_id)?,
        validity,
        operator: text(document.operator),
    })
}

/// A type that is not served makes the key unusable; a key that is not what its type says is a fault of the root.
fn log_key(at: &str, bytes: &[u8], details: &str, hash: Option<&str>) -> Result<LogKey, TrustRootError> {
    if hash != Some("SHA2_256") {
        let reason = format!("the tree's hash `{}` is not supported", hash.unwrap_or_default().escape_debug());
        return Ok(LogKey::Unusable { reason });
    }
    let Some(known) = KeyDetails::named(details) else {
        return Ok(LogKey::Unusable { reason: format!("the key type `{}` is not supported", details.escape_debug()) });
    };
    let key = if details.starts_with("PKCS1_") { PublicKey::from_pkcs1_der(bytes) } else { PublicKey::from_spki_der(bytes) };
    match key {
        Ok(key) if known.fits(key.kind()) => Ok(LogKey::Usable { key, algorithm: known.algorithm }),
        Ok(key) => {
            Err(TrustRootError::new(format!("{at}.keyDetails"), Fault::KeyDetails { details: details.to_owned(), found: key.kind() }))
        }
        Err(error @ (KeyError::RsaModulusSize { .. } | KeyError::RsaExponent)) => Ok(LogKey::Unusable { reason: error.to_string() }),
        Err(error) => Err(TrustRootError::new(format!("{at}.rawBytes"), Fault::Key(error))),
    }
}

fn checkpoint_key_id(at: &str, document: Option<IdentifierDocument>) -> Result<Option<Vec<u8>>, TrustRootError> {
    let Some(document) = document else { return Ok(None) };
    let id = identifier(at, Some(document))?;
    if id.len() < KEY_HINT_LENGTH {
        return Err(TrustRootError::new(format!("{at}.keyId"), Fault::TooShort));
    }
    Ok(Some(id))
}

fn identifier(at: &str, document: Option<IdentifierDocument>) -> Result<Vec<u8>, TrustRootError> {
    bytes(&format!("{at}.keyId"), document.and_then(|document| document.key_id))
}

fn authority(at: &str, document: AuthorityDocument) -> Result<Authority, TrustRootError> {
    let subject = document.subject.unwrap_or_default();
    Ok(Authority {
        organization: text(subject.organization),
        common_name: text(subject.common_name),
        uri: text(document.uri),
        chain: chain(&format!("{at}.certChain.certificates"), document.cert_chain.unwrap_or_default())?,
        validity: validity(&format!("{at}.validFor"), document.valid_for)?,
        operator: text(document.operator),
    })
}

fn chain(at: &str, document: ChainDocument) -> Result<Vec<Vec<u8>>, TrustRootError> {
    let certificates = document.certificates.unwrap_or_default();
    if certificates.is_empty() {
        return Err(TrustRootError::new(at, Fault::Missing));
    }
    at_most(at, certificates.len(), MAX_CHAIN)?;
    let certificates = certificates.into_iter().enumerate();
    certificates.map(|(index, certificate)| bytes(&format!("{at}[{index}].rawBytes"), certificate.raw_bytes)).collect()
}

fn validity(at: &str, document: Option<RangeDocument>) -> Result<Validity, TrustRootError> {
    let document = document.unwrap_or_default();
    let (start, end) = (time(&format!("{at}.start"), document.start)?, time(&format!("{at}.end"), document.end)?);
    match (start, end) {
        (Some(start), Some(end)) if end < start => Err(TrustRootError::new(at, Fault::EmptyRange)),
        _ => Ok(Validity { start, end }),
    }
}

fn time(at: &str, text: Option<String>) -> Result<Option<Timestamp>, TrustRootError> {
    let Some(found) = text else { return Ok(None) };
    let parsed = has_rfc3339_shape(&found).then(|| found.parse().ok()).flatten();
    let fault = || TrustRootError::new(at, Fault::Time { found: found.escape_debug().to_string() });
    parsed.map(Some).ok_or_else(fault)
}

/// The parser of times reads more than RFC 3339: other separators, and annotations behind the zone.
fn has_rfc3339_shape(text: &str) -> bool {
    let Some((_, time)) = text.split_once('T') else { return false };
    let offset = || time.len().checked_sub(6).and_then(|start| time.get(start..)).is_some_and(is_offset);
    let full = time.get(2..3) == Some(":") && time.get(5..6) == Some(":");
    let date = text.get(..10).is_some_and(|date| date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
    date && full && (time.ends_with('Z') || offset())
}

fn is_offset(text: &str) -> bool {
    let mut symbols = text.chars();
    matches!(symbols.next(), Some('+' | '-')) && text.get(3..4) == Some(":") && symbols.filter(char::is_ascii_digit).count() == 4
}

fn bytes(at: &str, text: Option<String>) -> Result<Vec<u8>, TrustRootError> {
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| TrustRootError::new(at, Fault::Missing))?;
    base64_bytes(&text).ok_or_else(|| TrustRootError::new(at, Fault::Base64))
}

fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientDocument {
    trusted_root: Option<RootDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RootDocument {
    media_type: Option<String>,
    tlogs: Option<Vec<LogDocument>>,
    certificate_authorities: Option<Vec<AuthorityDocument>>,
    ctlogs: Option<Vec<LogDocument>>,
    timestamp_authorities: Option<Vec<AuthorityDocument>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogDocument {
    base_url: Option<String>,
    hash_algorithm: Option<String>,
    public_key: Option<KeyDocument>,
    log_id: Option<IdentifierDocument>,
    checkpoint_key_id: Option<IdentifierDocument>,
    operator: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyDocument {
    raw_bytes: Option<String>,
    key_details: Option<String>,
    valid_for: Option<RangeDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdentifierDocument {
    key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityDocument {
    subject: Option<SubjectDocument>,
    uri: Option<String>,
    cert_chain: Option<ChainDocument>,
    valid_for: Option<RangeDocument>,
    operator: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubjectDocument {
    organization: Option<String>,
    common_name: Option<String>,
}

#[derive(Default, Deserialize)]
struct ChainDocument {
    certificates: Option<Vec<CertificateDocument>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CertificateDocument {
    raw_bytes: Option<String>,
}

#[derive(Default, Deserialize)]
struct RangeDocument {
    start: Option<String>,
    end: Option<String>,
}
