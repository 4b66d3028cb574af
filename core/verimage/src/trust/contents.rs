//! What a trust root holds, for people. Verification reads it for itself, and more strictly.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use verimage_core::Code;

use crate::trust::TrustError;

/// How every media type of a trust root begins.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

/// What a trust root holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Contents {
    /// Its media type.
    pub media_type: String,
    /// Who issues certificates to signers.
    pub certificate_authorities: Vec<Authority>,
    /// Where signatures are logged.
    pub logs: Vec<Log>,
    /// Where certificates are logged.
    pub certificate_logs: Vec<Log>,
    /// Who issues time stamps.
    pub timestamp_authorities: Vec<Authority>,
}

/// A transparency log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Log {
    /// Its address.
    pub url: String,
    /// The kind of its key, in sigstore's words.
    pub key: String,
    /// The identifier of its key, in base64.
    pub id: String,
    /// Who runs it.
    pub operator: Option<String>,
    /// When its key counts.
    pub valid: Window,
}

/// An authority for certificates or time stamps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Authority {
    /// Its address.
    pub url: String,
    /// Whom its certificate names.
    pub subject: String,
    /// How many certificates its chain has.
    pub certificates: usize,
    /// Who runs it.
    pub operator: Option<String>,
    /// When it counts.
    pub valid: Window,
}

/// A span of time. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Window {
    /// Its first moment.
    pub start: Timestamp,
    /// Its last moment; without one, it is open.
    pub end: Option<Timestamp>,
}

impl Contents {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, TrustError> {
        let invalid = |why: String| TrustError::new(Code::MetadataInvalid, format!("this is no trust root: {why}"));
        let document: Document = serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        if !document.media_type.starts_with(MEDIA_TYPE) {
            return Err(invalid(format!("its media type is `{}`", document.media_type)));
        }
        Ok(Self {
            media_type: document.media_type,
            certificate_authorities: document.certificate_authorities.into_iter().map(Authority::from).collect(),
            logs: document.tlogs.into_iter().map(Log::from).collect(),
            certificate_logs: document.ctlogs.into_iter().map(Log::from).collect(),
            timestamp_authorities: document.timestamp_authorities.into_iter().map(Authority::from).collect(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: String,
    #[serde(default)]
    tlogs: Vec<LogDocument>,
    #[serde(default)]
    certificate_authorities: Vec<AuthorityDocument>,
    #[serde(default)]
    ctlogs: Vec<LogDocument>,
    #[serde(default)]
    timestamp_authorities: Vec<AuthorityDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogDocument {
    #[serde(default)]
    base_url: String,
    public_key: KeyDocument,
    log_id: IdDocument,
    operator: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyDocument {
    key_details: String,
    valid_for: Window,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdDocument {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityDocument {
    #[serde(default)]
    subject: SubjectDocument,
    #[serde(default)]
    uri: String,
    cert_chain: ChainDocument,
    valid_for: Window,
    operator: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubjectDocument {
    organization: Option<String>,
    common_name: Option<String>,
}

#[derive(Deserialize)]
struct ChainDocument {
    certificates: Vec<serde_json::Value>,
}

impl From<LogDocument> for Log {
    fn from(log: LogDocument) -> Self {
        let KeyDocument { key_details, valid_for } = log.public_key;
        Self { url: log.base_url, key: key_details, id: log.log_id.key_id, operator: log.operator, valid: valid_for }
    }
}

impl From<AuthorityDocument> for Authority {
    fn from(authority: AuthorityDocument) -> Self {
        let SubjectDocument { organization, common_name } = authority.subject;
        let parts = [("O", organization), ("CN", common_name)];
        let parts = parts.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}={value}")));
        Self {
            url: authority.uri,
            subject: parts.collect::<Vec<_>>().join(", "),
            certificates: authority.cert_chain.certificates.len(),
            operator: authority.operator,
            valid: authority.valid_for,
        }
    }
}
