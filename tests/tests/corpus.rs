//! Foreign vectors: every supported case of the corpus beside the repository has the answer that its authors give it.
//!
//! The corpus is read in place: at `VERIMAGE_CORPUS`, or at `../shared/corpus` beside the repository. Known
//! differences stand in `corpus-exceptions.json` with their reason; a listed difference that is none any more fails too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use verimage_tests::{Answer, Case, Runner};

#[test]
fn every_supported_case_has_its_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = std::env::var_os("VERIMAGE_CORPUS").map_or_else(|| root.join("../../shared/corpus"), PathBuf::from);
    if !corpus.is_dir() {
        println!("skipped: there is no corpus at {}", corpus.display());
        return;
    }
    let exceptions: BTreeMap<String, String> =
        serde_json::from_str(&fs::read_to_string(root.join("corpus-exceptions.json")).unwrap()).unwrap();
    let mut tally = Tally::default();
    for file in case_files(&corpus) {
        run_file(&corpus, &file, &mut tally);
    }
    println!("{} right, {} disputed, not offered: {:?}", tally.right, tally.disputed, tally.unsupported);
    let listed: BTreeSet<_> = exceptions.keys().cloned().collect();
    let found: BTreeSet<_> = tally.wrong.keys().cloned().collect();
    let surprises: Vec<_> = found.difference(&listed).map(|id| format!("{id}: {}", tally.wrong[id])).collect();
    let stale: Vec<_> = listed.difference(&found).collect();
    assert!(surprises.is_empty(), "wrong answers:\n{}", surprises.join("\n"));
    assert!(stale.is_empty(), "listed as exceptions, but right: {stale:?}");
    assert!(tally.right > 5500, "only {} cases ran", tally.right);
}

#[derive(Default)]
struct Tally {
    right: usize,
    disputed: usize,
    unsupported: BTreeMap<String, usize>,
    wrong: BTreeMap<String, String>,
}

fn case_files(corpus: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![corpus.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if entry.file_type().unwrap().is_dir() => folders.push(path),
                path if path.file_name().is_some_and(|name| name == "cases.json") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn run_file(corpus: &Path, file: &Path, tally: &mut Tally) {
    let document: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let Some(cases) = document.get("cases").and_then(Value::as_array) else { return };
    let folder = file.parent().unwrap();
    let mut runner = Runner::default();
    for case in cases {
        let Some(expected) = case["expected"].as_str() else { continue };
        let id = format!("{}:{}", folder.strip_prefix(corpus).unwrap().display(), case["id"].as_str().unwrap());
        let question: Case = serde_json::from_value(absolute(case, folder)).unwrap();
        let answer = runner.answer(&question).unwrap_or_else(|error| panic!("{id}: {error}"));
        match difference(&answer, expected, &case["output"]) {
            _ if matches!(answer, Answer::Unsupported(_)) => *tally.unsupported.entry(question.kind).or_default() += 1,
            _ if case["disputed"] == Value::Bool(true) => tally.disputed += 1,
            None => tally.right += 1,
            Some(difference) => drop(tally.wrong.insert(id, difference)),
        }
    }
}

/// The question alone: no identifier, no expectation, absolute paths.
fn absolute(case: &Value, folder: &Path) -> Value {
    let path = |path: &Value| Value::from(folder.join(path.as_str().unwrap()).to_str().unwrap());
    let files: Map<String, Value> = case["files"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(role, value)| {
            let value = value.as_array().map_or_else(|| path(value), |list| list.iter().map(&path).collect());
            (role.clone(), value)
        })
        .collect();
    let params = case.get("params").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    serde_json::json!({"kind": case["kind"], "files": files, "params": params})
}

fn difference(answer: &Answer, expected: &str, output: &Value) -> Option<String> {
    match (answer, expected) {
        (Answer::Accept(found), "accept") => {
            let wrong = output.as_object().into_iter().flatten().find(|(key, value)| found.get(*key) != Some(value));
            wrong.map(|(key, value)| format!("`{key}` should be {value}, is {:?}", found.get(key)))
        }
        (Answer::Reject { .. }, "reject") => None,
        (other, _) => Some(format!("should {expected}, found {other:?}")),
    }
}
