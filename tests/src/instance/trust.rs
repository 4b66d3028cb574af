//! The trusted root of the instance: `trusted_root.json`, each part replaceable.

use serde_json::{Value, json};

use super::AUTHORITY_YEARS;
use super::certificate::Authority;
use super::der::rfc3339;
use super::key::{Key, base64};
use super::rekor::Rekor;
use super::tsa::TimestampAuthority;

/// When something is to be believed, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first second.
    pub start: Option<i64>,
    /// The last second.
    pub end: Option<i64>,
}

impl Window {
    /// From this second on.
    pub fn since(start: i64) -> Self {
        Self { start: Some(start), end: None }
    }

    /// Up to this second.
    pub fn until(end: i64) -> Self {
        Self { start: Some(AUTHORITY_YEARS.0), end: Some(end) }
    }

    fn json(self) -> Value {
        let mut range = json!({});
        for (name, second) in [("start", self.start), ("end", self.end)] {
            if let Some(second) = second {
                range[name] = Value::from(rfc3339(second));
            }
        }
        range
    }
}

/// A log, for signatures or for certificates.
#[derive(Clone, Debug)]
pub struct LogService {
    /// Where it is served.
    pub url: String,
    /// Its key.
    pub key: Key,
    /// Its identifier.
    pub id: Vec<u8>,
    /// When it is to be believed.
    pub window: Window,
}

/// An authority, for certificates or for time stamps.
#[derive(Clone, Debug)]
pub struct AuthorityService {
    /// Where it is served.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// Its certificates, the root last.
    pub chain: Vec<Vec<u8>>,
    /// When it is to be believed.
    pub window: Window,
}

/// Whom a verifier trusts.
#[derive(Clone, Debug, Default)]
pub struct TrustedRoot {
    /// Logs of signatures.
    pub logs: Vec<LogService>,
    /// Authorities for signing certificates.
    pub authorities: Vec<AuthorityService>,
    /// Logs of certificates.
    pub certificate_logs: Vec<LogService>,
    /// Authorities for time stamps.
    pub timestamp_authorities: Vec<AuthorityService>,
}

impl LogService {
    /// A log of signatures.
    pub fn rekor(log: &Rekor) -> Self {
        let window = Window::since(AUTHORITY_YEARS.0);
        Self { url: format!("https://{}", log.host), key: log.key.clone(), id: log.log_id(), window }
    }

    /// A log of certificates.
    pub fn certificates(host: &str, key: &Key) -> Self {
        Self { url: format!("https://{host}"), key: key.clone(), id: key.id(), window: Window::since(AUTHORITY_YEARS.0) }
    }

    fn json(&self) -> Value {
        let key = json!({"rawBytes": base64(&self.key.spki()), "keyDetails": self.key.details(), "validFor": self.window.json()});
        json!({"baseUrl": self.url, "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": {"keyId": base64(&self.id)}})
    }
}

impl AuthorityService {
    /// An authority for signing certificates.
    pub fn certificates(uri: &str, issuer: &Authority) -> Self {
        let window = Window::since(AUTHORITY_YEARS.0);
        Self { uri: uri.to_owned(), name: issuer.name.clone(), chain: issuer.chain(), window }
    }

    /// An authority for time stamps.
    pub fn timestamps(authority: &TimestampAuthority) -> Self {
        let window = Window::since(AUTHORITY_YEARS.0);
        Self { uri: authority.uri.clone(), name: authority.common_name.clone(), chain: authority.chain(), window }
    }

    fn json(&self) -> Value {
        let certificates: Vec<_> = self.chain.iter().map(|der| json!({"rawBytes": base64(der)})).collect();
        json!({"subject": {"organization": "example", "commonName": self.name}, "uri": self.uri,
            "certChain": {"certificates": certificates}, "validFor": self.window.json()})
    }
}

impl TrustedRoot {
    /// The document.
    pub fn json(&self) -> Value {
        let logs = |list: &[LogService]| list.iter().map(LogService::json).collect::<Vec<_>>();
        let authorities = |list: &[AuthorityService]| list.iter().map(AuthorityService::json).collect::<Vec<_>>();
        json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": logs(&self.logs),
            "certificateAuthorities": authorities(&self.authorities), "ctlogs": logs(&self.certificate_logs),
            "timestampAuthorities": authorities(&self.timestamp_authorities)})
    }
}
