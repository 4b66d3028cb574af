//! The examples do what they say: each `examples/*/run.sh` ends well and prints its `output.txt`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_example_prints_what_its_folder_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: the examples need python3");
        return;
    }
    let examples = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.join("run.sh").exists());
    let mut failures = Vec::new();
    let mut seen = 0;
    for example in examples {
        seen += 1;
        let output = Command::new(example.join("run.sh")).env("VERIMAGE", env!("CARGO_BIN_EXE_verimage")).output().unwrap();
        let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            failures.push(format!("{}: {}\n{printed}{said}", example.display(), output.status));
        } else if std::env::var_os("VERIMAGE_UPDATE_SNAPSHOTS").is_some() {
            fs::write(example.join("output.txt"), printed.as_bytes()).unwrap();
        } else if fs::read_to_string(example.join("output.txt")).unwrap_or_default() != printed {
            failures.push(format!("{} prints something else than its output.txt:\n{printed}", example.display()));
        }
    }
    assert!(seen >= 2, "the examples are not found");
    assert!(failures.is_empty(), "{}\nset VERIMAGE_UPDATE_SNAPSHOTS=1 to accept", failures.join("\n"));
}
