//! The key of an authority: `data`, `secretRef` or `kms`.

use serde_json::{Value, json};
use verimage_core::PolicyError;

use super::{NAMESPACE, World, given};
use crate::keys::{hash_named, pem_blocks, with_hash};
use crate::native::Native;
use crate::part::Part;

/// The key services that policy-controller asks.
const SERVICES: [&str; 4] = ["awskms://", "azurekms://", "gcpkms://", "hashivault://"];

/// The name of the key as a native anchor.
pub(super) fn anchor(key: &Part<'_>, world: &World<'_>, native: &mut Native) -> Result<String, PolicyError> {
    key.check_members(&["data", "hashAlgorithm", "kms", "secretRef"])?;
    let hash = given(key, "hashAlgorithm").map(|hash| hash_named(&hash, hash.text()?)).transpose()?;
    let kinds: Vec<_> = ["data", "kms", "secretRef"].into_iter().filter_map(|kind| Some((kind, given(key, kind)?))).collect();
    let (body, origin) = match kinds.as_slice() {
        [("data", data)] => (pem(data.text()?, data)?, data.clone()),
        [("kms", kms)] => (in_service(kms)?, kms.clone()),
        [(_, secret)] => in_secret(secret, world)?,
        _ => return Err(key.invalid("a key is exactly one of `data`, `secretRef` and `kms`")),
    };
    Ok(native.anchor("key", json!({"publicKey": with_hash(body, hash)}), &origin))
}

/// policy-controller reads the first block and passes over the others.
fn pem(text: &str, part: &Part<'_>) -> Result<Value, PolicyError> {
    let mut keys = pem_blocks(text).ok_or_else(|| part.invalid("this is no PEM public key"))?;
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(json!({"pem": key})),
        (None, _) => Err(part.invalid("this is no PEM public key")),
        (Some(_), false) => {
            let message = "policy-controller reads the first key of several and passes over the others";
            Err(part.unsupported(message, "write an authority for each key"))
        }
    }
}

fn in_service(kms: &Part<'_>) -> Result<Value, PolicyError> {
    let text = kms.text()?;
    if SERVICES.iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(json!({"ref": text}));
    }
    let hint = format!("write the key itself as `data`, or one of {}", SERVICES.join(", "));
    Err(kms.unsupported(format!("`{text}` is no key service that is known"), hint))
}

fn in_secret<'a>(secret: &Part<'a>, world: &World<'a>) -> Result<(Value, Part<'a>), PolicyError> {
    secret.check_members(&["name", "namespace"])?;
    let namespace = given(secret, "namespace").map_or(Ok(NAMESPACE), |namespace| namespace.text())?;
    let name = secret.need("name")?.text()?;
    match world.resources.secret(namespace, name) {
        Some(found) => {
            let (text, part) = found.only_text()?;
            Ok((pem(&text, &part)?, part))
        }
        None => Ok((json!({"ref": format!("k8s://{namespace}/{name}")}), secret.clone())),
    }
}
