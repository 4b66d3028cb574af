//! Revocation: real lists and answers of responders, as a store gives them, and what silence is worth.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use verimage::core::{Blob, SignatureStore, StoreError, Want, What, async_trait};
use verimage::{
    CryptoSet, Decision, FolderMaterial, ImageRef, ImageSource, PolicyLoader, Replayed, Request, Transcript, Verdict, Verimage,
};

/// When images are judged: after everything was signed, before everything runs out.
const AT: &str = "2030-01-01T00:00:00Z";
const WAYS: [(&str, &str); 2] = [("listed", "crl"), ("responded", "ocsp")];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/notation-revocation")
}

/// Answers every question with one file of the fixtures, or is silent.
#[derive(Debug)]
struct Web(Option<Vec<u8>>);

impl Web {
    fn with(file: &str) -> Self {
        Self(Some(fs::read(fixtures().join("answers").join(file)).unwrap()))
    }
}

#[async_trait]
impl SignatureStore for Web {
    async fn fetch(&self, _: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let What::Http { url, .. } = &want.what else { panic!("asked for {want:?}") };
        assert!(url.starts_with("http://revocation.example/"), "{url}");
        self.0.clone().map(|body| vec![Blob::new(body)]).ok_or_else(|| StoreError::unavailable("silence"))
    }
}

/// The verdict under both crypto sets, live and from a transcript.
fn judge(way: &str, web: impl Fn() -> Web, level: &Value) -> Verdict {
    let verdicts = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| judge_with(way, web(), level, crypto));
    assert_eq!(verdicts[0], verdicts[1], "the crypto sets disagree");
    let [verdict, _] = verdicts;
    verdict
}

fn judge_with(way: &str, web: Web, level: &Value, crypto: CryptoSet) -> Verdict {
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
        "trust": {"acme": {"x509": {"file": fixtures().join("root.pem"), "type": "ca"}}},
        "rules": [{"name": "demo", "images": ["registry.example/**"],
            "require": {"notation": {"stores": ["acme"], "identities": ["*"], "level": level}}}]});
    let policy = PolicyLoader::with_crypto(crypto).load_text(&policy.to_string(), "policy", &FolderMaterial::new(None)).unwrap();
    let image = format!("oci:{}:v1", fixtures().join("layouts").join(way).display());
    let mut request = Request::new(ImageSource::parse(&image).unwrap());
    request.name = Some("registry.example/demo/app:v1".parse().unwrap());
    request.at = Some(AT.parse().unwrap());
    let engine = Verimage::builder().offline().web(Arc::new(web)).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let verification = runtime.block_on(engine.run(&request, &policy)).unwrap();
    let transcript = Transcript::parse(&serde_json::to_vec(&verification.transcript()).unwrap()).unwrap();
    let again = runtime.block_on(engine.replay(&transcript, &Replayed::default(), &policy)).unwrap();
    assert_eq!(again, verification.verdict, "a replay must give the same verdict");
    verification.verdict
}

fn summary(verdict: &Verdict) -> (Decision, Option<&str>) {
    (verdict.decision, verdict.code.as_deref())
}

#[test]
fn what_is_not_revoked_counts() {
    for (way, kind) in WAYS {
        let verdict = judge(way, || Web::with(&format!("good.{kind}")), &json!("strict"));
        assert_eq!(summary(&verdict), (Decision::Allow, None), "{way}: {}", verdict.message);
        assert!(verdict.leaves.iter().all(|leaf| leaf.trusted), "{way}");
    }
}

#[test]
fn what_is_revoked_does_not() {
    for (way, kind) in WAYS {
        let verdict = judge(way, || Web::with(&format!("revoked.{kind}")), &json!("strict"));
        assert_eq!(summary(&verdict), (Decision::Deny, Some("certificate-revoked")), "{way}: {}", verdict.message);
    }
}

/// A root with the same name and another key says that nothing is revoked; so does an answer about something else.
#[test]
fn the_word_of_others_is_none() {
    let others = [("listed", "foreign.crl"), ("responded", "foreign.ocsp"), ("listed", "good.ocsp"), ("responded", "good.crl")];
    for (way, file) in others {
        let verdict = judge(way, || Web::with(file), &json!("strict"));
        assert_eq!(summary(&verdict), (Decision::Deny, Some("revocation-unknown")), "{way} {file}: {}", verdict.message);
    }
}

#[test]
fn silence_is_inconclusive() {
    for (way, _) in WAYS {
        let verdict = judge(way, || Web(None), &json!("strict"));
        assert_eq!(summary(&verdict), (Decision::Inconclusive, Some("revocation-unknown")), "{way}: {}", verdict.message);
        assert!(!verdict.admitted, "{way}");
    }
}

#[test]
fn at_laxer_levels_it_is_told_and_not_trusted() {
    let lax = [json!("permissive"), json!("audit"), json!({"revocation": "log"})];
    for (level, (way, kind)) in lax.iter().flat_map(|level| WAYS.map(|way| (level, way))) {
        for web in [Some(format!("revoked.{kind}")), None] {
            let verdict = judge(way, || web.as_deref().map_or(Web(None), Web::with), level);
            assert_eq!(verdict.decision, Decision::Allow, "{way} {level} {web:?}: {}", verdict.message);
            let told: BTreeSet<&str> = verdict.warnings.iter().map(String::as_str).collect();
            assert!(told.contains("notation-revocation-failed"), "{way} {level} {web:?}: {told:?}");
            assert!(verdict.leaves.iter().all(|leaf| !leaf.trusted), "{way} {level}");
        }
    }
}

#[test]
fn whoever_does_not_ask_is_not_answered() {
    for (way, _) in WAYS {
        let verdict = judge(way, || Web(None), &json!({"revocation": "skip"}));
        assert_eq!(summary(&verdict), (Decision::Allow, None), "{way}: {}", verdict.message);
    }
}
