//! From a finished session to its verdict.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::Code;
use crate::decision::Decision;
use crate::digest::Digest;
use crate::leaf::Leaf;
use crate::policy::{Location, Mode, Policy, Requirement, Rule, Unmatched};
use crate::reference::ImageRef;
use crate::report::{Failure, SignatureReport};
use crate::session::{ManifestKind, Resolution, Selection};
use crate::trial::Trial;
use crate::verdict::{
    LeafVerdict, ReportOutcome, ReportTime, ReportVerdict, RuleVerdict, VERDICT_VERSION, Verdict, VerdictMaterial, VerdictPolicy,
    VerdictSubject,
};
use crate::verifier::Context;
use crate::want::What;

struct Judged<'a> {
    rule: Option<&'a Rule>,
    mode: Mode,
    decision: Decision,
    failure: Option<Failure>,
    /// Names, and whether a signature of each was verified in full.
    signers: BTreeMap<String, bool>,
    digest: Option<String>,
    subject: VerdictSubject,
}

pub(crate) fn judge(
    policy: &Policy,
    image: &ImageRef,
    selection: &Selection,
    resolution: &Resolution,
    applying: &[&Rule],
    trials: &[Trial],
    context: &Context<'_>,
) -> Verdict {
    let judged: Vec<Judged<'_>> = match selection {
        Selection::Rules(_) => judge_rules(image, resolution, applying, trials),
        Selection::Unmatched => vec![judge_unmatched(policy, resolution)],
        Selection::Ambiguous(reason) => {
            vec![Judged::without_rule(Decision::Deny, Some(Failure::new(Code::PolicyAmbiguous, reason)), resolution)]
        }
    };
    let deciding = deciding(&judged);
    let admitted = judged.iter().all(|judged| judged.decision == Decision::Allow || judged.mode == Mode::Audit) && !judged.is_empty();
    // Whoever acts on `admitted` runs the digest that the blocking rules allow, whatever an audit rule says of another.
    let naming = judged.iter().find(|judged| admitted && judged.mode == Mode::Enforce).or(deciding);
    let decision = deciding.map_or(Decision::Deny, |judged| judged.decision);
    let failure = deciding.and_then(|judged| judged.failure.clone());
    let leaves: Vec<&Leaf> = trials.iter().flat_map(Trial::leaves).collect();
    Verdict {
        version: VERDICT_VERSION,
        image: image.to_string(),
        digest: naming.and_then(|judged| judged.digest.clone()),
        subject: naming.map(|judged| judged.subject.clone()).unwrap_or_default(),
        decision,
        admitted,
        mode: deciding.map_or(Mode::Enforce, |judged| judged.mode),
        rule: deciding.and_then(|judged| judged.rule).map(|rule| rule.name.clone()),
        code: failure.as_ref().map(|failure| failure.code.to_string()),
        message: message(image, deciding),
        hint: failure.as_ref().map(|failure| failure.code.remedy().to_owned()),
        at: context.now.to_string(),
        policy: VerdictPolicy { source: policy.source.to_string(), digest: policy.digest.to_string() },
        trust_material: VerdictMaterial {
            digest: policy.material.digest.to_string(),
            oldest: policy.material.oldest.map(|oldest| oldest.to_string()),
        },
        rules: judged.iter().filter_map(rule_verdict).collect(),
        warnings: warnings(image, selection, policy, applying, &leaves),
        leaves: leaves.iter().map(|leaf| leaf_verdict(leaf)).collect(),
        reports: leaves.iter().flat_map(|leaf| report_verdicts(leaf)).collect(),
    }
}

impl Judged<'_> {
    fn without_rule(decision: Decision, failure: Option<Failure>, resolution: &Resolution) -> Self {
        let (digest, subject) = resolved_subject(resolution);
        Judged { rule: None, mode: Mode::Enforce, decision, failure, signers: BTreeMap::new(), digest, subject }
    }
}

/// All rules, and that those which block agree on one digest: a digest counts only if each of them allows that digest.
fn judge_rules<'a>(image: &ImageRef, resolution: &Resolution, applying: &[&'a Rule], trials: &[Trial]) -> Vec<Judged<'a>> {
    let blocking: Vec<&Trial> =
        applying.iter().zip(trials).filter(|(rule, _)| rule.mode == Mode::Enforce).map(|(_, trial)| trial).collect();
    let agreed = blocking
        .first()
        .and_then(|first| first.allowed().find(|digest| blocking.iter().all(|trial| trial.allowed().any(|other| other == *digest))));
    let mut judged: Vec<Judged<'_>> =
        applying.iter().enumerate().map(|(at, rule)| judge_rule(rule, image, resolution, trials.get(at), agreed)).collect();
    let allowing = |judged: &&Judged<'_>| judged.mode == Mode::Enforce && judged.decision == Decision::Allow;
    let named =
        judged.iter().find(allowing).map(|first| (first.digest.clone(), first.rule.map(|rule| rule.name.clone()).unwrap_or_default()));
    for other in judged.iter_mut().filter(|judged| judged.mode == Mode::Enforce && judged.decision == Decision::Allow) {
        if let Some((digest, rule)) = named.as_ref().filter(|(digest, _)| *digest != other.digest) {
            let text = |digest: &Option<String>| digest.clone().unwrap_or_default();
            let detail =
                format!("rule `{rule}` allows {}, this rule allows {}, and no digest satisfies both", text(digest), text(&other.digest));
            other.decision = Decision::Deny;
            other.failure = Some(Failure::new(Code::SubjectMismatch, detail));
        }
    }
    judged
}

fn judge_rule<'a>(rule: &'a Rule, image: &ImageRef, resolution: &Resolution, trial: Option<&Trial>, agreed: Option<&Digest>) -> Judged<'a> {
    let (digest, subject) = resolved_subject(resolution);
    let base = |decision, failure| Judged {
        rule: Some(rule),
        mode: rule.mode,
        decision,
        failure,
        signers: BTreeMap::new(),
        digest: digest.clone(),
        subject: subject.clone(),
    };
    match (rule.denial(image), resolution, trial) {
        (Some(failure), _, _) => base(Decision::Deny, Some(failure)),
        (None, Resolution::Failed(failure), _) => base(decision_of(failure), Some(failure.clone())),
        (None, Resolution::Known(_) | Resolution::Unnamed, Some(trial)) => {
            let result = trial.result(agreed);
            if result.decision == Decision::Allow && result.digest.is_none() {
                let detail = "nobody found out what the tag names, and nothing is allowed without a digest";
                return base(Decision::Inconclusive, Some(Failure::new(Code::ImageNotFound, detail)));
            }
            let kind = result.is_index.map(|index| if index { "index" } else { "manifest" }.to_owned());
            Judged {
                digest: result.digest.map(ToString::to_string).or(digest.clone()),
                subject: VerdictSubject { kind: kind.or(subject.kind.clone()), platform: result.platform.map(str::to_owned) },
                signers: result.signers.iter().map(|(signer, trusted)| (signer.name().to_owned(), *trusted)).collect(),
                ..base(result.decision, result.failure)
            }
        }
        (None, _, _) => base(
            Decision::Inconclusive,
            Some(Failure::new(Code::StoreUnavailable, "the image was not resolved, because another rule denies it")),
        ),
    }
}

fn judge_unmatched<'a>(policy: &Policy, resolution: &Resolution) -> Judged<'a> {
    match (policy.unmatched, resolution) {
        (Unmatched::Deny, _) => {
            let detail = "no rule of the policy matches this reference, and `unmatched` is deny";
            Judged::without_rule(Decision::Deny, Some(Failure::new(Code::PolicyNoMatch, detail)), resolution)
        }
        (Unmatched::Allow, Resolution::Failed(failure)) => Judged::without_rule(decision_of(failure), Some(failure.clone()), resolution),
        (Unmatched::Allow, _) => Judged::without_rule(Decision::Allow, None, resolution),
    }
}

fn decision_of(failure: &Failure) -> Decision {
    if failure.class() == crate::code::CodeClass::Inconclusive { Decision::Inconclusive } else { Decision::Deny }
}

fn resolved_subject(resolution: &Resolution) -> (Option<String>, VerdictSubject) {
    let Resolution::Known(resolved) = resolution else { return (None, VerdictSubject::default()) };
    let kind = resolved.manifest.as_ref().map(|manifest| match manifest {
        ManifestKind::Image => "manifest".to_owned(),
        ManifestKind::Index(_) => "index".to_owned(),
    });
    (Some(resolved.digest.to_string()), VerdictSubject { kind, platform: None })
}

/// The rule that is told: the worst of those that block, else the worst of those in audit mode; of equals the first.
fn deciding<'a, 'b>(judged: &'b [Judged<'a>]) -> Option<&'b Judged<'a>> {
    let blocks = |judged: &Judged<'_>| judged.mode == Mode::Enforce;
    let key = |judged: &Judged<'_>| (judged.decision != Decision::Allow && blocks(judged), judged.decision, blocks(judged));
    judged.iter().rev().max_by_key(|judged| key(judged))
}

fn message(image: &ImageRef, deciding: Option<&Judged<'_>>) -> String {
    let Some(judged) = deciding else { return format!("{image} is denied") };
    let rule = judged.rule.map_or_else(String::new, |rule| format!(" by rule `{}`", rule.name));
    let detail = judged.failure.as_ref().map(|failure| format!(": {}", failure.detail)).unwrap_or_default();
    match judged.decision {
        Decision::Allow => format!("{image} is allowed{rule}{}", proof(&judged.signers)),
        Decision::Deny => format!("{image} is denied{rule}{detail}"),
        Decision::Inconclusive => format!("{image} could not be judged{rule}{detail}"),
    }
}

/// Who signed. Nobody is named as a signer without a word of doubt whose signature was not verified in full.
fn proof(signers: &BTreeMap<String, bool>) -> String {
    let names = |doubt: &str| {
        let name = |(name, trusted): (&String, &bool)| if *trusted { name.clone() } else { format!("{name}{doubt}") };
        signers.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    if signers.is_empty() {
        ", without a signature".to_owned()
    } else if signers.values().any(|trusted| *trusted) {
        format!(", signed by {}", names(" (not verified in full)"))
    } else {
        format!(", at a lax level: the signature by {} was not verified in full", names(""))
    }
}

fn rule_verdict(judged: &Judged<'_>) -> Option<RuleVerdict> {
    judged.rule.map(|rule| RuleVerdict {
        name: rule.name.clone(),
        mode: rule.mode,
        decision: judged.decision,
        code: judged.failure.as_ref().map(|failure| failure.code.to_string()),
    })
}

fn warnings(image: &ImageRef, selection: &Selection, policy: &Policy, applying: &[&Rule], leaves: &[&Leaf]) -> Vec<String> {
    let mut words = BTreeSet::new();
    let by_tag = |rule: &&Rule| rule.images.iter().any(|scope| scope.has_tag() && scope.matches(image, &Location::Registry));
    if image.tag().is_some() && image.digest().is_some() && applying.iter().any(by_tag) {
        words.insert("tag-not-checked");
    }
    if matches!(selection, Selection::Unmatched) && policy.unmatched == Unmatched::Allow {
        words.insert("unmatched-allowed");
    }
    applying.iter().for_each(|rule| collect_warnings(&rule.require, &mut words));
    let counting = leaves.iter().flat_map(|leaf| leaf.evidence()).flat_map(|evidence| evidence.warnings.iter().map(String::as_str));
    words.extend(counting);
    words.into_iter().map(str::to_owned).collect()
}

fn collect_warnings<'a>(node: &'a Requirement, words: &mut BTreeSet<&'a str>) {
    match node {
        Requirement::Signed { warnings, .. } => words.extend(warnings),
        Requirement::InsecureAllow { .. } => {
            words.insert("allowed-without-signature");
        }
        Requirement::AllOf(of) | Requirement::AnyOf(of) | Requirement::Threshold { of, .. } => {
            of.iter().for_each(|child| collect_warnings(child, words))
        }
        Requirement::Deny { .. } => {}
    }
}

fn leaf_verdict(leaf: &Leaf) -> LeafVerdict {
    let failure = leaf.result().and_then(|result| result.failure.as_ref());
    LeafVerdict {
        requirement: leaf.pointer.clone(),
        decision: leaf.decision(),
        code: failure.map(|failure| failure.code.to_string()),
        detail: failure.map(|failure| failure.detail.clone()),
        subject: leaf.digest.as_ref().map(ToString::to_string),
        searched: leaf
            .asked
            .iter()
            .filter(|want| !matches!(want.what, What::Blob(_) | What::TrustState { .. }))
            .map(|want| want.describe(&leaf.reference))
            .collect(),
        trusted: leaf.evidence().any(|evidence| evidence.trusted),
    }
}

fn report_verdicts(leaf: &Leaf) -> Vec<ReportVerdict> {
    leaf.result().map(|result| result.reports.iter().map(|report| report_verdict(leaf, report)).collect()).unwrap_or_default()
}

fn report_verdict(leaf: &Leaf, report: &SignatureReport) -> ReportVerdict {
    let (evidence, failure) = (report.outcome.as_ref().ok(), report.outcome.as_ref().err());
    ReportVerdict {
        verifier: report.verifier.clone(),
        requirement: leaf.pointer.clone(),
        source: format!("{}#{}", report.source.describe(&leaf.reference), report.index),
        outcome: if evidence.is_some() { ReportOutcome::Pass } else { ReportOutcome::Fail },
        code: failure.map(|failure| failure.code.to_string()),
        detail: failure.map(|failure| failure.detail.clone()),
        signer: evidence.map(|evidence| evidence.signer.name().to_owned()),
        trusted: evidence.map(|evidence| evidence.trusted),
        signed_at: evidence
            .iter()
            .flat_map(|evidence| &evidence.signed_at)
            .map(|at| ReportTime { time: at.time.to_string(), source: at.source.clone() })
            .collect(),
        facts: evidence.map(|evidence| evidence.facts.clone()).unwrap_or_default(),
    }
}
