//! Section 3: each check with what passes it and what does not.

use jiff::SignedDuration;
use serde_json::{Value, json};
use verimage_tuf::{Check, DelegationName, Limits, TargetRule};

use crate::{
    Ask, assert_refused, at, base64,
    repository::{Repository, Server, digest, entry},
    sign::{Key, Signer},
};

fn publish(edit: impl FnOnce(&mut Repository)) -> Server {
    let mut repository = Repository::default();
    edit(&mut repository);
    repository.publish()
}

/// The same, for the tests of a check that is to pass.
#[track_caller]
fn assert_accepted(server: &Server) {
    assert_eq!(Ask::default().evidence(server).digest.to_string(), digest("v1"));
}

#[test]
fn a_good_collection_gives_the_digest_and_its_evidence() {
    let evidence = Ask::default().evidence(&Repository::default().publish());
    assert_eq!((evidence.digest.to_string(), evidence.length, evidence.target.as_str()), (digest("v1"), 1000, "v1"));
    let roles: Vec<_> = evidence.roles.iter().map(|role| (role.role.to_string(), role.version, role.signers.len())).collect();
    let expected = ["root", "timestamp", "snapshot", "targets"].map(|role| (role.to_owned(), 1, 1));
    assert_eq!(roles, expected);
    assert_eq!(evidence.root_keys, [crate::public(Key::P256("root"))]);
}

#[test]
fn c1_size() {
    let padded = |role: &str, size: usize| {
        let mut server = Repository::default().publish();
        let file = server.files.get_mut(&format!("{role}.json")).unwrap();
        file.resize(size, b' ');
        server
    };
    // The timestamp is named by nobody, so that it may be as large as its limit.
    assert_accepted(&padded("timestamp", 1 << 20));
    for role in ["timestamp", "root"] {
        for reads_on in [false, true] {
            let server = Server { reads_on, ..padded(role, (1 << 20) + 1) };
            assert_refused(&Ask::default(), &server, role, Check::Size, "limit-exceeded");
        }
    }
    // A size that was announced is refused before anything is fetched.
    let edit = |expectation: verimage_tuf::Expectation| {
        let mut limits = Limits::default();
        limits.snapshot = 100;
        expectation.limits(limits)
    };
    let run = Ask { edit, ..Ask::default() }.run(&Repository::default().publish());
    assert_eq!(run.outcome.result.unwrap_err().kind().as_str(), "limit-exceeded");
    assert_eq!(run.rounds.len(), 1);
}

#[test]
fn c2_hash() {
    let wrong = base64(&[7; 32]);
    for (role, named_in) in [("snapshot", "timestamp"), ("targets", "snapshot"), ("root", "snapshot")] {
        for algorithm in ["sha256", "sha512"] {
            let value = if algorithm == "sha512" { base64(&[7; 64]) } else { wrong.clone() };
            let server = publish(|repository| {
                let parent = if named_in == "timestamp" { &mut repository.timestamp } else { &mut repository.snapshot };
                parent.amend(move |signed| signed["meta"][role]["hashes"][algorithm] = value.clone().into());
            });
            assert_refused(&Ask::default(), &server, role, Check::Hash, "metadata-invalid");
        }
    }
    // SHA-512 may be missing, SHA-256 may not; other algorithms say nothing.
    let edit = |name: &'static str, value: Value| {
        publish(|repository| repository.snapshot.amend(move |signed| signed["meta"]["targets"]["hashes"][name] = value.clone()))
    };
    let removed = |name: &'static str| {
        publish(|repository| {
            repository.snapshot.amend(move |signed| drop(signed["meta"]["targets"]["hashes"].as_object_mut().unwrap().remove(name)))
        })
    };
    assert_accepted(&removed("sha512"));
    assert_accepted(&edit("sha3-256", "anything".into()));
    assert_refused(&Ask::default(), &removed("sha256"), "snapshot", Check::Hash, "metadata-invalid");
    for odd in [json!(base64(&[7; 31])), json!(null), json!(1), json!("no base64")] {
        assert_refused(&Ask::default(), &edit("sha256", odd.clone()), "snapshot", Check::Hash, "metadata-invalid");
        assert_refused(&Ask::default(), &edit("sha512", odd), "snapshot", Check::Hash, "metadata-invalid");
    }
}

/// The reference takes the length as an upper bound.
#[test]
fn c3_length() {
    let by = |role: &'static str, change: i64| {
        publish(|repository| {
            let parent = if role == "snapshot" { &mut repository.timestamp } else { &mut repository.snapshot };
            parent.amend(move |signed| {
                let length = &mut signed["meta"][role]["length"];
                *length = (length.as_i64().unwrap() + change).into();
            });
        })
    };
    for role in ["snapshot", "targets", "root"] {
        assert_accepted(&by(role, 0));
        for change in [1, -1] {
            assert_refused(&Ask::default(), &by(role, change), role, Check::Length, "metadata-invalid");
            let server = Server { reads_on: true, ..by(role, change) };
            assert_refused(&Ask::default(), &server, role, Check::Length, "metadata-invalid");
        }
    }
}

#[test]
fn c4_type() {
    for (role, kinds) in [
        ("targets", ["targets", "Snapshot"]),
        ("root", ["root", "Targets"]),
        ("timestamp", ["timestamp", ""]),
        ("snapshot", ["snapshot", "Timestamp"]),
    ] {
        for kind in kinds {
            let server = publish(|repository| role_of(repository, role).signed["_type"] = kind.into());
            assert_refused(&Ask::default(), &server, role, Check::Type, "metadata-invalid");
        }
    }
}

fn role_of<'a>(repository: &'a mut Repository, role: &str) -> &'a mut crate::repository::Role {
    match role {
        "root" => &mut repository.root,
        "timestamp" => &mut repository.timestamp,
        "snapshot" => &mut repository.snapshot,
        _ => &mut repository.targets,
    }
}

#[test]
fn c5_version() {
    let with = |role: &str, version: Value| publish(|repository| role_of(repository, role).signed["version"] = version);
    for role in ["root", "timestamp", "snapshot", "targets"] {
        assert_accepted(&with(role, json!(7)));
        for version in [json!(0), json!(-1), json!("1"), json!(null)] {
            assert_refused(&Ask::default(), &with(role, version), role, Check::Version, "metadata-invalid");
        }
    }
    assert_accepted(&with("targets", json!(i64::MAX)));
    assert_refused(&Ask::default(), &with("targets", json!(1.0)), "targets", Check::Structure, "metadata-invalid");
    assert_refused(&Ask::default(), &with("targets", json!(u64::MAX)), "targets", Check::Structure, "metadata-invalid");
}

#[test]
fn c6_roles() {
    let with = |edit: fn(&mut Value)| publish(|repository| edit(&mut repository.root.signed["roles"]));
    assert_accepted(&with(|roles| roles["mirrors"] = json!({"keyids": ["nobody"], "threshold": 0})));
    assert_accepted(&with(|roles| roles["targets"]["keyids"].as_array_mut().unwrap().extend_from_within(..)));
    for edit in [
        (|roles| roles["targets"]["threshold"] = json!(0)) as fn(&mut Value),
        |roles| roles["root"]["threshold"] = json!(-1),
        |roles| roles["snapshot"]["keyids"] = json!(["nobody"]),
        |roles| drop(roles.as_object_mut().unwrap().remove("timestamp")),
    ] {
        assert_refused(&Ask::default(), &with(edit), "root", Check::Roles, "metadata-invalid");
    }
    let releases = |edit: fn(&mut Value)| {
        publish(|repository| {
            repository.delegate_tag("targets/releases", "releases", "v1", "v1");
            edit(&mut repository.targets.signed["delegations"]["roles"][0]);
        })
    };
    assert_accepted(&releases(|_| {}));
    assert_refused(&Ask::default(), &releases(|role| role["threshold"] = json!(0)), "targets", Check::Roles, "metadata-invalid");
    assert_refused(&Ask::default(), &releases(|role| role["keyids"] = json!(["nobody"])), "targets", Check::Roles, "metadata-invalid");
}

#[test]
fn c7_key_id() {
    let falsely_listed = Signer { false_id: Some("ab".repeat(32)), ..Signer::bare(Key::P256("targets")) };
    let server = Repository::default().signed_by("targets", vec![falsely_listed.clone()]).publish();
    assert_refused(&Ask::default(), &server, "targets", Check::KeyId, "metadata-invalid");
    // An error, not a signature that is passed over.
    let server = Repository::default().signed_by("targets", vec![Signer::bare(Key::P256("targets")), falsely_listed.clone()]).publish();
    assert_refused(&Ask::default(), &server, "targets", Check::KeyId, "metadata-invalid");
    // One with which nobody signed harms nobody.
    let mut repository = Repository::default();
    repository.root.signed["keys"][falsely_listed.id()] = falsely_listed.listed();
    assert_accepted(&repository.publish());
    // `private` is null in the ID, whether or not it is there.
    let mut repository = Repository::default();
    let keys = repository.root.signed["keys"].as_object_mut().unwrap();
    keys.values_mut().for_each(|key| drop(key["keyval"].as_object_mut().unwrap().remove("private")));
    assert_accepted(&repository.publish());
}

#[test]
fn c8_signatures() {
    let with = |edit: fn(&mut Value)| publish(|repository| repository.targets.tamper(move |envelope| edit(&mut envelope["signatures"])));
    // What is not known or does not verify is passed over.
    assert_accepted(&with(|signatures| {
        let good = signatures[0].clone();
        let mut others = [good.clone(), good.clone(), good.clone()];
        others[0]["keyid"] = "nobody".into();
        others[1]["method"] = "pycrypto-pkcs#1 pss".into();
        others[2]["sig"] = base64(&[1; 64]).into();
        *signatures = json!([others[0], others[1], others[2], good]);
    }));
    assert_accepted(&with(|signatures| signatures[0]["method"] = "ECDSA".into()));
    for edit in [(|signatures| *signatures = json!([])) as fn(&mut Value), |signatures| *signatures = json!(null)] {
        assert_refused(&Ask::default(), &with(edit), "targets", Check::Signatures, "metadata-invalid");
    }
    for edit in [
        (|signatures| signatures[0]["sig"] = base64(&[1; 64]).into()) as fn(&mut Value),
        |signatures| signatures[0]["sig"] = "".into(),
        |signatures| signatures[0]["method"] = "eddsa".into(),
        |signatures| signatures[0]["keyid"] = "nobody".into(),
    ] {
        assert_refused(&Ask::default(), &with(edit), "targets", Check::Signatures, "signature-invalid");
    }
    for edit in [
        (|signatures| signatures[0]["sig"] = "no base64".into()) as fn(&mut Value),
        |signatures| drop(signatures[0].as_object_mut().unwrap().remove("keyid")),
        |signatures| signatures[0] = json!([1]),
    ] {
        assert_refused(&Ask::default(), &with(edit), "targets", Check::Structure, "metadata-invalid");
    }
    let many = with(|signatures| *signatures = vec![signatures[0].clone(); 257].into());
    assert_refused(&Ask::default(), &many, "targets", Check::Size, "limit-exceeded");
}

#[test]
fn c9_threshold() {
    let two = || vec![Signer::bare(Key::P256("targets")), Signer::bare(Key::P256("second"))];
    let mut repository = Repository::default().signed_by("targets", two());
    repository.threshold("targets", 2);
    assert_accepted(&repository.publish());
    repository.targets.signers.pop();
    assert_refused(&Ask::default(), &repository.publish(), "targets", Check::Threshold, "threshold-not-met");
    let mut repository = Repository::default().signed_by("targets", two());
    repository.threshold("targets", 3);
    assert_refused(&Ask::default(), &repository.publish(), "targets", Check::Threshold, "threshold-not-met");
}

#[test]
fn c10_expiry() {
    let last_moment = "2026-06-01T00:00:00Z";
    for role in ["root", "timestamp", "snapshot", "targets"] {
        let server = |expires: &str| publish(|repository| role_of(repository, role).signed["expires"] = expires.into());
        assert_accepted(&server(last_moment));
        assert_accepted(&server("2026-06-01T05:30:00.5+05:30"));
        for expires in ["2026-05-31T23:59:59.999999999Z", "2020-01-01T00:00:00Z", "2026-06-01T01:59:59+02:00"] {
            assert_refused(&Ask::default(), &server(expires), role, Check::Expiry, "metadata-expired");
        }
        for expires in ["tomorrow", "", "2036-11-18 23:19:46Z"] {
            assert_refused(&Ask::default(), &server(expires), role, Check::Structure, "metadata-invalid");
        }
    }
    // Leeway, if the caller gives some.
    let server = publish(|repository| repository.timestamp.signed["expires"] = "2026-05-31T23:55:00Z".into());
    let with_skew = |minutes: fn(verimage_tuf::Expectation) -> verimage_tuf::Expectation| Ask { edit: minutes, ..Ask::default() };
    with_skew(|expectation| expectation.clock_skew(SignedDuration::from_mins(5))).evidence(&server);
    for edit in
        [(|expectation: verimage_tuf::Expectation| expectation.clock_skew(SignedDuration::from_mins(4))) as fn(_) -> _, |expectation| {
            expectation.clock_skew(SignedDuration::from_mins(-60))
        }]
    {
        assert_refused(&with_skew(edit), &server, "timestamp", Check::Expiry, "metadata-expired");
    }
}

#[test]
fn c11_rollback() {
    let at_version = |role: &str, version: u64| publish(|repository| role_of(repository, role).version(version));
    for role in ["timestamp", "snapshot", "targets"] {
        let known = || Ask::default().run(&at_version(role, 2)).known();
        Ask::known(known()).evidence(&at_version(role, 2));
        Ask::known(known()).evidence(&at_version(role, 9));
        assert_refused(&Ask::known(known()), &at_version(role, 1), role, Check::Rollback, "rollback-detected");
    }
    let delegated =
        |version: u64| publish(|repository| repository.delegate_tag("targets/releases", "releases", "v1", "v1").version(version));
    let known = || Ask::default().run(&delegated(2)).known();
    Ask::known(known()).evidence(&delegated(2));
    assert_refused(&Ask::known(known()), &delegated(1), "targets/releases", Check::Rollback, "rollback-detected");
}

#[test]
fn c12_delegation() {
    let with = |edit: fn(&mut Repository)| {
        publish(|repository| {
            repository.delegate_tag("targets/releases", "releases", "v1", "v1");
            edit(repository);
        })
    };
    assert_eq!(Ask::default().evidence(&with(|_| {})).signed_in[0].to_string(), "targets/releases");
    fn roles(repository: &mut Repository) -> &mut Value {
        &mut repository.targets.signed["delegations"]["roles"]
    }
    for edit in [
        (|repository| roles(repository)[0]["name"] = "targets/a/b".into()) as fn(&mut Repository),
        |repository| roles(repository)[0]["name"] = "targets".into(),
        |repository| roles(repository)[0]["name"] = "targets/../root".into(),
        |repository| roles(repository)[0]["name"] = "targets/Releases".into(),
        |repository| roles(repository).as_array_mut().unwrap().extend_from_within(..),
    ] {
        assert_refused(&Ask::default(), &with(edit), "targets", Check::Delegation, "metadata-invalid");
    }
    // The keys are those of the one who delegates, not those of the root.
    let server =
        with(|repository| repository.delegations.get_mut("targets/releases").unwrap().signers = vec![Signer::bare(Key::P256("targets"))]);
    assert_refused(&Ask::default(), &server, "targets/releases", Check::Signatures, "signature-invalid");
    // Declared and not in the snapshot: it does not exist.
    let server = with(|repository| drop(repository.delegations.remove("targets/releases")));
    assert_eq!(Ask::default().evidence(&server).signed_in[0].to_string(), "targets");
    let releases = Ask { rule: TargetRule::all_of(vec![DelegationName::releases()]).unwrap(), ..Ask::default() };
    assert_refused(&releases, &server, "targets/releases", Check::Delegation, "delegation-missing");
}

#[test]
fn c13_target() {
    let with = |edit: fn(&mut Value)| publish(|repository| edit(&mut repository.targets.signed["targets"]));
    assert_accepted(&with(|targets| targets["v1"]["custom"] = json!({"any": [1, null]})));
    // An entry that nobody asks for harms nobody.
    assert_accepted(&with(|targets| targets["v2"] = json!({"length": 1})));
    for edit in [
        (|targets| targets["v1"]["hashes"]["sha256"] = base64(&[7; 31]).into()) as fn(&mut Value),
        |targets| targets["v1"]["hashes"] = json!({"SHA256": base64(&[7; 32])}),
        |targets| targets["v1"]["hashes"] = json!({"sha512": base64(&[7; 64])}),
        |targets| targets["v1"]["hashes"]["sha512"] = base64(&[7; 63]).into(),
        |targets| targets["v1"]["length"] = json!(-1),
        |targets| targets["v1"] = json!(null),
    ] {
        assert_refused(&Ask::default(), &with(edit), "targets", Check::Target, "metadata-invalid");
    }
    assert_refused(&Ask::tag("v2"), &with(|_| {}), "targets", Check::Agreement, "signature-not-found");
    assert_accepted(&with(|targets| targets["v2"] = entry("v2")));
}

/// Members that nobody knows are signed and stay; members that are not signed say nothing.
#[test]
fn structure() {
    let odd = |name: &'static str, value: Value| publish(|repository| repository.targets.signed[name] = value);
    assert_accepted(&odd("future", json!({"b": [1, null, true], "a": "q\"b\\s\n\t\u{1}<>&\u{2028}e\u{301}"})));
    assert_accepted(&odd("future", json!(9007199254740993_i64)));
    assert_accepted(&odd("Version", json!(99)));
    assert_accepted(&publish(|repository| repository.targets.tamper(|envelope| envelope["unsigned"] = json!(1))));
    // `null` may stand for an empty collection.
    assert_accepted(&odd("delegations", json!({"keys": null, "roles": null})));
    assert_accepted(&odd("delegations", json!(null)));
    assert_refused(&Ask::default(), &odd("targets", json!(null)), "targets", Check::Agreement, "signature-not-found");
    for value in [json!([]), json!("v1")] {
        assert_refused(&Ask::default(), &odd("targets", value), "targets", Check::Structure, "metadata-invalid");
    }
    // Escapes and white space of the file are of no matter to the signature.
    let mut server = Repository::default().publish();
    let timestamp: Value = serde_json::from_slice(&server.files["timestamp.json"]).unwrap();
    let pretty = serde_json::to_string_pretty(&timestamp).unwrap().replace("Timestamp", "\\u0054imestamp");
    server.files.insert("timestamp.json".to_owned(), pretty.into_bytes());
    assert_accepted(&server);
    assert_eq!(Ask { now: at("2029-12-31T00:00:00Z"), ..Ask::default() }.evidence(&server).roles.len(), 4);
}
