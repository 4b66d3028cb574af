//! `sigstoreSigned` of containers `policy.json` (containers-policy.json(5)): keys with logs, Fulcio, and certificates of one's own,
//! over signatures as cosign makes them. Most of what must not be accepted differs from what must in one thing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{Value, json};
use verimage_tests::instance::{
    AUTHORITY_YEARS, AlternativeName, Authority, EMAIL_ISSUER, EMAIL_SUBJECT, IMAGE, IMAGE_MANIFEST, ISSUED, Instance, Key, Leaf, NOW,
    Question, Signed, Signer, Table, base64,
};

const HOST: &str = "signer.example.com";

fn data(pem: &str) -> String {
    base64(pem.as_bytes())
}

/// Whether a requirement with these members holds for what was signed.
fn ask(members: &Value, signed: &Signed) -> Question {
    let mut requirement = members.clone();
    requirement["type"] = "sigstoreSigned".into();
    requirement["signedIdentity"] = json!({"type": "matchRepository"});
    let asked = Question::written(json!({"default": [requirement]})).signed(&[signed]);
    asked.store(|store| drop(store.manifests.insert(IMAGE.to_owned(), IMAGE_MANIFEST.to_vec())))
}

fn with(members: &Value, pointer: &str, value: impl Into<Value>) -> Value {
    let mut changed = members.clone();
    *changed.pointer_mut(pointer).unwrap() = value.into();
    changed
}

fn image(signer: &Signer) -> Signed {
    signer.sign_image(IMAGE)
}

#[test]
fn keys_need_an_entry_in_one_of_the_logs() {
    let (world, key, other) = (Instance::new(), Key::p256("signer"), Key::p256("other"));
    let signed = image(&world.managed(&key));
    let with_log = |log: &Key| json!({"keyData": data(&key.pem()), "rekorPublicKeyData": data(&log.pem())});
    let one = with_log(&world.rekor.key);
    let several = json!({"keyDatas": [data(&other.pem()), data(&key.pem())],
        "rekorPublicKeyDatas": [data(&other.pem()), data(&world.rekor.key.pem())]});
    let elsewhere = json!({"keyDatas": [data(&other.pem())], "rekorPublicKeyDatas": [data(&world.rekor.key.pem())]});
    let mut promised_otherwise = signed.clone();
    promised_otherwise.entries = image(&world.managed(&other)).entries;
    Table::new()
        .accept("the log's key", &ask(&one, &signed))
        .accept("one of several keys and of several logs", &ask(&several, &signed))
        .accept("no log demanded", &ask(&json!({"keyData": data(&key.pem())}), &signed))
        .refuse("another log's key", &ask(&with_log(&other), &signed), "log-missing")
        .refuse("no entry", &ask(&one, &image(&Signer::managed(key.clone()))), "log-missing")
        .refuse("the entry of another signature", &ask(&one, &promised_otherwise), "log-entry-mismatch")
        .refuse("another signer", &ask(&elsewhere, &signed), "signature-invalid")
        .check();
}

#[test]
fn fulcio_names_address_and_issuer_at_the_time_of_the_log() {
    let world = Instance::new();
    let other = Authority::root("other root", Key::p256("other root"), AUTHORITY_YEARS);
    let policy = json!({
        "fulcio": {"caData": data(&world.root.pem()), "oidcIssuer": EMAIL_ISSUER, "subjectEmail": EMAIL_SUBJECT},
        "rekorPublicKeyData": data(&world.rekor.key.pem()),
    });
    let signed_by = |leaf: &Leaf| image(&world.keyless(leaf));
    let signed = signed_by(&Leaf::email());
    let as_uri = Leaf { names: vec![AlternativeName::Uri(EMAIL_SUBJECT.to_owned())], ..Leaf::email() };
    let later = Leaf { not_before: ISSUED + 3600, not_after: ISSUED + 7200, ..Leaf::email() };
    let without_log = Signer { logs: Vec::new(), ..world.keyless(&Leaf::email()) };
    Table::new()
        .accept("address and issuer", &ask(&policy, &signed))
        .accept("years later", &ask(&policy, &signed).at(NOW + 365 * 24 * 3600))
        .refuse("another address", &ask(&with(&policy, "/fulcio/subjectEmail", "bob@example.com"), &signed), "identity-mismatch")
        .refuse("the address in capitals", &ask(&with(&policy, "/fulcio/subjectEmail", "Alice@example.com"), &signed), "identity-mismatch")
        .refuse("another issuer", &ask(&with(&policy, "/fulcio/oidcIssuer", "https://evil.example"), &signed), "identity-mismatch")
        .refuse("the same text as another kind of name", &ask(&policy, &signed_by(&as_uri)), "identity-mismatch")
        .refuse("a workflow", &ask(&policy, &signed_by(&Leaf::github())), "identity-mismatch")
        .refuse("another authority", &ask(&with(&policy, "/fulcio/caData", data(&other.pem())), &signed), "certificate-untrusted")
        .refuse("a certificate of later", &ask(&policy, &signed_by(&later)), "certificate-expired")
        .refuse("no log", &ask(&policy, &image(&without_log)), "log-missing")
        .check();
}

#[test]
fn an_authority_of_ones_own_names_address_host_or_both() {
    let root = Authority::root("corp root", Key::p256("corp root"), AUTHORITY_YEARS);
    let between = root.below("corp issuing", Key::p256("corp issuing"));
    let other = Authority::root("other root", Key::p256("other root"), AUTHORITY_YEARS);
    let (mail, host) = (AlternativeName::Email(EMAIL_SUBJECT.to_owned()), AlternativeName::Dns(HOST.to_owned()));
    let leaf = |names: &[&AlternativeName]| Leaf {
        names: names.iter().copied().cloned().collect(),
        not_after: NOW + 1000,
        ..Leaf::enterprise("Release")
    };
    let signed_with = |leaf: &Leaf, chain: Vec<Vec<u8>>| {
        image(&Signer { certificate: Some(leaf.issue(&between, &[])), chain, ..Signer::managed(leaf.key.clone()) })
    };
    let both = signed_with(&leaf(&[&mail, &host]), vec![between.certificate()]);
    let bare = signed_with(&leaf(&[&mail, &host]), Vec::new());
    let mail_only = signed_with(&leaf(&[&mail]), vec![between.certificate()]);
    let by_mail = json!({"pki": {"caRootsData": data(&root.pem()), "subjectEmail": EMAIL_SUBJECT}});
    let by_host = json!({"pki": {"caRootsData": data(&root.pem()), "subjectHostname": HOST}});
    let by_both = json!({"pki": {"caRootsData": data(&root.pem()), "subjectEmail": EMAIL_SUBJECT, "subjectHostname": HOST}});
    let with_between = |authority: &Authority| {
        let mut policy = by_mail.clone();
        policy["pki"]["caIntermediatesData"] = data(&authority.pem()).into();
        policy
    };
    let foreign_root = with(&with_between(&root), "/pki/caRootsData", data(&other.pem()));
    let expired = Leaf { not_after: NOW - 1, ..leaf(&[&mail]) };
    Table::new()
        .accept("by address", &ask(&by_mail, &both))
        .accept("by host", &ask(&by_host, &both))
        .accept("by both", &ask(&by_both, &both))
        .accept("the policy has what is between", &ask(&with_between(&between), &bare))
        .refuse("nobody has what is between", &ask(&by_mail, &bare), "certificate-untrusted")
        .refuse("one of two names", &ask(&by_both, &mail_only), "identity-mismatch")
        .refuse("the host where an address is wanted", &ask(&with(&by_mail, "/pki/subjectEmail", HOST), &both), "identity-mismatch")
        .refuse("the address where a host is wanted", &ask(&by_host, &mail_only), "identity-mismatch")
        .refuse("a root between is no anchor", &ask(&foreign_root, &both), "certificate-untrusted")
        .refuse("another root", &ask(&with(&by_mail, "/pki/caRootsData", data(&other.pem())), &both), "certificate-untrusted")
        .refuse("run out", &ask(&by_mail, &signed_with(&expired, vec![between.certificate()])), "certificate-expired")
        .check();
}

#[test]
fn what_is_wrong_with_material_is_said_where_it_stands() {
    let (world, key) = (Instance::new(), Key::p256("signer"));
    let signed = image(&world.managed(&key));
    let good = json!({"keyData": data(&key.pem()), "rekorPublicKeyData": data(&world.rekor.key.pem())});
    for (policy, pointer) in [
        (with(&good, "/rekorPublicKeyData", data("no key")), "/default/0"),
        (with(&good, "/rekorPublicKeyData", data(&world.root.pem())), "/default/0"),
        (json!({"pki": {"caRootsData": data(&key.pem()), "subjectEmail": "e"}}), "/default/0"),
        (json!({"pki": {"caRootsData": data(&world.root.pem()), "caIntermediatesData": data("x"), "subjectEmail": "e"}}), "/default/0"),
    ] {
        let error = ask(&policy, &signed).load_error();
        assert!(error.pointer.starts_with(pointer), "{policy}: {error}");
    }
}
