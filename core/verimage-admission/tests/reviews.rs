//! Reviews of every kind of object, the images in them, and the answers.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use verimage_admission::{Extractor, Images, ImagesError, Judged, ObjectImage, Purpose, Review, Skipped, SourceImage, answer, refuse};
use verimage_core::Verdict;

const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn request(group: &str, kind: &str, object: Value) -> Value {
    json!({"uid": "u-1", "operation": "CREATE", "kind": {"group": group, "version": "v1", "kind": kind}, "namespace": "demo", "object": object})
}

fn review(request: &Value) -> Review {
    let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    Review::parse(body.to_string().as_bytes()).unwrap()
}

fn pod_spec() -> Value {
    json!({
        "initContainers": [{"name": "i", "image": "r.example/init:1"}],
        "containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": format!("r.example/b@{DIGEST}")}],
        "ephemeralContainers": [{"name": "e", "image": "r.example/debug:1"}],
        "volumes": [{"name": "v", "image": {"reference": "r.example/data:1"}}, {"name": "w", "emptyDir": {}}],
    })
}

fn pod() -> Value {
    json!({"metadata": {"name": "demo"}, "spec": pod_spec()})
}

fn images(request: &Value) -> Vec<ObjectImage> {
    match Images::of(&review(request), &[]).unwrap() {
        Images::These(images) => images,
        skipped => panic!("{skipped:?}"),
    }
}

fn pointers(request: &Value) -> Vec<String> {
    images(request).into_iter().map(|image| image.pointer).collect()
}

/// Specification section 3.2, and rows 10 and 11 of the attack table.
#[test]
fn every_kind_with_pods_and_every_place_in_them() {
    let below = |path: &str| {
        ["initContainers/0/image", "containers/0/image", "containers/1/image", "ephemeralContainers/0/image", "volumes/0/image/reference"]
            .map(|place| format!("{path}/{place}"))
    };
    assert_eq!(pointers(&request("", "Pod", pod())), below("/spec"));
    let template = json!({"spec": {"template": {"spec": pod_spec()}}});
    for (group, kind) in [
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("batch", "Job"),
        ("", "ReplicationController"),
    ] {
        assert_eq!(pointers(&request(group, kind, template.clone())), below("/spec/template/spec"), "{kind}");
    }
    let cron_job = json!({"spec": {"jobTemplate": template}});
    assert_eq!(pointers(&request("batch", "CronJob", cron_job)), below("/spec/jobTemplate/spec/template/spec"));
    assert_eq!(pointers(&request("", "PodTemplate", json!({"template": {"spec": pod_spec()}}))), below("/template/spec"));
}

#[test]
fn other_kinds_need_an_extractor() {
    let task = json!({"spec": {"steps": [{"image": "r.example/step:1"}], "sidecar": pod_spec()}});
    let asked = request("tekton.dev", "Task", task);
    assert!(matches!(Images::of(&review(&asked), &[]), Err(ImagesError::UnknownKind { .. })));
    let extractor: Extractor = serde_json::from_value(
        json!({"group": "tekton.dev", "kind": "Task", "images": ["/spec/steps/*/image"], "podSpecs": ["/spec/sidecar"]}),
    )
    .unwrap();
    let Images::These(found) = Images::of(&review(&asked), &[extractor]).unwrap() else { panic!("nothing to judge") };
    assert_eq!(found.len(), 6);
    assert_eq!((found[0].pointer.as_str(), found[0].reference.to_string().as_str()), ("/spec/steps/0/image", "r.example/step:1"));
}

/// `kubectl debug` sends the whole pod; only its own part can change.
#[test]
fn a_debugging_container_is_judged_alone() {
    let mut asked = request("", "Pod", pod());
    asked["operation"] = "UPDATE".into();
    asked["subResource"] = "ephemeralcontainers".into();
    assert_eq!(pointers(&asked), ["/spec/ephemeralContainers/0/image"]);
}

#[test]
fn what_stores_no_image_is_skipped() {
    let skipped = |member: &str, value: &str| {
        let mut asked = request("", "Pod", pod());
        asked[member] = value.into();
        Images::of(&review(&asked), &[]).unwrap()
    };
    assert_eq!(skipped("operation", "DELETE"), Images::Skipped(Skipped::Operation));
    assert_eq!(skipped("operation", "CONNECT"), Images::Skipped(Skipped::Operation));
    assert_eq!(skipped("subResource", "status"), Images::Skipped(Skipped::Subresource));
}

/// Rows 7, 8 and 9 of the attack table: marks and owners that come with the object say nothing.
#[test]
fn nothing_in_an_object_speaks_for_it() {
    let all = pointers(&request("", "Pod", pod())).len();
    let mut forged = pod();
    forged["metadata"] = json!({
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "annotations": {"kyverno.io/verify-images": "{\"nginx\":\"pass\"}", "kyverno.io/image-verification-outcomes": "{}"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "y", "controller": true}],
    });
    assert_eq!(pointers(&request("", "Pod", forged.clone())).len(), all);
    let update = |old: Value, new: Value| {
        let mut asked = request("", "Pod", new);
        asked["operation"] = "UPDATE".into();
        asked["oldObject"] = old;
        Images::of(&review(&asked), &[]).unwrap()
    };
    assert!(matches!(update(pod(), forged.clone()), Images::These(_)));
    assert_eq!(update(forged.clone(), forged.clone()), Images::Skipped(Skipped::Removal));
    let mut other = forged.clone();
    other["spec"]["containers"][0]["image"] = "evil.example/x".into();
    assert!(matches!(update(forged.clone(), other), Images::These(_)));
    let mut more = forged.clone();
    more["spec"]["volumes"][1] = json!({"name": "w", "image": {"reference": "evil.example/x"}});
    assert!(matches!(update(forged, more), Images::These(_)));
}

/// Regression: a Deployment could not go over to signed images, for its controller was not let scale the ReplicaSet of before down.
#[test]
fn fewer_pods_of_the_same_images_are_not_judged() {
    let object =
        |image: &str, replicas: Value| json!({"spec": {"replicas": replicas, "template": {"spec": {"containers": [{"image": image}]}}}});
    let change = |operation: &str, group: &str, kind: &str, old: Value, new: Value| {
        let mut asked = request(group, kind, new);
        asked["operation"] = operation.into();
        asked["oldObject"] = old;
        Images::of(&review(&asked), &[]).unwrap()
    };
    let (three, two) = (object("r.example/a:1", json!(3)), object("r.example/a:1", json!(2)));
    for (group, kind) in [("apps", "Deployment"), ("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("", "ReplicationController")] {
        let skipped = change("UPDATE", group, kind, three.clone(), two.clone());
        assert_eq!(skipped, Images::Skipped(Skipped::ScaleDown), "{kind}");
    }
    for (operation, kind, old, new) in [
        ("UPDATE", "ReplicaSet", two.clone(), three.clone()),
        ("UPDATE", "ReplicaSet", three.clone(), three.clone()),
        ("UPDATE", "ReplicaSet", three.clone(), object("evil.example/x", json!(0))),
        ("UPDATE", "ReplicaSet", object("r.example/a:1", Value::Null), two.clone()),
        ("UPDATE", "ReplicaSet", object("r.example/a:1", json!("3")), two.clone()),
        ("UPDATE", "ReplicaSet", Value::Null, two.clone()),
        ("UPDATE", "DaemonSet", three.clone(), two.clone()),
        ("CREATE", "ReplicaSet", three.clone(), two.clone()),
    ] {
        let said = format!("{operation} {kind} {old} {new}");
        assert!(matches!(change(operation, "apps", kind, old, new), Images::These(_)), "{said}");
    }
    let pod = |replicas: u64| json!({"spec": {"replicas": replicas, "containers": [{"image": "r.example/a:1"}]}});
    assert!(matches!(change("UPDATE", "", "Pod", pod(3), pod(2)), Images::These(_)));
}

/// An object whose images cannot be read, stored before anybody looked, can still be removed.
#[test]
fn what_is_removed_need_not_be_read() {
    let mut removed =
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"containers": [{"image": "Not An Image"}]}});
    let mut asked = request("", "Pod", removed.clone());
    asked["operation"] = "UPDATE".into();
    asked["oldObject"] = removed.clone();
    assert_eq!(Images::of(&review(&asked), &[]).unwrap(), Images::Skipped(Skipped::Removal));
    removed["spec"]["containers"][0]["image"] = "Another One".into();
    asked["object"] = removed;
    assert!(Images::of(&review(&asked), &[]).is_err());
    for (kind, part) in [("Binding", "binding"), ("Eviction", "eviction")] {
        let mut asked = request("", kind, json!({}));
        asked["subResource"] = part.into();
        assert_eq!(Images::of(&review(&asked), &[]).unwrap(), Images::Skipped(Skipped::Subresource));
    }
}

#[test]
fn only_a_change_of_a_pod_that_changes_no_image_leaves_them() {
    let unchanged = |change: &dyn Fn(&mut Value)| {
        let mut asked = request("", "Pod", pod());
        asked["operation"] = "UPDATE".into();
        asked["oldObject"] = pod();
        asked["object"]["metadata"] = json!({"labels": {"a": "b"}});
        change(&mut asked);
        Images::are_unchanged(&review(&asked))
    };
    assert!(unchanged(&|_| {}));
    assert!(!unchanged(&|asked| asked["object"]["spec"]["containers"][0]["image"] = "other".into()));
    assert!(!unchanged(&|asked| asked["oldObject"]["spec"]["containers"][0]["image"] = 7.into()));
    assert!(!unchanged(&|asked| asked["operation"] = "CREATE".into()));
    assert!(!unchanged(&|asked| asked["subResource"] = "ephemeralcontainers".into()));
    assert!(!unchanged(&|asked| asked["oldObject"] = Value::Null));
    assert!(!unchanged(&|asked| asked["kind"] = json!({"group": "apps", "version": "v1", "kind": "Deployment"})));
    assert!(!unchanged(&|asked| asked["object"]["spec"]["volumes"][1] = json!({"name": "w", "image": {"reference": "evil.example/x"}})));
}

#[test]
fn images_that_cannot_be_told_are_refused() {
    let container = |image: Value| request("", "Pod", json!({"spec": {"containers": [{"image": image}]}}));
    for image in [json!(""), json!(7), json!(null), json!(["a"]), json!("Upper/Case:1"), json!("a b"), json!("r.example/a@sha256:12")] {
        let error = Images::of(&review(&container(image.clone())), &[]).unwrap_err();
        assert!(matches!(&error, ImagesError::Malformed { pointer, .. } if pointer == "/spec/containers/0/image"), "{image}: {error}");
    }
    let many = json!({"spec": {"containers": vec![json!({"image": "a"}); 257]}});
    assert_eq!(Images::of(&review(&request("", "Pod", many)), &[]).unwrap_err(), ImagesError::TooMany);
    assert_eq!(Images::of(&review(&request("", "Pod", Value::Null)), &[]).unwrap_err(), ImagesError::NoObject);
    // A template may leave it to somebody else; a pod is run as it is.
    let template = json!({"spec": {"template": {"spec": {"containers": [{"image": ""}, {"image": "a"}]}}}});
    assert_eq!(pointers(&request("apps", "Deployment", template)), ["/spec/template/spec/containers/1/image"]);
}

fn verdict(decision: &str, mode: &str, digest: Option<&str>) -> Verdict {
    let code = (decision != "allow").then_some("signature-not-found");
    serde_json::from_value(json!({
        "version": 1, "image": "i", "digest": digest, "subject": {"kind": null, "platform": null}, "decision": decision,
        "admitted": decision == "allow" || mode == "audit", "mode": mode, "rule": "demo", "code": code, "message": "no signature at x",
        "hint": code.map(|_| "Sign the image."), "at": "2026-01-01T00:00:00Z", "policy": {"source": "p", "digest": "sha256:p"},
        "trustMaterial": {"digest": "sha256:t", "oldest": null},
        "rules": [{"name": "demo", "mode": mode, "decision": decision, "code": code}], "warnings": [], "leaves": [], "reports": [],
    }))
    .unwrap()
}

fn response(request: &Value, verdicts: &[Verdict], purpose: Purpose) -> Value {
    let images = images(request);
    let judged: Vec<Judged<'_>> = images.iter().zip(verdicts).map(|(image, verdict)| Judged { image, verdict }).collect();
    let body: Value = serde_json::from_slice(&answer(&review(request), &judged, purpose)).unwrap();
    assert_eq!((&body["apiVersion"], &body["kind"]), (&json!("admission.k8s.io/v1"), &json!("AdmissionReview")));
    assert_eq!(body["response"]["uid"], "u-1");
    body["response"].clone()
}

fn two_containers() -> Value {
    request("", "Pod", json!({"spec": {"containers": [{"image": "nginx"}, {"image": format!("r.example/b:1@{DIGEST}")}]}}))
}

#[test]
fn admitted_images_are_pinned_where_they_name_no_digest() {
    let allow = verdict("allow", "enforce", Some(DIGEST));
    let mutated = response(&two_containers(), &[allow.clone(), allow.clone()], Purpose::Mutate);
    assert_eq!((&mutated["allowed"], &mutated["patchType"]), (&json!(true), &json!("JSONPatch")));
    let patch: Value = serde_json::from_slice(&STANDARD.decode(mutated["patch"].as_str().unwrap()).unwrap()).unwrap();
    let expected = json!([
        {"op": "test", "path": "/spec/containers/0/image", "value": "nginx"},
        {"op": "replace", "path": "/spec/containers/0/image", "value": format!("docker.io/library/nginx:latest@{DIGEST}")},
    ]);
    assert_eq!(patch, expected);
    let validated = response(&two_containers(), &[allow.clone(), allow], Purpose::Validate);
    assert!(validated.get("patch").is_none() && validated.get("patchType").is_none());
    assert_eq!(validated["auditAnnotations"]["decision"], "allow");
}

/// Regression: a pod of before with an image volume or a debug container could not be changed any more, and others started anew.
#[test]
fn a_change_pins_only_what_it_changes() {
    let allow = verdict("allow", "enforce", Some(DIGEST));
    let pod = |first: &str, second: &str| json!({"spec": {"containers": [{"image": first}, {"image": second}]}});
    let patch = |operation: &str, old: Value| {
        let mut asked = request("", "Pod", pod("r.example/a:1", "r.example/b:2"));
        asked["operation"] = operation.into();
        asked["oldObject"] = old;
        let mutated = response(&asked, &[allow.clone(), allow.clone()], Purpose::Mutate);
        assert_eq!(mutated["allowed"], true);
        let patch = mutated.get("patch").map(|patch| STANDARD.decode(patch.as_str().unwrap()).unwrap());
        let operations: Vec<Value> = patch.map(|patch| serde_json::from_slice(&patch).unwrap()).unwrap_or_default();
        operations
            .into_iter()
            .filter(|operation| operation["op"] == "replace")
            .map(|operation| operation["value"].clone())
            .collect::<Vec<_>>()
    };
    let (first, second) = (json!(format!("r.example/a:1@{DIGEST}")), json!(format!("r.example/b:2@{DIGEST}")));
    assert_eq!(patch("UPDATE", pod("r.example/a:1", "r.example/b:1")), std::slice::from_ref(&second));
    assert_eq!(patch("UPDATE", pod("r.example/a:1", "r.example/b:2")), [json!(null); 0]);
    assert_eq!(patch("UPDATE", pod(first.as_str().unwrap(), second.as_str().unwrap())), [first.clone(), second.clone()]);
    assert_eq!(patch("UPDATE", Value::Null), [first.clone(), second.clone()]);
    // Who makes an object has no old one to show.
    assert_eq!(patch("CREATE", pod("r.example/a:1", "r.example/b:2")), [first, second]);
}

#[test]
fn one_refused_image_refuses_the_object() {
    let (allow, deny) = (verdict("allow", "enforce", Some(DIGEST)), verdict("deny", "enforce", Some(DIGEST)));
    let inconclusive = verdict("inconclusive", "enforce", None);
    for (second, words) in [(deny, "denied by rule demo: signature-not-found"), (inconclusive, "could not be judged by rule demo")] {
        let refused = response(&two_containers(), &[allow.clone(), second], Purpose::Mutate);
        assert_eq!((&refused["allowed"], refused.get("patch")), (&json!(false), None));
        assert_eq!((&refused["status"]["code"], &refused["status"]["reason"]), (&json!(403), &json!("Forbidden")));
        let message = refused["status"]["message"].as_str().unwrap();
        assert!(message.contains(words) && message.contains("/spec/containers/1/image") && !message.contains("nginx"), "{message}");
    }
}

/// What only an audit rule refuses is admitted with a warning, and is not pinned: nothing proves its digest.
#[test]
fn audited_images_are_admitted_with_a_warning() {
    let audited = verdict("deny", "audit", Some(DIGEST));
    let admitted = response(&two_containers(), &[audited.clone(), audited], Purpose::Mutate);
    assert_eq!((&admitted["allowed"], admitted.get("patch")), (&json!(true), None));
    let warnings = admitted["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(|warning| warning.as_str().unwrap().len() <= 256), "{warnings:?}");
    assert_eq!(warnings[0], "nginx: rule demo would deny this image: signature-not-found");
}

#[test]
fn answers_without_verdicts_refuse() {
    let body: Value = serde_json::from_slice(&refuse(&review(&two_containers()), &"ä".repeat(10_000))).unwrap();
    assert_eq!(body["response"]["allowed"], false);
    assert!(body["response"]["status"]["message"].as_str().unwrap().len() <= 8 * 1024);
}

fn synced(annotations: Value) -> Value {
    let mut asked = request("configsync.gke.io", "RootSync", json!({"metadata": {"annotations": annotations}}));
    asked["operation"] = "UPDATE".into();
    asked
}

/// Specification section 3.6.
#[test]
fn config_sync_names_its_source_by_digest() {
    let hexadecimal = DIGEST.trim_start_matches("sha256:");
    let image = format!("r.example/config:v1@{DIGEST}");
    for annotations in [
        json!({"configsync.gke.io/image-to-sync": image}),
        json!({"configsync.gke.io/source-url": "r.example/config:v1", "configsync.gke.io/source-commit": hexadecimal}),
        json!({"configsync.gke.io/image-to-sync": image, "configsync.gke.io/source-url": "evil.example/x", "configsync.gke.io/source-commit": hexadecimal}),
    ] {
        let SourceImage::This(found) = SourceImage::of(&review(&synced(annotations))).unwrap() else { panic!("an image") };
        assert_eq!((found.text.as_str(), found.reference.to_string()), (image.as_str(), image.clone()));
    }
    for annotations in
        [json!({}), json!(null), json!({"configsync.gke.io/image-to-sync": ""}), json!({"configsync.gke.io/source-url": "a"})]
    {
        assert_eq!(SourceImage::of(&review(&synced(annotations))).unwrap(), SourceImage::None);
    }
    for image in [json!("r.example/config:v1"), json!("r.example/config@sha256:12"), json!(7), json!("a b")] {
        let asked = synced(json!({"configsync.gke.io/image-to-sync": image}));
        assert!(matches!(SourceImage::of(&review(&asked)), Err(ImagesError::Malformed { .. })), "{image}");
    }
    assert!(matches!(SourceImage::of(&review(&two_containers())), Err(ImagesError::UnknownKind { .. })));
}

#[test]
fn objects_in_files_have_images_without_a_review() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "demo"}, "spec": pod_spec()});
    let pointers: Vec<String> = Images::of_object(&pod, &[]).unwrap().into_iter().map(|image| image.unwrap().pointer).collect();
    assert_eq!(pointers.len(), 5);
    assert_eq!((pointers[0].as_str(), pointers[3].as_str()), ("/spec/initContainers/0/image", "/spec/ephemeralContainers/0/image"));
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": pod_spec()}}});
    assert_eq!(Images::of_object(&deployment, &[]).unwrap().len(), 5);
    let mixed = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": 1}, {"image": "nginx"}, {"image": ""}]}});
    let images = Images::of_object(&mixed, &[]).unwrap();
    assert_eq!(images.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, false]);
    let service = json!({"apiVersion": "v1", "kind": "Service"});
    assert!(matches!(Images::of_object(&service, &[]), Err(ImagesError::UnknownKind { .. })));
    for nothing in
        [json!({}), json!([]), json!({"kind": "Pod"}), json!({"apiVersion": "v1", "kind": 1}), json!({"apiVersion": "", "kind": "Pod"})]
    {
        assert_eq!(Images::of_object(&nothing, &[]), Err(ImagesError::NoObject), "{nothing}");
    }
}
