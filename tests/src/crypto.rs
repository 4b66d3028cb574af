//! `signature-verify`: vectors in Wycheproof's form, under every crypto set, which must agree.

use serde_json::{Map, Value};
use verimage_crypto::{Algorithm, CryptoSet, EcdsaEncoding, HashAlgorithm, KeyError, PublicKey};

use crate::{Answer, Case, text};

pub(crate) fn signature_verify(case: &Case, vectors: &Value) -> Result<Answer, String> {
    let number = |key: &str| case.params.get(key).and_then(Value::as_u64).ok_or_else(|| format!("`{key}` is missing"));
    let group = usize::try_from(number("group")?).ok().and_then(|index| vectors.get("testGroups")?.get(index)?.as_object());
    let group = group.ok_or("the vectors have no such group")?;
    let wanted = number("tcId")?;
    let tests = group.get("tests").and_then(Value::as_array).ok_or("the group has no tests")?;
    let test = tests.iter().find(|test| test.get("tcId").and_then(Value::as_u64) == Some(wanted)).and_then(Value::as_object);
    let test = test.ok_or("the group has no such test")?;
    let Some(algorithm) = algorithm(text(&case.params, "algorithm")?, group) else {
        return Ok(Answer::unsupported("this algorithm or its parameters"));
    };
    let key = match PublicKey::from_spki_der(&bytes(group, "publicKeyDer")?) {
        Ok(key) => key,
        Err(error @ (KeyError::UnsupportedAlgorithm { .. } | KeyError::UnsupportedCurve { .. } | KeyError::RsaModulusSize { .. })) => {
            return Ok(Answer::unsupported(error));
        }
        Err(error) => return Ok(Answer::reject("key-unsupported", error)),
    };
    verify(&key, algorithm, &bytes(test, "msg")?, &bytes(test, "sig")?)
}

fn verify(key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<Answer, String> {
    let mut outcomes = Vec::new();
    for set in [CryptoSet::rustcrypto(), CryptoSet::aws_lc()] {
        let outcome = set
            .load(key)
            .map_err(|error| error.to_string())
            .and_then(|key| key.verify(algorithm, message, signature).map_err(|error| error.to_string()));
        outcomes.push(outcome);
    }
    outcomes.dedup();
    match outcomes.as_slice() {
        [Ok(())] => Ok(Answer::accept()),
        [Err(reason)] => Ok(Answer::reject("signature-invalid", reason)),
        _ => Err(format!("the crypto sets disagree: {outcomes:?}")),
    }
}

fn algorithm(name: &str, group: &Map<String, Value>) -> Option<Algorithm> {
    let field = |key: &str| group.get(key).and_then(Value::as_str);
    let hash = || match field("sha")? {
        "SHA-256" => Some((HashAlgorithm::Sha256, 32)),
        "SHA-384" => Some((HashAlgorithm::Sha384, 48)),
        "SHA-512" => Some((HashAlgorithm::Sha512, 64)),
        _ => None,
    };
    match name {
        "ECDSA" => {
            let encoding = if field("type")?.contains("P1363") { EcdsaEncoding::Fixed } else { EcdsaEncoding::Der };
            Some(Algorithm::Ecdsa { hash: hash()?.0, encoding })
        }
        "RSASSA-PKCS1-v1_5" => Some(Algorithm::RsaPkcs1 { hash: hash()?.0 }),
        "RSASSA-PSS" => {
            let (hash, length) = hash()?;
            let usual = field("mgf") == Some("MGF1") && field("mgfSha") == field("sha");
            let salt = group.get("sLen").and_then(Value::as_u64) == Some(length);
            (usual && salt).then_some(Algorithm::RsaPss { hash })
        }
        "EDDSA" => Some(Algorithm::Ed25519),
        _ => None,
    }
}

fn bytes(object: &Map<String, Value>, key: &str) -> Result<Vec<u8>, String> {
    hex::decode(text(object, key)?).map_err(|error| format!("`{key}`: {error}"))
}
