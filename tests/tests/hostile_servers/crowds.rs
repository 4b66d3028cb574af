//! Very many of what is good for nothing, in the place of one signature.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use verimage::{CryptoSet, Digest};
use verimage_crypto::{EcdsaKey, EcdsaVerifier, PublicKey, Refused};
use verimage_tests::fixtures::folder;

use crate::LONG;
use crate::server::{Fault, Files, Server};
use crate::worlds::{self, Told, ask_lookaside, ask_registry, ask_registry_with, registry, signatures};

const IMAGE: &str = "efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136";

/// What was decided, after how many requests.
fn judge(files: Files, ask: impl Fn(&Server) -> Told) -> (Told, usize) {
    let server = Server::start(files, Fault::None, "");
    let told = ask(&server);
    println!("{:?}, {} requests, {} bytes", told, server.asked().len(), server.sent());
    (told, server.asked().len())
}

fn refused(decision: &'static str, code: &str) -> Told {
    Told { decision, code: code.to_owned() }
}

/// The manifest of signatures with so many that are of something else, and perhaps the good one behind them.
fn signed_among(others: usize, good: bool, payloads: usize) -> Files {
    let mut files = registry("p256");
    let tag = format!("/v2/demo/app/manifests/sha256-{IMAGE}.sig");
    let mut manifest: Value = serde_json::from_slice(&files[&tag]).unwrap();
    let real = manifest["layers"][0].clone();
    let layer = |number: usize| {
        let payload = format!("{{\"number\":{}}}", number % payloads);
        let digest = Digest::sha256(payload.as_bytes()).to_string();
        json!({"mediaType": real["mediaType"], "digest": digest, "size": payload.len(), "annotations": real["annotations"]})
    };
    let layers: Vec<Value> = (0..others).map(layer).chain(good.then(|| real.clone())).collect();
    manifest["layers"] = layers.into();
    for number in 0..payloads {
        let payload = format!("{{\"number\":{number}}}").into_bytes();
        files.insert(format!("/v2/demo/app/blobs/{}", Digest::sha256(&payload)), payload);
    }
    files.insert(tag, manifest.to_string().into_bytes());
    files
}

#[test]
fn a_good_signature_behind_many_is_found() {
    let (told, requests) = judge(signed_among(300, true, 300), |server| ask_registry(server, LONG));
    assert_eq!((told.decision, requests <= 305), ("allow", true), "{told:?} {requests}");
}

/// More than 1,000 are not tried, and that is said; equal payloads are fetched once.
#[test]
fn ten_thousand_signatures_are_too_many() {
    for good in [false, true] {
        let (told, requests) = judge(signed_among(10_000, good, 1), |server| ask_registry(server, LONG));
        assert_eq!(told, refused("inconclusive", "limit-exceeded"));
        assert!(requests <= 8, "{requests}");
    }
}

/// Counts what is the most work: checks of signatures.
#[derive(Debug)]
struct Counting(AtomicUsize);

struct Counted(Box<dyn EcdsaKey>, &'static AtomicUsize);

static CHECKS: Counting = Counting(AtomicUsize::new(0));

impl EcdsaVerifier for Counting {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
        Ok(Box::new(Counted(CryptoSet::aws_lc().ecdsa.load(key)?, &CHECKS.0)))
    }
}

impl EcdsaKey for Counted {
    fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<(), Refused> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.verify(digest, signature)
    }
}

/// One thread's work for a leaf is that of 1,000 signatures, however many there are.
#[test]
fn checks_of_signatures_are_bounded() {
    let crypto = CryptoSet { ecdsa: &CHECKS, ..CryptoSet::aws_lc() };
    for (others, most, code) in [(1_000, 1_000, "signature-invalid"), (10_000, 1_000, "limit-exceeded")] {
        let before = CHECKS.0.load(Ordering::Relaxed);
        let (told, _) = judge(signed_among(others, false, 1), |server| ask_registry_with(crypto, server, LONG));
        let checks = CHECKS.0.load(Ordering::Relaxed) - before;
        println!("{others} signatures: {checks} checks");
        assert_eq!((told.code.as_str(), told.decision == "allow"), (code, false));
        assert!(checks <= most, "{checks}");
    }
}

/// An image with referrers, listed as this says.
fn referred(list: impl Fn(&Value) -> Vec<Value>) -> Files {
    let mut files = worlds::referred();
    let path = format!("/v2/demo/app/referrers/sha256:{IMAGE}");
    let mut page: Value = serde_json::from_slice(&files[&path]).unwrap();
    page["manifests"] = list(&page["manifests"][0]).into();
    files.insert(path, page.to_string().into_bytes());
    files
}

/// A referrer that there is not.
fn absent(real: &Value, number: usize) -> Value {
    let mut entry = real.clone();
    entry["digest"] = Digest::sha256(format!("absent {number}").as_bytes()).to_string().into();
    entry
}

#[test]
fn thousands_of_referrers_are_too_many() {
    for behind in [false, true] {
        let list = |real: &Value| {
            let others = (0..5_000).map(|number| absent(real, number));
            others.chain(behind.then(|| real.clone())).collect()
        };
        let (told, requests) = judge(referred(list), |server| ask_registry(server, LONG));
        assert_eq!(told.decision, "inconclusive", "{told:?}");
        assert!(requests <= 70, "{requests}");
    }
}

/// An image that is its own referrer, and a referrer that is listed below itself, end where anything else does that is no signature.
#[test]
fn what_refers_to_itself_ends() {
    let own = |real: &Value| {
        let mut entry = real.clone();
        entry["digest"] = format!("sha256:{IMAGE}").into();
        entry["size"] = 397.into();
        vec![entry.clone(), entry]
    };
    let mut files = referred(own);
    let list = files[&format!("/v2/demo/app/referrers/sha256:{IMAGE}")].clone();
    for path in files.keys().filter(|path| path.contains("/manifests/sha256:")).cloned().collect::<Vec<_>>() {
        files.insert(path.replace("/manifests/", "/referrers/"), list.clone());
    }
    let (told, requests) = judge(files, |server| ask_registry(server, LONG));
    assert!(told.decision != "allow" && requests <= 8, "{told:?} {requests}");
}

/// A lookaside that never ends is asked 127 times (simple-signing.md 3).
#[test]
fn a_lookaside_without_end_ends() {
    let place = folder("simple-signing/lookaside").join(signatures());
    let mut bad = fs::read(place.join("signature-1")).unwrap();
    let last = bad.len() - 10;
    bad[last] ^= 1;
    let files = (1..=1000).map(|number| (format!("/sigs/{}/signature-{number}", signatures()), bad.clone())).collect();
    let (told, requests) = judge(files, |server| ask_lookaside(server, LONG));
    assert!(told.decision != "allow" && requests <= 128, "{told:?} {requests}");
}
