//! Verdicts for people: a few lines that can be read without colour.

use std::collections::{BTreeMap, BTreeSet};

use verimage::core::{Decision, LeafVerdict, ReportOutcome, ReportVerdict};
use verimage::{Code, Verdict};

use crate::commands::COMMAND_LINE;
use crate::output::{Page, Tone};

/// One verdict: what, which digest, by which rule and signer; if not allowed, why, where it looked and what to do.
/// `title` is what to call an image that has no name of its own.
pub(crate) fn verdict(verdict: &Verdict, title: Option<&str>) -> Page {
    let mut page = Page::default();
    headline(&mut page, verdict, title.unwrap_or(&verdict.image));
    if let Some(digest) = &verdict.digest {
        page.field("digest", &format!("{digest}{}", kind(verdict)));
    }
    rules(&mut page, verdict);
    if verdict.decision == Decision::Allow {
        signers(&mut page, verdict);
    } else {
        refusal(&mut page, verdict);
    }
    if verdict.admitted {
        verdict.warnings.iter().for_each(|warning| page.marked(Tone::Unsure, "warning:", &warning_text(warning)));
    }
    if let Some(hint) = &verdict.hint {
        page.marked(Tone::Advice, "hint:", hint);
    }
    if title.is_some() && verdict.code.as_deref() == Some(Code::PolicyNoMatch.as_str()) {
        page.marked(Tone::Advice, "hint:", "The image has no name; give the one that rules are for with `--as REFERENCE`.");
    }
    page
}

fn headline(page: &mut Page, verdict: &Verdict, title: &str) {
    let (tone, mark, words) = match (verdict.admitted, verdict.decision) {
        (true, Decision::Allow) => (Tone::Good, "✓", "allowed"),
        (true, Decision::Deny) => (Tone::Unsure, "!", "admitted in audit mode, though denied"),
        (true, Decision::Inconclusive) => (Tone::Unsure, "!", "admitted in audit mode, though it could not be judged"),
        (false, Decision::Inconclusive) => (Tone::Unsure, "?", "could not be judged"),
        (false, _) => (Tone::Bad, "✗", "denied"),
    };
    let code = verdict.code.as_ref().map(|code| format!(": {code}")).unwrap_or_default();
    page.line([(tone, mark), (Tone::Plain, " "), (Tone::Strong, title), (tone, format!(" {words}{code}").as_str())]);
}

fn kind(verdict: &Verdict) -> String {
    let subject = &verdict.subject;
    let words: Vec<&str> =
        subject.kind.as_deref().filter(|kind| *kind != "manifest").into_iter().chain(subject.platform.as_deref()).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

fn rules(page: &mut Page, verdict: &Verdict) {
    let source = &verdict.policy.source;
    match &verdict.rule {
        Some(rule) if source == COMMAND_LINE => page.field("rule", rule),
        Some(rule) => page.field("rule", &format!("{rule} ({source})")),
        None => page.field("policy", source),
    }
    for other in verdict.rules.iter().filter(|rule| Some(&rule.name) != verdict.rule.as_ref()) {
        let code = other.code.as_ref().map(|code| format!(": {code}")).unwrap_or_default();
        page.field("also", &format!("{} says {}{code}", other.name, decision(other.decision)));
    }
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Inconclusive => "inconclusive",
    }
}

fn signers(page: &mut Page, verdict: &Verdict) {
    let passed: Vec<&ReportVerdict> = verdict.reports.iter().filter(|report| report.outcome == ReportOutcome::Pass).collect();
    let told_times = passed.iter().flat_map(|report| &report.signed_at);
    let times: BTreeSet<String> = told_times.map(|at| format!("{} ({})", at.time, at.source)).collect();
    names(&passed).iter().for_each(|signer| page.field("signer", signer));
    times.iter().for_each(|time| page.field("signed", time));
    if let Some(oldest) = verdict.trust_material.oldest.as_ref().filter(|_| !times.is_empty()) {
        page.field("trust", &format!("trusted root of {}", oldest.get(..10).unwrap_or(oldest)));
    }
}

/// Who signed, with a word of doubt about those none of whose signatures was verified in full.
pub(crate) fn names(passed: &[&ReportVerdict]) -> Vec<String> {
    let mut signers: BTreeMap<&str, bool> = BTreeMap::new();
    for report in passed {
        if let Some(signer) = &report.signer {
            *signers.entry(signer).or_default() |= report.trusted == Some(true);
        }
    }
    let name = |(signer, trusted): (&str, bool)| format!("{signer}{}", if trusted { "" } else { " (not verified in full)" });
    signers.into_iter().map(name).collect()
}

fn refusal(page: &mut Page, verdict: &Verdict) {
    let reason = reason(verdict);
    page.field("reason", reason);
    let failed: Vec<&LeafVerdict> = verdict.leaves.iter().filter(|leaf| leaf.decision.is_some_and(|is| is != Decision::Allow)).collect();
    failed.iter().for_each(|leaf| page.field("check", &failed_check(leaf, verdict, reason)));
    let searched: BTreeSet<&str> = failed.iter().flat_map(|leaf| &leaf.searched).map(String::as_str).collect();
    searched.iter().filter(|place| !reason.contains(**place)).for_each(|place| page.field("searched", place));
    if let Some(tried) = tried(verdict) {
        page.field("tried", &tried);
    }
}

/// The verdict's sentence without what the lines above say already.
pub(crate) fn reason(verdict: &Verdict) -> &str {
    let words = if verdict.decision == Decision::Deny { "is denied" } else { "could not be judged" };
    let rule = verdict.rule.as_ref().map(|rule| format!(" by rule `{rule}`")).unwrap_or_default();
    verdict.message.strip_prefix(&format!("{} {words}{rule}: ", verdict.image)).unwrap_or(&verdict.message)
}

/// A leaf that failed: where it stands in the policy, and what is not said yet.
fn failed_check(leaf: &LeafVerdict, verdict: &Verdict, reason: &str) -> String {
    let mut text = leaf.requirement.clone();
    if let Some(subject) = leaf.subject.as_ref().filter(|subject| verdict.digest.as_ref().is_some_and(|digest| digest != *subject)) {
        text.push_str(&format!(" for {subject}"));
    }
    if let Some(code) = leaf.code.as_ref().filter(|code| Some(*code) != verdict.code.as_ref()) {
        text.push_str(&format!(": {code}"));
    }
    if let Some(detail) = leaf.detail.as_ref().filter(|detail| *detail != reason) {
        text.push_str(&format!(": {detail}"));
    }
    text
}

/// How many signatures were looked at and what became of them, if one line does not say it.
fn tried(verdict: &Verdict) -> Option<String> {
    if verdict.reports.len() < 2 {
        return None;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for report in &verdict.reports {
        *counts.entry(report.code.as_deref().unwrap_or("good")).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(code, count)| format!("{count} {code}")).collect();
    Some(format!("{} signatures: {}", verdict.reports.len(), counts.join(", ")))
}

/// What the warning words mean.
pub(crate) fn warning_text(word: &str) -> String {
    let meaning = match word {
        "key-not-pinned" => "a key is taken as a web address has it, whoever wrote it there",
        "identity-not-checked" => "anybody to whom the authority issued a certificate may have signed",
        "purpose-not-checked" => "the certificate may be for any purpose",
        "log-not-required" => "no transparency log entry is demanded",
        "sct-not-required" => "no certificate transparency log is demanded",
        "unmatched-allowed" => "no rule matches, and the policy allows such images",
        "allowed-without-signature" => "a rule allows the image without any signature",
        _ => return word.to_owned(),
    };
    format!("{word}: {meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signer_is_doubted_alone() {
        let report = |signer: &str, trusted: Option<bool>| -> ReportVerdict {
            let report = serde_json::json!({"verifier": "x", "requirement": "/rules/0/require", "source": "x", "outcome": "pass",
                "code": null, "detail": null, "signer": signer, "trusted": trusted, "signedAt": [], "facts": {}});
            serde_json::from_value(report).unwrap()
        };
        let reports = [report("alice", Some(false)), report("bob", Some(true)), report("carol", None), report("alice", Some(true))];
        let told = |reports: &[ReportVerdict]| names(&reports.iter().collect::<Vec<_>>());
        assert_eq!(told(&reports), ["alice", "bob", "carol (not verified in full)"]);
        assert_eq!(told(&reports[..2]), ["alice (not verified in full)", "bob"]);
    }
}
