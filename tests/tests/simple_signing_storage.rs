//! Where signatures are, as a real tool asked for them: the questions that a session asks, and its verdict, for each recorded
//! exchange with a lookaside server and with a registry that lists signatures itself. Which address `registries.d` gives
//! is the store's business; here it answers as the recording says.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use verimage::core::{Answer, Blob, Context, Progress, Session, StoreError, StoreErrorKind, Want, What};
use verimage::{FolderMaterial, ImageRef, Limits, Platform, PolicyLoader, Verdict};

fn folder() -> Option<PathBuf> {
    let corpus = std::env::var_os("VERIMAGE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    Some(corpus.join("simple-signing")).filter(|folder| folder.is_dir())
}

/// A recorded exchange.
struct Case<'a> {
    name: &'a str,
    requests: Vec<&'a str>,
    message: &'a str,
    accepts: bool,
    image: &'a str,
}

impl<'a> Case<'a> {
    fn of(value: &'a Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap();
        let verdict = value.get("project_verdict").unwrap_or(&value["skopeo_verdict"]);
        Self {
            name: text("name"),
            requests: value["requests"].as_array().unwrap().iter().filter_map(Value::as_str).collect(),
            message: text("skopeo_message"),
            accepts: verdict == "accept",
            image: text("image").trim_start_matches("docker://"),
        }
    }

    /// How many files of the lookaside were asked for.
    fn files(&self) -> usize {
        self.requests.iter().filter(|request| request.contains("/signature-")).count()
    }

    fn asks_extension(&self) -> bool {
        self.requests.iter().any(|request| request.contains("/extensions/"))
    }

    /// What the last file that was asked for is.
    fn last_file(&self) -> Result<Vec<Blob>, StoreError> {
        match self.message {
            _ if self.accepts => Err(StoreError::not_found("404")),
            message if message.contains("no signature exists") => Err(StoreError::not_found("404")),
            message if message.contains("parsing signature") => Ok(vec![Blob::new("<html>")]),
            message if message.contains("exceeded maximum") => Err(StoreError::too_large(4 << 20)),
            message => Err(StoreError::new(StoreErrorKind::Unavailable, message)),
        }
    }

    /// The list of the extension, by what the name of the case says of it.
    fn list(&self, good: &[u8]) -> Result<Vec<Blob>, StoreError> {
        let entry = |version: u64, kind: &str, name: &str, content: &[u8]| json!({"schemaVersion": version, "name": name, "type": kind, "content": STANDARD.encode(content)});
        let list = |entries: Value| json!({"signatures": entries}).to_string();
        let text = match self.name.trim_start_matches("API extension").trim_start_matches(&[':', ' '][..]) {
            "one good" => list(json!([entry(2, "atomic", "sha256:x@1", good)])),
            "version 1 ignored" => list(json!([entry(1, "atomic", "sha256:x@1", good)])),
            "type case differs" => list(json!([entry(2, "Atomic", "sha256:x@1", good)])),
            "junk then good" => list(json!([entry(2, "atomic", "sha256:x@1", b"junk"), entry(2, "atomic", "sha256:x@2", good)])),
            "empty name" => list(json!([entry(2, "atomic", "", good)])),
            "null list" => list(Value::Null),
            "no list" => "{}".to_owned(),
            "array body" => "[]".to_owned(),
            "content not base64" => r#"{"signatures":[{"schemaVersion":2,"name":"x","type":"atomic","content":"!!"}]}"#.to_owned(),
            "key case and unknown keys are lax" => list(json!([entry(2, "atomic", "x", good)]))
                .replace("\"schemaVersion\"", "\"y\":1,\"SchemaVersion\"")
                .replace("\"content\"", "\"CONTENT\""),
            "over 4 MiB" => return Err(StoreError::too_large(4 << 20)),
            "404" => return Err(StoreError::unavailable("404 Not Found")),
            name if name.contains("empty list") => list(json!([])),
            name => panic!("what does the server of `{name}` answer?"),
        };
        Ok(vec![Blob::new(text)])
    }
}

struct Server<'a> {
    case: &'a Case<'a>,
    manifest: Vec<u8>,
    good: Vec<u8>,
    foreign: Vec<u8>,
}

impl Server<'_> {
    fn answer(&self, what: &What) -> Result<Vec<Blob>, StoreError> {
        let files = self.case.files();
        match what {
            What::Resolve => Ok(vec![Blob::new(self.manifest.clone())]),
            What::SignatureList(_) if self.case.asks_extension() => self.case.list(&self.good),
            What::Lookaside { index, .. } if *index as usize == files => self.case.last_file(),
            What::Lookaside { index, .. } if (*index as usize) + 1 == files => Ok(vec![Blob::new(self.good.clone())]),
            What::Lookaside { index, .. } if (*index as usize) < files => Ok(vec![Blob::new(self.foreign.clone())]),
            // Nothing over HTTP: there is no such place, or its configuration is wrong.
            What::Lookaside { .. } if self.case.accepts || self.case.message.contains("no signature exists") => {
                Err(StoreError::not_found("none"))
            }
            What::Lookaside { .. } if files == 0 => Err(StoreError::unavailable(self.case.message)),
            _ => Err(StoreError::not_found("404")),
        }
    }

    /// The verdict, and the numbers of the files that were asked for; a list of an extension is number 0.
    fn run(&self, policy: &str) -> (Verdict, Vec<u32>) {
        let policy = PolicyLoader::new().load_text(policy, "case", &FolderMaterial::new(None)).unwrap();
        let limits = Limits::default();
        let context = Context::new("2026-12-01T00:00:00Z".parse().unwrap(), &limits);
        let platform: Platform = "linux/amd64".parse().unwrap();
        let mut session = Session::new(&policy, ImageRef::parse(self.case.image).unwrap(), Some(platform));
        let mut asked = Vec::new();
        loop {
            match session.step(&context) {
                Progress::Done(verdict) => return (*verdict, asked),
                Progress::Pause => {}
                Progress::Fetch(wants) => {
                    asked.extend(wants.iter().filter_map(number));
                    let answer = |want: Want| Answer { result: self.answer(&want.what), want };
                    session.supply(wants.into_iter().map(answer).collect(), &context);
                }
            }
        }
    }
}

fn number(want: &Want) -> Option<u32> {
    match want.what {
        What::SignatureList(_) => Some(0),
        What::Lookaside { index, .. } => Some(index),
        _ => None,
    }
}

#[test]
fn a_session_asks_what_a_real_tool_asked() {
    let Some(folder) = folder() else {
        println!("skipped: the corpus is not here");
        return;
    };
    let read = |path: &str| fs::read(folder.join(path)).unwrap();
    let policy = json!({"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": folder.join("keys/rsa2048.asc").canonicalize().unwrap(),
        "signedIdentity": {"type": "exactReference", "dockerReference": "registry.example.test/team/app:1.0"}}]});
    let cases: Value = serde_json::from_slice(&read("storage-cases.json")).unwrap();
    let (mut compared, mut count) = (0, 0);
    for case in cases.as_array().unwrap().iter().map(Case::of) {
        let manifest = if case.image.ends_with(":multi") { "images/manifests/index.json" } else { "images/manifests/app.json" };
        let server = Server {
            case: &case,
            manifest: read(manifest),
            good: read("signatures/key-rsa2048.signature"),
            foreign: read("signatures/key-other.signature"),
        };
        let (verdict, asked) = server.run(&policy.to_string());
        assert_eq!(verdict.admitted, case.accepts, "{}: {}", case.name, verdict.message);
        count += 1;
        if case.files() > 0 {
            let files: Vec<u32> = (1..=u32::try_from(case.files()).unwrap()).collect();
            assert_eq!(asked[1..], files, "{}", case.name);
            compared += 1;
        } else if case.asks_extension() {
            assert_eq!(asked, [0], "{}", case.name);
            compared += 1;
        }
    }
    assert!(count >= 39 && compared >= 28, "{compared} of {count}");
}
