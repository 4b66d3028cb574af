//! Sections 3.1 and 3.2: what the root must hold.

use verimage_crypto::x509;
use verimage_tuf::{CertificateDates, Check, Need, PinError, Pins, RootBinding, Warning};

use crate::{
    Ask, assert_refused, at, pinned, public,
    repository::{GUN, Repository, Server, root_key, rotate},
    sign::{Certificate, ECDSA_SHA1, Key, Signer},
};

const KEY: Key = Key::P256("root");

fn ask(pins: Pins) -> Ask {
    Ask { pins, ..Ask::default() }
}

fn root_by(signers: Vec<Signer>) -> Server {
    Repository::default().signed_by("root", signers).publish()
}

fn certified(certificate: &Certificate) -> Server {
    root_by(vec![Signer::certified(KEY, &[certificate.self_signed()])])
}

fn certificate_pin(der: &[u8]) -> Pins {
    Pins::certificates(vec![x509::Certificate::from_der(der).unwrap()]).unwrap()
}

#[test]
fn root_keys() {
    let server = Repository::default().publish();
    ask(pinned("root")).evidence(&server);
    assert_refused(&ask(pinned("other")), &server, "root", Check::Pin, "certificate-untrusted");
    // A key of another role, and one that signs but is no root key (corpus case 77).
    assert_refused(&ask(pinned("targets")), &server, "root", Check::Pin, "certificate-untrusted");
    let mut repository = Repository::default();
    repository.root.signers = vec![root_key("root"), root_key("other")];
    assert_refused(&ask(pinned("other")), &repository.publish(), "root", Check::Pin, "certificate-untrusted");
}

#[test]
fn several_root_keys() {
    let both = |need| Pins::root_keys(["root", "second"].map(|name| public(Key::P256(name))).to_vec(), need).unwrap();
    let one = Repository::default().publish();
    let two = root_by(vec![root_key("root"), root_key("second")]);
    ask(both(Need::Any)).evidence(&one);
    ask(both(Need::Any)).evidence(&two);
    ask(both(Need::All)).evidence(&two);
    assert_refused(&ask(both(Need::All)), &one, "root", Check::Pin, "certificate-untrusted");
    // Both are root keys, one signed.
    let mut repository = Repository::default().signed_by("root", vec![root_key("root"), root_key("second")]);
    repository.root.signers.pop();
    let server = repository.publish();
    ask(both(Need::Any)).evidence(&server);
    for pins in [both(Need::All), pinned("second")] {
        assert_refused(&ask(pins), &server, "root", Check::Pin, "signature-invalid");
    }
}

/// Whoever counts signers must not be told of a pinned key that did not sign.
#[test]
fn a_pinned_key_that_did_not_sign_is_no_signer() {
    let pin = |names: &[&'static str]| Pins::root_keys(names.iter().map(|name| public(Key::P256(name))).collect(), Need::Any).unwrap();
    let found = |pins: Pins, server: &Server| ask(pins).evidence(server).root_keys;
    let listed = || Repository::default().signed_by("root", vec![root_key("root"), root_key("second")]);
    let mut one = listed();
    one.root.signers.pop();
    for server in [Repository::default().publish(), one.publish()] {
        assert_eq!(found(pin(&["second", "root"]), &server), [public(KEY)]);
    }
    assert_eq!(found(pin(&["second", "root"]), &listed().publish()), [public(Key::P256("second")), public(KEY)]);
    // Where the pin is in an older root, it is the signer of that one.
    let mut next = Repository::default().signed_by("root", vec![root_key("new")]);
    next.root.signers.push(root_key("root"));
    next.root.version(2);
    assert_eq!(found(pin(&["second", "root"]), &rotate(vec![Repository::default(), next])), [public(KEY)]);
}

/// The pinned key signed, but the root demands more.
#[test]
fn the_root_satisfies_its_own_threshold() {
    let mut repository = Repository::default().signed_by("root", vec![root_key("root"), root_key("second")]);
    repository.threshold("root", 2);
    ask(pinned("root")).evidence(&repository.publish());
    repository.root.signers.pop();
    assert_refused(&ask(pinned("root")), &repository.publish(), "root", Check::Threshold, "threshold-not-met");
}

/// Keys that do not count do not help to the threshold.
#[test]
fn only_surviving_keys_count_for_the_threshold() {
    let mut repository = Repository::default().signed_by("root", vec![root_key("root"), Signer::bare(Key::P256("bare"))]);
    repository.threshold("root", 2);
    assert_refused(&ask(pinned("root")), &repository.publish(), "root", Check::Threshold, "threshold-not-met");
    ask(pinned("root").binding(RootBinding::InsecureNone)).evidence(&repository.publish());
    let mut repository = Repository::default().signed_by("root", vec![root_key("root"), root_key("second")]);
    repository.threshold("root", 2);
    let by_id = Pins::key_ids([root_key("root").id().as_str()]).unwrap();
    assert_refused(&ask(by_id), &repository.publish(), "root", Check::Threshold, "threshold-not-met");
}

#[test]
fn certificates() {
    let certificate = Certificate::new(GUN, KEY).self_signed();
    let server = Repository::default().publish();
    ask(certificate_pin(&certificate)).evidence(&server);
    let same_key = Certificate { validity: ["20240101000000Z", "20350101000000Z"], ..Certificate::new(GUN, KEY) };
    for other in [same_key, Certificate::new(GUN, Key::P256("other"))] {
        assert_refused(&ask(certificate_pin(&other.self_signed())), &server, "root", Check::Pin, "certificate-untrusted");
    }
}

#[test]
fn key_ids() {
    let server = Repository::default().publish();
    let pin = |id: &str| Pins::key_ids([id]).unwrap();
    ask(pin(&root_key("root").id())).evidence(&server);
    // The ID of the bare key is another one.
    for other in [Signer::bare(KEY).id(), root_key("other").id()] {
        assert_refused(&ask(pin(&other)), &server, "root", Check::Pin, "certificate-untrusted");
    }
    for text in ["", "AB", &"G".repeat(64), &"AB".repeat(32)] {
        assert_eq!(Pins::key_ids([text]), Err(PinError::KeyId(text.to_owned())));
    }
}

#[test]
fn authorities() {
    const AUTHORITY: Key = Key::P256("authority");
    let authority = Certificate::authority("authority", AUTHORITY).self_signed();
    let intermediate = Certificate::authority("intermediate", Key::P256("intermediate")).issued_by("authority").der(AUTHORITY);
    let leaf = Certificate::new(GUN, KEY).issued_by("intermediate").der(Key::P256("intermediate"));
    let pin = |der: &[u8]| Pins::authorities(vec![x509::Certificate::from_der(der).unwrap()]).unwrap();
    let server = root_by(vec![Signer::certified(KEY, &[leaf.clone(), intermediate])]);
    ask(pin(&authority)).evidence(&server);
    let unrelated = Certificate::authority("authority", Key::P256("unrelated")).self_signed();
    let without_intermediate = root_by(vec![Signer::certified(KEY, &[leaf])]);
    for (pins, server) in
        [(pin(&unrelated), &server), (pin(&authority), &without_intermediate), (pin(&authority), &Repository::default().publish())]
    {
        assert_refused(&ask(pins), server, "root", Check::Pin, "certificate-untrusted");
    }
}

#[test]
fn nothing_pinned_is_no_pin() {
    assert_eq!(Pins::root_keys(Vec::new(), Need::All), Err(PinError::Nothing));
    assert_eq!(Pins::certificates(Vec::new()), Err(PinError::Nothing));
    assert_eq!(Pins::authorities(Vec::new()), Err(PinError::Nothing));
    assert_eq!(Pins::key_ids([]), Err(PinError::Nothing));
}

/// By name only, told, and held to what was seen first.
#[test]
fn trust_on_first_use() {
    let tofu = || ask(Pins::insecure_trust_on_first_use());
    let run = tofu().run(&Repository::default().publish());
    assert!(run.outcome.result.is_ok());
    assert_eq!(run.outcome.warnings, [Warning::TrustedOnFirstUse]);
    let again = Ask { known: run.known(), ..tofu() };
    assert_eq!(again.run(&Repository::default().publish()).outcome.warnings, [Warning::TrustedOnFirstUse], "nothing is pinned still");
    let mut other = Repository::default().signed_by("root", vec![root_key("other")]);
    other.root.version(2);
    assert_refused(&again, &other.publish(), "root", Check::Rotation, "signature-invalid");
    other.root.version(1);
    assert_refused(&again, &other.publish(), "root", Check::Rollback, "rollback-detected");
    // Certificates count as always.
    assert_refused(&tofu(), &root_by(vec![Signer::bare(KEY)]), "root", Check::Pin, "certificate-untrusted");
}

#[test]
fn the_common_name_is_that_of_the_collection() {
    let wildcard = "registry.example.com/team/*";
    for name in [GUN, wildcard, "registry.example.com/te*", "*"] {
        ask(pinned("root")).evidence(&certified(&Certificate::new(name, KEY)));
    }
    for name in [
        "registry.example.com/team/other",
        "registry.example.com/team",
        "registry.example.com/other/*",
        "",
        "Registry.example.com/team/app",
    ] {
        assert_refused(&ask(pinned("root")), &certified(&Certificate::new(name, KEY)), "root", Check::Pin, "reference-mismatch");
    }
    let two = Certificate { subject: vec!["somebody", GUN], ..Certificate::new(GUN, KEY) };
    assert_refused(&ask(pinned("root")), &certified(&two), "root", Check::Pin, "reference-mismatch");
}

/// Corpus cases 80 to 82.
#[test]
fn root_certificates_are_one_leaf_and_its_authorities() {
    let leaf = Certificate::new(GUN, KEY).self_signed();
    let authority = Certificate::authority(GUN, KEY).self_signed();
    let authority_above = Certificate::authority("authority", Key::P256("authority")).self_signed();
    let bundle = |list: &[Vec<u8>]| root_by(vec![Signer::certified(KEY, list)]);
    ask(pinned("root")).evidence(&bundle(&[leaf.clone(), authority_above.clone()]));
    let sha1 = Certificate { algorithm: ECDSA_SHA1, ..Certificate::new(GUN, KEY) };
    for server in [
        bundle(&[leaf.clone(), leaf.clone()]),
        bundle(std::slice::from_ref(&authority)),
        bundle(&[authority_above, leaf]),
        certified(&sha1),
        root_by(vec![Signer::bare(KEY)]),
        root_by(vec![Signer { public: b"no certificate".to_vec(), ..root_key("root") }]),
    ] {
        assert_refused(&ask(pinned("root")), &server, "root", Check::Pin, "certificate-untrusted");
    }
}

#[test]
fn the_dates_of_the_root_certificate() {
    let certificate = Certificate { validity: ["20260602000000Z", "20270101000000Z"], ..Certificate::new(GUN, KEY) };
    let server = certified(&certificate);
    let strict = |now: &str| Ask { now: at(now), ..ask(pinned("root")) };
    // From a day before.
    for now in ["2026-06-01T00:00:00Z", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"] {
        strict(now).evidence(&server);
    }
    for now in ["2026-05-31T23:59:59Z", "2027-01-01T00:00:01Z"] {
        for pins in [
            pinned("root"),
            certificate_pin(&certificate.self_signed()),
            certificate_pin(&certificate.self_signed()).dates(CertificateDates::Ignored),
        ] {
            assert_refused(&Ask { pins, ..strict(now) }, &server, "root", Check::Pin, "certificate-expired");
        }
        Ask { pins: pinned("root").dates(CertificateDates::Ignored), ..strict(now) }.evidence(&server);
    }
}

/// Metadata do not name their collection: a bare key lets a server answer with another one.
#[test]
fn a_key_without_a_name_is_a_choice() {
    let unbound = ask(pinned("root").binding(RootBinding::InsecureNone));
    for server in [root_by(vec![Signer::bare(KEY)]), certified(&Certificate::new("registry.example.com/other", KEY))] {
        let run = unbound.run(&server);
        assert!(run.outcome.result.is_ok());
        assert_eq!(run.outcome.warnings, [Warning::NotBoundToCollection]);
    }
    assert_eq!(unbound.run(&Repository::default().publish()).outcome.warnings, []);
}
