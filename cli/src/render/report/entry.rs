//! What a report keeps of an image: much less than its verdict.

use std::collections::BTreeSet;

use verimage::core::Decision;
use verimage::{Code, Verdict};

use crate::render::text;

/// One image of a report.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// As people call it.
    pub(crate) image: String,
    pub(crate) digest: Option<String>,
    pub(crate) outcome: Outcome,
    /// Why not, as a stable code.
    pub(crate) code: Option<String>,
    /// One sentence.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// The deciding rule.
    pub(crate) rule: Option<String>,
    /// Where signatures were looked for in vain.
    pub(crate) searched: Vec<String>,
    /// The time at which was judged; nothing if the question could not be asked.
    pub(crate) at: Option<String>,
    /// The places that name the image.
    pub(crate) mentions: Vec<Mention>,
}

/// What became of an image, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Denied,
    /// It could not be judged.
    Unknown,
    /// It could not even be asked about.
    Unasked,
    /// Denied by rules that do not block.
    DeniedInAudit,
    /// It could not be judged, by rules that do not block.
    UnknownInAudit,
    Allowed,
}

/// A place that names an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) file: String,
    pub(crate) line: Option<usize>,
}

impl Outcome {
    pub(crate) fn of(verdict: &Verdict) -> Self {
        match (verdict.admitted, verdict.decision) {
            (true, Decision::Allow) => Self::Allowed,
            (true, Decision::Deny) => Self::DeniedInAudit,
            (true, Decision::Inconclusive) => Self::UnknownInAudit,
            (false, Decision::Inconclusive) => Self::Unknown,
            (false, _) => Self::Denied,
        }
    }

    pub(crate) fn is_admitted(self) -> bool {
        matches!(self, Self::Allowed | Self::DeniedInAudit | Self::UnknownInAudit)
    }
}

impl Entry {
    /// `image` is what people call it.
    pub(crate) fn of(verdict: &Verdict, image: &str) -> Self {
        let outcome = Outcome::of(verdict);
        let failed = verdict.leaves.iter().filter(|leaf| leaf.decision.is_some_and(|is| is != Decision::Allow));
        let searched: BTreeSet<&String> = failed.flat_map(|leaf| &leaf.searched).collect();
        Self {
            image: image.to_owned(),
            digest: verdict.digest.clone(),
            outcome,
            code: verdict.code.clone(),
            message: text::reason(verdict).to_owned(),
            hint: verdict.hint.clone(),
            rule: verdict.rule.clone(),
            searched: if outcome == Outcome::Allowed { Vec::new() } else { searched.into_iter().cloned().collect() },
            at: Some(verdict.at.clone()),
            mentions: Vec::new(),
        }
    }

    /// An image that could not be asked about.
    pub(crate) fn unasked(image: &str, reason: String) -> Self {
        Self {
            image: image.to_owned(),
            digest: None,
            outcome: Outcome::Unasked,
            code: None,
            message: reason,
            hint: None,
            rule: None,
            searched: Vec::new(),
            at: None,
            mentions: Vec::new(),
        }
    }

    /// The entry of its code in the table of codes.
    pub(crate) fn known_code(&self) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| Some(code.as_str()) == self.code.as_deref())
    }
}
