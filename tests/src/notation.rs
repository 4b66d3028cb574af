//! `notation-trust-policy`, `notation-trust-store`, `notation-envelope` and `notation-oci-layout`, through the crate
//! `notation-rs`, under every crypto set, which must agree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notation_rs::envelope::Format;
use notation_rs::manifest::SignatureManifest;
use notation_rs::revocation::{Answer as RevocationAnswer, Material};
use notation_rs::trust_policy::{BlobDocument, OciDocument, Statement};
use notation_rs::verify::{Expected, Outcome, Verification};
use notation_rs::{StoreName, StoreType, Timestamp, TrustStore, TrustStores};
use serde_json::{Map, Value, json};
use verimage_crypto::CryptoSet;

use crate::{Answer, Case, path, paths, read, text};

/// A reference that no scope but `*` names.
const ANYWHERE: &str = "registry.example/image";

pub(crate) fn trust_policy(case: &Case) -> Result<Answer, String> {
    let policy = read(&path(case, "policy")?)?;
    let parsed = match text(&case.params, "form")? {
        "oci" => OciDocument::parse(&policy).map(drop),
        "blob" => BlobDocument::parse(&policy).map(drop),
        other => return Ok(Answer::unsupported(format!("form {other}"))),
    };
    Ok(parsed.map_or_else(|error| Answer::reject("policy-invalid", error), |()| Answer::accept()))
}

pub(crate) fn trust_store(case: &Case) -> Result<Answer, String> {
    let Some(store_type) = StoreType::from_name(text(&case.params, "type")?) else { return Ok(Answer::unsupported("store type")) };
    let loaded = store(store_type, "case", &paths(case, "certificates"))?;
    Ok(loaded.map_or_else(|error| Answer::reject("policy-invalid", error), |_| Answer::accept()))
}

/// One envelope, its payload expected to be what it is.
pub(crate) fn envelope(case: &Case) -> Result<Answer, String> {
    let stores = match stores(case)? {
        Ok(stores) => stores,
        Err(error) => return Ok(Answer::reject("certificate-untrusted", error)),
    };
    let level = case.params.get("level").and_then(Value::as_str).unwrap_or("strict");
    let identities = case.params.get("trusted_identities").cloned().unwrap_or_else(|| json!(["*"]));
    let mut verification = json!({"level": level});
    if let Some(verify) = case.params.get("verify_timestamp") {
        verification["verifyTimestamp"] = verify.clone();
    }
    if let Some(actions @ Value::Object(_)) = case.params.get("checks") {
        verification["override"] = actions.clone();
    }
    let checks = match checks(case) {
        Ok(checks) => checks,
        Err(other) => return Ok(Answer::unsupported(format!("checks {other}"))),
    };
    let mut names: Vec<_> = store_names(case).into_iter().map(|(store_type, name)| format!("{store_type}:{name}")).collect();
    if names.is_empty() {
        // A statement names a store in any case; this one is not there.
        names.push("ca:none".to_owned());
    }
    let policy = json!({"version": "1.0", "trustPolicies": [{"name": "case", "registryScopes": ["*"],
        "signatureVerification": verification, "trustStores": names, "trustedIdentities": identities}]});
    let document = match OciDocument::parse(policy.to_string().as_bytes()) {
        Ok(document) => document,
        Err(error) => return Ok(Answer::reject("policy-invalid", error)),
    };
    let format = match Format::from_media_type(text(&case.params, "media_type")?) {
        Ok(format) => format,
        Err(error) => return Ok(Answer::reject("signature-malformed", error)),
    };
    let statement = document.statements().first().ok_or("no statement")?;
    let envelope = read(&path(case, "envelope")?)?;
    judge(&Question { statement, stores: &stores, expected: None, checks: checks.as_ref(), now: now(case)? }, format, &envelope)
}

/// An image of a layout and the signatures that refer to it; one good signature is enough.
pub(crate) fn layout(case: &Case) -> Result<Answer, String> {
    let stores = match stores(case)? {
        Ok(stores) => stores,
        Err(error) => return Ok(Answer::reject("certificate-untrusted", error)),
    };
    let document = match OciDocument::parse(&read(&path(case, "policy")?)?) {
        Ok(document) => document,
        Err(error) => return Ok(Answer::reject("policy-invalid", error)),
    };
    let digest = text(&case.params, "digest")?;
    let statement = match document.select(&format!("{ANYWHERE}@{digest}")) {
        Ok(statement) => statement,
        Err(error) => return Ok(Answer::reject("policy-invalid", error)),
    };
    if statement.level.is_skip() {
        return Ok(Answer::accept());
    }
    let layout = Layout { root: path(case, "layout")? };
    let descriptors = layout.descriptors()?;
    let Some(image) = descriptors.iter().find(|descriptor| descriptor["digest"] == digest) else {
        return Ok(Answer::reject("image-not-found", digest));
    };
    let expected = (image["mediaType"].as_str().unwrap_or_default(), digest, image["size"].as_u64().unwrap_or_default());
    let question = Question { statement, stores: &stores, expected: Some(expected), checks: None, now: now(case)? };
    let mut last = Answer::reject("signature-not-found", "no signature is associated with the image");
    for descriptor in &descriptors {
        let Ok(manifest) = SignatureManifest::parse(&layout.blob(descriptor)?) else { continue };
        if (manifest.subject.media_type.as_str(), manifest.subject.digest.as_str(), manifest.subject.size) != expected {
            continue;
        }
        let envelope = layout.blob(&json!({"digest": manifest.envelope.digest}))?;
        last = judge(&question, manifest.format, &envelope)?;
        if matches!(last, Answer::Accept(_)) {
            break;
        }
    }
    Ok(last)
}

struct Question<'a> {
    statement: &'a Statement,
    stores: &'a TrustStores,
    /// Media type, digest and size; what was signed, if nothing else is expected.
    expected: Option<(&'a str, &'a str, u64)>,
    /// The only checks that count, by name.
    checks: Option<&'a BTreeSet<String>>,
    now: Timestamp,
}

fn judge(question: &Question<'_>, format: Format, envelope: &[u8]) -> Result<Answer, String> {
    let outcomes = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|set| outcome(question, format, envelope, set));
    let [first, second] = outcomes.map(|outcome| (answer(question, &outcome), outcome.checks));
    if first == second { Ok(first.0) } else { Err(format!("the crypto sets disagree: {first:?} and {second:?}")) }
}

/// No network: whatever is needed is not there.
fn outcome(question: &Question<'_>, format: Format, envelope: &[u8], set: CryptoSet) -> Outcome {
    let verification = Verification::new(question.statement, question.stores, set);
    let target = notation_rs::envelope::Envelope::parse(format, envelope).ok();
    let target = target.and_then(|envelope| notation_rs::TargetArtifact::parse(&envelope.unverified().payload).ok());
    let own = target.as_ref().map(|target| (target.media_type.as_str(), target.digest.as_str(), target.size));
    let (media_type, digest, size) = question.expected.or(own).unwrap_or_default();
    let mut material = Material::new();
    loop {
        let expected = Expected::Artifact { media_type, digest, size };
        let outcome = verification.verify(format, envelope, expected, question.now, &material);
        if outcome.is_final() {
            return outcome;
        }
        for request in outcome.needed {
            material.insert(request, RevocationAnswer::Failed { reason: "there is no network".to_owned() });
        }
    }
}

fn answer(question: &Question<'_>, outcome: &Outcome) -> Answer {
    use notation_rs::trust_policy::{Action, VerificationType};
    use notation_rs::verify::CheckKind;
    let counts = |kind: CheckKind| match kind {
        CheckKind::Type(VerificationType::Integrity) => true,
        CheckKind::Type(check) => question.checks.is_none_or(|checks| checks.contains(check.as_str())),
        _ => true,
    };
    let mut failures = outcome.failures().filter(|(check, _)| check.action == Action::Enforce && counts(check.kind));
    match failures.next() {
        Some((check, error)) => Answer::reject(&check.kind.to_string(), error),
        None => Answer::Accept(Map::new()),
    }
}

/// The checks that a case is about; nothing if it is about all.
fn checks(case: &Case) -> Result<Option<BTreeSet<String>>, String> {
    match case.params.get("checks") {
        None | Some(Value::Null | Value::Object(_)) => Ok(None),
        Some(Value::String(all)) if all == "all" => Ok(None),
        Some(Value::String(one)) => Ok(Some(BTreeSet::from([one.clone()]))),
        Some(Value::Array(names)) => Ok(Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())),
        Some(other) => Err(other.to_string()),
    }
}

/// `trust_store:TYPE:NAME` among the roles.
fn store_names(case: &Case) -> Vec<(String, String)> {
    let names = case.files.keys().filter_map(|role| role.strip_prefix("trust_store:")?.split_once(':'));
    names.map(|(store_type, name)| (store_type.to_owned(), name.to_owned())).collect()
}

fn stores(case: &Case) -> Result<Result<TrustStores, String>, String> {
    let mut stores = TrustStores::new();
    for (store_type, name) in store_names(case) {
        let Some(known) = StoreType::from_name(&store_type) else { return Err(format!("store type {store_type}")) };
        match store(known, &name, &paths(case, &format!("trust_store:{store_type}:{name}")))? {
            Ok(store) => stores.insert(store),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(stores))
}

fn store(store_type: StoreType, name: &str, files: &[PathBuf]) -> Result<Result<TrustStore, String>, String> {
    let name = StoreName::new(name).map_err(|error| error.to_string())?;
    let files = files.iter().map(|path| Ok((path.display().to_string(), read(path)?))).collect::<Result<Vec<_>, String>>()?;
    let load = |set: CryptoSet| {
        let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        TrustStore::new(store_type, name.clone(), files, &set).map_err(|error| error.to_string())
    };
    let [first, second] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(load);
    if first == second { Ok(first) } else { Err(format!("the crypto sets disagree: {first:?} and {second:?}")) }
}

/// `time`, or else the time of day, for cases that hold at any time.
fn now(case: &Case) -> Result<Timestamp, String> {
    match case.params.get("time") {
        None => Ok(Timestamp::now()),
        Some(time) => time.as_str().unwrap_or_default().parse().map_err(|error| format!("`time`: {error}")),
    }
}

struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Every descriptor of the index, and of the indexes in it.
    fn descriptors(&self) -> Result<Vec<Value>, String> {
        const INDEX: &str = "application/vnd.oci.image.index.v1+json";
        let mut found: Vec<Value> = Vec::new();
        let mut indexes = vec![read(&self.root.join("index.json"))?];
        while let Some(index) = indexes.pop() {
            let index: Value = serde_json::from_slice(&index).map_err(|error| error.to_string())?;
            for descriptor in index["manifests"].as_array().into_iter().flatten() {
                if found.iter().any(|known| known["digest"] == descriptor["digest"]) {
                    continue;
                }
                if descriptor["mediaType"] == INDEX {
                    indexes.push(self.blob(descriptor)?);
                }
                found.push(descriptor.clone());
            }
        }
        Ok(found)
    }

    fn blob(&self, descriptor: &Value) -> Result<Vec<u8>, String> {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let hex = hex.ok_or_else(|| format!("digest {digest}"))?;
        let bytes = read(&Path::new(&self.root).join("blobs/sha256").join(hex))?;
        use sha2::Digest as _;
        if hex::encode(sha2::Sha256::digest(&bytes)) == hex { Ok(bytes) } else { Err(format!("{digest} has other bytes")) }
    }
}
