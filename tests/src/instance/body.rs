//! What stands in a log about a signature: the kinds of entry that signers make.

use serde_json::{Value, json};

use super::key::{Hash, Key, base64, pem};
use super::signed::{Form, Signed};

/// How a log of the first generation takes envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// `dsse` 0.0.1.
    Dsse,
    /// `intoto` 0.0.2.
    Intoto,
}

/// Kind and version of an entry, and its body.
pub type Draft = ((&'static str, &'static str), Value);

/// What v1 holds about a signature.
pub fn v1(signed: &Signed, kind: EnvelopeKind) -> Draft {
    match (signed.form, kind) {
        (Form::SimpleSigning | Form::Message, _) => (("hashedrekord", "0.0.1"), hashedrekord_v1(signed)),
        (_, EnvelopeKind::Dsse) => (("dsse", "0.0.1"), dsse_v1(signed)),
        (_, EnvelopeKind::Intoto) => (("intoto", "0.0.2"), intoto_v2(signed)),
    }
}

fn hashedrekord_v1(signed: &Signed) -> Value {
    let hash = json!({"algorithm": small_name(signed.hash), "value": hex::encode(signed.hash.of(&signed.payload))});
    let signature = json!({"content": base64(&signed.signature), "publicKey": {"content": verifier_pem(signed)}});
    json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": {"hash": hash}, "signature": signature}})
}

fn dsse_v1(signed: &Signed) -> Value {
    let signatures = json!([{"signature": base64(&signed.signature), "verifier": verifier_pem(signed)}]);
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "envelopeHash": sha256(signed.envelope().to_string().as_bytes()),
        "payloadHash": sha256(&signed.payload),
        "signatures": signatures,
    }})
}

/// Its signatures are encoded twice.
fn intoto_v2(signed: &Signed) -> Value {
    let signature = json!({"publicKey": verifier_pem(signed), "sig": base64(base64(&signed.signature).as_bytes())});
    json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": {
        "envelope": {"payloadType": signed.payload_type, "signatures": [signature]},
        "hash": sha256(signed.envelope().to_string().as_bytes()),
        "payloadHash": sha256(&signed.payload),
    }}})
}

/// What v2 holds about any signature: the hash of what was signed, of an envelope that of its encoding.
pub fn v2(signed: &Signed) -> Draft {
    let verifier = match &signed.certificate {
        Some(der) => json!({"keyDetails": details(&signed.key, signed.hash), "x509Certificate": {"rawBytes": base64(der)}}),
        None => json!({"keyDetails": details(&signed.key, signed.hash), "publicKey": {"rawBytes": base64(&signed.key.spki())}}),
    };
    let data = json!({"algorithm": proto_name(signed.hash), "digest": base64(&signed.hash.of(&signed.to_be_signed()))});
    let signature = json!({"content": base64(&signed.signature), "verifier": verifier});
    let spec = json!({"hashedRekordV002": {"data": data, "signature": signature}});
    (("hashedrekord", "0.0.2"), json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec}))
}

fn sha256(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex::encode(Hash::Sha256.of(bytes))})
}

fn verifier_pem(signed: &Signed) -> String {
    let text = signed.certificate.as_ref().map_or_else(|| signed.key.pem(), |der| pem("CERTIFICATE", der));
    base64(text.as_bytes())
}

fn small_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha256 => "sha256",
        Hash::Sha384 => "sha384",
        Hash::Sha512 => "sha512",
    }
}

/// The name of a hash in protobuf documents.
pub fn proto_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha256 => "SHA2_256",
        Hash::Sha384 => "SHA2_384",
        Hash::Sha512 => "SHA2_512",
    }
}

fn details(key: &Key, hash: Hash) -> &'static str {
    use super::key::Kind;
    match (key.kind(), hash) {
        (Kind::Ed25519, _) => "PKIX_ED25519_PH",
        (Kind::P384, Hash::Sha256) => "PKIX_ECDSA_P384_SHA_256",
        _ => key.details(),
    }
}
