//! What is supported, by the tests that show it: `tests/support.toml`, the page `docs/support.md`, and the tables of the README.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use serde::Deserialize;

use crate::attacks::repository;

/// The marks between which the README has the tables.
pub const MARKS: [&str; 2] = ["<!-- support -->\n", "<!-- /support -->"];

/// How a reason begins where the thing is there, and only a test of this combination is not.
const NO_OWN_TEST: &str = "no test of its own: ";

/// All tables.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// Schemes and what they are combined with.
    #[serde(rename = "table")]
    pub tables: Vec<Table>,
}

/// Schemes, and one thing that they are combined with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its heading.
    pub title: String,
    /// Its columns, in their order.
    pub columns: Vec<String>,
    /// One for each scheme.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
}

/// One scheme.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What it is called.
    pub scheme: String,
    /// What is known for each column.
    pub cells: BTreeMap<String, Cell>,
}

/// One scheme with one thing.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// The tests that show it, `FILE::TEST`.
    Tests(Vec<String>),
    /// Why there is none.
    None(String),
}

impl Support {
    /// What this repository has.
    ///
    /// # Panics
    ///
    /// Where it cannot be read.
    pub fn read() -> Self {
        let text = fs::read_to_string(repository().join("tests/support.toml")).expect("tests/support.toml is there");
        toml::from_str(&text).unwrap_or_else(|error| panic!("tests/support.toml: {error}"))
    }

    /// Every cell with its place.
    pub fn cells(&self) -> impl Iterator<Item = (String, &Cell)> {
        self.tables.iter().flat_map(|table| {
            table.rows.iter().flat_map(move |row| {
                row.cells.iter().map(move |(column, cell)| (format!("{}, {}, {column}", table.title, row.scheme), cell))
            })
        })
    }

    /// The page.
    pub fn page(&self) -> String {
        let mut page = String::from(
            "# What is supported, by test\n\n\
             Generated from `tests/support.toml` by `make support`. Each cell names the tests that show it, or says why there is none.\n\
             `tests/tests/support.rs` fails if one of them is gone.\n",
        );
        for table in &self.tables {
            let _ = write!(page, "\n## {}\n", table.title);
            for row in &table.rows {
                let _ = write!(page, "\n### {}\n\n| | |\n|---|---|\n", row.heading(table));
                for column in &table.columns {
                    let _ = writeln!(page, "| {column} | {} |", row.cells.get(column).map_or_else(String::new, Cell::told));
                }
            }
        }
        page
    }

    /// The tables of the README: what there is, without the names of the tests.
    pub fn tables(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            let _ = writeln!(text, "| {} | {} |", table.title, table.columns.join(" | "));
            let _ = writeln!(text, "|---|{}", "---|".repeat(table.columns.len()));
            for row in &table.rows {
                let cells = table.columns.iter().map(|column| row.cells.get(column).map_or("", Cell::short));
                let _ = writeln!(text, "| {} | {} |", row.scheme, cells.collect::<Vec<_>>().join(" | "));
            }
            text.push('\n');
        }
        text
    }

    /// The README with these tables.
    ///
    /// # Errors
    /// If it has no room for them.
    pub fn in_readme(&self, readme: &str) -> Result<String, &'static str> {
        let [begin, end] = MARKS;
        let (before, rest) = readme.split_once(begin).ok_or("README.md has no mark where the tables begin")?;
        let (_, after) = rest.split_once(end).ok_or("README.md has no mark where the tables end")?;
        Ok(format!("{before}{begin}{}{end}{after}", self.tables()))
    }
}

impl Row {
    fn heading(&self, table: &Table) -> String {
        format!("{}: {}", table.title, self.scheme)
    }
}

impl Cell {
    fn told(&self) -> String {
        match self {
            Self::Tests(tests) => tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", "),
            Self::None(reason) => format!("–: {reason}"),
        }
    }

    fn short(&self) -> &'static str {
        match self {
            Self::Tests(_) => "yes",
            Self::None(reason) if reason.starts_with(NO_OWN_TEST) => "untested",
            Self::None(_) => "–",
        }
    }
}
