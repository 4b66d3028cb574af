//! DSSE envelopes and the in-toto statements in them (DSSE 1.0, in-toto 1.0).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use serde_json::Value;
use verimage_core::{Digest, json};

pub(crate) const STATEMENT_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
pub(crate) const STATEMENT_TYPES: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
/// Bounds of sigstore-go: subjects of a statement, digests of a subject.
const MAX_SUBJECTS: usize = 1024;
const MAX_DIGESTS: usize = 32;

/// An envelope around an in-toto statement with exactly one signature, which is not yet verified.
#[derive(Debug)]
pub(crate) struct Envelope {
    payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Envelope {
    /// Reads an envelope that is stored on its own. Unknown fields are ignored, as `keyid` is: they prove nothing.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        json::from_slice::<EnvelopeDocument>(bytes).map_err(|error| error.to_string())?.read()
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes that were signed (DSSE protocol, "PAE").
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        let head = format!("DSSEv1 {} {STATEMENT_PAYLOAD_TYPE} {} ", STATEMENT_PAYLOAD_TYPE.len(), self.payload.len());
        [head.as_bytes(), &self.payload].concat()
    }

    /// The statement; believe it only after the signature over [`signed_bytes`](Self::signed_bytes) was verified.
    pub(crate) fn statement(&self) -> Result<Statement, String> {
        let statement: Statement = json::from_slice(&self.payload).map_err(|error| error.to_string())?;
        if !STATEMENT_TYPES.contains(&statement.kind.as_str()) {
            return Err(format!("its statement is a `{}`", statement.kind.escape_debug()));
        }
        let bounded = (1..=MAX_SUBJECTS).contains(&statement.subject.len());
        if !bounded || statement.subject.iter().any(|subject| subject.digest.len() > MAX_DIGESTS) {
            return Err(format!("its statement has not 1 to {MAX_SUBJECTS} subjects of at most {MAX_DIGESTS} digests"));
        }
        Ok(statement)
    }
}

/// An in-toto statement.
#[derive(Debug, Deserialize)]
pub(crate) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<StatementSubject>,
    #[serde(rename = "predicateType")]
    pub(crate) predicate_type: String,
    #[serde(default)]
    pub(crate) predicate: Value,
}

/// What a statement is about.
#[derive(Debug, Deserialize)]
pub(crate) struct StatementSubject {
    digest: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, Value>,
}

impl Statement {
    /// The subject that has this digest, if any does.
    pub(crate) fn subject(&self, digest: &Digest) -> Option<&StatementSubject> {
        let (name, hex) = (digest.algorithm().name(), digest.hex());
        self.subject.iter().find(|subject| subject.digest.get(name) == Some(&hex))
    }

    /// The digests that the statement names, for a message.
    pub(crate) fn named(&self) -> String {
        let named = self.subject.iter().take(3).flat_map(|subject| &subject.digest);
        named.map(|(name, hex)| format!("{}:{}", name.escape_debug(), hex.escape_debug())).collect::<Vec<_>>().join(", ")
    }
}

/// An envelope as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvelopeDocument {
    payload: String,
    payload_type: String,
    signatures: Vec<SignatureDocument>,
}

#[derive(Deserialize)]
struct SignatureDocument {
    sig: String,
}

impl EnvelopeDocument {
    pub(crate) fn read(self) -> Result<Envelope, String> {
        if self.payload_type != STATEMENT_PAYLOAD_TYPE {
            return Err(format!("its envelope holds `{}`, not a statement", self.payload_type.escape_debug()));
        }
        let [signature] = self.signatures.as_slice() else {
            return Err(format!("its envelope has {} signatures, expected one", self.signatures.len()));
        };
        Ok(Envelope { payload: decode(&self.payload)?, signature: decode(&signature.sig)? })
    }
}

/// DSSE allows both alphabets of base64; padding is demanded.
fn decode(text: &str) -> Result<Vec<u8>, String> {
    let engines: [&GeneralPurpose; 2] = [&STANDARD, &URL_SAFE];
    let decoded = engines.iter().find_map(|engine| engine.decode(text).ok());
    decoded.filter(|bytes| !bytes.is_empty()).ok_or_else(|| "its envelope is not base64, or empty".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_bytes_are_those_of_the_protocol() {
        let envelope = Envelope { payload: b"hello world".to_vec(), signature: Vec::new() };
        assert_eq!(envelope.signed_bytes(), b"DSSEv1 28 application/vnd.in-toto+json 11 hello world");
    }
}
