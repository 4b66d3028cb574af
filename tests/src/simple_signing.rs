//! `simple-signing` and `openpgp-verify`: GPG signatures as files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use verimage::{Code, FolderMaterial, ImageRef, ImageSource, PolicyLoader, Request, Verdict, Verimage};
use verimage_crypto::CryptoSet;
use verimage_simple_signing::KeyRing;

use crate::memory::{MemoryStore, digest};
use crate::{Answer, Case, path, paths, read, text};

/// The OpenPGP step alone, under every crypto set, which must agree.
pub(crate) fn message(case: &Case) -> Result<Answer, String> {
    let (signature, now) = (read(&path(case, "signature")?)?, moment(case)?);
    let mut answers = Vec::new();
    for crypto in [CryptoSet::rustcrypto(), CryptoSet::aws_lc()] {
        let mut ring = KeyRing::default();
        for key in paths(case, "keys") {
            match KeyRing::parse(&read(&key)?, &crypto) {
                Ok(keys) => ring.extend(keys),
                Err(error) => return Ok(Answer::reject(Code::PolicyInvalid.as_str(), error)),
            }
        }
        answers.push(match ring.verify(&signature, now) {
            Ok(signed) => Answer::Accept(Map::from_iter([
                ("content_sha256".to_owned(), Value::from(hex::encode(Sha256::digest(&signed.content)))),
                ("fingerprint".to_owned(), Value::from(signed.fingerprint)),
            ])),
            Err(failure) => Answer::reject(failure.code.as_str(), failure.detail),
        });
    }
    match answers.as_slice() {
        [one, other] if one == other => Ok(one.clone()),
        _ => Err(format!("the crypto sets do not agree: {answers:?}")),
    }
}

/// Signatures in a lookaside, judged under keys and an identity rule.
pub(crate) fn image(case: &Case) -> Result<Answer, String> {
    let identity = match text(&case.params, "identity")?.split_once(':') {
        Some(("exact-reference", reference)) => json!({"exactReference": reference}),
        None if case.params["identity"] == "match-exact" => json!("matchExact"),
        None if case.params["identity"] == "match-repository" => json!("matchRepository"),
        _ => return Ok(Answer::unsupported(text(&case.params, "identity")?)),
    };
    let image = match ImageRef::parse(text(&case.params, "image")?) {
        Ok(image) => image.with_default_tag(),
        Err(error) => return Ok(Answer::reject("reference-malformed", error)),
    };
    let Ok(manifest) = path(case, "manifest") else { return Ok(Answer::unsupported("a signature without the manifest")) };
    let manifest = read(&manifest)?;
    let mut store = MemoryStore::default();
    for signature in paths(case, "signatures") {
        store.signatures.entry(digest(&manifest)).or_default().push(read(&signature)?);
    }
    store.manifests.insert(digest(&manifest), manifest.clone());
    store.tags.extend(image.tag().map(|tag| (tag.to_string(), manifest)));
    let keys: Map<String, Value> =
        paths(case, "keys").iter().enumerate().map(|(index, path)| (format!("key-{index}"), json!({"openpgp": {"file": path}}))).collect();
    let names: Vec<&String> = keys.keys().collect();
    let require = json!({"simpleSigning": {"keys": names, "signedIdentity": identity}});
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": keys,
        "rules": [{"name": "case", "images": ["**/**"], "require": require}]});
    let verdict = match judge(&policy.to_string(), store, &image, moment(case)?)? {
        Ok(verdict) => verdict,
        Err(refused) => return Ok(refused),
    };
    let answer = answer(&verdict);
    let wanted = case.params.get("key_fingerprint").and_then(Value::as_str);
    let signers: Vec<&str> = verdict.reports.iter().filter_map(|report| report.signer.as_deref()).collect();
    match (&answer, wanted) {
        (Answer::Accept(_), Some(fingerprint)) if !signers.contains(&format!("openpgp:{fingerprint}").as_str()) => {
            Err(format!("the signer is {signers:?}, not {fingerprint}"))
        }
        _ => Ok(answer),
    }
}

fn judge(policy: &str, store: MemoryStore, image: &ImageRef, at: Timestamp) -> Result<Result<Verdict, Answer>, String> {
    let material = FolderMaterial::new(Some(PathBuf::from(Path::new("/"))));
    let policy = match PolicyLoader::new().load_text(policy, "case", &material) {
        Ok(policy) => policy,
        Err(error) => return Ok(Err(Answer::reject(error.code.as_str(), &error))),
    };
    let store = Arc::new(store);
    let engine = Verimage::builder().registry(store.clone()).lookaside(store).build().map_err(|error| error.to_string())?;
    let mut request = Request::new(ImageSource::Registry(image.clone()));
    request.at = Some(at);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| error.to_string())?;
    let verification = runtime.block_on(engine.run(&request, &policy)).map_err(|error| error.to_string())?;
    Ok(Ok(verification.verdict))
}

fn answer(verdict: &Verdict) -> Answer {
    match (&verdict.digest, verdict.admitted) {
        (Some(digest), true) => Answer::Accept(Map::from_iter([("digest".to_owned(), Value::from(digest.clone()))])),
        _ => Answer::reject(verdict.code.as_deref().unwrap_or(Code::SignatureNotFound.as_str()), &verdict.message),
    }
}

/// `time` where there is one, else now.
fn moment(case: &Case) -> Result<Timestamp, String> {
    match text(&case.params, "time") {
        Ok(time) => time.parse().map_err(|error| format!("`time`: {error}")),
        Err(_) => Ok(Timestamp::now()),
    }
}
