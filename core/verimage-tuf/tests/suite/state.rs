//! What is remembered from one verification to the next.

use serde_json::Value;
use verimage_tuf::{Check, Gun, Known, Pins, RoleName, TrustState, Verification};

use crate::{
    Ask, assert_refused, at, pinned,
    repository::{Repository, root_key, rotate},
    sign::{Key, Signer},
};

fn state() -> TrustState {
    Ask::default().run(&Repository::default().publish()).outcome.state.unwrap()
}

#[test]
fn a_state_is_read_as_it_was_written() {
    let state = state();
    let json = state.to_json();
    assert_eq!(TrustState::from_json(&json), Ok(state.clone()));
    assert_eq!(serde_json::from_slice::<TrustState>(&json).unwrap(), state);
    assert_eq!(state.versions()[&RoleName::Snapshot], 1);
    assert_eq!(state.gun().as_str(), crate::repository::GUN);
}

/// Of two verifications that ran together, one may have seen a newer root and the other a newer delegation.
#[test]
fn states_under_two_roots_are_merged() {
    let seen = |root: u64, timestamp: &'static str, targets: u64, key: &'static str, releases: u64| {
        let mut repository = Repository::default().signed_by("timestamp", vec![Signer::bare(Key::P256(timestamp))]);
        repository.root.version(root);
        repository.timestamp.version(releases);
        repository.targets.version(targets);
        repository.delegate_tag("targets/releases", key, "v1", "v1").version(releases);
        Ask::default().run(&repository.publish()).outcome.state.unwrap()
    };
    let versions = |one: &TrustState, two: &TrustState| {
        let [first, second] = [one.clone().merge(two.clone()), two.clone().merge(one.clone())].map(Option::unwrap);
        assert_eq!(first, second);
        assert_eq!(TrustState::from_json(&first.to_json()), Ok(first.clone()));
        ["root", "timestamp", "targets", "targets/releases"].map(|role| first.versions()[&RoleName::parse(role).unwrap()])
    };
    let older = seen(1, "timestamp", 7, "releases", 9);
    assert_eq!(versions(&older, &seen(2, "timestamp", 4, "releases", 5)), [2, 9, 7, 9]);
    // New keys of the timestamp begin anew, and so do those of a delegation; the newer targets know which these are.
    assert_eq!(versions(&older, &seen(2, "other", 4, "releases", 5)), [2, 5, 7, 9]);
    assert_eq!(versions(&older, &seen(2, "timestamp", 8, "others", 5)), [2, 9, 8, 5]);
    assert_eq!(versions(&older, &seen(2, "timestamp", 4, "others", 5)), [2, 9, 7, 9]);
}

/// Never a first contact: what cannot be read is an error.
#[test]
fn other_bytes_are_no_state() {
    let json: Value = serde_json::from_slice(&state().to_json()).unwrap();
    let with = |name: &str, value: Value| {
        let mut json = json.clone();
        json[name] = value;
        json.to_string()
    };
    let cases = [
        String::new(),
        "null".to_owned(),
        "[1,\"a/b\",\"\",\"\",{}]".to_owned(),
        with("format", 2.into()),
        with("more", 1.into()),
        with("gun", "../x".into()),
        with("root", "AAAA".into()),
        with("root", "no base64".into()),
        with("versions", serde_json::json!({"root": 2, "timestamp": 1, "snapshot": 1, "targets": 1})),
        with("versions", serde_json::json!({"root": 1, "../x": 1})),
        with("versions", serde_json::json!({"root": 1, "timestamp": -1})),
        format!("{}{{}}", json),
        json.to_string().replacen("{\"", "{\"format\":1,\"", 1),
    ];
    for text in cases {
        assert!(TrustState::from_json(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_state_is_that_of_its_collection() {
    let expectation = verimage_tuf::Expectation::new(
        Gun::new("registry.example.com/team/other").unwrap(),
        pinned("root"),
        verimage_tuf::TargetRule::docker(),
        verimage_crypto::CryptoSet::rustcrypto(),
    );
    let begun = Verification::begin(expectation.into(), verimage_tuf::Wanted::Tag("v1".to_owned()), at(crate::NOW), Known::state(state()));
    assert!(begun.unwrap_err().to_string().contains("registry.example.com/team/app"));
}

/// The chain held, so that its versions count, whether or not the tag is there.
#[test]
fn a_state_comes_out_wherever_the_chain_holds() {
    let run = Ask::tag("nobody").run(&Repository::default().publish());
    assert!(run.outcome.result.is_err() && run.outcome.state.is_some());
    let mut broken = Repository::default();
    broken.targets.signers = vec![Signer::bare(Key::P256("forger"))];
    assert!(Ask::default().run(&broken.publish()).outcome.state.is_none());
    // A delegation that is broken leaves the chain and forgets nothing.
    let mut repository = Repository::default();
    repository.delegate_tag("targets/releases", "releases", "v1", "v1").version(3);
    let known = Ask::default().run(&repository.publish()).known();
    repository.delegations.get_mut("targets/releases").unwrap().signed["expires"] = "2020-01-01T00:00:00Z".into();
    let state = Ask::known(known).run(&repository.publish()).outcome.state.unwrap();
    assert_eq!(state.versions()[&RoleName::parse("targets/releases").unwrap()], 3);
}

/// A root that was trusted under other pins binds its successors, and does not stand for what is pinned now.
#[test]
fn other_pins_are_established_anew() {
    let first = Ask { pins: Pins::insecure_trust_on_first_use(), ..Ask::default() }.run(&Repository::default().publish());
    let known = first.known();
    assert_refused(
        &Ask { pins: pinned("other"), ..Ask::known(known.clone()) },
        &Repository::default().publish(),
        "root",
        Check::Pin,
        "certificate-untrusted",
    );
    Ask::known(known.clone()).evidence(&Repository::default().publish());
    // The new pin is met, but the new root does not follow from the old.
    let mut other = Repository::default().signed_by("root", vec![root_key("other")]);
    other.root.version(2);
    assert_refused(
        &Ask { pins: pinned("other"), ..Ask::known(known.clone()) },
        &rotate(vec![Repository::default(), other]),
        "root",
        Check::Rotation,
        "signature-invalid",
    );
    // It does, and the pin is that of the new root.
    let mut next = Repository::default().signed_by("root", vec![root_key("other")]);
    next.root.signers.push(root_key("root"));
    next.root.version(2);
    let run = Ask { pins: pinned("other"), ..Ask::known(known) }.run(&rotate(vec![Repository::default(), next]));
    assert!(run.outcome.result.is_ok());
    assert_eq!(run.outcome.warnings, []);
}

/// Case real-26 of the corpus: certificates are held against the newest root each time.
#[test]
fn certificate_pins_hold_for_the_newest_root() {
    let pins = || Pins::key_ids([root_key("root").id().as_str()]).unwrap();
    let known = Ask { pins: pins(), ..Ask::default() }.run(&Repository::default().publish()).known();
    let mut next = Repository::default().signed_by("root", vec![root_key("other")]);
    next.root.signers.push(root_key("root"));
    next.root.version(2);
    next.timestamp.version(2);
    let server = rotate(vec![Repository::default(), next]);
    assert_refused(&Ask { pins: pins(), ..Ask::known(known) }, &server, "root", Check::Pin, "certificate-untrusted");
}
