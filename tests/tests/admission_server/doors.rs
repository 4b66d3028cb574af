//! What is answered at which door.

use std::fs;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use verimage::Verimage;
use verimage_server::{Event, Server, StartError};

use crate::world::{
    ONE_VERIFICATION, World, client, config, digest, key_of, message, object, pod, replace, write_certificate, write_policy,
};

#[tokio::test]
async fn pods_are_judged_and_pinned() {
    let world = World::new().await;
    let signed = world.ask("/mutate?timeout=10s", &pod(&["registry.example/p256:v1"])).await;
    assert_eq!(signed["allowed"], true, "{signed}");
    let patch: Value = serde_json::from_slice(&STANDARD.decode(signed["patch"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(patch[1]["value"], format!("registry.example/p256:v1@{}", digest("p256")));
    let validated = world.ask("/validate", &pod(&["registry.example/p256:v1"])).await;
    assert_eq!((&validated["allowed"], validated.get("patch")), (&json!(true), None));
    for (images, code) in [
        (["registry.example/p256:v1", "registry.example/unsigned:v1"], "signature-not-found"),
        (["registry.example/p256:v1", "registry.example/attack-tampered-signature:v1"], "signature-invalid"),
        (["registry.example/p256:v1", "unknown.example/p256:v1"], "policy-no-match"),
        (["registry.example/p256:v1", "registry.example/missing:v1"], "image-not-found"),
    ] {
        for path in ["/mutate", "/validate"] {
            let refused = world.ask(path, &pod(&images)).await;
            assert_eq!((&refused["allowed"], refused.get("patch")), (&json!(false), None), "{images:?}");
            assert!(message(&refused).contains(code) && message(&refused).contains(images[1]), "{images:?}: {refused}");
        }
    }
    world.server.stop().await.unwrap();
}

#[tokio::test]
async fn other_objects_namespaces_and_audit() {
    let world = World::new().await;
    let deployment = json!({"spec": {"template": {"spec": {"containers": [{"image": "registry.example/unsigned:v1"}]}}}});
    assert_eq!(world.ask("/validate", &object("apps", "Deployment", deployment)).await["allowed"], false);
    let task = |image: &str| object("tekton.dev", "Task", json!({"spec": {"steps": [{"image": image}]}}));
    assert_eq!(world.ask("/validate", &task("registry.example/p256:v1")).await["allowed"], true);
    assert_eq!(world.ask("/validate", &task("registry.example/unsigned:v1")).await["allowed"], false);
    let unknown = world.ask("/validate", &object("example.com", "Widget", json!({}))).await;
    assert!(unknown["allowed"] == false && message(&unknown).contains("extractor"), "{unknown}");
    let mut excluded = pod(&["registry.example/unsigned:v1"]);
    excluded["namespace"] = "kube-system".into();
    assert_eq!(world.ask("/validate", &excluded).await["allowed"], true);
    let audited = world.ask("/mutate", &pod(&["audited.example/unsigned:v1"])).await;
    assert_eq!((&audited["allowed"], audited.get("patch")), (&json!(true), None));
    assert!(audited["warnings"][0].as_str().unwrap().contains("signature-not-found"), "{audited}");
    world.server.stop().await.unwrap();
}

/// Pods that run are changed all the time; what does not change their images is none of our business, and what does is.
#[tokio::test]
async fn changes_that_leave_the_images_of_a_pod_are_let_through() {
    let world = World::new().await;
    let mut update = pod(&["registry.example/unsigned:v1"]);
    update["operation"] = "UPDATE".into();
    update["oldObject"] = update["object"].clone();
    update["object"]["metadata"] = json!({"labels": {"a": "b"}});
    assert_eq!(world.ask("/validate", &update).await["allowed"], true);
    update["oldObject"] = pod(&["registry.example/p256:v1"])["object"].clone();
    assert_eq!(world.ask("/validate", &update).await["allowed"], false);
    world.server.stop().await.unwrap();
}

/// A loopback host is the node's, which this server is not; and nobody shall have it speak to its own neighbours.
#[tokio::test]
async fn loopback_registries_are_not_asked() {
    let world = World::new().await;
    for host in ["127.0.0.1:9090", "localhost:5000", "[::1]:5000", "127.1.2.3"] {
        let refused = world.ask("/validate", &pod(&["registry.example/p256:v1", &format!("{host}/p256:v1")])).await;
        assert!(refused["allowed"] == false && message(&refused).contains("loopbackRegistries"), "{host}: {refused}");
    }
    assert_eq!(world.layouts.fetched.load(Ordering::Relaxed), 0);
    world.server.stop().await.unwrap();
}

#[tokio::test]
async fn config_sync_sources_are_judged() {
    let world = World::new().await;
    let sync = |layout: &str| {
        let image = format!("registry.example/{layout}@{}", digest(layout));
        let mut request =
            object("configsync.gke.io", "RootSync", json!({"metadata": {"annotations": {"configsync.gke.io/image-to-sync": image}}}));
        request["operation"] = "UPDATE".into();
        request
    };
    assert_eq!(world.ask("/validate/configsync", &sync("p256")).await["allowed"], true);
    let unsigned = world.ask("/validate/configsync", &sync("unsigned")).await;
    assert!(unsigned["allowed"] == false && message(&unsigned).contains("signature-not-found"), "{unsigned}");
    let wrong = world.ask("/validate/configsync", &pod(&["registry.example/p256:v1"])).await;
    assert_eq!(wrong["allowed"], false);
    world.server.stop().await.unwrap();
}

/// Kubernetes' ImagePolicyWebhook: every image, or none; what annotations ask for counts for nothing.
#[tokio::test]
async fn image_reviews_are_answered() {
    let world = World::new().await;
    let ask = async |images: &[&str], namespace: &str| {
        let containers: Vec<Value> = images.iter().map(|image| json!({"image": image})).collect();
        let spec = json!({"containers": containers, "namespace": namespace, "annotations": {"a.image-policy.k8s.io/break-glass": "1"}});
        let body = json!({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec});
        let (status, text) = world.send("/imagereview", body.to_string().into_bytes(), "application/json").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["status"].clone()
    };
    assert_eq!(ask(&["registry.example/p256:v1"], "demo").await, json!({"allowed": true}));
    let refused = ask(&["registry.example/p256:v1", "registry.example/unsigned:v1"], "demo").await;
    assert!(refused["allowed"] == false && refused["reason"].as_str().unwrap().contains("signature-not-found"), "{refused}");
    assert_eq!(ask(&["Not An Image"], "demo").await["allowed"], false);
    assert_eq!(ask(&["registry.example/unsigned:v1"], "kube-system").await["allowed"], true);
    world.server.stop().await.unwrap();
}

/// Gatekeeper's external data: for each image what may run in its place, or why nothing may.
#[tokio::test]
async fn external_data_is_answered() {
    let world = World::new().await;
    let ask = async |keys: &[&str]| {
        let body = json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": keys}});
        let (status, text) = world.send("/externaldata", body.to_string().into_bytes(), "application/json").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["response"].clone()
    };
    let answered = ask(&["registry.example/unsigned:v1", "Not An Image", "registry.example/p256:v1"]).await;
    let items = answered["items"].as_array().unwrap();
    assert_eq!(items[2], json!({"key": "registry.example/p256:v1", "value": format!("registry.example/p256:v1@{}", digest("p256"))}));
    assert!(items[0]["error"].as_str().unwrap().contains("signature-not-found") && items[0].get("value").is_none(), "{answered}");
    assert!(items[1]["error"].is_string() && answered["idempotent"] == true, "{answered}");
    world.server.stop().await.unwrap();
}

/// Who asks for one namespace says so in the address.
#[tokio::test]
async fn external_data_may_be_of_a_namespace() {
    let folder = TempDir::new().unwrap();
    write_policy(folder.path(), "other");
    fs::rename(folder.path().join("policy.yaml"), folder.path().join("tenant.yaml")).unwrap();
    let world = World::with(folder, "namespacePolicies: [{ namespaces: [tenant], policy: tenant.yaml }]\n").await;
    let body = json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": ["registry.example/p256:v1"]}});
    for (path, allowed) in [("/externaldata", true), ("/externaldata?namespace=tenant", false), ("/externaldata?namespace=other", true)] {
        let (_, text) = world.send(path, body.to_string().into_bytes(), "application/json").await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["response"]["items"][0].get("value").is_some(), allowed, "{path}: {text}");
    }
    world.server.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_no_review_is_a_bad_request() {
    let world = World::new().await;
    let empty = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": null}).to_string();
    for (body, kind, expected) in [
        (empty.into_bytes(), "application/json", StatusCode::BAD_REQUEST),
        (b"{}".to_vec(), "application/json; charset=utf-8", StatusCode::BAD_REQUEST),
        (b"{}".to_vec(), "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (vec![b' '; (4 << 20) + 1], "application/json", StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (status, text) = world.send("/validate", body, kind).await;
        assert_eq!(status, expected, "{text}");
    }
    assert_eq!(world.get("/validate").await.0, StatusCode::METHOD_NOT_ALLOWED);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.get(path).await, (StatusCode::OK, "ok".to_owned()));
    }
    let (_, metrics) = world.get("/metrics").await;
    assert!(metrics.contains("verimage_admission_requests_total{path=\"validate\",decision=\"bad-request\"} 3"), "{metrics}");
    world.server.stop().await.unwrap();
}

#[tokio::test]
async fn what_takes_too_long_is_denied() {
    let world = World::new().await;
    let refused = world.ask("/validate?timeout=1s", &pod(&["registry.example/p256:v1", "registry.example/silent:v1"])).await;
    assert!(refused["allowed"] == false && message(&refused).contains("deadline-exceeded"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_questions_are_asked_once() {
    let world = World::new().await;
    let image = format!("registry.example/p256@{}", digest("p256"));
    let images: Vec<&str> = std::iter::repeat_n(image.as_str(), 3).collect();
    let request = pod(&images);
    let answers = join_all((0..50).map(|_| world.ask("/validate", &request))).await;
    assert!(answers.iter().all(|answer| answer["allowed"] == true));
    assert_eq!(world.layouts.fetched.swap(0, Ordering::Relaxed), ONE_VERIFICATION);
    assert_eq!(world.ask("/validate", &request).await["allowed"], true);
    assert_eq!(world.layouts.fetched.load(Ordering::Relaxed), 0);
    let (_, metrics) = world.get("/metrics").await;
    assert!(metrics.contains("verimage_verifications_total{result=\"allow\",cache=\"hit\"} "), "{metrics}");
    let tag = pod(&["registry.example/p256:v1"]);
    let before = world.layouts.asked.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(world.ask("/validate", &tag).await["allowed"], true);
    }
    assert_eq!(world.layouts.asked.load(Ordering::Relaxed), before + 3, "a tag is resolved anew");
    world.server.stop().await.unwrap();
}

/// What is pinned at the first door is known at the second (section 3.3 of the admission contract).
#[tokio::test]
async fn what_one_door_pinned_costs_nothing_at_the_other() {
    let world = World::new().await;
    let pinned = world.ask("/mutate", &pod(&["registry.example/p256:v1"])).await;
    let patch: Value = serde_json::from_slice(&STANDARD.decode(pinned["patch"].as_str().unwrap()).unwrap()).unwrap();
    let fetched = world.layouts.fetched.swap(0, Ordering::Relaxed);
    assert_eq!(fetched, ONE_VERIFICATION + 1);
    let again = world.ask("/validate", &pod(&[patch[1]["value"].as_str().unwrap()])).await;
    assert_eq!((&again["allowed"], world.layouts.fetched.load(Ordering::Relaxed)), (&json!(true), 0));
    world.server.stop().await.unwrap();
}

/// A namespace's own policy judges there and nowhere else, whichever verdicts are kept.
#[tokio::test]
async fn namespaces_have_policies_of_their_own() {
    let folder = TempDir::new().unwrap();
    write_policy(folder.path(), "other");
    fs::rename(folder.path().join("policy.yaml"), folder.path().join("tenant.yaml")).unwrap();
    let world = World::with(folder, "namespacePolicies: [{ namespaces: [tenant, second], policy: tenant.yaml }]\n").await;
    let allowed = async |namespace: Option<&str>| {
        let mut request = pod(&["registry.example/p256:v1"]);
        request["namespace"] = namespace.into();
        world.ask("/validate", &request).await["allowed"] == true
    };
    for _ in 0..2 {
        assert!(allowed(Some("demo")).await && allowed(None).await && allowed(Some("Tenant")).await);
        assert!(!allowed(Some("tenant")).await && !allowed(Some("second")).await);
    }
    world.server.stop().await.unwrap();
}

#[tokio::test]
async fn policy_and_certificate_are_taken_up_and_bad_ones_are_not() {
    let mut world = World::new().await;
    let request = pod(&["registry.example/p256:v1"]);
    write_policy(world.folder.path(), "other");
    assert!(matches!(world.events.recv().await, Some(Event::PolicyChanged { .. })));
    assert_eq!(world.ask("/validate", &request).await["allowed"], false);
    fs::write(world.folder.path().join("policy.yaml"), "rules: [").unwrap();
    assert!(matches!(world.events.recv().await, Some(Event::PolicyRefused(_))));
    assert_eq!(world.ask("/validate", &request).await["allowed"], false);
    write_policy(world.folder.path(), "p256");
    assert!(matches!(world.events.recv().await, Some(Event::PolicyChanged { .. })));
    assert_eq!(world.ask("/validate", &request).await["allowed"], true);
    fs::write(world.folder.path().join("tls.crt"), "no certificate").unwrap();
    assert!(matches!(world.events.recv().await, Some(Event::CertificateRefused(_))));
    assert_eq!(world.ask("/validate", &request).await["allowed"], true);
    let pem = write_certificate(world.folder.path());
    loop {
        // Certificate and key are written one after the other.
        if matches!(world.events.recv().await, Some(Event::CertificateChanged)) {
            break;
        }
    }
    world.client = client(&pem);
    assert_eq!(world.ask("/validate", &request).await["allowed"], true);
    world.server.stop().await.unwrap();
}

/// Ratify issue 1699: what was taken out of a file of the policy counts no longer, though the policy itself is written as before.
#[tokio::test]
async fn a_key_that_is_replaced_in_its_file_counts_no_longer() {
    let mut world = World::new().await;
    let folder = world.folder.path().to_owned();
    let mut policy: Value = serde_json::from_slice(&fs::read(folder.join("policy.yaml")).unwrap()).unwrap();
    policy["trust"]["k"] = json!({"publicKey": {"file": "k.pub"}});
    replace(&folder, "k.pub", &key_of("other"));
    replace(&folder, "policy.yaml", &policy.to_string());
    for (key, admitted) in [("other", false), ("p256", true), ("other", false)] {
        replace(&folder, "k.pub", &key_of(key));
        assert!(matches!(world.events.recv().await, Some(Event::PolicyChanged { .. })));
        assert_eq!(world.ask("/validate", &pod(&["registry.example/p256:v1"])).await["allowed"], admitted, "{key}");
    }
    world.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_starts_with_everything_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let engine = || Verimage::builder().offline();
    write_certificate(folder.path());
    let missing = Server::start(config(folder.path()), engine(), drop).await;
    assert!(matches!(missing, Err(StartError::Policy(_))), "{missing:?}");
    write_policy(folder.path(), "p256");
    fs::write(folder.path().join("tls.key"), "no key").unwrap();
    let broken = Server::start(config(folder.path()), engine(), drop).await;
    assert!(matches!(broken, Err(StartError::Tls { .. })), "{broken:?}");
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let world = World::new().await;
    let mut config = config(world.folder.path());
    config.drain_seconds = 300;
    let engine = Verimage::builder().registry(world.layouts.clone());
    let server = Server::start(config, engine, drop).await.unwrap();
    let url = format!("https://{}", server.address());
    let stopping = tokio::spawn(server.stop());
    let status = async |path: &str| world.client.get(format!("{url}{path}")).send().await.unwrap().status();
    while status("/readyz").await == StatusCode::OK {
        tokio::task::yield_now().await;
    }
    assert_eq!((status("/readyz").await, status("/healthz").await), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK));
    stopping.abort();
}
