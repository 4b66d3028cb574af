//! Keys as metadata list them (specification section 2.1), and signatures by them (section 2.2).

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use verimage_crypto::{Algorithm, CryptoSet, EcdsaEncoding, HashAlgorithm, PublicKey, x509::Certificate};

use crate::{
    canonical,
    envelope::{Envelope, Signature},
    failure::{Fault, Malformed},
    members::Members,
};

/// What a key is, by `keytype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyType {
    Ecdsa,
    EcdsaX509,
    Rsa,
    RsaX509,
    Ed25519,
    /// Kept, so that its ID works; never verifies.
    Other,
}

impl KeyType {
    fn parse(text: &str) -> Self {
        match text {
            "ecdsa" => Self::Ecdsa,
            "ecdsa-x509" => Self::EcdsaX509,
            "rsa" => Self::Rsa,
            "rsa-x509" => Self::RsaX509,
            "ed25519" => Self::Ed25519,
            _ => Self::Other,
        }
    }

    /// Chosen by the type of the key; the method only has to fit (CVE-2015-9258).
    fn algorithm(self, method: &str) -> Option<Algorithm> {
        let hash = HashAlgorithm::Sha256;
        match (self, method) {
            (Self::Ecdsa | Self::EcdsaX509, "ecdsa") => Some(Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Fixed }),
            (Self::Rsa | Self::RsaX509, "rsapss") => Some(Algorithm::RsaPss { hash }),
            (Self::Rsa | Self::RsaX509, "rsapkcs1v15") => Some(Algorithm::RsaPkcs1 { hash }),
            (Self::Ed25519, "eddsa") => Some(Algorithm::Ed25519),
            _ => None,
        }
    }
}

/// A key as it is listed; what it holds is read when it is needed.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    listed_id: String,
    type_text: String,
    key_type: KeyType,
    public: Vec<u8>,
}

impl Key {
    pub(crate) fn read(listed_id: &str, value: &Value) -> Result<Self, Malformed> {
        let members = Members::of(value, "a key")?;
        let type_text = members.text("keytype")?;
        let public = members.object("keyval", "`keyval`")?.base64("public")?;
        Ok(Self { listed_id: listed_id.to_owned(), type_text: type_text.to_owned(), key_type: KeyType::parse(type_text), public })
    }

    /// The ID under which it is listed.
    pub(crate) fn listed_id(&self) -> &str {
        &self.listed_id
    }

    /// SHA-256 of the canonical JSON of the key, where `private` is always `null`.
    pub(crate) fn computed_id(&self) -> String {
        let mut text = br#"{"keytype":"#.to_vec();
        canonical::write_text(&mut text, &self.type_text);
        text.extend_from_slice(br#","keyval":{"private":null,"public":""#);
        text.extend_from_slice(STANDARD.encode(&self.public).as_bytes());
        text.extend_from_slice(br#""}}"#);
        hex::encode(HashAlgorithm::Sha256.digest(&text).as_bytes())
    }

    /// C7: the ID must be the key's own.
    pub(crate) fn check_id(&self) -> Result<(), Fault> {
        let computed = self.computed_id();
        if computed == self.listed_id { Ok(()) } else { Err(Fault::KeyId { listed: self.listed_id.clone(), computed }) }
    }

    /// The certificates of a key that is one: the leaf, then those above it. Nothing if it is a bare key.
    pub(crate) fn certificates(&self) -> Option<Result<Vec<Certificate>, String>> {
        let is_certificate = matches!(self.key_type, KeyType::EcdsaX509 | KeyType::RsaX509);
        is_certificate.then(|| Certificate::all_from_pem(&self.public).map_err(|error| error.to_string()))
    }

    /// The public key; that of the first certificate if it is a bundle.
    pub(crate) fn public_key(&self) -> Result<PublicKey, String> {
        match (self.key_type, self.certificates()) {
            (KeyType::Other, _) => Err(format!("key type {:?} is not known", self.type_text)),
            (KeyType::Ed25519, _) => PublicKey::from_spki_der(&[ED25519_HEADER, &self.public].concat()).map_err(|error| error.to_string()),
            (_, None) => PublicKey::from_spki_der(&self.public).map_err(|error| error.to_string()),
            (_, Some(certificates)) => {
                let certificates = certificates?;
                let leaf = certificates.first().ok_or_else(|| "no certificate".to_owned())?;
                leaf.public_key().cloned().map_err(ToString::to_string)
            }
        }
    }

    /// Verifies a signature over a message; says why not.
    fn verify(&self, signature: &Signature, message: &[u8], crypto: &CryptoSet) -> Result<PublicKey, String> {
        let algorithm = self.key_type.algorithm(&signature.method);
        let algorithm =
            algorithm.ok_or_else(|| format!("method {:?} does not fit a key of type {:?}", signature.method, self.type_text))?;
        let public_key = self.public_key()?;
        let key = crypto.load(&public_key).map_err(|error| error.to_string())?;
        key.verify(algorithm, message, &signature.bytes).map_err(|error| error.to_string())?;
        Ok(public_key)
    }
}

/// `SubjectPublicKeyInfo` of RFC 8410 up to the 32 bytes of the key.
const ED25519_HEADER: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Most signatures that are looked at in one file.
const MOST_SIGNATURES: usize = 256;

/// C7, C8 and C9: the distinct public keys among these that signed, at least as many as the threshold.
///
/// Signatures by other keys, with other methods, or that do not verify are passed over. The reference counts key IDs; one
/// public key can have several, so here the public keys count.
pub(crate) fn verify_threshold(envelope: &Envelope, keys: &[&Key], threshold: u64, crypto: &CryptoSet) -> Result<Vec<PublicKey>, Fault> {
    if envelope.signatures.len() > MOST_SIGNATURES {
        return Err(Fault::TooMany { what: "signatures", limit: u64::try_from(MOST_SIGNATURES).unwrap_or(u64::MAX) });
    }
    let mut signers = Vec::new();
    let mut seen = BTreeSet::new();
    let mut reason = None;
    for signature in &envelope.signatures {
        let Some(key) = keys.iter().find(|key| key.listed_id == signature.key_id) else { continue };
        key.check_id()?;
        match key.verify(signature, &envelope.message, crypto) {
            Ok(public_key) if seen.insert(public_key.fingerprint()) => signers.push(public_key),
            Ok(_) => {}
            Err(why) => reason = reason.or(Some(why)),
        }
    }
    let found = u64::try_from(signers.len()).unwrap_or(u64::MAX);
    let listed = || keys.iter().map(|key| key.listed_id.clone()).collect();
    match found {
        0 => {
            let none_listed = || "none names one of them".to_owned();
            Err(Fault::NoValidSignature { reason: reason.unwrap_or_else(none_listed), keys: listed() })
        }
        found if found < threshold => Err(Fault::Threshold { threshold, found, keys: listed() }),
        _ => Ok(signers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Specification section 2.1, as a real client computed it; `private` may be absent.
    #[test]
    fn key_ids_are_those_of_the_reference() {
        const PUBLIC: &str =
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBbgU8etU+acKe3E5wQ2uExGc3e+4VTr8Im91fIgtKl6nEvhjH7UbAwXABUVQ4Jczjn+YsPNpKOS22/yBCjcww==";
        const ID: &str = "b835efc8bf6d0b15f6685aef69f2f3e815a23f8934384021236ab0ce1f400ebf";
        for keyval in [serde_json::json!({"private": null, "public": PUBLIC}), serde_json::json!({"public": PUBLIC})] {
            let key = Key::read(ID, &serde_json::json!({"keytype": "ecdsa", "keyval": keyval})).unwrap();
            assert_eq!(key.computed_id(), ID);
            assert!(key.check_id().is_ok() && key.public_key().is_ok());
        }
    }

    #[test]
    fn other_key_types_keep_their_id_and_never_verify() {
        let key = Key::read("x", &serde_json::json!({"keytype": "a\"b", "keyval": {"public": "AA=="}})).unwrap();
        let text = br#"{"keytype":"a\"b","keyval":{"private":null,"public":"AA=="}}"#;
        assert_eq!(key.computed_id(), hex::encode(HashAlgorithm::Sha256.digest(text).as_bytes()));
        assert!(key.public_key().is_err() && key.key_type.algorithm("ecdsa").is_none());
    }

    /// NCC finding 1: what is verified follows from the key, never from the method alone.
    #[test]
    fn methods_fit_key_types() {
        let all = ["ecdsa", "eddsa", "rsapss", "rsapkcs1v15", "pycrypto-pkcs#1 pss", ""];
        let fitting = |key_type: KeyType| all.into_iter().filter(|method| key_type.algorithm(method).is_some()).collect::<Vec<_>>();
        assert_eq!(fitting(KeyType::Ecdsa), ["ecdsa"]);
        assert_eq!(fitting(KeyType::EcdsaX509), ["ecdsa"]);
        assert_eq!(fitting(KeyType::Rsa), ["rsapss", "rsapkcs1v15"]);
        assert_eq!(fitting(KeyType::RsaX509), ["rsapss", "rsapkcs1v15"]);
        assert_eq!(fitting(KeyType::Ed25519), ["eddsa"]);
    }
}
