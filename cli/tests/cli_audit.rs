//! `verimage audit` as a whole: what it asks, what it goes on from, and what others make of its reports.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

// Snapshots and other servers are for the other binaries of tests.
#[allow(dead_code)]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::mirror::serve_folder;
use support::registry::{Mood, serve, serve_counting};
use support::{run, workspace};

const KEY: [&str; 3] = ["--key", "tests/fixtures/cosign/keys/p256.pub", "--insecure-ignore-tlog"];
const P256: &str = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136";

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("audit").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn layout(name: &str) -> PathBuf {
    workspace().join("tests/fixtures/cosign/layouts").join(name)
}

fn audit(arguments: &[&str]) -> Output {
    run(&[&["audit"], arguments, &KEY].concat(), &[])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(file: &Path) -> Vec<Value> {
    fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_named_twice_is_asked_once() {
    let (host, asked) = serve_counting(&layout("p256"));
    let list = scratch("twice").join("fleet.txt");
    fs::write(&list, format!("{host}/demo/app:v1\n# again\ndocker://{host}/demo/app:v1\n")).unwrap();
    let output = audit(&["--images", list.to_str().unwrap(), &format!("{host}/demo/app:v1"), "--rate", "1000/s"]);
    assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(0), 1), "{}", text(&output.stderr));
    let once = asked.count();
    audit(&[&format!("{host}/demo/app:v1")]);
    assert_eq!(asked.count(), 2 * once, "one image costs what one image costs");
}

#[test]
fn an_audit_goes_on_where_it_was_killed() {
    let (open, asked) = serve_counting(&layout("p256"));
    let silent = serve(&layout("p256"), Mood::Silent);
    let folder = scratch("resume");
    let (list, kept) = (folder.join("fleet.txt"), folder.join("verdicts.jsonl"));
    fs::write(&list, format!("{open}/demo/app:v1\n{silent}/demo/app:v1\n")).unwrap();
    let arguments = ["audit", "--images", list.to_str().unwrap(), "--resume", kept.to_str().unwrap()];
    let first = [&arguments[..], &["--jobs", "1"], &KEY].concat();
    let mut command = Command::new(env!("CARGO_BIN_EXE_verimage"));
    command.args(first).current_dir(workspace()).env_clear().env("HOME", "/nonexistent").env("CONTAINERS_REGISTRIES_CONF", "/dev/null");
    let mut killed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !fs::read_to_string(&kept).is_ok_and(|text| text.ends_with('\n')) {
        assert!(killed.try_wait().unwrap().is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(10));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let before = asked.count();
    assert_eq!(lines(&kept).len(), 1);
    // As if it had been killed while it wrote the next line.
    fs::OpenOptions::new().append(true).open(&kept).unwrap().write_all(b"{\"asked\":\"x").unwrap();

    // The same list, but for the registry that never answers.
    fs::write(&list, format!("{open}/demo/app:v1\n{open}/demo/app:absent\n{open}/demo/app@{P256}\n")).unwrap();
    let output = audit(&arguments[1..]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("3 images: 2 admitted, 1 could not be judged"), "{}", text(&output.stderr));
    let paths: Vec<String> = asked.paths().into_iter().skip(before).collect();
    assert!(!paths.is_empty() && paths.iter().all(|path| !path.ends_with("manifests/v1")), "the first image is not asked again: {paths:?}");
    let asked_about: Vec<String> = lines(&kept).iter().map(|line| line["asked"].as_str().unwrap().to_owned()).collect();
    assert_eq!(asked_about.len(), 3, "{asked_about:?}");

    let (count, third) = (asked.count(), audit(&arguments[1..]));
    assert_eq!((third.status.code(), asked.count()), (Some(3), count + 1), "what could not be judged is asked again, and nothing else");
    assert_eq!(lines(&kept).len(), 4);
}

#[test]
fn kept_verdicts_count_under_their_own_policy_and_time_only() {
    let (host, asked) = serve_counting(&layout("p256"));
    let (image, kept) = (format!("{host}/demo/app:v1"), scratch("policies").join("verdicts.jsonl"));
    let kept = kept.to_str().unwrap();
    let run_with = |more: &[&str]| {
        let before = asked.count();
        let output = run(&[&["audit", &image, "--resume", kept], more].concat(), &[]);
        (output.status.code(), asked.count() > before, text(&output.stderr))
    };
    assert!(run_with(&KEY).1, "nothing was kept yet");
    assert!(!run_with(&KEY).1);
    let other = ["--key", "tests/fixtures/cosign/keys/other.pub", "--insecure-ignore-tlog"];
    let (exit, anew, said) = run_with(&other);
    assert!(exit == Some(1) && anew && said.contains("1 kept verdicts are of another policy"), "{exit:?} {said}");
    let (exit, anew, _) = run_with(&other);
    assert_eq!((exit, anew), (Some(1), false), "a denial is kept, too");
    let at = [&KEY[..], &["--at", "2026-01-01T00:00:00Z"]].concat();
    assert_eq!((run_with(&at).1, run_with(&at).1), (true, false));
    // The report of one run is the memory of another.
    let printed = scratch("printed").join("verdicts.jsonl");
    fs::write(&printed, audit(&[&image, "--format", "jsonl"]).stdout).unwrap();
    let before = asked.count();
    assert_eq!(audit(&[&image, "--resume", printed.to_str().unwrap()]).status.code(), Some(0));
    assert_eq!(asked.count(), before);
}

#[test]
fn parts_make_the_whole() {
    let (host, _) = serve_counting(&layout("p256"));
    let list = scratch("parts").join("fleet.txt");
    let images: String = (0..20).map(|number| format!("{host}/demo/app:{number}\n")).collect();
    fs::write(&list, images).unwrap();
    let judged = |more: &[&str]| -> Vec<String> {
        let output = audit(&[&["--images", list.to_str().unwrap(), "--format", "jsonl"], more].concat());
        let line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["asked"].as_str().unwrap().to_owned();
        text(&output.stdout).lines().map(line).collect()
    };
    let parts: Vec<String> = ["1/3", "2/3", "3/3"].iter().flat_map(|part| judged(&["--shard", part])).collect();
    assert_eq!((parts.len(), parts.iter().collect::<BTreeSet<_>>().len()), (20, 20));
    assert_eq!(judged(&["--jobs", "3"]), judged(&["--jobs", "20"]), "the order is that of the list");
}

#[test]
fn a_report_goes_to_its_file_without_colours() {
    let file = scratch("output").join("report.txt");
    let output = audit(&["oci:tests/fixtures/cosign/layouts/unsigned:v1", "--output", file.to_str().unwrap()]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(fs::read_to_string(&file).unwrap().starts_with("✗ signature-not-found "));
}

#[test]
fn a_page_shows_what_is_hostile_and_runs_none_of_it() {
    let output = audit(&["--manifests", "cli/tests/fixtures/hostile-pod.json", "--offline", "--format", "html"]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
    assert!(!page.contains("<img") && !page.contains("<script>alert") && !page.contains(['\u{202e}', '\u{1b}']), "{page}");
}

#[test]
fn no_form_lets_through_what_steers() {
    for format in ["text", "jsonl", "sarif", "junit", "policyreport", "vsa", "html"] {
        for more in [&["--manifests", "cli/tests/fixtures/hostile-pod.json"][..], &["oci:cli/tests/fixtures/hostile:v1"]] {
            let output = audit(&[more, &["--offline", "--format", format]].concat());
            let said = [text(&output.stdout), text(&output.stderr)].concat();
            assert!(!said.contains(['\u{1b}', '\u{9b}', '\r', '\u{202e}']), "{format}: {said}");
        }
    }
}

#[test]
fn manifests_come_through_a_pipe() {
    let arguments =
        ["audit", "--manifests", "-", "--offline", "--format", "policyreport", "--policy", "tests/fixtures/cosign/cases/p256/policy.yaml"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_verimage"));
    command.args(arguments).current_dir(workspace()).env_clear().env("HOME", "/nonexistent").env("CONTAINERS_REGISTRIES_CONF", "/dev/null");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let manifest = fs::read(workspace().join("cli/tests/fixtures/manifests/deploy/web.yaml")).unwrap();
    child.stdin.take().unwrap().write_all(&manifest).unwrap();
    let output = child.wait_with_output().unwrap();
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [report] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((output.status.code(), &report["scope"]["name"]), (Some(1), &Value::from("web")), "{}", text(&output.stderr));
    let summary = &report["summary"];
    assert_eq!(
        (summary["error"].as_u64(), summary["fail"].as_u64()),
        (Some(2), Some(1)),
        "an image stands in the object as often as it does"
    );
}

/// As `kubectl get --raw /api/v1/pods` gives them: no pod says what it is.
#[test]
fn pods_of_an_api_server_and_lists_of_any_size_are_read() {
    let pod = |number: usize, image: &str| {
        let filler = "x".repeat(100_000);
        format!(
            "{{\"metadata\": {{\"name\": \"p{number}\", \"annotations\": {{\"a\": \"{filler}\"}}}}, \"spec\": {{\"containers\": [{{\"image\": \"{image}\"}}]}}}}"
        )
    };
    let folder = scratch("pods");
    for (name, count) in [("small.json", 3), ("large.json", 200)] {
        let pods: Vec<String> = (0..count).map(|number| pod(number, ["a.example/b:1", "a.example/c"][number % 2])).collect();
        let list = folder.join(name);
        fs::write(&list, format!("{{\"kind\": \"PodList\", \"apiVersion\": \"v1\", \"items\": [{}]}}", pods.join(", "))).unwrap();
        let output = audit(&["--manifests", list.to_str().unwrap(), "--offline", "--format", "policyreport"]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(3) && said.contains("2 images: 2 could not be judged"), "{name}: {said}");
        let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(reports["items"].as_array().map(Vec::len), Some(count), "{name}");
    }
}

/// A cluster as its API server answers: lists in pages, in which no object says what it is.
#[test]
fn a_cluster_is_asked_what_runs_in_it() {
    let folder = scratch("cluster");
    let write = |path: &str, content: &Value| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string()).unwrap();
    };
    let lists = [
        "api/v1/podtemplates",
        "api/v1/replicationcontrollers",
        "apis/apps/v1/daemonsets",
        "apis/apps/v1/statefulsets",
        "apis/batch/v1/cronjobs",
        "apis/batch/v1/jobs",
    ];
    lists.iter().for_each(|list| write(&format!("{list}?limit=250"), &json!({"metadata": {}, "items": null})));
    let spec = |image: &str| json!({"containers": [{"name": "x", "image": image}]});
    let metadata = |name: &str| json!({"name": name, "namespace": "shop"});
    let first = json!({"metadata": metadata("web-1"), "spec": spec("a.example/web:1")});
    let second = json!({"metadata": metadata("web-2"), "spec": spec("a.example/web:1")});
    write("api/v1/pods?limit=250", &json!({"metadata": {"continue": "a=b"}, "items": [first]}));
    write("api/v1/pods?limit=250&continue=a%3Db", &json!({"metadata": {"continue": ""}, "items": [second]}));
    let template = |image: &str| json!({"template": {"spec": spec(image)}});
    write(
        "apis/apps/v1/deployments?limit=250",
        &json!({"metadata": {}, "items": [{"metadata": metadata("web"), "spec": template("a.example/web:1")}]}),
    );
    let owned = |by: &str, version: &str| json!({"name": "s", "ownerReferences": [{"apiVersion": version, "kind": by, "name": "web", "controller": true}]});
    let sets = json!([
        {"metadata": owned("Deployment", "apps/v1"), "spec": template("a.example/web:0")},
        {"metadata": owned("Rollout", "argoproj.io/v1alpha1"), "spec": template("a.example/rolled:1")},
    ]);
    write("apis/apps/v1/replicasets?limit=250", &json!({"metadata": {}, "items": sets}));
    let server = serve_folder(&folder);
    let kubeconfig = folder.join("kubeconfig");
    let context = |name: &str, user: &str| format!("{{name: {name}, context: {{cluster: a, user: {user}}}}}");
    let content = format!(
        "current-context: other\ncontexts: [{}, {}]\nusers: [{{name: a, user: {{token: hidden}}}}, {{name: b, user: {{exec: {{command: x}}}}}}]\n\
         clusters: [{{name: a, cluster: {{server: \"{server}\"}}}}]\n",
        context("other", "b"),
        context("shop", "a")
    );
    fs::write(&kubeconfig, content).unwrap();
    let policy = ["--policy", "tests/fixtures/cosign/cases/p256/policy.yaml", "--format", "policyreport"];
    let cluster = ["audit", "--kubeconfig", kubeconfig.to_str().unwrap()];

    let output = run(&[&cluster[..], &["--context", "shop"], &policy].concat(), &[]);
    let (said, list) = (text(&output.stderr), serde_json::from_slice::<Value>(&output.stdout).unwrap());
    assert!(output.status.code() == Some(1) && said.contains("2 images: 2 denied"), "{said}");
    let scopes = list["items"].as_array().unwrap().iter().map(|report| format!("{} {}", report["scope"]["kind"], report["scope"]["name"]));
    let expected = ["\"Deployment\" \"web\"", "\"Pod\" \"web-1\"", "\"Pod\" \"web-2\"", "\"ReplicaSet\" \"s\""];
    assert_eq!(scopes.collect::<BTreeSet<_>>(), expected.map(str::to_owned).into());

    let refused = run(&[&cluster[..], &policy].concat(), &[]);
    let said = text(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("`exec`") && said.contains("`--manifests -`"), "{said}");
    fs::remove_file(folder.join("api/v1/pods?limit=250&continue=a%3Db")).unwrap();
    let broken = run(&[&cluster[..], &["--context", "shop"], &policy].concat(), &[]);
    assert!(broken.status.code() == Some(2) && broken.stdout.is_empty(), "half a cluster is no cluster");
}
