//! The rooms of the house and what may depend on what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use verimage_tests::supply_chain::metadata;

/// Each crate of the workspace and the crates of the workspace that it may use. Downward only; never backend to backend.
const ALLOWED: [(&str, &[&str]); 21] = [
    ("verimage-core", &[]),
    ("verimage-crypto", &[]),
    ("verimage-admission", &["verimage-core"]),
    ("verimage-import", &["verimage-core"]),
    ("verimage-tuf", &["verimage-core", "verimage-crypto"]),
    ("verimage-transport", &["verimage-core"]),
    ("notation-rs", &["verimage-crypto"]),
    ("verimage-cosign", &["verimage-core", "verimage-crypto"]),
    ("verimage-layout", &["verimage-core"]),
    ("verimage-lookaside", &["verimage-core", "verimage-import", "verimage-transport"]),
    ("verimage-notary-server", &["verimage-core", "verimage-transport"]),
    ("verimage-notary-v1", &["verimage-core", "verimage-crypto", "verimage-tuf"]),
    ("verimage-notation", &["verimage-core", "verimage-crypto", "verimage-import", "notation-rs"]),
    ("verimage-registry", &["verimage-core", "verimage-transport"]),
    ("verimage-simple-signing", &["verimage-core", "verimage-crypto"]),
    (
        "verimage",
        &[
            "verimage-core",
            "verimage-crypto",
            "verimage-import",
            "verimage-cosign",
            "verimage-layout",
            "verimage-lookaside",
            "verimage-notation",
            "verimage-notary-server",
            "verimage-notary-v1",
            "verimage-registry",
            "verimage-simple-signing",
            "verimage-transport",
        ],
    ),
    ("verimage-server", &["verimage", "verimage-admission", "verimage-core", "verimage-import"]),
    ("verimage-cli", &["verimage", "verimage-admission", "verimage-import", "verimage-server"]),
    ("verimage-benches", &["verimage", "verimage-core", "verimage-crypto", "verimage-cosign"]),
    (
        "verimage-tests",
        &[
            "verimage",
            "verimage-admission",
            "verimage-core",
            "verimage-crypto",
            "verimage-import",
            "verimage-tuf",
            "verimage-cosign",
            "verimage-simple-signing",
            "notation-rs",
        ],
    ),
    ("verimage-fuzz", &[]),
];

/// Crates that decide without a clock, an environment, files, sockets or a runtime.
const PURE: [&str; 10] = [
    "core/verimage-admission",
    "core/verimage-core",
    "core/verimage-crypto",
    "core/verimage-import",
    "core/verimage-tuf",
    "backends/verimage-cosign",
    "backends/notation-rs",
    "backends/verimage-notation",
    "backends/verimage-notary-v1",
    "backends/verimage-simple-signing",
];

/// Packages that pure crates never depend on.
const IMPURE_PACKAGES: [&str; 5] = ["tokio", "reqwest", "hyper", "rustls", "getrandom"];

#[test]
fn dependencies_run_one_way() {
    let allowed: BTreeMap<_, BTreeSet<_>> = ALLOWED.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    for package in metadata()["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let permitted = allowed.get(name).unwrap_or_else(|| panic!("{name} has no place in the architecture"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let (used, normal) = (dependency["name"].as_str().unwrap(), dependency["kind"].is_null());
            let ours = dependency["path"].is_string();
            assert!(!ours || !normal || permitted.contains(used), "{name} must not depend on {used}");
            assert!(
                !(normal && PURE.iter().any(|folder| folder.ends_with(name)) && IMPURE_PACKAGES.contains(&used)),
                "{name} is pure, {used} is not"
            );
        }
    }
}

#[test]
fn folders_are_named_after_their_crates() {
    for package in metadata()["packages"].as_array().unwrap() {
        let (name, manifest) = (package["name"].as_str().unwrap(), package["manifest_path"].as_str().unwrap());
        let folder = Path::new(manifest).parent().unwrap().file_name().unwrap().to_str().unwrap();
        let top_level = ["cli", "benches", "tests"].contains(&folder) && name == format!("verimage-{folder}");
        assert!(folder == name || top_level, "{name} lives in {folder}");
    }
}

#[test]
fn pure_crates_forbid_impure_calls() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let rules = std::fs::read_to_string(root.join("clippy-pure.toml")).unwrap();
    for folder in PURE {
        let own = std::fs::read_to_string(root.join(folder).join("clippy.toml")).unwrap_or_default();
        assert_eq!(own, rules, "{folder}/clippy.toml is a copy of clippy-pure.toml");
    }
}
