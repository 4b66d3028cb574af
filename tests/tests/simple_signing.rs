//! Images signed with skopeo and gpg, and their twins: fixtures/simple-signing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use verimage::core::{Blob, SignatureStore, StoreError, Want, async_trait};
use verimage::{
    CryptoSet, FolderMaterial, ImageRef, ImageSource, LayoutStore, Policy, PolicyError, PolicyLoader, Replayed, Request, Selector,
    Transcript, Verimage,
};

/// A question and its answer; README.md of the fixtures says what the fields mean.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    image: String,
    served: String,
    keys: Option<Vec<String>>,
    signed_identity: Option<Value>,
    policy: Option<String>,
    platform: Option<String>,
    subject: Option<String>,
    signatures: Vec<String>,
    repeated: Option<usize>,
    #[serde(default)]
    padded: BTreeMap<String, usize>,
    registries_d: Option<String>,
    at: String,
    expect: Expect,
    why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    decision: String,
    code: Option<String>,
    digest: Option<String>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/simple-signing")
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(&fs::read(fixtures().join("cases.json")).unwrap()).unwrap()
}

/// One layout stands for every repository; whatever tag is asked for, it holds what the case serves.
#[derive(Debug)]
struct Images(String);

#[async_trait]
impl SignatureStore for Images {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        LayoutStore::open_folder(&fixtures().join("images"), Selector::Name(self.0.clone())).unwrap().fetch(image, want).await
    }
}

impl Case {
    fn source(&self) -> ImageSource {
        match self.image.strip_prefix("dir:") {
            Some(folder) => ImageSource::parse(&format!("dir:{}", fixtures().join(folder).display())).unwrap(),
            None => ImageSource::parse(&self.image).unwrap(),
        }
    }

    /// Other tools judge an image of an index, or all of them.
    fn load(&self, crypto: CryptoSet) -> Result<Policy, PolicyError> {
        let loader = PolicyLoader::with_crypto(crypto);
        match &self.policy {
            Some(policy) => loader.load(&fixtures().join(policy)),
            None => loader.load_text(&self.native(), "policy", &FolderMaterial::new(Some(fixtures()))),
        }
    }

    fn native(&self) -> String {
        let names = self.keys.iter().flatten().enumerate();
        let trust: BTreeMap<String, Value> =
            names.map(|(index, key)| (format!("key-{index}"), json!({"openpgp": {"file": key}}))).collect();
        let mut leaf = json!({"keys": trust.keys().collect::<Vec<_>>()});
        if let Some(identity) = &self.signed_identity {
            leaf["signedIdentity"] = native_identity(identity);
        }
        let rule = json!({"name": "demo", "images": ["**/**"], "subject": self.subject.as_deref().unwrap_or("platform"),
            "require": {"simpleSigning": leaf}});
        json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust, "rules": [rule]}).to_string()
    }

    /// The map of registries, in a folder of its own.
    fn registries(&self, folder: &Path) {
        let lookaside = self.lookaside(folder).display().to_string();
        let registries = folder.join("registries.d");
        fs::create_dir(&registries).unwrap();
        let Some(name) = &self.registries_d else {
            let map = json!({"default-docker": {"lookaside": format!("file://{lookaside}")}});
            return fs::write(registries.join("default.yaml"), map.to_string()).unwrap();
        };
        for file in fs::read_dir(fixtures().join(name)).unwrap().map(Result::unwrap) {
            let text = fs::read_to_string(file.path()).unwrap().replace("@FIXTURES@", &fixtures().display().to_string());
            fs::write(registries.join(file.file_name()), text).unwrap();
        }
    }

    /// The lookaside, changed as the case says.
    fn lookaside(&self, folder: &Path) -> PathBuf {
        if self.repeated.is_none() && self.padded.is_empty() {
            return fixtures().join("lookaside");
        }
        let place = Path::new(&self.signatures[0]).parent().unwrap();
        let copy = folder.join(place);
        fs::create_dir_all(&copy).unwrap();
        let numbers = self.repeated.map_or(vec![1, 2], |last| (1..=last).map(|_| 1).chain([2]).collect());
        for (index, number) in numbers.iter().enumerate() {
            let Ok(mut bytes) = fs::read(fixtures().join(place).join(format!("signature-{number}"))) else { continue };
            let name = format!("signature-{}", index + 1);
            bytes.resize(bytes.len().max(self.padded.get(&name).copied().unwrap_or_default()), b' ');
            fs::write(copy.join(name), bytes).unwrap();
        }
        folder.join("lookaside")
    }

    async fn judge(&self, crypto: CryptoSet) -> (Expect, String) {
        let policy = match self.load(crypto) {
            Ok(policy) => policy,
            Err(error) => {
                let expect = Expect { decision: "error".to_owned(), code: Some(error.code.to_string()), digest: None };
                return (expect, error.to_string());
            }
        };
        let folder = TempDir::new().unwrap();
        self.registries(folder.path());
        let registries = folder.path().join("registries.d");
        let engine = Verimage::builder().registry(Arc::new(Images(self.served.clone()))).registries_d(registries).build().unwrap();
        let mut request = Request::new(self.source());
        request.at = Some(self.at.parse().unwrap());
        request.platform = self.platform.as_ref().map(|platform| platform.parse().unwrap());
        let verification = engine.run(&request, &policy).await.unwrap();
        let transcript = Transcript::parse(&serde_json::to_vec(&verification.transcript()).unwrap()).unwrap();
        let mut replayed = Replayed::default();
        replayed.platform = request.platform.clone();
        let again = engine.replay(&transcript, &replayed, &policy).await.unwrap();
        assert_eq!(again, verification.verdict, "a replay must give the same verdict: {}", self.name);
        let verdict = verification.verdict;
        let decision = serde_json::to_value(verdict.decision).unwrap().as_str().unwrap().to_owned();
        assert_eq!(verdict.admitted, decision == "allow");
        let digest = verdict.digest.filter(|_| verdict.admitted);
        (Expect { decision, code: verdict.code, digest }, verdict.message)
    }
}

/// The native form of what `policy.json` says.
fn native_identity(identity: &Value) -> Value {
    let text = |field: &str| identity[field].as_str().unwrap_or_default();
    match text("type") {
        "exactReference" => json!({"exactReference": text("dockerReference")}),
        "exactRepository" => json!({"exactRepository": text("dockerRepository")}),
        "remapIdentity" => json!({"remapIdentity": {"prefix": text("prefix"), "signedPrefix": text("signedPrefix")}}),
        plain => json!(plain),
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn every_case_has_its_answer_under_both_crypto_sets() {
    let mut wrong = Vec::new();
    for case in cases() {
        let [(found, message), (other, _)] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| run(case.judge(crypto)));
        assert_eq!(found, other, "the crypto sets disagree: {}", case.name);
        if found != case.expect {
            wrong.push(format!("{} ({}):\n  expected {:?}\n  found    {found:?}\n  {message}", case.name, case.why, case.expect));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
