//! Whoever signs ([`Signer`]), and everything that a signature comes with ([`Signed`]).

use serde_json::{Value, json};

use super::SIGNED;
use super::body::{self, EnvelopeKind};
use super::judge::IMAGE;
use super::key::{Hash, Key, Kind, base64};
use super::rekor::{Entry, Proof, Rekor};
use super::tsa::{TimestampAuthority, Token};

/// The type of the payload of attestations.
pub const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";

/// How something is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A simple-signing payload, as cosign 1 and 2 sign images.
    SimpleSigning,
    /// A DSSE envelope, as bundles hold it.
    Envelope,
    /// A DSSE envelope as a layer, as cosign 1 and 2 attest: time stamps are over the whole envelope.
    LegacyEnvelope,
    /// The bytes themselves.
    Message,
}

/// Whoever signs, and with whom the signature is registered.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The key.
    pub key: Key,
    /// The hash; the one that goes with the key, if none.
    pub hash: Option<Hash>,
    /// The certificate of the key, if there is one.
    pub certificate: Option<Vec<u8>>,
    /// Certificates above, without the root.
    pub chain: Vec<Vec<u8>>,
    /// The logs that take an entry.
    pub logs: Vec<Rekor>,
    /// How logs of the first generation take envelopes.
    pub envelope_kind: EnvelopeKind,
    /// The authorities that stamp, and what they say.
    pub stamps: Vec<(TimestampAuthority, Token)>,
    /// When it happens.
    pub time: i64,
}

/// A signature and all its evidence. Take a good one, replace a part, put it together.
#[derive(Clone, Debug)]
pub struct Signed {
    /// How it was signed.
    pub form: Form,
    /// The payload, the statement, or the artifact.
    pub payload: Vec<u8>,
    /// The type of the payload of an envelope.
    pub payload_type: String,
    /// The signature.
    pub signature: Vec<u8>,
    /// The hash under it.
    pub hash: Hash,
    /// The key that signed.
    pub key: Key,
    /// The certificate of the key.
    pub certificate: Option<Vec<u8>>,
    /// Certificates above.
    pub chain: Vec<Vec<u8>>,
    /// What logs say about it.
    pub entries: Vec<Entry>,
    /// What time stamp authorities say about it: whole responses.
    pub tokens: Vec<Vec<u8>>,
}

impl Signer {
    /// Signs with this key alone.
    pub fn managed(key: Key) -> Self {
        let (certificate, chain, logs, stamps) = (None, Vec::new(), Vec::new(), Vec::new());
        Self { key, hash: None, certificate, chain, logs, envelope_kind: EnvelopeKind::Dsse, stamps, time: SIGNED }
    }

    /// Signs an image as cosign 1 and 2 do.
    pub fn sign_image(&self, digest: &str) -> Signed {
        self.sign_payload(simple_signing(digest).to_string().into_bytes())
    }

    /// Signs any payload of a simple-signing layer.
    pub fn sign_payload(&self, payload: Vec<u8>) -> Signed {
        self.sign(Form::SimpleSigning, payload, String::new())
    }

    /// Signs a statement for a bundle.
    pub fn attest(&self, statement: &Value) -> Signed {
        self.sign(Form::Envelope, statement.to_string().into_bytes(), STATEMENT_TYPE.to_owned())
    }

    /// Signs a statement for a layer.
    pub fn attest_legacy(&self, statement: &Value) -> Signed {
        self.sign(Form::LegacyEnvelope, statement.to_string().into_bytes(), STATEMENT_TYPE.to_owned())
    }

    /// Signs the image of the tests in the form of cosign 1 and 2, and in that of cosign 3.
    pub fn both_forms(&self) -> [Signed; 2] {
        [self.sign_image(IMAGE), self.attest(&image_statement(IMAGE))]
    }

    /// Signs bytes as they are.
    pub fn sign_message(&self, message: &[u8]) -> Signed {
        self.sign(Form::Message, message.to_vec(), String::new())
    }

    /// Signs, registers and stamps.
    pub fn sign(&self, form: Form, payload: Vec<u8>, payload_type: String) -> Signed {
        let (certificate, chain, key) = (self.certificate.clone(), self.chain.clone(), self.key.clone());
        let (hash, entries, tokens) = (self.hash.unwrap_or(key.hash()), Vec::new(), Vec::new());
        let mut signed = Signed { form, payload, payload_type, signature: Vec::new(), hash, key, certificate, chain, entries, tokens };
        signed.signature = match (form, self.key.kind()) {
            (Form::Message, Kind::Ed25519) => self.key.sign_prehashed(&signed.payload),
            _ => self.key.sign_with(hash, &signed.to_be_signed()),
        };
        self.register(signed)
    }

    /// Enters and stamps what is signed, in place of what was there.
    pub fn register(&self, mut signed: Signed) -> Signed {
        signed.entries = self.logs.iter().map(|log| self.enter(log, &signed)).collect();
        signed.tokens = self.stamps.iter().map(|(authority, token)| authority.stamp(&signed.stamped(), token)).collect();
        signed
    }

    /// The entry that a log makes.
    pub fn enter(&self, log: &Rekor, signed: &Signed) -> Entry {
        let (kind, body) = if log.is_v2() { body::v2(signed) } else { body::v1(signed, self.envelope_kind) };
        log.enter(kind, &body, self.time)
    }
}

impl Signed {
    /// With a change.
    pub fn changed(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// With a change to the first entry.
    pub fn entry(&self, change: impl FnOnce(&mut Entry)) -> Self {
        self.changed(|signed| change(&mut signed.entries[0]))
    }

    /// With a change to the proof of the first entry.
    pub fn proof(&self, change: impl FnOnce(&mut Proof)) -> Self {
        self.entry(|entry| change(entry.proof.as_mut().expect("a proof")))
    }

    /// The bytes under the signature.
    pub fn to_be_signed(&self) -> Vec<u8> {
        match self.form {
            Form::SimpleSigning | Form::Message => self.payload.clone(),
            Form::Envelope | Form::LegacyEnvelope => encoding(&self.payload_type, &self.payload),
        }
    }

    /// The bytes that are stamped.
    pub fn stamped(&self) -> Vec<u8> {
        match self.form {
            Form::LegacyEnvelope => self.envelope().to_string().into_bytes(),
            _ => self.signature.clone(),
        }
    }

    /// The DSSE envelope.
    pub fn envelope(&self) -> Value {
        json!({"payload": base64(&self.payload), "payloadType": self.payload_type, "signatures": [{"sig": base64(&self.signature)}]})
    }
}

/// What DSSE signs.
pub fn encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// The payload that cosign 1 and 2 sign.
pub fn simple_signing(digest: &str) -> Value {
    json!({"critical": {
        "identity": {"docker-reference": "registry.example/app"},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }, "optional": null})
}

/// The statement that cosign 3 signs for an image.
pub fn image_statement(digest: &str) -> Value {
    statement(digest, "https://sigstore.dev/cosign/sign/v1", json!({}))
}

/// A statement about an image.
pub fn statement(digest: &str, predicate_type: &str, predicate: Value) -> Value {
    let (_, hex) = digest.split_once(':').expect("a digest");
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "registry.example/app", "digest": {"sha256": hex}}],
        "predicateType": predicate_type, "predicate": predicate})
}
