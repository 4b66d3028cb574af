//! Section 3.3: the chain of roots.

use std::sync::atomic::{AtomicUsize, Ordering};

use verimage_crypto::{CryptoSet, EcdsaKey, EcdsaVerifier, PublicKey, Refused};
use verimage_tuf::{Check, Expectation, Limits, Warning};

use crate::{
    Ask, assert_refused, pinned,
    repository::{Repository, Server, root_key, rotate},
};

/// A root of this version whose root role has these keys, signed by these.
fn root(version: u64, keys: &[&'static str], signers: &[&'static str]) -> Repository {
    let mut repository = Repository::default().signed_by("root", keys.iter().map(|name| root_key(name)).collect());
    repository.root.signers = signers.iter().map(|name| root_key(name)).collect();
    repository.root.version(version);
    repository
}

/// Old key, both, new key.
fn rotated() -> Vec<Repository> {
    vec![root(1, &["root"], &["root"]), root(2, &["new"], &["new", "root"]), root(3, &["new"], &["new"])]
}

/// After the first root was accepted.
fn after_first(server: &Server) -> Ask {
    let first = rotate(vec![root(1, &["root"], &["root"])]);
    assert!(!server.files.is_empty());
    Ask::known(Ask::default().run(&first).known())
}

#[test]
fn a_state_is_followed_to_the_newest_root() {
    let server = rotate(rotated());
    let run = after_first(&server).run(&server);
    assert_eq!(run.outcome.result.as_ref().unwrap().roles[0].version, 3);
    assert_eq!(run.outcome.warnings, [Warning::PinOutdated { version: 1, newest: 3 }]);
    let names: Vec<_> =
        run.requests().iter().map(|name| name.split('.').take(if name.len() > 40 { 1 } else { 2 }).collect::<Vec<_>>().join(".")).collect();
    assert_eq!(names, ["timestamp.json", "snapshot", "root", "2.root", "targets"]);
    // The new root is known now, and the pinned key is found again in the roots before it.
    let again = Ask::known(run.known()).run(&server);
    assert!(again.outcome.result.is_ok());
    assert_eq!(again.outcome.warnings, run.outcome.warnings);
    assert_eq!(again.requests()[..3], ["2.root.json", "1.root.json", "timestamp.json"]);
}

#[test]
fn a_pinned_key_that_was_replaced_is_followed_and_told() {
    let server = rotate(rotated());
    let run = Ask::default().run(&server);
    assert!(run.outcome.result.is_ok());
    assert_eq!(run.outcome.warnings, [Warning::PinOutdated { version: 1, newest: 3 }]);
    assert_eq!(Ask { pins: pinned("new"), ..Ask::default() }.run(&server).outcome.warnings, []);
    // Somebody else's key is nowhere in the chain.
    assert_refused(&Ask { pins: pinned("other"), ..Ask::default() }, &server, "root", Check::Pin, "certificate-untrusted");
    let edit = |expectation: Expectation| {
        let mut limits = Limits::default();
        limits.root_versions = 0;
        expectation.limits(limits)
    };
    assert_refused(&Ask { edit, ..Ask::default() }, &server, "root", Check::Pin, "certificate-untrusted");
}

/// 64 versions back: more are asked for each time, and the signatures of the newest root are verified once.
#[test]
fn the_way_back_to_a_pinned_key_takes_few_rounds_and_verifies_little() {
    let mut roots: Vec<_> = (1..65).map(|version| root(version, &["root"], &["root"])).collect();
    roots.push(root(65, &["new"], &["new", "root"]));
    let newest = root(66, &["new"], &["new"]);
    roots.push(newest);
    let server = rotate(roots);
    let run = Ask { pins: pinned("other"), ..Ask::default() }.run(&server);
    assert!(run.outcome.result.is_err());
    let asked: Vec<_> = run.rounds.iter().map(Vec::len).collect();
    assert_eq!(asked, [2, 1, 2, 4, 8, 16, 32, 1]);
    assert_eq!(Ask::default().run(&server).rounds[1..3], [vec!["65.root.json"], vec!["64.root.json", "63.root.json"]]);
    let mut noisy = root(66, &["new"], &["new"]);
    noisy.root.tamper(|envelope| {
        let signature = envelope["signatures"][0].clone();
        envelope["signatures"] = vec![signature; 200].into();
    });
    let mut server = server;
    server.files.insert("root.json".to_owned(), noisy.publish().files["root.json"].clone());
    let set = CryptoSet { ecdsa: &Counting, ..CryptoSet::rustcrypto() };
    let run = Ask { pins: pinned("other"), ..Ask::default() }.drive(&server, set);
    assert_eq!(run.outcome.result.unwrap_err().kind().as_str(), "certificate-untrusted");
    assert_eq!(VERIFIED.load(Ordering::Relaxed), 200);
}

static VERIFIED: AtomicUsize = AtomicUsize::new(0);

/// Counts the keys that are loaded to verify a signature.
#[derive(Debug)]
struct Counting;

impl EcdsaVerifier for Counting {
    fn load(&self, key: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
        VERIFIED.fetch_add(1, Ordering::Relaxed);
        CryptoSet::rustcrypto().ecdsa.load(key)
    }
}

/// A server makes up an old root that lists the pinned key, and all that follows.
#[test]
fn an_old_root_that_the_pinned_key_did_not_sign() {
    let made_up = |first: &[&'static str]| rotate(vec![root(1, &["root", "forger"], first), root(2, &["forger"], &["forger"])]);
    assert_refused(&Ask::default(), &made_up(&["forger"]), "root", Check::Pin, "signature-invalid");
    Ask::default().evidence(&made_up(&["forger", "root"]));
}

/// Corpus case 75.
#[test]
fn roots_in_between_may_have_expired_but_not_the_newest() {
    let mut roots = rotated();
    roots[1].root.signed["expires"] = "2020-01-01T00:00:00Z".into();
    let server = rotate(roots);
    after_first(&server).evidence(&server);
    Ask::default().evidence(&server);
    let mut roots = rotated();
    roots[2].root.signed["expires"] = "2020-01-01T00:00:00Z".into();
    let server = rotate(roots);
    assert_refused(&after_first(&server), &server, "root", Check::Expiry, "metadata-expired");
    assert_refused(&Ask::default(), &server, "root", Check::Expiry, "metadata-expired");
}

/// A stored root that has expired may still vouch for its successor.
#[test]
fn an_expired_root_vouches_for_the_next() {
    let mut first = root(1, &["root"], &["root"]);
    first.root.signed["expires"] = "2026-06-01T00:00:00Z".into();
    let known = Ask::default().run(&rotate(vec![first])).known();
    let later = Ask { now: crate::at("2026-07-01T00:00:00Z"), ..Ask::known(known) };
    let mut first = root(1, &["root"], &["root"]);
    first.root.signed["expires"] = "2026-06-01T00:00:00Z".into();
    later.evidence(&rotate(vec![first, root(2, &["new"], &["new", "root"])]));
    let mut first = root(1, &["root"], &["root"]);
    first.root.signed["expires"] = "2026-06-01T00:00:00Z".into();
    assert_refused(&later, &rotate(vec![first]), "root", Check::Expiry, "metadata-expired");
}

/// Corpus case 71, and a threshold that was lowered in the same step.
#[test]
fn a_root_that_the_one_before_did_not_sign() {
    let server = rotate(vec![root(1, &["root"], &["root"]), root(2, &["new"], &["new"])]);
    assert_refused(&after_first(&server), &server, "root", Check::Rotation, "signature-invalid");
    assert_refused(&Ask::default(), &server, "root", Check::Rotation, "signature-invalid");
    let mut first = root(1, &["root", "second"], &["root", "second"]);
    first.threshold("root", 2);
    let known = Ask::default().run(&rotate(vec![first])).known();
    let mut first = root(1, &["root", "second"], &["root", "second"]);
    first.threshold("root", 2);
    let server = rotate(vec![first, root(2, &["root"], &["root"])]);
    assert_refused(&Ask::known(known), &server, "root", Check::Rotation, "signature-invalid");
}

/// The new root must satisfy itself too.
#[test]
fn a_root_that_only_the_one_before_signed() {
    for position in [1, 2] {
        let mut roots = rotated();
        roots[position].root.signers = vec![root_key("root")];
        let server = rotate(roots);
        for ask in [after_first(&server), Ask::default()] {
            assert_eq!(ask.failure(&server).kind().as_str(), "signature-invalid", "{position}");
        }
    }
}

/// Corpus case 73.
#[test]
fn a_root_that_is_missing_in_between() {
    let server = rotate(rotated()).without("2.root.json");
    assert_refused(&after_first(&server), &server, "root", Check::Availability, "metadata-invalid");
    assert_refused(&Ask::default(), &server, "root", Check::Pin, "certificate-untrusted");
    let mut unreachable = rotate(rotated());
    unreachable.unreachable.push("2.root.json");
    assert_refused(&after_first(&server), &unreachable, "root", Check::Availability, "store-unavailable");
    assert_refused(&Ask::default(), &unreachable, "root", Check::Availability, "store-unavailable");
}

/// Corpus case 74; the reference only asks for N or more.
#[test]
fn a_root_with_another_version_than_its_name() {
    let mut server = rotate(rotated());
    let newest = server.files["root.json"].clone();
    server.files.insert("2.root.json".to_owned(), newest);
    assert_refused(&after_first(&server), &server, "root", Check::Rotation, "metadata-invalid");
    assert_refused(&Ask::default(), &server, "root", Check::Rotation, "metadata-invalid");
}

/// Corpus case 72, and C11 for roots.
#[test]
fn a_root_that_is_older_or_another_with_its_version() {
    let server = rotate(rotated());
    let known = || Ask::default().run(&server).known();
    let mut old = root(1, &["root"], &["root"]);
    old.timestamp.version(9);
    assert_refused(&Ask::known(known()), &rotate(vec![old]), "root", Check::Rollback, "rollback-detected");
    let mut twin = root(3, &["new"], &["new"]);
    twin.root.signed["twin"] = true.into();
    twin.timestamp.version(9);
    assert_refused(&Ask::known(known()), &twin.publish(), "root", Check::Rollback, "rollback-detected");
}

#[test]
fn a_chain_that_is_longer_than_the_limit() {
    let server = root(80, &["root"], &["root"]).publish();
    let known = Ask::default().run(&rotate(vec![root(1, &["root"], &["root"])])).known();
    assert_refused(&Ask::known(known), &server, "root", Check::Size, "limit-exceeded");
    // Without a state it is the first contact.
    Ask::default().evidence(&server);
    // Looking for a pinned key ends after as many steps, or where the server has no more.
    let run = Ask { pins: pinned("other"), ..Ask::default() }.run(&server);
    assert_eq!(run.requests(), ["root.json", "timestamp.json", "79.root.json"]);
}

/// A timestamp key that was replaced: what fails under the known root is tried under the newest, once.
#[test]
fn new_keys_of_other_roles_come_with_the_newest_root() {
    use crate::sign::{Key, Signer};
    let mut second = Repository::default().signed_by("timestamp", vec![Signer::bare(Key::P256("new timestamp"))]);
    second.root.version(2);
    let server = rotate(vec![root(1, &["root"], &["root"]), second]);
    let run = after_first(&server).run(&server);
    assert!(run.outcome.result.is_ok(), "{:?}", run.outcome.result);
    assert_eq!(run.requests()[..2], ["timestamp.json", "root.json"]);
    // Where the newest root is the known one, the first fault is told.
    let mut forged = Repository::default();
    forged.timestamp.signers = vec![Signer::bare(Key::P256("forger"))];
    let run = after_first(&server).run(&forged.publish());
    assert_eq!(run.requests(), ["timestamp.json", "root.json"]);
    assert_eq!(run.outcome.result.unwrap_err().role.to_string(), "timestamp");
}

/// Fetched together, root and timestamp can straddle a publication: the snapshot names the root that belongs to it.
#[test]
fn a_root_published_in_between_is_fetched_by_its_hash() {
    let mut server = rotate(rotated());
    let newest = server.files["root.json"].clone();
    let second = server.files["2.root.json"].clone();
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&newest);
    server.files.insert(format!("root.{}.json", hex::encode(hash)), newest);
    server.files.insert("root.json".to_owned(), second);
    let run = Ask { pins: pinned("new"), ..Ask::default() }.run(&server);
    assert_eq!(run.outcome.result.unwrap().roles[0].version, 3);
}
