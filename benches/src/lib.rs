//! Scenarios from fixtures: a session with every answer at hand, and the raw signature checks in it.

mod recorder;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use verimage::{CryptoSet, Decision, Digest, FolderMaterial, ImageRef, Limits, Policy, PolicyLoader};
use verimage_core::{Answer, Blob, Context, Progress, RoleVersion, Session, StoreError, Timestamp, Want, What};
use verimage_crypto::{Algorithm, EcdsaEncoding, HashAlgorithm, PublicKey};

/// One signature check, whose key is already loaded.
pub(crate) type Check = Box<dyn Fn() -> bool + Send>;

/// One image with its signature, read into memory.
pub struct Scenario {
    policy: Policy,
    image: ImageRef,
    store: Store,
    at: Timestamp,
    answers: Vec<Answer>,
    checks: Vec<Check>,
}

/// Makes a scenario.
pub type Make = Box<dyn Fn() -> Scenario>;

/// Every scenario under both crypto sets, by name.
pub fn scenarios() -> Vec<(String, Make)> {
    let sets = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()];
    sets.into_iter().flat_map(|set| of(set).into_iter().map(move |(name, make)| (format!("{}/{name}", set.name), make))).collect()
}

fn of(set: CryptoSet) -> Vec<(String, Make)> {
    fn entry(name: impl Into<String>, make: impl Fn() -> Scenario + 'static) -> (String, Make) {
        (name.into(), Box::new(make))
    }
    let p256 = Algorithm::Ecdsa { hash: HashAlgorithm::Sha256, encoding: EcdsaEncoding::Der };
    let rsa = Algorithm::RsaPkcs1 { hash: HashAlgorithm::Sha256 };
    let cosign = [("p256", p256), ("rsa3072", rsa), ("ed25519", Algorithm::Ed25519ph)];
    let cosign = cosign.map(|(name, algorithm)| entry(format!("cosign-{name}"), move || Scenario::cosign(name, algorithm, set)));
    // Three certificates; two certificates.
    let notation = ["jws-rsa3072", "cose-p256"].map(|name| entry(format!("notation-{name}"), move || Scenario::notation(name, set)));
    let gpg = ["rsa2048", "rsa4096", "ed25519"];
    let gpg = gpg.map(|name| entry(format!("simple-signing-{name}"), move || Scenario::simple_signing(name, set)));
    let keyless = ["bundle", "tiles", "legacy"].map(|form| entry(format!("keyless-{form}"), move || Scenario::keyless(form, set)));
    // Four roles; six roles.
    let notary = ["tags", "team"].map(|name| entry(format!("notary-v1-{name}"), move || Scenario::notary_v1(name, set)));
    let many = [
        entry("cosign-p256-last-of-50", move || Scenario::candidates(50, set)),
        entry("cosign-p256-10000-rules", move || Scenario::rules(10_000, set)),
    ];
    cosign.into_iter().chain(notation).chain(gpg).chain(keyless).chain(notary).chain(many).collect()
}

/// Where the answers are while they are recorded.
enum Store {
    /// An OCI layout.
    Layout(PathBuf),
    /// The signatures of one image in a lookaside.
    Lookaside(PathBuf),
    /// A collection of a Notary server.
    Collection(PathBuf),
    /// A layout whose signature stands behind others that are none.
    Candidates(PathBuf, usize),
}

impl Scenario {
    /// The fixture `name` of cosign, signed by the key of the same name, judged with `crypto`.
    pub fn cosign(name: &str, algorithm: Algorithm, crypto: CryptoSet) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/cosign");
        let layout = root.join("layouts").join(name);
        let pem = fs::read(root.join("keys").join(format!("{name}.pub"))).expect("the key of the fixture");
        let key = crypto.load(&PublicKey::from_pem(&pem).expect("a public key")).expect("a usable key");
        let (payload, signature) = signed_payload(&layout);
        let policy = load(&root.join("cases").join(name), crypto);
        let mut scenario = Self::new(Store::Layout(layout.clone()), policy, image_in(&layout));
        scenario.checks = vec![Box::new(move || key.verify(algorithm, &payload, &signature).is_ok())];
        scenario
    }

    /// The fixture `name` of the Notary Project's signatures, of the tests or of the benches.
    pub fn notation(name: &str, crypto: CryptoSet) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (own, tests) = (folder.join("fixtures").join(name), folder.join("../tests/fixtures/notation"));
        let (layout, policy) =
            if own.exists() { (own.join("layout"), own) } else { (tests.join("layouts").join(name), tests.join("cases").join(name)) };
        let of = |crypto| Self::new(Store::Layout(layout.clone()), load(&policy, crypto), image_in(&layout));
        Self::beside_recorded(of, crypto)
    }

    /// The fixture `name` of GPG simple signing, signed by the key of the same name.
    pub fn simple_signing(name: &str, crypto: CryptoSet) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/simple-signing");
        let digest = entry(&root.join("images"), |name| name == "v1").expect("the image");
        let image = ImageRef::parse(&format!("registry.example/demo/{name}@{digest}")).expect("a reference");
        let folder = root.join("lookaside/demo").join(format!("{name}@{}", digest.replace(':', "=")));
        let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
            "trust": {"key": {"openpgp": {"file": root.join("keys").join(format!("{name}.gpg"))}}},
            "rules": [{"name": "signed", "images": ["**/**"], "require": {"simpleSigning": {"keys": ["key"]}}}]});
        let load = |crypto| {
            let loader = PolicyLoader::with_crypto(crypto);
            loader.load_text(&policy.to_string(), "policy", &FolderMaterial::new(None)).expect("a policy")
        };
        Self::beside_recorded(|crypto| Self::new(Store::Lookaside(folder.clone()), load(crypto), image.clone()), crypto)
    }

    /// A keyless signature in one of the forms of the fixture: `bundle` (an entry of Rekor v1), `tiles` (Rekor v2 and a
    /// timestamp), `legacy`.
    pub fn keyless(form: &str, crypto: CryptoSet) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/keyless");
        let identity = json!({"issuer": "https://token.actions.githubusercontent.com",
            "subject": "https://github.com/example/app/.github/workflows/release.yml@refs/heads/main"});
        let leaf = json!({"cosign": {"keyless": {"root": "instance", "identities": [identity]}}});
        let trust = json!({"instance": {"trustedRoot": {"file": root.join("trusted_root.json")}}});
        let (layout, policy) = (root.join(form), policy(&trust, &leaf));
        let of = |crypto| Self::at(KEYLESS_TIME, Store::Layout(layout.clone()), load_text(&policy, crypto), image_in(&layout));
        Self::beside_recorded(of, crypto)
    }

    /// A tag in a collection of Docker Content Trust: `tags` has four roles, `team` six, two of them delegations.
    pub fn notary_v1(collection: &str, crypto: CryptoSet) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/notary-v1");
        let (tag, leaf) = match collection {
            "team" => ("agreed", json!({"root": "root", "server": "https://notary.example", "delegations": ["alice", "bob"]})),
            _ => ("v1", json!({"root": "root", "server": "https://notary.example"})),
        };
        let trust = json!({"root": {"tufRoot": {"file": root.join("pins").join(format!("{collection}.pub"))}}});
        let policy = policy(&trust, &json!({"notaryV1": leaf}));
        let image = ImageRef::parse(&format!("registry.example/demo/{collection}:{tag}")).expect("a reference");
        let folder = root.join("collections").join(collection);
        let of = |crypto| Self::at(NOTARY_TIME, Store::Collection(folder.clone()), load_text(&policy, crypto), image.clone());
        Self::beside_recorded(of, crypto)
    }

    /// So many signatures by a P-256 key, of which the last is good.
    pub fn candidates(count: usize, crypto: CryptoSet) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/cosign");
        let layout = root.join("layouts/p256");
        let policy = root.join("cases/p256");
        let of = |crypto| Self::new(Store::Candidates(layout.clone(), count), load(&policy, crypto), image_in(&layout));
        Self::beside_recorded(of, crypto)
    }

    /// One signature by a P-256 key under a policy with so many rules, of which one matches.
    pub fn rules(count: usize, crypto: CryptoSet) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/cosign");
        let layout = root.join("layouts/p256");
        let rule = |at: usize| {
            let images = if at == count / 2 { "registry.example/demo/**".to_owned() } else { format!("registry.example/team-{at}/**") };
            json!({"name": format!("rule-{at}"), "images": [images], "require": {"cosign": {"key": "demo", "transparency": "none"}}})
        };
        let rules: Vec<Value> = (0..count).map(rule).collect();
        let trust = json!({"demo": {"publicKey": {"file": root.join("keys/p256.pub")}}});
        let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust, "rules": rules}).to_string();
        Self::beside_recorded(|crypto| Self::new(Store::Layout(layout.clone()), load_text(&policy, crypto), image_in(&layout)), crypto)
    }

    /// A scenario, and the signature checks that it makes.
    fn beside_recorded(scenario: impl Fn(CryptoSet) -> Self, crypto: CryptoSet) -> Self {
        let recorder = recorder::Recorder::over(crypto);
        let recorded = scenario(recorder.set());
        // The first time, certificates of trusted roots are checked as well.
        assert_eq!(recorded.verify(), Decision::Allow);
        recorder.take();
        assert_eq!(recorded.verify(), Decision::Allow);
        Self { checks: recorder.take(), ..scenario(crypto) }
    }

    fn new(store: Store, policy: Policy, image: ImageRef) -> Self {
        Self::at("2030-01-01T00:00:00Z", store, policy, image)
    }

    fn at(time: &str, store: Store, policy: Policy, image: ImageRef) -> Self {
        let at = time.parse().expect("a time");
        let mut scenario = Self { policy, image, store, at, answers: Vec::new(), checks: Vec::new() };
        scenario.record();
        scenario
    }

    fn record(&mut self) {
        let limits = Limits::default();
        let context = Context::new(self.at, &limits);
        let mut session = Session::new(&self.policy, self.image.clone(), None);
        loop {
            let wants = match session.step(&context) {
                Progress::Fetch(wants) => wants,
                Progress::Pause => continue,
                Progress::Done(_) => return,
            };
            let answers: Vec<Answer> = wants.into_iter().map(|want| Answer { result: self.fetch(&want), want }).collect();
            self.answers.extend(answers.iter().cloned());
            session.supply(answers, &context);
        }
    }

    fn fetch(&self, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let found = match &self.store {
            Store::Layout(layout) => in_layout(layout, &want.what),
            Store::Lookaside(folder) => in_lookaside(folder, &want.what),
            Store::Collection(folder) => in_collection(folder, &want.what),
            Store::Candidates(layout, count) => candidate(layout, *count, &want.what),
        };
        found.map(|bytes| vec![Blob::new(bytes)]).ok_or_else(|| StoreError::not_found("not in the fixture"))
    }

    /// The whole verification: session, manifests, envelope, certificates, signatures, verdict.
    pub fn verify(&self) -> Decision {
        let limits = Limits::default();
        let context = Context::new(self.at, &limits);
        let mut session = Session::new(&self.policy, self.image.clone(), None);
        loop {
            match session.step(&context) {
                Progress::Done(verdict) => return verdict.decision,
                Progress::Pause => {}
                Progress::Fetch(wants) => {
                    session.supply(self.answers.iter().filter(|answer| wants.contains(&answer.want)).cloned().collect(), &context)
                }
            }
        }
    }

    /// The signature checks that it rests on, with the same crypto set and the keys already loaded.
    ///
    /// Says whether the last one holds; each is made, as the verification made it.
    pub fn check_signatures(&self) -> bool {
        self.checks.iter().fold(false, |_, check| check())
    }

    /// How many signature checks that is.
    pub fn signatures(&self) -> usize {
        self.checks.len()
    }
}

/// When the keyless fixture was signed, and the collections were good.
const KEYLESS_TIME: &str = "2026-04-01T00:00:00Z";
const NOTARY_TIME: &str = "2026-11-27T00:00:00Z";

/// A policy of one rule for every image.
fn policy(trust: &Value, leaf: &Value) -> String {
    let rule = json!({"name": "all", "images": ["**/**"], "require": leaf});
    json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust, "rules": [rule]}).to_string()
}

fn load_text(text: &str, crypto: CryptoSet) -> Policy {
    PolicyLoader::with_crypto(crypto).load_text(text, "policy", &FolderMaterial::new(None)).expect("a policy")
}

fn load(folder: &Path, crypto: CryptoSet) -> Policy {
    PolicyLoader::with_crypto(crypto).load(&folder.join("policy.yaml")).expect("the policy of the fixture")
}

fn image_in(layout: &Path) -> ImageRef {
    let digest = entry(layout, |name| name == "v1").expect("the image");
    ImageRef::parse(&format!("registry.example/demo/app@{digest}")).expect("a reference")
}

fn in_layout(layout: &Path, what: &What) -> Option<Vec<u8>> {
    let digest = match what {
        What::ManifestByTag(tag) => entry(layout, |name| name == tag.as_str()),
        What::Referrers { subject, .. } => match entry(layout, |name| name == subject.to_string().replace(':', "-")) {
            Some(list) => Some(list),
            None => return Some(referrers(layout, &subject.to_string())),
        },
        What::Manifest(digest) | What::Blob(digest) => Some(digest.to_string()),
        _ => None,
    };
    digest.map(|digest| blob(layout, &digest))
}

/// What a registry lists: the manifests of a layout that refer to this one.
fn referrers(layout: &Path, subject: &str) -> Vec<u8> {
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).expect("an index")).expect("JSON");
    let refers = |entry: &&Value| {
        let manifest: Value = serde_json::from_slice(&blob(layout, entry["digest"].as_str().expect("a digest"))).expect("JSON");
        manifest["subject"]["digest"] == subject
    };
    let found: Vec<&Value> = index["manifests"].as_array().expect("manifests").iter().filter(refers).collect();
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": found}).to_string().into_bytes()
}

fn in_lookaside(folder: &Path, what: &What) -> Option<Vec<u8>> {
    let What::Lookaside { index, .. } = what else { return None };
    fs::read(folder.join(format!("signature-{index}"))).ok()
}

fn in_collection(folder: &Path, what: &What) -> Option<Vec<u8>> {
    let What::Role { role, version, .. } = what else { return None };
    let name = match version {
        RoleVersion::Number(number) => format!("{number}.{role}.json"),
        _ => format!("{role}.json"),
    };
    fs::read(folder.join(name)).ok()
}

/// The manifest of signatures with others before the one that is good, each with another byte changed.
fn candidate(layout: &Path, count: usize, what: &What) -> Option<Vec<u8>> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let found = in_layout(layout, what)?;
    let What::ManifestByTag(_) = what else { return Some(found) };
    let mut manifest: Value = serde_json::from_slice(&found).expect("a manifest");
    let good = manifest["layers"][0].clone();
    let signature = STANDARD.decode(good["annotations"][SIGNATURE].as_str().expect("a signature")).expect("base64");
    let mut layers = Vec::new();
    for at in 1..count {
        let (mut layer, mut other) = (good.clone(), signature.clone());
        // The last bytes are within the second number of an ECDSA signature: it can be read, and does not hold.
        let place = other.len() - 1 - at % 16;
        other[place] ^= 1 + u8::try_from(at / 16).expect("few");
        layer["annotations"][SIGNATURE] = STANDARD.encode(other).into();
        layers.push(layer);
    }
    layers.push(good);
    manifest["layers"] = layers.into();
    Some(manifest.to_string().into_bytes())
}

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

fn entry(layout: &Path, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).expect("an index")).expect("JSON");
    let entries = index["manifests"].as_array().expect("manifests");
    let found = entries.iter().find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"].as_str().is_some_and(&wanted));
    found.and_then(|entry| entry["digest"].as_str()).map(str::to_owned)
}

fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    let digest = Digest::parse(digest).expect("a digest");
    fs::read(layout.join("blobs/sha256").join(digest.hex())).expect("a blob")
}

fn signed_payload(layout: &Path) -> (Vec<u8>, Vec<u8>) {
    use base64::Engine as _;
    let signatures = entry(layout, |name| name.ends_with(".sig")).expect("signatures");
    let manifest: Value = serde_json::from_slice(&blob(layout, &signatures)).expect("JSON");
    let layer = &manifest["layers"][0];
    let text = layer["annotations"][SIGNATURE].as_str().expect("a signature");
    let signature = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    (blob(layout, layer["digest"].as_str().expect("a digest")), signature)
}
