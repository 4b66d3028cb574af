//! `verimage verify`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use futures_util::{StreamExt, stream};
use verimage::core::Decision;
use verimage::{Error, ImageRef, Policy, Replayed, Transcript, Verdict, Verification};

use crate::args::{TransportArguments, VerdictFormat};
use crate::commands::load::{self, Keys};
use crate::failure::{Exit, Failure};
use crate::output::{Console, Page, Tone};
use crate::plan::{PolicyChoice, Question, VerifyPlan, VerifyTask};
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
            let mut report = Report::new(plan.format, questions.len());
            let record = record.as_deref();
            let unsaved = judge(questions, jobs, &policy, &plan.transport, record, &mut report, console).await?;
            let exit = report.finish(console)?;
            unsaved.map_or(Ok(exit), Err)
        }
        VerifyTask::Replay { transcript, options, image } => {
            let mut report = Report::new(plan.format, 1);
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
    let answers = stream::iter(questions).map(async |question| (engine.run(&question.request, policy).await, question));
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
    kept: Vec<Verdict>,
    score: Score,
    exit: Exit,
}

#[derive(Default)]
struct Score {
    admitted: usize,
    denied: usize,
    unknown: usize,
    unasked: usize,
}

impl Report {
    fn new(format: VerdictFormat, images: usize) -> Self {
        Self { format, images, kept: Vec::new(), score: Score::default(), exit: Exit::Admitted }
    }

    fn add(&mut self, verdict: Verdict, title: Option<&str>, console: &mut Console) -> Result<(), Failure> {
        let exit = self.score.count(&verdict);
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
        }
        Ok(())
    }

    /// An image that could not even be asked about: the others are still judged.
    fn add_unasked(&mut self, image: &str, error: Error, console: &mut Console) -> Result<(), Failure> {
        let failure = Failure::from(error).about(image);
        let exit = failure.exit();
        *(if exit == Exit::Inconclusive { &mut self.score.unknown } else { &mut self.score.unasked }) += 1;
        self.exit = self.exit.max(exit);
        Ok(console.complain(&render::failure::page(&failure))?)
    }

    fn finish(self, console: &mut Console) -> Result<Exit, Failure> {
        if self.format == VerdictFormat::Json {
            match self.kept.as_slice() {
                [] if self.images == 1 => {}
                [only] if self.images == 1 => console.data(&json::pretty(only)?)?,
                verdicts => console.data(&json::pretty(verdicts)?)?,
            }
        }
        if self.format == VerdictFormat::Text && self.images > 1 {
            console.complain(&self.score.page(self.images))?;
        }
        Ok(self.exit)
    }
}

impl Score {
    fn count(&mut self, verdict: &Verdict) -> Exit {
        let (counter, exit) = match (verdict.admitted, verdict.decision) {
            (true, _) => (&mut self.admitted, Exit::Admitted),
            (false, Decision::Inconclusive) => (&mut self.unknown, Exit::Inconclusive),
            (false, _) => (&mut self.denied, Exit::Denied),
        };
        *counter += 1;
        exit
    }

    fn total(&self) -> usize {
        self.admitted + self.denied + self.unknown + self.unasked
    }

    fn page(&self, images: usize) -> Page {
        let parts = [
            (self.admitted, "admitted"),
            (self.denied, "denied"),
            (self.unknown, "could not be judged"),
            (self.unasked, "could not be asked about"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let mut page = Page::default();
        page.blank();
        page.line([(Tone::Strong, format!("{images} images: {}", parts.join(", ")).as_str())]);
        page
    }
}
