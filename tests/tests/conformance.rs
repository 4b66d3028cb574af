//! The shim for the public conformance suite, asked as the suite asks, over bundles beside the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use verimage::Digest;

const IDENTITY: [&str; 4] = [
    "--certificate-identity",
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main",
    "--certificate-oidc-issuer",
    "https://token.actions.githubusercontent.com",
];

/// The corpus, or a loud nothing.
fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("VERIMAGE_CORPUS").map_or_else(beside, PathBuf::from).join("sigstore-conformance");
    if !folder.is_dir() {
        println!("skipped: there is no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn verifies(bundle: &Path, arguments: &[&str], target: &str) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verimage-sigstore-conformance"));
    command.arg("verify-bundle").arg("--bundle").arg(bundle).args(arguments).arg(target);
    command.output().unwrap().status.success()
}

#[test]
fn a_file_and_its_digest_have_the_same_answer() {
    let Some(corpus) = corpus() else { return };
    let artifact = corpus.join("a.txt");
    let digest = Digest::sha256(&std::fs::read(&artifact).unwrap()).to_string();
    let root = corpus.join("production_trusted_root.json");
    let with_root = [&IDENTITY[..], &["--trusted-root", root.to_str().unwrap()]].concat();
    for (case, expected) in [("happy-path-v0.3", true), ("happy-path-v0.1", true), ("signature-mismatch_fail", false)] {
        let bundle = corpus.join(case).join("bundle.sigstore.json");
        for target in [artifact.to_str().unwrap(), &digest] {
            assert_eq!(verifies(&bundle, &with_root, target), expected, "{case} {target}");
            assert_eq!(verifies(&bundle, &IDENTITY, target), expected, "{case} {target} under the built-in root");
        }
        assert!(!verifies(&bundle, &with_root, &Digest::sha256(b"other").to_string()), "{case} over another digest");
        let other = [&["--certificate-identity", "somebody@example.com"], &with_root[2..]].concat();
        assert!(!verifies(&bundle, &other, &digest), "{case} by another identity");
    }
}

#[test]
fn keys_stand_in_place_of_identities() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("managed-key-happy-path");
    let (key, own) = (folder.join("key.pub"), folder.join("trusted_root.json"));
    let root = if own.is_file() { own } else { corpus.join("production_trusted_root.json") };
    let artifact = if folder.join("artifact").is_file() { folder.join("artifact") } else { corpus.join("a.txt") };
    let arguments = ["--key", key.to_str().unwrap(), "--trusted-root", root.to_str().unwrap()];
    assert!(verifies(&folder.join("bundle.sigstore.json"), &arguments, artifact.to_str().unwrap()));
    let wrong = corpus.join("managed-key-wrong-key_fail");
    let key = wrong.join("key.pub");
    let arguments = ["--key", key.to_str().unwrap(), "--trusted-root", root.to_str().unwrap()];
    assert!(!verifies(&wrong.join("bundle.sigstore.json"), &arguments, artifact.to_str().unwrap()));
}
