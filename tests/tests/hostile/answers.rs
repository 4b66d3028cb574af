//! Answers that fail, that come twice or in another order, and lists that are shorter, longer or turned around.

use std::collections::BTreeSet;

use serde_json::Value;
use verimage::Decision;
use verimage::core::{Answer, StoreError, StoreErrorKind, What};
use verimage_tests::fixtures::Outcome;

use crate::{FIXTURES, Fixture, OF_PLATFORMS, in_parallel, relink, samples};

/// Every way in which a store fails.
const KINDS: [StoreErrorKind; 7] = [
    StoreErrorKind::NotFound,
    StoreErrorKind::Unauthorized,
    StoreErrorKind::RateLimited,
    StoreErrorKind::TooLarge,
    StoreErrorKind::DeadlineExceeded,
    StoreErrorKind::Unavailable,
    StoreErrorKind::StateUnreadable,
];

/// A lookaside ends at the first file that is not there, and one of its files is enough: what is behind, or is not told of, does
/// not count (simple-signing.md 3).
const LOOKASIDE: &[&str] = &[
    "simple-signing/attack-empty-file-behind-good",
    "simple-signing/attack-foreign-file-behind-good",
    "simple-signing/attack-too-large-behind-good",
    "simple-signing/attack-too-many-good",
];
/// Of attestations that must all hold, or of which the newest must, a registry can hide one (docs/threat-model.md).
const ATTESTATIONS: &[&str] = &[
    "cosign-certificates/attack-scan-twice-v2-all",
    "cosign-certificates/attack-scan-twice-v2-default",
    "cosign-certificates/attack-scan-twice-v3-all",
    "cosign-certificates/attack-scan-twice-v3-default",
    "cosign-certificates/attack-stamped-worse-v2",
    "cosign-certificates/attack-stamped-worse-v3",
];

/// What became of one kind of lie: how often it was told, and the fixtures where it allowed more.
type Told = (usize, BTreeSet<String>);

/// Tells every fixture its lies.
fn tell(lies: impl Fn(&Fixture) -> Vec<Vec<Answer>> + Sync) -> Told {
    let fixtures: Vec<&Fixture> = FIXTURES.iter().filter(|fixture| fixture.needs_a_signature()).collect();
    let told = in_parallel(&fixtures, |fixture| {
        let untouched = fixture.main.untouched();
        let lies = lies(fixture);
        let more = lies.iter().enumerate().filter(|(turn, answers)| fixture.told(answers, *turn).allows_more_than(&untouched));
        (lies.len(), more.count(), fixture.main.name.clone())
    });
    let more = told.iter().filter(|(_, more, _)| *more > 0).map(|(_, _, name)| name.clone()).collect();
    (told.iter().map(|(count, ..)| count).sum(), more)
}

/// Nothing is allowed but what is exempt, and all of that is indeed.
fn report(what: &str, (count, more): &Told, exempt: &[&str]) {
    let wrong: Vec<_> = more.iter().filter(|name| !exempt.contains(&name.as_str())).collect();
    println!("{what} over {} fixtures: {count} told, {} exempt, {} wrong allows", FIXTURES.len(), exempt.len(), wrong.len());
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
    let idle: Vec<_> = exempt.iter().filter(|name| !more.contains(**name)).collect();
    assert!(idle.is_empty(), "{what}: no longer exempt: {idle:#?}");
    assert!(*count > FIXTURES.len(), "{what}: {count}");
}

#[test]
fn an_error_in_place_of_an_answer_allows_nothing() {
    let told = tell(|fixture| {
        let answers = &fixture.main.answers;
        let each = answers.iter().enumerate().filter(|(_, answer)| !relink::is_own(answer));
        each.flat_map(|(at, _)| KINDS.map(|kind| with(answers, at, |answer| answer.result = Err(StoreError::new(kind, "a lie"))))).collect()
    });
    report("errors in place of answers", &told, LOOKASIDE);
}

#[test]
fn blobs_that_are_missing_or_come_twice_allow_nothing() {
    let told = tell(|fixture| {
        let answers = &fixture.main.answers;
        let each = answers.iter().enumerate().filter(|(_, answer)| answer.result.is_ok() && !relink::is_own(answer));
        let lies = |at| {
            let blobs = |change: fn(&mut Vec<_>)| with(answers, at, |answer| change(answer.result.as_mut().expect("an answer")));
            [blobs(|blobs| blobs.clear()), blobs(|blobs| blobs.extend(blobs.clone())), blobs(|blobs| blobs.truncate(1))]
        };
        each.flat_map(|(at, _)| lies(at)).collect()
    });
    report("blobs missing or twice", &told, &[]);
}

/// Another order, and every answer twice: the outcome is the same, whatever it is.
#[test]
fn the_order_of_answers_does_not_matter() {
    in_parallel(&FIXTURES, |fixture| {
        let (recording, answers) = (&fixture.main, &fixture.main.answers);
        let turned: Vec<Answer> = answers.iter().rev().cloned().collect();
        let twice: Vec<Answer> = turned.iter().chain(answers).cloned().collect();
        let expected = recording.told(answers);
        assert_eq!((recording.told(&turned), recording.told(&twice)), (expected.clone(), expected), "{}", recording.name);
    });
}

/// Each list of a manifest or of a page of referrers, down to its lists of layers; every hash fits again.
#[test]
fn lists_in_another_order_or_shorter_or_twice_allow_nothing() {
    let told = tell(|fixture| {
        let answers = &fixture.main.answers;
        let lists = answers.iter().enumerate().filter(|(_, answer)| is_list(&answer.want.what));
        let lies: Vec<_> = lists.flat_map(|(at, answer)| blobs(at, answer).flat_map(|place| changed(answers, place))).collect();
        let stride = (lies.len() / samples(16)).max(1);
        lies.into_iter().step_by(stride).map(|(place, bytes)| relink::replace(answers, place, bytes)).collect()
    });
    report("lists turned, cut, doubled", &told, &[ATTESTATIONS, &[OF_PLATFORMS]].concat());
}

#[test]
fn the_fixtures_are_of_every_scheme_and_decision() {
    for scheme in ["cosign/", "cosign-certificates/", "notation/", "keyless/", "revocation/", "notary-v1/", "simple-signing/"] {
        for decision in [Decision::Allow, Decision::Deny] {
            let of = |fixture: &&Fixture| fixture.main.name.starts_with(scheme) && fixture.main.verdict.decision == decision;
            assert!(FIXTURES.iter().any(|fixture| of(&fixture)), "{scheme} {decision:?}");
        }
    }
    let differ = |fixture: &&Fixture| Outcome::of(&fixture.main.verdict) != Outcome::of(&fixture.other.verdict);
    let names: Vec<_> = FIXTURES.iter().filter(differ).map(|fixture| &fixture.main.name).collect();
    assert!(names.is_empty(), "the crypto sets disagree: {names:?}");
}

fn with(answers: &[Answer], at: usize, change: impl FnOnce(&mut Answer)) -> Vec<Answer> {
    let mut answers = answers.to_vec();
    change(&mut answers[at]);
    answers
}

fn is_list(what: &What) -> bool {
    matches!(what, What::Resolve | What::ManifestByTag(_) | What::Manifest(_) | What::Referrers { .. } | What::SignatureList(_))
}

fn blobs(at: usize, answer: &Answer) -> impl Iterator<Item = (usize, usize)> + use<> {
    (0..answer.result.as_ref().map_or(0, Vec::len)).map(move |blob| (at, blob))
}

/// The document at a place with each of its lists changed in each way.
fn changed(answers: &[Answer], place: (usize, usize)) -> Vec<((usize, usize), Vec<u8>)> {
    let Ok(document) = serde_json::from_slice::<Value>(relink::blob(answers, place)) else { return Vec::new() };
    let lists = ["/manifests", "/layers", "/signatures"].into_iter().filter(|list| document.pointer(list).is_some_and(Value::is_array));
    let change = |list: &str| {
        let items = document.pointer(list).and_then(Value::as_array).expect("a list").clone();
        lies(&items)
            .into_iter()
            .map(|lie| {
                let mut document = document.clone();
                *document.pointer_mut(list).expect("a list") = lie.into();
                (place, document.to_string().into_bytes())
            })
            .collect::<Vec<_>>()
    };
    lists.flat_map(change).collect()
}

fn lies(items: &[Value]) -> Vec<Vec<Value>> {
    let turned = items.iter().rev().cloned().collect();
    let doubled = items.iter().flat_map(|item| [item.clone(), item.clone()]).collect();
    let twice = items.iter().chain(items).cloned().collect();
    let without = |at: usize| items.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, item)| item.clone()).collect();
    let only = |at: usize| vec![items[at].clone()];
    let each = (0..items.len().min(8)).flat_map(|at| [without(at), only(at)]);
    [turned, doubled, twice, Vec::new()].into_iter().chain(each).collect()
}
