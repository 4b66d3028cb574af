//! Sigstore bundles (protobuf-specs `sigstore_bundle.proto`), version 0.1 to 0.3.

use serde::Deserialize;
use serde_json::Value;
use verimage_core::json;
use verimage_crypto::HashAlgorithm;
use verimage_crypto::x509::Certificate;

use crate::dsse::{Envelope, EnvelopeDocument};
use crate::evidence::{Entries, Material};
use crate::log::encoding::base64_bytes;
use crate::log::entry::Demand;

/// How the media type of every bundle begins.
pub(crate) const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// The predicate that makes a statement an image signature.
pub(crate) const SIGN_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Both spellings of each version that is read.
const MEDIA_TYPES: [(&str, Version); 4] = [
    ("application/vnd.dev.sigstore.bundle+json;version=0.1", Version::V01),
    ("application/vnd.dev.sigstore.bundle+json;version=0.2", Version::V02),
    ("application/vnd.dev.sigstore.bundle+json;version=0.3", Version::V03),
    ("application/vnd.dev.sigstore.bundle.v0.3+json", Version::V03),
];
/// The most certificates of a chain that are read.
const MAX_CERTIFICATES: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V01,
    V02,
    V03,
}

/// A bundle, nothing of it verified.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) content: Content,
    pub(crate) material: Material,
}

/// What the signature of a bundle is over.
#[derive(Debug)]
pub(crate) enum Content {
    /// An envelope.
    Envelope(Envelope),
    /// An artifact, whose hash the bundle repeats.
    Message { algorithm: HashAlgorithm, digest: Vec<u8>, signature: Vec<u8> },
}

impl Bundle {
    /// Reads a bundle strictly. Unknown fields are those of later tools.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: BundleDocument = json::from_slice(bytes).map_err(|error| error.to_string())?;
        let known = MEDIA_TYPES.iter().find(|(name, _)| *name == document.media_type);
        let (_, version) = known.ok_or_else(|| format!("its media type is `{}`", document.media_type.escape_debug()))?;
        let content = match (document.dsse_envelope, document.message_signature) {
            (Some(envelope), None) => Content::Envelope(envelope.read()?),
            (None, Some(message)) => message.read()?,
            _ => return Err("it has not exactly one of `dsseEnvelope` and `messageSignature`".to_owned()),
        };
        let material = document.verification_material.ok_or("it has no `verificationMaterial`")?.read(*version)?;
        Ok(Self { content, material })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleDocument {
    media_type: String,
    verification_material: Option<MaterialDocument>,
    dsse_envelope: Option<EnvelopeDocument>,
    message_signature: Option<MessageDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageDocument {
    message_digest: Option<DigestDocument>,
    signature: String,
}

#[derive(Deserialize)]
struct DigestDocument {
    algorithm: String,
    digest: String,
}

impl MessageDocument {
    /// The hash is a hint of the signer's; it must be there, and fit what is verified.
    fn read(self) -> Result<Content, String> {
        let hash = self.message_digest.ok_or("its signature has no `messageDigest`")?;
        let (algorithm, length) = match hash.algorithm.as_str() {
            "SHA2_256" => (HashAlgorithm::Sha256, 32),
            "SHA2_384" => (HashAlgorithm::Sha384, 48),
            "SHA2_512" => (HashAlgorithm::Sha512, 64),
            other => return Err(format!("its hash is a `{}`", other.escape_debug())),
        };
        let digest =
            base64_bytes(&hash.digest).filter(|bytes| bytes.len() == length).ok_or("its hash is not base64, or of a wrong length")?;
        let signature = base64_bytes(&self.signature).filter(|bytes| !bytes.is_empty()).ok_or("its signature is not base64, or empty")?;
        Ok(Content::Message { algorithm, digest, signature })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MaterialDocument {
    public_key: Option<Value>,
    certificate: Option<CertificateDocument>,
    x509_certificate_chain: Option<ChainDocument>,
    tlog_entries: Option<Vec<Value>>,
    timestamp_verification_data: Option<TimestampsDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CertificateDocument {
    raw_bytes: String,
}

#[derive(Deserialize)]
struct ChainDocument {
    certificates: Vec<CertificateDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimestampsDocument {
    rfc3161_timestamps: Option<Vec<TimestampDocument>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimestampDocument {
    signed_timestamp: String,
}

impl MaterialDocument {
    /// Section "verification material": one of key, certificate and chain; a chain before version 0.3, one certificate
    /// since. A hint of a key is no key: the policy has it.
    fn read(self, version: Version) -> Result<Material, String> {
        let mut misplaced_chain = false;
        let certificates = match (self.public_key, self.certificate, self.x509_certificate_chain) {
            (Some(_), None, None) => Ok(Vec::new()),
            (None, Some(leaf), None) if version == Version::V03 => read_certificates(&[leaf.decode()?]),
            (None, None, Some(chain)) => {
                misplaced_chain = version == Version::V03;
                chain.read(misplaced_chain)?
            }
            (None, Some(_), None) => return Err("a bundle before version 0.3 holds a chain, not one certificate".to_owned()),
            _ => return Err("it has not exactly one of `publicKey`, `certificate` and `x509CertificateChain`".to_owned()),
        };
        let demand = if version == Version::V01 { Demand::Promise } else { Demand::Proof };
        let documents = self.timestamp_verification_data.and_then(|data| data.rfc3161_timestamps).unwrap_or_default();
        let token = |document: TimestampDocument| base64_bytes(&document.signed_timestamp).filter(|bytes| !bytes.is_empty());
        let timestamps = documents.into_iter().map(token).collect::<Option<_>>().ok_or("a timestamp is not base64, or empty")?;
        Ok(Material {
            certificates,
            misplaced_chain,
            entries: Entries::Bundle { entries: self.tlog_entries.unwrap_or_default(), demand },
            timestamps: Ok(timestamps),
        })
    }
}

impl CertificateDocument {
    fn decode(self) -> Result<Vec<u8>, String> {
        base64_bytes(&self.raw_bytes).ok_or_else(|| "a certificate is not base64".to_owned())
    }
}

impl ChainDocument {
    /// The leaf first; the anchor is for the verifier to know, so it must not stand here. cosign writes it all the same.
    fn read(self, with_root: bool) -> Result<Result<Vec<Certificate>, String>, String> {
        if !(1..=MAX_CERTIFICATES).contains(&self.certificates.len()) {
            return Err(format!("its chain has {} certificates, expected 1 to {MAX_CERTIFICATES}", self.certificates.len()));
        }
        let encoded: Vec<Vec<u8>> = self.certificates.into_iter().map(CertificateDocument::decode).collect::<Result<_, _>>()?;
        let chain = read_certificates(&encoded);
        if !with_root && chain.iter().flatten().skip(1).any(Certificate::is_self_issued) {
            return Err("its chain holds a root".to_owned());
        }
        Ok(chain)
    }
}

/// A certificate that cannot be read matters only to policies that ask for one.
fn read_certificates(encoded: &[Vec<u8>]) -> Result<Vec<Certificate>, String> {
    encoded.iter().map(|der| Certificate::from_der(der).map_err(|error| format!("the bundle's certificate: {error}"))).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;
    use verimage_core::Digest;

    use super::*;
    use crate::dsse::{STATEMENT_PAYLOAD_TYPE, STATEMENT_TYPES};

    fn statement() -> Value {
        let digest = Digest::sha256(b"image").hex();
        json!({"_type": STATEMENT_TYPES[0], "subject": [{"digest": {"sha256": digest}}], "predicateType": SIGN_PREDICATE, "predicate": {}})
    }

    fn bundle(statement: &Value) -> Value {
        json!({"mediaType": MEDIA_TYPES[3].0, "verificationMaterial": {"publicKey": {"hint": "x"}}, "dsseEnvelope": {
            "payload": STANDARD.encode(statement.to_string()), "payloadType": STATEMENT_PAYLOAD_TYPE, "signatures": [{"sig": "c2ln"}]}})
    }

    fn message() -> Value {
        let digest = STANDARD.encode([7; 32]);
        json!({"mediaType": MEDIA_TYPES[0].0, "verificationMaterial": {"publicKey": {}},
            "messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": digest}, "signature": "c2ln"}})
    }

    fn parse(bundle: &Value) -> Result<Envelope, String> {
        match Bundle::parse(bundle.to_string().as_bytes())?.content {
            Content::Envelope(envelope) => Ok(envelope),
            Content::Message { .. } => Err("a message".to_owned()),
        }
    }

    #[test]
    fn a_statement_names_the_digest_exactly() {
        let parsed = parse(&bundle(&statement())).unwrap().statement().unwrap();
        assert!(parsed.subject(&Digest::sha256(b"image")).is_some() && parsed.subject(&Digest::sha256(b"other")).is_none());
        for subject in [
            json!({"SHA256": Digest::sha256(b"image").hex()}),
            json!({"sha256": Digest::sha256(b"image").hex().to_uppercase()}),
            json!({"sha512": "00"}),
            json!({}),
        ] {
            let mut odd = statement();
            odd["subject"][0]["digest"] = subject;
            assert!(parse(&bundle(&odd)).unwrap().statement().unwrap().subject(&Digest::sha256(b"image")).is_none());
        }
    }

    #[test]
    fn refuses_other_envelopes_and_statements() {
        let good = bundle(&statement());
        for (pointer, value) in [
            ("/mediaType", json!("application/vnd.dev.sigstore.bundle.v0.4+json")),
            ("/dsseEnvelope/payloadType", json!("text/plain")),
            ("/dsseEnvelope/signatures", json!([])),
            ("/dsseEnvelope/signatures", json!([{"sig": "c2ln"}, {"sig": "c2ln"}])),
            ("/dsseEnvelope/payload", json!("not base64!")),
            ("/dsseEnvelope/signatures/0/sig", json!("")),
            ("/dsseEnvelope", Value::Null),
            ("/verificationMaterial", Value::Null),
            ("/verificationMaterial", json!({})),
            ("/verificationMaterial", json!({"publicKey": {}, "certificate": {"rawBytes": ""}})),
            ("/verificationMaterial", json!({"certificate": {"rawBytes": "A"}})),
            ("/verificationMaterial", json!({"x509CertificateChain": {"certificates": [{"rawBytes": "A"}]}})),
            ("/verificationMaterial", json!({"x509CertificateChain": {"certificates": []}})),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(parse(&bad).is_err(), "{pointer}");
        }
        let mut both = good.clone();
        both["messageSignature"] = message()["messageSignature"].clone();
        assert!(parse(&both).is_err());
        for (key, value) in [
            ("_type", json!("other")),
            ("subject", json!([])),
            ("subject", json!([null])),
            ("subject", json!(vec![json!({"digest": {}}); 1025])),
        ] {
            let mut bad = statement();
            bad[key] = value;
            assert!(parse(&bundle(&bad)).unwrap().statement().is_err(), "{key}");
        }
    }

    #[test]
    fn a_chain_is_misplaced_since_version_0_3() {
        let chain = json!({"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}});
        let misplaced = |media_type: &str| {
            let mut bundle = bundle(&statement());
            (bundle["mediaType"], bundle["verificationMaterial"]) = (json!(media_type), chain.clone());
            Bundle::parse(bundle.to_string().as_bytes()).unwrap().material.misplaced_chain
        };
        assert_eq!(MEDIA_TYPES.map(|(name, _)| misplaced(name)), [false, false, true, true]);
    }

    #[test]
    fn messages_say_their_hash() {
        assert!(matches!(
            Bundle::parse(message().to_string().as_bytes()).unwrap().content,
            Content::Message { algorithm: HashAlgorithm::Sha256, .. }
        ));
        for (pointer, value) in [
            ("/messageSignature/messageDigest", Value::Null),
            ("/messageSignature/messageDigest/algorithm", json!("SHA1")),
            ("/messageSignature/messageDigest/digest", json!("AAAA")),
            ("/messageSignature/signature", json!("")),
        ] {
            let mut bad = message();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(Bundle::parse(bad.to_string().as_bytes()).is_err(), "{pointer}");
        }
    }

    #[test]
    fn timestamps_are_decoded() {
        let with = |timestamps: Value| {
            let mut bundle = bundle(&statement());
            bundle["verificationMaterial"]["timestampVerificationData"] = json!({"rfc3161Timestamps": timestamps});
            Bundle::parse(bundle.to_string().as_bytes()).map(|bundle| bundle.material.timestamps.unwrap().len())
        };
        let token = json!({"signedTimestamp": "AAAA"});
        assert_eq!(with(json!(vec![token; 33])), Ok(33));
        assert!(with(json!([{"signedTimestamp": "!"}])).is_err());
    }
}
