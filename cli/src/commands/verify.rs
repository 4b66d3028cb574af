//! `verimage verify`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use futures_util::{StreamExt, stream};
use verimage::{Error, ImageRef, Policy, Replayed, Transcript, Verdict, Verification};

use crate::args::{TransportArguments, VerdictFormat};
use crate::commands::load::{self, Keys};
use crate::commands::score::Score;
use crate::commands::task;
use crate::failure::{Exit, Failure};
use crate::output::{Console, Page};
use crate::plan::{PolicyChoice, Question, VerifyPlan, VerifyTask};
use crate::render::report::{Entry, Judge, Outcome, junit, sarif};
use crate::render::{self, json, text};
use crate::transport;

/// The largest transcript that is read, in bytes of its file.
const MAX_TRANSCRIPT_BYTES: u64 = 128 << 20;

pub(crate) async fn print_policy(choice: &PolicyChoice, console: &mut Console) -> Result<Exit, Failure> {
    load::policy(choice, Keys::FromAnywhere).await?;
    console.data(&load::text(choice)?)?;
    Ok(Exit::Admitted)
}

pub(crate) async fn run(plan: VerifyPlan, console: &mut Console) -> Result<Exit, Failure> {
    let keys = if plan.transport.offline { Keys::Offline } else { Keys::FromAnywhere };
    let policy = load::policy(&plan.policy, keys).await?;
    match plan.task {
        VerifyTask::Judge { questions, jobs, record } => {
            let mut report = Report::new(plan.format, questions.len(), Judge::new(&policy));
            let record = record.as_deref();
            let unsaved = judge(questions, jobs, &policy, &plan.transport, record, &mut report, console).await?;
            let exit = report.finish(console)?;
            unsaved.map_or(Ok(exit), Err)
        }
        VerifyTask::Replay { transcript, options, image } => {
            let mut report = Report::new(plan.format, 1, Judge::new(&policy));
            report.add(replay(&transcript, &options, image, &policy).await?, None, console)?;
            report.finish(console)
        }
    }
}

async fn judge(
    questions: Vec<Question>,
    jobs: usize,
    policy: &Policy,
    transport: &TransportArguments,
    record: Option<&Path>,
    report: &mut Report,
    console: &mut Console,
) -> Result<Option<Failure>, Failure> {
    let mut unsaved = None;
    let engine = &transport::engine(transport)?;
    let answers = stream::iter(questions).map(async |question| (task::run(engine, question.request.clone(), policy).await, question));
    let mut answers = std::pin::pin!(answers.buffered(jobs));
    while let Some((answer, question)) = answers.next().await {
        match answer {
            Ok(verification) => {
                unsaved = record.and_then(|file| save(&verification, file).err()).or(unsaved);
                report.add(verification.verdict, question.title.as_deref(), console)?;
            }
            Err(error) => report.add_unasked(&question.text, error, console)?,
        }
    }
    Ok(unsaved)
}

async fn replay(file: &Path, options: &Replayed, image: Option<ImageRef>, policy: &Policy) -> Result<Verdict, Failure> {
    let transcript =
        Transcript::parse(&read_transcript(file)?).map_err(|error| Failure::usage(format!("`{}`: {error}", file.display())))?;
    if let Some(image) = image.map(|image| image.with_default_tag().to_string()).filter(|image| image != transcript.image()) {
        return Err(Failure::usage(format!("`{}` is a recording of {}, not of {image}", file.display(), transcript.image())));
    }
    let engine = verimage::Verimage::builder().offline().build()?;
    Ok(engine.replay(&transcript, options, policy).await?)
}

fn read_transcript(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("`{}` cannot be read: {error}", file.display()));
    let mut bytes = Vec::new();
    File::open(file).map_err(unreadable)?.take(MAX_TRANSCRIPT_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_TRANSCRIPT_BYTES {
        return Err(Failure::usage(format!("`{}` is larger than {MAX_TRANSCRIPT_BYTES} bytes", file.display())));
    }
    Ok(bytes)
}

fn save(verification: &Verification, file: &Path) -> Result<(), Failure> {
    let text = json::compact(&verification.transcript())?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // A recording holds what a private registry answered.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", file.display())))
}

/// Prints verdicts in the wanted form and keeps the score.
struct Report {
    format: VerdictFormat,
    images: usize,
    judge: Judge,
    /// For the form that is one document of verdicts.
    kept: Vec<Verdict>,
    /// For the forms that say less.
    entries: Vec<Entry>,
    score: Score,
    exit: Exit,
}

impl Report {
    fn new(format: VerdictFormat, images: usize, judge: Judge) -> Self {
        Self { format, images, judge, kept: Vec::new(), entries: Vec::new(), score: Score::default(), exit: Exit::Admitted }
    }

    fn add(&mut self, verdict: Verdict, title: Option<&str>, console: &mut Console) -> Result<(), Failure> {
        let exit = self.score.count(Outcome::of(&verdict));
        self.exit = self.exit.max(exit);
        match self.format {
            VerdictFormat::Text => {
                let mut page = Page::default();
                if self.score.total() > 1 {
                    page.blank();
                }
                page.append(text::verdict(&verdict, title));
                console.show(&page)?;
            }
            VerdictFormat::Jsonl => console.data(&json::compact(&verdict)?)?,
            VerdictFormat::Json => self.kept.push(verdict),
            VerdictFormat::Sarif | VerdictFormat::Junit => self.entries.push(Entry::of(&verdict, title.unwrap_or(&verdict.image))),
        }
        Ok(())
    }

    /// An image that could not even be asked about: the others are still judged.
    fn add_unasked(&mut self, image: &str, error: Error, console: &mut Console) -> Result<(), Failure> {
        self.entries.push(Entry::unasked(image, error.to_string()));
        let failure = Failure::from(error).about(image);
        let exit = failure.exit();
        self.score.count(if exit == Exit::Inconclusive { Outcome::Unknown } else { Outcome::Unasked });
        self.exit = self.exit.max(exit);
        Ok(console.complain(&render::failure::page(&failure))?)
    }

    fn finish(self, console: &mut Console) -> Result<Exit, Failure> {
        match (self.format, self.kept.as_slice()) {
            (VerdictFormat::Json, []) if self.images == 1 => {}
            (VerdictFormat::Json, [only]) if self.images == 1 => console.data(&json::pretty(only)?)?,
            (VerdictFormat::Json, verdicts) => console.data(&json::pretty(verdicts)?)?,
            (VerdictFormat::Sarif, _) => console.data(&sarif::log(&self.judge, &self.entries)?)?,
            (VerdictFormat::Junit, _) => console.data(&junit::suite(&self.judge, &self.entries)?)?,
            (VerdictFormat::Text | VerdictFormat::Jsonl, _) => {}
        }
        if self.format == VerdictFormat::Text && self.images > 1 {
            console.complain(&self.score.page(self.images))?;
        }
        Ok(self.exit)
    }
}
