//! How many signatures are looked at, how large they may be, and that junk hides nothing.

use serde_json::json;
use verimage::{CryptoSet, Decision};

use crate::sign::{
    Pki,
    revocation::{distribution_points, ocsp_access},
};
use crate::world::{JWS, KEY, World, jws};

const MOST: usize = 64;

fn junk(world: World, count: usize) -> World {
    (0..count).fold(world, |world, _| world.attach(JWS, b"{}"))
}

fn good(world: World) -> World {
    world.attach(JWS, &jws().build())
}

#[test]
fn the_last_of_as_many_as_are_looked_at_is_found() {
    good(junk(World::new(), MOST - 1)).accepts();
}

#[test]
fn one_more_than_are_looked_at_is_not_found() {
    good(junk(World::new(), MOST)).cannot_tell("limit-exceeded");
    junk(World::new(), MOST + 1).cannot_tell("limit-exceeded");
    junk(World::new(), MOST).denies("payload-malformed");
}

#[test]
fn junk_behind_a_good_signature_hides_nothing() {
    let world = junk(good(World::new()), MOST + 10);
    world.accepts();
    assert!(world.run(CryptoSet::rustcrypto()).questions() < 12, "the first batch is small");
    let verdict = world.all_evidence().judge();
    assert_eq!((verdict.decision, verdict.reports.len()), (Decision::Allow, MOST + 1), "{}", verdict.message);
}

/// Signatures by the same signer, whose certificates name responders and lists that never answer: they are asked in turn, and
/// each of them is somebody else.
#[test]
fn silent_responders_behind_a_good_signature_hide_nothing() {
    let silent = |number: usize| {
        let mut pki = Pki::new(KEY);
        let urls: Vec<String> = (0..5).map(|at| format!("http://responder-{at}.example/{number}")).collect();
        let list = format!("http://list.example/{number}");
        pki.leaf = pki.leaf.with(ocsp_access(&urls.iter().map(String::as_str).collect::<Vec<_>>())).with(distribution_points(&[&list]));
        jws().chain(pki.chain()).build()
    };
    let world = (1..MOST).fold(good(World::new()), |world, number| world.attach(JWS, &silent(number)));
    world.accepts();
    assert!(world.run(CryptoSet::rustcrypto()).questions() < 12, "nobody is asked once a signature has passed");
    let verdict = world.all_evidence().judge();
    assert_eq!((verdict.decision, verdict.reports.len()), (Decision::Allow, MOST), "{}", verdict.message);
    let unknown = verdict.reports.iter().filter(|report| report.code.as_deref() == Some("revocation-unknown")).count();
    assert_eq!(unknown, MOST - 1);
}

#[test]
fn an_envelope_has_the_size_that_its_manifest_says() {
    let envelope = jws().build();
    let sized = |size: u64| World::new().attach_with(JWS, &envelope, |manifest| manifest["layers"][0]["size"] = json!(size));
    let size = envelope.len() as u64;
    sized(size).accepts();
    for wrong in [size - 1, size + 1, 0] {
        sized(wrong).denies("payload-malformed");
    }
    for huge in [(1 << 20) + 1, 10 << 30, u64::MAX] {
        sized(huge).cannot_tell("limit-exceeded");
    }
    good(sized(10 << 30)).accepts();
}
