//! What the command line is linked with is in the record of `docs/supply-chain.md`, and what is published says what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};
use verimage_tests::attacks::repository;
use verimage_tests::supply_chain::{Package, Record, metadata};

#[test]
fn the_page_is_that_of_the_record() {
    let page = fs::read_to_string(repository().join("docs/supply-chain.md")).unwrap();
    assert!(page == Record::read().page(), "docs/supply-chain.md is not that of tests/supply-chain.toml; `make supply-chain` writes it");
}

#[test]
fn what_judges_or_parses_is_recorded_in_its_version() {
    let record = Record::read();
    let missing = missing(&record, &linked());
    assert!(missing.is_empty(), "tests/supply-chain.toml has not looked at {missing:?}");
}

#[test]
fn a_version_that_nobody_looked_at_is_missed() {
    let mut record = Record::read();
    let linked = linked();
    let last = record.groups[0].packages.pop().unwrap();
    assert_eq!(missing(&record, &linked), [format!("{} {}", last.name, last.version)]);
    record.groups[0].packages.push(Package { version: "0.0.0".to_owned(), ..last });
    assert_eq!(missing(&record, &linked).len(), 1);
}

#[test]
fn the_record_has_nothing_that_is_gone() {
    let lock: toml::Value = toml::from_str(&fs::read_to_string(repository().join("Cargo.lock")).unwrap()).unwrap();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let locked: BTreeSet<_> = lock["package"].as_array().unwrap().iter().map(|one| (text(one, "name"), text(one, "version"))).collect();
    let record = Record::read();
    let mut seen = BTreeSet::new();
    for package in record.packages() {
        let key = (package.name.clone(), package.version.clone());
        assert!(locked.contains(&key), "{key:?} is not in Cargo.lock");
        assert!(seen.insert(key.clone()), "{key:?} stands twice in the record");
    }
    let names: BTreeSet<_> = record.packages().map(|package| &package.name).collect();
    assert!(record.also.iter().all(|name| names.contains(name)), "`also` names what no group has");
}

#[test]
fn unsafe_code_is_where_the_record_says() {
    let wrong: Vec<_> = Record::read()
        .packages()
        .filter(|package| has_unsafe(&sources(&package.name, &package.version).join("src")) != package.has_unsafe)
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    assert!(wrong.is_empty(), "the record is wrong about unsafe code in {wrong:?}");
}

#[test]
fn there_is_no_unsafe_code_of_ours() {
    let ours = ["core", "backends", "bindings", "cli", "benches", "fuzz", "tests", "examples"];
    let ours: Vec<_> = ours.iter().filter(|folder| has_unsafe(&repository().join(folder))).collect();
    assert!(ours.is_empty(), "{ours:?} have unsafe code");
    for package in published(&metadata()) {
        let manifest = fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        let manifest: toml::Value = toml::from_str(&manifest).unwrap();
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{} has not the lints that forbid it", package["name"]);
    }
}

#[test]
fn crates_that_are_published_say_what_they_are() {
    let metadata = metadata();
    let lacks: Vec<_> = published(&metadata).flat_map(lacking).collect();
    assert!(lacks.is_empty(), "{lacks:?}");
    assert!(published(&metadata).count() > 10, "most crates are published");

    let mut package = published(&metadata).next().unwrap().clone();
    package["description"] = Value::Null;
    package["keywords"] = json!([]);
    package["readme"] = json!("NONE.md");
    assert_eq!(lacking(&package).len(), 3);
}

/// Members of the workspace without `publish = false`.
fn published(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().unwrap().iter().filter(|package| package["publish"].is_null())
}

/// What a registry asks for and the package does not say.
fn lacking(package: &Value) -> Vec<String> {
    let (name, manifest) = (package["name"].as_str().unwrap(), Path::new(package["manifest_path"].as_str().unwrap()));
    let empty = |field: &str| package[field].as_str().is_none_or(str::is_empty) && package[field].as_array().is_none_or(Vec::is_empty);
    let fields = ["description", "license", "readme", "rust_version", "keywords", "categories"];
    let mut lacks: Vec<_> = fields.into_iter().filter(|field| empty(field)).map(|field| format!("{name}: no {field}")).collect();
    let readme = package["readme"].as_str().map(|readme| manifest.with_file_name(readme));
    lacks.extend(readme.filter(|readme| !readme.is_file()).map(|readme| format!("{name}: no {}", readme.display())));
    lacks
}

/// What the record should have and has not.
fn missing(record: &Record, linked: &BTreeMap<(String, String), BTreeSet<String>>) -> Vec<String> {
    let recorded: BTreeSet<_> = record.packages().map(|package| (package.name.clone(), package.version.clone())).collect();
    let concerned =
        linked.iter().filter(|((name, _), categories)| record.also.contains(name) || !categories.is_disjoint(&record.categories));
    concerned.filter(|(key, _)| !recorded.contains(key)).map(|((name, version), _)| format!("{name} {version}")).collect()
}

/// The foreign packages that the command line is linked with on this machine, and the first parts of their categories.
fn linked() -> BTreeMap<(String, String), BTreeSet<String>> {
    let words = ["tree", "--offline", "--locked", "--package", "verimage-cli", "--edges", "normal,no-proc-macro", "--prefix", "none"];
    let output = Command::new(env!("CARGO")).args(words).args(["--no-dedupe", "--format", "{p}"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let foreign = text.lines().filter(|line| !line.contains("(/")).filter_map(|line| line.split_once(" v"));
    let names: BTreeSet<_> = foreign.map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap().to_owned())).collect();
    assert!(names.len() > 100, "cargo names {} packages", names.len());
    names.into_iter().map(|key| (key.clone(), categories(&sources(&key.0, &key.1)))).collect()
}

/// Where cargo keeps the sources of a package.
fn sources(name: &str, version: &str) -> PathBuf {
    let home = env::var_os("CARGO_HOME").map_or_else(|| PathBuf::from(env::var_os("HOME").unwrap()).join(".cargo"), PathBuf::from);
    let registries = fs::read_dir(home.join("registry/src")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders = registries.map(|registry| registry.join(format!("{name}-{version}"))).filter(|folder| folder.is_dir());
    folders.next().unwrap_or_else(|| panic!("cargo has no sources of {name} {version}"))
}

fn categories(package: &Path) -> BTreeSet<String> {
    let manifest: toml::Value = toml::from_str(&fs::read_to_string(package.join("Cargo.toml")).unwrap()).unwrap();
    let listed = manifest["package"].get("categories").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    listed.iter().filter_map(|category| Some(category.as_str()?.split("::").next()?.to_owned())).collect()
}

/// Whether a file beneath a folder has unsafe code, told by the keyword before what it makes unsafe.
fn has_unsafe(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().any(|path| {
        if path.is_dir() {
            return !["target", "node_modules"].iter().any(|built| path.ends_with(built)) && has_unsafe(&path);
        }
        path.extension().is_some_and(|extension| extension == "rs")
            && fs::read(&path).is_ok_and(|text| says_unsafe(&String::from_utf8_lossy(&text)))
    })
}

fn says_unsafe(text: &str) -> bool {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    code.split("unsafe").skip(1).any(|rest| {
        let next = rest.trim_start();
        let word = next.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
        next.starts_with('{') || rest.starts_with(char::is_whitespace) && ["fn", "impl", "trait", "extern"].contains(&word)
    })
}

/// The keyword is spelled apart, or this file would have what it looks for.
#[test]
fn unsafe_code_is_told_from_words() {
    let with = |text: &str| text.replace('#', "unsafe");
    for code in ["# { f() }", "#{f()}", "pub # fn f() {}", "#\nimpl Send for A {}", "# extern \"C\" {}"] {
        assert!(says_unsafe(&with(code)), "{code}");
    }
    for words in ["// # { f() }", "![forbid(#_code)]", "let text = \"# to use\";", "fn not_#() {}"] {
        assert!(!says_unsafe(&with(words)), "{words}");
    }
}
