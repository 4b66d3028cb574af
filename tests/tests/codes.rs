//! Every failure code is asserted by some test or fixture, and documented.

use std::fs;
use std::path::{Path, PathBuf};

use verimage::Code;

#[test]
fn every_code_is_expected_by_some_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let own = Path::new(file!()).file_name().unwrap();
    let lists_all = |path: &Path| path.to_string_lossy().contains("snapshots/codes");
    let tests: String = ["tests/tests", "tests/fixtures", "core/verimage-core/tests", "cli/tests"]
        .iter()
        .flat_map(|folder| files(&root.join(folder)))
        .filter(|path| {
            path.file_name() != Some(own)
                && !lists_all(path)
                && path.extension().is_some_and(|end| end == "rs" || end == "json" || end == "txt")
        })
        .filter_map(|path| fs::read_to_string(path).ok())
        .collect();
    let expected = |code: &Code| tests.contains(&format!("\"{code}\"")) || tests.contains(&format!("Code::{code:?}"));
    let untested: Vec<_> = Code::ALL.iter().filter(|code| !expected(code)).collect();
    assert!(untested.is_empty(), "no test expects {untested:?}");
}

#[test]
fn every_code_is_documented() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/codes.md")).unwrap();
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/codes.md lacks {missing:?}; `make codes` writes it");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map_while(Result::ok) {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}
