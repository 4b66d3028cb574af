//! What a report keeps of an image: much less than its verdict.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use verimage::core::{Decision, ReportOutcome, ReportVerdict, RuleVerdict};
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
    /// One sentence about the image, without its name.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// The deciding rule.
    pub(crate) rule: Option<String>,
    /// Every rule that applied.
    pub(crate) rules: Vec<RuleVerdict>,
    /// Who signed, of the signatures that count, with a word of doubt about those that were not verified in full.
    pub(crate) signers: Vec<String>,
    pub(crate) warnings: Vec<String>,
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

/// A place that names an image: a line of a list, or an object of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) file: Arc<str>,
    pub(crate) line: Option<usize>,
    pub(crate) object: Option<Arc<Object>>,
    /// Where in the object, as a JSON pointer.
    pub(crate) pointer: Option<String>,
}

/// A Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    pub(crate) namespace: Option<String>,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

impl Object {
    pub(crate) fn of(object: &Value) -> Option<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Self {
            namespace: text("/metadata/namespace"),
            api_version: text("/apiVersion")?,
            kind: text("/kind")?,
            name: text("/metadata/name").or_else(|| text("/metadata/generateName")).unwrap_or_default(),
        })
    }
}

/// `Deployment shop/web`.
impl fmt::Display for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        write!(formatter, "{} {namespace}{}", self.kind, self.name)
    }
}

/// `deploy/web.yaml:12 (Deployment shop/web)`.
impl fmt::Display for Mention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        self.line.iter().try_for_each(|line| write!(formatter, ":{line}"))?;
        self.object.iter().try_for_each(|object| write!(formatter, " ({object})"))
    }
}

impl Outcome {
    pub(crate) const ALL: [Self; 6] =
        [Self::Denied, Self::Unknown, Self::Unasked, Self::DeniedInAudit, Self::UnknownInAudit, Self::Allowed];

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
        let passed: Vec<&ReportVerdict> = verdict.reports.iter().filter(|report| report.outcome == ReportOutcome::Pass).collect();
        let failed = verdict.leaves.iter().filter(|leaf| leaf.decision.is_some_and(|is| is != Decision::Allow));
        let searched: BTreeSet<&String> = failed.flat_map(|leaf| &leaf.searched).collect();
        Self {
            image: image.to_owned(),
            digest: verdict.digest.clone(),
            outcome,
            code: verdict.code.clone(),
            message: sentence(verdict).to_owned(),
            hint: verdict.hint.clone(),
            rule: verdict.rule.clone(),
            rules: verdict.rules.clone(),
            signers: text::names(&passed),
            warnings: verdict.warnings.clone(),
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
            rules: Vec::new(),
            signers: Vec::new(),
            warnings: Vec::new(),
            searched: Vec::new(),
            at: None,
            mentions: Vec::new(),
        }
    }

    /// The sentence about the image, with its name.
    pub(crate) fn sentence(&self) -> String {
        format!("{}: {}", self.image, self.message)
    }

    /// Where signatures were looked for, as far as the sentence does not say it.
    pub(crate) fn other_places(&self) -> impl Iterator<Item = &String> {
        self.searched.iter().filter(|place| !self.message.contains(place.as_str()))
    }

    /// The entry of its code in the table of codes.
    pub(crate) fn known_code(&self) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| Some(code.as_str()) == self.code.as_deref())
    }
}

/// The verdict's sentence without the name of the image, which reports show beside it.
fn sentence(verdict: &Verdict) -> &str {
    let reason = text::reason(verdict);
    let rest = reason.strip_prefix(&verdict.image).unwrap_or(reason);
    rest.strip_prefix(": ").or_else(|| rest.strip_prefix(" is ")).unwrap_or(reason)
}
