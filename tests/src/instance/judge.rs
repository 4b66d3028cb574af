//! Asks the product about what an instance made.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use verimage::{CryptoSet, FolderMaterial, ImageRef, ImageSource, PolicyLoader, Request, Verdict, Verimage};

use super::ISSUED;
use super::der::rfc3339;
use crate::memory::MemoryStore;

/// The image that everything is about.
pub const IMAGE_MANIFEST: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
/// Its digest.
pub const IMAGE: &str = "sha256:f20c43161d73848408ef247f0ec7111b19fe58ffebc0cbcaa0d2c8bda4967268";
/// When everything is judged: three months after it was signed.
pub const NOW: i64 = ISSUED + 90 * 24 * 3600;

/// A policy with one rule for all images.
pub fn policy(trust: Value, rule: Value) -> Value {
    let Value::Object(rule) = rule else { panic!("a rule is an object") };
    let fixed = Map::from_iter([("name".to_owned(), json!("case")), ("images".to_owned(), json!(["**/**"]))]);
    let rule: Map<String, Value> = fixed.into_iter().chain(rule).collect();
    json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust, "rules": [rule]})
}

/// The verdict about [`IMAGE`] at this second, the same under every crypto set.
#[track_caller]
pub fn judge(policy: &Value, store: &MemoryStore, now: i64) -> Verdict {
    let [first, second] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| judge_with(crypto, policy, store, now));
    assert_eq!((first.decision, &first.code), (second.decision, &second.code), "the crypto sets disagree");
    first
}

#[track_caller]
fn judge_with(crypto: CryptoSet, policy: &Value, store: &MemoryStore, now: i64) -> Verdict {
    let policy = PolicyLoader::with_crypto(crypto)
        .load_text(&policy.to_string(), "case", &FolderMaterial::new(None))
        .unwrap_or_else(|error| panic!("the policy does not load: {error}"));
    let engine = Verimage::builder().registry(Arc::new(store.clone())).build().expect("an engine");
    let image = ImageRef::parse(&format!("registry.example/app@{IMAGE}")).expect("a reference");
    let mut request = Request::new(ImageSource::Registry(image));
    request.at = Some(rfc3339(now).parse().expect("a time"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(engine.run(&request, &policy)).expect("a question that can be asked").verdict
}

/// Fails unless the image is admitted.
#[track_caller]
pub fn accepted(case: &str, verdict: &Verdict) {
    assert!(verdict.admitted, "{case}: should be accepted, is {:?}: {}", verdict.code, verdict.message);
    assert_eq!(verdict.digest.as_deref(), Some(IMAGE), "{case}");
}

/// Fails unless the image is refused with this code.
#[track_caller]
pub fn refused(case: &str, verdict: &Verdict, code: &str) {
    assert!(!verdict.admitted, "{case}: should be refused with {code}");
    assert_eq!(verdict.code.as_deref(), Some(code), "{case}: {}", verdict.message);
}
