//! Keys, logs and expressions as native policies write them, for the importers that share them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use verimage_core::policy::Pattern;
use verimage_core::{Digest, PolicyError};

use crate::part::Part;

/// How the keys of logs begin, with the names that trusted roots have for their types.
const LOG_KEYS: [(&[u8], &str); 3] = [
    (b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", "PKIX_ECDSA_P256_SHA_256"),
    (b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22", "PKIX_ECDSA_P384_SHA_384"),
    (b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70", "PKIX_ED25519"),
];

/// An expression of Go, which matches anywhere, as a native one, which matches the whole text. It must be an expression of its
/// own, or it could close the group around it.
pub(crate) fn anywhere(part: &Part<'_>, expression: &str) -> Result<String, PolicyError> {
    Pattern::regex(expression).map_err(|reason| part.invalid(format!("the regular expression: {reason}")))?;
    Ok(format!("(?s:.*)(?:{expression})(?s:.*)"))
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

/// A log of a trusted root.
pub(crate) fn log(key: &Part<'_>, pem: &str, url: &str) -> Result<Value, PolicyError> {
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
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

/// A trusted root with these lists.
pub(crate) fn trusted_root<const N: usize>(lists: [(&str, Vec<Value>); N]) -> Value {
    let media_type = ("mediaType".to_owned(), json!("application/vnd.dev.sigstore.trustedroot+json;version=0.1"));
    let lists = lists.into_iter().map(|(name, list)| (name.to_owned(), list.into()));
    [media_type].into_iter().chain(lists).collect::<Map<_, _>>().into()
}
