//! From the JSON of a body to values: exact fields, none twice, none unknown.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use verimage_core::json;
use verimage_crypto::{HashAlgorithm, PublicKey};

use super::{Body, BodyError, Content, EntryKind, LoggedVerifier};
use crate::log::encoding::{base64_bytes, hex_bytes};
use crate::trust_root::KeyDetails;

const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END: &str = "-----END CERTIFICATE-----";

pub(super) fn read(bytes: &[u8]) -> Result<Body, BodyError> {
    let frame: Frame = json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let kind = EntryKind { kind: frame.kind, version: frame.api_version };
    let spec = frame.spec;
    match (kind.kind.as_str(), kind.version.as_str()) {
        ("hashedrekord", "0.0.1") => hashedrekord_1(kind, shape(spec)?),
        ("hashedrekord", "0.0.2") => hashedrekord_2(kind, shape(spec)?),
        ("dsse", "0.0.1") => dsse_1(kind, shape(spec)?),
        ("dsse", "0.0.2") => dsse_2(kind, shape(spec)?),
        ("intoto", "0.0.1") => intoto_1(kind, shape(spec)?),
        ("intoto", "0.0.2") => intoto_2(kind, shape(spec)?),
        _ => Err(BodyError::Kind(kind.to_string())),
    }
}

fn shape<T: DeserializeOwned>(spec: Value) -> Result<T, BodyError> {
    serde_json::from_value(spec).map_err(|error| malformed(error.to_string()))
}

fn malformed(detail: impl Into<String>) -> BodyError {
    BodyError::Malformed(detail.into())
}

fn hashedrekord_1(kind: EntryKind, spec: Hashedrekord1) -> Result<Body, BodyError> {
    let (algorithm, hash) = spec.data.hash.read()?;
    let signature = bytes(&spec.signature.content)?;
    let verifier = pem_verifier(&bytes(&spec.signature.public_key.content)?)?;
    Ok(Body { kind, signature: Some(signature), verifier, key_details: None, content: Content::Message { algorithm, hash } })
}

fn hashedrekord_2(kind: EntryKind, spec: Hashedrekord2) -> Result<Body, BodyError> {
    let Hashedrekord2Content { data, signature } = spec.content;
    let (algorithm, hash) = data.read()?;
    let (signature, verifier, key_details) = signature.read()?;
    if key_details.hash().is_some_and(|named| named != algorithm) {
        return Err(malformed("its hash is not that of its key type"));
    }
    Ok(Body { kind, signature: Some(signature), verifier, key_details: Some(key_details), content: Content::Message { algorithm, hash } })
}

fn dsse_1(kind: EntryKind, spec: Dsse1) -> Result<Body, BodyError> {
    let signature = single(spec.signatures)?;
    let content = Content::Envelope { payload: spec.payload_hash.sha256()?, envelope: Some(spec.envelope_hash.sha256()?) };
    let verifier = pem_verifier(&bytes(&signature.verifier)?)?;
    Ok(Body { kind, signature: Some(bytes(&signature.signature)?), verifier, key_details: None, content })
}

fn dsse_2(kind: EntryKind, spec: Dsse2) -> Result<Body, BodyError> {
    let (signature, verifier, key_details) = single(spec.content.signatures)?.read()?;
    let (algorithm, payload) = spec.content.payload_hash.read()?;
    if algorithm != HashAlgorithm::Sha256 {
        return Err(malformed("the payload's hash is not SHA-256"));
    }
    Ok(Body {
        kind,
        signature: Some(signature),
        verifier,
        key_details: Some(key_details),
        content: Content::Envelope { payload, envelope: None },
    })
}

/// As cosign 1 logged attestations: the hash of the stored envelope stands for the signature in it.
fn intoto_1(kind: EntryKind, spec: Intoto1) -> Result<Body, BodyError> {
    let verifier = pem_verifier(&bytes(&spec.public_key)?)?;
    let payload = spec.content.payload_hash.map(|hash| hash.sha256()).transpose()?;
    let content = Content::Stored { payload, envelope: spec.content.hash.sha256()? };
    Ok(Body { kind, signature: None, verifier, key_details: None, content })
}

/// Signature and payload are base64 of base64 here.
fn intoto_2(kind: EntryKind, spec: Intoto2) -> Result<Body, BodyError> {
    let Intoto2Content { envelope, hash, payload_hash } = spec.content;
    let signature = single(envelope.signatures)?;
    let payload = payload_hash.sha256()?;
    if let Some(text) = envelope.payload
        && Sha256::digest(twice(&text)?).as_slice() != payload
    {
        return Err(malformed("its payload is not that of its hash"));
    }
    let content = Content::Envelope { payload, envelope: Some(hash.sha256()?) };
    let verifier = pem_verifier(&bytes(&signature.public_key)?)?;
    Ok(Body { kind, signature: Some(twice(&signature.sig)?), verifier, key_details: None, content })
}

fn single<T>(signatures: Vec<T>) -> Result<T, BodyError> {
    let count = signatures.len();
    let mut signatures = signatures.into_iter();
    match (signatures.next(), count) {
        (Some(signature), 1) => Ok(signature),
        _ => Err(BodyError::Signatures(count)),
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, BodyError> {
    base64_bytes(text).filter(|bytes| !bytes.is_empty()).ok_or_else(|| malformed("a value is not base64, or empty"))
}

fn twice(text: &str) -> Result<Vec<u8>, BodyError> {
    bytes(&String::from_utf8(bytes(text)?).map_err(|_| malformed("a value is not base64 of base64"))?)
}

/// A certificate or a public key in PEM, one block. The certificate's bytes stay as they are.
fn pem_verifier(pem: &[u8]) -> Result<LoggedVerifier, BodyError> {
    let text = std::str::from_utf8(pem).map_err(|_| malformed("its key is no PEM"))?.trim();
    let Some(block) = text.strip_prefix(PEM_BEGIN) else {
        return PublicKey::from_pem(pem).map(LoggedVerifier::Key).map_err(|error| malformed(error.to_string()));
    };
    let block = block.strip_suffix(PEM_END).ok_or_else(|| malformed("its certificate is not one PEM block"))?;
    let joined: String = block.chars().filter(|symbol| !matches!(symbol, '\n' | '\r')).collect();
    bytes(&joined).map(LoggedVerifier::Certificate)
}

fn expect_length(algorithm: HashAlgorithm, hash: Vec<u8>) -> Result<(HashAlgorithm, Vec<u8>), BodyError> {
    let length = match algorithm {
        HashAlgorithm::Sha384 => 48,
        HashAlgorithm::Sha512 => 64,
        _ => 32,
    };
    if hash.len() == length { Ok((algorithm, hash)) } else { Err(malformed("a hash has the wrong length")) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Frame {
    api_version: String,
    kind: String,
    spec: Value,
}

/// Rekor v1: a name in small letters, and hexadecimal digits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HexHash {
    algorithm: String,
    value: String,
}

impl HexHash {
    fn read(&self) -> Result<(HashAlgorithm, Vec<u8>), BodyError> {
        let algorithm = match self.algorithm.as_str() {
            "sha256" => HashAlgorithm::Sha256,
            "sha384" => HashAlgorithm::Sha384,
            "sha512" => HashAlgorithm::Sha512,
            other => return Err(malformed(format!("the hash `{}` is not supported", other.escape_debug()))),
        };
        expect_length(algorithm, hex_bytes(&self.value).ok_or_else(|| malformed("a hash is not in small hexadecimal digits"))?)
    }

    fn sha256(&self) -> Result<Vec<u8>, BodyError> {
        match self.read()? {
            (HashAlgorithm::Sha256, hash) => Ok(hash),
            (other, _) => Err(malformed(format!("its envelope is hashed with {other}, expected SHA-256"))),
        }
    }
}

/// Rekor v2: a name of protobuf-specs, and base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedHash {
    algorithm: String,
    digest: String,
}

impl NamedHash {
    fn read(&self) -> Result<(HashAlgorithm, Vec<u8>), BodyError> {
        let algorithm = match self.algorithm.as_str() {
            "SHA2_256" => HashAlgorithm::Sha256,
            "SHA2_384" => HashAlgorithm::Sha384,
            "SHA2_512" => HashAlgorithm::Sha512,
            other => return Err(malformed(format!("the hash `{}` is not supported", other.escape_debug()))),
        };
        expect_length(algorithm, bytes(&self.digest)?)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashedrekord1 {
    data: Hashedrekord1Data,
    signature: Hashedrekord1Signature,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashedrekord1Data {
    hash: HexHash,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Hashedrekord1Signature {
    content: String,
    public_key: PemContent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PemContent {
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashedrekord2 {
    #[serde(rename = "hashedRekordV002")]
    content: Hashedrekord2Content,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashedrekord2Content {
    data: NamedHash,
    signature: Signature2,
}

/// A signature of Rekor v2 with its verifier.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature2 {
    content: String,
    verifier: Verifier2,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Verifier2 {
    key_details: String,
    x509_certificate: Option<RawBytes>,
    public_key: Option<RawBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawBytes {
    raw_bytes: String,
}

impl Signature2 {
    fn read(&self) -> Result<(Vec<u8>, LoggedVerifier, KeyDetails), BodyError> {
        let Verifier2 { key_details, x509_certificate, public_key } = &self.verifier;
        let unsupported = || malformed(format!("the key type `{}` is not supported", key_details.escape_debug()));
        let details = KeyDetails::named(key_details).ok_or_else(unsupported)?;
        let verifier = match (x509_certificate, public_key) {
            (Some(certificate), None) => LoggedVerifier::Certificate(bytes(&certificate.raw_bytes)?),
            (None, Some(key)) => {
                let key = PublicKey::from_spki_der(&bytes(&key.raw_bytes)?).map_err(|error| malformed(error.to_string()))?;
                LoggedVerifier::Key(key)
            }
            _ => return Err(malformed("it names not exactly one certificate or key")),
        };
        Ok((bytes(&self.content)?, verifier, details))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dsse1 {
    envelope_hash: HexHash,
    payload_hash: HexHash,
    signatures: Vec<Dsse1Signature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dsse1Signature {
    signature: String,
    verifier: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dsse2 {
    #[serde(rename = "dsseV002")]
    content: Dsse2Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dsse2Content {
    payload_hash: NamedHash,
    signatures: Vec<Signature2>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Intoto1 {
    content: Intoto1Content,
    public_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Intoto1Content {
    hash: HexHash,
    payload_hash: Option<HexHash>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Intoto2 {
    content: Intoto2Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Intoto2Content {
    envelope: Intoto2Envelope,
    hash: HexHash,
    payload_hash: HexHash,
}

/// The payload type is part of what is signed, so it is not compared.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Intoto2Envelope {
    payload: Option<String>,
    #[serde(rename = "payloadType")]
    _payload_type: String,
    signatures: Vec<Intoto2Signature>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Intoto2Signature {
    #[serde(rename = "keyid")]
    _key_id: Option<String>,
    public_key: String,
    sig: String,
}
