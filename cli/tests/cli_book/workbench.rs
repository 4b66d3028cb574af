//! Where a page's files are, and where its commands run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use verimage::PolicyLoader;
use verimage_server::ServerConfig;

use crate::markdown::Block;
use crate::repository;

/// What pages call the keys of nobody in particular, and which of the fixtures stands for each.
const MATERIAL: [(&str, &str); 11] = [
    ("acme-root.pem", "notation/certificates/root.pem"),
    ("chain.pem", "notation/certificates/root.pem"),
    ("company-ca.pem", "notation/certificates/root.pem"),
    ("cosign.pub", "cosign/keys/p256.pub"),
    ("rekor.pub", "cosign/keys/p384.pub"),
    ("release.pub", "cosign/keys/p256.pub"),
    ("root.pub", "notary-v1/pins/tags.pub"),
    ("security.pub", "cosign/keys/other.pub"),
    ("trusted_root.json", "keyless/trusted_root.json"),
    ("tsa-root.pem", "notation/certificates/tsa-root.pem"),
    ("vendor.asc", "simple-signing/keys/blocks.asc"),
];

/// What a command printed, and the status with which it ended, unless it was killed.
pub(crate) struct Printed {
    lines: Vec<String>,
    status: Option<i32>,
}

impl Printed {
    /// The lines as a page shows them: at the end stands the status, which may be left out if it is 0.
    pub(crate) fn shown(mut self, with_status: bool) -> Vec<String> {
        match self.status {
            Some(0) if !with_status => {}
            Some(status) => self.lines.push(format!("exit {status}")),
            None => self.lines.push("killed".to_owned()),
        }
        self.lines
    }
}

/// A folder for one page: the material, the files that the page makes, and the repository's folders by their names.
pub(crate) struct Workbench {
    folder: TempDir,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cli", "examples", "tests"] {
            symlink(repository().join(name), folder.path().join(name)).unwrap();
        }
        for (name, fixture) in MATERIAL {
            fs::copy(repository().join("tests/fixtures").join(fixture), folder.path().join(name))
                .unwrap_or_else(|error| panic!("{fixture}: {error}"));
        }
        fs::create_dir(folder.path().join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_verimage"), folder.path().join("bin/verimage")).unwrap();
        Self { folder }
    }

    /// Loads a policy, or a configuration; says which it was.
    pub(crate) fn load(&self, block: &Block, note: &str) -> Result<&'static str, String> {
        let head = match note {
            "fragment" => "apiVersion: verimage/v1\nkind: ImagePolicy\n",
            _ => "",
        };
        let name = match note.strip_prefix("file: ") {
            Some(name) => name.to_owned(),
            None if note.is_empty() || note == "fragment" => format!("block-{}.{}", block.line, block.language),
            None => return Err(format!("its note is neither `fragment` nor `file: NAME`, but `{note}`")),
        };
        let path = self.folder.path().join(name);
        fs::write(&path, format!("{head}{}", block.text)).map_err(|error| error.to_string())?;
        if block.text.contains("kind: ServerConfig") {
            return ServerConfig::load(&path).map(|_| "configurations of `serve` loaded").map_err(|error| error.to_string());
        }
        let loader = PolicyLoader::new().trust_stores(repository().join("tests/fixtures/notation/truststore"));
        loader.load(&path).map(|_| "policies loaded").map_err(|error| error.to_string())
    }

    /// What a command prints on both streams, and how it ends.
    pub(crate) fn run(&self, command: &str) -> Printed {
        let path = format!("{}:{}", self.folder.path().join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("bash");
        shell
            .env_clear()
            .env("PATH", path)
            .env("HOME", "/nonexistent")
            .env("CONTAINERS_REGISTRIES_CONF", "/dev/null")
            .env("LC_ALL", "C.UTF-8");
        let output = shell.current_dir(self.folder.path()).args(["-c", &format!("exec 2>&1; {command}")]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).replace(&without_links(self.folder.path()), "");
        let lines = text.lines().map(|line| line.trim_end().to_owned()).collect();
        Printed { lines, status: output.status.code() }
    }
}

fn without_links(folder: &Path) -> String {
    format!("{}/", fs::canonicalize(folder).unwrap().display())
}
