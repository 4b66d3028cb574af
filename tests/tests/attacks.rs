//! The attack book, `docs/attacks.md`: every row of the specifications has its row here, and every row names tests that are
//! there and speak of its codes.
//!
//! The specifications are read in place: at `VERIMAGE_SPECS`, or at `../shared/specs` beside the repository. Without them the
//! test of their rows says so and passes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::{env, fs};

use serde_json::Value;
use verimage::Code;
use verimage::core::StoreErrorKind;
use verimage_tests::attacks::{Book, Row, Table, repository};
use verimage_tests::named;

#[test]
fn the_page_is_that_of_the_book() {
    let page = fs::read_to_string(repository().join("docs/attacks.md")).unwrap();
    assert!(page == Book::read().page(), "docs/attacks.md is not that of tests/attacks.toml; `make attacks` writes it");
}

#[test]
fn every_row_names_its_tests_and_they_speak_of_its_codes() {
    let book = Book::read();
    let mut letters = HashSet::new();
    assert!(book.tables.iter().all(|table| letters.insert(&table.letter)), "two tables have one letter");
    let wrong: Vec<String> = book
        .tables
        .iter()
        .flat_map(Table::numbered)
        .filter_map(|(number, row)| check(row).err().map(|reason| format!("{number}: {reason}")))
        .collect();
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

fn check(row: &Row) -> Result<(), String> {
    let codes = row.codes.iter().map(|name| Code::ALL.iter().find(|code| code.as_str() == name).ok_or(format!("no code is {name}")));
    let codes = codes.collect::<Result<Vec<_>, _>>()?;
    if row.tests.is_empty() && !(codes.is_empty() && row.here.starts_with("out of scope: ")) {
        return Err("it has no test".to_owned());
    }
    let told = row.tests.iter().map(|test| told_by(test, row)).collect::<Result<Vec<_>, _>>()?.concat();
    match codes.into_iter().find(|code| !spellings(**code).iter().any(|spelling| told.contains(spelling))) {
        Some(code) => Err(format!("no test of it speaks of {code}")),
        None => Ok(()),
    }
}

/// How tests write a code.
fn spellings(code: Code) -> Vec<String> {
    use StoreErrorKind::{DeadlineExceeded, NotFound, RateLimited, StateUnreadable, TooLarge, Unauthorized, Unavailable};
    let kinds = [NotFound, Unauthorized, RateLimited, TooLarge, DeadlineExceeded, Unavailable, StateUnreadable];
    let kinds = kinds.into_iter().filter(|kind| Code::of_store_error(*kind) == code).map(|kind| format!("StoreErrorKind::{kind:?}"));
    kinds.chain([format!("\"{code}\""), format!("Code::{code:?}")]).collect()
}

/// What a test says: its own text and that of what it uses, or the code of a case.
fn told_by(test: &str, row: &Row) -> Result<String, String> {
    let (place, name) = test.split_once("::").ok_or(format!("{test} names no test"))?;
    if !place.ends_with(".rs") {
        let code = code_of_case(place, name).ok_or(format!("{place} has no case {name} that is refused"))?;
        return if row.codes.contains(&code) { Ok(format!("{code:?}")) } else { Err(format!("{test} is refused with {code}")) };
    }
    let text = named::test(place, name)?;
    Ok(reach(&text, name))
}

/// The code of a case of a fixture: of a folder, or of an element of one list.
fn code_of_case(place: &str, name: &str) -> Option<String> {
    let read = |path: String| serde_json::from_slice::<Value>(&fs::read(repository().join(path)).ok()?).ok();
    let listed = || read(format!("{place}/cases.json"))?.as_array()?.iter().find(|case| case["name"] == name).cloned();
    let case = read(format!("{place}/cases/{name}/case.json")).or_else(listed)?;
    case["expect"]["code"].as_str().map(str::to_owned)
}

/// The text of a function, and of the functions and constants of its file that it uses.
fn reach(text: &str, name: &str) -> String {
    let items = items(text);
    let mut names = vec![name];
    let mut told = String::new();
    let mut at = 0;
    while let Some(name) = names.get(at).copied() {
        for (_, body) in items.iter().filter(|(item, _)| *item == name) {
            told.push_str(body);
            let used: HashSet<&str> = words(body).collect();
            names.extend(
                items.iter().map(|(item, _)| *item).filter(|item| used.contains(item) && !names.contains(item)).collect::<HashSet<_>>(),
            );
        }
        at += 1;
    }
    told
}

/// The functions and constants of a file, each to the beginning of the next.
fn items(text: &str) -> Vec<(&str, &str)> {
    let mut starts: Vec<usize> =
        ["fn ", "const "].iter().flat_map(|keyword| text.match_indices(keyword).map(|(at, word)| at + word.len())).collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| Some((words(&text[*start..end]).next()?, &text[*start..end]))).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// As many rows as the table of the specification has, and each advisory that it names.
#[test]
fn every_row_of_the_specifications_is_there() {
    let folder = env::var_os("VERIMAGE_SPECS").map_or_else(|| repository().join("../shared/specs"), PathBuf::from);
    if !folder.is_dir() {
        return println!("skipped: there are no specifications at {}", folder.display());
    }
    for table in Book::read().tables {
        let text = fs::read_to_string(folder.join(&table.specification)).unwrap();
        let section = section(&text, &table.section);
        let rows = section.lines().filter(|line| line.starts_with("| ")).count().saturating_sub(1);
        let rows = if rows == 0 { section.split(';').count() } else { rows };
        assert!(table.rows.len() >= rows, "{}: {} rows of {rows}", table.title, table.rows.len());
        let sources: HashSet<&str> = table.rows.iter().flat_map(|row| advisories(&row.source)).collect();
        let missing: Vec<_> = advisories(section).filter(|advisory| !sources.contains(advisory)).collect();
        assert!(missing.is_empty(), "{} lacks {missing:?}", table.title);
    }
}

/// From the line that begins so to the next heading.
fn section<'a>(text: &'a str, start: &str) -> &'a str {
    let at = text.find(&format!("\n{start}")).unwrap_or_else(|| panic!("the specification has no {start}")) + 1;
    text[at..].split("\n## ").next().unwrap_or_default()
}

fn advisories(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    words.filter_map(|word| match word {
        // What stands behind the number belongs to the sentence.
        cve if cve.starts_with("CVE-") => Some(cve.trim_end_matches(|letter: char| !letter.is_ascii_digit())),
        other => other.starts_with("GHSA-").then_some(other),
    })
}
