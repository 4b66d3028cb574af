//! A bar for whoever waits at a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::render::report::Outcome;

/// How far an audit is. Says nothing where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    refused: usize,
}

impl Progress {
    pub(crate) fn new(images: usize) -> Self {
        let bar = ProgressBar::new(images as u64);
        // A template that cannot be read leaves the bar in its usual form.
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} images, {msg}, {eta} left") {
            bar.set_style(style);
        }
        bar.set_message("0 not admitted");
        Self { bar, refused: 0 }
    }

    pub(crate) fn count(&mut self, outcome: Outcome) {
        if !outcome.is_admitted() {
            self.refused += 1;
            self.bar.set_message(format!("{} not admitted", self.refused));
        }
        self.bar.inc(1);
    }

    /// Takes the bar away while something is written to the terminal.
    pub(crate) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
