//! Timestamps that are of something else, too late, or by an authority that is revoked; and times that nobody vouches for.

use serde_json::{Value, json};
use verimage::{Decision, Verdict};

use crate::sign::{
    Jws, Pki,
    jws::AUTHENTIC,
    revocation::{ListDraft, distribution_points},
    token::{STAMPER, Token},
};
use crate::world::{JWS, KEY, World, jws};

const LIST: &str = "http://list.example/tsa";

fn with_token(mut envelope: Jws, token: Vec<u8>) -> World {
    envelope.token = Some(token);
    World::new().stamped().attach(JWS, &envelope.build())
}

fn token() -> Token {
    Token::new(&jws().signature())
}

fn times(verdict: &Verdict) -> Vec<String> {
    verdict.reports.iter().flat_map(|report| &report.signed_at).map(|at| format!("{} {}", at.time, at.source)).collect()
}

#[test]
fn a_good_timestamp_is_told() {
    let world = with_token(jws(), token().der());
    world.accepts();
    assert_eq!(times(&world.judge()), ["2025-06-01T00:00:00Z tsa"]);
    World::new().stamped().attach(JWS, &jws().build()).denies("timestamp-missing");
}

/// Two good envelopes with good tokens, each with that of the other.
#[test]
fn a_timestamp_does_not_move_between_envelopes() {
    let other = jws().set("io.cncf.notary.signingTime", r#""2025-01-02T00:00:00Z""#);
    let others = Token::new(&other.signature()).der();
    with_token(other.clone(), others.clone()).accepts();
    with_token(jws(), others).denies("timestamp-invalid");
    with_token(other, token().der()).denies("timestamp-invalid");
}

#[test]
fn a_timestamp_over_the_payload_is_none_over_the_signature() {
    let envelope = jws();
    let of_payload = Token::new(envelope.payload.as_bytes()).der();
    with_token(envelope, of_payload).denies("timestamp-invalid");
}

#[test]
fn a_timestamp_with_a_flipped_bit_is_none() {
    let good = token().der();
    for at in (0..good.len()).step_by(61).chain([good.len() - 1]) {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        with_token(jws(), flipped).denies("timestamp-invalid");
    }
}

#[test]
fn a_timestamp_after_the_signer_expired_is_too_late() {
    let mut pki = Pki::new(KEY);
    pki.leaf.validity = ("20240101000000Z", "20250601000000Z");
    let envelope = jws().chain(pki.chain());
    let stamped = |time| Token { time, ..Token::new(&envelope.signature()) }.der();
    with_token(envelope.clone(), stamped("20250601000000Z")).accepts();
    with_token(envelope.clone(), stamped("20250601000001Z")).denies("timestamp-invalid");
}

/// By an authority whose certificate stands in a list, or does not; at this level.
fn by_listed_authority(is_revoked: Option<bool>, level: &Value) -> World {
    let mut token = token();
    token.pki.leaf = token.pki.leaf.with(distribution_points(&[LIST]));
    let list = ListDraft::new(&Pki::stamping(STAMPER).intermediate);
    let world = with_token(jws(), token.der()).with("level", level.clone());
    match is_revoked {
        Some(true) => world.answering(LIST, list.revoke(1, "20250101000000Z", Vec::new()).der()),
        Some(false) => world.answering(LIST, list.der()),
        None => world,
    }
}

#[test]
fn an_authority_must_not_be_revoked_whatever_the_level_says_of_revocation() {
    for level in [json!("strict"), json!({"revocation": "log"})] {
        by_listed_authority(Some(false), &level).accepts();
    }
    for level in [json!("strict"), json!({"revocation": "log"}), json!({"revocation": "skip"})] {
        by_listed_authority(Some(true), &level).denies("certificate-revoked");
        by_listed_authority(None, &level).cannot_tell("revocation-unknown");
    }
}

#[test]
fn a_timestamp_that_failed_is_no_time_of_signing() {
    for (is_revoked, expected) in [(Some(false), &["2025-06-01T00:00:00Z tsa"][..]), (Some(true), &[]), (None, &[])] {
        let verdict = by_listed_authority(is_revoked, &json!("permissive")).judge();
        assert_eq!(verdict.decision, Decision::Allow, "{}", verdict.message);
        assert_eq!(
            (times(&verdict), verdict.reports[0].trusted),
            (expected.iter().map(|time| (*time).to_owned()).collect(), Some(!expected.is_empty()))
        );
    }
}

/// An authority vouches for a time that is still to come, or at which its certificate was not valid.
#[test]
fn what_an_authority_cannot_attest_is_no_time_of_signing() {
    let attested = |time: &str| {
        let envelope = Jws::by_authority(KEY).payload(&jws().payload).set(AUTHENTIC, &format!("{time:?}"));
        World::new().attach(JWS, &envelope.build())
    };
    let (good, future, early) = ("2025-01-01T00:00:00Z", "2029-01-01T00:00:00Z", "2023-01-01T00:00:00Z");
    attested(good).accepts();
    attested(future).denies("timestamp-invalid");
    attested(early).denies("certificate-expired");
    for (time, told) in [(good, true), (future, false), (early, false)] {
        let verdict = attested(time).with("level", json!("permissive")).judge();
        assert_eq!(verdict.decision, Decision::Allow, "{}", verdict.message);
        assert_eq!(times(&verdict), if told { vec![format!("{time} signingAuthority")] } else { Vec::new() });
    }
}
