//! Collections of Docker Content Trust, published by the real notary, and their attack twins: each under both crypto sets, live
//! and from a transcript; and how many files are asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use verimage::core::{Blob, Place, RoleVersion, SignatureStore, StateStore, StoreError, Want, What, async_trait};
use verimage::{
    CryptoSet, Decision, FolderMaterial, ImageRef, ImageSource, LayoutStore, MemoryState, Policy, PolicyLoader, Replayed, Request,
    Selector, Transcript, Verdict, Verimage,
};

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    name: String,
    collection: Option<String>,
    image: String,
    gun: String,
    #[allow(dead_code, reason = "for the other readers of the cases; the image says it")]
    tag: Option<String>,
    #[allow(dead_code, reason = "for the other readers of the cases; the image says it")]
    digest: Option<String>,
    pin: BTreeMap<String, Value>,
    #[serde(default)]
    delegations: Vec<String>,
    after: Option<String>,
    #[serde(default)]
    padded: BTreeMap<String, usize>,
    #[serde(default)]
    by_registry: bool,
    at: String,
    expect: Expect,
    why: String,
}

#[derive(Clone, Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expect {
    decision: String,
    code: Option<String>,
    digest: Option<String>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/notary-v1")
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(&fs::read_to_string(fixtures().join("cases.json")).unwrap()).unwrap();
    assert!(cases.len() > 150, "the runner looks in the wrong place");
    cases
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

/// A Notary server that holds one collection, and writes down what it is asked.
#[derive(Debug, Default)]
struct Server {
    gun: String,
    folder: Option<PathBuf>,
    padded: BTreeMap<String, usize>,
    asked: Mutex<Vec<String>>,
}

impl Server {
    fn with(case: &Case, collection: Option<&str>) -> Arc<Self> {
        let folder = collection.map(|name| fixtures().join("collections").join(name));
        Arc::new(Self { gun: case.gun.clone(), folder, padded: case.padded.clone(), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl SignatureStore for Server {
    async fn fetch(&self, _: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let What::Role { collection, role, version } = &want.what else { panic!("asked for {want:?}") };
        assert_eq!(want.place, Place::Store("https://notary.example".to_owned()));
        let file = match version {
            RoleVersion::Number(number) => format!("{number}.{role}.json"),
            _ => format!("{role}.json"),
        };
        self.asked.lock().unwrap().push(file.clone());
        let absent = || StoreError::not_found("the server does not have it");
        let folder = self.folder.as_ref().filter(|_| *collection == self.gun).ok_or_else(absent)?;
        let mut bytes = fs::read(folder.join(&file)).map_err(|_| absent())?;
        let length = bytes.len().max(self.padded.get(&file).copied().unwrap_or_default());
        bytes.resize(length, b' ');
        if bytes.len() as u64 > want.max_bytes { Err(StoreError::too_large(want.max_bytes)) } else { Ok(vec![Blob::new(bytes)]) }
    }
}

/// One layout stands for every repository of the registry.
#[derive(Debug)]
struct Images;

#[async_trait]
impl SignatureStore for Images {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let tag = image.tag().unwrap().to_string();
        LayoutStore::open_folder(&fixtures().join("images"), Selector::Name(tag)).unwrap().fetch(image, want).await
    }
}

/// The leaf of a case: its pin and its delegations.
fn leaf(case: &Case, trust: &mut Map<String, Value>) -> Value {
    let mut leaf = json!({"server": "https://notary.example"});
    for (kind, value) in &case.pin {
        let file = fixtures().join(value.as_str().unwrap_or_default());
        match kind.as_str() {
            "publicKey" | "certificate" => {
                trust.insert("root".to_owned(), json!({"tufRoot": {"file": file}}));
                leaf["root"] = json!("root");
            }
            "authority" => {
                trust.insert("authority".to_owned(), json!({"x509": {"file": file, "type": "ca"}}));
                leaf["authority"] = json!("authority");
            }
            "keyId" => leaf["keyIds"] = json!([value]),
            "rootBinding" => leaf["rootBinding"] = value.clone(),
            "firstUse" => leaf["insecureTrustOnFirstUse"] = json!(true),
            other => panic!("{other}"),
        }
    }
    if !case.delegations.is_empty() {
        leaf["delegations"] = json!(case.delegations);
    }
    json!({"notaryV1": leaf})
}

fn policy(case: &Case, crypto: CryptoSet) -> Policy {
    let mut trust = Map::new();
    let mut require = leaf(case, &mut trust);
    if case.by_registry {
        let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cosign/keys/p256.pub");
        trust.insert("other".to_owned(), json!({"publicKey": {"file": key}}));
        require = json!({"anyOf": [require, {"cosign": {"key": "other", "transparency": "none"}}]});
    }
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust,
        "rules": [{"name": "demo", "images": ["**/**"], "require": require}]});
    PolicyLoader::with_crypto(crypto).load_text(&policy.to_string(), "policy", &FolderMaterial::new(None)).unwrap()
}

fn engine(server: Arc<Server>, state: Option<Arc<dyn StateStore>>) -> Verimage {
    let builder = Verimage::builder().registry(Arc::new(Images)).notary(server);
    state.into_iter().fold(builder, |builder, state| builder.state(state)).build().unwrap()
}

fn request(case: &Case) -> Request {
    let mut request = Request::new(ImageSource::parse(&case.image).unwrap());
    request.at = Some(case.at.parse().unwrap());
    request
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

async fn judge(case: &Case, crypto: CryptoSet) -> Verdict {
    let state: Arc<dyn StateStore> = Arc::new(MemoryState::default());
    let policy = policy(case, crypto);
    if let Some(before) = &case.after {
        let engine = engine(Server::with(case, Some(before)), Some(state.clone()));
        engine.run(&request(case), &policy).await.unwrap();
        assert!(state.load("https://notary.example", &case.gun).await.unwrap().is_some(), "{}: {before} was not accepted", case.name);
    }
    let engine = engine(Server::with(case, case.collection.as_deref()), Some(state));
    let verification = engine.run(&request(case), &policy).await.unwrap();
    let transcript = Transcript::parse(&serde_json::to_vec(&verification.transcript()).unwrap()).unwrap();
    let again = engine.replay(&transcript, &Replayed::default(), &policy).await.unwrap();
    assert_eq!(again, verification.verdict, "a replay must give the same verdict: {}", case.name);
    verification.verdict
}

fn summary(verdict: &Verdict) -> Expect {
    let decision = serde_json::to_value(verdict.decision).unwrap().as_str().unwrap().to_owned();
    let digest = (decision == "allow").then(|| verdict.digest.clone()).flatten();
    assert_eq!(verdict.admitted, decision == "allow");
    Expect { decision, code: verdict.code.clone(), digest }
}

#[test]
fn every_case_has_its_answer_under_both_crypto_sets() {
    let mut wrong = Vec::new();
    for case in cases() {
        let [one, two] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| run(judge(&case, crypto)));
        assert_eq!(one, two, "the crypto sets disagree: {}", case.name);
        let found = summary(&one);
        if found != case.expect {
            wrong.push(format!("{} ({}):\n  expected {:?}\n  found    {found:?}\n  {}", case.name, case.why, case.expect, one.message));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// Cold: root, timestamp, snapshot, targets, and the delegations that are needed.
#[test]
fn four_files_and_one_for_each_delegation_that_is_needed() {
    for (name, delegations) in [("tag", 0), ("team-agreed", 1), ("team-both-signers", 2), ("team-signer-alice", 1)] {
        let case = case(name);
        let server = Server::with(&case, case.collection.as_deref());
        let verdict = run(engine(server.clone(), None).run(&request(&case), &policy(&case, CryptoSet::aws_lc()))).unwrap().verdict;
        let asked = server.asked();
        assert_eq!((verdict.decision, asked.len()), (Decision::Allow, 4 + delegations), "{name}: {asked:?}");
    }
}
