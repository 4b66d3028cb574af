//! The signature vectors of Wycheproof, read in place from the corpus.
//!
//! The corpus is at `VERIMAGE_CORPUS`, or beside the repository. Without it the test says so and passes.

#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod common {
    pub(super) mod json;
    pub(super) mod loaded;
}

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use common::{
    json::{bytes, list, text},
    loaded::Loaded,
};
use serde_json::Value;
use verimage_crypto::{Algorithm, EcdsaEncoding, HashAlgorithm, PublicKey};

/// The corpus of today has 4770 cases; it may grow, it must not shrink unseen.
const FEWEST_CASES: usize = 4_700;

#[test]
fn every_vector_gets_the_expected_verdict_under_every_set() {
    let folder = corpus().join("wycheproof");
    if !folder.is_dir() {
        println!("skipped: no corpus at {}", folder.display());
        return;
    }
    let cases = read(&folder.join("cases.json"));
    let mut files = BTreeMap::new();
    let mut totals = Totals::default();
    for case in list(&cases["cases"]) {
        let name = text(&case["files"]["vectors"]);
        let file = files.entry(name.to_owned()).or_insert_with(|| VectorFile::read(&folder.join(name)));
        totals.add(case, file.accepts(case));
    }
    println!("{totals:?} under {} crypto sets", common::loaded::sets().len());
    assert!(totals.run >= FEWEST_CASES, "only {} cases", totals.run);
    assert_eq!(totals.wrong_accepts, Vec::<String>::new());
    assert_eq!(totals.wrong_rejects, Vec::<String>::new());
}

#[derive(Debug, Default)]
struct Totals {
    run: usize,
    accepted: usize,
    rejected: usize,
    disputed: usize,
    disputed_accepted: usize,
    wrong_accepts: Vec<String>,
    wrong_rejects: Vec<String>,
}

impl Totals {
    fn add(&mut self, case: &Value, accepted: bool) {
        self.run += 1;
        let expected = text(&case["expected"]) == "accept";
        if case["disputed"] == true {
            self.disputed += 1;
            self.disputed_accepted += usize::from(accepted);
            return;
        }
        let id = text(&case["id"]).to_owned();
        match (expected, accepted) {
            (true, true) => self.accepted += 1,
            (false, false) => self.rejected += 1,
            (false, true) => self.wrong_accepts.push(id),
            (true, false) => self.wrong_rejects.push(id),
        }
    }
}

struct VectorFile {
    groups: Vec<Group>,
}

struct Group {
    algorithm: Algorithm,
    /// None where the key itself is refused: then every signature by it is.
    key: Option<Loaded>,
    vectors: BTreeMap<u64, Vector>,
}

struct Vector {
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl VectorFile {
    fn read(path: &Path) -> Self {
        let groups = list(&read(path)["testGroups"]).map(Group::new).collect();
        Self { groups }
    }

    fn accepts(&self, case: &Value) -> bool {
        let number = |name: &str| case["params"][name].as_u64().expect("a number");
        let group = usize::try_from(number("group")).expect("a small number");
        self.groups[group].accepts(number("tcId"))
    }
}

impl Group {
    fn new(group: &Value) -> Self {
        let key = PublicKey::from_spki_der(&bytes(&group["publicKeyDer"]));
        let from_pem = PublicKey::from_pem(text(&group["publicKeyPem"]).as_bytes());
        assert_eq!(from_pem, key);
        let vector = |test: &Value| {
            let vector = Vector { message: bytes(&test["msg"]), signature: bytes(&test["sig"]) };
            (test["tcId"].as_u64().expect("a number"), vector)
        };
        Self {
            algorithm: algorithm(group),
            key: key.ok().map(|key| Loaded::new(&key).expect("loads")),
            vectors: list(&group["tests"]).map(vector).collect(),
        }
    }

    fn accepts(&self, id: u64) -> bool {
        let vector = &self.vectors[&id];
        self.key.as_ref().is_some_and(|key| key.verify(self.algorithm, &vector.message, &vector.signature).is_ok())
    }
}

fn algorithm(group: &Value) -> Algorithm {
    let hash = || match text(&group["sha"]) {
        "SHA-256" => HashAlgorithm::Sha256,
        "SHA-384" => HashAlgorithm::Sha384,
        "SHA-512" => HashAlgorithm::Sha512,
        other => panic!("hash {other} is not served"),
    };
    match text(&group["type"]) {
        "EcdsaVerify" => Algorithm::Ecdsa { hash: hash(), encoding: EcdsaEncoding::Der },
        "EcdsaP1363Verify" => Algorithm::Ecdsa { hash: hash(), encoding: EcdsaEncoding::Fixed },
        "EddsaVerify" => Algorithm::Ed25519,
        "RsassaPkcs1Verify" => Algorithm::RsaPkcs1 { hash: hash() },
        "RsassaPssVerify" => {
            let hash = hash();
            let salt = hash.digest(b"").as_bytes().len();
            assert_eq!(group["sLen"], salt, "salts of other lengths are not served");
            assert_eq!(group["mgfSha"], group["sha"]);
            Algorithm::RsaPss { hash }
        }
        other => panic!("group type {other} is not served"),
    }
}

fn corpus() -> PathBuf {
    std::env::var_os("VERIMAGE_CORPUS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from)
}

fn read(path: &Path) -> Value {
    let text = fs::read(path).expect("a readable file");
    serde_json::from_slice(&text).expect("JSON")
}
