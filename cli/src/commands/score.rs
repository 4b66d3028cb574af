//! How many images came out how, and the exit code that this makes.

use crate::failure::Exit;
use crate::output::{Page, Tone};
use crate::render::report::Outcome;

/// The score of several images.
#[derive(Debug, Default)]
pub(crate) struct Score {
    admitted: usize,
    denied: usize,
    unknown: usize,
    unasked: usize,
}

impl Score {
    /// Counts an image, and says how the process would end if it were the only one.
    pub(crate) fn count(&mut self, outcome: Outcome) -> Exit {
        let (counter, exit) = match outcome {
            Outcome::Allowed | Outcome::DeniedInAudit | Outcome::UnknownInAudit => (&mut self.admitted, Exit::Admitted),
            Outcome::Denied => (&mut self.denied, Exit::Denied),
            Outcome::Unknown => (&mut self.unknown, Exit::Inconclusive),
            Outcome::Unasked => (&mut self.unasked, Exit::Usage),
        };
        *counter += 1;
        exit
    }

    pub(crate) fn total(&self) -> usize {
        self.admitted + self.denied + self.unknown + self.unasked
    }

    /// `3 images: 2 admitted, 1 denied`.
    pub(crate) fn page(&self, images: usize) -> Page {
        let parts = [
            (self.admitted, "admitted"),
            (self.denied, "denied"),
            (self.unknown, "could not be judged"),
            (self.unasked, "could not be asked about"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let parts = if parts.is_empty() { "nothing to judge".to_owned() } else { parts.join(", ") };
        let mut page = Page::default();
        page.blank();
        let noun = if images == 1 { "image" } else { "images" };
        page.line([(Tone::Strong, format!("{images} {noun}: {parts}").as_str())]);
        page
    }
}
