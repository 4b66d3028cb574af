//! Sigstore bundles and the statements in them (protobuf-specs `sigstore_bundle.proto`, DSSE 1.0, in-toto 1.0).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use serde_json::Value;
use verimage_core::{Digest, json};

/// How the media type of every bundle begins.
pub(crate) const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// The predicate that makes a statement an image signature.
pub(crate) const SIGN_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";

const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
];
const STATEMENT_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPES: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
/// Bounds of sigstore-go: subjects of a statement, digests of a subject.
const MAX_SUBJECTS: usize = 1024;
const MAX_DIGESTS: usize = 32;

/// A bundle with a DSSE envelope around an in-toto statement, its signature not yet verified.
#[derive(Debug)]
pub(crate) struct Bundle {
    payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Bundle {
    /// Reads a bundle of version 0.1 to 0.3 with exactly one signature. Unknown fields are other tools' evidence.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: BundleDocument = json::from_slice(bytes).map_err(|error| error.to_string())?;
        if !MEDIA_TYPES.contains(&document.media_type.as_str()) {
            return Err(format!("its media type is `{}`", document.media_type.escape_debug()));
        }
        let envelope = document.dsse_envelope.ok_or("it holds no DSSE envelope, and a message signature is no image signature")?;
        if envelope.payload_type != STATEMENT_PAYLOAD_TYPE {
            return Err(format!("its envelope holds `{}`, not a statement", envelope.payload_type.escape_debug()));
        }
        let [signature] = envelope.signatures.as_slice() else {
            return Err(format!("its envelope has {} signatures, expected one", envelope.signatures.len()));
        };
        Ok(Self { payload: decode(&envelope.payload)?, signature: decode(&signature.sig)? })
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleDocument {
    media_type: String,
    dsse_envelope: Option<EnvelopeDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeDocument {
    payload: String,
    payload_type: String,
    signatures: Vec<SignatureDocument>,
}

#[derive(Deserialize)]
struct SignatureDocument {
    sig: String,
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
    use serde_json::json;

    fn statement() -> Value {
        let digest = Digest::sha256(b"image").hex();
        json!({"_type": STATEMENT_TYPES[0], "subject": [{"digest": {"sha256": digest}}], "predicateType": SIGN_PREDICATE, "predicate": {}})
    }

    fn bundle(statement: &Value) -> Value {
        json!({"mediaType": MEDIA_TYPES[3], "verificationMaterial": {"publicKey": {"hint": "x"}}, "dsseEnvelope": {
            "payload": STANDARD.encode(statement.to_string()), "payloadType": STATEMENT_PAYLOAD_TYPE, "signatures": [{"sig": "c2ln"}]}})
    }

    fn parse(bundle: &Value) -> Result<Bundle, String> {
        Bundle::parse(bundle.to_string().as_bytes())
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_protocol() {
        let bundle = Bundle { payload: b"hello world".to_vec(), signature: Vec::new() };
        assert_eq!(bundle.signed_bytes(), b"DSSEv1 28 application/vnd.in-toto+json 11 hello world");
    }

    #[test]
    fn a_statement_names_the_digest_exactly() {
        let parsed = parse(&bundle(&statement())).unwrap().statement().unwrap();
        assert!(parsed.subject(&Digest::sha256(b"image")).is_some() && parsed.subject(&Digest::sha256(b"other")).is_none());
        for subject in [
            json!({"SHA256": Digest::sha256(b"image").hex()}),
            json!({"sha256": Digest::sha256(b"image").hex().to_uppercase()}),
            json!({"sha512": "00"}),
            json!({}),
        ] {
            let mut odd = statement();
            odd["subject"][0]["digest"] = subject;
            assert!(parse(&bundle(&odd)).unwrap().statement().unwrap().subject(&Digest::sha256(b"image")).is_none());
        }
    }

    #[test]
    fn refuses_other_envelopes_and_statements() {
        let good = bundle(&statement());
        for (pointer, value) in [
            ("/mediaType", json!("application/vnd.dev.sigstore.bundle.v0.4+json")),
            ("/dsseEnvelope/payloadType", json!("text/plain")),
            ("/dsseEnvelope/signatures", json!([])),
            ("/dsseEnvelope/signatures", json!([{"sig": "c2ln"}, {"sig": "c2ln"}])),
            ("/dsseEnvelope/payload", json!("not base64!")),
            ("/dsseEnvelope/signatures/0/sig", json!("")),
            ("/dsseEnvelope", Value::Null),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(parse(&bad).is_err(), "{pointer}");
        }
        for (key, value) in [
            ("_type", json!("other")),
            ("subject", json!([])),
            ("subject", json!([null])),
            ("subject", json!(vec![json!({"digest": {}}); 1025])),
        ] {
            let mut bad = statement();
            bad[key] = value;
            assert!(parse(&bundle(&bad)).unwrap().statement().is_err(), "{key}");
        }
    }
}
