//! What a policy demands, and whom it applies to, for people.

use verimage::core::policy::{Distinct, Mode, Requirement, Unmatched};

use crate::commands::{Explanation, Fate, RuleFate, Summary};
use crate::output::{Page, Tone};
use crate::render::text::warning_text;

/// A requirement tree in one line.
pub(crate) fn requirement(node: &Requirement) -> String {
    let list = |of: &[Requirement]| of.iter().map(requirement).collect::<Vec<_>>().join(", ");
    match node {
        Requirement::Signed { verifier, .. } => format!("{} signature", verifier.name()),
        Requirement::AllOf(of) => format!("all of ({})", list(of)),
        Requirement::AnyOf(of) => format!("any of ({})", list(of)),
        Requirement::Threshold { count, distinct, of } => {
            let distinct = if *distinct == Distinct::Signer { " by distinct signers" } else { "" };
            format!("{count} of ({}){distinct}", list(of))
        }
        Requirement::InsecureAllow { reason, .. } => format!("nothing: {reason}"),
        Requirement::Deny { reason, .. } => format!("denied: {reason}"),
        _ => "unknown".to_owned(),
    }
}

pub(crate) fn summary(summary: &Summary) -> Page {
    let mut page = Page::default();
    let count = summary.rules.len();
    let rules = if count == 1 { "1 rule".to_owned() } else { format!("{count} rules") };
    page.line([(Tone::Good, "✓ "), (Tone::Strong, &summary.source), (Tone::Good, " ok"), (Tone::Plain, format!(", {rules}").as_str())]);
    for rule in &summary.rules {
        let mode = if rule.mode == Mode::Audit { " (audit mode)" } else { "" };
        page.field("rule", &format!("{}: {} -> {}{mode}", rule.name, rule.images.join(", "), rule.requires));
        rule.warnings.iter().for_each(|warning| page.marked(Tone::Unsure, "warning:", &warning_text(warning)));
    }
    for remark in &summary.remarks {
        let place = remark.location.map_or_else(|| remark.pointer.clone(), |(line, column)| format!("{line}:{column}"));
        page.marked(Tone::Unsure, "remark:", &format!("{place}: {}: {}", remark.lint, remark.message));
    }
    match summary.unmatched {
        Unmatched::Deny => page.field("otherwise", "denied"),
        Unmatched::Allow => page.marked(Tone::Unsure, "warning:", &warning_text("unmatched-allowed")),
    }
    page
}

pub(crate) fn explanation(explanation: &Explanation) -> Page {
    let mut page = Page::default();
    page.line([(Tone::Strong, explanation.image.as_str()), (Tone::Plain, format!(" under {}", explanation.policy).as_str())]);
    let (others, matching): (Vec<&RuleFate>, Vec<&RuleFate>) = explanation.rules.iter().partition(|rule| rule.fate == Fate::NoMatch);
    matching.iter().for_each(|rule| fate(&mut page, rule));
    match others.len() {
        0 => {}
        1 => page.line([(Tone::Faint, "  1 rule does not match")]),
        count => page.line([(Tone::Faint, format!("  {count} rules do not match").as_str())]),
    }
    let has = |fate: Fate| explanation.rules.iter().any(|rule| rule.fate == fate);
    if has(Fate::Ambiguous) {
        page.line([(Tone::Bad, "denied with policy-ambiguous: make one of the patterns narrower")]);
    } else if !has(Fate::Selected) && !has(Fate::Always) {
        match explanation.unmatched {
            Unmatched::Deny => page.line([(Tone::Bad, "denied with policy-no-match: no rule applies, and `unmatched` is deny")]),
            Unmatched::Allow => page.line([(Tone::Unsure, "allowed: no rule applies, and `unmatched` is allow")]),
        }
    } else {
        page.plain("would ask for");
        explanation.asks.iter().for_each(|ask| page.plain(&format!("  {ask}")));
    }
    page
}

fn fate(page: &mut Page, rule: &RuleFate) {
    let pattern = rule.pattern.as_deref().unwrap_or_default();
    let (tone, mark, words) = match rule.fate {
        Fate::Selected => (Tone::Good, "→", format!("applies: `{pattern}` is the narrowest pattern that matches")),
        Fate::Always => (Tone::Good, "→", format!("applies always: `{pattern}` matches")),
        Fate::Ambiguous => (Tone::Bad, "✗", format!("`{pattern}` matches as narrowly as another rule")),
        Fate::LessSpecific => (Tone::Faint, " ", format!("`{pattern}` matches, but another rule matches more narrowly")),
        Fate::Excepted => (Tone::Faint, " ", format!("`{pattern}` matches, but so does an exception of the rule")),
        Fate::NoMatch => (Tone::Faint, " ", "does not match".to_owned()),
    };
    page.line([(tone, mark), (Tone::Plain, " "), (Tone::Strong, &rule.name), (tone, format!(": {words}").as_str())]);
    if matches!(rule.fate, Fate::Selected | Fate::Always) {
        let mode = if rule.mode == Mode::Audit { " (audit mode: reported, not enforced)" } else { "" };
        page.field("requires", &format!("{}{mode}", rule.requires));
    }
}
