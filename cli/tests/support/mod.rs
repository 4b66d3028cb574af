//! Runs the binary, and compares what it says with a file.

pub(crate) mod mirror;
pub(crate) mod registry;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One run of the binary.
pub(crate) struct Case<'a> {
    /// The name of its file under `snapshots/`.
    pub(crate) name: &'a str,
    /// The arguments, separated by spaces.
    pub(crate) args: &'a str,
    /// The environment; nothing else is set but what keeps the machine out.
    pub(crate) env: &'a [(&'a str, &'a str)],
}

/// The folder in which the binary runs.
pub(crate) fn workspace() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

pub(crate) fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verimage"));
    command.args(args).current_dir(workspace()).env_clear();
    command.env("HOME", "/nonexistent").env("CONTAINERS_REGISTRIES_CONF", "/dev/null");
    let root = workspace().display().to_string();
    command.envs(env.iter().map(|(name, value)| (*name, value.replace("[ROOT]", &root)))).output().unwrap()
}

/// What a run said, without what differs between machines.
pub(crate) fn transcribe(args: &str, output: &Output, replacements: &[(&str, &str)]) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let exit = output.status.code().map_or_else(|| "signal".to_owned(), |code| code.to_string());
    let mut transcript = format!("$ verimage {args}\nexit: {exit}\n");
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            transcript.push_str(&format!("--- {name}\n{}", text(bytes)));
        }
    }
    let transcript = replacements.iter().fold(transcript, |text, (from, to)| text.replace(from, to));
    number_hashes(&without_policies_of_this_machine(&transcript))
}

/// Whether the machine has policies of other tools in `/etc` is not the binary's doing.
fn without_policies_of_this_machine(transcript: &str) -> String {
    let theirs = |line: &&str| ["    /etc/containers/", "    /etc/notation/"].iter().any(|start| line.starts_with(start));
    let lines: Vec<&str> = transcript.lines().filter(|line| !theirs(line)).collect();
    let empty_heading =
        |at: usize| lines[at].ends_with("cannot load yet") && !lines.get(at + 1).is_some_and(|next| next.starts_with("    "));
    (0..lines.len()).filter(|at| !empty_heading(*at)).flat_map(|at| [lines[at], "\n"]).collect()
}

/// Keys and signatures of the fixtures are made anew now and then, so hashes and ports are numbered as they appear.
fn number_hashes(transcript: &str) -> String {
    let mut known: Vec<&str> = Vec::new();
    let mut numbered = String::new();
    let words = transcript.split_inclusive(|symbol: char| !symbol.is_ascii_hexdigit());
    for word in words {
        let digits = word.trim_end_matches(|symbol: char| !symbol.is_ascii_hexdigit());
        if digits.len() == 64 {
            let number = known.iter().position(|hash| *hash == digits).unwrap_or_else(|| {
                known.push(digits);
                known.len() - 1
            });
            numbered.push_str(&format!("HASH-{}{}", number + 1, &word[digits.len()..]));
        } else if numbered.ends_with("127.0.0.1:") {
            numbered.push_str(&format!("PORT{}", &word[digits.len()..]));
        } else {
            numbered.push_str(word);
        }
    }
    numbered
}

/// Compares with the file of that name, or writes it if `VERIMAGE_UPDATE_SNAPSHOTS` is set.
pub(crate) fn compare(name: &str, actual: &str) -> Result<(), String> {
    let file = snapshots().join(format!("{name}.txt"));
    if std::env::var_os("VERIMAGE_UPDATE_SNAPSHOTS").is_some() {
        fs::write(&file, actual).unwrap();
        return Ok(());
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if expected == actual { Ok(()) } else { Err(format!("=== {name}\nexpected:\n{expected}\nactual:\n{actual}")) }
}

/// Every case against its file; also that there is no file without a case.
pub(crate) fn check_all(cases: &[Case<'_>], others: &[&str]) {
    let root = workspace().display().to_string();
    let mut failures: Vec<String> = Vec::new();
    for case in cases {
        let args: Vec<&str> = case.args.split(' ').collect();
        let transcript = transcribe(case.args, &run(&args, case.env), &[(&root, "[ROOT]")]);
        failures.extend(compare(case.name, &transcript).err());
    }
    let known: BTreeSet<&str> = cases.iter().map(|case| case.name).chain(others.iter().copied()).collect();
    assert_eq!(known.len(), cases.len() + others.len(), "two cases have one name");
    let files = fs::read_dir(snapshots()).unwrap().map(|entry| entry.unwrap().path());
    let stale = files.filter(|file| file.file_stem().is_some_and(|stem| !known.contains(stem.to_str().unwrap())));
    failures.extend(stale.map(|file| format!("no case has the snapshot {}", file.display())));
    assert!(failures.is_empty(), "{}\nset VERIMAGE_UPDATE_SNAPSHOTS=1 to accept", failures.join("\n"));
}

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}
