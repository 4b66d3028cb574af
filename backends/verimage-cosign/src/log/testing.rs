//! Two logs of our own, with fixed keys: what they sign, an attacker cannot.

use ed25519_dalek::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use verimage_crypto::{CryptoSet, HashAlgorithm, KeyKind, PublicKey};

use super::body::{Binding, HashOf, Signed, Verifier};
use super::encoding::base64_text;
use super::logs::Logs;
use super::merkle::TreeHash;
use crate::trust_root::TrustRoot;

pub(super) const INTEGRATED_TIME: u64 = 1_700_000_000;
pub(super) const ARTIFACT: &[u8] = b"artifact";
pub(super) const SIGNATURE: &[u8] = b"signature";
pub(super) const CERTIFICATE: &[u8] = b"certificate in DER";
/// An RSA key of 2048 bits, as SubjectPublicKeyInfo in base64.
pub(crate) const RSA: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArygBLHaRrN3tFqRiojWl3Uh5Oprx67uqX32suEQGAzsNptmXHfT7mabUMzq8S4rPLD\
    lspdybb+hMP0QkUKQzg9YcQJvooXb/R8arkSbIEBvE0j7pycY1usbbev76k+tl/zmGYPAEiSZLu+vb37AI7wxDy1xK7gNmA2BzMz+SzJflF5Jb\
    lXPyE5bDoFDRaCVXUzaDj7HkExHYwrhemeVr+7Q3ymL7iWULU+iP/b2T2mb+YqNFAMH6ILUbz1fSYFpr+xLYPtlAmKmmpG7miU3BMajhC5i5j1\
    MkMkagn3J9E6D1nVM++fj+yrdns3M24MdmfQ4ncEujoeYIGhuPJbeOOQIDAQAB";
const SHARD: &str = "one.example - 42";
const HOST: &str = "two.example";

pub(super) const SETS: [fn() -> CryptoSet; 2] = [CryptoSet::rustcrypto, CryptoSet::aws_lc];

pub(super) fn p256_key() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()
}

pub(super) fn ed25519_key() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[9; 32])
}

pub(super) fn p256_public() -> PublicKey {
    PublicKey::from_spki_der(p256_key().verifying_key().to_public_key_der().unwrap().as_bytes()).unwrap()
}

fn ed25519_spki() -> Vec<u8> {
    let prefix = hex::decode("302a300506032b6570032100").unwrap();
    [prefix, ed25519_key().verifying_key().to_bytes().to_vec()].concat()
}

pub(super) fn ed25519_public() -> PublicKey {
    PublicKey::from_spki_der(&ed25519_spki()).unwrap()
}

pub(super) fn log_id_one() -> Vec<u8> {
    p256_public().fingerprint().as_bytes().to_vec()
}

/// The key identifier of a note's signer, as Rekor v2 makes it.
pub(super) fn log_id_two() -> Vec<u8> {
    let key = ed25519_key().verifying_key().to_bytes();
    HashAlgorithm::Sha256.digest(&[HOST.as_bytes(), b"\n\x01", &key].concat()).as_bytes().to_vec()
}

pub(super) fn trusted_root() -> Value {
    let range = json!({"start": "2023-01-01T00:00:00Z", "end": "2024-01-01T00:00:00Z"});
    let log = |url: &str, spki: &[u8], details: &str, id: &[u8]| {
        json!({"baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": {"keyId": base64_text(id)},
            "publicKey": {"rawBytes": base64_text(spki), "keyDetails": details, "validFor": range}})
    };
    json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": [
        log("https://one.example", p256_public().spki_der(), "PKIX_ECDSA_P256_SHA_256", &log_id_one()),
        log("https://two.example/", &ed25519_spki(), "PKIX_ED25519", &log_id_two()),
    ]})
}

pub(super) fn logs(set: &CryptoSet) -> Logs {
    Logs::load(&TrustRoot::parse(trusted_root().to_string().as_bytes()).unwrap().transparency_logs, set)
}

pub(super) fn sign_one(message: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = p256_key().sign(message);
    signature.to_der().as_bytes().to_vec()
}

pub(super) fn pem() -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64_text(CERTIFICATE))
}

/// A body of Rekor v1 for the artifact.
pub(super) fn body_one() -> String {
    let hash = hex::encode(HashAlgorithm::Sha256.digest(ARTIFACT).as_bytes());
    json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": {"hash": {"algorithm": "sha256", "value": hash}},
        "signature": {"content": base64_text(SIGNATURE), "publicKey": {"content": base64_text(pem().as_bytes())}}}})
    .to_string()
}

/// A body of Rekor v2 for the artifact.
pub(super) fn body_two() -> String {
    let digest = base64_text(HashAlgorithm::Sha256.digest(ARTIFACT).as_bytes());
    let verifier = json!({"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": base64_text(CERTIFICATE)}});
    json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {"data": {"algorithm": "SHA2_256", "digest": digest},
        "signature": {"content": base64_text(SIGNATURE), "verifier": verifier}}}})
    .to_string()
}

pub(super) fn promise(body: &str, index: u64, time: u64, log_id: &[u8]) -> Vec<u8> {
    let entry = json!({"body": base64_text(body.as_bytes()), "integratedTime": time, "logID": hex::encode(log_id), "logIndex": index});
    sign_one(&serde_json_canonicalizer::to_vec(&entry).unwrap())
}

/// The root of the tree in which the entry of Rekor v2 is.
pub(super) fn root_two() -> TreeHash {
    tree(&body_two()).1
}

/// A tree of two leaves, the entry on the right.
fn tree(body: &str) -> (TreeHash, TreeHash) {
    let left = TreeHash::leaf(b"left");
    (left, TreeHash::node(&left, &TreeHash::leaf(body.as_bytes())))
}

pub(super) fn note_text(origin: &str, size: u64, root: &TreeHash) -> String {
    format!("{origin}\n{size}\n{}\n", base64_text(root.as_bytes()))
}

pub(super) fn line(name: &str, id: &[u8], signature: &[u8]) -> String {
    format!("\u{2014} {name} {}\n", base64_text(&[&id[..4], signature].concat()))
}

pub(super) fn note_one(text: &str) -> String {
    format!("{text}\n{}", line("one.example", &log_id_one(), &sign_one(text.as_bytes())))
}

pub(super) fn note_two(text: &str) -> String {
    format!("{text}\n{}", line(HOST, &log_id_two(), &ed25519_key().sign(text.as_bytes()).to_bytes()))
}

/// An entry of Rekor v1 with promise and proof.
pub(super) fn entry_one() -> Value {
    let body = body_one();
    let (left, root) = tree(&body);
    json!({"logIndex": "1000", "logId": {"keyId": base64_text(&log_id_one())},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"}, "integratedTime": INTEGRATED_TIME.to_string(),
        "inclusionPromise": {"signedEntryTimestamp": base64_text(&promise(&body, 1000, INTEGRATED_TIME, &log_id_one()))},
        "inclusionProof": {"logIndex": "1", "rootHash": base64_text(root.as_bytes()), "treeSize": "2", "hashes": [base64_text(left.as_bytes())],
            "checkpoint": {"envelope": note_one(&note_text(SHARD, 2, &root))}},
        "canonicalizedBody": base64_text(body.as_bytes())})
}

/// An entry of Rekor v2.
pub(super) fn entry_two() -> Value {
    let body = body_two();
    let (left, root) = tree(&body);
    json!({"logIndex": "1", "logId": {"keyId": base64_text(&log_id_two())}, "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
        "inclusionProof": {"logIndex": "1", "rootHash": base64_text(root.as_bytes()), "treeSize": "2", "hashes": [base64_text(left.as_bytes())],
            "checkpoint": {"envelope": note_two(&note_text(HOST, 2, &root))}},
        "canonicalizedBody": base64_text(body.as_bytes())})
}

/// The annotation of a layer.
pub(super) fn annotation() -> Value {
    let body = body_one();
    json!({"SignedEntryTimestamp": base64_text(&promise(&body, 1000, INTEGRATED_TIME, &log_id_one())),
        "Payload": {"body": base64_text(body.as_bytes()), "integratedTime": INTEGRATED_TIME, "logIndex": 1000, "logID": hex::encode(log_id_one())}})
}

/// Calls with the signature that the entries are for.
pub(super) fn with_binding<T>(judge: impl FnOnce(Binding<'_>) -> T) -> T {
    let digest = HashAlgorithm::Sha256.digest(ARTIFACT);
    let verifier = Verifier::Certificate { der: CERTIFICATE, key: KeyKind::EcdsaP256 };
    judge(Binding { signature: SIGNATURE, verifier, signed: Signed::Message(HashOf::from(&digest)) })
}
