//! The fixture folders: real signatures and their attack twins, each under both crypto sets, live and from a transcript.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use verimage::{CryptoSet, ImageSource, LayoutStore, PolicyLoader, Request, Selector, Transcript, Verdict, Verimage};
use verimage_core::Repository;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    image: String,
    #[serde(rename = "as")]
    name: String,
    signatures: Option<String>,
    platform: Option<String>,
    at: Option<String>,
    expect: Expect,
    why: String,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expect {
    decision: String,
    code: Option<String>,
    digest: Option<String>,
    /// Whether each leaf has a signature that was verified in full, where the case says so.
    trusted: Option<bool>,
}

const SIGNATURES: &str = "registry.example/demo/signatures";
/// When images are judged, unless the case says otherwise.
const AT: &str = "2026-01-01T00:00:00Z";
/// Each folder with what it has more cases than; fewer means that the runner looks in the wrong place.
const ROOTS: [(&str, usize); 3] = [("cosign", 100), ("cosign-certificates", 100), ("notation", 100)];

#[test]
fn every_case_has_its_answer_under_rustcrypto() {
    run_all(CryptoSet::rustcrypto());
}

#[test]
fn every_case_has_its_answer_under_aws_lc() {
    run_all(CryptoSet::aws_lc());
}

fn run_all(crypto: CryptoSet) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for (name, at_least) in ROOTS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let mut folders: Vec<PathBuf> = fs::read_dir(root.join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        assert!(folders.len() > at_least);
        let wrong: Vec<String> = folders.iter().filter_map(|folder| runtime.block_on(run(&root, folder, crypto)).err()).collect();
        assert!(wrong.is_empty(), "{name}, {} of {} cases:\n{}", wrong.len(), folders.len(), wrong.join("\n"));
    }
}

async fn run(root: &Path, folder: &Path, crypto: CryptoSet) -> Result<(), String> {
    let text = fs::read_to_string(folder.join("case.json")).unwrap();
    let case: Case = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", folder.display()))?;
    let found = judge(root, folder, &case, crypto).await;
    let found = Expect { trusted: case.expect.trusted.and(found.trusted), ..found };
    let label = folder.file_name().unwrap().to_string_lossy();
    if found == case.expect { Ok(()) } else { Err(format!("{label} ({}):\n  expected {:?}\n  found    {found:?}", case.why, case.expect)) }
}

async fn judge(root: &Path, folder: &Path, case: &Case, crypto: CryptoSet) -> Expect {
    let refused =
        |decision: &str, code: &str| Expect { decision: decision.to_owned(), code: Some(code.to_owned()), digest: None, trusted: None };
    let policy = match PolicyLoader::with_crypto(crypto).load(&folder.join("policy.yaml")) {
        Ok(policy) => policy,
        Err(error) => return refused("load-error", error.code.as_str()),
    };
    let mut builder = Verimage::builder().offline();
    if let Some(signatures) = &case.signatures {
        let store = LayoutStore::open_folder(&root.join(signatures), Selector::Only).unwrap();
        builder = builder.repository(&Repository::parse(SIGNATURES).unwrap(), Arc::new(store));
    }
    let engine = builder.build().unwrap();
    let image = case.image.replace("oci:", &format!("oci:{}/", root.display()));
    let mut request = Request::new(ImageSource::parse(&image).unwrap());
    request.name = Some(case.name.parse().unwrap());
    request.platform = case.platform.as_ref().map(|platform| platform.parse().unwrap());
    request.at = Some(case.at.as_deref().unwrap_or(AT).parse().unwrap());
    let verification = match engine.run(&request, &policy).await {
        Ok(verification) => verification,
        Err(error) => return refused("error", error.code()),
    };
    let mut again = verimage::Replayed::default();
    again.platform = request.platform.clone();
    let transcript = serde_json::to_vec(&verification.transcript()).unwrap();
    let replayed = engine.replay(&Transcript::parse(&transcript).unwrap(), &again, &policy).await.unwrap();
    assert_eq!(replayed, verification.verdict, "a replay must give the same verdict: {}", folder.display());
    summary(&verification.verdict)
}

fn summary(verdict: &Verdict) -> Expect {
    let decision = serde_json::to_value(verdict.decision).unwrap().as_str().unwrap().to_owned();
    let digest = (decision == "allow").then(|| verdict.digest.clone()).flatten();
    assert_eq!(verdict.admitted, decision == "allow", "an enforcing rule admits what it allows, and nothing else");
    assert_eq!(verdict.code.is_none(), decision == "allow", "every refusal has a code");
    let trusted = verdict.leaves.iter().all(|leaf| leaf.trusted);
    Expect { decision, code: verdict.code.clone(), digest, trusted: Some(trusted) }
}
