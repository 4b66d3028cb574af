//! Section 4: from a tag or digest to what is signed.

use serde_json::json;
use verimage_core::Digest;
use verimage_tuf::{Check, DelegationName, Expectation, Fault, Limits, RuleError, TargetRule, Wanted, Warning};

use crate::{
    Ask, assert_refused,
    repository::{Repository, Server, digest, entry},
    sign::{Key, Signer},
};

fn names(list: &[&str]) -> Vec<DelegationName> {
    list.iter().map(|name| DelegationName::from_short(name).unwrap()).collect()
}

fn all_of(list: &[&str]) -> Ask {
    Ask { rule: TargetRule::all_of(names(list)).unwrap(), ..Ask::default() }
}

fn at_least(needed: usize, list: &[&str]) -> Ask {
    Ask { rule: TargetRule::at_least(needed, names(list)).unwrap(), ..Ask::default() }
}

fn wanting(ask: Ask, wanted: Wanted) -> Ask {
    Ask { wanted, ..ask }
}

fn of(text: &str) -> Digest {
    digest(text).parse().unwrap()
}

/// The digest, and the roles that hold it.
#[track_caller]
fn assert_found(ask: &Ask, server: &Server, text: &str, roles: &[&str]) {
    let evidence = ask.evidence(server);
    let found: Vec<_> = evidence.signed_in.iter().map(ToString::to_string).collect();
    assert_eq!((evidence.digest, found.iter().map(String::as_str).collect::<Vec<_>>()), (of(text), roles.to_vec()));
}

/// `both` in releases and targets with other digests, `only` in alice, `old` in targets.
fn team() -> Repository {
    let mut repository = Repository::default();
    repository.targets.signed["targets"] = json!({"both": entry("targets"), "old": entry("old")});
    repository.delegate_tag("targets/releases", "releases", "both", "releases");
    repository.delegate_tag("targets/alice", "alice", "both", "releases").signed["targets"]["only"] = entry("only");
    repository.delegate_tag("targets/bob", "bob", "both", "bob");
    repository
}

#[test]
fn docker_takes_releases_before_targets() {
    let server = team().publish();
    assert_found(&Ask::tag("both"), &server, "releases", &["targets/releases"]);
    assert_found(&Ask::tag("old"), &server, "old", &["targets"]);
    for tag in ["only", "nobody"] {
        assert_refused(&Ask::tag(tag), &server, "targets", Check::Agreement, "signature-not-found");
    }
}

/// Corpus case 36: outside its paths, an entry of releases does not exist, and the file is not even read.
#[test]
fn docker_heeds_the_paths_of_releases() {
    let mut repository = Repository::default();
    repository.delegate("targets/releases", "releases", &["prod-"]).signed["targets"] =
        json!({"v1": entry("other"), "prod-1": entry("prod")});
    let server = repository.publish();
    let run = Ask::default().run(&server);
    assert_eq!(run.outcome.result.unwrap().digest, of("v1"));
    assert_eq!(run.rounds.iter().flatten().count(), 4);
    assert_found(&Ask::tag("prod-1"), &server, "prod", &["targets/releases"]);
}

/// What the reference finds below releases it refuses; it never turns to targets then.
#[test]
fn docker_refuses_what_is_signed_below_releases() {
    let mut repository = Repository::default();
    repository.delegate("targets/releases", "releases", &[""]);
    repository.delegate_tag("targets/releases/nightly", "nightly", "v1", "nightly");
    assert_refused(&Ask::default(), &repository.publish(), "targets/releases/nightly", Check::Agreement, "signature-not-found");
    repository.delegations.get_mut("targets/releases/nightly").unwrap().signed["targets"] = json!({});
    assert_found(&Ask::default(), &repository.publish(), "v1", &["targets"]);
    repository.delegations.get_mut("targets/releases").unwrap().signed["targets"] = json!({"v1": entry("released")});
    assert_found(&Ask::default(), &repository.publish(), "released", &["targets/releases"]);
}

/// All delegations of one depth are asked for together, and no more than are read.
#[test]
fn what_is_below_releases_takes_a_round_for_each_depth() {
    let mut repository = Repository::default();
    repository.delegate("targets/releases", "releases", &[""]);
    for name in ["targets/releases/a", "targets/releases/b", "targets/releases/c", "targets/releases/a/d"] {
        repository.delegate(name, "below", &[""]);
    }
    let server = repository.publish();
    let run = Ask::default().run(&server);
    assert!(run.outcome.result.is_ok(), "{:?}", run.outcome.result);
    assert_eq!(run.rounds.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1, 1, 3, 1]);
    let edit = |expectation: Expectation| {
        let mut limits = Limits::default();
        limits.delegations = 3;
        expectation.limits(limits)
    };
    let bounded = Ask { edit, ..Ask::default() };
    assert_refused(&bounded, &server, "targets/releases/a", Check::Size, "limit-exceeded");
    assert_eq!(bounded.run(&server).requests().len(), 5);
}

#[test]
fn connaisseur_without_names_takes_releases_alone() {
    let released = |tag: &str| Ask { rule: TargetRule::released(), ..Ask::tag(tag) };
    let server = team().publish();
    assert_found(&released("both"), &server, "releases", &["targets/releases"]);
    assert_refused(&released("old"), &server, "targets/releases", Check::Agreement, "signature-not-found");
    // Nothing delegated, or nothing published yet: targets.
    assert_found(&released("v1"), &Repository::default().publish(), "v1", &["targets"]);
    let mut unpublished = team();
    unpublished.delegations.clear();
    assert_found(&released("old"), &unpublished.publish(), "old", &["targets"]);
    let mut without_releases = Repository::default();
    without_releases.delegate_tag("targets/alice", "alice", "v1", "v1");
    assert_refused(&released("v1"), &without_releases.publish(), "targets/releases", Check::Delegation, "delegation-missing");
}

#[test]
fn all_named_delegations_agree() {
    let server = team().publish();
    let ask = |list: &[&str]| wanting(all_of(list), Wanted::Tag("both".to_owned()));
    assert_found(&ask(&["alice"]), &server, "releases", &["targets/alice"]);
    assert_found(&ask(&["releases", "targets/alice"]), &server, "releases", &["targets/releases", "targets/alice"]);
    assert_refused(&ask(&["alice", "bob"]), &server, "targets/alice", Check::Agreement, "tag-digest-mismatch");
    assert_refused(&ask(&["alice", "carol"]), &server, "targets/carol", Check::Delegation, "delegation-missing");
    let only = wanting(all_of(&["alice", "bob"]), Wanted::Tag("only".to_owned()));
    assert_refused(&only, &server, "targets/bob", Check::Agreement, "signature-not-found");
    // `targets` never stands in.
    let old = wanting(all_of(&["alice"]), Wanted::Tag("old".to_owned()));
    assert_refused(&old, &server, "targets/alice", Check::Agreement, "signature-not-found");
}

/// Each delegation is one request, those of one depth together; others are not asked for.
#[test]
fn only_named_delegations_are_fetched() {
    let run = wanting(all_of(&["alice", "releases"]), Wanted::Tag("both".to_owned())).run(&team().publish());
    assert_eq!(run.rounds.last().unwrap().len(), 2);
    assert_eq!(run.requests().len(), 6);
    // A broken one that is not asked for harms nobody.
    let mut repository = team();
    repository.delegations.get_mut("targets/bob").unwrap().signers = vec![Signer::bare(Key::P256("forger"))];
    wanting(all_of(&["alice"]), Wanted::Tag("both".to_owned())).evidence(&repository.publish());
    Ask::tag("both").evidence(&repository.publish());
}

#[test]
fn some_of_the_named_delegations_agree() {
    let server = team().publish();
    let ask = |needed, list: &[&str]| wanting(at_least(needed, list), Wanted::Tag("both".to_owned()));
    assert_found(&ask(2, &["releases", "alice", "bob"]), &server, "releases", &["targets/releases", "targets/alice"]);
    assert_refused(&ask(3, &["releases", "alice", "bob"]), &server, "targets", Check::Agreement, "threshold-not-met");
    assert_refused(&ask(2, &["alice", "bob", "carol"]), &server, "targets", Check::Agreement, "threshold-not-met");
    // Two digests with enough signers each.
    assert_refused(&ask(1, &["alice", "bob"]), &server, "targets/alice", Check::Agreement, "tag-digest-mismatch");
    // A broken one does not count, and is told.
    let mut repository = team();
    repository.delegations.get_mut("targets/bob").unwrap().signed["expires"] = "2020-01-01T00:00:00Z".into();
    let run = ask(2, &["releases", "alice", "bob", "carol"]).run(&repository.publish());
    assert_eq!(run.outcome.result.unwrap().digest, of("releases"));
    let told = run.outcome.warnings.iter().filter(|warning| matches!(warning, Warning::DelegationIgnored { .. })).count();
    assert_eq!(told, 2);
}

/// Distinct signers, not delegations: two with one key are one.
#[test]
fn delegations_with_one_key_count_once() {
    let mut repository = Repository::default();
    for (name, key) in [("targets/alice", "alice"), ("targets/again", "alice"), ("targets/bob", "bob")] {
        repository.delegate_tag(name, key, "v1", "v1");
    }
    let server = repository.publish();
    assert_refused(&at_least(2, &["alice", "again"]), &server, "targets", Check::Agreement, "threshold-not-met");
    assert_found(&at_least(2, &["alice", "again", "bob"]), &server, "v1", &["targets/alice", "targets/again", "targets/bob"]);
    // Who names every delegation has named these two.
    assert_found(&all_of(&["alice", "again"]), &server, "v1", &["targets/alice", "targets/again"]);
}

/// One that cannot be reached could have decided it: nobody knows. If it could not, the answer is no.
#[test]
fn unreachable_delegations_leave_it_open() {
    let mut server = team().publish();
    server.unreachable.push("targets/alice.json");
    let ask = |needed, list: &[&str]| wanting(at_least(needed, list), Wanted::Tag("both".to_owned()));
    assert_refused(&ask(2, &["releases", "alice"]), &server, "targets/alice", Check::Availability, "store-unavailable");
    assert_refused(&ask(3, &["releases", "alice", "bob"]), &server, "targets", Check::Agreement, "threshold-not-met");
    assert_found(&ask(1, &["releases", "alice"]), &server, "releases", &["targets/releases"]);
    assert_refused(
        &wanting(all_of(&["alice"]), Wanted::Tag("both".to_owned())),
        &server,
        "targets/alice",
        Check::Availability,
        "store-unavailable",
    );
}

#[test]
fn delegations_below_delegations() {
    let mut repository = Repository::default();
    repository.delegate("targets/a", "a", &["dev-", "test-"]);
    let role = repository.delegate("targets/a/b", "b", &["dev-x", "prod-", ""]);
    role.signed["targets"] = json!({"dev-x1": entry("one"), "dev-y1": entry("two"), "prod-1": entry("three")});
    let server = repository.publish();
    let ask = |tag: &str| wanting(all_of(&["a/b"]), Wanted::Tag(tag.to_owned()));
    let run = ask("dev-x1").run(&server);
    assert_eq!(run.outcome.result.as_ref().unwrap().digest, of("one"));
    assert_eq!(run.requests().len(), 6, "the parent holds the keys");
    for tag in ["dev-y1", "prod-1", "test-1"] {
        assert_refused(&ask(tag), &server, "targets/a/b", Check::Agreement, "signature-not-found");
    }
    // A broken parent breaks its children.
    repository.delegations.get_mut("targets/a").unwrap().signed["expires"] = "2020-01-01T00:00:00Z".into();
    assert_refused(&ask("dev-x1"), &repository.publish(), "targets/a", Check::Expiry, "metadata-expired");
}

#[test]
fn depth_and_number_of_delegations_are_bounded() {
    let deep = format!("targets{}", "/a".repeat(9));
    let rule = TargetRule::all_of(vec![DelegationName::new(&deep).unwrap()]).unwrap();
    assert_refused(&Ask { rule, ..Ask::default() }, &Repository::default().publish(), &deep, Check::Size, "limit-exceeded");
    let edit = |expectation: Expectation| {
        let mut limits = Limits::default();
        limits.delegations = 1;
        expectation.limits(limits)
    };
    let ask = wanting(Ask { edit, ..all_of(&["releases", "alice"]) }, Wanted::Tag("both".to_owned()));
    assert_refused(&ask, &team().publish(), "targets/alice", Check::Size, "limit-exceeded");
}

/// Two tags have the digest; `targets/releases` has another one for the first of them.
#[test]
fn a_digest_is_found_under_the_tag_that_still_has_it() {
    let mut repository = Repository::default();
    repository.targets.signed["targets"] = json!({"a": entry("same"), "b": entry("same")});
    repository.delegate_tag("targets/releases", "releases", "a", "other");
    let ask = wanting(Ask::default(), Wanted::Digest(of("same")));
    assert_eq!(ask.evidence(&repository.publish()).target, "b");
    repository.delegations.get_mut("targets/releases").unwrap().signed["targets"] = json!({"a": entry("other"), "b": entry("other")});
    assert_refused(&ask, &repository.publish(), "targets", Check::Agreement, "signature-not-found");
}

#[test]
fn digests_are_found_under_some_tag() {
    let server = team().publish();
    let ask = |text: &str| wanting(Ask::default(), Wanted::Digest(of(text)));
    assert_found(&ask("releases"), &server, "releases", &["targets/releases"]);
    assert_eq!(ask("old").evidence(&server).target, "old");
    // `targets` has it for a tag that means another digest, alice does not count, and nobody has the last.
    for text in ["targets", "only", "nobody"] {
        assert_refused(&ask(text), &server, "targets", Check::Agreement, "signature-not-found");
    }
    assert_found(
        &wanting(all_of(&["alice", "releases"]), Wanted::Digest(of("releases"))),
        &server,
        "releases",
        &["targets/alice", "targets/releases"],
    );
}

#[test]
fn a_tag_and_a_digest_agree() {
    let server = team().publish();
    let ask = |tag: &str, text: &str| wanting(Ask::default(), Wanted::TagAndDigest { tag: tag.to_owned(), digest: of(text) });
    assert_found(&ask("both", "releases"), &server, "releases", &["targets/releases"]);
    assert_refused(&ask("both", "targets"), &server, "targets/releases", Check::Agreement, "tag-digest-mismatch");
    assert_refused(&ask("old", "releases"), &server, "targets", Check::Agreement, "tag-digest-mismatch");
}

#[test]
fn rules_name_delegations_once_and_enough() {
    assert_eq!(TargetRule::all_of(Vec::new()), Err(RuleError::Nothing));
    assert_eq!(TargetRule::all_of(names(&["a", "targets/a"])), Err(RuleError::Twice(names(&["a"])[0].clone())));
    for needed in [0, 3] {
        assert_eq!(TargetRule::at_least(needed, names(&["a", "b"])), Err(RuleError::Count { needed, named: 2 }));
    }
}

#[test]
fn what_is_missing_is_named() {
    let failure = Ask::tag("only").failure(&team().publish());
    let Fault::TargetMissing { searched, declared, .. } = failure.fault else { panic!("{failure}") };
    assert_eq!(searched.iter().map(ToString::to_string).collect::<Vec<_>>(), ["targets/releases", "targets"]);
    assert_eq!(declared, names(&["alice", "bob"]));
}
