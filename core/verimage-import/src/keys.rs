//! Public keys as other tools' policies give them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use verimage_core::{Digest, PolicyError};

use crate::native::Native;
use crate::objects::{Resource, Resources};
use crate::part::Part;

/// The places of keys that a native policy can name.
const PLACES: [&str; 5] = ["awskms://", "azurekms://", "gcpkms://", "hashivault://", "k8s://"];
/// How the keys of logs begin, with the names that trusted roots have for their types.
const LOG_KEYS: [(&[u8], &str); 3] = [
    (b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", "PKIX_ECDSA_P256_SHA_256"),
    (b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22", "PKIX_ECDSA_P384_SHA_384"),
    (b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70", "PKIX_ED25519"),
];

/// The anchors of the keys of a text: PEM blocks, each of which is a key of its own, or the place of one.
pub(crate) fn of_text(
    part: &Part<'_>,
    text: &str,
    hash: Option<&str>,
    resources: &Resources<'_>,
    native: &mut Native,
) -> Result<Vec<String>, PolicyError> {
    let text = text.trim();
    let in_file = text.strip_prefix("k8s://").and_then(|secret| secret.split_once('/'));
    match in_file.and_then(|(namespace, name)| resources.secret(namespace, name)) {
        Some(secret) => in_secret(secret, hash, native),
        None if text.contains("-----BEGIN") => of_pem(text, part, hash, native),
        None => Ok(vec![at_place(part, text, hash, native)?]),
    }
}

fn of_pem(text: &str, part: &Part<'_>, hash: Option<&str>, native: &mut Native) -> Result<Vec<String>, PolicyError> {
    let keys = pem_blocks(text).ok_or_else(|| part.invalid("this is neither a PEM public key nor the place of one"))?;
    Ok(keys.into_iter().map(|pem| native.anchor("key", json!({"publicKey": with_hash(json!({"pem": pem}), hash)}), part)).collect())
}

/// cosign puts a public key into a Secret under this name, and looks at the first block there alone.
pub(crate) fn in_secret(secret: &Resource<'_>, hash: Option<&str>, native: &mut Native) -> Result<Vec<String>, PolicyError> {
    let (text, part) = secret.text("cosign.pub")?;
    match of_pem(&text, &part, hash, native)? {
        keys if keys.len() > 1 => {
            Err(part.unsupported("the first of these keys alone would be looked at", "put each key into a Secret of its own"))
        }
        keys => Ok(keys),
    }
}

/// The anchor of a key that is elsewhere.
pub(crate) fn at_place(part: &Part<'_>, text: &str, hash: Option<&str>, native: &mut Native) -> Result<String, PolicyError> {
    if !PLACES.iter().any(|place| text.starts_with(place)) {
        let hint = format!("write the key itself, as PEM, or one of {}", PLACES.join(", "));
        return Err(part.unsupported(format!("`{text}` is no place of keys that is known"), hint));
    }
    Ok(native.anchor("key", json!({"publicKey": with_hash(json!({"ref": text}), hash)}), part))
}

/// The hash algorithm of this name.
pub(crate) fn hash_named(part: &Part<'_>, name: &str) -> Result<&'static str, PolicyError> {
    match name {
        "sha256" => Ok("sha256"),
        "sha384" => Ok("sha384"),
        "sha512" => Ok("sha512"),
        "sha224" => Err(part.unsupported("signatures over SHA-224 are not verified", "sign with SHA-256 or longer")),
        _ => Err(part.invalid("the algorithm is `sha224`, `sha256`, `sha384` or `sha512`")),
    }
}

/// The body of a public key with the only hash that it may be used with.
pub(crate) fn with_hash(mut key: Value, hash: Option<&str>) -> Value {
    if let (Some(key), Some(hash)) = (key.as_object_mut(), hash) {
        key.insert("hash".to_owned(), hash.into());
    }
    key
}

/// Each block on its own; nothing if something stands outside of blocks.
pub(crate) fn pem_blocks(text: &str) -> Option<Vec<String>> {
    let (mut blocks, mut block) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("-----BEGIN") != block.is_empty() {
            return None;
        }
        block.push_str(line);
        block.push('\n');
        if line.starts_with("-----END") {
            blocks.push(std::mem::take(&mut block));
        }
    }
    block.is_empty().then_some(blocks)
}

/// What stands between the lines that begin and end a block, without line breaks.
pub(crate) fn pem_body(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect()
}

/// A log with this key, as trusted roots have it.
pub(crate) fn log(key: &Part<'_>, text: &str, url: &str) -> Result<Value, PolicyError> {
    let body = pem_body(text);
    let der = STANDARD.decode(&body).map_err(|_| key.invalid("this is no PEM public key"))?;
    let kind = LOG_KEYS.iter().find(|(begin, _)| der.starts_with(begin)).map(|(_, kind)| *kind);
    let kind = kind.ok_or_else(|| {
        let hint = "write a native policy, and put the log into a trusted root";
        key.unsupported("keys of logs are ECDSA P-256, P-384 or Ed25519 here", hint)
    })?;
    let identifier = hex::decode(Digest::sha256(&der).hex()).map(|bytes| STANDARD.encode(bytes)).unwrap_or_default();
    Ok(json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": body, "keyDetails": kind, "validFor": {"start": "1970-01-01T00:00:00Z"}},
        "logId": {"keyId": identifier},
    }))
}

/// A trusted root with these members.
pub(crate) fn root_document(mut members: Map<String, Value>) -> Value {
    members.insert("mediaType".to_owned(), "application/vnd.dev.sigstore.trustedroot+json;version=0.1".into());
    members.into()
}

/// The anchor of a trusted root with these members.
pub(crate) fn trusted_root(prefix: &str, members: Map<String, Value>, origin: &Part<'_>, native: &mut Native) -> String {
    native.anchor(prefix, json!({"trustedRoot": {"json": root_document(members).to_string()}}), origin)
}

/// The anchor of a trusted root of this one log.
pub(crate) fn log_root(key: &Part<'_>, text: &str, url: &str, native: &mut Native) -> Result<String, PolicyError> {
    let logs = Map::from_iter([("tlogs".to_owned(), json!([log(key, text, url)?]))]);
    Ok(trusted_root("log", logs, key, native))
}
