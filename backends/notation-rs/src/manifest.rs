//! Signature manifests: how a registry holds an envelope beside the artifact.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    Label, Value,
    envelope::{EnvelopeError, Format},
    json::{self, JsonError},
};

/// The type of signatures among the referrers of an artifact.
pub const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";
/// The annotation with the SHA-256 of every certificate of the chain. Nobody signed it: it is a hint.
pub const THUMBPRINTS: &str = "io.cncf.notary.x509chain.thumbprint#S256";

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const ARTIFACT_MANIFEST: &str = "application/vnd.oci.artifact.manifest.v1+json";
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

/// Why bytes are not a signature manifest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not exactly one envelope.
    #[error("signature manifest has {found} envelopes, expected exactly one")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// The bytes are not strict JSON.
    #[error("signature manifest is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// A member is missing or of the wrong kind.
    #[error("signature manifest: `{name}` should be {expected}")]
    Member {
        /// The member.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// It is no signature.
    #[error("manifest is not a notation signature")]
    NotSignature,
    /// The envelope has a form that is not served.
    #[error(transparent)]
    Format(EnvelopeError),
    /// More bytes than are read.
    #[error("signature manifest has more than {limit} bytes")]
    TooLarge {
        /// Bytes that would be read.
        limit: usize,
    },
}

/// The three shapes that signature manifests have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// An image manifest with an artifact type (OCI 1.1).
    Current,
    /// An image manifest whose configuration has the type (OCI 1.0).
    Legacy,
    /// The artifact manifest that was withdrawn before OCI 1.1.
    Artifact,
}

/// What a descriptor says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// The digest, with its algorithm in front.
    pub digest: String,
    /// The size in bytes.
    pub size: u64,
}

/// A signature manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureManifest {
    /// Its shape.
    pub shape: Shape,
    /// The artifact that it refers to.
    pub subject: Descriptor,
    /// The envelope.
    pub envelope: Descriptor,
    /// The form of the envelope.
    pub format: Format,
    /// Annotations. Nobody signed them.
    pub annotations: BTreeMap<String, String>,
}

type Map = BTreeMap<Label, Value>;

impl SignatureManifest {
    /// Largest manifest that is read, in bytes.
    pub const MAX_SIZE: usize = 4 * 1024 * 1024;

    /// Reads a manifest (signature specification, "Storage").
    ///
    /// # Errors
    /// [`ManifestError::NotSignature`] if it is something else; otherwise the first rule that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > Self::MAX_SIZE {
            return Err(ManifestError::TooLarge { limit: Self::MAX_SIZE });
        }
        let manifest = json::parse_object(bytes)?;
        let shape = shape(&manifest)?;
        let list = if shape == Shape::Artifact { "blobs" } else { "layers" };
        let envelopes = manifest.get(&list.into()).and_then(Value::as_list);
        let envelopes = envelopes.ok_or(ManifestError::Member { name: list, expected: "an array" })?;
        let [envelope] = envelopes else { return Err(ManifestError::Count { found: envelopes.len() }) };
        let envelope = descriptor(Some(envelope), list)?;
        Ok(Self {
            shape,
            subject: descriptor(manifest.get(&"subject".into()), "subject")?,
            format: Format::from_media_type(&envelope.media_type).map_err(ManifestError::Format)?,
            envelope,
            annotations: annotations(&manifest)?,
        })
    }

    /// The SHA-256 of every certificate of the chain, as the registry tells it: a hint in which order to try signatures.
    #[must_use]
    pub fn thumbprints(&self) -> Vec<[u8; 32]> {
        let list = self.annotations.get(THUMBPRINTS).and_then(|text| json::parse(text.as_bytes()).ok());
        let list = list.as_ref().and_then(Value::as_list).unwrap_or_default();
        let thumbprint = |value: &Value| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(value.as_text()?, &mut bytes).ok().map(|()| bytes)
        };
        list.iter().filter_map(thumbprint).collect()
    }
}

fn shape(manifest: &Map) -> Result<Shape, ManifestError> {
    let media_type = optional_text(manifest, "mediaType")?;
    let artifact_type = optional_text(manifest, "artifactType")?.filter(|text| !text.is_empty());
    let config = manifest.get(&"config".into()).and_then(Value::as_map);
    let config = config.map(|config| optional_text(config, "mediaType")).transpose()?.flatten();
    let has = |name: &str| manifest.contains_key(&name.into());
    match (media_type, artifact_type, config) {
        (Some(ARTIFACT_MANIFEST), Some(ARTIFACT_TYPE), None) if !has("layers") => Ok(Shape::Artifact),
        (Some(OCI_MANIFEST), Some(ARTIFACT_TYPE), Some(EMPTY_CONFIG)) if !has("blobs") => Ok(Shape::Current),
        (Some(OCI_MANIFEST) | None, None, Some(ARTIFACT_TYPE)) if !has("blobs") => Ok(Shape::Legacy),
        _ => Err(ManifestError::NotSignature),
    }
}

fn descriptor(value: Option<&Value>, name: &'static str) -> Result<Descriptor, ManifestError> {
    let wrong = || ManifestError::Member { name, expected: "a descriptor" };
    let map = value.and_then(Value::as_map).ok_or_else(wrong)?;
    let text = |name: &str| map.get(&name.into()).and_then(Value::as_text).map(str::to_owned).ok_or_else(wrong);
    let size = match map.get(&"size".into()) {
        Some(Value::Integer(size)) => u64::try_from(*size).map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    let digest = text("digest")?;
    if is_digest(&digest) { Ok(Descriptor { media_type: text("mediaType")?, digest, size }) } else { Err(wrong()) }
}

/// Digests become names of files: nothing but an algorithm and hexadecimal digits.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let named = !algorithm.is_empty() && algorithm.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    named && (64..=128).contains(&hex.len()) && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn optional_text<'a>(map: &'a Map, name: &'static str) -> Result<Option<&'a str>, ManifestError> {
    let text = |value: &'a Value| value.as_text().ok_or(ManifestError::Member { name, expected: "a text" });
    map.get(&name.into()).filter(|value| **value != Value::Null).map(text).transpose()
}

fn annotations(manifest: &Map) -> Result<BTreeMap<String, String>, ManifestError> {
    let wrong = ManifestError::Member { name: "annotations", expected: "an object of texts" };
    let pair = |(label, value): (&Label, &Value)| Some((label.as_text()?.to_owned(), value.as_text()?.to_owned()));
    match manifest.get(&"annotations".into()) {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Map(map)) => map.iter().map(pair).collect::<Option<_>>().ok_or(wrong),
        Some(_) => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn manifest(media_type: &str, artifact_type: &str, config: &str, list: &str, layer: &str) -> String {
        let member = |name: &str, value: &str| if value.is_empty() { String::new() } else { format!(r#""{name}":"{value}","#) };
        let config =
            if config.is_empty() { String::new() } else { format!(r#""config":{{"mediaType":"{config}","digest":"{DIGEST}","size":2}},"#) };
        let (media_type, artifact_type) = (member("mediaType", media_type), member("artifactType", artifact_type));
        let descriptor = |media_type: &str| format!(r#"{{"mediaType":"{media_type}","digest":"{DIGEST}","size":7}}"#);
        let (layer, subject) = (descriptor(layer), descriptor(OCI_MANIFEST));
        format!(r#"{{{media_type}{artifact_type}{config}"{list}":[{layer}],"subject":{subject}}}"#)
    }

    const JWS: &str = "application/jose+json";

    fn current() -> String {
        manifest(OCI_MANIFEST, ARTIFACT_TYPE, EMPTY_CONFIG, "layers", JWS)
    }

    #[test]
    fn all_shapes_are_read() {
        for (text, shape, format) in [
            (current(), Shape::Current, Format::Jws),
            (manifest(OCI_MANIFEST, "", ARTIFACT_TYPE, "layers", "application/cose"), Shape::Legacy, Format::Cose),
            (manifest("", "", ARTIFACT_TYPE, "layers", JWS), Shape::Legacy, Format::Jws),
            (manifest(ARTIFACT_MANIFEST, ARTIFACT_TYPE, "", "blobs", JWS), Shape::Artifact, Format::Jws),
        ] {
            let manifest = SignatureManifest::parse(text.as_bytes()).expect(&text);
            assert_eq!((manifest.shape, manifest.format), (shape, format));
            assert_eq!((manifest.subject.media_type.as_str(), manifest.envelope.size), (OCI_MANIFEST, 7));
        }
    }

    #[test]
    fn other_manifests_are_no_signatures() {
        for text in [
            manifest(OCI_MANIFEST, "", EMPTY_CONFIG, "layers", JWS),
            manifest(OCI_MANIFEST, ARTIFACT_TYPE, ARTIFACT_TYPE, "layers", JWS),
            manifest(OCI_MANIFEST, ARTIFACT_TYPE, "", "layers", JWS),
            manifest(ARTIFACT_MANIFEST, "", "", "blobs", JWS),
            manifest("application/vnd.oci.image.index.v1+json", ARTIFACT_TYPE, EMPTY_CONFIG, "layers", JWS),
            "{}".to_owned(),
        ] {
            assert_eq!(SignatureManifest::parse(text.as_bytes()), Err(ManifestError::NotSignature), "{text}");
        }
    }

    #[test]
    fn attack_no_layer_two_layers_or_another_layer() {
        let layers = |found: &str| current().replace(r#""layers":["#, &format!(r#""layers":{found}"#));
        let none = SignatureManifest::parse(layers("[],\"x\":[").as_bytes());
        assert_eq!(none, Err(ManifestError::Count { found: 0 }));
        let one = format!(r#"{{"mediaType":"{JWS}","digest":"{DIGEST}","size":7}},"#);
        assert_eq!(SignatureManifest::parse(layers(&format!("[{one}")).as_bytes()), Err(ManifestError::Count { found: 2 }));
        let foreign = current().replace(JWS, "application/vnd.oci.image.layer.v1.tar+gzip");
        assert!(matches!(SignatureManifest::parse(foreign.as_bytes()), Err(ManifestError::Format(_))));
    }

    #[test]
    fn attack_digests_that_lead_elsewhere() {
        for bad in ["sha256:../../etc/passwd", "sha256", "sha256:44", "SHA256:44", "sha256:"] {
            let text = current().replace(DIGEST, bad);
            assert!(matches!(SignatureManifest::parse(text.as_bytes()), Err(ManifestError::Member { .. })), "{bad}");
        }
        let without = current().replace("subject", "subjects");
        assert_eq!(SignatureManifest::parse(without.as_bytes()), Err(ManifestError::Member { name: "subject", expected: "a descriptor" }));
        assert!(SignatureManifest::parse(current().replacen('{', r#"{"subject":null,"#, 1).as_bytes()).is_err());
    }

    #[test]
    fn thumbprints_are_hints() {
        let with = |text: &str| {
            let annotations = format!(r#""annotations":{{"{THUMBPRINTS}":"{text}"}},"subject""#);
            let manifest = current().replace(r#""subject""#, &annotations);
            SignatureManifest::parse(manifest.as_bytes()).expect("a good manifest").thumbprints()
        };
        let hex = DIGEST.strip_prefix("sha256:").expect("a digest");
        assert_eq!(with(&format!(r#"[\"{hex}\",\"{}\"]"#, hex.to_uppercase())).len(), 2);
        assert_eq!(with("nonsense"), Vec::<[u8; 32]>::new());
        assert_eq!(with("[]"), Vec::<[u8; 32]>::new());
    }
}
