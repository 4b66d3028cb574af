//! The only door to the terminal. Data goes to standard output, everything else to standard error; nothing that came
//! from outside can steer the terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::failure::Failure;

/// Standard output, or the file in its place, and standard error. A reader that went away ends the writing, not the work.
pub(crate) struct Console {
    reader_left: bool,
    file: Option<BufWriter<File>>,
}

impl Console {
    pub(crate) fn new() -> Self {
        Self { reader_left: false, file: None }
    }

    /// Writes what is for standard output to a file, whose earlier content is gone.
    pub(crate) fn write_to(&mut self, path: &Path) -> Result<(), Failure> {
        let file = File::create(path).map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))?;
        self.file = Some(BufWriter::new(file));
        Ok(())
    }

    /// Makes sure that everything is in the file, if there is one.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), |mut file| file.flush())
    }

    /// Writes plain data to standard output.
    pub(crate) fn data(&mut self, text: &str) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            return file.write_all(text.as_bytes());
        }
        let stdout = io::stdout();
        self.write(&mut stdout.lock(), text)
    }

    /// Writes a page for people to standard output, in colour on terminals.
    pub(crate) fn show(&mut self, page: &Page) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            return file.write_all(page.uncoloured().as_bytes());
        }
        self.write(&mut anstream::stdout().lock(), &page.coloured())
    }

    /// Writes a page for people to standard error, in colour on terminals.
    pub(crate) fn complain(&mut self, page: &Page) -> io::Result<()> {
        ignore_closed(write_all(&mut anstream::stderr().lock(), &page.coloured())).map(drop)
    }

    fn write(&mut self, stream: &mut dyn Write, text: &str) -> io::Result<()> {
        if !self.reader_left {
            self.reader_left = ignore_closed(write_all(stream, text))?;
        }
        Ok(())
    }
}

fn write_all(stream: &mut dyn Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Whether the reader left.
fn ignore_closed(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        other => other.map(|()| false),
    }
}

/// How a piece of text is told apart. The words alone carry the meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
    Unsure,
    Advice,
}

impl Tone {
    fn style(self) -> Style {
        let coloured = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => coloured(AnsiColor::Green).bold(),
            Self::Bad => coloured(AnsiColor::Red).bold(),
            Self::Unsure => coloured(AnsiColor::Yellow).bold(),
            Self::Advice => coloured(AnsiColor::Cyan),
        }
    }
}

/// Lines for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    lines: Vec<Vec<(Tone, String)>>,
}

impl Page {
    /// Adds a line of pieces.
    pub(crate) fn line<'a>(&mut self, pieces: impl IntoIterator<Item = (Tone, &'a str)>) {
        self.lines.push(pieces.into_iter().map(|(tone, text)| (tone, harmless(text).into_owned())).collect());
    }

    /// Adds a line without emphasis.
    pub(crate) fn plain(&mut self, text: &str) {
        self.line([(Tone::Plain, text)]);
    }

    /// Adds `label  value` below a heading.
    pub(crate) fn field(&mut self, label: &str, value: &str) {
        self.marked(Tone::Faint, label, value);
    }

    /// Adds `label  value` with a label that stands out.
    pub(crate) fn marked(&mut self, tone: Tone, label: &str, value: &str) {
        self.line([(tone, format!("  {label:<9} ").as_str()), (Tone::Plain, value)]);
    }

    pub(crate) fn blank(&mut self) {
        self.lines.push(Vec::new());
    }

    pub(crate) fn append(&mut self, other: Page) {
        self.lines.extend(other.lines);
    }

    pub(crate) fn uncoloured(&self) -> String {
        self.lines.iter().map(|line| line.iter().map(|(_, piece)| piece.as_str()).chain(["\n"]).collect::<String>()).collect()
    }

    fn coloured(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            for (tone, piece) in line {
                let style = tone.style();
                let _ = write!(text, "{style}{piece}{style:#}");
            }
            text.push('\n');
        }
        text
    }
}

/// Text with everything escaped that could steer a terminal or hide what is written.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for symbol in text.chars() {
        if steers(symbol) {
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(symbol));
        } else {
            escaped.push(symbol);
        }
    }
    Cow::Owned(escaped)
}

/// JSON text with the same characters escaped. They stand nowhere but in strings, where `\u` means the same.
pub(crate) fn harmless_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for symbol in text.chars() {
        if steers(symbol) && symbol != '\n' {
            let mut units = [0; 2];
            for unit in symbol.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(symbol);
        }
    }
    escaped
}

/// Control characters, direction marks, separators that look like none, and characters without a shape.
fn steers(symbol: char) -> bool {
    symbol.is_control()
        || matches!(symbol, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{9b}c\rd\u{202e}e"), "a\\u{1b}[2Jb\\u{9b}c\\u{d}d\\u{202e}e");
        assert!(matches!(harmless("grüße ✓"), Cow::Borrowed(_)));
        let json = harmless_json(&serde_json::json!({"a": "\u{9b}\u{1b}\u{e0041}\u{7f}"}).to_string());
        assert_eq!(json, r#"{"a":"\u009b\u001b\udb40\udc41\u007f"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["a"], "\u{9b}\u{1b}\u{e0041}\u{7f}");
    }
}
