//! Properties of every decision, over random trees and random worlds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeSet;

use common::{IMAGE, World, late_leaf, policy, rule};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use verimage_core::{Decision, StoreErrorKind};

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn tree() -> impl Strategy<Value = Value> {
    let leaf = (prop::sample::select(KEYS.to_vec()), 0..3usize).prop_map(|(key, after)| late_leaf(key, after));
    leaf.prop_recursive(3, 16, 4, |inner| {
        let children = prop::collection::vec(inner, 1..4);
        prop_oneof![
            children.clone().prop_map(|of| json!({"allOf": of})),
            children.clone().prop_map(|of| json!({"anyOf": of})),
            (children, 1..4usize, prop::bool::ANY).prop_map(|(of, k, signer)| {
                json!({"threshold": {"k": k.min(of.len()), "distinct": if signer { "signer" } else { "entry" }, "of": of}})
            }),
        ]
    })
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["good alice", "good bob", "good carol"]).prop_map(str::to_owned),
        Just("other alice".to_owned()),
        Just("bad".to_owned()),
    ]
}

fn world() -> impl Strategy<Value = World> {
    let lines =
        prop::collection::btree_map(prop::sample::select(KEYS.map(str::to_owned).to_vec()), prop::collection::vec(line(), 0..4), 0..5);
    let errors =
        prop::collection::btree_map(prop::sample::select(KEYS.map(str::to_owned).to_vec()), Just(StoreErrorKind::Unavailable), 0..2);
    (lines, errors, prop::bool::ANY).prop_map(|(lines, errors, all_evidence)| World { lines, errors, all_evidence, ..World::default() })
}

/// The decision as the definition says it, without sessions, rounds or early stops; and every set of signers that can
/// stand for the node.
fn expected(tree: &Value, world: &World) -> (Decision, BTreeSet<BTreeSet<String>>) {
    let (name, body) = tree.as_object().unwrap().iter().next().unwrap();
    let children = |list: &Value| list.as_array().unwrap().iter().map(|child| expected(child, world)).collect::<Vec<_>>();
    match name.as_str() {
        "allOf" => {
            let children = children(body);
            let sets = children.iter().fold(BTreeSet::from([BTreeSet::new()]), |sets, (_, own)| {
                sets.iter().flat_map(|set| own.iter().map(move |other| set | other)).collect()
            });
            (children.iter().map(|(decision, _)| *decision).max().unwrap(), sets)
        }
        "anyOf" => {
            let children = children(body);
            (children.iter().map(|(decision, _)| *decision).min().unwrap(), children.into_iter().flat_map(|(_, sets)| sets).collect())
        }
        "line" => leaf_decision(body["from"][0].as_str().unwrap(), world),
        _ => {
            expected_threshold(&children(&body["of"]), usize::try_from(body["k"].as_u64().unwrap()).unwrap(), body["distinct"] == "signer")
        }
    }
}

fn expected_threshold(
    children: &[(Decision, BTreeSet<BTreeSet<String>>)],
    k: usize,
    by_signer: bool,
) -> (Decision, BTreeSet<BTreeSet<String>>) {
    let mut credits: Vec<(usize, BTreeSet<String>)> = vec![(0, BTreeSet::new())];
    for (_, sets) in children {
        let joined: Vec<_> = credits
            .iter()
            .flat_map(|(count, taken)| {
                sets.iter().filter(|set| !by_signer || taken.is_disjoint(set)).map(move |set| (count + 1, taken | set))
            })
            .collect();
        credits.extend(joined);
        credits.sort();
        credits.dedup();
    }
    let most = credits.iter().map(|(count, _)| *count).max().unwrap();
    let unknown = children.iter().filter(|(decision, _)| *decision == Decision::Inconclusive).count();
    let decision = match () {
        () if most >= k => Decision::Allow,
        () if most + unknown >= k => Decision::Inconclusive,
        () => Decision::Deny,
    };
    (decision, credits.into_iter().filter(|(count, _)| *count == k).map(|(_, set)| set).collect())
}

fn leaf_decision(key: &str, world: &World) -> (Decision, BTreeSet<BTreeSet<String>>) {
    if world.errors.contains_key(key) {
        return (Decision::Inconclusive, BTreeSet::new());
    }
    let good = world.lines.get(key).into_iter().flatten().filter_map(|line| line.strip_prefix("good "));
    let sets: BTreeSet<_> = good.map(|signer| BTreeSet::from([signer.to_owned()])).collect();
    (if sets.is_empty() { Decision::Deny } else { Decision::Allow }, sets)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, rng_seed: RngSeed::Fixed(2026), ..ProptestConfig::default() })]

    #[test]
    fn the_session_decides_as_the_definition_says(tree in tree(), mut world in world()) {
        let found = world.judge(&policy(json!([rule(tree.clone())])), IMAGE);
        prop_assert_eq!(found.decision, expected(&tree, &world).0);
        prop_assert_eq!(found.code.is_none(), found.decision == Decision::Allow);
        prop_assert_eq!(found.admitted, found.decision == Decision::Allow);
    }

    #[test]
    fn an_error_in_place_of_an_answer_never_allows(tree in tree(), mut world in world(), key in prop::sample::select(KEYS.to_vec())) {
        let policy = policy(json!([rule(tree)]));
        let before = world.judge(&policy, IMAGE).decision;
        for kind in [StoreErrorKind::Unavailable, StoreErrorKind::NotFound] {
            let after = world.clone().with_error(key, kind).judge(&policy, IMAGE).decision;
            prop_assert!(before == Decision::Allow || after != Decision::Allow);
        }
    }

    #[test]
    fn another_signature_never_takes_an_allow_away(tree in tree(), mut world in world(), key in prop::sample::select(KEYS.to_vec()), line in line(), at in 0..5usize) {
        let policy = policy(json!([rule(tree)]));
        if world.judge(&policy, IMAGE).decision == Decision::Allow {
            let lines = world.lines.entry(key.to_owned()).or_default();
            lines.insert(at.min(lines.len()), line);
            prop_assert_eq!(world.judge(&policy, IMAGE).decision, Decision::Allow);
        }
    }

    #[test]
    fn looking_at_everything_decides_the_same(tree in tree(), mut world in world()) {
        let policy = policy(json!([rule(tree)]));
        world.all_evidence = false;
        let short = world.judge(&policy, IMAGE);
        world.all_evidence = true;
        let long = world.judge(&policy, IMAGE);
        prop_assert_eq!((short.decision, short.digest), (long.decision, long.digest));
    }

    #[test]
    fn nothing_signed_for_this_digest_is_never_allowed(tree in tree(), mut world in world()) {
        for lines in world.lines.values_mut() {
            lines.retain(|line| !line.starts_with("good"));
        }
        prop_assert_ne!(world.judge(&policy(json!([rule(tree)])), IMAGE).decision, Decision::Allow);
    }
}
