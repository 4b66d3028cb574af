//! One page for people who decide: how many images may run, what keeps the others from it, and the evidence for each.
//!
//! The page is one file that asks nobody for anything. Its policy (CSP) lets nothing in but the style sheet and the script
//! that are part of this program, by their hashes; every text goes through `maud`, which escapes it, and through
//! [`harmless`], so that none hides or turns around what is written.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use verimage::Code;

use crate::failure::Failure;
use crate::output::harmless;
use crate::render::report::{Entry, Judge, Outcome};
use crate::render::text::warning_text;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// How many places that name an image are listed with it.
const MAX_MENTIONS: usize = 50;
/// Sections of images that are allowed are closed from this size on.
const LONG: usize = 25;
/// The width of the bar, in its own units.
const BAR: usize = 1000;

/// Writes the page in parts: what is above the images, each image, and what is below them.
pub(crate) fn page(judge: &Judge, mut entries: Vec<Entry>, mut write: impl FnMut(&str) -> std::io::Result<()>) -> Result<(), Failure> {
    entries.sort_by(|one, other| (one.outcome, &one.code, &one.image).cmp(&(other.outcome, &other.code, &other.image)));
    write(&DOCTYPE.into_string())?;
    write("<html lang=\"en\">")?;
    write(&head().into_string())?;
    write("<body>")?;
    write(&summary(judge, &entries).into_string())?;
    write(&filters(&entries).into_string())?;
    write("<main>")?;
    for section in entries.chunk_by(|one, other| one.outcome == other.outcome) {
        write(&section_head(section))?;
        for entry in section {
            write(&image(entry).into_string())?;
        }
        write("</details>")?;
    }
    write("</main>")?;
    write(&footer(judge).into_string())?;
    write(&html! { script { (PreEscaped(SCRIPT)) } }.into_string())?;
    write("</body></html>\n")?;
    Ok(())
}

fn head() -> Markup {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="referrer" content="no-referrer";
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { "Image audit" }
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// The answer in one sentence, the numbers, and what keeps images from running.
fn summary(judge: &Judge, entries: &[Entry]) -> Markup {
    let admitted = entries.iter().filter(|entry| entry.outcome.is_admitted()).count();
    let times = || entries.iter().filter_map(|entry| entry.at.as_deref());
    html! {
        header {
            h1 { "Image audit" }
            p.answer { (answer(entries.len(), admitted)) }
            ul.tiles {
                @for (outcome, count) in counts(entries) {
                    li class=(class(outcome)) { b { (grouped(count)) } " " span { (title(outcome)) } }
                }
            }
            (bar(entries))
            dl.facts {
                dt { "Policy" } dd { (shown(&judge.policy)) }
                @if let (Some(first), Some(last)) = (times().min(), times().max()) {
                    dt { "Judged" } dd { (second(first)) @if second(first) != second(last) { " to " (second(last)) } }
                }
            }
            (reasons(entries))
        }
    }
}

/// What exactly judged, for whoever checks the report.
fn footer(judge: &Judge) -> Markup {
    html! {
        footer { dl {
            dt { "Digest of the policy" } dd.digest { (shown(&judge.digest)) }
            dt { "Digest of its keys and roots" } dd.digest { (shown(&judge.material)) }
            dt { "Made by" } dd { "verimage " (env!("CARGO_PKG_VERSION")) }
        } }
    }
}

fn answer(images: usize, admitted: usize) -> String {
    let noun = if images == 1 { "image" } else { "images" };
    match images - admitted {
        0 if images == 0 => "There was no image to judge.".to_owned(),
        0 if images == 1 => "The image may run under this policy.".to_owned(),
        0 => format!("All {} images may run under this policy.", grouped(images)),
        refused => format!("{} of {} {noun} may not run under this policy.", grouped(refused), grouped(images)),
    }
}

fn counts(entries: &[Entry]) -> Vec<(Outcome, usize)> {
    let count = |outcome| entries.iter().filter(|entry| entry.outcome == outcome).count();
    Outcome::ALL.iter().map(|outcome| (*outcome, count(*outcome))).filter(|(_, count)| *count > 0).collect()
}

/// The shares as a bar. Whatever there is can be seen.
fn bar(entries: &[Entry]) -> Markup {
    let mut left = 0;
    let shares = counts(entries).into_iter().map(|(outcome, count)| {
        let (start, width) = (left, (count * BAR / entries.len().max(1)).max(4));
        left += width;
        (outcome, start, width)
    });
    let shares: Vec<(Outcome, usize, usize)> = shares.collect();
    html! {
        svg.bar aria-hidden="true" viewBox=(format!("0 0 {} 12", left.max(1))) preserveAspectRatio="none" {
            @for (outcome, start, width) in shares {
                rect class=(class(outcome)) x=(start) y="0" width=(width) height="12" {}
            }
        }
    }
}

/// Why images are not allowed, the most frequent reason first.
fn reasons(entries: &[Entry]) -> Markup {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for code in entries.iter().filter_map(|entry| entry.code.as_deref()) {
        *reasons.entry(code).or_default() += 1;
    }
    let mut reasons: Vec<(&str, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| Reverse(*count));
    let known = |code: &str| Code::ALL.iter().copied().find(|known| known.as_str() == code);
    html! {
        @if !reasons.is_empty() {
            h2 { "Why not, and what to do" }
            div.wide { table {
                thead { tr { th.number { "Images" } th { "Code" } th { "What happened" } th { "What to do" } } }
                tbody {
                    @for (code, count) in reasons {
                        tr {
                            td.number { (grouped(count)) }
                            td { code { (shown(code)) } }
                            td { @if let Some(known) = known(code) { (known.meaning()) } }
                            td { @if let Some(known) = known(code) { (known.remedy()) } }
                        }
                    }
                }
            } }
        }
    }
}

/// Made visible by the script; without it every image is there all the same.
fn filters(entries: &[Entry]) -> Markup {
    let mut codes: Vec<&str> = entries.iter().filter_map(|entry| entry.code.as_deref()).collect();
    codes.sort_unstable();
    codes.dedup();
    html! {
        form #filters hidden {
            label { "Search " input #search type="search" placeholder="image, digest, rule, object, signer" autocomplete="off"; }
            @if codes.len() > 1 {
                label { "Code " select #code {
                    option value="" { "any" }
                    @for code in codes { option value=(shown(code)) { (shown(code)) } }
                } }
            }
            output #found {}
        }
    }
}

fn section_head(section: &[Entry]) -> String {
    let Some(outcome) = section.first().map(|entry| entry.outcome) else { return String::new() };
    let open = if outcome == Outcome::Allowed && section.len() > LONG { "" } else { " open" };
    let (title, count) = (title(outcome), grouped(section.len()));
    format!("<details class=\"section {}\"{open}><summary><h2>{title} <small>{count}</small></h2></summary>", class(outcome))
}

fn image(entry: &Entry) -> Markup {
    let code = entry.code.as_deref().unwrap_or_default();
    html! {
        details.image data-code=(shown(code)) {
            summary {
                span.name { (shown(&entry.image)) }
                @if entry.code.is_some() { " " code { (shown(code)) } }
            }
            dl {
                @if entry.outcome != Outcome::Allowed { dt { "Reason" } dd { (shown(&entry.message)) } }
                @if let Some(hint) = &entry.hint { dt { "What to do" } dd { (shown(hint)) } }
                @if let Some(digest) = &entry.digest { dt { "Digest" } dd.digest { (shown(digest)) } }
                (rules(entry))
                (listed("Signer", &entry.signers))
                (listed("Looked at", &entry.other_places().cloned().collect::<Vec<_>>()))
                (listed("Know this", &entry.warnings.iter().map(|warning| warning_text(warning)).collect::<Vec<_>>()))
                (listed("Named in", &mentions(entry)))
                @if let Some(at) = &entry.at { dt { "Judged" } dd { (second(at)) } }
            }
        }
    }
}

fn rules(entry: &Entry) -> Markup {
    let others = entry.rules.iter().filter(|rule| Some(&rule.name) != entry.rule.as_ref());
    let others: Vec<String> = others.map(|rule| format!("{}: {}", rule.name, rule.code.as_deref().unwrap_or("allows"))).collect();
    html! {
        @if let Some(rule) = &entry.rule { dt { "Rule" } dd { (shown(rule)) } }
        (listed("Other rules", &others))
    }
}

fn mentions(entry: &Entry) -> Vec<String> {
    let mut texts: Vec<String> = entry.mentions.iter().take(MAX_MENTIONS).map(ToString::to_string).collect();
    if entry.mentions.len() > MAX_MENTIONS {
        texts.push(format!("and {} more", entry.mentions.len() - MAX_MENTIONS));
    }
    texts
}

fn listed(label: &str, texts: &[String]) -> Markup {
    html! {
        @if !texts.is_empty() {
            dt { (label) }
            @for text in texts { dd { (shown(text)) } }
        }
    }
}

/// Text from outside, with nothing in it that hides or turns around what is written.
fn shown(text: &str) -> Markup {
    let text = harmless(text);
    html! { (text) }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Denied => "denied",
        Outcome::Unknown | Outcome::Unasked => "unknown",
        Outcome::DeniedInAudit | Outcome::UnknownInAudit => "audit",
        Outcome::Allowed => "allowed",
    }
}

fn title(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Denied => "Denied",
        Outcome::Unknown => "Could not be judged",
        Outcome::Unasked => "Could not be asked about",
        Outcome::DeniedInAudit => "Admitted in audit mode, though denied",
        Outcome::UnknownInAudit => "Admitted in audit mode, though not judged",
        Outcome::Allowed => "Allowed",
    }
}

/// A time without its fraction of a second.
fn second(time: &str) -> String {
    let whole = time.split_once('.').map_or_else(|| time.to_owned(), |(whole, _)| format!("{whole}Z"));
    harmless(&whole.replace('T', " ").replace('Z', " UTC")).into_owned()
}

/// `20,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither opens an element nor leaves an attribute, whatever stands in it.
    const HOSTILE: &str =
        "</script></style><script>alert(1)</script><img src=x onerror=alert(1)>\" onload=\"alert(1)' x='&amp;\u{202e}\u{1b}[2J";

    fn hostile() -> Entry {
        let mut entry = Entry::unasked(HOSTILE, HOSTILE.to_owned());
        let texts = || vec![HOSTILE.to_owned()];
        entry.outcome = Outcome::Denied;
        (entry.code, entry.digest, entry.hint) = (Some(HOSTILE.to_owned()), Some(HOSTILE.to_owned()), Some(HOSTILE.to_owned()));
        (entry.rule, entry.at) = (Some(HOSTILE.to_owned()), Some(HOSTILE.to_owned()));
        (entry.signers, entry.warnings, entry.searched) = (texts(), texts(), texts());
        entry
    }

    fn written(entries: Vec<Entry>) -> String {
        let judge = Judge { policy: HOSTILE.to_owned(), digest: HOSTILE.to_owned(), material: HOSTILE.to_owned() };
        let mut page = String::new();
        super::page(&judge, entries, |part| {
            page.push_str(part);
            Ok(())
        })
        .unwrap();
        page
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let page = written(vec![hostile()]);
        assert!(!page.contains("<img") && !page.contains("<script>alert") && !page.contains(['\u{202e}', '\u{1b}']), "{page}");
        assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (1, 1));
        assert_eq!((page.matches("<style").count(), page.matches("</style").count()), (1, 1));
        assert!(!page.contains("\" onload") && page.contains("&quot; onload"), "{page}");
    }

    #[test]
    fn the_page_asks_nobody_and_allows_what_it_has() {
        let page = written(vec![hostile()]);
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
        for part in ["default-src 'none'", &format!("'sha256-{}'", hash(STYLE)), &format!("'sha256-{}'", hash(SCRIPT))] {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains(STYLE) && page.contains(SCRIPT), "what is hashed is what is there");
        for outside in ["http://", "https://", "@import", "url("] {
            assert!(!STYLE.contains(outside) && !SCRIPT.contains(outside), "{outside}");
        }
        assert!(!page.contains(" style=") && !page.contains(" src=\"") && !page.contains("href="));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 20_000, 1_234_567].map(grouped), ["0", "999", "1,000", "20,000", "1,234,567"]);
    }

    #[test]
    fn the_answer_is_a_sentence() {
        assert_eq!(answer(0, 0), "There was no image to judge.");
        assert_eq!(answer(1, 1), "The image may run under this policy.");
        assert_eq!(answer(2000, 2000), "All 2,000 images may run under this policy.");
        assert_eq!(answer(1, 0), "1 of 1 image may not run under this policy.");
        assert_eq!(answer(20_000, 18_500), "1,500 of 20,000 images may not run under this policy.");
    }
}
