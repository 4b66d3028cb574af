//! The attack book: `tests/attacks.toml`, and the page `docs/attacks.md` that is made from it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// All tables.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// One for each scheme, and one for what has none.
    #[serde(rename = "table")]
    pub tables: Vec<Table>,
}

/// What is known about one scheme.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What the numbers of its rows begin with.
    pub letter: String,
    /// Its heading.
    pub title: String,
    /// The file of the specification whose rows it has.
    pub specification: String,
    /// How the line begins below which they stand there.
    pub section: String,
    /// One attack each.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
}

/// One attack.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Advisories and issues, or where else it is from.
    pub source: String,
    /// What went wrong.
    pub attack: String,
    /// What happens here; if there is nothing to test, why.
    pub here: String,
    /// The failure codes of what is refused.
    #[serde(default)]
    pub codes: Vec<String>,
    /// `FILE.rs::TEST`, or `tests/fixtures/SCHEME::CASE`. None only where nothing that is in this repository could go wrong.
    pub tests: Vec<String>,
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Book {
    /// The book of this repository.
    ///
    /// # Panics
    ///
    /// Where it cannot be read.
    pub fn read() -> Self {
        let text = fs::read_to_string(repository().join("tests/attacks.toml")).expect("tests/attacks.toml is there");
        toml::from_str(&text).unwrap_or_else(|error| panic!("tests/attacks.toml: {error}"))
    }

    /// The page.
    pub fn page(&self) -> String {
        let mut page = String::from(
            "# Attacks\n\n\
             Generated from `tests/attacks.toml` by `make attacks`. What went wrong elsewhere, what happens here with the [code](codes.md) of the\n\
             refusal, and the tests that show it: a function, or a case of a fixture. `tests/tests/attacks.rs` fails if one of them is gone, or\n\
             does not speak of the code.\n",
        );
        for table in &self.tables {
            table.write(&mut page);
        }
        page
    }
}

impl Table {
    /// Its rows, each with its number.
    pub fn numbered(&self) -> impl Iterator<Item = (String, &Row)> {
        self.rows.iter().enumerate().map(|(index, row)| (format!("{}{}", self.letter, index + 1), row))
    }

    fn write(&self, page: &mut String) {
        let _ = write!(page, "\n## {}\n\n| # | source | attack | here | codes | tests |\n|---|---|---|---|---|---|\n", self.title);
        for (number, row) in self.numbered() {
            let cells = [&number, &row.source, &row.attack, &row.here, &quoted(&row.codes), &quoted(&row.tests)];
            let _ = writeln!(page, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
    }
}

fn quoted(names: &[String]) -> String {
    if names.is_empty() { "–".to_owned() } else { names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ") }
}
