//! The leaf `notation` over layouts that the reference made, beside the repository: every case of the corpus, each level as
//! a leaf says it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use verimage::{CryptoSet, FolderMaterial, ImageSource, PolicyLoader, Request, Verdict, Verimage};

/// The corpus, or a loud nothing.
fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("VERIMAGE_CORPUS").map_or_else(beside, PathBuf::from).join("notation-e2e");
    if !folder.is_dir() {
        println!("skipped: there is no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A level of a trust policy in the words of the leaf: overrides name what the level itself does not say.
fn level(verification: &Value) -> Value {
    let base = verification["level"].as_str().unwrap();
    let Some(overrides) = verification["override"].as_object() else { return json!(base) };
    let mut actions = match base {
        "strict" => json!({}),
        "permissive" => json!({"authenticTimestamp": "log", "expiry": "log", "revocation": "log"}),
        _ => json!({"authenticity": "log", "authenticTimestamp": "log", "expiry": "log", "revocation": "log"}),
    };
    overrides.iter().for_each(|(check, action)| actions[check] = action.clone());
    actions
}

fn judge(folder: &Path, case: &Value, crypto: CryptoSet) -> Verdict {
    let file = |role: &str| folder.join(case["files"][role].as_str().unwrap());
    let statement = json_of(&file("policy"))["trustPolicies"][0].clone();
    let require = match statement["signatureVerification"]["level"].as_str() {
        Some("skip") => json!({"allow": {"reason": "the trust policy skips verification"}}),
        _ => {
            json!({"notation": {"stores": ["e2e"], "identities": statement["trustedIdentities"], "level": level(&statement["signatureVerification"])}})
        }
    };
    let mut policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
        "rules": [{"name": "case", "images": ["**/**"], "require": require}]});
    if policy["rules"][0]["require"].get("notation").is_some() {
        policy["trust"] = json!({"e2e": {"x509": {"file": file("trust_store:ca:e2e"), "type": "ca"}}});
    }
    let policy = PolicyLoader::with_crypto(crypto).load_text(&policy.to_string(), "case", &FolderMaterial::new(None)).unwrap();
    let image = format!("oci:{}@{}", file("layout").display(), case["params"]["digest"].as_str().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let engine = Verimage::builder().offline().build().unwrap();
    let mut request = Request::new(ImageSource::parse(&image).unwrap());
    request.name = Some("local/e2e:v1".parse().unwrap());
    runtime.block_on(engine.run(&request, &policy)).unwrap().verdict
}

#[test]
fn every_layout_has_its_verdict() {
    let Some(folder) = corpus() else { return };
    let document = json_of(&folder.join("cases.json"));
    let cases = document["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "notation-oci-layout");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for case in cases {
        let [mut verdict, other] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| judge(&folder, case, crypto));
        verdict.at.clone_from(&other.at);
        assert_eq!(verdict, other, "the crypto sets disagree: {}", case["id"]);
        let expected = case["expected"] == "accept";
        // A lax level never presents what it let pass as trusted.
        let failed = verdict.warnings.iter().any(|warning| warning.ends_with("-failed"));
        let trusted = verdict.leaves.iter().any(|leaf| leaf.trusted);
        if verdict.admitted != expected || (failed && trusted) {
            wrong.push(format!("{}: {:?} {} {:?}", case["id"], verdict.decision, verdict.message, verdict.warnings));
        }
        seen += 1;
    }
    assert!(seen > 20 && wrong.is_empty(), "{seen} cases\n{}", wrong.join("\n"));
}
