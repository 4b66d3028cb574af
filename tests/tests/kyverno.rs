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

#[test]
fn a_policy_and_its_native_form_give_the_same_verdicts() {
    for (layout, name, entry, keys, decision, code) in CASES {
        let text = policy(entry, keys);
        let native = PolicyLoader::new().convert(&text).unwrap();
        let (foreign, native) = (judge(layout, name, &load(&text)), judge(layout, name, &load(&native)));
        let told = |verdict: &Verdict| {
            (
                verdict.decision,
                verdict.admitted,
                verdict.code.clone(),
                verdict.digest.clone(),
                verdict.warnings.clone(),
                verdict.message.clone(),
            )
        };
        assert_eq!(told(&foreign), told(&native), "{layout} {entry}");
        let found = serde_json::to_value(foreign.decision).unwrap();
        assert_eq!((found.as_str(), foreign.code.as_deref()), (Some(*decision), *code), "{layout} {entry} {keys:?}: {}", foreign.message);
        assert_eq!(foreign.admitted, *decision == "allow" || entry.contains("Audit"), "{layout} {entry}");
        assert_eq!(foreign.warnings.iter().any(|word| word == "unmatched-allowed"), name.starts_with("evil") || entry.contains("skip"));
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
