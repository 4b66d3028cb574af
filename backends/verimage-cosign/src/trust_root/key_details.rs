//! The names of key types (protobuf-specs, `PublicKeyDetails`).

use verimage_crypto::{Algorithm, EcdsaEncoding, HashAlgorithm, KeyKind};

/// A key type that is served: which keys have it, and how they sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyDetails {
    kind: Kind,
    pub(crate) algorithm: Algorithm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exactly(KeyKind),
    /// The old names of RSA keys do not say their length.
    AnyRsa,
}

impl KeyDetails {
    /// The key type of this name, if it is served.
    pub(crate) fn named(name: &str) -> Option<Self> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        match name {
            "PKIX_ECDSA_P256_SHA_256" => Some(ecdsa(KeyKind::EcdsaP256, Sha256)),
            "PKIX_ECDSA_P384_SHA_256" => Some(ecdsa(KeyKind::EcdsaP384, Sha256)),
            "PKIX_ECDSA_P384_SHA_384" => Some(ecdsa(KeyKind::EcdsaP384, Sha384)),
            "PKIX_ECDSA_P521_SHA_256" => Some(ecdsa(KeyKind::EcdsaP521, Sha256)),
            "PKIX_ECDSA_P521_SHA_512" => Some(ecdsa(KeyKind::EcdsaP521, Sha512)),
            "PKIX_ED25519" => Some(Self { kind: Kind::Exactly(KeyKind::Ed25519), algorithm: Algorithm::Ed25519 }),
            "PKIX_ED25519_PH" => Some(Self { kind: Kind::Exactly(KeyKind::Ed25519), algorithm: Algorithm::Ed25519ph }),
            _ => rsa(name),
        }
    }

    /// Whether a key of this kind can have this type.
    pub(crate) fn fits(&self, kind: KeyKind) -> bool {
        match self.kind {
            Kind::Exactly(expected) => expected == kind,
            Kind::AnyRsa => matches!(kind, KeyKind::Rsa { .. }),
        }
    }

    /// The hash of the message that is signed, where the type says one.
    pub(crate) fn hash(&self) -> Option<HashAlgorithm> {
        match self.algorithm {
            Algorithm::Ecdsa { hash, .. } | Algorithm::RsaPkcs1 { hash } | Algorithm::RsaPss { hash } => Some(hash),
            Algorithm::Ed25519ph => Some(HashAlgorithm::Sha512),
            _ => None,
        }
    }
}

fn ecdsa(kind: KeyKind, hash: HashAlgorithm) -> KeyDetails {
    KeyDetails { kind: Kind::Exactly(kind), algorithm: Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Der } }
}

fn rsa(name: &str) -> Option<KeyDetails> {
    let hash = HashAlgorithm::Sha256;
    let (pkcs1, pss) = (Algorithm::RsaPkcs1 { hash }, Algorithm::RsaPss { hash });
    let exactly = |bits| Kind::Exactly(KeyKind::Rsa { bits });
    let (kind, algorithm) = match name {
        "PKCS1_RSA_PKCS1V5" | "PKIX_RSA_PKCS1V5" => (Kind::AnyRsa, pkcs1),
        "PKCS1_RSA_PSS" | "PKIX_RSA_PSS" => (Kind::AnyRsa, pss),
        "PKIX_RSA_PKCS1V15_2048_SHA256" => (exactly(2048), pkcs1),
        "PKIX_RSA_PKCS1V15_3072_SHA256" => (exactly(3072), pkcs1),
        "PKIX_RSA_PKCS1V15_4096_SHA256" => (exactly(4096), pkcs1),
        "PKIX_RSA_PSS_2048_SHA256" => (exactly(2048), pss),
        "PKIX_RSA_PSS_3072_SHA256" => (exactly(3072), pss),
        "PKIX_RSA_PSS_4096_SHA256" => (exactly(4096), pss),
        _ => return None,
    };
    Some(KeyDetails { kind, algorithm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_keys_fit() {
        let fits = |name: &str, kind| KeyDetails::named(name).is_some_and(|details| details.fits(kind));
        assert!(fits("PKIX_ECDSA_P384_SHA_256", KeyKind::EcdsaP384));
        assert!(!fits("PKIX_ECDSA_P384_SHA_256", KeyKind::EcdsaP256));
        assert!(fits("PKIX_RSA_PKCS1V15_3072_SHA256", KeyKind::Rsa { bits: 3072 }));
        assert!(!fits("PKIX_RSA_PKCS1V15_3072_SHA256", KeyKind::Rsa { bits: 2048 }));
        assert!(fits("PKIX_RSA_PSS", KeyKind::Rsa { bits: 2048 }));
        assert_eq!(KeyDetails::named("ML_DSA_65"), None);
        assert_eq!(KeyDetails::named("PKIX_ED25519_PH").and_then(|details| details.hash()), Some(HashAlgorithm::Sha512));
    }
}
