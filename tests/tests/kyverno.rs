//! Policies of Kyverno over real signatures: the same verdict through the policy as it is and through its native form.

use std::path::{Path, PathBuf};

use verimage::{Code, FolderMaterial, ImageSource, Policy, PolicyLoader, Request, Verdict, Verimage};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cosign")
}

/// A policy with one set of attestors; `KEY` stands for a key of the fixtures, as PEM.
fn policy(entry: &str, entries: &[(&str, &str)]) -> String {
    let mut text = String::from(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: { name: demo }\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: demo\n    match: { any: [{ resources: { kinds: [Pod] } }] }\n    verifyImages:\n    - imageReferences: [\"registry.example/*\"]\n",
    );
    text += &format!("      {entry}\n      attestors:\n      - count: {}\n        entries:\n", entries.len());
    for (key, more) in entries {
        let pem = std::fs::read_to_string(fixtures().join(format!("keys/{key}.pub"))).unwrap();
        text += &format!(
            "        - keys: {{ publicKeys: {}, rekor: {{ ignoreTlog: true }} }}\n          {more}\n",
            serde_json::to_string(&pem).unwrap()
        );
    }
    text
}

fn load(text: &str) -> Policy {
    PolicyLoader::new().load_text(text, "policy.yaml", &FolderMaterial::new(None)).unwrap()
}

fn judge(layout: &str, name: &str, policy: &Policy) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let engine = Verimage::builder().offline().build().unwrap();
    let mut request = Request::new(ImageSource::parse(&format!("oci:{}:v1", fixtures().join("layouts").join(layout).display())).unwrap());
    request.name = Some(name.parse().unwrap());
    runtime.block_on(engine.run(&request, policy)).unwrap().verdict
}

const IMAGE: &str = "registry.example/demo/app:v1";

/// Layout, name, members of the entry, keys with members of the attestor, decision and code.
type Case = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)], &'static str, Option<&'static str>);

const CASES: &[Case] = &[
    ("p256", IMAGE, "", &[("p256", "")], "allow", None),
    ("p256", IMAGE, "", &[("other", "")], "deny", Some("signature-invalid")),
    ("p384", IMAGE, "", &[("p384", "")], "allow", None),
    ("ed25519", IMAGE, "", &[("ed25519", "")], "allow", None),
    ("rsa2048", IMAGE, "", &[("rsa2048", "")], "allow", None),
    ("unsigned", IMAGE, "", &[("p256", "")], "deny", Some("signature-not-found")),
    ("two-signers", IMAGE, "", &[("p256", ""), ("other", "")], "allow", None),
    ("p256", IMAGE, "", &[("p256", ""), ("other", "")], "deny", Some("signature-invalid")),
    ("annotations", IMAGE, "", &[("p256", "annotations: { stage: test }")], "deny", Some("annotation-mismatch")),
    ("bundle-p256", IMAGE, "type: SigstoreBundle", &[("p256", "")], "allow", None),
    ("bundle-p256", IMAGE, "", &[("p256", "")], "deny", Some("signature-not-found")),
    ("p256", IMAGE, "type: SigstoreBundle", &[("p256", "")], "deny", Some("signature-not-found")),
    ("attack-tampered-signature", IMAGE, "", &[("p256", "")], "deny", Some("signature-invalid")),
    ("attack-other-digest", IMAGE, "", &[("p256", "")], "deny", Some("subject-mismatch")),
    ("unsigned", IMAGE, "failureAction: Audit", &[("p256", "")], "deny", Some("signature-not-found")),
    ("unsigned", IMAGE, "skipImageReferences: [\"*/demo/*\"]", &[("p256", "")], "allow", None),
    ("unsigned", "evil.example/registry.example/app:v1", "", &[("p256", "")], "allow", None),
    ("p256", IMAGE, "mutateDigest: false", &[("p256", "")], "deny", Some("policy-rejects")),
];

/// The verdict of a policy, which is that of its native form.
#[track_caller]
fn judge_both(layout: &str, name: &str, text: &str) -> Verdict {
    let native = PolicyLoader::new().convert(text).unwrap();
    let (foreign, native) = (judge(layout, name, &load(text)), judge(layout, name, &load(&native)));
    let told = |verdict: &Verdict| {
        let Verdict { decision, admitted, code, digest, warnings, message, rule, .. } = verdict.clone();
        (decision, admitted, code, digest, warnings, message, rule)
    };
    assert_eq!(told(&foreign), told(&native), "{layout} {text}");
    foreign
}

#[test]
fn a_policy_and_its_native_form_give_the_same_verdicts() {
    for (layout, name, entry, keys, decision, code) in CASES {
        let foreign = judge_both(layout, name, &policy(entry, keys));
        let found = serde_json::to_value(foreign.decision).unwrap();
        assert_eq!((found.as_str(), foreign.code.as_deref()), (Some(*decision), *code), "{layout} {entry} {keys:?}: {}", foreign.message);
        assert_eq!(foreign.admitted, *decision == "allow" || entry.contains("Audit"), "{layout} {entry}");
        assert_eq!(foreign.warnings.iter().any(|word| word == "unmatched-allowed"), name.starts_with("evil") || entry.contains("skip"));
    }
}

/// An `ImageValidatingPolicy` whose attestors are keys of the fixtures, called `a`, `b` and so on; `comparison` is with their
/// number.
fn validating(keys: &[&str], comparison: &str, glob: &str, actions: &str, more: &str) -> String {
    let names = ["a", "b", "c"];
    let attestor = |(name, key): (&&str, &&str)| {
        let pem = serde_json::to_string(&std::fs::read_to_string(fixtures().join(format!("keys/{key}.pub"))).unwrap()).unwrap();
        let log = "ctlog: { url: \"https://rekor.sigstore.dev\", insecureIgnoreTlog: true }";
        format!("  - name: {name}\n    cosign: {{ key: {{ data: {pem} }}, {log}{more} }}\n")
    };
    let attestors: String = names.iter().zip(keys).map(attestor).collect();
    let all: Vec<String> = names.iter().take(keys.len()).map(|name| format!("attestors.{name}")).collect();
    format!(
        "apiVersion: policies.kyverno.io/v1alpha1\nkind: ImageValidatingPolicy\nmetadata: {{ name: demo }}\nspec:\n  validationActions: [{actions}]\n  matchConstraints: {{ resourceRules: [{{ apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [pods] }}] }}\n  matchImageReferences: [{{ glob: \"{glob}\" }}]\n  attestors:\n{attestors}  validations:\n  - expression: \"images.containers.map(i, verifyImageSignatures(i, [{}])).all(e, e {comparison})\"\n",
        all.join(", ")
    )
}

#[test]
fn an_image_validating_policy_and_its_native_form_give_the_same_verdicts() {
    let (all, deny) = ("registry.example/*", "Deny");
    let stage = ", annotations: { stage: test }";
    for (layout, keys, comparison, glob, actions, more, decision, code) in [
        ("p256", &["p256"][..], "> 0", all, deny, "", "allow", None),
        ("p256", &["other"], "> 0", all, deny, "", "deny", Some("signature-invalid")),
        ("ed25519", &["ed25519"], "> 0", all, deny, "", "allow", None),
        ("unsigned", &["p256"], "> 0", all, deny, "", "deny", Some("signature-not-found")),
        ("two-signers", &["p256", "other"], "== 2", all, deny, "", "allow", None),
        ("p256", &["p256", "other"], "== 2", all, deny, "", "deny", Some("signature-invalid")),
        ("p256", &["p256", "other"], "> 0", all, deny, "", "allow", None),
        ("two-signers", &["p256", "p384", "other"], ">= 2", all, deny, "", "allow", None),
        ("p256", &["p256", "p384", "other"], ">= 2", all, deny, "", "deny", Some("threshold-not-met")),
        ("bundle-p256", &["p256"], "> 0", all, deny, "", "allow", None),
        ("p256", &["p256"], "> 0", all, deny, stage, "deny", Some("annotation-mismatch")),
        ("attack-other-digest", &["p256"], "> 0", all, deny, "", "deny", Some("subject-mismatch")),
        ("unsigned", &["p256"], "> 0", all, "Audit", "", "deny", Some("signature-not-found")),
        ("unsigned", &["p256"], "> 0", "registry.example/other*", deny, "", "allow", None),
        ("unsigned", &["p256"], "> 0", "*app:v1", deny, "", "deny", Some("signature-not-found")),
    ] {
        let verdict = judge_both(layout, IMAGE, &validating(keys, comparison, glob, actions, more));
        let found = serde_json::to_value(verdict.decision).unwrap();
        assert_eq!(
            (found.as_str(), verdict.code.as_deref()),
            (Some(decision), code),
            "{layout} {keys:?} {comparison}: {}",
            verdict.message
        );
        assert_eq!(verdict.admitted, decision == "allow" || actions == "Audit", "{layout} {actions}");
    }
}

/// What every kind of proof needs of a policy is there once it is loaded.
#[test]
fn keyless_policies_load_under_the_public_root() {
    let text = policy("", &[("p256", "")]);
    let head = text.split("        - keys:").next().unwrap().to_owned();
    for (attestor, loads) in [
        ("{ keyless: { issuer: \"https://i.example\", subject: \"*@b.example\", rekor: { url: \"https://rekor.sigstore.dev\" } } }", true),
        ("{ keyless: { issuerRegExp: \"^https://\", subjectRegExp: b, rekor: {}, ctlog: { ignoreSCT: true } } }", true),
        ("{ keyless: { issuerRegExp: \"(\", subject: b, rekor: {} } }", false),
    ] {
        let loaded = PolicyLoader::new().load_text(&format!("{head}        - {attestor}\n"), "policy.yaml", &FolderMaterial::new(None));
        assert_eq!(loaded.is_ok(), loads, "{attestor}: {loaded:?}");
    }
}

#[test]
fn errors_of_the_native_form_point_at_the_policy() {
    let broken = policy("", &[("p256", "")]).replace("MFkw", "AAAA");
    let error = PolicyLoader::new().load_text(&broken, "policy.yaml", &FolderMaterial::new(None)).unwrap_err();
    assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyInvalid, "/spec/rules/0/verifyImages/0/attestors"), "{error}");
    let digest = policy("required: false", &[("p256", "")]);
    let error = PolicyLoader::new().load_text(&digest, "policy.yaml", &FolderMaterial::new(None)).unwrap_err();
    assert_eq!((error.code, error.location), (Code::PolicyUnsupportedField, Some((11, 17))), "{error}");
}
