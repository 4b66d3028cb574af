//! An audit for people: a line for each image, and why not where it is not allowed.

use std::collections::BTreeMap;

use verimage::Code;

use crate::output::{Page, Tone};
use crate::render::report::{Entry, Outcome};

/// How many of the places that name an image are shown.
const MAX_MENTIONS: usize = 3;
/// As wide as the longest code and its mark.
const CODE_WIDTH: usize = 28;

/// The lines of one image.
pub(crate) fn row(entry: &Entry) -> Page {
    let (tone, mark, word) = match entry.outcome {
        Outcome::Allowed => (Tone::Good, "✓", "allowed"),
        Outcome::Denied => (Tone::Bad, "✗", "denied"),
        Outcome::Unknown => (Tone::Unsure, "?", "could not be judged"),
        Outcome::Unasked => (Tone::Unsure, "?", "could not be asked about"),
        Outcome::DeniedInAudit | Outcome::UnknownInAudit => (Tone::Unsure, "!", "audit"),
    };
    let word = entry.code.as_deref().unwrap_or(word);
    let mut page = Page::default();
    page.line([(tone, format!("{mark} {word:<CODE_WIDTH$} ").as_str()), (Tone::Strong, &entry.image)]);
    if entry.outcome == Outcome::Allowed {
        return page;
    }
    let detail =
        |page: &mut Page, label: &str, text: &str| page.line([(Tone::Faint, format!("    {label} ").as_str()), (Tone::Plain, text)]);
    if entry.outcome.is_admitted() {
        detail(&mut page, "admitted", "in audit mode");
    }
    detail(&mut page, "reason", &entry.message);
    entry.mentions.iter().take(MAX_MENTIONS).for_each(|mention| detail(&mut page, "named in", &mention.to_string()));
    if let Some(rest) = entry.mentions.len().checked_sub(MAX_MENTIONS).filter(|rest| *rest > 0) {
        detail(&mut page, "and in", &format!("{rest} more places"));
    }
    page
}

/// How often each code is the reason.
#[derive(Debug, Default)]
pub(crate) struct Codes(BTreeMap<String, usize>);

impl Codes {
    pub(crate) fn count(&mut self, entry: &Entry) {
        if let Some(code) = &entry.code {
            *self.0.entry(code.clone()).or_default() += 1;
        }
    }

    /// The codes, the most frequent first, with what they mean.
    pub(crate) fn page(&self) -> Page {
        let mut codes: Vec<(&String, &usize)> = self.0.iter().collect();
        codes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut page = Page::default();
        for (code, count) in codes {
            let meaning = Code::ALL.iter().find(|known| known.as_str() == code).map(|code| code.meaning()).unwrap_or_default();
            page.plain(&format!("{count:>7} {code:<CODE_WIDTH$} {meaning}"));
        }
        page
    }
}
