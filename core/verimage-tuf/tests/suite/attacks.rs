//! Section 7, row by row. What each check refuses in detail stands in `checks`, `pins`, `rotation` and `rules`.

use serde_json::{Value, json};
use verimage_tuf::{Check, DelegationName, Gun, Known, Pins, RoleName, TargetRule, TrustState, Wanted};

use crate::{
    Ask, assert_refused, at, base64, pinned,
    repository::{GUN, Repository, Server, digest, entry, root_key, rotate},
    sign::{Certificate, ECDSA_SHA1, Key, Signer},
};

const FORGER: Key = Key::P256("forger");

fn forged() -> Vec<Signer> {
    vec![Signer::bare(FORGER)]
}

#[track_caller]
fn assert_signature_refused(repository: &Repository, role: &str) {
    assert_refused(&Ask::default(), &repository.publish(), role, Check::Signatures, "signature-invalid");
}

#[test]
fn arbitrary_install_of_metadata_that_is_unsigned_or_signed_by_others() {
    let mut by_others = Repository::default();
    by_others.targets.signers = forged();
    assert_signature_refused(&by_others, "targets");
    // What was signed is changed, and everything above it made to fit (corpus case 05).
    let mut changed = Repository::default();
    changed.targets.tamper(|envelope| envelope["signed"]["targets"]["v1"] = entry("evil"));
    assert_signature_refused(&changed, "targets");
    let mut unsigned = Repository::default();
    unsigned.timestamp.tamper(|envelope| envelope["signatures"] = json!([]));
    assert_refused(&Ask::default(), &unsigned.publish(), "timestamp", Check::Signatures, "metadata-invalid");
}

#[test]
fn rollback_of_timestamp_snapshot_targets_and_root() {
    let mut newer = Repository::default();
    newer.versions(2);
    newer.root.version(2);
    let known = || Ask::default().run(&newer.publish()).known();
    for (role, edit) in [
        ("timestamp", (|repository| repository.timestamp.version(1)) as fn(&mut Repository)),
        ("snapshot", |repository| repository.snapshot.version(1)),
        ("targets", |repository| repository.targets.version(1)),
        ("root", |repository| repository.root.version(1)),
    ] {
        let mut older = Repository::default();
        older.versions(3);
        older.root.version(2);
        edit(&mut older);
        assert_refused(&Ask::known(known()), &older.publish(), role, Check::Rollback, "rollback-detected");
    }
}

#[test]
fn indefinite_freeze_by_a_timestamp_that_has_expired() {
    let mut frozen = Repository::default();
    frozen.timestamp.signed["expires"] = "2026-06-14T00:00:00Z".into();
    let server = frozen.publish();
    let run = Ask::default().run(&server);
    assert!(run.outcome.result.is_ok());
    let later = Ask { now: at("2026-06-14T00:00:01Z"), ..Ask::known(run.known().cache(run.outcome.cache.clone())) };
    assert_refused(&later, &server, "timestamp", Check::Expiry, "metadata-expired");
}

/// NCC 2, CVE-2015-9259: the expiry of the root was never looked at.
#[test]
fn freeze_through_a_root_that_has_expired() {
    let mut frozen = Repository::default();
    frozen.root.signed["expires"] = "2026-06-14T00:00:00Z".into();
    let server = frozen.publish();
    let run = Ask::default().run(&server);
    for ask in [Ask::default(), Ask::known(run.known()), Ask::known(run.known().cache(run.outcome.cache.clone()))] {
        assert_refused(&Ask { now: at("2026-06-14T00:00:01Z"), ..ask }, &server, "root", Check::Expiry, "metadata-expired");
    }
}

/// NCC 1, CVE-2015-9258: the method of an attacker picked the verifier.
#[test]
fn algorithm_confusion() {
    for (key, method) in [(Key::Ed25519("a"), "ecdsa"), (Key::P256("a"), "eddsa"), (Key::Rsa, "eddsa"), (Key::P256("a"), "rsapss")] {
        let repository = Repository::default().signed_by("targets", vec![Signer { method, ..Signer::bare(key) }]);
        assert_signature_refused(&repository, "targets");
    }
}

/// A transcript or a state file can say of any root that it was established under the pins.
#[test]
fn a_state_that_holds_the_root_of_a_stranger() {
    let strange = |version| {
        let mut repository = Repository::default().signed_by("root", vec![root_key("forger")]);
        repository.root.version(version);
        repository
    };
    let honest: Value =
        serde_json::from_slice(&Ask::default().run(&Repository::default().publish()).outcome.state.unwrap().to_json()).unwrap();
    for version in [1, 2, 5] {
        let server = strange(version).publish();
        let first_use = Ask { pins: Pins::insecure_trust_on_first_use(), ..Ask::default() }.run(&server);
        let mut forged: Value = serde_json::from_slice(&first_use.outcome.state.unwrap().to_json()).unwrap();
        forged["anchor"] = honest["anchor"].clone();
        let known = Known::state(TrustState::from_json(forged.to_string().as_bytes()).unwrap());
        assert_refused(&Ask::known(known.clone()), &server, "root", Check::Pin, "certificate-untrusted");
        // Nor does one that is made up vouch for another.
        let next = rotate(vec![strange(1), strange(2), strange(3), strange(4), strange(5), strange(6)]);
        assert_refused(&Ask::known(known), &next, "root", Check::Pin, "certificate-untrusted");
    }
}

#[test]
fn mix_and_match_of_valid_files() {
    let mut newer = Repository::default();
    newer.versions(2);
    newer.targets.signed["targets"]["v1"] = entry("new v1");
    let (old, new) = (Repository::default().publish(), newer.publish());
    for (file, role) in [("targets.json", "targets"), ("snapshot.json", "snapshot")] {
        let mut mixed = new.clone();
        mixed.put(file, &old);
        assert_refused(&Ask::default(), &mixed, role, Check::Hash, "metadata-invalid");
    }
    let mut other_root = Repository::default();
    other_root.root.signed["other"] = true.into();
    let mut mixed = new.clone();
    mixed.put("root.json", &other_root.publish());
    assert_refused(&Ask::default(), &mixed, "root", Check::Hash, "metadata-invalid");
}

#[test]
fn endless_data() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let mut server = Repository::default().publish();
        server.files.get_mut(&format!("{role}.json")).unwrap().resize(32 << 20, b' ');
        for reads_on in [false, true] {
            let failure = Ask::default().failure(&Server { reads_on, ..server.clone() });
            assert_eq!(failure.role.to_string(), role);
            assert!(["limit-exceeded", "metadata-invalid"].contains(&failure.kind().as_str()));
        }
    }
}

/// A stolen key is of use for its own role only.
#[test]
fn keys_of_one_role_do_not_sign_for_another() {
    for (role, thief) in [("root", "timestamp"), ("timestamp", "snapshot"), ("snapshot", "timestamp"), ("targets", "snapshot")] {
        let mut repository = Repository::default();
        let stolen = vec![Signer::bare(Key::P256(thief))];
        match role {
            "root" => repository.root.signers = stolen,
            "timestamp" => repository.timestamp.signers = stolen,
            "snapshot" => repository.snapshot.signers = stolen,
            _ => repository.targets.signers = stolen,
        }
        assert_signature_refused(&repository, role);
    }
}

/// Two signatures by one ID, one key under two types, one key with two certificates.
#[test]
fn the_same_key_counted_twice() {
    let key = Key::P256("targets");
    let certified = |name| Signer::certified(key, &[Certificate::new(name, key).self_signed()]);
    for signers in
        [vec![Signer::bare(key), Signer::bare(key)], vec![Signer::bare(key), certified("a")], vec![certified("a"), certified("b")]]
    {
        let mut repository = Repository::default().signed_by("targets", signers);
        repository.threshold("targets", 2);
        assert_refused(&Ask::default(), &repository.publish(), "targets", Check::Threshold, "threshold-not-met");
    }
}

#[test]
fn key_id_spoofing() {
    // The forger's key under the ID of the right one.
    let right = Signer::bare(Key::P256("targets"));
    let spoofed = Signer { false_id: Some(right.id()), ..Signer::bare(FORGER) };
    let repository = Repository::default().signed_by("targets", vec![spoofed]);
    assert_refused(&Ask::default(), &repository.publish(), "targets", Check::KeyId, "metadata-invalid");
    // One key under two IDs, to count twice (corpus case 11).
    let twin = Signer { false_id: Some("0".repeat(64)), ..right.clone() };
    let mut repository = Repository::default().signed_by("targets", vec![right, twin]);
    repository.threshold("targets", 2);
    assert_refused(&Ask::default(), &repository.publish(), "targets", Check::KeyId, "metadata-invalid");
}

/// Each of them in detail in `rotation`.
#[test]
fn root_swap_gap_and_wrong_number_at_rotation() {
    let root = |version, signers: &[&'static str]| {
        let mut repository = Repository::default().signed_by("root", vec![root_key("new")]);
        repository.root.signers = signers.iter().map(|name| root_key(name)).collect();
        repository.root.version(version);
        repository
    };
    let known = || Ask::default().run(&Repository::default().publish()).known();
    let swapped = rotate(vec![Repository::default(), root(2, &["new"])]);
    assert_refused(&Ask::known(known()), &swapped, "root", Check::Rotation, "signature-invalid");
    let good = rotate(vec![Repository::default(), root(2, &["new", "root"]), root(3, &["new"])]);
    Ask::known(known()).evidence(&good);
    assert_refused(&Ask::known(known()), &good.clone().without("2.root.json"), "root", Check::Availability, "metadata-invalid");
    let mut misnumbered = good;
    misnumbered.files.insert("2.root.json".to_owned(), misnumbered.files["3.root.json"].clone());
    assert_refused(&Ask::known(known()), &misnumbered, "root", Check::Rotation, "metadata-invalid");
}

/// The metadata do not name their collection; the certificate of the root key does.
#[test]
fn metadata_of_another_collection() {
    let certificate = Certificate::new("registry.example.com/team/other", Key::P256("root"));
    let signer = Signer::certified(Key::P256("root"), &[certificate.self_signed()]);
    let server = Repository::default().signed_by("root", vec![signer]).publish();
    assert_refused(&Ask::default(), &server, "root", Check::Pin, "reference-mismatch");
    let bare = Repository::default().signed_by("root", vec![Signer::bare(Key::P256("root"))]).publish();
    assert_refused(&Ask::default(), &bare, "root", Check::Pin, "certificate-untrusted");
}

#[test]
fn threshold_zero_or_a_role_that_is_missing() {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let mut zero = Repository::default();
        zero.threshold(role, 0);
        assert_refused(&Ask::default(), &zero.publish(), "root", Check::Roles, "metadata-invalid");
        let mut missing = Repository::default();
        missing.root.signed["roles"].as_object_mut().unwrap().remove(role);
        assert_refused(&Ask::default(), &missing.publish(), "root", Check::Roles, "metadata-invalid");
    }
}

#[test]
fn delegations_outside_their_paths_or_below_another_parent() {
    let mut repository = Repository::default();
    repository.delegate("targets/ci", "ci", &["dev-"]).signed["targets"] = json!({"v9": entry("v9")});
    let ci = Ask { rule: TargetRule::all_of(vec![DelegationName::from_short("ci").unwrap()]).unwrap(), ..Ask::tag("v9") };
    for ask in [Ask::tag("v9"), ci] {
        assert_eq!(ask.failure(&repository.publish()).kind().as_str(), "signature-not-found");
    }
    // `targets` declares a grandchild, and a child declares its own sister.
    let mut foreign = Repository::default();
    foreign.delegate_tag("targets/a", "a", "v9", "v9");
    foreign.targets.signed["delegations"]["roles"][0]["name"] = "targets/b/a".into();
    assert_refused(&Ask::default(), &foreign.publish(), "targets", Check::Delegation, "metadata-invalid");
    let mut sister = Repository::default();
    sister.delegate_tag("targets/releases", "releases", "v9", "v9");
    sister.delegate("targets/releases/a", "a", &[""]);
    sister.delegations.get_mut("targets/releases").unwrap().signed["delegations"]["roles"][0]["name"] = "targets/b".into();
    assert_refused(&Ask::default(), &sister.publish(), "targets/releases", Check::Delegation, "metadata-invalid");
}

/// The reference takes the tag from `targets` where `targets/releases` has expired or is not signed as it should be.
#[test]
fn fallback_from_a_delegation_that_is_broken_or_withheld() {
    let with = |edit: fn(&mut Repository)| {
        let mut repository = Repository::default();
        repository.delegate_tag("targets/releases", "releases", "v1", "released");
        edit(&mut repository);
        repository.publish()
    };
    fn releases(repository: &mut Repository) -> &mut crate::repository::Role {
        repository.delegations.get_mut("targets/releases").unwrap()
    }
    assert_eq!(Ask::default().evidence(&with(|_| {})).digest.to_string(), digest("released"));
    for (server, kind) in [
        (with(|repository| releases(repository).signed["expires"] = "2020-01-01T00:00:00Z".into()), "metadata-expired"),
        (with(|repository| releases(repository).signers = forged()), "signature-invalid"),
        (with(|repository| releases(repository).signed["_type"] = "targets".into()), "metadata-invalid"),
        (with(|_| {}).without("targets/releases.json"), "delegation-missing"),
    ] {
        for rule in [TargetRule::docker(), TargetRule::released(), TargetRule::all_of(vec![DelegationName::releases()]).unwrap()] {
            let failure = Ask { rule, ..Ask::default() }.failure(&server);
            assert_eq!((failure.role.to_string().as_str(), failure.kind().as_str()), ("targets/releases", kind));
        }
    }
}

/// A server with the key of the snapshot leaves a delegation out, so that an old entry of `targets` counts.
#[test]
fn a_delegation_that_was_seen_is_withheld() {
    let with = |key: &'static str, edit: fn(&mut Repository)| {
        let mut repository = Repository::default();
        repository.delegate_tag("targets/releases", key, "v1", "released").version(3);
        edit(&mut repository);
        repository.publish()
    };
    let hide: fn(&mut Repository) =
        |repository| repository.snapshot.amend(|signed| drop(signed["meta"].as_object_mut().unwrap().remove("targets/releases")));
    let hiding = with("releases", hide);
    for rule in [TargetRule::docker(), TargetRule::released()] {
        let ask = Ask { rule, ..Ask::default() };
        let known = ask.run(&with("releases", |_| {})).known();
        let knowing = Ask { known, ..ask.clone() };
        assert_refused(&knowing, &hiding, "targets/releases", Check::Rollback, "rollback-detected");
        // Nobody knows it without a state, where it is declared no more, or where it is another one by its keys.
        assert_eq!(ask.evidence(&hiding).digest.to_string(), digest("v1"));
        assert_eq!(knowing.evidence(&Repository::default().publish()).digest.to_string(), digest("v1"));
        assert_eq!(knowing.evidence(&with("others", hide)).digest.to_string(), digest("v1"));
    }
    // One that may not sign the tag is not looked for.
    let known = Ask::default().run(&with("releases", |_| {})).known();
    let elsewhere: fn(&mut Repository) = |repository| {
        repository.targets.signed["delegations"]["roles"][0]["paths"] = json!(["dev-"]);
        repository.snapshot.amend(|signed| drop(signed["meta"].as_object_mut().unwrap().remove("targets/releases")));
    };
    Ask::known(known).evidence(&with("releases", elsewhere));
}

/// A delegation that was made anew begins at version 1, under keys that are all others; one key is enough to be the same.
#[test]
fn a_delegation_that_was_made_anew_does_not_lock_out_for_ever() {
    let with = |key: &'static str, targets: u64, version: u64| {
        let mut repository = Repository::default();
        repository.targets.version(targets);
        repository.delegate_tag("targets/releases", key, "v1", "released").version(version);
        repository
    };
    let known = || Ask::default().run(&with("releases", 2, 9).publish()).known();
    assert_refused(&Ask::known(known()), &with("releases", 3, 1).publish(), "targets/releases", Check::Rollback, "rollback-detected");
    let run = Ask::known(known()).run(&with("others", 3, 1).publish());
    assert!(run.outcome.result.is_ok(), "{:?}", run.outcome.result);
    assert_eq!(run.outcome.state.as_ref().unwrap().versions()[&RoleName::parse("targets/releases").unwrap()], 1);
    // Who declares it is held to its own version, and the new keys are those that are known then.
    assert_refused(&Ask::known(known()), &with("others", 1, 1).publish(), "targets", Check::Rollback, "rollback-detected");
    assert_refused(&Ask::known(run.known()), &with("releases", 2, 9).publish(), "targets", Check::Rollback, "rollback-detected");
    let mut both = with("others", 3, 1);
    let old = Signer::bare(Key::P256("releases"));
    let delegations = &mut both.targets.signed["delegations"];
    delegations["keys"][old.id()] = old.listed();
    delegations["roles"][0]["keyids"].as_array_mut().unwrap().push(old.id().into());
    assert_refused(&Ask::known(known()), &both.publish(), "targets/releases", Check::Rollback, "rollback-detected");
}

#[test]
fn required_signers_that_are_missing_or_disagree() {
    let mut repository = Repository::default();
    repository.delegate_tag("targets/alice", "alice", "v1", "v1");
    repository.delegate_tag("targets/bob", "bob", "v1", "other");
    repository.delegate("targets/carol", "carol", &[""]);
    let required = |names: &[&str]| {
        let names = names.iter().map(|name| DelegationName::from_short(name).unwrap()).collect();
        Ask { rule: TargetRule::all_of(names).unwrap(), ..Ask::default() }
    };
    let server = repository.publish();
    required(&["alice"]).evidence(&server);
    assert_eq!(required(&["alice", "bob"]).failure(&server).kind().as_str(), "tag-digest-mismatch");
    assert_eq!(required(&["alice", "carol"]).failure(&server).kind().as_str(), "signature-not-found");
    assert_eq!(required(&["alice", "dave"]).failure(&server).kind().as_str(), "delegation-missing");
}

/// Cure53 TUF-01-001.
#[test]
fn members_that_are_not_signed_twice_there_or_odd_numbers() {
    let replaced = |from: &'static str, to: &'static str| {
        let mut server = Repository::default().publish();
        let text = String::from_utf8(server.files["timestamp.json"].clone()).unwrap();
        assert!(text.contains(from));
        server.files.insert("timestamp.json".to_owned(), text.replacen(from, to, 1).into_bytes());
        server
    };
    for (from, to) in [
        ("\"version\":1", "\"version\":1,\"version\":1"),
        ("\"version\":1", "\"version\":1.0"),
        ("\"version\":1", "\"version\":1e0"),
        ("\"version\":1", "\"version\":1,\"more\":18446744073709551615"),
        ("\"signed\"", "\"signed\":{},\"signed\""),
        ("\"_type\"", "\"\\u005ftype\":\"Timestamp\",\"_type\""),
        ("\"Timestamp\"", "\"Timestamp\",\"x\":\"\\ud800\""),
    ] {
        assert_refused(&Ask::default(), &replaced(from, to), "timestamp", Check::Structure, "metadata-invalid");
    }
    // Beside what is signed, nothing counts: neither here nor in what is told.
    let server = replaced("\"signatures\"", "\"version\":99,\"signatures\"");
    assert_eq!(Ask::default().evidence(&server).roles[1].version, 1);
}

/// NCC 3, Cure53 TUF-01-002: a stolen key signs a huge version. New keys in the root begin anew.
#[test]
fn a_huge_version_does_not_lock_out_for_ever() {
    let mut huge = Repository::default();
    huge.timestamp.version(i64::MAX as u64);
    huge.snapshot.version(i64::MAX as u64);
    let known = || Ask::default().run(&huge.publish()).known();
    assert_refused(&Ask::known(known()), &Repository::default().publish(), "timestamp", Check::Rollback, "rollback-detected");
    let new = |name| vec![Signer::bare(Key::P256(name))];
    let mut cured = Repository::default().signed_by("timestamp", new("new timestamp")).signed_by("snapshot", new("new snapshot"));
    cured.root.version(2);
    let run = Ask::known(known()).run(&rotate(vec![huge, cured]));
    assert!(run.outcome.result.is_ok(), "{:?}", run.outcome.result);
    assert_eq!(run.outcome.state.unwrap().versions()[&RoleName::Timestamp], 1);
}

/// Cure53 TUF-01-004: names become URLs and file names.
#[test]
fn path_traversal_by_the_name_of_a_collection_or_of_a_role() {
    for name in ["registry.example.com/../../etc", "/etc", "a//b", "a/./b", "a/b*", "a\\b"] {
        assert!(Gun::new(name).is_err(), "{name}");
    }
    for name in ["targets/../root", "targets/..", "targets/a/../../root", "targets/%2e%2e", "/targets/a", "targets/a\0"] {
        let mut repository = Repository::default();
        repository.delegate_tag("targets/a", "a", "v1", "v1");
        repository.targets.signed["delegations"]["roles"][0]["name"] = name.into();
        assert_refused(&Ask::default(), &repository.publish(), "targets", Check::Delegation, "metadata-invalid");
    }
}

/// Names are read byte by byte: a long one costs no more than its length.
#[test]
fn long_names_of_delegations_cost_little() {
    let name = format!("targets/{}", "a-".repeat(1 << 20));
    assert!(DelegationName::new(&name).is_err() && DelegationName::from_short(&name).is_err());
    let mut repository = Repository::default();
    repository.delegate_tag("targets/a", "a", "v1", "v1");
    repository.targets.signed["delegations"]["roles"][0]["name"] = name.into();
    assert_refused(&Ask::default(), &repository.publish(), "targets", Check::Delegation, "metadata-invalid");
}

#[test]
fn weak_rsa_sha1_authorities_as_keys_and_two_leaves() {
    let weak = Repository::default().signed_by("targets", vec![Signer::bare(Key::ShortRsa)]);
    assert_signature_refused(&weak, "targets");
    let key = Key::P256("root");
    let leaf = Certificate::new(GUN, key);
    let sha1 = Certificate { algorithm: ECDSA_SHA1, ..leaf.clone() };
    for bundle in
        [vec![sha1.self_signed()], vec![Certificate::authority(GUN, key).self_signed()], vec![leaf.self_signed(), leaf.self_signed()]]
    {
        let server = Repository::default().signed_by("root", vec![Signer::certified(key, &bundle)]).publish();
        assert_refused(&Ask::default(), &server, "root", Check::Pin, "certificate-untrusted");
    }
}

/// What is judged is a digest; a tag that moved since is told.
#[test]
fn a_tag_that_moved_between_check_and_pull() {
    let wanted = Wanted::TagAndDigest { tag: "v1".to_owned(), digest: digest("v1").parse().unwrap() };
    let ask = Ask { wanted, ..Ask::default() };
    assert_eq!(ask.evidence(&Repository::default().publish()).digest.to_string(), digest("v1"));
    let mut moved = Repository::default();
    moved.targets.signed["targets"]["v1"] = entry("moved");
    assert_refused(&ask, &moved.publish(), "targets", Check::Agreement, "tag-digest-mismatch");
}

/// A server that holds the keys of timestamp and snapshot can hide a delegation; one that is demanded is missed. It cannot add
/// targets, nor widen what a delegation may sign.
#[test]
fn a_server_that_was_taken_over() {
    let mut hiding = Repository::default();
    hiding.delegate_tag("targets/alice", "alice", "v1", "v1");
    hiding.snapshot.amend(|signed| drop(signed["meta"].as_object_mut().unwrap().remove("targets/alice")));
    let alice = Ask { rule: TargetRule::all_of(vec![DelegationName::from_short("alice").unwrap()]).unwrap(), ..Ask::default() };
    assert_refused(&alice, &hiding.publish(), "targets/alice", Check::Delegation, "delegation-missing");
    let mut adding = Repository::default();
    adding.targets.tamper(|envelope| envelope["signed"]["targets"]["v2"] = json!({"length": 1, "hashes": {"sha256": base64(&[7; 32])}}));
    let ask = Ask { wanted: Wanted::Tag("v2".to_owned()), pins: pinned("root"), ..Ask::default() };
    assert_refused(&ask, &adding.publish(), "targets", Check::Signatures, "signature-invalid");
}
