//! Writes a report as images are judged, or at the end.

use verimage::ImageSource;

use crate::args::AuditFormat;
use crate::commands::audit::inventory::Candidate;
use crate::commands::audit::progress::Progress;
use crate::commands::audit::{Answer, line};
use crate::commands::score::Score;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::render::report::{Entry, Judge, html, junit, policy_report, sarif, table, vsa};

pub(crate) struct Report {
    format: AuditFormat,
    judge: Judge,
    images: usize,
    /// For the forms that are one document.
    entries: Vec<Entry>,
    /// How often each code is the reason.
    codes: table::Codes,
    score: Score,
    exit: Exit,
    progress: Progress,
}

impl Report {
    pub(crate) fn new(format: AuditFormat, judge: Judge, images: usize) -> Self {
        let progress = Progress::new(images);
        Self {
            format,
            judge,
            images,
            entries: Vec::new(),
            codes: table::Codes::default(),
            score: Score::default(),
            exit: Exit::Admitted,
            progress,
        }
    }

    pub(crate) fn add(&mut self, answer: Answer, candidate: Candidate, console: &mut Console) -> Result<(), Failure> {
        let named = matches!(candidate.source, Ok(ImageSource::Registry(_)));
        let mut entry = match &answer {
            Ok(verdict) if named => Entry::of(verdict, &verdict.image),
            Ok(verdict) => Entry::of(verdict, &candidate.asked),
            Err(reason) => Entry::unasked(&candidate.asked, reason.clone()),
        };
        entry.mentions = candidate.mentions;
        self.exit = self.exit.max(self.score.count(entry.outcome));
        self.codes.count(&entry);
        self.progress.count(entry.outcome);
        match (self.format, answer) {
            (AuditFormat::Text, _) => self.progress.aside(|| console.show(&table::row(&entry)))?,
            (AuditFormat::Jsonl, Ok(verdict)) => {
                let line = line(&candidate.asked, &verdict)?;
                self.progress.aside(|| console.data(&line))?;
            }
            (AuditFormat::Jsonl, Err(_)) => self.progress.aside(|| console.complain(&table::row(&entry)))?,
            (AuditFormat::Vsa, _) => {
                if let Some(statement) = vsa::statement(&self.judge, &entry)? {
                    self.progress.aside(|| console.data(&statement))?;
                }
            }
            (AuditFormat::Sarif | AuditFormat::Junit | AuditFormat::PolicyReport | AuditFormat::Html, _) => self.entries.push(entry),
        }
        Ok(())
    }

    pub(crate) fn finish(self, console: &mut Console) -> Result<Exit, Failure> {
        drop(self.progress);
        match self.format {
            AuditFormat::Sarif => console.data(&sarif::log(&self.judge, &self.entries)?)?,
            AuditFormat::Junit => console.data(&junit::suite(&self.judge, &self.entries)?)?,
            AuditFormat::PolicyReport => console.data(&policy_report::list(&self.judge, &self.entries)?)?,
            AuditFormat::Html => html::page(&self.judge, self.entries, |part| console.data(part))?,
            AuditFormat::Text | AuditFormat::Jsonl | AuditFormat::Vsa => {}
        }
        let mut page = self.score.page(self.images);
        page.append(self.codes.page());
        console.complain(&page)?;
        console.close()?;
        Ok(self.exit)
    }
}
