//! What was looked at among foreign packages: `tests/supply-chain.toml`, and the page `docs/supply-chain.md` that is made from it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::attacks::repository;

/// The page before its tables.
const BEGINNING: &str = include_str!("supply_chain.md");

/// The whole record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The first parts of the registry's categories whose packages must be in it.
    pub categories: BTreeSet<String>,
    /// Packages that must be in it though they have no such category.
    pub also: BTreeSet<String>,
    /// Packages that serve one purpose.
    #[serde(rename = "group")]
    pub groups: Vec<Group>,
}

/// Packages that were looked at together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its heading.
    pub title: String,
    /// What they are for.
    #[serde(rename = "use")]
    pub purpose: String,
    /// Who maintains them.
    pub makers: String,
    /// What was looked at.
    pub looked: String,
    /// What is known against them.
    pub advisories: String,
    /// Why these.
    pub reason: String,
    /// Which they are.
    pub packages: Vec<Package>,
}

/// One package in one version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name in the registry.
    pub name: String,
    /// As in `Cargo.lock`.
    pub version: String,
    /// Whether it has unsafe code.
    #[serde(rename = "unsafe")]
    pub has_unsafe: bool,
}

/// What cargo says of the members of the workspace.
///
/// # Panics
///
/// Where cargo does not answer.
pub fn metadata() -> Value {
    let words = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = Command::new(env!("CARGO")).args(words).output().expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo answers in JSON")
}

impl Record {
    /// The record of this repository.
    ///
    /// # Panics
    ///
    /// Where it cannot be read.
    pub fn read() -> Self {
        let text = fs::read_to_string(repository().join("tests/supply-chain.toml")).expect("tests/supply-chain.toml is there");
        toml::from_str(&text).unwrap_or_else(|error| panic!("tests/supply-chain.toml: {error}"))
    }

    /// All packages.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.groups.iter().flat_map(|group| &group.packages)
    }

    /// The page.
    pub fn page(&self) -> String {
        let mut page = BEGINNING.to_owned();
        for group in &self.groups {
            let _ = write!(page, "\n### {}\n\n| | |\n|---|---|\n", group.title);
            let rows = [
                ("used for", &group.purpose),
                ("maintained by", &group.makers),
                ("looked at", &group.looked),
                ("advisories", &group.advisories),
                ("why these", &group.reason),
                ("without unsafe code", &group.names(false)),
                ("with unsafe code", &group.names(true)),
            ];
            for (name, text) in rows {
                let _ = writeln!(page, "| {name} | {text} |");
            }
        }
        page
    }
}

impl Group {
    fn names(&self, has_unsafe: bool) -> String {
        let names = self.packages.iter().filter(|package| package.has_unsafe == has_unsafe);
        let names: Vec<_> = names.map(|package| format!("`{}` {}", package.name, package.version)).collect();
        if names.is_empty() { "–".to_owned() } else { names.join(", ") }
    }
}
