//! A verdict as HTML, for notebooks. Everything that came from outside is escaped.

use std::fmt::Write as _;

use verimage::{Decision, Verdict};

pub(crate) fn page(verdict: &Verdict) -> String {
    let (mark, word) = match (verdict.allowed(), verdict.decision) {
        (true, Decision::Allow) => ("✓", "allowed"),
        (true, _) => ("✓", "admitted in audit mode"),
        (false, Decision::Inconclusive) => ("?", "inconclusive"),
        (false, _) => ("✗", "denied"),
    };
    let mut rows = Vec::new();
    rows.extend(verdict.digest.as_ref().map(|digest| ("digest", digest.as_str())));
    rows.extend(verdict.rule.as_ref().map(|rule| ("rule", rule.as_str())));
    rows.extend(verdict.code.as_ref().map(|code| ("code", code.as_str())));
    rows.push(("message", verdict.message.as_str()));
    rows.extend(verdict.hint.as_ref().map(|hint| ("hint", hint.as_str())));
    rows.extend(verdict.reports.iter().filter_map(|report| Some(("signer", report.signer.as_deref()?))));
    rows.extend(verdict.warnings.iter().map(|warning| ("warning", warning.as_str())));
    let mut text = format!("<div><b>{mark} {} {word}</b><table>", escaped(&verdict.image));
    for (label, value) in rows {
        // Writing to a string does not fail.
        let _ = write!(text, "<tr><th>{label}</th><td>{}</td></tr>", escaped(value));
    }
    text + "</table></div>"
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}
