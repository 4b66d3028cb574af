//! What `cli/deploy` gives a cluster: it can be read, the server takes its configuration, and the ways to install it agree. The
//! API server's own word on it is in `tests/interop/admission.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use verimage::PolicyLoader;
use verimage_import::Document;
use verimage_server::ServerConfig;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/deploy")
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

/// The objects of a YAML stream by kind and name.
fn objects(text: &str) -> BTreeMap<String, Value> {
    let stream = Document::parse_stream(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let documents = stream.value().as_array().cloned().unwrap_or_else(|| vec![stream.value().clone()]);
    let name = |object: &Value| format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
    documents.into_iter().map(|object| (name(&object), object)).collect()
}

/// Writes what a ConfigMap holds into a folder, and reads it as the server does.
fn load(configuration: &Value) -> ServerConfig {
    let folder = TempDir::new().unwrap();
    for (name, text) in configuration["data"].as_object().unwrap() {
        fs::write(folder.path().join(name), text.as_str().unwrap()).unwrap();
    }
    let server = ServerConfig::load(&folder.path().join("server.yaml")).unwrap();
    PolicyLoader::new().load(&server.policy).unwrap();
    server
}

/// kubectl, which has kustomize within, and helm.
struct Tools {
    kubectl: String,
    helm: String,
    folder: TempDir,
}

impl Tools {
    /// With a copy of `cli/deploy` that has certificates; nothing if a tool is absent.
    fn new() -> Option<Self> {
        let tool = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(kubectl), Some(helm)) = (tool("KUBECTL"), tool("HELM")) else {
            println!("skipped: KUBECTL and HELM name no tools; tests/tools/install.sh kubernetes installs them");
            return None;
        };
        let tools = Self { kubectl, helm, folder: TempDir::new().unwrap() };
        copy(&deploy(), tools.folder.path());
        text(Command::new(deploy().join("certificates.sh")).arg(tools.example("certificates")));
        Some(tools)
    }

    fn example(&self, file: &str) -> PathBuf {
        self.folder.path().join("kustomize/example").join(file)
    }

    fn kustomized(&self) -> BTreeMap<String, Value> {
        objects(&text(Command::new(&self.kubectl).arg("kustomize").arg(self.example(""))))
    }

    fn helm(&self, words: &[&str]) -> Output {
        let chart = self.folder.path().join("chart");
        let mut command = Command::new(&self.helm);
        command.args(["template", "verimage"]).arg(chart).args(["--namespace", "verimage-system", "--kube-version", "1.35.0"]);
        command.args(words).output().unwrap()
    }

    fn chart(&self, words: &[&str]) -> BTreeMap<String, Value> {
        let files = [("policy", "policy.yaml"), ("files.release\\.pub", "release.pub")];
        let files: Vec<String> = files.iter().map(|(name, file)| format!("{name}={}", self.example(file).display())).collect();
        let mut all: Vec<&str> = files.iter().flat_map(|file| ["--set-file", file.as_str()]).collect();
        all.extend(words);
        objects(&succeeded(&self.helm(&all)))
    }

    /// How the chart is told the authority of the certificate.
    fn authority(&self) -> String {
        format!("tls.authority={}", self.example("certificates/ca.crt").display())
    }
}

fn text(command: &mut Command) -> String {
    succeeded(&command.output().unwrap())
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Without line breaks in what is base64.
fn normal(mut object: Value) -> Value {
    for webhook in object.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(bundle) = webhook["clientConfig"].get_mut("caBundle") {
            *bundle = json!(bundle.as_str().unwrap().split_whitespace().collect::<String>());
        }
    }
    object
}

#[test]
fn every_document_is_read_strictly() {
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
    let is_template = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "templates");
    let documents: Vec<PathBuf> = files(&deploy()).into_iter().filter(is_yaml).filter(|path| !is_template(path)).collect();
    for path in &documents {
        Document::parse_stream(&fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    assert!(documents.len() > 10, "{documents:?}");
}

#[test]
fn the_server_takes_the_configuration() {
    let base = deploy().join("kustomize/base/server.yaml");
    let server = ServerConfig::load(&base).unwrap();
    assert_eq!(server.policy, base.with_file_name("policy.yaml"));
    let webhooks = ["mutating-webhook.yaml", "validating-webhook.yaml"];
    for file in webhooks {
        let text = fs::read_to_string(base.with_file_name(file)).unwrap();
        let waits = objects(&text).into_values().next().unwrap()["webhooks"][0]["timeoutSeconds"].as_u64();
        assert_eq!(waits, Some(server.deadline_seconds + 1), "{file}");
    }
    PolicyLoader::new().load(&deploy().join("kustomize/example/policy.yaml")).unwrap();
}

#[test]
fn kustomize_and_chart_agree() {
    let Some(tools) = Tools::new() else { return };
    let mut kustomized = tools.kustomized();
    // What a chart leaves to its user.
    let secret = kustomized.remove("Secret verimage-tls").unwrap();
    assert!(kustomized.remove("Namespace verimage-system").is_some());
    let charted = tools.chart(&["--set-file", &tools.authority()]);
    assert_eq!(charted.keys().collect::<Vec<_>>(), kustomized.keys().collect::<Vec<_>>());
    for (name, object) in charted {
        assert_eq!(normal(object.clone()), normal(kustomized[&name].clone()), "{name}");
        if let Some(bundle) = normal(object)["webhooks"][0]["clientConfig"]["caBundle"].as_str() {
            let authority = fs::read(tools.example("certificates/ca.crt")).unwrap();
            assert_eq!(STANDARD.decode(bundle).unwrap(), authority, "{name}");
            assert_eq!(bundle, secret["data"]["ca.crt"].as_str().unwrap().split_whitespace().collect::<String>());
        }
    }
    assert_eq!(load(&kustomized["ConfigMap verimage"]).deadline_seconds, 9);
}

#[test]
fn certificates_by_cert_manager_are_the_same_by_both_ways() {
    let Some(tools) = Tools::new() else { return };
    let file = tools.example("kustomization.yaml");
    let written = fs::read_to_string(&file).unwrap();
    let (kept, _) = written.split_once("# Made by").unwrap();
    fs::write(&file, format!("{kept}components: [../components/cert-manager]\n")).unwrap();
    let mut kustomized = tools.kustomized();
    assert!(kustomized.remove("Namespace verimage-system").is_some());
    assert_eq!(tools.chart(&["--set=certManager.enabled=true"]), kustomized);
}

#[test]
fn the_values_of_the_chart_do_what_they_say() {
    let Some(tools) = Tools::new() else { return };
    let authority = tools.authority();
    let chart = |words: &[&str]| tools.chart(&[&["--set-file", &authority], words].concat());
    let with = chart(&["--set=webhook.timeoutSeconds=30,server.drainSeconds=7,server.listen=127.0.0.1:1,registry.authorities=pem"]);
    let server = load(&with["ConfigMap verimage"]);
    assert_eq!((server.deadline_seconds, server.drain_seconds, server.listen.port()), (29, 7, 1));
    assert_eq!(with["ConfigMap verimage"]["data"]["registry-authorities.crt"], "pem");
    let container = |chart: &BTreeMap<String, Value>| chart["Deployment verimage"]["spec"]["template"]["spec"]["containers"][0].clone();
    assert!(container(&with)["args"].as_array().unwrap().contains(&json!("/etc/verimage/registry-authorities.crt")));
    let digest = format!("sha256:{}", "0".repeat(64));
    let with = chart(&[&format!("--set=image.digest={digest},replicas=5,excludedNamespaces={{a,b}},networkPolicy.enabled=false")]);
    assert_eq!(container(&with)["image"], format!("registry.example/verimage@{digest}"));
    assert_eq!(with["Deployment verimage"]["spec"]["replicas"], 5);
    assert!(!with.contains_key("NetworkPolicy verimage") && !with.contains_key("ClusterRole verimage"));
    for kind in ["MutatingWebhookConfiguration verimage", "ValidatingWebhookConfiguration verimage"] {
        let selector = &with[kind]["webhooks"][0]["namespaceSelector"]["matchExpressions"][0];
        assert_eq!((&selector["operator"], &selector["values"]), (&json!("NotIn"), &json!(["verimage-system", "a", "b"])));
    }
    let with = chart(&["--set=imagePullSecrets.enabled=true"]);
    assert_eq!(with["Deployment verimage"]["spec"]["template"]["spec"]["automountServiceAccountToken"], true);
    assert_eq!(with["ClusterRole verimage"]["rules"][0]["verbs"], json!(["get"]));
}

#[test]
fn a_chart_without_what_it_needs_says_so() {
    let Some(tools) = Tools::new() else { return };
    let authority = tools.authority();
    for (words, says) in [
        (vec!["--set-file", authority.as_str()], "policy is needed"),
        (vec!["--set=policy=x"], "tls.authority is needed"),
        (vec!["--set=policy=x,certManager.enabled=true,polcy=y"], "polcy"),
        (vec!["--set=policy=x,certManager.enabled=true,webhook.failurePolicy=Open"], "failurePolicy"),
    ] {
        let refused = tools.helm(&words);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(says), "{words:?}: {said}");
    }
}
