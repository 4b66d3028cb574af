//! The answer, as every frontend prints it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::policy::Mode;
use crate::report::Failure;

/// The version of the verdict's JSON form.
pub const VERDICT_VERSION: u32 = 1;

/// May the image run, and which digest exactly. Absent values are null in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Verdict {
    /// The version of this form: 1.
    pub version: u32,
    /// The reference that was judged, Docker Hub's defaults filled in.
    pub image: String,
    /// The digest that the evidence names, or that was judged. Null if none became known.
    pub digest: Option<String>,
    /// What the digest is.
    pub subject: VerdictSubject,
    /// The deciding rule's decision.
    pub decision: Decision,
    /// Whether the image may run: every applying rule allows it or is in audit mode.
    pub admitted: bool,
    /// The deciding rule's mode.
    pub mode: Mode,
    /// The deciding rule.
    pub rule: Option<String>,
    /// Why not, as a stable code; null when allowed.
    pub code: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// What to do; null when allowed.
    pub hint: Option<String>,
    /// The time at which was judged, RFC 3339.
    pub at: String,
    /// The policy that judged.
    pub policy: VerdictPolicy,
    /// The trust material that judged.
    pub trust_material: VerdictMaterial,
    /// Every applying rule.
    pub rules: Vec<RuleVerdict>,
    /// What a reader must know beside the decision, as stable words: `log-not-required`, `unmatched-allowed`.
    pub warnings: Vec<String>,
    /// Every leaf of the applying rules.
    pub leaves: Vec<LeafVerdict>,
    /// Every signature that was looked at.
    pub reports: Vec<ReportVerdict>,
}

impl Verdict {
    /// Whether the image may run.
    pub fn allowed(&self) -> bool {
        self.admitted
    }

    /// Takes back what was allowed, because of something that went wrong afterwards.
    pub fn withdraw(&mut self, failure: &Failure) {
        self.decision = Decision::Inconclusive;
        self.admitted = false;
        self.code = Some(failure.code.to_string());
        self.message = format!("{} could not be judged: {}", self.image, failure.detail);
        self.hint = Some(failure.code.remedy().to_owned());
    }
}

/// What the digest of a verdict is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictSubject {
    /// `manifest` or `index`; null if the registry was not asked.
    pub kind: Option<String>,
    /// The platform that was chosen inside an index.
    pub platform: Option<String>,
}

/// The policy of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictPolicy {
    /// The file, or how the policy was given.
    pub source: String,
    /// The digest of its text.
    pub digest: String,
}

/// The trust material of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictMaterial {
    /// The digest over all keys and roots of the policy.
    pub digest: String,
    /// When the oldest refreshable material was made; null if none ages.
    pub oldest: Option<String>,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleVerdict {
    /// The rule's name.
    pub name: String,
    /// Whether it blocks.
    pub mode: Mode,
    /// Its decision, whatever its mode.
    pub decision: Decision,
    /// Why not.
    pub code: Option<String>,
}

/// What one leaf says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeafVerdict {
    /// Where the leaf stands in the policy, as a JSON pointer.
    pub requirement: String,
    /// Its decision; null if it was not needed.
    pub decision: Option<Decision>,
    /// Why not.
    pub code: Option<String>,
    /// Why not, for people.
    pub detail: Option<String>,
    /// The digest that this leaf judged; nothing if none was found out.
    pub subject: Option<String>,
    /// Where it looked.
    pub searched: Vec<String>,
    /// Whether some signature that counts passed every check. Which of them did is said by each report.
    pub trusted: bool,
}

/// What one signature says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportVerdict {
    /// The scheme.
    pub verifier: String,
    /// The leaf that asked.
    pub requirement: String,
    /// Where the signature came from; the number behind `#` is its position there.
    pub source: String,
    /// Whether it counts.
    pub outcome: ReportOutcome,
    /// Why not.
    pub code: Option<String>,
    /// Why not, for people.
    pub detail: Option<String>,
    /// Who signed; only for signatures that count.
    pub signer: Option<String>,
    /// Whether every check of a signature that counts passed: a lax policy counts others, too. Null if it does not count.
    pub trusted: Option<bool>,
    /// Authenticated times of signing.
    pub signed_at: Vec<ReportTime>,
    /// What the verified bytes say besides.
    pub facts: BTreeMap<String, String>,
}

/// Whether a signature counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReportOutcome {
    /// It counts.
    Pass,
    /// It does not.
    Fail,
}

/// A time of signing and who vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportTime {
    /// RFC 3339.
    pub time: String,
    /// `rekor` or `tsa`.
    pub source: String,
}
