//! `verimage audit`: many images under one policy.
//!
//! Every image is judged by the same call as in `verify`. Verdicts are not kept: a report that is one document keeps a short
//! entry for each image, the others keep nothing.

mod cluster;
mod inventory;
mod large_list;
mod manifests;
mod pace;
mod progress;
mod report;
mod verdicts;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use verimage::core::Timestamp;
use verimage::{ImageSource, Policy, Request, Verdict, Verimage};

use crate::args::Rate;
use crate::commands::load::{self, Keys};
use crate::commands::task;
use crate::failure::{Exit, Failure};
use crate::output::{Console, Page, Tone};
use crate::plan::AuditPlan;
use crate::render::report::Judge;
use crate::transport;

use inventory::{Candidate, Inventory};
use pace::{Counted, Pace};
use report::Report;
use verdicts::Verdicts;

pub(crate) use verdicts::line;

pub(crate) async fn run(plan: AuditPlan, console: &mut Console) -> Result<Exit, Failure> {
    let keys = if plan.transport.offline { Keys::Offline } else { Keys::FromAnywhere };
    let policy = load::policy(&plan.policy, keys).await?;
    let Inventory { candidates, notes, .. } = Inventory::gather(plan.sources).await?;
    notes.iter().try_for_each(|note| remark(console, note))?;
    let verdicts = plan.resume.map(|file| Verdicts::open(&file, &policy, plan.at)).transpose()?;
    if let Some(others) = verdicts.as_ref().map(Verdicts::others).filter(|others| *others > 0) {
        remark(console, &format!("{others} kept verdicts are of another policy, other keys or another time, and do not count"))?;
    }
    if let Some(file) = &plan.output {
        console.write_to(file)?;
    }
    let pace = plan.rate.map(Rate::interval).map(|interval| Arc::new(Pace::new(interval)));
    let engine = match pace.clone() {
        Some(pace) => transport::builder_through(&plan.transport, |store| Arc::new(Counted { store, pace }))?.build()?,
        None => transport::engine(&plan.transport)?,
    };
    let mut report = Report::new(plan.format, Judge::new(&policy), candidates.len());
    let audit = Audit { engine, policy, at: plan.at, verdicts, pace };
    let answers = stream::iter(candidates).map(async |candidate| (audit.judge(&candidate).await, candidate));
    let mut answers = std::pin::pin!(answers.buffered(plan.jobs));
    while let Some((answer, candidate)) = answers.next().await {
        report.add(answer?, candidate, console)?;
    }
    report.finish(console)
}

/// What the images of an audit have in common.
struct Audit {
    engine: Verimage,
    policy: Policy,
    at: Option<Timestamp>,
    verdicts: Option<Verdicts>,
    pace: Option<Arc<Pace>>,
}

/// The verdict over an image, or why it could not be asked about.
type Answer = Result<Box<Verdict>, String>;

impl Audit {
    /// # Errors
    /// If the file of verdicts cannot be used: the audit ends.
    async fn judge(&self, candidate: &Candidate) -> Result<Answer, Failure> {
        let source = match &candidate.source {
            Ok(source) => source,
            Err(reason) => return Ok(Err(reason.clone())),
        };
        let recalled = self.verdicts.as_ref().map(|verdicts| verdicts.recall(&candidate.asked)).transpose()?;
        if let Some(verdict) = recalled.flatten() {
            return Ok(Ok(Box::new(verdict)));
        }
        if let (Some(pace), ImageSource::Registry(reference)) = (&self.pace, source) {
            pace.turn(reference.host()).await;
        }
        let mut request = Request::new(source.clone());
        request.at = self.at;
        let verdict = match task::run(&self.engine, request, &self.policy).await {
            Ok(verification) => verification.verdict,
            Err(error) => return Ok(Err(error.to_string())),
        };
        self.verdicts.iter().try_for_each(|verdicts| verdicts.add(&candidate.asked, &verdict))?;
        Ok(Ok(Box::new(verdict)))
    }
}

fn remark(console: &mut Console, text: &str) -> Result<(), Failure> {
    let mut page = Page::default();
    page.line([(Tone::Unsure, "note: "), (Tone::Plain, text)]);
    console.complain(&page).map_err(Failure::from)
}
