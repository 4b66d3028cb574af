//! `verimage policy`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use schemars::schema_for;
use serde::Serialize;
use verimage::core::policy::document::PublicKeyDocument;
use verimage::core::policy::{Apply, Remark, Requirement, Rule, Scope};
use verimage::core::{Context, Step, Subject, Timestamp, Verifier};
use verimage::{Digest, ImageRef, Limits, Policy, PolicyLoader, Verdict};
use verimage_server::ServerConfig;

use crate::args::{Format, SchemaArguments};
use crate::commands::first_policy::FirstPolicy;
use crate::commands::load::{self, Keys};
use crate::failure::{Exit, Failure};
use crate::output::{Console, Page};
use crate::plan::{CheckPlan, ExplainPlan, InitPlan};
use crate::render::{json, policy as render};

pub(crate) async fn init(plan: InitPlan, console: &mut Console) -> Result<Exit, Failure> {
    let folder = plan.output.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let policy = FirstPolicy {
        notes: vec!["Which container images may run. `verimage policy schema` describes every field.".to_owned()],
        images: plan.images,
        keys: plan.keys.into_iter().map(|key| key_seen_from(&folder, key)).collect::<Result<_, _>>()?,
        signature_repository: plan.signature_repository,
        insecure_ignore_log: plan.insecure_ignore_log,
    };
    let text = policy.check(&folder).await?;
    let Some(file) = plan.output else {
        console.data(&text)?;
        return Ok(Exit::Admitted);
    };
    let unwritable = |error: std::io::Error| Failure::usage(format!("`{}` cannot be written: {error}", file.display()));
    let mut created = OpenOptions::new().write(true).create_new(true).open(&file).map_err(unwritable)?;
    created.write_all(text.as_bytes()).map_err(unwritable)?;
    let mut page = Page::default();
    page.plain(&format!("wrote {}", file.display()));
    console.complain(&page)?;
    Ok(Exit::Admitted)
}

/// A relative path in a policy starts at the policy's folder.
fn key_seen_from(folder: &Path, mut key: PublicKeyDocument) -> Result<PublicKeyDocument, Failure> {
    let Some(file) = key.file.as_ref().filter(|_| !folder.as_os_str().is_empty()) else { return Ok(key) };
    let absolute = std::path::absolute(file).map_err(|error| Failure::usage(format!("the key `{file}`: {error}")))?;
    let absolute = absolute.into_os_string().into_string();
    key.file = Some(absolute.map_err(|_| Failure::usage(format!("the path of the key `{file}` is not UTF-8")))?);
    Ok(key)
}

/// What a policy demands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) source: String,
    pub(crate) digest: Digest,
    pub(crate) trust_material: Digest,
    pub(crate) unmatched: verimage::core::policy::Unmatched,
    pub(crate) rules: Vec<RuleSummary>,
    /// What its author may not have meant.
    pub(crate) remarks: Vec<Remark>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleSummary {
    pub(crate) name: String,
    pub(crate) images: Vec<String>,
    pub(crate) apply: Apply,
    pub(crate) mode: verimage::core::policy::Mode,
    pub(crate) requires: String,
    pub(crate) warnings: Vec<&'static str>,
}

pub(crate) async fn check(plan: CheckPlan, console: &mut Console) -> Result<Exit, Failure> {
    let at = plan.at.map_or_else(|| Timestamp::try_from(SystemTime::now()), Ok);
    let at = at.map_err(|_| Failure::usage("this machine's clock is out of range; name a time with `--at`".to_owned()))?;
    let (policy, remarks) = load::linted(&plan.policy, at).await?;
    let exit = if plan.strict && !remarks.is_empty() { Exit::Denied } else { Exit::Admitted };
    let summary = Summary {
        source: policy.source().to_owned(),
        digest: policy.digest().clone(),
        trust_material: policy.material_digest().clone(),
        unmatched: policy.unmatched(),
        rules: policy.rules().iter().map(summary).collect(),
        remarks,
    };
    match plan.format {
        Format::Text => console.show(&render::summary(&summary))?,
        Format::Json => console.data(&json::pretty(&summary)?)?,
    }
    Ok(exit)
}

fn summary(rule: &Rule) -> RuleSummary {
    let mut warnings = Vec::new();
    collect_warnings(rule.require(), &mut warnings);
    warnings.sort_unstable();
    warnings.dedup();
    RuleSummary {
        name: rule.name().to_owned(),
        images: rule.images().iter().map(Scope::to_string).collect(),
        apply: rule.apply(),
        mode: rule.mode(),
        requires: render::requirement(rule.require()),
        warnings,
    }
}

fn collect_warnings(node: &Requirement, warnings: &mut Vec<&'static str>) {
    match node {
        Requirement::Signed { warnings: own, .. } => warnings.extend(own),
        Requirement::InsecureAllow { .. } => warnings.push("allowed-without-signature"),
        Requirement::AllOf(of) | Requirement::AnyOf(of) | Requirement::Threshold { of, .. } => {
            of.iter().for_each(|child| collect_warnings(child, warnings));
        }
        _ => {}
    }
}

/// Which rules judge an image, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    pub(crate) image: String,
    pub(crate) policy: String,
    pub(crate) unmatched: verimage::core::policy::Unmatched,
    pub(crate) rules: Vec<RuleFate>,
    /// What would be asked first, in this order.
    pub(crate) asks: Vec<String>,
}

/// What becomes of one rule.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleFate {
    pub(crate) name: String,
    /// The narrowest pattern that matches.
    pub(crate) pattern: Option<String>,
    pub(crate) fate: Fate,
    pub(crate) mode: verimage::core::policy::Mode,
    pub(crate) requires: String,
}

/// Whether a rule judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Fate {
    /// It matches most specifically.
    Selected,
    /// It judges whenever it matches.
    Always,
    /// It matches as specifically as another one.
    Ambiguous,
    /// Another one matches more specifically.
    LessSpecific,
    /// One of its patterns matches, and so does an exception.
    Excepted,
    /// It does not match.
    NoMatch,
}

pub(crate) async fn explain(asked: &ExplainPlan, console: &mut Console) -> Result<Exit, Failure> {
    let policy = load::policy(&asked.policy, Keys::FromAnywhere).await?;
    let explanation = Explanation {
        image: asked.text.clone(),
        policy: policy.source().to_owned(),
        unmatched: policy.unmatched(),
        rules: policy.rules().iter().map(|rule| rule_fate(rule, &policy, asked)).collect(),
        asks: asks(&policy, asked),
    };
    match asked.format {
        Format::Text => console.show(&render::explanation(&explanation))?,
        Format::Json => console.data(&json::pretty(&explanation)?)?,
    }
    Ok(Exit::Admitted)
}

fn rule_fate(rule: &Rule, policy: &Policy, asked: &ExplainPlan) -> RuleFate {
    let matching = rule.images().iter().filter(|scope| scope.matches(&asked.reference, &asked.location));
    let narrower = |one, other| if narrows(other, one, &asked.reference) { other } else { one };
    let pattern = matching.reduce(narrower).map(Scope::to_string);
    RuleFate {
        name: rule.name().to_owned(),
        fate: fate(rule, pattern.is_some(), policy, asked),
        pattern,
        mode: rule.mode(),
        requires: render::requirement(rule.require()),
    }
}

fn narrows(scope: &Scope, other: &Scope, image: &ImageRef) -> bool {
    scope.specificity(image) >= other.specificity(image)
}

fn fate(rule: &Rule, pattern_matches: bool, policy: &Policy, asked: &ExplainPlan) -> Fate {
    let ExplainPlan { reference, location, .. } = asked;
    match (rule.matches(reference, location), rule.apply(), policy.select(reference, location)) {
        (None, _, _) if pattern_matches => Fate::Excepted,
        (None, _, _) => Fate::NoMatch,
        (Some(_), Apply::Always, _) => Fate::Always,
        (Some(_), Apply::Select, Ok(selected)) if selected.iter().any(|other| other.name() == rule.name()) => Fate::Selected,
        (Some(_), Apply::Select, Err(tied)) if tied.rules.iter().any(|name| name == rule.name()) => Fate::Ambiguous,
        (Some(_), Apply::Select, _) => Fate::LessSpecific,
    }
}

/// The questions of the first rounds. The digest of a tag is not known without asking, so it stands as `<hex>`.
fn asks(policy: &Policy, asked: &ExplainPlan) -> Vec<String> {
    let ExplainPlan { text, reference, location, .. } = asked;
    let unknown = Digest::of_sha256([0; 32]);
    let mut asks = Vec::new();
    if reference.digest().is_none() {
        asks.push(format!("the digest of {text}"));
    }
    let subject = Subject::new(reference.clone(), reference.digest().unwrap_or(&unknown).clone());
    for rule in policy.select(reference, location).unwrap_or_default() {
        first_questions(rule.require(), &subject, &mut asks);
    }
    asks.into_iter().map(|ask| ask.replace(&unknown.hex(), "<hex>")).collect()
}

fn first_questions(node: &Requirement, subject: &Subject, asks: &mut Vec<String>) {
    match node {
        Requirement::Signed { verifier, .. } => {
            for question in questions(verifier.as_ref(), subject) {
                if !asks.contains(&question) {
                    asks.push(question);
                }
            }
        }
        Requirement::AllOf(of) | Requirement::AnyOf(of) | Requirement::Threshold { of, .. } => {
            of.iter().for_each(|child| first_questions(child, subject, asks));
        }
        _ => {}
    }
}

fn questions(verifier: &dyn Verifier, subject: &Subject) -> Vec<String> {
    let limits = Limits::default();
    match verifier.begin(subject).step(&[], &Context::new(Timestamp::UNIX_EPOCH, &limits)) {
        Step::Fetch(wants) => wants.iter().map(|want| want.describe(subject.reference())).collect(),
        Step::Done(_) => Vec::new(),
    }
}

pub(crate) fn convert(file: &Path, console: &mut Console) -> Result<Exit, Failure> {
    let text = load::file_text(file)?;
    let native = PolicyLoader::new().convert(&text).map_err(|mut error| {
        error.file = Some(file.display().to_string());
        Failure::policy(error, Some(text.clone()))
    })?;
    console.data(&native)?;
    Ok(Exit::Admitted)
}

pub(crate) fn schema(arguments: &SchemaArguments, console: &mut Console) -> Result<Exit, Failure> {
    let schema = match (arguments.verdict, arguments.server) {
        (true, _) => schema_for!(Verdict).to_value(),
        (_, true) => schema_for!(ServerConfig).to_value(),
        _ => PolicyLoader::new().schema(),
    };
    console.data(&json::pretty(&schema)?)?;
    Ok(Exit::Admitted)
}
