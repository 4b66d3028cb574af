//! The file of verdicts that an audit goes on from: one JSON object a line, written as images are judged.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use verimage::core::{Decision, Timestamp, VERDICT_VERSION};
use verimage::{Policy, Verdict};

use crate::failure::Failure;
use crate::output::harmless_json;

/// The longest line, in bytes: more than a verdict within the engine's limits has.
const MAX_LINE: usize = 16 << 20;

/// A verdict, and the image as it was asked about.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line<V = Verdict> {
    pub(crate) asked: String,
    #[serde(flatten)]
    pub(crate) verdict: V,
}

/// Verdicts of earlier runs, and of this one.
#[derive(Debug)]
pub(crate) struct Verdicts {
    path: PathBuf,
    file: File,
    /// Where the verdict over each image stands that need not be asked about again.
    known: HashMap<String, Span>,
    /// How many verdicts of the file are not of this question: of another policy, other keys, or another time.
    others: usize,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u64,
    length: usize,
}

impl Verdicts {
    /// Opens the file, or makes one. Verdicts that stand for another policy or other trust material do not count, nor do
    /// those that could not be found out. A line that was cut off when an earlier run ended is taken off.
    pub(crate) fn open(path: &Path, policy: &Policy, at: Option<Timestamp>) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        // Verdicts say what a private registry holds.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| unusable(path, &error.to_string()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(unusable(path, "another audit writes to it; each part of the images needs a file of its own"));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(path, &error.to_string())),
        }
        let mut verdicts = Self { path: path.to_owned(), file, known: HashMap::new(), others: 0 };
        verdicts.read(policy, at)?;
        Ok(verdicts)
    }

    fn read(&mut self, policy: &Policy, at: Option<Timestamp>) -> Result<(), Failure> {
        let unreadable = |error: std::io::Error| unusable(&self.path, &error.to_string());
        let mut reader = BufReader::new(&self.file);
        let (mut start, mut number, mut bytes) = (0, 0, Vec::new());
        loop {
            bytes.clear();
            number += 1;
            let length = reader.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut bytes).map_err(unreadable)?;
            if length == 0 {
                return Ok(());
            }
            if bytes.last() != Some(&b'\n') {
                let whole = length < MAX_LINE;
                return if whole { self.file.set_len(start).map_err(unreadable) } else { Err(self.malformed(number, "it is too long")) };
            }
            let line: Line = serde_json::from_slice(&bytes).map_err(|error| self.malformed(number, &error.to_string()))?;
            let fits = is_of(&line.verdict, policy, at);
            self.others += usize::from(!fits);
            if fits && line.verdict.decision != Decision::Inconclusive {
                self.known.insert(line.asked, Span { start, length });
            } else if fits {
                self.known.remove(&line.asked);
            }
            start += length as u64;
        }
    }

    /// How many verdicts of the file are not of this question.
    pub(crate) fn others(&self) -> usize {
        self.others
    }

    /// The verdict over an image, if it need not be asked about again.
    pub(crate) fn recall(&self, asked: &str) -> Result<Option<Verdict>, Failure> {
        let Some(Span { start, length }) = self.known.get(asked).copied() else { return Ok(None) };
        let mut bytes = vec![0; length];
        let mut file = &self.file;
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|error| unusable(&self.path, &error.to_string()))?;
        let line: Line = serde_json::from_slice(&bytes).map_err(|error| unusable(&self.path, &error.to_string()))?;
        Ok(Some(line.verdict))
    }

    /// Adds a verdict behind the others.
    pub(crate) fn add(&self, asked: &str, verdict: &Verdict) -> Result<(), Failure> {
        let text = line(asked, verdict)?;
        (&self.file).write_all(text.as_bytes()).map_err(|error| unusable(&self.path, &error.to_string()))
    }

    fn malformed(&self, number: usize, reason: &str) -> Failure {
        Failure::usage_with_hint(
            format!("`{}`, line {number}, is no verdict of an audit: {reason}", self.path.display()),
            "name another file, or remove this one",
        )
    }
}

/// A verdict and what was asked, as a line of JSON.
pub(crate) fn line(asked: &str, verdict: &Verdict) -> Result<String, Failure> {
    let line = Line { asked: asked.to_owned(), verdict };
    let text = serde_json::to_string(&line).map_err(|error| Failure::Output(error.into()))?;
    Ok(harmless_json(&text) + "\n")
}

fn is_of(verdict: &Verdict, policy: &Policy, at: Option<Timestamp>) -> bool {
    verdict.version == VERDICT_VERSION
        && verdict.policy.digest == policy.digest().to_string()
        && verdict.trust_material.digest == policy.material_digest().to_string()
        && at.is_none_or(|at| verdict.at == at.to_string())
}

fn unusable(path: &Path, reason: &str) -> Failure {
    Failure::usage(format!("the verdicts in `{}` cannot be used: {reason}", path.display()))
}
