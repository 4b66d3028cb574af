//! The README and the book: every block of code is run, read or compared, or says why it is not; every link leads somewhere.
//!
//! The first word of a fence's info string is its language; what stands behind it is a note:
//!
//! | fence | what happens |
//! |---|---|
//! | `yaml`, `json` | it is loaded: a policy of any format, or the configuration of `serve` |
//! | `yaml fragment` | the same, after `apiVersion` and `kind` were put before it |
//! | `yaml file: NAME`, `json file: NAME` | the same, and it is a file of that name for the commands that follow on the page |
//! | `console` | each line that begins with `$ ` is run in a folder of the page, and must print what stands below it |
//! | `sh` | each command of `verimage` must be understood by the command line; nothing is run |
//! | `rust` | the documentation tests of `core/verimage` compile it; or it includes a part of an example that is compiled |
//! | `python`, `js` | the tests of the packages run it |
//! | any, `not run: REASON` | commands of `verimage` in it must be understood; the rest is counted |
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod commands;
mod links;
mod markdown;
mod rust;
mod shell;
mod workbench;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use markdown::{Block, Page};
use workbench::Workbench;

fn repository() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// The README, the pages of the book, and what they include.
fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    let mut book: Vec<String> = fs::read_dir(repository().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"))
        .collect();
    book.sort();
    assert!(book.len() > 20, "the book has {} pages", book.len());
    names.append(&mut book);
    names.iter().map(|name| Page::read(&repository(), name)).collect()
}

#[test]
fn every_block_does_what_it_says() {
    let mut failures = Vec::new();
    let mut counts = BTreeMap::new();
    for page in pages() {
        let workbench = Workbench::new();
        let mut changed = Vec::new();
        for block in &page.blocks {
            match check(&page, block, &workbench, &mut counts) {
                Ok(None) => {}
                Ok(Some(text)) => changed.push((block, text)),
                Err(reason) => failures.push(format!("{}:{}: {reason}", page.name, block.line)),
            }
        }
        page.rewrite(&changed);
    }
    let not_run: usize = counts.iter().filter(|(what, _)| what.starts_with("not run: ")).map(|(_, count)| count).sum();
    println!("blocks of the README and the book, of which {not_run} are not run:");
    counts.iter().for_each(|(what, count)| println!("{count:5} {what}"));
    assert!(
        failures.is_empty(),
        "{} blocks:\n{}\nVERIMAGE_UPDATE_SNAPSHOTS=1 accepts what commands print",
        failures.len(),
        failures.join("\n")
    );
}

/// What is wrong with a block; with a text, what it would have to be.
fn check(page: &Page, block: &Block, workbench: &Workbench, counts: &mut BTreeMap<String, usize>) -> Result<Option<String>, String> {
    let mut count = |what: String, number: usize| *counts.entry(what).or_default() += number;
    if let Some(reason) = block.note.strip_prefix("not run: ") {
        if reason.split_whitespace().count() < 2 {
            return Err("its note does not say why it is not run".to_owned());
        }
        count(format!("not run: {reason}"), 1);
        let understood = if block.language == "sh" { commands::understood(&block.text, true)? } else { 0 };
        count("commands understood by the command line".to_owned(), understood);
        return Ok(None);
    }
    match (block.language.as_str(), block.note.as_str()) {
        ("yaml" | "json", note) => workbench.load(block, note).map(|what| count(what.to_owned(), 1)).map(|()| None),
        ("console", "") => {
            let (run, text) = commands::run(block, workbench)?;
            count("commands run, and their output compared".to_owned(), run);
            Ok(text)
        }
        ("sh", "") => {
            count("commands understood by the command line".to_owned(), commands::understood(&block.text, false)?);
            Ok(None)
        }
        ("rust", "") if block.text.starts_with("{{#include ") => {
            count("examples in Rust, from a file that is compiled and run".to_owned(), 1);
            rust::is_there(block, &repository()).map(|()| None)
        }
        ("rust", "" | "no_run") => {
            count("examples in Rust, for `cargo test --doc -p verimage`".to_owned(), 1);
            rust::is_compiled(page, &repository()).map(|()| None)
        }
        ("python", "") => {
            count("examples in Python, for `make python-test`".to_owned(), 1);
            Ok(None)
        }
        ("js", "") => {
            count("examples in JavaScript, for `make node-test`".to_owned(), 1);
            Ok(None)
        }
        ("", _) => Err("it has no language".to_owned()),
        (language, note) => Err(format!("nobody runs `{language} {note}`; write `not run: REASON` if nobody can")),
    }
}

#[test]
fn commands_in_sentences_are_those_that_exist() {
    let pages = pages();
    let spans = pages.iter().flat_map(|page| page.spans.iter().map(move |(line, span)| (page, line, span)));
    let commands: Vec<_> = spans.filter(|(_, _, span)| span.starts_with("verimage ") && !span.contains(['…', '|'])).collect();
    assert!(commands.len() > 40, "{} commands are found", commands.len());
    let wrong = commands
        .into_iter()
        .filter_map(|(page, line, span)| commands::mistake(span).map(|error| format!("{}:{line}: {span}: {error}", page.name)));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{} commands:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let wrong: Vec<String> = pages.iter().flat_map(|page| links::wrong(page, &repository())).collect();
    assert!(wrong.is_empty(), "{} links:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = Page::read(&repository(), "docs/SUMMARY.md");
    let listed = |name: &str| summary.links.iter().any(|(_, to)| format!("docs/{to}") == name);
    let missing: Vec<String> = pages()
        .into_iter()
        .map(|page| page.name)
        .filter(|name| name.starts_with("docs/") && name != "docs/SUMMARY.md" && !listed(name))
        .collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md lacks {missing:?}");
}
