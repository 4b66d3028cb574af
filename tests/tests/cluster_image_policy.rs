//! Policies of policy-controller over real signatures, and over those of an instance of our own: the same verdict through
//! the policy as it is and through its native form.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use verimage::{Code, FolderMaterial, ImageRef, ImageSource, Policy, PolicyError, PolicyLoader, Request, Verdict, Verimage};
use verimage_tests::instance::*;
use verimage_tests::memory::MemoryStore;

const NAME: &str = "registry.example/demo/app:v1";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cosign")
}

fn by_key(name: &str) -> Value {
    json!({"key": {"data": std::fs::read_to_string(fixtures().join(format!("keys/{name}.pub"))).unwrap()}})
}

fn extended(mut object: Value, members: Value) -> Value {
    object.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    object
}

/// A policy for everything in the registry.
fn policy(name: &str, authorities: Value) -> Value {
    policy_for(name, "registry.example/**", authorities)
}

fn policy_for(name: &str, glob: &str, authorities: Value) -> Value {
    json!({"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy", "metadata": {"name": name},
        "spec": {"images": [{"glob": glob}], "authorities": authorities}})
}

fn warning(mut policy: Value) -> Value {
    policy["spec"]["mode"] = json!("warn");
    policy
}

fn settings(no_match: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config-policy-controller", "namespace": "cosign-system"},
        "data": {"no-match-policy": no_match}})
}

fn try_load(text: &str) -> Result<Policy, PolicyError> {
    PolicyLoader::new().load_text(text, "policy.yaml", &FolderMaterial::new(None))
}

/// The verdict of the objects, which is also that of their native form.
#[track_caller]
fn judge(objects: &Value, ask: impl Fn(&Policy) -> Verdict) -> Verdict {
    let text = objects.to_string();
    let native = PolicyLoader::new().convert(&text).unwrap();
    let [foreign, native] = [text, native].map(|text| ask(&try_load(&text).unwrap()));
    let told = |verdict: &Verdict| {
        let Verdict { decision, admitted, code, digest, warnings, message, rule, .. } = verdict.clone();
        (decision, admitted, code, digest, warnings, message, rule)
    };
    assert_eq!(told(&foreign), told(&native));
    foreign
}

fn run(engine: &Verimage, request: &Request, policy: &Policy) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(engine.run(request, policy)).unwrap().verdict
}

/// What cosign signed, under this name.
#[track_caller]
fn of_layout(layout: &str, name: &str, objects: &Value) -> Verdict {
    let engine = Verimage::builder().offline().build().unwrap();
    let source = ImageSource::parse(&format!("oci:{}:v1", fixtures().join("layouts").join(layout).display())).unwrap();
    let mut request = Request::new(source);
    request.name = Some(name.parse().unwrap());
    judge(objects, |policy| run(&engine, &request, policy))
}

#[track_caller]
fn check(verdict: &Verdict, decision: &str, admitted: bool, code: Option<&str>) {
    let found = serde_json::to_value(verdict.decision).unwrap();
    let found = (found.as_str(), verdict.admitted, verdict.code.as_deref());
    assert_eq!(found, (Some(decision), admitted, code), "{}", verdict.message);
}

#[track_caller]
fn allowed(verdict: &Verdict) {
    check(verdict, "allow", true, None);
}

#[track_caller]
fn denied(verdict: &Verdict, code: &str) {
    check(verdict, "deny", false, Some(code));
}

#[test]
fn keys_and_authorities() {
    let one = |key: &str| policy("one", json!([by_key(key)]));
    for key in ["p256", "p384", "ed25519", "rsa2048"] {
        allowed(&of_layout(key, NAME, &one(key)));
    }
    denied(&of_layout("p256", NAME, &one("other")), "signature-invalid");
    denied(&of_layout("unsigned", NAME, &one("p256")), "signature-not-found");
    denied(&of_layout("attack-tampered-signature", NAME, &one("p256")), "signature-invalid");
    denied(&of_layout("attack-other-digest", NAME, &one("p256")), "subject-mismatch");
    allowed(&of_layout("p256", NAME, &policy("any", json!([by_key("other"), by_key("p256")]))));
    denied(&of_layout("p256", NAME, &policy("any", json!([by_key("other"), by_key("p384")]))), "signature-invalid");
    let without_log = of_layout("p256", NAME, &one("p256"));
    assert!(without_log.warnings.contains(&"log-not-required".to_owned()), "{:?}", without_log.warnings);
}

#[test]
fn every_policy_that_matches_must_pass() {
    let both = |second: &str| json!([policy("one", json!([by_key("p256")])), policy("two", json!([by_key(second)]))]);
    allowed(&of_layout("two-signers", NAME, &both("other")));
    let verdict = of_layout("p256", NAME, &both("other"));
    denied(&verdict, "signature-invalid");
    assert_eq!(verdict.rule.as_deref(), Some("two"));
    let elsewhere = json!([policy("one", json!([by_key("p256")])), policy_for("two", "registry.example/*", json!([by_key("other")]))]);
    allowed(&of_layout("p256", NAME, &elsewhere));
}

#[test]
fn forms_and_logs() {
    let with = |members: Value| policy("one", json!([extended(by_key("p256"), members)]));
    let public = json!({"ctlog": {"url": "https://rekor.sigstore.dev"}});
    denied(&of_layout("p256", NAME, &with(public)), "log-missing");
    allowed(&of_layout("bundle-p256", NAME, &with(json!({"signatureFormat": "bundle"}))));
    denied(&of_layout("p256", NAME, &with(json!({"signatureFormat": "bundle"}))), "signature-not-found");
    denied(&of_layout("bundle-p256", NAME, &with(json!({}))), "signature-not-found");
    let elsewhere = json!({"source": [{"oci": "registry.example/signatures"}]});
    assert!(!of_layout("p256", NAME, &with(elsewhere)).admitted);
}

#[test]
fn warnings_admit_and_say_so() {
    let wrong = warning(policy("soft", json!([by_key("other")])));
    check(&of_layout("p256", NAME, &wrong), "deny", true, Some("signature-invalid"));
    check(&of_layout("p256", NAME, &json!([wrong, policy("hard", json!([by_key("p256")]))])), "deny", true, Some("signature-invalid"));
    denied(&of_layout("p256", NAME, &json!([wrong, policy("hard", json!([by_key("p384")]))])), "signature-invalid");
    check(&of_layout("p256", NAME, &json!([wrong, settings("allow")])), "deny", true, Some("signature-invalid"));
    allowed(&of_layout("p256", NAME, &warning(policy("soft", json!([by_key("p256")])))));
}

#[test]
fn static_authorities_decide() {
    let pass = json!([{"static": {"action": "pass"}}]);
    let fail = json!([{"static": {"action": "fail", "message": "not here"}}]);
    allowed(&of_layout("unsigned", NAME, &policy("pass", pass.clone())));
    let refused = of_layout("p256", NAME, &policy("fail", fail.clone()));
    denied(&refused, "policy-rejects");
    assert!(refused.message.contains("not here"), "{}", refused.message);
    denied(&of_layout("p256", NAME, &json!([policy("pass", pass), policy("fail", fail)])), "policy-rejects");
}

#[test]
fn images_that_no_policy_matches() {
    let objects = |no_match: &str| json!([policy("one", json!([by_key("p256")])), settings(no_match)]);
    for stranger in ["evil.example/registry.example/app:v1", "registry.example.evil.example/app:v1", "registry.example:5000/app:v1"] {
        denied(&of_layout("p256", stranger, &objects("deny")), "policy-no-match");
        denied(&of_layout("p256", stranger, &policy("one", json!([by_key("p256")]))), "policy-no-match");
        for no_match in ["allow", "warn"] {
            let verdict = of_layout("unsigned", stranger, &objects(no_match));
            allowed(&verdict);
            assert!(verdict.warnings.contains(&"unmatched-allowed".to_owned()), "{:?}", verdict.warnings);
        }
    }
    allowed(&of_layout("p256", "Registry.Example/demo/app:v1", &objects("allow")));
    denied(&of_layout("unsigned", "Registry.Example/demo/app:v1", &objects("allow")), "signature-not-found");
}

/// policy-controller asks what the tag names before it looks which policies match.
#[test]
fn a_policy_for_a_digest_holds_for_its_tag() {
    let digest = of_layout("p256", NAME, &policy("one", json!([by_key("p256")]))).digest.unwrap();
    let blocked = |digest: &str| {
        let glob = format!("registry.example/demo/app@{digest}");
        json!([policy("one", json!([by_key("p256")])), policy_for("blocked", &glob, json!([{"static": {"action": "fail"}}]))])
    };
    denied(&of_layout("p256", NAME, &blocked(&digest)), "policy-rejects");
    denied(&of_layout("p256", NAME, &blocked("sha256:*")), "policy-rejects");
    allowed(&of_layout("p256", NAME, &blocked(&format!("sha256:{}", "0".repeat(64)))));
    let alone = policy_for("passed", &format!("registry.example/demo/app@{digest}"), json!([{"static": {"action": "pass"}}]));
    allowed(&of_layout("p256", NAME, &alone));
    denied(&of_layout("unsigned", "registry.example/demo/other:v1", &alone), "policy-no-match");
}

/// The TrustRoot of the instance; its log of the second generation is not one that policy-controller knows.
fn trust_root(world: &Instance) -> Value {
    let chain = |certificates: &[Vec<u8>]| base64(certificates.iter().map(|der| pem("CERTIFICATE", der)).collect::<String>().as_bytes());
    let log = |host: &str, key: &Key| json!({"baseURL": format!("https://{host}"), "hashAlgorithm": "sha-256", "publicKey": base64(key.pem().as_bytes())});
    let authority = |uri: &str, certificates: &[Vec<u8>]| json!({"subject": {"organization": "example", "commonName": "example"}, "uri": uri, "certChain": chain(certificates)});
    json!({"apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "own"}, "spec": {"sigstoreKeys": {
        "certificateAuthorities": [authority("https://fulcio.example", &world.issuer.chain())],
        "tLogs": [log("rekor.example", &world.rekor.key)],
        "ctLogs": [log("ct.example", &world.certificate_log)],
        "timestampAuthorities": [authority("https://timestamp.example", &world.timestamps.chain())],
    }}})
}

fn by_identity(members: Value) -> Value {
    let identities = json!([{"issuer": GITHUB_ISSUER, "subjectRegExp": "^https://github.com/example/"}]);
    extended(json!({"keyless": {"url": "https://fulcio.example", "identities": identities, "trustRootRef": "own"}}), members)
}

fn logged() -> Value {
    json!({"ctlog": {"trustRootRef": "own"}})
}

/// What somebody of the instance signed, with these attestations in layers.
#[track_caller]
fn of_instance(signed: &[Signed], attested: &[Signed], objects: &Value, at: i64) -> Verdict {
    let mut store = MemoryStore::default();
    let layers = |list: &[Signed]| list.iter().filter(|one| one.form != Form::Envelope).map(Layer::new).collect::<Vec<_>>();
    put_signatures(&mut store, IMAGE, &layers(signed));
    put_attestations(&mut store, IMAGE, &layers(attested));
    let bundles: Vec<_> =
        signed.iter().chain(attested).filter(|one| one.form == Form::Envelope).map(|one| bundle(one, Version::V03)).collect();
    put_bundles(&mut store, IMAGE, &bundles);
    let engine = Verimage::builder().registry(Arc::new(store)).build().unwrap();
    let mut request = Request::new(ImageSource::Registry(ImageRef::parse(&format!("registry.example/app@{IMAGE}")).unwrap()));
    request.at = Some(der::rfc3339(at).parse().unwrap());
    judge(objects, |policy| run(&engine, &request, policy))
}

#[test]
fn keyless_by_a_trust_root() {
    let world = Instance::new();
    let [simple, bundled] = world.keyless(&Leaf::github()).both_forms();
    let [stranger, _] = world.keyless(&Leaf::email()).both_forms();
    let objects = |authority: Value| json!([policy("one", json!([authority])), trust_root(&world)]);
    let ask = |signed: &Signed, authority: Value, at: i64| of_instance(std::slice::from_ref(signed), &[], &objects(authority), at);
    allowed(&ask(&simple, by_identity(logged()), NOW));
    denied(&ask(&stranger, by_identity(logged()), NOW), "identity-mismatch");
    denied(&ask(&bundled, by_identity(logged()), NOW), "signature-not-found");
    allowed(&ask(&bundled, by_identity(json!({"signatureFormat": "bundle"})), NOW));
    // Without a log nothing says when the certificate signed, so it is judged as of now.
    allowed(&ask(&simple, by_identity(json!({})), SIGNED));
    denied(&ask(&simple, by_identity(json!({})), NOW), "certificate-expired");
    let other = Instance { rekor: Rekor::v1("rekor.example", Key::p256("another log")), ..Instance::new() };
    let [elsewhere, _] = other.keyless(&Leaf::github()).both_forms();
    denied(&ask(&elsewhere, by_identity(logged()), NOW), "log-missing");
}

#[test]
fn timestamps_by_a_trust_root() {
    let world = Instance::new();
    let signer = world.keyless(&Leaf::github());
    let [plain, _] = signer.both_forms();
    let stamped = Signer { stamps: vec![world.stamp()], logs: Vec::new(), ..signer };
    let [stamped, _] = stamped.both_forms();
    let asked = by_identity(json!({"rfc3161timestamp": {"trustRootRef": "own"}}));
    let ask = |signed: &Signed, authority: &Value| {
        of_instance(std::slice::from_ref(signed), &[], &json!([policy("one", json!([authority])), trust_root(&world)]), NOW)
    };
    allowed(&ask(&stamped, &asked));
    denied(&ask(&plain, &asked), "timestamp-missing");
    // Stamps that nobody asks for say nothing, as there.
    denied(&ask(&stamped, &by_identity(json!({}))), "certificate-expired");
}

#[test]
fn keys_in_a_log_of_ones_own() {
    let world = Instance::new();
    let key = Key::p256("managed");
    let authority = extended(json!({"key": {"data": key.pem()}}), logged());
    let objects = json!([policy("one", json!([authority])), trust_root(&world)]);
    let [logged, _] = world.managed(&key).both_forms();
    let [unlogged, _] = Signer::managed(key).both_forms();
    allowed(&of_instance(&[logged], &[], &objects, NOW));
    denied(&of_instance(&[unlogged], &[], &objects, NOW), "log-missing");
}

#[test]
fn attestations_stand_for_the_signature() {
    let world = Instance::new();
    let signer = world.keyless(&Leaf::github());
    let attest = |signer: &Signer, kind: &str| signer.attest_legacy(&statement(IMAGE, kind, json!({})));
    let wanted = |kinds: &[&str]| {
        let list: Vec<_> = kinds.iter().map(|kind| json!({"name": kind, "predicateType": kind})).collect();
        let authority = by_identity(extended(logged(), json!({"attestations": list})));
        json!([policy("one", json!([authority])), trust_root(&world)])
    };
    let scan = attest(&signer, "https://cosign.sigstore.dev/attestation/vuln/v1");
    let contents = attest(&signer, "https://spdx.dev/Document");
    let stranger = attest(&world.keyless(&Leaf::email()), "https://cosign.sigstore.dev/attestation/vuln/v1");
    let [signature, _] = signer.both_forms();
    allowed(&of_instance(&[], std::slice::from_ref(&scan), &wanted(&["vuln"]), NOW));
    allowed(&of_instance(&[], &[scan.clone(), contents], &wanted(&["vuln", "spdx"]), NOW));
    denied(&of_instance(&[], &[scan], &wanted(&["vuln", "spdx"]), NOW), "attestation-not-found");
    denied(&of_instance(&[], &[stranger], &wanted(&["vuln"]), NOW), "identity-mismatch");
    denied(&of_instance(&[signature], &[], &wanted(&["vuln"]), NOW), "attestation-not-found");
}

/// What every kind of proof needs of the public instance's root is there once a policy is loaded.
#[test]
fn policies_under_the_public_root_load() {
    let public = |members: Value| {
        let identities = json!([{"issuer": GITHUB_ISSUER, "subject": GITHUB_SUBJECT}]);
        extended(json!({"keyless": {"identities": identities}}), members)
    };
    let stamped = json!({"signatureFormat": "bundle", "rfc3161timestamp": {}});
    let listed = json!({"ctlog": {"url": "https://rekor.sigstore.dev"}});
    let cases = [public(json!({})), public(stamped), public(listed.clone()), extended(by_key("p256"), listed.clone()), by_identity(listed)];
    for authority in cases {
        let objects = json!([policy("one", json!([authority])), trust_root(&Instance::new())]);
        let loaded = try_load(&objects.to_string());
        assert!(loaded.is_ok(), "{authority}: {loaded:?}");
    }
}

#[test]
fn errors_of_the_native_form_point_at_the_policy() {
    let error = |objects: Value| try_load(&objects.to_string()).unwrap_err();
    let broken = policy("one", json!([by_key("p256"), {"key": {"data": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}}]));
    let found = error(broken);
    assert_eq!((found.code, found.pointer.as_str()), (Code::PolicyInvalid, "/spec/authorities/1/key"), "{found}");
    let attested = policy("one", json!([extended(by_key("p256"), json!({"attestations": [{"name": "a", "predicateType": "scan"}]}))]));
    let found = error(attested);
    assert_eq!(found.pointer, "/spec/authorities/0/attestations/0/predicateType", "{found}");
    let twice = json!([policy("one", json!([by_key("p256")])), policy("one", json!([by_key("other")]))]);
    let found = error(twice);
    assert_eq!((found.code, found.pointer.as_str()), (Code::PolicyInvalid, "/1"), "{found}");
    let missing = error(policy("one", json!([by_identity(logged())])));
    let place = "/spec/authorities/0/keyless/trustRootRef";
    assert_eq!((missing.code, missing.pointer.as_str()), (Code::PolicyUndefinedName, place), "{missing}");
    assert!(missing.location.is_some_and(|(_, column)| column > 1), "{missing}");
}
