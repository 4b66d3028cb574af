//! Scenarios from the fixtures: a session with every answer at hand, and the raw signature check in it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use verimage::{CryptoSet, Decision, Digest, ImageRef, Limits, Policy, PolicyLoader};
use verimage_core::{Answer, Blob, Context, Progress, Session, StoreError, Timestamp, Want, What};
use verimage_crypto::{Algorithm, PublicKey, VerifyingKey};

/// One image with its signature, read into memory.
#[derive(Debug)]
pub struct Scenario {
    policy: Policy,
    image: ImageRef,
    layout: PathBuf,
    answers: Vec<Answer>,
    key: VerifyingKey,
    algorithm: Algorithm,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Scenario {
    /// The fixture `name`, signed by the key of the same name, judged with `crypto`.
    pub fn load(name: &str, algorithm: Algorithm, crypto: CryptoSet) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/cosign");
        let layout = root.join("layouts").join(name);
        let pem = fs::read(root.join("keys").join(format!("{name}.pub"))).expect("the key of the fixture");
        let policy =
            PolicyLoader::with_crypto(crypto).load(&root.join("cases").join(name).join("policy.yaml")).expect("the policy of the fixture");
        let digest = entry(&layout, |name| name == "v1");
        let image = ImageRef::parse(&format!("registry.example/demo/app@{digest}")).expect("a reference");
        let (payload, signature) = signed_payload(&layout);
        let key = crypto.load(&PublicKey::from_pem(&pem).expect("a public key")).expect("a usable key");
        let mut scenario = Self { policy, image, layout, answers: Vec::new(), key, algorithm, payload, signature };
        scenario.record();
        scenario
    }

    fn record(&mut self) {
        let limits = Limits::default();
        let context = Context::new(Timestamp::UNIX_EPOCH, &limits);
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
        let digest = match &want.what {
            What::ManifestByTag(tag) => entry(&self.layout, |name| name == tag.as_str()),
            What::Blob(digest) => digest.to_string(),
            _ => return Err(StoreError::not_found("not in the fixture")),
        };
        Ok(vec![Blob::new(blob(&self.layout, &digest))])
    }

    /// The whole verification: session, manifest, payload, signature, verdict.
    pub fn verify(&self) -> Decision {
        let limits = Limits::default();
        let context = Context::new(Timestamp::UNIX_EPOCH, &limits);
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

    /// The one signature check that it rests on, with the same crypto set and the key already read.
    pub fn check_signature(&self) -> bool {
        self.key.verify(self.algorithm, &self.payload, &self.signature).is_ok()
    }
}

fn entry(layout: &Path, wanted: impl Fn(&str) -> bool) -> String {
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).expect("an index")).expect("JSON");
    let entries = index["manifests"].as_array().expect("manifests");
    let found = entries.iter().find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"].as_str().is_some_and(&wanted));
    found.and_then(|entry| entry["digest"].as_str()).expect("the entry").to_owned()
}

fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    let digest = Digest::parse(digest).expect("a digest");
    fs::read(layout.join("blobs/sha256").join(digest.hex())).expect("a blob")
}

fn signed_payload(layout: &Path) -> (Vec<u8>, Vec<u8>) {
    use base64::Engine as _;
    let manifest: Value = serde_json::from_slice(&blob(layout, &entry(layout, |name| name.ends_with(".sig")))).expect("JSON");
    let layer = &manifest["layers"][0];
    let text = layer["annotations"]["dev.cosignproject.cosign/signature"].as_str().expect("a signature");
    let signature = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    (blob(layout, layer["digest"].as_str().expect("a digest")), signature)
}
