//! `simple-signing`, `openpgp-verify` and `policy-json-image`: GPG signatures as files.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use verimage::core::policy::Location;
use verimage::core::{self, Context, Progress, Session, SignatureStore as _, Want};
use verimage::{Code, FolderMaterial, ImageRef, ImageSource, Limits, Platform, Policy, PolicyLoader, Request, Verdict, Verimage};
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
    let Ok(manifest) = path(case, "manifest") else { return Ok(Answer::unsupported("a signature without the manifest")) };
    let manifest = read(&manifest)?;
    let mut lookaside = Lookaside::default();
    lookaside.add(&digest(&manifest), &paths(case, "signatures"), 1)?;
    let keys: Map<String, Value> =
        paths(case, "keys").iter().enumerate().map(|(index, path)| (format!("key-{index}"), json!({"openpgp": {"file": path}}))).collect();
    let names: Vec<&String> = keys.keys().collect();
    let require = json!({"simpleSigning": {"keys": names, "signedIdentity": identity}});
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": keys,
        "rules": [{"name": "case", "images": ["**/**"], "require": require}]});
    let question =
        Question { policy: policy.to_string(), image: text(&case.params, "image")?, platform: None, location: Location::Registry };
    let verdict = match question.judge(lookaside.with(manifest), moment(case)?)? {
        Ok(verdict) => verdict,
        Err(refused) => return Ok(refused),
    };
    let wanted = case.params.get("key_fingerprint").and_then(Value::as_str);
    let signers: Vec<&str> = verdict.reports.iter().filter_map(|report| report.signer.as_deref()).collect();
    match (answer(&verdict), wanted) {
        (Answer::Accept(_), Some(fingerprint)) if !signers.contains(&format!("openpgp:{fingerprint}").as_str()) => {
            Err(format!("the signer is {signers:?}, not {fingerprint}"))
        }
        (answer, _) => Ok(answer),
    }
}

/// An image in a registry, in a folder or in a layout, under a policy of podman.
pub(crate) fn policy_json(case: &Case) -> Result<Answer, String> {
    const KNOWN: [&str; 7] = ["image", "manifest_digest", "time", "platform", "first_index", "copy_all", "repeat"];
    if let Some(unknown) = case.params.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Ok(Answer::unsupported(format!("param `{unknown}`")));
    }
    let corpus = path(case, "corpus")?.display().to_string();
    let policy = String::from_utf8_lossy(&read(&path(case, "policy")?)?).replace("@CORPUS@", &corpus);
    let image = text(&case.params, "image")?.replace("@CORPUS@", &corpus);
    if image.starts_with("oci:") {
        return layout(case, &policy, &image);
    }
    let mut lookaside = Lookaside::default();
    let first = case.params.get("first_index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok()).unwrap_or(1);
    for role in case.files.keys() {
        let Some(digest) = role.strip_prefix("signatures:") else { continue };
        lookaside.add(digest, &repeated(case, role), first)?;
    }
    let copies_all = case.params.get("copy_all") == Some(&Value::Bool(true));
    let platform = if copies_all { None } else { Some(platform(case)?) };
    let (image, location) = match image.strip_prefix("dir:") {
        Some(_) => ("layout.invalid/unnamed".to_owned(), Location::File { transport: "dir".to_owned(), path: "/image".to_owned() }),
        None => (image, Location::Registry),
    };
    let store = match path(case, "manifest") {
        Ok(manifest) => lookaside.with(read(&manifest)?),
        Err(_) => lookaside.0,
    };
    let verdict = Question { policy, image: &image, platform, location }.judge(store, moment(case)?)?;
    Ok(verdict.map_or_else(|refused| refused, |verdict| answer(&verdict)))
}

fn platform(case: &Case) -> Result<Platform, String> {
    text(&case.params, "platform")?.parse().map_err(|error| format!("`platform`: {error}"))
}

/// The files of a role, each as often as `repeat` says.
fn repeated(case: &Case, role: &str) -> Vec<PathBuf> {
    let counts = case.params.get("repeat").and_then(|repeat| repeat.get(role.trim_start_matches("signatures:")));
    let counts =
        counts.and_then(Value::as_array).into_iter().flatten().map(|count| count.as_u64().and_then(|count| usize::try_from(count).ok()));
    let counts: Vec<Option<usize>> = counts.collect();
    let files = paths(case, role).into_iter().enumerate();
    files.flat_map(|(index, path)| vec![path; counts.get(index).copied().flatten().unwrap_or(1)]).collect()
}

fn layout(case: &Case, policy: &str, image: &str) -> Result<Answer, String> {
    let policy = match load(policy) {
        Ok(policy) => policy,
        Err(refused) => return Ok(refused),
    };
    let mut request = Request::new(ImageSource::parse(image).map_err(|error| error.to_string())?);
    request.at = Some(moment(case)?);
    request.platform = Some(platform(case)?);
    let engine = Verimage::builder().offline().build().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| error.to_string())?;
    let verification = runtime.block_on(engine.run(&request, &policy)).map_err(|error| error.to_string())?;
    Ok(answer(&verification.verdict))
}

/// A store that grows a lookaside.
#[derive(Default)]
struct Lookaside(MemoryStore);

impl Lookaside {
    fn add(&mut self, digest: &str, files: &[PathBuf], first: u32) -> Result<(), String> {
        for (index, path) in (first..).zip(files) {
            self.0.signatures.insert((digest.to_owned(), index), read(path)?);
        }
        Ok(())
    }

    /// With the manifest that every tag names.
    fn with(mut self, manifest: Vec<u8>) -> MemoryStore {
        self.0.manifests.insert(digest(&manifest), manifest.clone());
        self.0.any_tag = Some(manifest);
        self.0
    }
}

/// What is asked of a session.
struct Question<'a> {
    policy: String,
    image: &'a str,
    platform: Option<Platform>,
    location: Location,
}

impl Question<'_> {
    fn judge(self, store: MemoryStore, at: Timestamp) -> Result<Result<Verdict, Answer>, String> {
        let image = match ImageRef::parse(self.image) {
            Ok(image) => image.with_default_tag(),
            Err(error) => return Ok(Err(Answer::reject("reference-malformed", error))),
        };
        let policy = match load(&self.policy) {
            Ok(policy) => policy,
            Err(refused) => return Ok(Err(refused)),
        };
        let limits = Limits::default();
        let context = Context::new(at, &limits);
        let mut session = Session::new(&policy, image.clone(), self.platform).located(self.location);
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
        loop {
            match session.step(&context) {
                Progress::Done(verdict) => return Ok(Ok(*verdict)),
                Progress::Pause => {}
                Progress::Fetch(wants) => {
                    let answer = |want: Want| core::Answer { result: runtime.block_on(store.fetch(&image, &want)), want };
                    session.supply(wants.into_iter().map(answer).collect(), &context);
                }
            }
        }
    }
}

fn load(policy: &str) -> Result<Policy, Answer> {
    let material = FolderMaterial::new(Some(PathBuf::from(Path::new("/"))));
    PolicyLoader::new().load_text(policy, "case", &material).map_err(|error| Answer::reject(error.code.as_str(), &error))
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
