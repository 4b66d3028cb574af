//! The native policy file: where errors point, where keys come from, and that every field of a cosign leaf counts.

mod mutations;

use std::fs;
use std::path::{Path, PathBuf};

use verimage::core::policy::Lint;
use verimage::{Code, Decision, FolderMaterial, ImageSource, PolicyError, PolicyLoader, Request, Verdict, Verimage};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cosign")
}

fn load(text: &str) -> Result<verimage::Policy, PolicyError> {
    PolicyLoader::new().load_text(text, "policy.yaml", &FolderMaterial::new(Some(fixtures().join("keys"))))
}

fn error(text: &str) -> PolicyError {
    load(text).unwrap_err()
}

fn judge(layout: &str, text: &str) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let engine = Verimage::builder().offline().build().unwrap();
    let mut request = Request::new(ImageSource::parse(&format!("oci:{}:v1", fixtures().join("layouts").join(layout).display())).unwrap());
    request.name = Some("registry.example/demo/app:v1".parse().unwrap());
    runtime.block_on(engine.run(&request, &load(text).unwrap())).unwrap().verdict
}

const HEAD: &str = "apiVersion: verimage/v1\nkind: ImagePolicy\n";

fn policy(key: &str, leaf: &str) -> String {
    format!(
        "{HEAD}trust:\n  demo: {{ publicKey: {key} }}\nrules:\n- name: demo\n  images: [\"**/**\"]\n  require: {{ cosign: {{ key: demo{leaf} }} }}\n"
    )
}

#[test]
fn errors_name_line_column_pointer_and_what_to_do() {
    let unknown = error(&policy("{ file: p256.pub }", ", transparancy: none"));
    assert_eq!((unknown.code, unknown.location.map(|(line, _)| line)), (Code::PolicyInvalid, Some(8)));
    assert!(unknown.pointer.starts_with("/rules/0/require/cosign") && unknown.message.contains("`transparency`"), "{unknown}");
    let undefined = error(&policy("{ file: p256.pub }", "").replace("key: demo", "key: demon"));
    assert_eq!((undefined.code, undefined.pointer.as_str()), (Code::PolicyUndefinedName, "/rules/0/require/cosign/key"));
    assert!(undefined.hint.is_some() && undefined.location == Some((8, 29)), "{undefined}");
    let unused = error(&policy("{ file: p256.pub }", "").replace("rules:", "  other: { publicKey: { file: p384.pub } }\nrules:"));
    assert_eq!((unused.code, unused.pointer.as_str()), (Code::PolicyInvalid, "/trust/other"));
    let duplicate = error(&(policy("{ file: p256.pub }", "") + "rules: []\n"));
    assert_eq!((duplicate.code, duplicate.location.map(|(line, _)| line)), (Code::PolicyInvalid, Some(9)));
    let cut = error("apiVersion: verimage/v1\nkind: [");
    assert!(cut.location.is_some());
}

#[test]
fn what_is_not_supported_says_so() {
    assert_eq!(error("apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\n").code, Code::PolicyUnsupportedField);
    assert_eq!(error("just: text").code, Code::PolicyInvalid);
    assert_eq!(error(&HEAD.replace("v1", "v2")).code, Code::PolicyInvalid);
}

#[test]
fn keys_come_from_text_files_and_references() {
    let pem = std::fs::read_to_string(fixtures().join("keys/p256.pub")).unwrap();
    let quoted = format!("{{ pem: {} }}", serde_json::to_string(&pem).unwrap());
    for key in ["{ file: p256.pub }", quoted.as_str()] {
        assert_eq!(judge("p256", &policy(key, ", transparency: none")).decision, Decision::Allow, "{key}");
    }
    assert_eq!(error(&policy("{ ref: \"env://VERIMAGE_TEST_UNSET\" }", "")).pointer, "/trust/demo/publicKey/ref");
    assert_eq!(error(&policy("{ ref: \"k8s://a/b\" }", "")).pointer, "/trust/demo/publicKey/ref");
    assert_eq!(error(&policy("{ file: absent.pub }", "")).pointer, "/trust/demo/publicKey/file");
    assert_eq!(error(&policy("{ file: p256.pub, pem: x }", "")).pointer, "/trust/demo/publicKey");
    assert_eq!(error(&policy("{}", "")).pointer, "/trust/demo/publicKey");
    assert_eq!(error(&policy("{ pem: \"no key\" }", "")).pointer, "/rules/0/require/cosign/key");
    let nowhere = PolicyLoader::new().load_text(&policy("{ file: p256.pub }", ""), "text", &FolderMaterial::new(None)).unwrap_err();
    assert!(nowhere.message.contains("relative"), "{nowhere}");
}

/// `env://` in a process of its own, because the environment belongs to all tests of this one.
#[test]
fn a_key_from_the_environment() {
    let pem = std::fs::read_to_string(fixtures().join("keys/p256.pub")).unwrap();
    let mut case = std::process::Command::new(env!("CARGO_BIN_EXE_verimage-case"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, policy("{ ref: \"env://VERIMAGE_TEST_KEY\" }", ", transparency: none")).unwrap();
    let question = serde_json::json!({"kind": "policy-parse", "files": {"policy": file}, "params": {"policy_kind": "native"}});
    for (value, status) in [(Some(pem), 0), (None, 1)] {
        case.env_remove("VERIMAGE_TEST_KEY").envs(value.map(|pem| ("VERIMAGE_TEST_KEY", pem)));
        let mut child = case.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), question.to_string().as_bytes()).unwrap();
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(status));
    }
}

/// Other tools take what the layout holds under the name, so the digest in `--as` must be that of its content.
#[test]
fn a_layout_must_hold_the_digest_that_it_is_named_with() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let engine = Verimage::builder().offline().build().unwrap();
    let policy = load(&policy("{ file: p256.pub }", ", transparency: none")).unwrap();
    let index = std::fs::read_to_string(fixtures().join("layouts/p256/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let signed =
        index["manifests"].as_array().unwrap().iter().find(|entry| entry["annotations"].to_string().contains("\"v1\"")).unwrap()["digest"]
            .as_str()
            .unwrap();
    let judge = |selector: &str, digest: &str| {
        let source = format!("oci:{}{selector}", fixtures().join("layouts/p256").display());
        let mut request = Request::new(ImageSource::parse(&source).unwrap());
        request.name = Some(format!("registry.example/demo/app@{digest}").parse().unwrap());
        runtime.block_on(engine.run(&request, &policy)).map(|verification| verification.verdict)
    };
    assert_eq!(judge(":v1", signed).unwrap().decision, Decision::Allow);
    assert_eq!(judge(&format!("@{signed}"), signed).unwrap().decision, Decision::Allow);
    let signature_tag = format!(":{}.sig", signed.replace(':', "-"));
    let other = judge(&signature_tag, signed).unwrap();
    assert_eq!((other.decision, other.code.as_deref()), (Decision::Inconclusive, Some("store-unavailable")));
    let absent = judge(":v2", signed).unwrap();
    assert_eq!((absent.decision, absent.code.as_deref()), (Decision::Inconclusive, Some("image-not-found")));
    assert!(judge(&format!("@{}", verimage::Digest::sha256(b"other")), signed).is_err());
}

#[test]
fn contradictions_of_a_cosign_leaf_do_not_load() {
    let leaf = |leaf: &str| {
        let ca = serde_json::to_string(&verimage_tests::instance::Instance::new().root.pem()).unwrap();
        let trust = format!("trust:\n  ca: {{ x509: {{ pem: {ca}, type: ca }} }}\n  key: {{ publicKey: {{ file: p256.pub }} }}\n");
        let used = "- name: other\n  images: [\"other.example/**\"]\n  require: { anyOf: [{ cosign: { key: key } }, \
            { cosign: { certificate: { chain: ca, identity: any } } }] }\n";
        let text = format!("{HEAD}{trust}rules:\n- name: demo\n  images: [\"**/**\"]\n  require: {{ cosign: {leaf} }}\n{used}");
        let error = error(&text);
        (error.code, error.pointer.strip_prefix("/rules/0/require/cosign").unwrap().to_owned())
    };
    let keyless = |rest: &str| format!("{{ keyless: {{ identities: [{{ issuer: a, subject: b }}] }}{rest} }}");
    for (text, pointer) in [
        ("{}".to_owned(), ""),
        ("{ key: key, keyless: { identities: [{ issuer: a, subject: b }] } }".to_owned(), ""),
        ("{ key: key, sct: required }".to_owned(), "/sct"),
        ("{ keyless: {} }".to_owned(), "/keyless"),
        ("{ keyless: { identities: [] } }".to_owned(), "/keyless/identities"),
        ("{ keyless: { identities: [{ subject: a }] } }".to_owned(), "/keyless/identities/0"),
        ("{ keyless: { identities: [{ issuer: a }] } }".to_owned(), "/keyless/identities/0"),
        ("{ keyless: { identities: [{ issuer: a, issuerGlob: b, subject: c }] } }".to_owned(), "/keyless/identities/0"),
        ("{ keyless: { identities: [{ issuer: a, subjectRegex: \"(\" }] } }".to_owned(), "/keyless/identities/0/subjectRegex"),
        ("{ keyless: { identities: [{ issuer: \"\", subject: a }] } }".to_owned(), "/keyless/identities/0/issuer"),
        (
            "{ keyless: { identities: [{ issuer: a, subject: b, extensions: { repo: c } }] } }".to_owned(),
            "/keyless/identities/0/extensions/repo",
        ),
        ("{ keyless: { identities: [{ issuer: a, subject: b }], root: key } }".to_owned(), "/keyless/root"),
        (keyless(", transparency: { minEntries: 0 }"), "/transparency/minEntries"),
        (keyless(", transparency: { minEntries: 9 }"), "/transparency"),
        (keyless(", transparency: sometimes"), "/transparency"),
        (keyless(", timestamp: { tsa: ca }"), "/timestamp/tsa"),
        (keyless(", timestamp: sometimes"), "/timestamp"),
        ("{ certificate: {} }".to_owned(), "/certificate"),
        ("{ certificate: { chain: ca } }".to_owned(), "/certificate"),
        ("{ certificate: { chain: key, identity: any } }".to_owned(), "/certificate/chain"),
        ("{ certificate: { chain: ca, identity: somebody } }".to_owned(), "/certificate/identity"),
        ("{ certificate: { chain: ca, identity: any }, sct: required }".to_owned(), "/sct"),
        ("{ certificate: { leaf: ca, identity: any } }".to_owned(), "/certificate"),
        ("{ certificate: { leaf: ca, eku: any } }".to_owned(), "/certificate"),
    ] {
        assert_eq!(leaf(&text), (Code::PolicyInvalid, pointer.to_owned()), "{text}");
    }
    assert_eq!(leaf("{ keyless: { identities: [{ issuer: a, subject: b }], root: absent } }").0, Code::PolicyUndefinedName);
}

#[test]
fn attestations_of_a_rule_are_checked_when_it_loads() {
    let rule = |attestations: &str| {
        let text = policy("{ file: p256.pub }", "") + &format!("  attestations: {attestations}\n");
        let error = error(&text);
        (error.code, error.pointer.strip_prefix("/rules/0").unwrap().to_owned())
    };
    let attestation = |rest: &str| format!("[{{ name: a, predicateType: vuln, require: {{ cosign: {{ key: demo }} }}{rest} }}]");
    for (text, pointer) in [
        ("[]".to_owned(), "/attestations"),
        ("[{ name: a, predicateType: nonsense, require: { cosign: { key: demo } } }]".to_owned(), "/attestations/0/predicateType"),
        ("[{ name: a, predicateType: vuln, require: { allow: { reason: x } } }]".to_owned(), "/attestations/0/require/allow"),
        (
            "[{ name: a, predicateType: vuln, require: { cosign: { key: demo, annotations: { a: b } } } }]".to_owned(),
            "/attestations/0/require/cosign/annotations",
        ),
        (
            "[{ name: a, predicateType: vuln, require: { cosign: { key: demo, reference: exact } } }]".to_owned(),
            "/attestations/0/require/cosign/reference",
        ),
        (attestation(", conditions: { path: /a, op: lt, value: x }"), "/attestations/0/conditions/value"),
        (attestation(", statements: some"), "/attestations/0/statements"),
    ] {
        assert_eq!(rule(&text), (Code::PolicyInvalid, pointer.to_owned()), "{text}");
    }
    let nothing = error(&format!("{HEAD}rules:\n- name: demo\n  images: [\"**/**\"]\n"));
    assert_eq!((nothing.code, nothing.pointer.as_str()), (Code::PolicyInvalid, "/rules/0"));
    let denied = "- name: demo\n  images: [\"**/**\"]\n  require: { deny: { reason: x } }\n  attestations: ";
    let denied = error(&format!("{HEAD}trust: {{ demo: {{ publicKey: {{ file: p256.pub }} }} }}\nrules:\n{denied}{}\n", attestation("")));
    assert_eq!((denied.code, denied.pointer.as_str()), (Code::PolicyInvalid, "/rules/0/attestations"));
}

#[test]
fn every_field_of_a_cosign_leaf_counts() {
    let none = ", transparency: none";
    let outcome = |layout: &str, key: &str, leaf: &str| {
        let verdict = judge(layout, &policy(key, leaf));
        (verdict.decision, verdict.code)
    };
    let deny = |code: &str| (Decision::Deny, Some(code.to_owned()));
    let allow = (Decision::Allow, None);
    assert_eq!(outcome("p256", "{ file: p256.pub }", none), allow);
    assert_eq!(outcome("p256", "{ file: rsa2048.pub }", none), deny("signature-invalid"));
    assert_eq!(outcome("p256", "{ file: p256.pub }", ""), deny("log-missing"));
    assert_eq!(outcome("p256", "{ file: p256.pub }", ", transparency: required"), deny("log-missing"));
    assert_eq!(outcome("openssl-p384-sha256", "{ file: p384.pub }", none), allow);
    assert_eq!(outcome("openssl-p384-sha256", "{ file: p384.pub, hash: sha256 }", none), allow);
    assert_eq!(outcome("openssl-p384-sha256", "{ file: p384.pub, hash: sha384 }", none), deny("signature-invalid"));
    assert_eq!(outcome("openssl-p384-sha384", "{ file: p384.pub, hash: sha384 }", none), allow);
    assert_eq!(outcome("openssl-p521-sha512", "{ file: p521.pub, hash: sha512 }", none), allow);
    assert_eq!(outcome("p256", "{ file: p256.pub }", &format!("{none}, annotations: {{ team: core }}")), deny("annotation-mismatch"));
    assert_eq!(outcome("p256", "{ file: p256.pub }", &format!("{none}, reference: repository")), deny("reference-mismatch"));
    assert_eq!(outcome("identity", "{ file: p256.pub }", &format!("{none}, reference: repository")), allow);
    assert_eq!(error(&policy("{ file: p256.pub }", ", scheme: rsa-pss")).pointer, "/rules/0/require/cosign/scheme");
    assert_eq!(error(&policy("{ file: ed25519.pub, hash: sha256 }", "")).pointer, "/rules/0/require/cosign/key");
    let prefixed = policy("{ file: p256.pub }", ", transparency: none, stores: [s]") + "stores: { s: { type: tag, tagPrefix: signed- } }\n";
    assert_eq!(judge("p256", &prefixed).code.as_deref(), Some("signature-not-found"));
    let plain = prefixed.replace(", tagPrefix: signed-", "");
    assert_eq!(judge("p256", &plain).decision, Decision::Allow);
    for (layout, format, store, decision) in [
        ("p256", "simpleSigning", "auto", Decision::Allow),
        ("p256", "bundle", "auto", Decision::Deny),
        ("p256", "any", "referrers", Decision::Deny),
        ("bundle-p256", "bundle", "auto", Decision::Allow),
        ("bundle-p256", "any", "referrers", Decision::Allow),
        ("bundle-p256", "simpleSigning", "auto", Decision::Deny),
        ("bundle-p256", "any", "tag", Decision::Deny),
    ] {
        let leaf = format!(", transparency: none, format: {format}, stores: [s]");
        let text = policy("{ file: p256.pub }", &leaf) + &format!("stores: {{ s: {{ type: {store} }} }}\n");
        assert_eq!(judge(layout, &text).decision, decision, "{layout} {format} {store}");
    }
    let elsewhere = prefixed.replace("tagPrefix: signed-", "repository: registry.example/elsewhere");
    assert_eq!(judge("p256", &elsewhere).code.as_deref(), Some("store-unavailable"));
}

/// A policy of podman over a real cosign signature: the rule for its name, and which list judges.
#[test]
fn sigstore_signed_of_policy_json_is_judged_with_its_identity() {
    let key = fixtures().join("keys/p256.pub").canonicalize().unwrap();
    let signed = |identity: serde_json::Value| serde_json::json!({"type": "sigstoreSigned", "keyPath": key, "signedIdentity": identity});
    let policy = |requirement: serde_json::Value| {
        let transports = serde_json::json!({"docker": {"registry.example/demo": [requirement]}});
        serde_json::json!({"default": [{"type": "reject"}], "transports": transports}).to_string()
    };
    // The name under which the fixture was signed.
    let signed_as = "127.0.0.1:40705/demo/p256";
    let repository = serde_json::json!({"type": "exactRepository", "dockerRepository": signed_as});
    let verdict = judge("p256", &policy(signed(repository.clone())));
    assert_eq!(verdict.decision, Decision::Allow, "{}", verdict.message);
    // Cosign signs no tag, so nothing that compares one can fit.
    let exact = serde_json::json!({"type": "exactReference", "dockerReference": format!("{signed_as}:v1")});
    let exact = judge("p256", &policy(signed(exact)));
    assert_eq!(exact.code.as_deref(), Some(Code::ReferenceMismatch.as_str()));
    let elsewhere = policy(signed(repository)).replace("registry.example/demo", "registry.example/dem");
    let elsewhere = judge("p256", &elsewhere);
    assert_eq!((elsewhere.code.as_deref(), elsewhere.rule.as_deref()), (Some(Code::PolicyRejects.as_str()), Some("default")));
}

#[test]
fn errors_in_policy_json_point_at_what_is_written() {
    let error = error(
        "{\n  \"default\": [{\"type\": \"reject\"}],\n  \"transports\": {\"docker\": {\"r.example/a\": [\n    {\"type\": \"signedBy\", \"keyType\": \"GPGKeys\", \"keyPath\": \"/absent.gpg\"}]}}\n}",
    );
    assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyInvalid, "/transports/docker/r.example~1a/0/keyPath"));
    assert_eq!(error.location.map(|(line, _)| line), Some(4));
}

#[test]
fn every_remark_is_documented() {
    let documented = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.md")).unwrap();
    for lint in Lint::ALL {
        assert!(documented.contains(&format!("`{lint}`")), "{lint}");
    }
}

/// Broken YAML, and YAML that is meant to break its reader, with the line where it does.
#[test]
fn bad_yaml_ends_in_a_code_and_a_place() {
    let head = "apiVersion: verimage/v1\nkind: ImagePolicy\n";
    let levels: Vec<String> =
        (1..9).map(|level| format!("l{level}: &l{level} [{}]\n", vec![format!("*l{}", level - 1); 9].join(", "))).collect();
    let bomb = format!("{head}l0: &l0 [x]\n{}", levels.concat());
    let deep = format!("{head}rules: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many = format!("{head}rules:\n{}", "- {}\n".repeat(3_000_000));
    for (text, line) in [
        (format!("{head}rules:\n- name: a\n  name: b\n"), Some(5)),
        (format!("{head}rules:\n\t- name: a\n"), Some(4)),
        (format!("{head}rules: [\n"), None),
        (format!("{head}rules: 7\n"), Some(3)),
        (format!("{head}rules:\n- name: [a]\n"), Some(4)),
        (format!("{head}rules:\n- name: {{a: b}}\n"), Some(4)),
        (format!("{head}rules: !!binary aGk=\n"), Some(3)),
        (format!("{head}rules: *nowhere\n"), Some(3)),
        (format!("{head}<<: {{rules: []}}\n"), None),
        (format!("{head}unmatched: \"\u{1}\"\n"), Some(3)),
        (bomb, None),
        (deep, None),
        (many, None),
        ("x".repeat(17 << 20), None),
        ("\u{feff}\u{feff}".to_owned(), None),
        (String::new(), None),
    ] {
        let error = error(&text);
        let shown: String = text.chars().take(80).collect();
        assert!(matches!(error.code, Code::PolicyInvalid | Code::PolicyUnsupportedField), "{shown}: {error}");
        if line.is_some() {
            assert_eq!(error.location.map(|(line, _)| line), line, "{shown}: {error}");
        }
        assert!(error.message.len() < 1000, "{shown}: {error}");
    }
}

/// Every policy of the examples and of the fixtures, whoever wrote it: its native form is native, and is its own native form.
#[test]
fn the_native_form_of_a_native_form_is_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["examples", "cli/tests/fixtures", "tests/fixtures", "fuzz/seeds/policy", "fuzz/seeds/containers-policy"];
    let mut converted = 0;
    for file in folders.iter().flat_map(|folder| policies_below(&root.join(folder))) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let Ok(native) = PolicyLoader::new().convert(&text) else { continue };
        let without_comments: String =
            native.lines().filter(|line| !line.trim_start().starts_with("# ")).map(|line| format!("{line}\n")).collect();
        assert_eq!(PolicyLoader::new().convert(&native).unwrap(), without_comments, "{}", file.display());
        converted += 1;
    }
    assert!(converted > 100, "{converted}");
}

fn policies_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() && name != "blobs" => found.extend(policies_below(&path)),
            kind if kind.is_file() && (name.contains("polic") || name.ends_with(".yaml") || !name.contains('.')) => found.push(path),
            _ => {}
        }
    }
    found
}

/// The policies of the stories in `examples/`, as their ecosystems write them.
#[test]
fn policies_of_the_examples_load_or_say_why() {
    let load = |file: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(file);
        PolicyLoader::new().trust_stores(file.parent().unwrap().join("truststore")).load(&file).map(drop)
    };
    for file in [
        "cosign-signature-repository/kyverno.yaml",
        "simple-signing/policy.json",
        "notation-and-cosign-x509/kyverno.yaml",
        "notation-and-cosign-x509/trustpolicy.json",
        "notary-v1/connaisseur.yaml",
        "config-sync-webhook/policy.yaml",
    ] {
        assert!(load(file).is_ok(), "{file}: {:?}", load(file));
    }
    let printed = load("notary-v1/connaisseur-as-printed.yaml").unwrap_err();
    assert_eq!((printed.code, printed.pointer.as_str()), (Code::PolicyUndefinedName, "/application/policy/0"), "{printed}");
}
