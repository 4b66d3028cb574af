//! Signatures and digests for the TUF client, from this project's own crypto set.
//!
//! The client takes them from one provider of the process. Where the embedding program has installed another one first,
//! that one is used.

use sha2::{Digest, Sha256, Sha384, Sha512};
use sigstore_crypto::{CryptoProvider, Error, HashContext, Result, SigningScheme, install_default_provider};
use sigstore_types::HashAlgorithm as Name;
use verimage_crypto::{Algorithm, CryptoSet, EcdsaEncoding, HashAlgorithm, PublicKey};

/// What stands before the key in a `SubjectPublicKeyInfo` (RFC 5480, RFC 8410).
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const P384: &[u8] = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// Installs the provider, unless there is one.
pub(crate) fn install() {
    // An error only says that there is one already.
    let _ = install_default_provider(&Provider);
}

#[derive(Debug)]
struct Provider;

struct Hash<D>(D);

impl<D: Digest + Send> HashContext for Hash<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

impl CryptoProvider for Provider {
    fn hash(&self, algorithm: Name) -> Result<Box<dyn HashContext>> {
        match algorithm {
            Name::Sha2256 => Ok(Box::new(Hash(Sha256::new()))),
            Name::Sha2384 => Ok(Box::new(Hash(Sha384::new()))),
            Name::Sha2512 => Ok(Box::new(Hash(Sha512::new()))),
            other => Err(Error::UnsupportedAlgorithm(format!("{other:?}"))),
        }
    }

    fn verify_raw(&self, scheme: SigningScheme, key: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
        let (algorithm, form) = algorithm(scheme)?;
        let key = match form {
            Form::Pkcs1 => PublicKey::from_pkcs1_der(key),
            Form::Behind(prefix) => PublicKey::from_spki_der(&[prefix, key].concat()),
        };
        let invalid = |error: verimage_crypto::KeyError| Error::InvalidKey(error.to_string());
        let key = key.and_then(|key| CryptoSet::rustcrypto().load(&key)).map_err(invalid)?;
        key.verify(algorithm, data, signature).map_err(|error| Error::Verification(error.to_string()))
    }

    fn verify_prehashed(&self, scheme: SigningScheme, _key: &[u8], _digest: &[u8], _signature: &[u8]) -> Result<()> {
        Err(Error::UnsupportedAlgorithm(format!("{scheme:?} over a digest: TUF signs messages")))
    }
}

/// How a raw key becomes a whole one.
enum Form {
    Pkcs1,
    Behind(&'static [u8]),
}

fn algorithm(scheme: SigningScheme) -> Result<(Algorithm, Form)> {
    use SigningScheme as Scheme;
    let ecdsa = |hash, prefix| Ok((Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Der }, Form::Behind(prefix)));
    let rsa = |hash| Ok((Algorithm::RsaPss { hash }, Form::Pkcs1));
    match scheme {
        Scheme::EcdsaP256Sha256 => ecdsa(HashAlgorithm::Sha256, P256),
        Scheme::EcdsaP384Sha384 => ecdsa(HashAlgorithm::Sha384, P384),
        Scheme::Ed25519 => Ok((Algorithm::Ed25519, Form::Behind(ED25519))),
        Scheme::RsaPssSha256 => rsa(HashAlgorithm::Sha256),
        Scheme::RsaPssSha384 => rsa(HashAlgorithm::Sha384),
        Scheme::RsaPssSha512 => rsa(HashAlgorithm::Sha512),
        other => Err(Error::UnsupportedAlgorithm(format!("{other:?} in TUF metadata"))),
    }
}
