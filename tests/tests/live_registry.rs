//! Against Debian's docker-registry, through a proxy that counts: the right verdicts for the promised number of requests.
//!
//! Without `docker-registry` on the machine the tests say so and pass; `tests/tools/install.sh registry` installs it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use verimage::registry::{RegistryConfig, RegistryStore};
use verimage::{Decision, Digest, FolderMaterial, Keeping, Policy, PolicyLoader, Verdict, Verdicts, Verimage};

/// Signed by one key, in the store `tag`; asked by digest: the signature manifest and its payload. By tag: one more to
/// resolve.
#[test]
fn one_signature_costs_two_requests_by_digest_and_three_by_tag() {
    let Some(world) = World::start(&[("demo/app", "p256")]) else { return };
    let policy = cosign("p256", TAGS);
    let digest = world.digest("p256");
    let (verdict, requests) = world.verify(&format!("demo/app@{digest}"), &policy);
    assert_eq!((verdict.decision, verdict.digest.as_deref(), requests.len()), (Decision::Allow, Some(digest.as_str()), 2), "{requests:?}");
    let (verdict, requests) = world.verify("demo/app:v1", &policy);
    assert_eq!((verdict.decision, verdict.digest.as_deref(), requests.len()), (Decision::Allow, Some(digest.as_str()), 3), "{requests:?}");
}

/// DESIGN section 8, "already verified": nothing by digest, one HEAD by tag, nothing within the time for which tags are believed.
#[test]
fn what_was_verified_costs_nothing_by_digest_and_a_head_by_tag() {
    let Some(world) = World::start(&[("demo/app", "p256")]) else { return };
    let policy = PolicyLoader::new().load_text(&cosign("p256", TAGS), "test", &FolderMaterial::new(None)).unwrap();
    let engine = |keeping| {
        let store = Arc::new(RegistryStore::new(RegistryConfig::default()).unwrap());
        Verimage::builder().registry(store).verdicts(Verdicts::new(keeping)).build().unwrap()
    };
    let keeping = engine(Keeping::default());
    let pinned = format!("demo/app:v1@{}", world.digest("p256"));
    for (image, expected) in [("demo/app:v1", 3), ("demo/app:v1", 1), (pinned.as_str(), 0), (pinned.as_str(), 0)] {
        let (verdict, requests) = world.ask(&keeping, image, &policy);
        assert_eq!((verdict.decision, requests.len()), (Decision::Allow, expected), "{image}: {requests:?}");
        assert!(expected != 1 || requests[0].starts_with("HEAD "), "{requests:?}");
    }
    let believing = engine(Keeping { resolved: Duration::from_secs(30), ..Keeping::default() });
    for expected in [3, 0] {
        let (verdict, requests) = world.ask(&believing, "demo/app:v1", &policy);
        assert_eq!((verdict.decision, requests.len()), (Decision::Allow, expected), "{requests:?}");
    }
}

#[test]
fn an_unsigned_image_costs_one_request_and_a_missing_one_is_not_unsigned() {
    let Some(world) = World::start(&[("demo/plain", "unsigned")]) else { return };
    let policy = cosign("p256", TAGS);
    let (verdict, requests) = world.verify(&format!("demo/plain@{}", world.digest("unsigned")), &policy);
    assert_eq!(
        (verdict.decision, verdict.code.as_deref(), requests.len()),
        (Decision::Deny, Some("signature-not-found"), 1),
        "{requests:?}"
    );
    let (verdict, requests) = world.verify("demo/plain:missing", &policy);
    assert_eq!(
        (verdict.decision, verdict.code.as_deref(), requests.len()),
        (Decision::Inconclusive, Some("image-not-found"), 1),
        "{requests:?}"
    );
}

/// Two signatures over equal payloads: the payload is fetched once. Two keys of one policy share everything.
#[test]
fn equal_questions_are_asked_once() {
    let Some(world) = World::start(&[("demo/two", "two-signers")]) else { return };
    let text = fs::read_to_string(fixtures().join("cases/threshold-two-signers/policy.yaml")).unwrap();
    let text = text.replace("transparency: none", "transparency: none, format: simpleSigning");
    let text = text.replace("registry.example/demo/**", "**/**").replace("../../keys", fixtures().join("keys").to_str().unwrap());
    let (verdict, requests) = world.verify(&format!("demo/two@{}", world.digest("two-signers")), &text);
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 1 + world.payloads("two-signers")), "{requests:?}");
}

#[test]
fn signatures_in_a_repository_of_their_own() {
    let Some(world) = World::start(&[("demo/separate", "separate"), ("demo/signatures", "separate-signatures")]) else { return };
    let store = format!("stores: {{ sigs: {{ type: tag, repository: {}/demo/signatures }} }}\n", world.proxy);
    let policy = cosign("p256", ", stores: [sigs]") + &store;
    let (verdict, requests) = world.verify(&format!("demo/separate@{}", world.digest("separate")), &policy);
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 2), "{requests:?}");
    assert!(requests.iter().all(|line| line.contains("/demo/signatures/")), "{requests:?}");
}

/// The default store looks among the referrers as well; a registry without them costs that question and its tag.
#[test]
fn the_default_store_costs_two_requests_more() {
    let Some(world) = World::start(&[("demo/app", "p256")]) else { return };
    let digest = world.digest("p256");
    let (verdict, requests) = world.verify(&format!("demo/app@{digest}"), &cosign("p256", ""));
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 4), "{requests:?}");
}

/// A bundle below the referrers tag: the question for referrers, the tag, then manifest and bundle.
#[test]
fn one_bundle_costs_two_requests_beside_the_list() {
    let Some(world) = World::start(&[("demo/bundle", "bundle-p256")]) else { return };
    let digest = world.digest("bundle-p256");
    let (verdict, requests) = world.verify(&format!("demo/bundle@{digest}"), &cosign("p256", ", format: bundle"));
    assert_eq!((verdict.decision, verdict.digest.as_deref(), requests.len()), (Decision::Allow, Some(digest.as_str()), 4), "{requests:?}");
}

/// A certificate costs nothing: it stands beside the signature, and the authority in the policy.
#[test]
fn a_certificate_costs_no_request() {
    let Some(world) = World::start(&[("demo/chain", "chain-v2"), ("demo/bare", "bare-v2")]) else { return };
    let text = |case: &str| certificates(case).replace("transparency: none", "transparency: none, format: simpleSigning");
    for (image, layout, case) in [("demo/chain", "chain-v2", "root-chain-v2"), ("demo/bare", "bare-v2", "pinned-and-chain-bare-v2")] {
        let (verdict, requests) = world.verify(&format!("{image}@{}", world.digest(layout)), &text(case));
        assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 2), "{requests:?}");
        let (verdict, requests) = world.verify(&format!("{image}:v1"), &text(case));
        assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 3), "{requests:?}");
    }
}

/// Attestations below their tag cost what signatures below theirs do; those of another type are not fetched.
#[test]
fn one_attestation_costs_two_requests_by_digest_and_three_by_tag() {
    let Some(world) = World::start(&[("demo/app", "provenance-v2")]) else { return };
    let digest = world.digest("provenance-v2");
    let policy = below_tags(&certificates("provenance-v2"));
    let (verdict, requests) = world.verify(&format!("demo/app@{digest}"), &policy);
    assert_eq!((verdict.decision, verdict.digest.as_deref(), requests.len()), (Decision::Allow, Some(digest.as_str()), 2), "{requests:?}");
    let (verdict, requests) = world.verify("demo/app:v1", &policy);
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 3), "{requests:?}");
    let other = below_tags(&certificates("attack-other-type-v2"));
    let (verdict, requests) = world.verify(&format!("demo/app@{digest}"), &other);
    assert_eq!((verdict.code.as_deref(), requests.len()), (Some("attestation-not-found"), 1), "{requests:?}");
}

/// Each of several attestations is fetched where all of them must be right.
#[test]
fn all_statements_are_fetched_where_all_count() {
    let Some(world) = World::start(&[("demo/app", "scan-twice-v2")]) else { return };
    let digest = world.digest("scan-twice-v2");
    let (verdict, requests) = world.verify(&format!("demo/app@{digest}"), &below_tags(&certificates("scan-twice-v2-all")));
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 3), "{requests:?}");
}

/// An attestation in a bundle: the question for referrers, the tag, then manifest and bundle. Of another type: no bundle.
#[test]
fn one_attested_bundle_costs_two_requests_beside_the_list() {
    let Some(world) = World::start(&[("demo/app", "provenance-v3")]) else { return };
    let digest = world.digest("provenance-v3");
    let bundles = |case: &str| certificates(case).replace("transparency: none", "transparency: none, format: bundle");
    let (verdict, requests) = world.verify(&format!("demo/app@{digest}"), &bundles("provenance-v3"));
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 4), "{requests:?}");
    let (verdict, requests) = world.verify(&format!("demo/app@{digest}"), &bundles("attack-other-type-v3"));
    assert_eq!((verdict.code.as_deref(), requests.len()), (Some("attestation-not-found"), 3), "{requests:?}");
}

/// A signature and an attestation share the question for referrers and what it lists.
#[test]
fn a_signature_and_an_attestation_share_the_list() {
    let Some(world) = World::start(&[("demo/app", "signed-and-attested-v3")]) else { return };
    let text = certificates("signed-and-attested-v3").replace("transparency: none", "transparency: none, format: bundle");
    let (verdict, requests) = world.verify(&format!("demo/app@{}", world.digest("signed-and-attested-v3")), &text);
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 2 + 2 * 2), "{requests:?}");
}

/// Below the referrers tag: the question for referrers, the tag, then manifest and envelope.
#[test]
fn one_notation_signature_costs_two_requests_beside_the_list() {
    let Some(world) = World::start(&[("demo/jws", "jws-rsa2048"), ("demo/cose", "cose-p256"), ("demo/plain", "unsigned")]) else { return };
    for (image, layout) in [("demo/jws", "jws-rsa2048"), ("demo/cose", "cose-p256")] {
        let digest = world.digest(layout);
        let (verdict, requests) = world.verify(&format!("{image}@{digest}"), &notation());
        assert_eq!(
            (verdict.decision, verdict.digest.as_deref(), requests.len()),
            (Decision::Allow, Some(digest.as_str()), 4),
            "{requests:?}"
        );
        let (verdict, requests) = world.verify(&format!("{image}:v1"), &notation());
        assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 5), "{requests:?}");
    }
    let (verdict, requests) = world.verify(&format!("demo/plain@{}", world.digest("unsigned")), &notation());
    assert_eq!((verdict.code.as_deref(), requests.len()), (Some("signature-not-found"), 2), "{requests:?}");
}

/// Through the Referrers API: the list, then manifest and envelope; and one more to resolve a tag.
#[test]
fn the_referrers_api_costs_one_request() {
    let Some(world) = World::start_with_referrers(&[("demo/jws", "jws-rsa2048"), ("demo/twice", "twice-jws")]) else { return };
    let digest = world.digest("jws-rsa2048");
    let (verdict, requests) = world.verify(&format!("demo/jws@{digest}"), &notation());
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 1 + 2), "{requests:?}");
    let (verdict, requests) = world.verify("demo/jws:v1", &notation());
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 1 + 1 + 2), "{requests:?}");
    let (verdict, requests) = world.verify(&format!("demo/twice@{}", world.digest("twice-jws")), &notation());
    assert_eq!((verdict.decision, requests.len()), (Decision::Allow, 1 + 2 * 2), "{requests:?}");
}

/// What the same engine has learned of a registry is not asked again: the second image costs no question for referrers.
#[test]
fn a_registry_without_referrers_is_remembered() {
    let Some(world) = World::start(&[("demo/jws", "jws-rsa2048"), ("demo/cose", "cose-p256")]) else { return };
    let policy = PolicyLoader::new().load_text(&notation(), "test", &FolderMaterial::new(None)).unwrap();
    let store = RegistryStore::new(RegistryConfig::default()).unwrap();
    let engine = Verimage::builder().registry(Arc::new(store)).build().unwrap();
    let (first, requests) = world.ask(&engine, &format!("demo/jws@{}", world.digest("jws-rsa2048")), &policy);
    assert_eq!((first.decision, requests.len()), (Decision::Allow, 4), "{requests:?}");
    let (second, requests) = world.ask(&engine, &format!("demo/cose@{}", world.digest("cose-p256")), &policy);
    assert_eq!((second.decision, requests.len()), (Decision::Allow, 3), "{requests:?}");
}

/// Only the tags of cosign 1 and 2.
const TAGS: &str = ", format: simpleSigning";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cosign")
}

/// A layout of one of the fixture folders.
fn layout(name: &str) -> PathBuf {
    let folders = [fixtures(), certificate_fixtures(), notation_fixtures()];
    folders.map(|folder| folder.join("layouts").join(name)).into_iter().find(|layout| layout.exists()).unwrap()
}

fn notation_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/notation")
}

/// A policy for anybody below the root of the fixtures.
fn notation() -> String {
    let file = notation_fixtures().join("certificates/root.pem");
    format!(
        "apiVersion: verimage/v1\nkind: ImagePolicy\ntrust: {{ acme: {{ x509: {{ file: {}, type: ca }} }} }}\nrules:\n- name: demo\n  images: [\"**/**\"]\n  require: {{ notation: {{ stores: [acme], identities: [\"*\"] }} }}\n",
        file.display()
    )
}

fn certificate_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cosign-certificates")
}

/// The policy of a case about certificates or attestations, for any image.
fn certificates(case: &str) -> String {
    let text = fs::read_to_string(certificate_fixtures().join("cases").join(case).join("policy.yaml")).unwrap();
    text.replace("registry.example/demo/**", "**/**").replace("../..", certificate_fixtures().to_str().unwrap())
}

/// A policy whose only leaf looks below the tags alone.
fn below_tags(policy: &str) -> String {
    let stores = "stores: { tags: { type: tag } }\nrules:\n";
    policy.replace("rules:\n", stores).replace("transparency: none", "transparency: none, stores: [tags]")
}

fn cosign(key: &str, more: &str) -> String {
    let file = fixtures().join("keys").join(format!("{key}.pub"));
    format!(
        "apiVersion: verimage/v1\nkind: ImagePolicy\ntrust: {{ demo: {{ publicKey: {{ file: {} }} }} }}\nrules:\n- name: demo\n  images: [\"**/**\"]\n  require: {{ cosign: {{ key: demo, transparency: none{more} }} }}\n",
        file.display()
    )
}

/// A registry with fixture images in it, behind a counting proxy.
struct World {
    registry: Child,
    proxy: String,
    requests: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.registry.kill();
        let _ = self.registry.wait();
    }
}

impl World {
    fn start(images: &[(&str, &str)]) -> Option<Self> {
        Self::start_behind(images, Referrers::Absent)
    }

    fn start_with_referrers(images: &[(&str, &str)]) -> Option<Self> {
        Self::start_behind(images, Referrers::FromTag)
    }

    fn start_behind(images: &[(&str, &str)], referrers: Referrers) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for (repository, name) in images {
            fill(folder.path(), repository, &layout(name));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: \"127.0.0.1:{port}\" }}\n",
            folder.path().display()
        );
        fs::write(folder.path().join("config.yml"), config).unwrap();
        let spawned = Command::new("docker-registry")
            .arg("serve")
            .arg(folder.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(registry) = spawned else {
            println!("skipped: docker-registry is not installed");
            return None;
        };
        let requests = Arc::new(Mutex::new(Vec::new()));
        let proxy = start_proxy(port, referrers, requests.clone());
        Some(Self { registry, proxy, requests, _folder: folder })
    }

    /// A new engine each time, so that nothing is remembered; returns the verdict and the request lines.
    fn verify(&self, image: &str, policy: &str) -> (Verdict, Vec<String>) {
        let policy = PolicyLoader::new().load_text(policy, "test", &FolderMaterial::new(None)).unwrap();
        let store = RegistryStore::new(RegistryConfig::default()).unwrap();
        self.ask(&Verimage::builder().registry(Arc::new(store)).build().unwrap(), image, &policy)
    }

    fn ask(&self, engine: &Verimage, image: &str, policy: &Policy) -> (Verdict, Vec<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        self.requests.lock().unwrap().clear();
        let verdict = runtime.block_on(engine.verify(&format!("{}/{image}", self.proxy), policy)).unwrap();
        let requests = self.requests.lock().unwrap().clone();
        (verdict, requests)
    }

    fn digest(&self, name: &str) -> String {
        entries(&layout(name)).into_iter().find(|(name, _)| name == "v1").unwrap().1
    }

    fn payloads(&self, name: &str) -> usize {
        let folder = layout(name);
        let signatures = entries(&folder).into_iter().find(|(name, _)| name.ends_with(".sig")).unwrap().1;
        let manifest: Value = serde_json::from_slice(&fs::read(folder.join("blobs").join(signatures.replace(':', "/"))).unwrap()).unwrap();
        let digests: std::collections::BTreeSet<_> =
            manifest["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].to_string()).collect();
        assert!(manifest["layers"].as_array().unwrap().len() > 1);
        digests.len()
    }
}

fn entries(layout: &Path) -> Vec<(String, String)> {
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let entry = |entry: &Value| {
        let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap().to_owned();
        (name, entry["digest"].as_str().unwrap().to_owned())
    };
    index["manifests"].as_array().unwrap().iter().map(entry).collect()
}

/// Writes a layout into the folder structure of the registry's file storage.
fn fill(root: &Path, repository: &str, layout: &Path) {
    let store = root.join("docker/registry/v2");
    let own = store.join("repositories").join(repository);
    for blob in fs::read_dir(layout.join("blobs/sha256")).unwrap().map(Result::unwrap) {
        let hex = blob.file_name().into_string().unwrap();
        write(&store.join("blobs/sha256").join(&hex[..2]).join(&hex).join("data"), &fs::read(blob.path()).unwrap());
        write(&own.join("_layers/sha256").join(&hex).join("link"), format!("sha256:{hex}").as_bytes());
    }
    for (name, digest) in entries(layout) {
        let hex = Digest::parse(&digest).unwrap().hex();
        write(&own.join("_manifests/revisions/sha256").join(&hex).join("link"), digest.as_bytes());
        write(&own.join("_manifests/tags").join(&name).join("current/link"), digest.as_bytes());
        write(&own.join("_manifests/tags").join(&name).join("index/sha256").join(&hex).join("link"), digest.as_bytes());
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Whether the proxy has a Referrers API; docker-registry has none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Referrers {
    Absent,
    /// It gives what stands below the referrers tag.
    FromTag,
}

/// Passes bytes both ways and writes down every request line; waits for the registry behind it to answer.
fn start_proxy(port: u16, referrers: Referrers, requests: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let requests = requests.clone();
            thread::spawn(move || serve(client, port, referrers, &requests));
        }
    });
    address
}

fn serve(client: TcpStream, port: u16, referrers: Referrers, requests: &Mutex<Vec<String>>) {
    let connect = |_| TcpStream::connect(("127.0.0.1", port)).map_err(|_| thread::sleep(Duration::from_millis(20))).ok();
    let Some(server) = (0..1000).find_map(connect) else { return };
    let (mut back, mut front) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut front);
        let _ = front.shutdown(Shutdown::Both);
    });
    count(client, server, referrers, requests);
}

/// Requests of a verifier have no body, so every line is a head line and an empty one ends a request.
fn count(client: TcpStream, mut server: TcpStream, referrers: Referrers, requests: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client);
    let (mut line, mut first) = (String::new(), true);
    while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
        if first {
            requests.lock().unwrap().push(line.trim_end().to_owned());
            if referrers == Referrers::FromTag {
                line = below_referrers_tag(&line);
            }
        }
        first = line == "\r\n";
        if server.write_all(line.as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
    let _ = server.shutdown(Shutdown::Write);
}

/// A question for referrers as one for the tag that stands for them.
fn below_referrers_tag(line: &str) -> String {
    let Some((before, after)) = line.split_once("/referrers/") else { return line.to_owned() };
    let digest = after.split(['?', ' ']).next().unwrap();
    format!("{before}/manifests/{} HTTP/1.1\r\n", digest.replacen(':', "-", 1))
}
