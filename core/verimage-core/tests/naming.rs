//! Leaves that find out which digest a tag names, and when they are believed in place of the registry.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{World, code, late_named, leaf, named, policy, rule};
use serde_json::{Value, json};
use verimage_core::manifest::{OCI_INDEX, OCI_MANIFEST};
use verimage_core::{Decision, Digest, StoreErrorKind, Verdict, What};

const TAGGED: &str = "registry.example/app:v1";

/// A manifest; what the registry has under the tag, and what is signed if nothing else is said.
fn manifest() -> String {
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 0,
        "digest": Digest::sha256(b"").to_string()}, "layers": []})
    .to_string()
    .replace(' ', "")
}

fn signed(key: &str, content: &str, signer: &str) -> World {
    World::default().with(key, &[&format!("{content} {signer}")])
}

fn digest(content: &str) -> String {
    Digest::sha256(content.as_bytes()).to_string()
}

fn judge(world: &mut World, tree: Value) -> Verdict {
    world.judge(&policy(json!([rule(tree)])), TAGGED)
}

fn asks_registry(world: &World) -> bool {
    world.asked.iter().any(|want| want.what == What::Resolve)
}

#[test]
fn the_signed_digest_is_the_verdict_and_the_registry_is_not_asked() {
    let mut world = signed("a", "content", "alice");
    let verdict = judge(&mut world, named("a"));
    assert_eq!((verdict.decision, verdict.digest.as_deref()), (Decision::Allow, Some(digest("content").as_str())));
    assert_eq!((world.asked.len(), asks_registry(&world)), (1, false));
    assert_eq!(verdict.leaves[0].subject.as_deref(), Some(digest("content").as_str()));
}

/// Whatever else is in the tree must hold for the digest that was found out.
#[test]
fn other_leaves_judge_the_signed_digest() {
    let tree = json!({"allOf": [leaf("b"), named("a")]});
    let key = format!("b@{}", digest("content"));
    let mut world = signed("a", "content", "alice").with(&key, &["good bob"]);
    let verdict = judge(&mut world, tree.clone());
    assert_eq!((verdict.decision, verdict.digest.as_deref()), (Decision::Allow, Some(digest("content").as_str())));
    assert!(!asks_registry(&world));
    let mut world = signed("a", "content", "alice").with(&format!("b@{}", digest("other")), &["good bob"]);
    assert_eq!(judge(&mut world, tree).decision, Decision::Deny);
}

#[test]
fn trees_that_cannot_do_without_are_told_from_those_that_can() {
    let (name, line) = (named("a"), leaf("b"));
    let one_of = |tree: &Value| json!({"threshold": {"k": 1, "of": [tree, leaf("c")]}});
    for (tree, expected) in [
        (json!({"anyOf": [named("a"), named("d")]}), false),
        (json!({"threshold": {"k": 2, "of": [name, named("d"), line]}}), false),
        (json!({"allOf": [{"anyOf": [named("a"), named("d")]}, line]}), false),
        (json!({"anyOf": [name, line]}), true),
        (json!({"threshold": {"k": 2, "of": [name, line, leaf("c")]}}), true),
        (one_of(&name), true),
        (line.clone(), true),
    ] {
        let mut world = signed("a", "content", "alice").with("d", &["content dora"]).with_manifest(&manifest());
        judge(&mut world, tree.clone());
        assert_eq!(asks_registry(&world), expected, "{tree}");
    }
}

/// Where the registry says what the tag names, the signed digest must be the same.
#[test]
fn a_registry_that_says_otherwise_is_a_mismatch() {
    let tree = json!({"anyOf": [named("a"), leaf("b")]});
    let verdict = judge(&mut signed("a", &manifest(), "alice").with_manifest(&manifest()), tree.clone());
    assert_eq!((verdict.decision, verdict.digest), (Decision::Allow, Some(digest(&manifest()))));
    let verdict = judge(&mut signed("a", "content", "alice").with_manifest(&manifest()), tree);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Deny, "tag-digest-mismatch"));
}

#[test]
fn leaves_that_disagree_deny() {
    for tree in [json!({"anyOf": [named("a"), named("b")]}), json!({"allOf": [named("a"), named("b")]})] {
        let mut world = signed("a", "content", "alice").with("b", &["other bob"]);
        let verdict = judge(&mut world, tree.clone());
        assert_eq!((verdict.decision, code(&verdict), verdict.digest.clone()), (Decision::Deny, "tag-digest-mismatch", None), "{tree}");
        let mut world = signed("a", "content", "alice").with("b", &["content bob"]);
        assert_eq!(judge(&mut world, tree.clone()).decision, Decision::Allow, "{tree}");
    }
}

#[test]
fn what_nobody_found_out_is_judged_by_the_tree() {
    let both = |kind: &str| json!({kind: [named("a"), named("down")]});
    for (tree, expected, why) in [
        (named("a"), Decision::Deny, "signature-not-found"),
        (named("down"), Decision::Inconclusive, "store-unavailable"),
        (both("anyOf"), Decision::Inconclusive, "store-unavailable"),
        (both("allOf"), Decision::Deny, "signature-not-found"),
        (json!({"allOf": [named("a"), leaf("c")]}), Decision::Deny, "signature-not-found"),
    ] {
        let mut world = World::default().with_error("down", StoreErrorKind::Unavailable).with("c", &["good carol"]);
        let verdict = judge(&mut world, tree.clone());
        assert_eq!((verdict.decision, code(&verdict), verdict.digest.clone()), (expected, why, None), "{tree}");
        assert!(!verdict.admitted && !asks_registry(&world), "{tree}");
        assert!(verdict.leaves.iter().any(|leaf| !leaf.searched.is_empty() && leaf.subject.is_none()), "{tree}");
    }
}

/// Of several ways one is enough, even if another cannot be asked.
#[test]
fn one_way_that_cannot_be_asked_does_no_harm() {
    let mut world = signed("a", "content", "alice").with_error("down", StoreErrorKind::Unavailable);
    let verdict = judge(&mut world, json!({"anyOf": [named("down"), named("a")]}));
    assert_eq!((verdict.decision, verdict.digest), (Decision::Allow, Some(digest("content"))));
}

#[test]
fn rules_that_look_inside_fetch_the_manifest_that_was_signed() {
    let rules = json!([{"name": "rule", "images": ["**/**"], "requirePresent": true, "require": named("a")}]);
    let mut world = signed("a", &manifest(), "alice").with_manifest(&manifest());
    let verdict = world.judge(&policy(rules.clone()), TAGGED);
    assert_eq!((verdict.decision, verdict.subject.kind.as_deref()), (Decision::Allow, Some("manifest")));
    assert!(world.asked.iter().any(|want| matches!(&want.what, What::Manifest(asked) if asked.to_string() == digest(&manifest()))));
    let mut absent = signed("a", &manifest(), "alice");
    assert_eq!(absent.judge(&policy(rules.clone()), TAGGED).decision, Decision::Inconclusive);
    let mut swapped = signed("a", "content", "alice").with_manifest(&manifest());
    assert_eq!(swapped.judge(&policy(rules), TAGGED).decision, Decision::Inconclusive);
}

/// The leaf found out the digest before anybody saw the manifest; what was signed of its size is compared then.
#[test]
fn a_signed_size_is_held_against_the_manifest_that_was_fetched() {
    let size = manifest().len();
    for (require_present, signed_size, expected) in
        [(true, size, Decision::Allow), (true, size + 1, Decision::Deny), (false, size + 1, Decision::Allow)]
    {
        let rules = json!([{"name": "rule", "images": ["**/**"], "requirePresent": require_present, "require": named("a")}]);
        let mut world = signed("a", &manifest(), &format!("alice {signed_size}")).with_manifest(&manifest());
        let verdict = world.judge(&policy(rules), TAGGED);
        assert_eq!(verdict.decision, expected, "{require_present} {signed_size}");
        if expected == Decision::Deny {
            assert_eq!(code(&verdict), "subject-mismatch");
        }
    }
    let tree = json!({"anyOf": [named("a"), leaf("b")]});
    let verdict = judge(&mut signed("a", &manifest(), &format!("alice {}", size + 1)).with_manifest(&manifest()), tree);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Deny, "subject-mismatch"));
}

/// A digest that was signed as an index's is no evidence for the manifests in it.
#[test]
fn evidence_for_an_index_is_none_for_its_platforms() {
    let entry =
        json!({"mediaType": OCI_MANIFEST, "size": 1, "digest": digest("amd64"), "platform": {"os": "linux", "architecture": "amd64"}});
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).to_string().replace(' ', "");
    let rules = |subject: &str| policy(json!([{"name": "rule", "images": ["**/**"], "subject": subject, "require": named("a")}]));
    for (subject, expected) in [("index", Decision::Allow), ("either", Decision::Allow), ("platform", Decision::Deny)] {
        let mut world = signed("a", &index, "alice").with_manifest(&index);
        assert_eq!(world.judge_on(&rules(subject), TAGGED, Some("linux/amd64")).decision, expected, "{subject}");
    }
}

/// A reference with a digest is not looked up; the leaf compares.
#[test]
fn a_digest_in_the_reference_is_the_subject() {
    let image = |content: &str| format!("{TAGGED}@{}", digest(content));
    let policy = policy(json!([rule(named("a"))]));
    assert_eq!(signed("a", "content", "alice").judge(&policy, &image("content")).decision, Decision::Allow);
    assert_eq!(code(&signed("a", "content", "alice").judge(&policy, &image("other"))), "tag-digest-mismatch");
}

#[test]
fn a_rule_in_audit_mode_leaves_it_to_the_registry() {
    let rules = json!([{"name": "audited", "images": ["**/**"], "mode": "audit", "require": named("a")}]);
    let mut world = signed("a", &manifest(), "alice").with_manifest(&manifest());
    let verdict = world.judge(&policy(rules), TAGGED);
    assert_eq!((verdict.decision, verdict.digest, asks_registry(&world)), (Decision::Allow, Some(digest(&manifest())), true));
}

/// Another rule that always applies judges the same digest.
#[test]
fn rules_beside_judge_the_signed_digest() {
    let rules = |key: &str| {
        policy(json!([{"name": "signed", "images": ["registry.example/**"], "require": named("a")},
            {"name": "always", "images": ["**/**"], "apply": "always", "require": leaf(key)}]))
    };
    let world = || signed("a", "content", "alice").with(&format!("b@{}", digest("content")), &["good bob"]);
    let verdict = world().judge(&rules("b"), TAGGED);
    assert_eq!((verdict.decision, verdict.admitted, verdict.digest), (Decision::Allow, true, Some(digest("content"))));
    let verdict = world().judge(&rules("c"), TAGGED);
    assert_eq!((verdict.decision, verdict.admitted, verdict.rule.as_deref()), (Decision::Deny, false, Some("always")));
}

/// With all evidence the session asks on and says the same.
#[test]
fn all_evidence_changes_nothing() {
    let mut world = signed("a", "content", "alice").with("d", &["content dora"]);
    world.all_evidence = true;
    let verdict = judge(&mut world, json!({"anyOf": [named("a"), named("d")]}));
    assert_eq!((verdict.decision, verdict.reports.len()), (Decision::Allow, 2));
}

/// Whoever keeps a session busy until it may ask no more keeps nobody else from being heard, and nothing is allowed
/// without a digest.
#[test]
fn a_leaf_that_never_ends_does_not_take_the_digest_away() {
    let busy = || {
        let mut world = signed("a", "content", "alice").with("b", &["content bob"]);
        world.limits.rounds = 4;
        world
    };
    let verdict = judge(&mut busy(), json!({"anyOf": [named("a"), late_named("b", 40)]}));
    assert_eq!((verdict.decision, verdict.admitted, verdict.digest), (Decision::Allow, true, Some(digest("content"))));
    let verdict = judge(&mut busy(), json!({"allOf": [named("a"), late_named("b", 40)]}));
    assert_eq!((verdict.decision, verdict.admitted, code(&verdict)), (Decision::Inconclusive, false, "limit-exceeded"));
    let verdict = judge(&mut busy(), late_named("b", 40));
    assert_eq!((verdict.decision, code(&verdict), verdict.digest.clone()), (Decision::Inconclusive, "limit-exceeded", None));
}

fn beside_an_audit(tree: Value) -> verimage_core::Policy {
    policy(json!([{"name": "signed", "images": ["registry.example/**"], "require": named("a")},
        {"name": "watched", "images": ["**/**"], "apply": "always", "mode": "audit", "require": tree}]))
}

/// A rule that only watches has no say in what the tag names.
#[test]
fn an_audit_rule_that_disagrees_blocks_nothing() {
    for watched in [named("d"), named("absent"), late_named("d", 40), json!({"allOf": [leaf("c"), named("d")]})] {
        let mut world = signed("a", "content", "alice").with("d", &["other dora"]);
        world.limits.rounds = 8;
        let verdict = world.judge(&beside_an_audit(watched.clone()), TAGGED);
        assert_eq!((verdict.admitted, verdict.digest), (true, Some(digest("content"))), "{watched}");
        let audit = verdict.rules.iter().find(|rule| rule.name == "watched").unwrap();
        assert_ne!(audit.decision, Decision::Allow, "{watched}");
    }
    let verdict = signed("a", "content", "alice").with("d", &["content dora"]).judge(&beside_an_audit(named("d")), TAGGED);
    assert!(verdict.admitted && verdict.rules.iter().all(|rule| rule.decision == Decision::Allow));
}

/// Nor does it find out a digest for the rules that block.
#[test]
fn an_audit_rule_names_nothing() {
    let verdict = World::default().with("d", &["content dora"]).judge(&beside_an_audit(named("d")), TAGGED);
    assert_eq!((verdict.decision, verdict.admitted, verdict.digest), (Decision::Deny, false, None));
}
