//! Why there is no answer, for people: what is wrong, where, and what to do.

use verimage::{Code, PolicyError};

use crate::failure::Failure;
use crate::output::{Page, Tone};

/// How much of a long line is quoted, in characters.
const MAX_QUOTED: usize = 110;

pub(crate) fn page(failure: &Failure) -> Page {
    let mut page = Page::default();
    match failure {
        Failure::Usage { message, notes, hint } => {
            headline(&mut page, message);
            notes.iter().for_each(|note| page.plain(&format!("  {note}")));
            advice(&mut page, hint.as_deref());
        }
        Failure::Policy { error, text } => policy(&mut page, error, text.as_deref()),
        Failure::Unknown { code, message, hint } => {
            headline(&mut page, &format!("{code}: {message}"));
            advice(&mut page, Some(hint));
        }
        Failure::Output(error) => headline(&mut page, &format!("the answer cannot be written: {error}")),
    }
    page
}

fn headline(page: &mut Page, message: &str) {
    page.line([(Tone::Bad, "error: "), (Tone::Plain, message)]);
}

fn advice(page: &mut Page, hint: Option<&str>) {
    if let Some(hint) = hint {
        page.blank();
        page.line([(Tone::Advice, "hint: "), (Tone::Plain, hint)]);
    }
}

/// Code and message, then file, line, column and the line itself with a mark below the place.
fn policy(page: &mut Page, error: &PolicyError, text: Option<&str>) {
    headline(page, &format!("{}: {}", error.code, error.message));
    match (&error.file, error.location) {
        (Some(file), Some((line, column))) => arrow(page, line.to_string().len(), &format!("{file}:{line}:{column}")),
        (Some(_), None) => {}
        (None, _) if error.pointer.is_empty() => {}
        (None, _) => arrow(page, 1, &error.pointer),
    }
    if let (Some(text), Some((line, column))) = (text, error.location) {
        excerpt(page, text, (line, column), &error.pointer);
    }
    // The remedy of `policy-invalid` says no more than the message and the mark.
    let remedy = (error.code != Code::PolicyInvalid).then(|| error.code.remedy());
    advice(page, error.hint.as_deref().or(remedy));
}

fn arrow(page: &mut Page, margin: usize, place: &str) {
    page.line([(Tone::Faint, format!("{:margin$}--> ", "").as_str()), (Tone::Plain, place)]);
}

fn excerpt(page: &mut Page, text: &str, (line, column): (usize, usize), pointer: &str) {
    let Some(source) = line.checked_sub(1).and_then(|index| text.lines().nth(index)) else { return };
    // A column behind the end stands for the end; characters of no or double width would move the mark.
    let symbols = veiled(source.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol }).collect());
    let column = column.saturating_sub(1).min(symbols.len());
    let start = if column > MAX_QUOTED { column - MAX_QUOTED / 2 } else { 0 };
    let quoted: String = symbols.iter().skip(start).take(MAX_QUOTED).collect();
    let margin = line.to_string().len();
    page.line([(Tone::Faint, format!("{:margin$} |", "").as_str())]);
    page.line([(Tone::Faint, format!("{line} | ").as_str()), (Tone::Plain, quoted.as_str())]);
    let mark = format!("{:width$}^", "", width = column - start);
    let pointer = if pointer.is_empty() { String::new() } else { format!(" {pointer}") };
    page.line([(Tone::Faint, format!("{:margin$} | ", "").as_str()), (Tone::Bad, mark.as_str()), (Tone::Faint, pointer.as_str())]);
}

/// The line with stars for what may be a secret in an address: a user with a password, and a query. The width stays.
fn veiled(mut symbols: Vec<char>) -> Vec<char> {
    let ends = |symbol: &char| symbol.is_whitespace() || "\"'`<>,}".contains(*symbol);
    let mut start = 0;
    while let Some(found) = symbols.get(start..).and_then(|rest| rest.windows(3).position(|three| three == [':', '/', '/'])) {
        let (begin, rest) = (start + found + 3, symbols.get(start + found + 3..).unwrap_or_default());
        let end = begin + rest.iter().position(ends).unwrap_or(rest.len());
        let address = symbols.get_mut(begin..end).unwrap_or_default();
        let user = address.iter().position(|symbol| *symbol == '@').unwrap_or(0);
        let query = address.iter().position(|symbol| *symbol == '?').map_or(address.len(), |mark| mark + 1);
        for (index, symbol) in address.iter_mut().enumerate() {
            *symbol = if index < user || index >= query { '*' } else { *symbol };
        }
        start = end;
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;
    use verimage::core::policy::PolicyError;

    #[test]
    fn secrets_in_addresses_are_not_quoted() {
        let shown = |line: &str| veiled(line.chars().collect()).into_iter().collect::<String>();
        for (line, expected) in [
            ("ref: \"https://a.example/k\"", "ref: \"https://a.example/k\""),
            ("ref: \"https://u:pw@a.example/k\" }", "ref: \"https://****@a.example/k\" }"),
            ("{ ref: https://a/k?t=pw, sha256: x }, { ref: https://u@b/ }", "{ ref: https://a/k?****, sha256: x }, { ref: https://*@b/ }"),
            ("https://u:p@", "https://***@"),
            ("://", "://"),
            ("", ""),
        ] {
            assert_eq!(shown(line), expected);
        }
    }

    #[test]
    fn any_location_can_be_quoted() {
        for location in [(0, 0), (1, 0), (1, 1), (1, 400), (1, usize::MAX), (2, 3), (usize::MAX, 1)] {
            let mut error = PolicyError::invalid("/a", "bad");
            error.location = Some(location);
            for text in ["", "\u{1b}[31m", &"x".repeat(500)] {
                page(&Failure::policy(error.clone(), Some(text.to_owned())));
            }
        }
    }
}
