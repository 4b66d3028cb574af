//! Where signatures are, as a real tool asked for them: each recorded exchange with a lookaside server and with a registry that
//! lists signatures itself, played by a server on the loopback interface, through the stores and `registries.d` of a machine.
//! The verdict must be the recorded one, and the requests too, in their order.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use verimage::registry::RegistryConfig;
use verimage::{FolderMaterial, ImageRef, ImageSource, PolicyLoader, Request, Verdict, Verimage};

/// What a recorded server was called.
const RECORDED: &str = "127.0.0.1:5556";

/// Where the requests differ on purpose: which registries have a configuration that cannot be read is found out when a rule
/// asks for GPG signatures, after the digest; and the manifest of a platform is known by its digest in the index, so it is
/// not fetched.
const DIFFERENT: [(&str, &[&str]); 5] = [
    ("same namespace in two files", &["GET /v2/team/app/manifests/1.0"]),
    ("default-docker in two files", &["GET /v2/team/app/manifests/1.0"]),
    ("duplicate yaml key in one file", &["GET /v2/team/app/manifests/1.0"]),
    ("broken yaml", &["GET /v2/team/app/manifests/1.0"]),
    (
        "multi-arch default copy: requests",
        &[
            "GET /v2/team/app/manifests/multi",
            "GET /look/team/app@sha256:\u{2026}/signature-1",
            "GET /look/team/app@sha256:\u{2026}/signature-2",
        ],
    ),
];

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
    registries: Vec<(&'a str, &'a str)>,
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
            registries: value["registries_d"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(file, text)| (file.as_str(), text.as_str().unwrap()))
                .collect(),
        }
    }

    /// The recorded requests about manifests and signatures, but where they differ on purpose.
    fn expected_requests(&self) -> Vec<&str> {
        let recorded = || self.requests.iter().copied().filter(|request| is_about_signatures(request)).collect();
        DIFFERENT.iter().find(|(name, _)| *name == self.name).map_or_else(recorded, |(_, requests)| requests.to_vec())
    }

    /// How many files of the lookaside were asked for.
    fn files(&self) -> usize {
        self.requests.iter().filter(|request| request.contains("/signature-")).count()
    }

    fn asks_extension(&self) -> bool {
        self.requests.iter().any(|request| request.contains("/extensions/"))
    }

    /// What the last file that was asked for is.
    fn last_file(&self) -> (&'static str, Vec<u8>) {
        match self.message {
            _ if self.accepts => ("404 Not Found", Vec::new()),
            message if message.contains("no signature exists") => ("404 Not Found", Vec::new()),
            message if message.contains("parsing signature") => ("200 OK", b"<html>".to_vec()),
            message if message.contains("exceeded maximum") => ("200 OK", vec![0x90; (4 << 20) + 1]),
            message if message.contains("403 Forbidden") => ("403 Forbidden", Vec::new()),
            message if message.contains("500 Internal") => ("500 Internal Server Error", Vec::new()),
            message if message.contains("204 No Content") => ("204 No Content", Vec::new()),
            message => panic!("what does the server answer, if a tool then says `{message}`?"),
        }
    }

    /// The list of the extension, by what the name of the case says of it.
    fn list(&self, good: &[u8]) -> (&'static str, Vec<u8>) {
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
            "over 4 MiB" => " ".repeat(4 << 20) + &list(json!([entry(2, "atomic", "x", good)])),
            "404" => return ("404 Not Found", b"{}".to_vec()),
            name if name.contains("empty list") => list(json!([])),
            name => panic!("what does the server of `{name}` answer?"),
        };
        ("200 OK", text.into_bytes())
    }
}

/// Registry and lookaside of a case in one, as the recorded ones were.
struct Server {
    files: usize,
    last_file: (&'static str, Vec<u8>),
    list: Option<(&'static str, Vec<u8>)>,
    manifests: Vec<(&'static str, Vec<u8>)>,
    good: Vec<u8>,
    foreign: Vec<u8>,
    asked: Mutex<Vec<String>>,
}

impl Server {
    fn of(case: &Case<'_>, folder: &Path) -> Arc<Self> {
        let read = |path: &str| fs::read(folder.join(path)).unwrap();
        let good = read("signatures/key-rsa2048.signature");
        Arc::new(Self {
            files: case.files(),
            last_file: if case.files() > 0 { case.last_file() } else { ("404 Not Found", Vec::new()) },
            list: case.asks_extension().then(|| case.list(&good)),
            manifests: vec![("1.0", read("images/manifests/app.json")), ("multi", read("images/manifests/index.json"))],
            foreign: read("signatures/key-other.signature"),
            good,
            asked: Mutex::default(),
        })
    }

    fn serve(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = Arc::clone(self);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = Arc::clone(&server);
                thread::spawn(move || server.answer(client));
            }
        });
        host
    }

    /// Notes what was asked before it answers: whoever has the answer may look at once.
    fn answer(&self, client: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(client.try_clone().ok()?);
        let mut writer = client;
        loop {
            let (mut request, mut header) = (String::new(), String::new());
            reader.read_line(&mut request).ok().filter(|read| *read > 0)?;
            while reader.read_line(&mut header).ok()? > 2 {
                header.clear();
            }
            let request = request.trim_end().trim_end_matches(" HTTP/1.1");
            self.asked.lock().unwrap().push(request.to_owned());
            let (method, path) = request.split_once(' ')?;
            let (status, body) = self.respond(path);
            let extension = if self.list.is_some() { "X-Registry-Supports-Signatures: 1\r\n" } else { "" };
            let kind = if path.ends_with("multi") { "index" } else { "manifest" };
            let kind = format!("Content-Type: application/vnd.oci.image.{kind}.v1+json\r\n");
            write!(writer, "HTTP/1.1 {status}\r\n{extension}{kind}Content-Length: {}\r\n\r\n", body.len()).ok()?;
            if method != "HEAD" {
                writer.write_all(&body).ok()?;
            }
        }
    }

    fn respond(&self, path: &str) -> (&'static str, Vec<u8>) {
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let number = path.rsplit_once("/signature-").and_then(|(_, number)| number.parse::<usize>().ok());
        match (path, number) {
            ("/v2/", _) => ("200 OK", b"{}".to_vec()),
            (_, Some(number)) if number == self.files => self.last_file.clone(),
            (_, Some(number)) if number + 1 == self.files => ("200 OK", self.good.clone()),
            (_, Some(number)) if number < self.files => ("200 OK", self.foreign.clone()),
            _ if path.starts_with("/extensions/v2/team/app/signatures/") => self.list.clone().unwrap_or(("404 Not Found", Vec::new())),
            _ => path.strip_prefix("/v2/team/app/manifests/").and_then(|name| self.manifest(name)).unwrap_or(("404 Not Found", Vec::new())),
        }
    }

    fn manifest(&self, name: &str) -> Option<(&'static str, Vec<u8>)> {
        let found = self.manifests.iter().find(|(tag, bytes)| *tag == name || verimage::Digest::sha256(bytes).to_string() == name);
        found.map(|(_, bytes)| ("200 OK", bytes.clone()))
    }

    /// The requests about manifests and signatures. A tool that copies asks for layers as well, and first whether there is a
    /// registry.
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|request| is_about_signatures(request)).map(|request| without_digests(request)).collect()
    }
}

fn is_about_signatures(request: &str) -> bool {
    request != "GET /v2/" && !request.contains("/blobs/")
}

/// Recordings have no digests in them.
fn without_digests(request: &str) -> String {
    let Some((before, digest)) = request.split_once("sha256=").or_else(|| request.split_once("sha256:")) else { return request.to_owned() };
    let rest = digest.trim_start_matches(|symbol: char| symbol.is_ascii_hexdigit());
    format!("{before}sha256:\u{2026}{rest}")
}

async fn judge(case: &Case<'_>, host: &str, policy: &str) -> Verdict {
    let policy = PolicyLoader::new().load_text(policy, "case", &FolderMaterial::new(None)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in &case.registries {
        fs::write(folder.path().join(file), text.replace(RECORDED, host)).unwrap();
    }
    let engine = Verimage::builder().servers(RegistryConfig::default()).registries_d(folder.path()).build().unwrap();
    let image = ImageRef::parse(&case.image.replace(RECORDED, host)).unwrap();
    let mut request = Request::new(ImageSource::Registry(image));
    request.at = Some("2026-12-01T00:00:00Z".parse().unwrap());
    request.platform = Some("linux/amd64".parse().unwrap());
    engine.run(&request, &policy).await.unwrap().verdict
}

#[tokio::test]
async fn a_machine_asks_what_a_real_tool_asked() {
    let Some(folder) = folder() else {
        println!("skipped: the corpus is not here");
        return;
    };
    let policy = json!({"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": folder.join("keys/rsa2048.asc").canonicalize().unwrap(),
        "signedIdentity": {"type": "exactReference", "dockerReference": "registry.example.test/team/app:1.0"}}]});
    let cases: Value = serde_json::from_slice(&fs::read(folder.join("storage-cases.json")).unwrap()).unwrap();
    let cases: Vec<Case<'_>> = cases.as_array().unwrap().iter().map(Case::of).collect();
    assert!(cases.len() >= 39, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let server = Server::of(case, &folder);
        let verdict = judge(case, &server.serve(), &policy.to_string()).await;
        let (asked, expected) = (server.asked(), case.expected_requests());
        if verdict.admitted != case.accepts || asked != expected {
            wrong.push(format!("{}: {}\n asked    {asked:?}\n expected {expected:?}", case.name, verdict.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
