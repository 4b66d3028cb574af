//! Collections of Docker Content Trust, published by the real notary, and their attack twins: each under both crypto sets, live
//! and from a transcript; and how many files are asked for.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use verimage::core::{Learned, StateStore, StoreError, async_trait};
use verimage::{CryptoSet, Decision, FolderMaterial, MemoryState, PolicyLoader, Replayed, StateFolder, Verimage};
use verimage_tests::fixtures::Case as _;
use verimage_tests::fixtures::notary::{Case, Server, case, cases, engine, fixtures, policy, request};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn every_case_has_its_answer_under_both_crypto_sets() {
    let mut wrong = Vec::new();
    for case in cases() {
        let [one, two] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| case.ask(crypto).unwrap());
        assert_eq!(one.verdict, two.verdict, "the crypto sets disagree: {}", case.name);
        wrong.extend(case.check(&one).err());
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
        let verdict = case(name).ask(CryptoSet::aws_lc()).unwrap().verdict;
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
