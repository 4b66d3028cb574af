use serde_json::{Value, json};
use verimage_crypto::HashAlgorithm::{Sha256, Sha512};

use super::*;
use crate::log::encoding::base64_text;
use crate::log::testing::{ARTIFACT, CERTIFICATE, SIGNATURE, body_one, body_two, ed25519_public, p256_public, pem, with_binding};

const PAYLOAD: &[u8] = b"{}";
const ENVELOPE: &[u8] = b"the envelope as stored";

fn hash(bytes: &[u8]) -> Value {
    json!({"algorithm": "sha256", "value": hex::encode(Sha256.digest(bytes).as_bytes())})
}

fn dsse() -> Value {
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"envelopeHash": hash(ENVELOPE), "payloadHash": hash(PAYLOAD),
        "signatures": [{"signature": base64_text(SIGNATURE), "verifier": base64_text(pem().as_bytes())}]}})
}

fn dsse_2() -> Value {
    let verifier = json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": base64_text(CERTIFICATE)}});
    let payload = json!({"algorithm": "SHA2_256", "digest": base64_text(Sha256.digest(PAYLOAD).as_bytes())});
    json!({"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": {"payloadHash": payload,
        "signatures": [{"content": base64_text(SIGNATURE), "verifier": verifier}]}}})
}

fn intoto() -> Value {
    let twice = |bytes: &[u8]| base64_text(base64_text(bytes).as_bytes());
    let signature = json!({"sig": twice(SIGNATURE), "publicKey": base64_text(pem().as_bytes())});
    json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": {"hash": hash(ENVELOPE), "payloadHash": hash(PAYLOAD),
        "envelope": {"payload": twice(PAYLOAD), "payloadType": "application/vnd.in-toto+json", "signatures": [signature]}}}})
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn edited(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

fn read(body: &Value) -> Result<Body, BodyError> {
    Body::parse(body.to_string().as_bytes())
}

/// Judges under a binding to the envelope, which a test may change.
fn judge_envelope(body: &Value, change: impl FnOnce(Binding<'_>) -> Result<(), Mismatch>) -> Result<(), Mismatch> {
    assert!(read(body).is_ok());
    let (encoding, payload) = (Sha256.digest(ARTIFACT), Sha256.digest(PAYLOAD));
    let signed = Signed::Envelope { encoding: HashOf::from(&encoding), payload: payload.as_bytes(), envelope: None };
    with_binding(|binding| change(Binding { signed, ..binding }))
}

#[test]
fn every_kind_is_read() {
    for body in [value(&body_one()), value(&body_two()), dsse(), dsse_2(), intoto()] {
        let found = read(&body).unwrap();
        assert_eq!((json!(found.kind.kind), json!(found.kind.version)), (body["kind"].clone(), body["apiVersion"].clone()));
        assert_eq!(judge_envelope(&body, |binding| found.check(&binding)), Ok(()), "{}", found.kind);
    }
}

#[test]
fn messages_are_for_hashedrekord_alone() {
    for (body, fits) in [(value(&body_one()), true), (value(&body_two()), true), (dsse(), false), (dsse_2(), false), (intoto(), false)] {
        let found = read(&body).unwrap();
        let outcome = with_binding(|binding| found.check(&binding));
        assert_eq!(outcome.is_ok(), fits, "{}", found.kind);
        assert!(fits || outcome == Err(Mismatch::Kind(found.kind.to_string())));
    }
}

#[test]
fn an_entry_of_another_signature_is_refused() {
    for body in [value(&body_one()), value(&body_two()), dsse(), dsse_2(), intoto()] {
        let found = read(&body).unwrap();
        let judge = |change: fn(Binding<'_>) -> Binding<'_>| judge_envelope(&body, |binding| found.check(&change(binding)));
        let other = Verifier::Certificate { der: b"other certificate", key: KeyKind::EcdsaP256 };
        assert_eq!(judge(|binding| Binding { signature: b"other", ..binding }), Err(Mismatch::Signature));
        assert_eq!(judge(|binding| Binding { signature: b"", ..binding }), Err(Mismatch::Signature));
        assert_eq!(judge_envelope(&body, |binding| found.check(&Binding { verifier: other, ..binding })), Err(Mismatch::Verifier));
        let key = p256_public();
        let by_key = |binding: Binding<'_>| found.check(&Binding { verifier: Verifier::Key(&key), ..binding });
        assert_eq!(judge_envelope(&body, by_key), Err(Mismatch::Verifier));
    }
}

#[test]
fn an_entry_of_another_artifact_is_refused() {
    let other = Sha256.digest(b"other");
    let longer = Sha512.digest(ARTIFACT);
    for body in [value(&body_one()), value(&body_two())] {
        let found = read(&body).unwrap();
        let judge = |digest: &MessageDigest| {
            with_binding(|binding| found.check(&Binding { signed: Signed::Message(HashOf::from(digest)), ..binding }))
        };
        assert_eq!(judge(&other), Err(Mismatch::Artifact));
        assert_eq!(judge(&longer), Err(Mismatch::HashAlgorithm { entry: Sha256, signed: Sha512 }));
    }
}

#[test]
fn an_entry_of_another_envelope_is_refused() {
    let (encoding, payload, other) = (Sha256.digest(ARTIFACT), Sha256.digest(PAYLOAD), Sha256.digest(b"other"));
    let stored = Sha256.digest(ENVELOPE);
    for body in [dsse(), intoto()] {
        let found = read(&body).unwrap();
        let judge = |payload: &MessageDigest, envelope: Option<&MessageDigest>| {
            let envelope = envelope.map(MessageDigest::as_bytes);
            let signed = Signed::Envelope { encoding: HashOf::from(&encoding), payload: payload.as_bytes(), envelope };
            with_binding(|binding| found.check(&Binding { signed, ..binding }))
        };
        assert_eq!(judge(&payload, None), Ok(()));
        assert_eq!(judge(&payload, Some(&stored)), Ok(()));
        assert_eq!(judge(&payload, Some(&other)), Err(Mismatch::Envelope));
        assert_eq!(judge(&other, None), Err(Mismatch::Payload));
    }
}

#[test]
fn the_key_type_of_rekor_2_fits_the_key() {
    let details = "/spec/hashedRekordV002/signature/verifier/keyDetails";
    let found = read(&edited(value(&body_two()), details, json!("PKIX_RSA_PSS_2048_SHA256"))).unwrap();
    assert_eq!(with_binding(|binding| found.check(&binding)), Err(Mismatch::KeyDetails(KeyKind::EcdsaP256)));
    let unknown = read(&edited(value(&body_two()), details, json!("PKIX_NEW")));
    assert!(matches!(unknown, Err(BodyError::Malformed(_))));
    let other_hash = read(&edited(value(&body_two()), details, json!("PKIX_ECDSA_P384_SHA_384")));
    assert!(matches!(other_hash, Err(BodyError::Malformed(_))));
}

#[test]
fn keys_are_compared_as_keys() {
    let key = p256_public();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64_text(key.spki_der()));
    let one = edited(value(&body_one()), "/spec/signature/publicKey/content", json!(base64_text(pem.as_bytes())));
    let verifier = json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": base64_text(key.spki_der())}});
    let two = edited(value(&body_two()), "/spec/hashedRekordV002/signature/verifier", verifier);
    for body in [one, two] {
        let found = read(&body).unwrap();
        with_binding(|binding| {
            assert_eq!(found.check(&Binding { verifier: Verifier::Key(&key), ..binding }), Ok(()));
            assert_eq!(found.check(&binding), Err(Mismatch::Verifier));
            let other = ed25519_public();
            assert_eq!(found.check(&Binding { verifier: Verifier::Key(&other), ..binding }), Err(Mismatch::Verifier));
        });
    }
}

#[test]
fn one_signature_is_expected() {
    for (body, pointer) in
        [(dsse(), "/spec/signatures"), (dsse_2(), "/spec/dsseV002/signatures"), (intoto(), "/spec/content/envelope/signatures")]
    {
        let first = body.pointer(pointer).unwrap()[0].clone();
        assert_eq!(read(&edited(body.clone(), pointer, json!([first, first]))).unwrap_err(), BodyError::Signatures(2));
        assert_eq!(read(&edited(body, pointer, json!([]))).unwrap_err(), BodyError::Signatures(0));
    }
}

#[test]
fn unknown_kinds_and_versions_are_refused() {
    for (kind, version) in [("hashedrekord", "0.0.3"), ("intoto", "0.0.3"), ("rekord", "0.0.1"), ("", "")] {
        let body = edited(edited(value(&body_one()), "/kind", json!(kind)), "/apiVersion", json!(version));
        assert_eq!(read(&body).unwrap_err(), BodyError::Kind(format!("{kind} {version}")));
    }
}

#[test]
fn bodies_are_read_strictly() {
    let pem_twice = base64_text(format!("{}{}", pem(), pem()).as_bytes());
    for (body, pointer, bad) in [
        (value(&body_one()), "/spec/data/hash/algorithm", json!("SHA256")),
        (value(&body_one()), "/spec/data/hash/algorithm", json!("md5")),
        (value(&body_one()), "/spec/data/hash/value", json!("00")),
        (value(&body_one()), "/spec/data/hash/value", json!(hex::encode(Sha256.digest(ARTIFACT).as_bytes()).to_uppercase())),
        (value(&body_one()), "/spec/data/hash/value", json!(hex::encode(Sha512.digest(ARTIFACT).as_bytes()))),
        (value(&body_one()), "/spec/signature/content", json!("")),
        (value(&body_one()), "/spec/signature/publicKey/content", json!(base64_text(b"no key"))),
        (value(&body_one()), "/spec/signature/publicKey/content", json!(pem_twice)),
        (value(&body_one()), "/spec/data", json!({})),
        (value(&body_one()), "/spec/data", json!({"hash": hash(ARTIFACT), "content": "eA=="})),
        (value(&body_two()), "/spec/hashedRekordV002/data/algorithm", json!("SHA2_384")),
        (value(&body_two()), "/spec/hashedRekordV002/signature/verifier", json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256"})),
        (dsse(), "/spec/payloadHash/algorithm", json!("sha512")),
        (
            dsse_2(),
            "/spec/dsseV002/payloadHash",
            json!({"algorithm": "SHA2_512", "digest": base64_text(Sha512.digest(PAYLOAD).as_bytes())}),
        ),
        (intoto(), "/spec/content/envelope/payload", json!(base64_text(base64_text(b"other").as_bytes()))),
        (intoto(), "/spec/content/envelope/signatures/0/sig", json!(base64_text(SIGNATURE))),
    ] {
        assert!(matches!(read(&edited(body, pointer, bad.clone())), Err(BodyError::Malformed(_))), "{pointer} {bad}");
    }
    let twice = body_one().replace("\"kind\"", "\"kind\":\"dsse\",\"kind\"");
    assert!(matches!(Body::parse(twice.as_bytes()), Err(BodyError::Malformed(_))));
    assert!(Body::parse(b"").is_err());
}
