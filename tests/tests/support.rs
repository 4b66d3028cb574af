//! What the README and `docs/support.md` say is supported is shown by tests that are there.

use std::collections::BTreeSet;
use std::fs;

use verimage_tests::attacks::repository;
use verimage_tests::named;
use verimage_tests::support::{Cell, Support};

#[test]
fn page_and_readme_are_those_of_the_table() {
    let support = Support::read();
    let [page, readme] = ["docs/support.md", "README.md"].map(|name| fs::read_to_string(repository().join(name)).unwrap());
    assert!(page == support.page(), "docs/support.md is not that of tests/support.toml; `make support` writes it");
    assert!(
        Ok(&readme) == support.in_readme(&readme).as_ref(),
        "README.md does not have the tables of tests/support.toml; `make support` writes them"
    );
}

#[test]
fn every_cell_names_tests_that_are_there() {
    let support = Support::read();
    for table in &support.tables {
        let columns: BTreeSet<_> = table.columns.iter().collect();
        for row in &table.rows {
            assert_eq!(row.cells.keys().collect::<BTreeSet<_>>(), columns, "{}, {}", table.title, row.scheme);
        }
    }
    let wrong: Vec<String> =
        support.cells().filter_map(|(place, cell)| check(cell).err().map(|reason| format!("{place}: {reason}"))).collect();
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}

fn check(cell: &Cell) -> Result<(), String> {
    match cell {
        Cell::Tests(tests) if tests.is_empty() => Err("it has neither a test nor a reason".to_owned()),
        Cell::Tests(tests) => tests.iter().try_for_each(|test| {
            let (place, name) = test.split_once("::").ok_or(format!("{test} names no test"))?;
            named::test(place, name).map(drop)
        }),
        Cell::None(reason) if reason.split_whitespace().count() < 2 => Err("it has no reason".to_owned()),
        Cell::None(_) => Ok(()),
    }
}
