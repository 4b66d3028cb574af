//! Revocation: real lists and answers of responders, as a store gives them, and what silence is worth.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use verimage::{CryptoSet, Decision, Verdict};
use verimage_tests::fixtures::Case as _;
use verimage_tests::fixtures::revocation::{Case, WAYS};

/// The verdict under both crypto sets, live and from a transcript.
fn judge(way: &'static str, answer: Option<&str>, level: &Value) -> Verdict {
    let case = Case { way, answer: answer.map(str::to_owned), level: level.clone() };
    let [one, other] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| case.ask(crypto).unwrap().verdict);
    assert_eq!(one, other, "the crypto sets disagree");
    one
}

fn summary(verdict: &Verdict) -> (Decision, Option<&str>) {
    (verdict.decision, verdict.code.as_deref())
}

#[test]
fn what_is_not_revoked_counts() {
    for (way, kind) in WAYS {
        let verdict = judge(way, Some(&format!("good.{kind}")), &json!("strict"));
        assert_eq!(summary(&verdict), (Decision::Allow, None), "{way}: {}", verdict.message);
        assert!(verdict.leaves.iter().all(|leaf| leaf.trusted), "{way}");
    }
}

#[test]
fn what_is_revoked_does_not() {
    for (way, kind) in WAYS {
        let verdict = judge(way, Some(&format!("revoked.{kind}")), &json!("strict"));
        assert_eq!(summary(&verdict), (Decision::Deny, Some("certificate-revoked")), "{way}: {}", verdict.message);
    }
}

/// A root with the same name and another key says that nothing is revoked; so does an answer about something else.
#[test]
fn the_word_of_others_is_none() {
    let others = [("listed", "foreign.crl"), ("responded", "foreign.ocsp"), ("listed", "good.ocsp"), ("responded", "good.crl")];
    for (way, file) in others {
        let verdict = judge(way, Some(file), &json!("strict"));
        assert_eq!(summary(&verdict), (Decision::Deny, Some("revocation-unknown")), "{way} {file}: {}", verdict.message);
    }
}

#[test]
fn silence_is_inconclusive() {
    for (way, _) in WAYS {
        let verdict = judge(way, None, &json!("strict"));
        assert_eq!(summary(&verdict), (Decision::Inconclusive, Some("revocation-unknown")), "{way}: {}", verdict.message);
        assert!(!verdict.admitted, "{way}");
    }
}

#[test]
fn at_laxer_levels_it_is_told_and_not_trusted() {
    let lax = [json!("permissive"), json!("audit"), json!({"revocation": "log"})];
    for (level, (way, kind)) in lax.iter().flat_map(|level| WAYS.map(|way| (level, way))) {
        for web in [Some(format!("revoked.{kind}")), None] {
            let verdict = judge(way, web.as_deref(), level);
            assert_eq!(verdict.decision, Decision::Allow, "{way} {level} {web:?}: {}", verdict.message);
            let told: BTreeSet<&str> = verdict.warnings.iter().map(String::as_str).collect();
            assert!(told.contains("notation-revocation-failed"), "{way} {level} {web:?}: {told:?}");
            assert!(verdict.leaves.iter().all(|leaf| !leaf.trusted), "{way} {level}");
        }
    }
}

#[test]
fn whoever_does_not_ask_is_not_answered() {
    for (way, _) in WAYS {
        let verdict = judge(way, None, &json!({"revocation": "skip"}));
        assert_eq!(summary(&verdict), (Decision::Allow, None), "{way}: {}", verdict.message);
    }
}
