//! Collections of Docker Content Trust, published by the real notary, and their attack twins: each under both crypto sets, live
//! and from a transcript; and how many files are asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use verimage::core::{Blob, Learned, Place, RoleVersion, SignatureStore, StateStore, StoreError, Want, What, async_trait};
use verimage::{
    CryptoSet, Decision, FolderMaterial, ImageRef, ImageSource, LayoutStore, MemoryState, Policy, PolicyLoader, Replayed, Request,
    Selector, StateFolder, Transcript, Verdict, Verimage,
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

/// Where docker would find a tag in `targets`, Connaisseur does not once anything was released.
#[test]
fn where_a_tag_is_searched_is_said_by_the_leaf() {
    let case = case("team-targets-only");
    let root = fixtures().join("pins/team.pub");
    let load = |members: Value| {
        let mut leaf = json!({"server": "https://notary.example", "root": "root"});
        leaf.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
            "trust": {"root": {"tufRoot": {"file": root}}, "key": {"publicKey": {"file": root}}},
            "rules": [{"name": "demo", "images": ["**/**"], "require": {"notaryV1": leaf}},
                {"name": "key", "images": ["other.example/a"], "require": {"cosign": {"key": "key", "transparency": "none"}}}]});
        PolicyLoader::new().load_text(&policy.to_string(), "policy", &FolderMaterial::new(None))
    };
    for (search, decision) in [("docker", Decision::Allow), ("released", Decision::Deny)] {
        let policy = load(json!({"search": search})).unwrap();
        let server = Server::with(&case, case.collection.as_deref());
        let verdict = run(engine(server, None).run(&request(&case), &policy)).unwrap().verdict;
        assert_eq!(verdict.decision, decision, "{search}: {}", verdict.message);
    }
    for (members, field) in [
        (json!({"search": "released", "delegations": ["alice"]}), "/search"),
        (json!({"search": "other"}), "/search"),
        (json!({"delegationKeys": {"alice": "key"}}), "/delegationKeys/alice"),
        (json!({"delegations": ["alice"], "delegationKeys": {"bob": "key"}}), "/delegationKeys/bob"),
        (json!({"delegations": ["alice"], "delegationKeys": {"alice": "root"}}), "/delegationKeys/alice"),
        (json!({"delegations": ["alice", "bob"], "threshold": 1, "delegationKeys": {"alice": "key"}}), "/delegationKeys"),
    ] {
        let error = load(members.clone()).unwrap_err();
        assert_eq!(error.pointer, format!("/rules/0/require/notaryV1{field}"), "{members}: {error}");
    }
}

/// A Notary server of the loopback interface over http, that holds one collection and counts.
struct Loopback {
    address: std::net::SocketAddr,
    heads: std::sync::mpsc::Receiver<String>,
}

impl Loopback {
    fn start(collection: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let folder = fixtures().join("collections").join(collection);
        let (sender, heads) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                serve(client, &folder, &sender);
            }
        });
        Self { address, heads }
    }

    fn asked(&self) -> Vec<String> {
        self.heads.try_iter().collect()
    }
}

/// Answers one request, after it told the file that is asked for, without the hash in its name.
fn serve(mut client: std::net::TcpStream, folder: &Path, files: &std::sync::mpsc::Sender<String>) {
    use std::io::{BufRead, BufReader, Write};
    let mut head = String::new();
    let mut reader = BufReader::new(client.try_clone().unwrap());
    while reader.read_line(&mut head).unwrap_or(0) > 2 {}
    let path = head.split(' ').nth(1).unwrap_or_default();
    let asked = path.split("/_trust/tuf/").nth(1).unwrap_or(path);
    let is_hash = |part: &&str| part.len() != 64;
    let file: String = asked.split('.').filter(is_hash).collect::<Vec<_>>().join(".");
    let _ = files.send(file.clone());
    let (status, body) = fs::read(folder.join(&file)).map_or(("404 Not Found", Vec::new()), |bytes| ("200 OK", bytes));
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = client.write_all(answer.as_bytes()).and_then(|()| client.write_all(&body));
}

/// Through the engine's own store: four files cold; with what was kept, and files by hash at hand, the timestamp alone.
#[test]
fn the_second_time_only_the_timestamp_is_asked_for() {
    let case = case("team-agreed");
    let server = Loopback::start(case.collection.as_deref().unwrap());
    let root = fixtures().join(case.pin["publicKey"].as_str().unwrap());
    let leaf = json!({"notaryV1": {"server": format!("http://{}", server.address), "root": "root"}});
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": {"root": {"tufRoot": {"file": root}}},
        "rules": [{"name": "demo", "images": ["**/**"], "require": leaf}]});
    let policy = PolicyLoader::new().load_text(&policy.to_string(), "policy", &FolderMaterial::new(None)).unwrap();
    let config = verimage::registry::RegistryConfig::default();
    let builder = Verimage::builder().servers(config).state(Arc::new(MemoryState::default()));
    let engine = builder.build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let files = ["root.json", "timestamp.json", "snapshot.json", "targets.json", "targets/releases.json"];
    for expected in [&files[..], &files[1..2], &files[1..2]] {
        let verdict = runtime.block_on(engine.run(&request(&case), &policy)).unwrap().verdict;
        let (mut asked, mut expected) = (server.asked(), expected.to_vec());
        asked.sort();
        expected.sort_unstable();
        assert_eq!((verdict.decision, asked), (Decision::Allow, expected.iter().map(ToString::to_string).collect()), "{}", verdict.message);
        assert!(verdict.warnings.is_empty(), "{:?}", verdict.warnings);
    }
}

/// What a newcomer meets first: four causes, four codes, and words that say what to do.
#[test]
fn four_troubles_are_told_apart() {
    for (name, code, words) in [
        ("tag-absent", "signature-not-found", "docker trust sign"),
        ("attack-pin-other-key", "certificate-untrusted", "Compare the pin"),
        ("attack-expired-timestamp", "metadata-expired", "clock"),
        ("unsigned", "signature-not-found", "not signed"),
    ] {
        let verdict = run(judge(&case(name), CryptoSet::aws_lc()));
        assert_eq!(verdict.code.as_deref(), Some(code), "{name}");
        assert!(verdict.message.contains(words) && verdict.message.contains("registry.example/demo"), "{name}: {}", verdict.message);
        assert!(verdict.leaves.iter().any(|leaf| leaf.searched.iter().any(|place| place.contains("https://notary.example"))), "{name}");
    }
    let case = case("tag");
    let engine = Verimage::builder().offline().build().unwrap();
    let verdict = run(engine.run(&request(&case), &policy(&case, CryptoSet::aws_lc()))).unwrap().verdict;
    assert_eq!((verdict.decision, verdict.code.as_deref()), (Decision::Inconclusive, Some("store-unavailable")));
}

/// Without anybody who keeps what was seen the verdict says so, and trust on first use is none.
#[test]
fn what_nobody_keeps_is_said() {
    let pinned = case("tag");
    let verdict = run(engine(Server::with(&pinned, Some("tags")), None).run(&request(&pinned), &policy(&pinned, CryptoSet::aws_lc())));
    let verdict = verdict.unwrap().verdict;
    assert_eq!((verdict.decision, verdict.warnings), (Decision::Allow, vec!["trust-state-not-kept".to_owned()]));
    let first = case("pin-first-use");
    let verdict = run(engine(Server::with(&first, Some("tags")), None).run(&request(&first), &policy(&first, CryptoSet::aws_lc())));
    let verdict = verdict.unwrap().verdict;
    assert_eq!((verdict.decision, verdict.code.as_deref()), (Decision::Inconclusive, Some("trust-state-unreadable")));
}

/// Forgets everything: nothing was ever kept, and nothing can be.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl StateStore for Forgetful {
    async fn load(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    async fn keep(&self, _: &Learned) -> Result<(), StoreError> {
        Err(StoreError::unavailable("the disk is full"))
    }
}

/// A first contact that is forgotten again would be the first each time. With a pin, nothing rests on what is kept.
#[test]
fn a_first_contact_that_cannot_be_kept_allows_nothing() {
    for (name, admitted) in [("pin-first-use", false), ("tag", true)] {
        let case = case(name);
        let engine = engine(Server::with(&case, Some("tags")), Some(Arc::new(Forgetful)));
        let verdict = run(engine.run(&request(&case), &policy(&case, CryptoSet::aws_lc()))).unwrap().verdict;
        assert_eq!((verdict.admitted, verdict.decision == Decision::Allow), (admitted, admitted), "{name}");
        assert!(verdict.warnings.iter().any(|word| word == "trust-state-not-kept"), "{name}: {:?}", verdict.warnings);
        assert_eq!(verdict.code.is_some(), !admitted, "{name}: {}", verdict.message);
    }
}

/// State that is there and cannot be read is never a first contact.
#[test]
fn state_that_cannot_be_read_is_inconclusive() {
    let case = case("tag");
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::new(folder.path());
    let policy = policy(&case, CryptoSet::aws_lc());
    let judge = || {
        let engine = engine(Server::with(&case, Some("tags")), Some(Arc::new(state.clone())));
        run(engine.run(&request(&case), &policy)).unwrap().verdict
    };
    assert_eq!(judge().decision, Decision::Allow);
    let file = state.file("https://notary.example", &case.gun);
    let kept = fs::read_to_string(&file).unwrap();
    for broken in ["", "{}", &kept.replace("versions", "version"), &kept[..kept.len() / 2]] {
        fs::write(&file, broken).unwrap();
        let verdict = judge();
        assert_eq!((verdict.decision, verdict.code.as_deref()), (Decision::Inconclusive, Some("trust-state-unreadable")), "{broken}");
    }
    fs::write(&file, kept).unwrap();
    assert_eq!(judge().decision, Decision::Allow);
}

/// Trust comes from the policy: a state, of a file or of a transcript, that holds a stranger's root and says that it was
/// established under the policy's pin is no pin. Trust on first use rests on the state, and every verdict says so.
#[test]
fn a_state_never_stands_for_the_pin() {
    let (pinned, first) = (case("tag"), case("pin-first-use"));
    let learned = |case: &Case, collection: &str| {
        let state: Arc<dyn StateStore> = Arc::new(MemoryState::default());
        let engine = engine(Server::with(case, Some(collection)), Some(state.clone()));
        assert_eq!(run(engine.run(&request(case), &policy(case, CryptoSet::aws_lc()))).unwrap().verdict.decision, Decision::Allow);
        serde_json::from_slice::<Value>(&run(state.load("https://notary.example", &case.gun)).unwrap().unwrap()).unwrap()
    };
    let mut forged = learned(&first, "attack-another-root");
    forged["anchor"] = learned(&pinned, "tags")["anchor"].clone();
    let judge = |case: &Case, kept: &Value| {
        let state: Arc<dyn StateStore> = Arc::new(MemoryState::default());
        let keep = Learned::new("https://notary.example", &case.gun, kept.to_string().into_bytes(), |_, newer| Some(newer.to_vec()));
        run(state.keep(&keep)).unwrap();
        let engine = engine(Server::with(case, Some("attack-another-root")), Some(state));
        let policy = policy(case, CryptoSet::aws_lc());
        let verification = run(engine.run(&request(case), &policy)).unwrap();
        let replayed = run(engine.replay(&verification.transcript(), &Replayed::default(), &policy)).unwrap();
        assert_eq!(replayed, verification.verdict);
        replayed
    };
    let verdict = judge(&pinned, &forged);
    assert_eq!((verdict.decision, verdict.code.as_deref()), (Decision::Deny, Some("certificate-untrusted")), "{}", verdict.message);
    let verdict = judge(&first, &learned(&first, "attack-another-root"));
    assert_eq!((verdict.decision, verdict.warnings), (Decision::Allow, vec!["notary-trusted-on-first-use".to_owned()]));
}

/// The root is signed by the first key alone: a leaf that would also take another key has the same signer.
#[test]
fn one_signer_does_not_count_as_two_by_pins_that_did_not_sign() {
    let case = case("tag");
    let folder = tempfile::tempdir().unwrap();
    let pin = |name: &str| fs::read_to_string(fixtures().join("pins").join(name)).unwrap();
    fs::write(folder.path().join("first.pub"), pin("tags.pub")).unwrap();
    fs::write(folder.path().join("both.pub"), pin("team.pub") + &pin("tags.pub")).unwrap();
    let leaf = |root: &str| json!({"notaryV1": {"server": "https://notary.example", "root": root}});
    let judge = |distinct: usize| {
        let threshold = json!({"k": distinct, "distinct": "signer", "of": [leaf("first"), leaf("both")]});
        let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
            "trust": {"first": {"tufRoot": {"file": "first.pub"}}, "both": {"tufRoot": {"file": "both.pub"}}},
            "rules": [{"name": "demo", "images": ["**/**"], "require": {"threshold": threshold}}]});
        let material = FolderMaterial::new(Some(folder.path().to_owned()));
        let policy = PolicyLoader::new().load_text(&policy.to_string(), "policy", &material).unwrap();
        run(engine(Server::with(&case, Some("tags")), None).run(&request(&case), &policy)).unwrap().verdict
    };
    assert_eq!(judge(1).decision, Decision::Allow);
    let verdict = judge(2);
    assert_eq!((verdict.decision, verdict.code.as_deref()), (Decision::Deny, Some("threshold-not-met")), "{}", verdict.message);
}

/// Two runs that end with different states keep the higher version of each role.
#[test]
fn what_was_seen_is_merged() {
    use verimage_tuf::TrustState;
    let seen = |collection: &str| {
        let case = case("tag");
        let state: Arc<dyn StateStore> = Arc::new(MemoryState::default());
        let engine = engine(Server::with(&case, Some(collection)), Some(state.clone()));
        run(engine.run(&request(&case), &policy(&case, CryptoSet::aws_lc()))).unwrap();
        TrustState::from_json(&run(state.load("https://notary.example", &case.gun)).unwrap().unwrap()).unwrap()
    };
    let (older, newer) = (seen("tags-before"), seen("tags"));
    assert_ne!(older.versions(), newer.versions());
    for merged in [older.clone().merge(newer.clone()).unwrap(), newer.clone().merge(older).unwrap()] {
        assert_eq!(merged.versions(), newer.versions());
    }
}

/// Policies that cannot mean anything do not load.
#[test]
fn leaves_that_make_no_sense_do_not_load() {
    let key = fixtures().join("pins/tags.pub");
    let load = |leaf: Value| {
        let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
            "trust": {"root": {"tufRoot": {"file": key}}},
            "rules": [{"name": "demo", "images": ["**/**"], "require": {"notaryV1": leaf}}]});
        PolicyLoader::new().load_text(&policy.to_string(), "policy", &FolderMaterial::new(None)).map_err(|error| error.pointer)
    };
    assert!(load(json!({"root": "root"})).is_ok());
    for (leaf, pointer) in [
        (json!({"root": "root", "keyIds": ["a"]}), ""),
        (json!({"root": "root", "insecureTrustOnFirstUse": true}), ""),
        (json!({"root": "nobody"}), "/root"),
        (json!({"root": "root", "server": "ftp://notary.example"}), "/server"),
        (json!({"root": "root", "server": "https://notary.example/path"}), "/server"),
        (json!({"root": "root", "gun": "../elsewhere"}), "/gun"),
        (json!({"root": "root", "delegations": ["alice", "targets/alice"]}), "/delegations"),
        (json!({"root": "root", "delegations": ["Alice"]}), "/delegations/0"),
        (json!({"root": "root", "threshold": 1}), "/threshold"),
        (json!({"root": "root", "delegations": ["alice"], "threshold": 2}), "/threshold"),
        (json!({"root": "root", "maxAge": "1h"}), "/maxAge"),
    ] {
        assert_eq!(load(leaf.clone()).err(), Some(format!("/rules/0/require/notaryV1{pointer}")), "{leaf}");
    }
}
