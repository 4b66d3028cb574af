//! What a session decides: rules, modes, subjects, resolution and store errors.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{IMAGE, World, code, late_leaf, leaf, policy, rule, try_policy};
use serde_json::{Value, json};
use verimage_core::manifest::{OCI_INDEX, OCI_MANIFEST};
use verimage_core::policy::{Location, Mode};
use verimage_core::{Decision, Digest, Limits, StoreErrorKind};

fn signed() -> World {
    World::default().with("a", &["good alice"])
}

#[test]
fn a_good_signature_allows_and_names_signer_and_digest() {
    let verdict = signed().judge(&policy(json!([rule(leaf("a"))])), IMAGE);
    assert_eq!((verdict.decision, verdict.admitted), (Decision::Allow, true));
    assert!(IMAGE.ends_with(verdict.digest.as_deref().unwrap()));
    assert_eq!(verdict.reports[0].signer.as_deref(), Some("alice"));
    assert_eq!((verdict.rule.as_deref(), verdict.code), (Some("rule"), None));
}

/// What a lax policy lets count is told for each signature, not for all of a leaf together.
#[test]
fn each_signature_says_whether_it_was_verified_in_full() {
    let judge = |lines: &[&str]| {
        let mut world = World { all_evidence: true, ..World::default() }.with("a", lines);
        world.judge(&policy(json!([rule(leaf("a"))])), IMAGE)
    };
    let verdict = judge(&["lax alice", "good bob", "bad"]);
    let told: Vec<_> = verdict.reports.iter().map(|report| (report.signer.as_deref(), report.trusted)).collect();
    assert_eq!(told, [(Some("alice"), Some(false)), (Some("bob"), Some(true)), (None, None)]);
    assert!(verdict.leaves[0].trusted);
    assert!(verdict.message.ends_with(", signed by bob"), "{}", verdict.message);
    let verdict = judge(&["lax alice", "lax bob"]);
    assert!(!verdict.leaves[0].trusted);
    assert!(verdict.message.ends_with(", at a lax level: the signature by alice was not verified in full"), "{}", verdict.message);
}

#[test]
fn messages_name_nobody_as_signer_whose_signature_was_not_verified_in_full() {
    let both = policy(json!([rule(json!({"allOf": [leaf("a"), leaf("b")]}))]));
    let message = |one: &str, other: &str| World::default().with("a", &[one]).with("b", &[other]).judge(&both, IMAGE).message;
    assert!(message("good alice", "lax bob").ends_with(", signed by alice, bob (not verified in full)"));
    assert!(message("lax alice", "lax bob").ends_with("the signature by alice, bob was not verified in full"));
    assert!(message("good alice", "lax alice").ends_with(", signed by alice"));
}

#[test]
fn evidence_for_another_digest_never_counts() {
    let verdict = World::default().with("a", &["other alice"]).judge(&policy(json!([rule(leaf("a"))])), IMAGE);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Deny, "subject-mismatch"));
}

#[test]
fn nothing_found_says_where_it_looked() {
    let verdict = World::default().judge(&policy(json!([rule(leaf("a"))])), IMAGE);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Deny, "signature-not-found"));
    assert_eq!(verdict.leaves[0].searched.len(), 1);
}

#[test]
fn an_unreachable_store_is_never_unsigned() {
    for (kind, expected) in [
        (StoreErrorKind::Unavailable, "store-unavailable"),
        (StoreErrorKind::Unauthorized, "store-unauthorized"),
        (StoreErrorKind::RateLimited, "store-rate-limited"),
        (StoreErrorKind::TooLarge, "limit-exceeded"),
        (StoreErrorKind::DeadlineExceeded, "deadline-exceeded"),
    ] {
        let policy = policy(json!([rule(json!({"line": {"from": ["a", "b"]}}))]));
        let verdict = World::default().with_error("a", kind).with("b", &["bad"]).judge(&policy, IMAGE);
        assert_eq!((verdict.decision, code(&verdict)), (Decision::Inconclusive, expected));
        let verdict = signed().with_error("b", kind).judge(&policy, IMAGE);
        assert_eq!(verdict.decision, Decision::Allow, "a good signature is enough whatever the other place says");
    }
}

#[test]
fn trees_are_three_valued() {
    let (yes, no, unknown) = (leaf("a"), leaf("none"), leaf("down"));
    let mut world = signed().with_error("down", StoreErrorKind::Unavailable);
    for (tree, expected) in [
        (json!({"allOf": [yes, no]}), Decision::Deny),
        (json!({"allOf": [yes, unknown]}), Decision::Inconclusive),
        (json!({"allOf": [unknown, no]}), Decision::Deny),
        (json!({"anyOf": [no, unknown]}), Decision::Inconclusive),
        (json!({"anyOf": [no, yes]}), Decision::Allow),
        (json!({"threshold": {"k": 1, "of": [no, unknown, yes]}}), Decision::Allow),
        (json!({"threshold": {"k": 2, "of": [no, unknown, yes]}}), Decision::Inconclusive),
        (json!({"threshold": {"k": 2, "of": [no, no, yes]}}), Decision::Deny),
    ] {
        let verdict = world.judge(&policy(json!([rule(tree.clone())])), IMAGE);
        assert_eq!(verdict.decision, expected, "{tree}");
        assert_eq!(verdict.code.is_none(), expected == Decision::Allow, "{tree}");
    }
}

#[test]
fn thresholds_count_distinct_signers() {
    let threshold = |distinct: &str| json!({"threshold": {"k": 2, "of": [leaf("a"), leaf("b")], "distinct": distinct}});
    let mut same = World::default().with("a", &["good alice"]).with("b", &["good alice"]);
    assert_eq!(code(&same.judge(&policy(json!([rule(threshold("signer"))])), IMAGE)), "threshold-not-met");
    assert_eq!(same.judge(&policy(json!([rule(threshold("entry"))])), IMAGE).decision, Decision::Allow);
    let mut different = World::default().with("a", &["good bob", "good alice"]).with("b", &["good bob"]);
    assert_eq!(different.judge(&policy(json!([rule(threshold("signer"))])), IMAGE).decision, Decision::Allow);
}

#[test]
fn allow_and_deny_leaves_decide_without_signatures() {
    let mut world = World::default();
    let verdict = world.judge(&policy(json!([rule(json!({"deny": {"reason": "retired"}}))])), "registry.example/app:v1");
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Deny, "policy-rejects"));
    assert!(verdict.message.contains("retired") && world.asked.is_empty());
    let verdict = world.judge(&policy(json!([rule(json!({"allow": {"reason": "base image"}}))])), IMAGE);
    assert_eq!((verdict.decision, verdict.warnings.as_slice()), (Decision::Allow, &["allowed-without-signature".to_owned()][..]));
}

#[test]
fn the_most_specific_rule_wins_and_always_rules_add() {
    let rules = json!([
        {"name": "broad", "images": ["registry.example/**"], "require": leaf("none")},
        {"name": "narrow", "images": ["registry.example/app"], "require": leaf("a")},
        {"name": "always", "images": ["**/**"], "apply": "always", "require": leaf("b"), "except": ["registry.example/tools/*"]},
    ]);
    let policy = policy(rules);
    let verdict = signed().judge(&policy, IMAGE);
    assert_eq!((verdict.rule.as_deref(), verdict.decision), (Some("always"), Decision::Deny));
    let verdict = signed().with("b", &["good bob"]).judge(&policy, IMAGE);
    assert_eq!((verdict.rule.as_deref(), verdict.decision), (Some("narrow"), Decision::Allow));
    let verdict = signed().with("none", &["good carol"]).judge(&policy, &IMAGE.replace("/app", "/tools/x"));
    assert_eq!((verdict.rule.as_deref(), verdict.decision, verdict.rules.len()), (Some("broad"), Decision::Allow, 1));
}

#[test]
fn audit_mode_admits_and_keeps_its_decision() {
    let with_mode = |mode: &str| policy(json!([{"name": "rule", "images": ["**/**"], "mode": mode, "require": leaf("none")}]));
    let verdict = World::default().judge(&with_mode("audit"), IMAGE);
    assert_eq!((verdict.decision, verdict.admitted, verdict.mode), (Decision::Deny, true, Mode::Audit));
    let verdict = World::default().judge(&with_mode("enforce"), IMAGE);
    assert_eq!((verdict.decision, verdict.admitted), (Decision::Deny, false));
}

#[test]
fn an_enforcing_refusal_is_told_before_an_audit_one() {
    let policy = policy(json!([
        {"name": "audited", "images": ["**/**"], "mode": "audit", "require": leaf("none")},
        {"name": "enforced", "images": ["**/**"], "apply": "always", "require": leaf("down")},
    ]));
    let verdict = World::default().with_error("down", StoreErrorKind::Unavailable).judge(&policy, IMAGE);
    assert_eq!((verdict.rule.as_deref(), verdict.decision, verdict.admitted), (Some("enforced"), Decision::Inconclusive, false));
}

#[test]
fn unmatched_images_are_denied_unless_the_policy_says_otherwise() {
    let unmatched = |word: Option<&str>| {
        let mut document = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": [{"name": "r", "images": ["other.example/**"], "require": leaf("a")}]});
        if let Some(word) = word {
            document["unmatched"] = word.into();
        }
        signed().judge(&try_policy(document).unwrap(), IMAGE)
    };
    assert_eq!((unmatched(None).decision, code(&unmatched(None))), (Decision::Deny, "policy-no-match"));
    assert_eq!(unmatched(Some("deny")).decision, Decision::Deny);
    let allowed = unmatched(Some("allow"));
    assert_eq!((allowed.decision, allowed.warnings.as_slice()), (Decision::Allow, &["unmatched-allowed".to_owned()][..]));
}

#[test]
fn equally_specific_rules_are_ambiguous() {
    let policy = policy(json!([
        {"name": "one", "images": ["registry.example/ap*"], "require": leaf("a")},
        {"name": "two", "images": ["registry.example/*pp"], "require": leaf("a")},
    ]));
    let narrower = signed().judge(&policy, &IMAGE.replace("app", "apx"));
    assert_eq!(narrower.decision, Decision::Allow);
    let verdict = signed().judge(&policy, IMAGE);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Deny, "policy-ambiguous"));
}

const MANIFEST: &str = r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","size":1},"layers":[]}"#;

#[test]
fn a_tag_is_resolved_once_and_a_digest_never() {
    let policy = policy(json!([rule(leaf("a"))]));
    let mut world = signed().with_manifest(MANIFEST);
    let verdict = world.judge(&policy, "registry.example/app:v1");
    assert_eq!((verdict.decision, verdict.digest), (Decision::Allow, Some(Digest::sha256(MANIFEST.as_bytes()).to_string())));
    assert_eq!((verdict.subject.kind.as_deref(), world.asked.len()), (Some("manifest"), 2));
    let mut world = signed();
    world.judge(&policy, IMAGE);
    assert_eq!(world.asked.len(), 1);
    let verdict = signed().judge(&policy, "registry.example/app:v1");
    assert_eq!((verdict.decision, code(&verdict), &verdict.digest), (Decision::Inconclusive, "image-not-found", &None));
    let verdict = signed().with_manifest("{\"schemaVersion\":1}").judge(&policy, "registry.example/app:v1");
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Inconclusive, "store-unavailable"));
}

#[test]
fn require_present_and_require_digest_change_the_outcome() {
    let with = |field: &str, value: bool| policy(json!([{"name": "rule", "images": ["**/**"], field: value, "require": leaf("a")}]));
    assert_eq!(code(&signed().judge(&with("requirePresent", true), IMAGE)), "image-not-found");
    assert_eq!(signed().judge(&with("requirePresent", false), IMAGE).decision, Decision::Allow);
    let lying = signed().with_manifest(MANIFEST).judge(&with("requirePresent", true), IMAGE);
    assert_eq!((lying.decision, code(&lying)), (Decision::Inconclusive, "store-unavailable"));
    let mut tagged = signed().with_manifest(MANIFEST);
    assert_eq!(code(&tagged.judge(&with("requireDigest", true), "registry.example/app:v1")), "policy-rejects");
    assert!(tagged.asked.is_empty());
    assert_eq!(tagged.judge(&with("requireDigest", false), "registry.example/app:v1").decision, Decision::Allow);
}

fn index(entries: &[(&str, &str)]) -> (String, Vec<String>) {
    let digests: Vec<String> = entries.iter().map(|(name, _)| Digest::sha256(name.as_bytes()).to_string()).collect();
    let manifests: Vec<Value> = entries
        .iter()
        .zip(&digests)
        .map(|((_, platform), digest)| {
            let (os, architecture) = platform.split_once('/').unwrap();
            json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 1, "platform": {"os": os, "architecture": architecture}})
        })
        .collect();
    (json!({"schemaVersion": 2, "manifests": manifests}).to_string(), digests)
}

#[test]
fn subjects_inside_an_index() {
    let (manifest, digests) = index(&[("one", "linux/amd64"), ("two", "linux/arm64"), ("proof", "unknown/unknown")]);
    let own = Digest::sha256(manifest.as_bytes()).to_string();
    let at = |digest: &str| format!("a@{digest}");
    let subject = |rule: &str| policy(json!([{"name": "rule", "images": ["**/**"], "subject": rule, "require": leaf("a")}]));
    let world = |signed: &[&String]| {
        signed.iter().fold(World::default().with_manifest(&manifest), |world, digest| world.with(&at(digest), &["good alice"]))
    };
    let image = "registry.example/app:v1";
    let outcome = |verdict: verimage_core::Verdict| (verdict.decision, verdict.digest.unwrap());

    assert_eq!(outcome(world(&[&own]).judge(&subject("index"), image)), (Decision::Allow, own.clone()));
    assert_eq!(world(&[&digests[0], &digests[1]]).judge(&subject("index"), image).decision, Decision::Deny);
    let chosen = world(&[&digests[1]]).judge_on(&subject("platform"), image, Some("linux/arm64"));
    assert_eq!((chosen.subject.platform.as_deref(), outcome(chosen.clone())), (Some("linux/arm64"), (Decision::Allow, digests[1].clone())));
    assert_eq!(world(&[&digests[1]]).judge_on(&subject("platform"), image, Some("linux/amd64")).decision, Decision::Deny);
    assert_eq!(world(&[&own]).judge_on(&subject("platform"), image, Some("linux/amd64")).decision, Decision::Deny);
    assert_eq!(code(&world(&[&own]).judge_on(&subject("platform"), image, Some("linux/s390x"))), "image-not-found");

    assert_eq!(outcome(world(&[&digests[0], &digests[1]]).judge(&subject("platform"), image)), (Decision::Allow, own.clone()));
    assert_eq!(world(&[&digests[0]]).judge(&subject("platform"), image).decision, Decision::Deny);
    assert_eq!(outcome(world(&[&own]).judge_on(&subject("either"), image, Some("linux/amd64"))), (Decision::Allow, own));
    assert_eq!(
        outcome(world(&[&digests[0]]).judge_on(&subject("either"), image, Some("linux/amd64"))),
        (Decision::Allow, digests[0].clone())
    );
    assert_eq!(world(&[]).judge(&subject("either"), image).decision, Decision::Deny);
}

#[test]
fn an_attestation_label_excuses_no_runnable_manifest() {
    let (manifest, digests) = index(&[("one", "linux/amd64"), ("two", "linux/arm64")]);
    let mut value: Value = serde_json::from_str(&manifest).unwrap();
    value["manifests"][1]["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let policy = policy(json!([{"name": "rule", "images": ["**/**"], "subject": "platform", "require": leaf("a")}]));
    let mut world = World::default().with_manifest(&value.to_string()).with(&format!("a@{}", digests[0]), &["good alice"]);
    assert_eq!(world.judge(&policy, "registry.example/app:v1").decision, Decision::Deny);
}

#[test]
fn limits_make_it_inconclusive() {
    let policy = policy(json!([{"name": "rule", "images": ["**/**"], "subject": "platform", "require": leaf("a")}]));
    let names: Vec<(String, &str)> = (0..33).map(|number| (number.to_string(), "linux/amd64")).collect();
    let (manifest, _) = index(&names.iter().map(|(name, platform)| (name.as_str(), *platform)).collect::<Vec<_>>());
    let verdict = signed().with_manifest(&manifest).judge(&policy, "registry.example/app:v1");
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Inconclusive, "limit-exceeded"));

    let mut limits = Limits::default();
    limits.total_bytes = 5;
    let mut world = World { limits, ..signed() };
    let verdict = world.judge(&common::policy(json!([rule(leaf("a"))])), IMAGE);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Inconclusive, "limit-exceeded"));
    let mut limits = Limits::default();
    limits.rounds = 1;
    let mut world = World { limits, ..signed() };
    assert_eq!(world.judge(&common::policy(json!([rule(leaf("a"))])), IMAGE).decision, Decision::Allow, "a bound is what is allowed");
    let mut limits = Limits::default();
    limits.wants = 1;
    let mut world = World { limits, ..signed() };
    let verdict = world.judge(&common::policy(json!([rule(json!({"line": {"from": ["a", "b"]}}))])), IMAGE);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Inconclusive, "limit-exceeded"));
    let mut limits = Limits::default();
    limits.rounds = 0;
    let mut world = World { limits, ..signed() };
    let verdict = world.judge(&common::policy(json!([rule(leaf("a"))])), IMAGE);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Inconclusive, "limit-exceeded"));
}

#[test]
fn policies_that_cannot_be_meant_do_not_load() {
    let rules = |rules: Value| json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": rules});
    for (document, pointer) in [
        (rules(json!([])), "/rules"),
        (rules(json!([rule(json!({"allOf": []}))])), "/rules/0/require/allOf"),
        (rules(json!([rule(json!({"threshold": {"k": 0, "of": [leaf("a")]}}))])), "/rules/0/require/threshold/k"),
        (rules(json!([rule(json!({"threshold": {"k": 2, "of": [leaf("a")]}}))])), "/rules/0/require/threshold/k"),
        (rules(json!([rule(json!({"threshold": {"k": 1, "of": [{"allow": {"reason": "x"}}]}}))])), "/rules/0/require/threshold/of/0/allow"),
        (rules(json!([rule(json!({"anyOf": [leaf("a"), {"allow": {"reason": "x"}}]}))])), "/rules/0/require/anyOf/1/allow"),
        (rules(json!([rule(json!({"allOf": [{"deny": {"reason": "x"}}, leaf("a")]}))])), "/rules/0/require/allOf/0/deny"),
        (rules(json!([rule(json!({"allow": {"reason": " "}}))])), "/rules/0/require/allow/reason"),
        (rules(json!([rule(json!({"unknown": {}}))])), "/rules/0/require/unknown"),
        (rules(json!([rule(json!({"line": {"from": ["a"], "extra": 1}}))])), "/rules/0/require/line/extra"),
        (rules(json!([rule(json!({}))])), "/rules/0/require"),
        (rules(json!([{"name": "r", "images": ["nginx"], "require": leaf("a")}])), "/rules/0/images/0"),
        (rules(json!([{"name": "r", "images": [], "require": leaf("a")}])), "/rules/0/images"),
        (rules(json!([{"name": "", "images": ["**/**"], "require": leaf("a")}])), "/rules/0/name"),
        (rules(json!([rule(leaf("a")), rule(leaf("a"))])), "/rules/1/name"),
        (rules(json!([rule(leaf("a")), {"name": "other", "images": ["**/**"], "require": leaf("a")}])), "/rules/1/images/0"),
        (rules(json!([{"name": "r", "images": ["r.example/a:v1"], "require": leaf("a")}])), "/rules/0/images/0"),
        (
            json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": [rule(leaf("a"))], "stores": {"s": {"type": "tag"}}}),
            "/stores/s",
        ),
        (
            json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": [rule(leaf("a"))], "stores": {"s": {"type": "tag", "repository": "A B"}}}),
            "/stores/s/repository",
        ),
    ] {
        let error = try_policy(document.clone()).unwrap_err();
        assert_eq!(error.pointer, pointer, "{document}\n{error}");
    }
    let mut deep = leaf("a");
    for _ in 0..20 {
        deep = json!({"allOf": [deep]});
    }
    assert!(try_policy(rules(json!([rule(deep)]))).is_err());
}

#[test]
fn several_rules_must_allow_one_and_the_same_digest() {
    let (manifest, digests) = index(&[("one", "linux/amd64")]);
    let own = Digest::sha256(manifest.as_bytes()).to_string();
    let rule = |name: &str, key: &str, apply: &str, mode: &str, subject: &str| json!({"name": name, "images": ["**/**"], "apply": apply, "mode": mode, "subject": subject, "require": leaf(key)});
    let world = |signed: &[(&str, &String)]| {
        signed.iter().fold(World::default().with_manifest(&manifest), |world, (key, digest)| {
            world.with(&format!("{key}@{digest}"), &[&format!("good {key}")])
        })
    };
    let judge = |mut world: World, policy: &verimage_core::Policy| world.judge_on(policy, "registry.example/app:v1", Some("linux/amd64"));
    let both = policy(json!([rule("one", "a", "select", "enforce", "either"), rule("two", "b", "always", "enforce", "either")]));
    let split = judge(world(&[("a", &own), ("b", &digests[0])]), &both);
    assert_eq!((split.decision, split.admitted, code(&split)), (Decision::Deny, false, "subject-mismatch"));
    let agreed = judge(world(&[("a", &own), ("a", &digests[0]), ("b", &digests[0])]), &both);
    assert_eq!((agreed.decision, agreed.digest.as_ref()), (Decision::Allow, Some(&digests[0])));
    let audited = policy(json!([rule("one", "a", "select", "audit", "either"), rule("two", "b", "always", "enforce", "either")]));
    let verdict = judge(world(&[("a", &own), ("b", &digests[0])]), &audited);
    assert_eq!(
        (verdict.admitted, verdict.digest.as_ref()),
        (true, Some(&digests[0])),
        "an audit rule names no digest for the rules that block"
    );
    let refused = judge(world(&[("b", &digests[0])]), &audited);
    assert_eq!((refused.decision, refused.admitted, refused.digest.as_ref()), (Decision::Deny, true, Some(&digests[0])));
    let mixed = policy(json!([rule("one", "a", "select", "enforce", "index"), rule("two", "b", "always", "audit", "platform")]));
    assert!(judge(world(&[("a", &own)]), &mixed).admitted, "an audit rule never blocks");
}

#[test]
fn an_audit_rule_alone_matches_nothing() {
    let rules = json!([
        {"name": "ours", "images": ["registry.example/**"], "require": leaf("a")},
        {"name": "watch", "images": ["**/**"], "apply": "always", "mode": "audit", "require": leaf("b")},
    ]);
    let verdict = signed().judge(&policy(rules), &IMAGE.replace("registry.example", "evil.example"));
    assert_eq!((verdict.admitted, code(&verdict)), (false, "policy-no-match"));
}

/// As Kyverno's policies in audit mode do: what no other rule matches is allowed anyway, and told.
#[test]
fn an_audit_rule_alone_judges_where_unmatched_images_are_allowed() {
    let policy = try_policy(json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "unmatched": "allow", "rules": [
        {"name": "watch", "images": ["**/**"], "apply": "always", "mode": "audit", "require": leaf("b")},
    ]}));
    let verdict = signed().judge(&policy.unwrap(), IMAGE);
    assert_eq!((verdict.decision, verdict.admitted, verdict.rule.as_deref()), (Decision::Deny, true, Some("watch")));
}

#[test]
fn a_rule_in_another_dialect_matches_what_was_asked_for() {
    let rules = |images: &str, except: &str| json!([{"name": "kyverno", "dialect": "kyverno", "images": [images], "except": [except], "apply": "always", "require": leaf("a")}]);
    let judge =
        |images: &str, except: &str| signed().with_manifest(MANIFEST).judge(&policy(rules(images, except)), "registry.example/app:v1");
    assert_eq!(judge("registry.example/*:v?", "r.example/*").decision, Decision::Allow);
    assert_eq!(code(&judge("registry.example/*@sha256:*", "r.example/*")), "policy-no-match");
    assert_eq!(code(&judge("registry.example/*", "*:v1")), "policy-no-match");
    assert_eq!(judge("registry.example/*", "*@sha256:*").decision, Decision::Allow);
}

#[test]
fn a_rule_in_another_dialect_applies_always() {
    let rules = json!([{"name": "kyverno", "dialect": "kyverno", "images": ["*"], "require": leaf("a")}]);
    let pointer =
        |rules: Value| try_policy(json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": rules})).unwrap_err().pointer;
    assert_eq!(pointer(rules), "/rules/0/apply");
    let rules = json!([{"name": "kyverno", "dialect": "kyverno", "images": ["a/b:*"], "apply": "always", "require": leaf("a")}]);
    assert_eq!(pointer(rules), "/rules/0/images/0");
}

fn allowing(dialect: &str, name: &str, pattern: &str) -> Value {
    json!({"name": name, "dialect": dialect, "images": [pattern], "require": {"allow": {"reason": "demo"}}})
}

/// The names of the rules that judge the image; of those that tie, if none does.
fn judging(rules: Value, image: &str) -> Vec<String> {
    let policy = policy(rules);
    match policy.select(&image.parse().unwrap(), &Location::Registry) {
        Ok(rules) => rules.iter().map(|rule| rule.name().to_owned()).collect(),
        Err(ambiguous) => ambiguous.rules,
    }
}

#[test]
fn the_last_of_equal_patterns_of_connaisseur_judges() {
    let rule = |name: &str, pattern: &str| allowing("connaisseur", name, pattern);
    assert_eq!(judging(json!([rule("a", "*a*"), rule("b", "*r*"), rule("c", "*")]), "r.example/a:1"), ["b"]);
    assert_eq!(judging(json!([rule("a", "*a*"), rule("b", "*r*"), rule("c", "r.example/*")]), "r.example/a:1"), ["c"]);
    assert_eq!(judging(json!([rule("a", "r.example/*")]), "s.example/a:1"), Vec::<String>::new());
}

#[test]
fn equal_patterns_of_portieris_cannot_win() {
    let rule = |name: &str, pattern: &str| allowing("portieris", name, pattern);
    assert_eq!(judging(json!([rule("a", "r.example/a*"), rule("b", "r.example/*b"), rule("c", "*")]), "r.example/ab:1"), ["a", "b"]);
    assert_eq!(judging(json!([rule("a", "r.example/a*"), rule("b", "r.example/*b:1")]), "r.example/ab:1"), ["b"]);
    let tied = policy(json!([rule("a", "r.example/a*"), rule("b", "r.example/*b")]));
    assert!(tied.select(&"r.example/ab".parse().unwrap(), &Location::Registry).is_err());
}

/// Which spelling was asked for is not known, and rules of several languages have no order: each that could win judges.
#[test]
fn rules_that_cannot_be_compared_judge_together() {
    let rule = |name: &str, pattern: &str| allowing("portieris", name, pattern);
    let rules = json!([rule("any", "*"), rule("short", "nginx"), rule("hub", "docker.io/*"), rule("full", "docker.io/library/*")]);
    assert_eq!(judging(rules.clone(), "nginx:1"), ["short", "full"]);
    assert_eq!(judging(rules.clone(), "bitnami/redis"), ["hub"]);
    assert_eq!(judging(rules, "r.example/a"), ["any"]);
    let mixed = json!([
        allowing("connaisseur", "theirs", "*"),
        {"name": "ours", "images": ["registry.example/**"], "require": leaf("a")},
        allowing("connaisseur", "narrower", "*:*"),
    ]);
    assert_eq!(judging(mixed.clone(), IMAGE), ["ours", "narrower"]);
    assert_eq!(signed().judge(&policy(mixed.clone()), IMAGE).decision, Decision::Allow);
    assert_eq!(World::default().judge(&policy(mixed), IMAGE).decision, Decision::Deny);
}

#[test]
fn an_index_inside_an_index_is_no_platform() {
    let (manifest, digests) = index(&[("one", "linux/amd64")]);
    let manifest = manifest.replace(OCI_MANIFEST, OCI_INDEX);
    let policy = policy(json!([{"name": "rule", "images": ["**/**"], "subject": "platform", "require": leaf("a")}]));
    for platform in [None, Some("linux/amd64")] {
        let mut world = World::default().with_manifest(&manifest).with(&format!("a@{}", digests[0]), &["good alice"]);
        let verdict = world.judge_on(&policy, "registry.example/app:v1", platform);
        assert_eq!((verdict.decision, code(&verdict)), (Decision::Deny, "payload-malformed"));
    }
}

#[test]
fn a_scope_with_a_digest_holds_for_a_tag_that_points_there() {
    let digest = Digest::sha256(MANIFEST.as_bytes());
    let policy = policy(json!([
        {"name": "ours", "images": ["registry.example/**"], "require": leaf("a")},
        {"name": "revoked", "images": [format!("registry.example/app@{digest}")], "require": {"deny": {"reason": "revoked"}}},
    ]));
    let verdict = signed().with_manifest(MANIFEST).judge(&policy, "registry.example/app:v1");
    assert_eq!((verdict.rule.as_deref(), code(&verdict)), (Some("revoked"), "policy-rejects"));
    assert_eq!(signed().judge(&policy, IMAGE).decision, Decision::Allow);
}

#[test]
fn a_tag_beside_a_digest_is_told_when_it_chose_the_rule() {
    let policy = policy(json!([
        {"name": "strict", "images": ["registry.example/app"], "require": leaf("none")},
        {"name": "loose", "images": ["registry.example/app:dev*"], "require": leaf("a")},
    ]));
    let verdict = signed().judge(&policy, &IMAGE.replace("app@", "app:dev@"));
    assert_eq!((verdict.decision, verdict.warnings.as_slice()), (Decision::Allow, &["tag-not-checked".to_owned()][..]));
}

#[test]
fn signers_found_late_or_often_are_counted_all_the_same() {
    let nested = json!({"threshold": {"k": 2, "of": [{"threshold": {"k": 1, "of": [leaf("a"), leaf("b")]}}, leaf("c")]}});
    let mut world = World::default().with("a", &["good alice"]).with("b", &["good carol"]).with("c", &["good carol"]);
    assert_eq!(world.judge(&policy(json!([rule(nested)])), IMAGE).decision, Decision::Allow);
    let many = vec!["good alice"; 200];
    let either = |after: usize| json!({"threshold": {"k": 2, "of": [{"anyOf": [leaf("a"), late_leaf("b", after)]}, leaf("c")]}});
    for after in [0, 3] {
        let mut world = World::default().with("a", &many).with("b", &["good bob"]).with("c", &["good alice"]);
        assert_eq!(world.judge(&policy(json!([rule(either(after))])), IMAGE).decision, Decision::Allow, "{after}");
    }
    let late_first = json!({"threshold": {"k": 2, "of": [{"anyOf": [late_leaf("b", 1), leaf("a")]}, leaf("a")]}});
    let mut world = World::default().with("a", &["good bob"]).with("b", &["good alice"]);
    assert_eq!(world.judge(&policy(json!([rule(late_first)])), IMAGE).decision, Decision::Allow, "alice answers a round later");
    let mut twice = World::default().with("a", &["good alice", "good alice"]).with("b", &["good alice"]);
    let two = json!({"threshold": {"k": 2, "of": [leaf("a"), leaf("b")]}});
    assert_eq!(code(&twice.judge(&policy(json!([rule(two)])), IMAGE)), "threshold-not-met", "layers are not signers");
}

#[test]
fn the_reason_is_that_of_the_node_that_failed() {
    let met = json!({"threshold": {"k": 1, "of": [leaf("a"), leaf("b")]}});
    let verdict = signed().judge(&policy(json!([rule(json!({"allOf": [met, leaf("missing")]}))])), IMAGE);
    assert_eq!(code(&verdict), "signature-not-found");
    let tree = json!({"anyOf": [{"allOf": [leaf("a"), leaf("missing")]}, leaf("c")]});
    let verdict = signed().with("c", &["good carol"]).judge(&policy(json!([rule(tree)])), IMAGE);
    assert!(verdict.message.ends_with("signed by carol"), "{}", verdict.message);
}

#[test]
fn a_check_that_never_ends_is_ended() {
    let verdict = signed().judge(&policy(json!([rule(late_leaf("a", 1000))])), IMAGE);
    assert_eq!((verdict.decision, code(&verdict)), (Decision::Inconclusive, "limit-exceeded"));
}

#[test]
fn a_moved_tag_gets_its_own_verdict() {
    let policy = policy(json!([rule(leaf("a"))]));
    let first = Digest::sha256(MANIFEST.as_bytes());
    let moved = MANIFEST.replace("\"layers\":[]", "\"layers\":[],\"annotations\":null");
    let mut world = World::default().with(&format!("a@{first}"), &["good alice"]).with_manifest(MANIFEST);
    assert_eq!(world.judge(&policy, "registry.example/app:v1").digest, Some(first.to_string()));
    let verdict = world.with_manifest(&moved).judge(&policy, "registry.example/app:v1");
    assert_eq!((verdict.decision, verdict.digest), (Decision::Deny, Some(Digest::sha256(moved.as_bytes()).to_string())));
}
