//! Layers and payloads of cosign's simple signing (cosign `SIGNATURE_SPEC.md`, "Payload" and "Signature").

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use verimage_core::manifest::Descriptor;
use verimage_core::{Digest, json};

/// Media type of a layer that holds a payload.
pub const SIMPLE_SIGNING_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Media type of a layer that holds an envelope.
pub(crate) const ENVELOPE_MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
const PAYLOAD_TYPE: &str = "cosign container image signature";
/// The longest signature that any supported key makes is 1,024 bytes; in base64 with line breaks that is below this.
const MAX_SIGNATURE_TEXT: usize = 8192;

/// What a signer signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    /// The digest that the signer vouches for.
    pub digest: Digest,
    /// The name under which it was signed; cosign lets signers put anything here.
    pub docker_reference: String,
    /// Free values.
    pub optional: BTreeMap<String, Value>,
}

impl Payload {
    /// Reads a payload strictly: exact keys, none twice, none unknown, and cosign's own type.
    ///
    /// # Errors
    /// [`PayloadError`] says what does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let document: PayloadDocument = json::from_slice(bytes).map_err(|error| PayloadError(error.to_string()))?;
        let critical = document.critical;
        if critical.kind != PAYLOAD_TYPE {
            return Err(PayloadError(format!("its type is `{}`, expected `{PAYLOAD_TYPE}`", critical.kind.escape_debug())));
        }
        Ok(Self {
            digest: critical.image.digest,
            docker_reference: critical.identity.docker_reference,
            optional: document.optional.unwrap_or_default(),
        })
    }
}

/// Why bytes are no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadError(String);

impl fmt::Display for PayloadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for PayloadError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayloadDocument {
    critical: Critical,
    optional: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    docker_reference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: Digest,
}

/// The signature of a layer: standard base64 with padding, in which line breaks are ignored as Go's decoder does.
pub(crate) fn signature(layer: &Descriptor) -> Result<Vec<u8>, String> {
    let text =
        layer.annotations.get(SIGNATURE_ANNOTATION).ok_or_else(|| format!("the layer has no annotation `{SIGNATURE_ANNOTATION}`"))?;
    if text.len() > MAX_SIGNATURE_TEXT {
        return Err(format!("the signature is longer than {MAX_SIGNATURE_TEXT} characters"));
    }
    match STANDARD.decode(text.replace(['\n', '\r'], "")) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        Ok(_) => Err("the signature is empty".to_owned()),
        Err(error) => Err(format!("the signature is not base64: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn payload() -> String {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"r.example/a"}},"image":{{"docker-manifest-digest":"{DIGEST}"}},"type":"{PAYLOAD_TYPE}"}},"optional":null}}"#
        )
    }

    #[test]
    fn reads_what_cosign_writes() {
        let read = Payload::parse(payload().as_bytes()).unwrap();
        assert_eq!((read.digest.to_string().as_str(), read.docker_reference.as_str()), (DIGEST, "r.example/a"));
    }

    #[test]
    fn refuses_every_other_shape() {
        let good = payload();
        for (from, to) in [
            (PAYLOAD_TYPE, "atomic container signature"),
            ("\"type\"", "\"Type\""),
            ("\"critical\"", "\"Critical\""),
            ("sha256:2cf2", "sha256:2CF2"),
            ("\"optional\":null", "\"optional\":null,\"extra\":1"),
            ("\"optional\":null", "\"optional\":{},\"optional\":null"),
            ("\"optional\":null", "\"optional\":[]"),
            ("\"image\":{", "\"image\":{\"docker-manifest-digest\":\"x\","),
            ("\"r.example/a\"", "7"),
        ] {
            let bad = good.replace(from, to);
            assert!(bad != good && Payload::parse(bad.as_bytes()).is_err(), "{to}");
        }
        assert!(Payload::parse(format!("{good}x").as_bytes()).is_err());
    }
}
