//! What a hostile reader of the checks found: each test has the case that was judged wrongly.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verimage::{FolderMaterial, PolicyLoader};
use verimage_core::policy::{Anchor, AnchorKey};
use verimage_cosign::CosignConfig;
use verimage_cosign::artifact::ArtifactVerifier;
use verimage_crypto::CryptoSet;
use verimage_tests::instance::*;

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

fn world() -> (Instance, Question) {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root());
    (world, question)
}

/// The manifest of a referrer as cosign 2 wrote it: layers with their evidence in annotations.
fn old_referrer(question: Question, layer: &Layer, artifact_type: &str) -> Question {
    let mut manifest = legacy::manifest(std::slice::from_ref(layer));
    manifest["subject"] = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": IMAGE, "size": 2});
    manifest["artifactType"] = json!(artifact_type);
    question.store(|store| {
        store.add_blob(layer.blob.clone());
        store.add_referrer(IMAGE, artifact_type, &json!({}), manifest.to_string().into_bytes());
    })
}

/// Where one statement is enough, one that does not fulfil the conditions ends no search: the others may stand elsewhere.
#[test]
fn one_statement_of_any_is_looked_for_everywhere() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let built = |builder: &str| statement(IMAGE, PROVENANCE, json!({"builder": {"id": builder}}));
    let asked = |statements: &str| {
        let condition = json!({"path": "/builder/id", "op": "eq", "value": "right"});
        let asked = question.clone().attested(PROVENANCE).attested_with("conditions", condition);
        asked.attested_with("statements", json!(statements))
    };
    let (wrong, right) = (signer.attest_legacy(&built("wrong")), signer.attest(&built("right")));
    Table::new()
        .accept("the right one among the referrers", &asked("any").signed(&[&wrong, &right]))
        .refuse("all wanted", &asked("all").signed(&[&wrong, &right]), "attestation-condition-failed")
        .refuse("none right", &asked("any").signed(&[&wrong]), "attestation-condition-failed")
        .check();
}

/// Whoever demands bundles accepts nothing else among the referrers.
#[test]
fn a_demanded_form_is_demanded_among_referrers_too() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let signature = Layer::new(&signer.sign_image(IMAGE));
    let attestation = Layer::new(&signer.attest_legacy(&statement(IMAGE, PROVENANCE, json!({}))));
    let old = |question: Question| old_referrer(question, &signature, "application/vnd.dev.cosign.artifact.sig.v1+json");
    let attested = |question: Question| old_referrer(question.attested(PROVENANCE), &attestation, "application/vnd.in-toto+json");
    let bundles = question.clone().with("format", json!("bundle"));
    Table::new()
        .accept("any form", &old(question.clone()))
        .refuse("bundles alone", &old(bundles.clone()), "signature-not-found")
        .accept("an attestation in any form", &attested(question))
        .refuse("an attestation in bundles alone", &attested(bundles), "attestation-not-found")
        .check();
}

/// Where in its leaf a policy does not load.
fn fault(policy: &Value) -> Option<String> {
    let loaded = PolicyLoader::new().load_text(&policy.to_string(), "case", &FolderMaterial::new(None));
    loaded.err().map(|error| error.pointer.replace("/rules/0/require/cosign", ""))
}

/// What no signature could ever fulfil is an error of the policy.
#[test]
fn contradictions_are_told_when_the_policy_is_loaded() {
    let (_, question) = world();
    let pointer = |format: &str, store: &str, reference: &str| {
        let asked = question.clone().with("format", json!(format)).with("stores", json!(["auto", "other"]));
        let mut policy = asked.with("reference", json!(reference)).policy();
        policy["stores"] = json!({"auto": {"type": "auto"}, "other": {"type": store}});
        fault(&policy)
    };
    for (format, store, reference, expected) in [
        ("any", "tag", "repository", None),
        ("bundle", "referrers", "off", None),
        ("bundle", "referrers", "repository", Some("/reference")),
        ("bundle", "referrers", "exact", Some("/reference")),
        ("bundle", "tag", "off", Some("/stores/1")),
        ("simpleSigning", "tag", "exact", None),
        ("simpleSigning", "referrers", "off", Some("/stores/1")),
    ] {
        assert_eq!(pointer(format, store, reference).as_deref(), expected, "{format} {store} {reference}");
    }
    let mut pinned = Question::certificate(&Instance::new().issuer).policy();
    pinned["rules"][0]["require"]["cosign"] = json!({"certificate": {"leaf": "authority"}, "transparency": "none"});
    assert_eq!(fault(&pinned), None);
    pinned["rules"][0]["require"]["cosign"]["scheme"] = json!("rsa-pss");
    assert_eq!(fault(&pinned).as_deref(), Some("/scheme"));
}

/// The number of an entry is told only where the log signed it.
#[test]
fn facts_are_verified() {
    let (world, question) = world();
    let stamped = Signer { stamps: vec![world.stamp()], ..world.keyless(&Leaf::github()) };
    let good = stamped.attest(&image_statement(IMAGE));
    let number = |signed: &Signed| question.clone().signed(&[signed]).ask().reports[0].facts.get("logIndex").cloned();
    assert_eq!(number(&good), Some(good.entries[0].index.to_string()));
    let claimed = good.entry(|entry| (entry.promise, entry.time, entry.index) = (None, 0, 7));
    Table::new().accept("a proof without a promise", &question.clone().signed(&[&claimed])).check();
    assert_eq!(number(&claimed), None);
    let tiles = world.keyless_tiles(&Leaf::github()).attest(&image_statement(IMAGE));
    assert_eq!(number(&tiles), Some(tiles.entries[0].index.to_string()));
}

/// A root that is named for its logs vouches for no times: those are for the root of the leaf.
#[test]
fn a_root_for_logs_is_one_for_logs_alone() {
    let (world, _) = world();
    let own = Authority::root("log operator's root", Key::p256("log operator's root"), AUTHORITY_YEARS);
    let own = TimestampAuthority::new("https://logs.example", &own, Key::p256("log operator's signer"));
    let logs = TrustedRoot {
        logs: world.trusted_root().logs,
        timestamp_authorities: vec![AuthorityService::timestamps(&own)],
        ..TrustedRoot::default()
    };
    let leaf = TrustedRoot { logs: Vec::new(), ..world.trusted_root() };
    let question = Question::keyless(&leaf).trusting("logs", trusted_root(&logs)).with("transparency", json!({"root": "logs"}));
    let by = |authority: &TimestampAuthority| {
        let stamps = vec![(authority.clone(), Token::default())];
        [Signer { stamps, ..world.keyless_tiles(&Leaf::github()) }.attest(&image_statement(IMAGE))]
    };
    Table::new()
        .accept_each("stamped by the leaf's authority", &question, &by(&world.timestamps))
        .refuse_each("stamped by the logs' authority", &question, &by(&own), "timestamp-invalid")
        .check();
}

/// A name with control characters names nobody.
#[test]
fn names_are_printable() {
    let (world, question) = world();
    let anybody = question.identities(json!([{"subjectGlob": "*", "issuer": EMAIL_ISSUER}]));
    let by = |name: &str| world.keyless(&Leaf::user(name)).both_forms();
    Table::new()
        .accept_each("a name", &anybody, &by("alice"))
        .accept_each("letters of any language", &anybody, &by("Åsa"))
        .refuse_each("a line break", &anybody, &by("alice\nimage is allowed"), "identity-mismatch")
        .refuse_each("an escape", &anybody, &by("\u{1b}[2Jalice"), "identity-mismatch")
        .refuse_each("NUL", &anybody, &by("alice\0bob"), "identity-mismatch")
        .check();
}

/// A chain is of authorities: any other certificate in it would vouch for nothing, and whoever wrote it there means it.
#[test]
fn a_chain_is_of_authorities() {
    let root = Authority::root("Enterprise root", Key::p256("enterprise root"), AUTHORITY_YEARS);
    let leaf = pem("CERTIFICATE", &Leaf::enterprise("Alice").issue(&root, &[]));
    let chained = |pem: String| Question::certificate(&root).trusting("authority", json!({"x509": {"pem": pem, "type": "ca"}}));
    for pem in [leaf.clone(), format!("{leaf}{}", root.pem())] {
        assert_eq!(chained(pem).load_error().pointer, "/rules/0/require/cosign/certificate/chain");
    }
    let signed = Signer::managed(Leaf::enterprise("Alice").key).sign_image(IMAGE);
    Table::new().refuse_each("the root alone", &chained(root.pem()), &[signed], "identity-mismatch").check();
}

/// Among the referrers there may be anything of anybody's, an index too.
#[test]
fn an_index_among_the_referrers_is_passed_over() {
    let (world, question) = world();
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
        "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": IMAGE, "size": 2}});
    let question = question.store(|store| {
        store.add_referrer(IMAGE, "application/vnd.oci.image.index.v1+json", &json!({}), index.to_string().into_bytes());
    });
    let signed = world.keyless(&Leaf::github()).both_forms();
    Table::new().accept_each("beside a signature", &question, &signed).refuse("alone", &question, "signature-not-found").check();
}

/// A demand that no artifact could fulfil is refused, not passed over.
#[test]
fn artifacts_have_no_claims_of_images() {
    let key = Key::p256("signer");
    let fault = |field: &str, value: Value| {
        let mut leaf = json!({"key": "signer", "transparency": "none"});
        leaf[field] = value;
        let config: CosignConfig = serde_json::from_value(leaf).unwrap();
        let anchor = Anchor::PublicKey(AnchorKey { pem: key.pem().into_bytes(), hash: None });
        let anchors = BTreeMap::from([("signer".to_owned(), anchor)]);
        ArtifactVerifier::new(&config, anchors, CryptoSet::rustcrypto()).err().map(|error| error.pointer)
    };
    assert_eq!(fault("transparency", json!("none")), None);
    assert_eq!(fault("annotations", json!({"environment": "production"})).as_deref(), Some("/annotations"));
    assert_eq!(fault("reference", json!("exact")).as_deref(), Some("/reference"));
    assert_eq!(fault("format", json!("simpleSigning")).as_deref(), Some("/format"));
}
