//! The attack book, `docs/attacks.md`: every row names a test that is there.

use std::fs;
use std::path::Path;

/// The cells of every row.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #"));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn every_row_names_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let book = fs::read_to_string(root.join("docs/attacks.md")).unwrap();
    let rows = rows(&book);
    assert!(rows.len() >= 35, "{}", rows.len());
    for row in rows {
        let [number, _, _, _, test] = row.as_slice() else { panic!("a row has five cells: {row:?}") };
        let (file, name) = test.trim_matches('`').split_once("::").unwrap_or_else(|| panic!("row {number}: {test}"));
        let code = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("row {number}: {file}: {error}"));
        let place = code.find(&format!("fn {name}(")).unwrap_or_else(|| panic!("row {number}: {file} has no {name}"));
        let attribute = code[..place].trim_end().trim_end_matches("async").trim_end().lines().last().unwrap_or_default();
        let is_test = ["#[test]", "#[tokio::test"].iter().any(|start| attribute.trim().starts_with(start));
        assert!(is_test, "row {number}: {name} is no test");
    }
}
