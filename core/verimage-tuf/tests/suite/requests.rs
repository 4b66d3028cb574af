//! Which files are asked for, in which order, and how often (specification section 8).

use std::sync::Arc;

use verimage_crypto::CryptoSet;
use verimage_tuf::{Answer, Check, Expectation, Gun, Known, RoleFile, RoleName, Step, TargetRule, Verification, Wanted};

use crate::{
    Ask, assert_refused, at, pinned,
    repository::{GUN, Repository},
};

fn released() -> Repository {
    let mut repository = Repository::default();
    repository.delegate_tag("targets/releases", "releases", "v1", "v1");
    repository
}

/// Each round by the roles that it asks for.
fn rounds(ask: &Ask, repository: &Repository) -> Vec<String> {
    let run = ask.run(&repository.publish());
    assert!(run.outcome.result.is_ok(), "{:?}", run.outcome.result);
    let role = |name: &String| name.split('.').next().unwrap().to_owned();
    run.rounds.iter().map(|round| round.iter().map(role).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn cold_are_four_and_one_for_each_delegation_needed() {
    assert_eq!(rounds(&Ask::default(), &Repository::default()), ["root timestamp", "snapshot", "targets"]);
    assert_eq!(rounds(&Ask::default(), &released()), ["root timestamp", "snapshot", "targets", "targets/releases"]);
    // Declared, but without anything published or open to the tag: nothing is asked for.
    let mut repository = released();
    repository.delegate_tag("targets/alice", "alice", "v1", "v1");
    assert_eq!(rounds(&Ask::default(), &repository), ["root timestamp", "snapshot", "targets", "targets/releases"]);
}

#[test]
fn warm_is_the_timestamp_alone() {
    let run = Ask::default().run(&released().publish());
    let known = run.known().cache(run.outcome.cache.clone());
    assert_eq!(rounds(&Ask::known(known), &released()), ["timestamp"]);
    assert_eq!(rounds(&Ask::known(run.known()), &released()), ["timestamp", "snapshot", "targets", "targets/releases"]);
    let mut cache = Known::default();
    cache.cache = run.outcome.cache;
    assert_eq!(rounds(&Ask::known(cache), &released()), ["root timestamp"]);
}

/// What was handed in is verified as if it came from the server.
#[test]
fn cached_files_are_verified_again() {
    let mut repository = released();
    for role in [&mut repository.root, &mut repository.timestamp] {
        role.signed["expires"] = "2034-01-01T00:00:00Z".into();
    }
    let server = repository.publish();
    let run = Ask::default().run(&server);
    let later = Ask { now: at("2031-01-01T00:00:00Z"), ..Ask::known(run.known().cache(run.outcome.cache.clone())) };
    assert_eq!(later.run(&server).requests(), ["timestamp.json"]);
    assert_refused(&later, &server, "snapshot", Check::Expiry, "metadata-expired");
    // A file of another collection is not the one that is named.
    let foreign = Ask::default().run(&Repository::default().publish()).outcome.cache;
    assert_eq!(rounds(&Ask::known(run.known().cache(foreign)), &repository).len(), 4);
}

#[test]
fn a_refusal_asks_for_no_more_than_it_needs() {
    let count = |ask: &Ask, repository: &Repository| ask.run(&repository.publish()).requests().len();
    assert_eq!(count(&Ask { pins: pinned("other"), ..Ask::default() }, &Repository::default()), 2);
    let mut expired = Repository::default();
    expired.timestamp.signed["expires"] = "2020-01-01T00:00:00Z".into();
    assert_eq!(count(&Ask::default(), &expired), 2);
    assert_eq!(count(&Ask::tag("nobody"), &Repository::default()), 4);
}

#[test]
fn sizes_are_those_that_were_announced() {
    let server = Repository::default().publish();
    let expectation = Expectation::new(Gun::new(GUN).unwrap(), pinned("root"), TargetRule::docker(), CryptoSet::rustcrypto());
    let mut verification =
        Verification::begin(Arc::new(expectation), Wanted::Tag("v1".to_owned()), at(crate::NOW), Known::default()).unwrap();
    while let Step::Fetch(requests) = verification.step() {
        for request in requests {
            let length = server.files[&format!("{}.json", request.file.role())].len() as u64;
            let expected = if matches!(request.file, RoleFile::ByHash(..)) { length } else { 1 << 20 };
            assert_eq!(request.max_bytes, expected, "{}", request.file);
            verification.supply(request.file.clone(), server.fetch(&request));
        }
    }
}

/// Answers in any order, one at a time or together, give the same; what was not asked for is ignored.
#[test]
fn the_order_of_answers_does_not_matter() {
    let server = released().publish();
    let expectation = Expectation::new(Gun::new(GUN).unwrap(), pinned("root"), TargetRule::docker(), CryptoSet::rustcrypto());
    let expectation = Arc::new(expectation);
    let begin = || Verification::begin(expectation.clone(), Wanted::Tag("v1".to_owned()), at(crate::NOW), Known::default()).unwrap();
    let together = Ask::default().run(&server).outcome;
    let mut verification = begin();
    verification.supply(RoleFile::Current(RoleName::Root), Answer::Absent);
    let outcome = loop {
        match verification.step() {
            Step::Done(outcome) => break *outcome,
            Step::Fetch(requests) => {
                for request in requests.into_iter().rev() {
                    let answer = server.fetch(&request);
                    verification.supply(request.file.clone(), answer);
                    verification.supply(request.file, Answer::Absent);
                }
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(outcome, together);
    assert!(matches!(verification.step(), Step::Done(again) if *again == outcome));
}

/// A driver that answers nothing gets an end, and no trust.
#[test]
fn questions_without_answers_end() {
    let expectation = Expectation::new(Gun::new(GUN).unwrap(), pinned("root"), TargetRule::docker(), CryptoSet::rustcrypto());
    let mut verification =
        Verification::begin(Arc::new(expectation), Wanted::Tag("v1".to_owned()), at(crate::NOW), Known::default()).unwrap();
    assert!(matches!(verification.step(), Step::Fetch(requests) if requests.len() == 2));
    let Step::Done(outcome) = verification.step() else { panic!("still asking") };
    assert_eq!(outcome.result.unwrap_err().kind().as_str(), "store-unavailable");
}

#[test]
fn absent_and_unreachable_files_are_told_apart() {
    for (role, kind) in [
        ("root", "signature-not-found"),
        ("timestamp", "metadata-invalid"),
        ("snapshot", "metadata-invalid"),
        ("targets", "metadata-invalid"),
        ("targets/releases", "delegation-missing"),
    ] {
        let file: &'static str = format!("{role}.json").leak();
        assert_refused(&Ask::default(), &released().publish().without(file), role, Check::Availability, kind);
        let mut server = released().publish();
        server.unreachable.push(file);
        assert_refused(&Ask::default(), &server, role, Check::Availability, "store-unavailable");
    }
}
