//! Regular expressions of Go, which tools written in it have in their flags and policies, as expressions of native policies.

use std::iter::Peekable;
use std::str::Chars;

use super::pattern::Pattern;

/// A Go expression, which matches anywhere in a text, as one for the whole text.
///
/// Both languages are nearly one. What only one of them knows is translated or refused: sets within sets and operators on
/// them, word boundaries by `\<`, repetitions without a least number; and the classes `\d`, `\s`, `\w` and `\b`, which are
/// those of ASCII there.
///
/// # Errors
/// A sentence on what is not understood.
pub fn anywhere(text: &str) -> Result<String, String> {
    let translated = Translator { rest: text.chars().peekable(), text: String::new() }.translate()?;
    // Alone, or it could close the group around it.
    Pattern::regex(&translated)?;
    Ok(format!("(?s:.*)(?:{translated})(?s:.*)"))
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    text: String,
}

impl Translator<'_> {
    fn translate(mut self) -> Result<String, String> {
        while let Some(symbol) = self.rest.next() {
            match symbol {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '{' if self.rest.peek() == Some(&',') => return Err("has `{,`, which says no least number: write `{0,`".to_owned()),
                '(' => self.group()?,
                other => self.text.push(other),
            }
        }
        Ok(self.text)
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(symbol) = self.rest.next() else { return Err("ends with `\\`".to_owned()) };
        match symbol {
            'd' => self.text.push_str("[0-9]"),
            'D' => self.text.push_str("[^0-9]"),
            's' => self.text.push_str(r"[\t\n\f\r ]"),
            'S' => self.text.push_str(r"[^\t\n\f\r ]"),
            'w' => self.text.push_str("[0-9A-Za-z_]"),
            'W' => self.text.push_str("[^0-9A-Za-z_]"),
            'b' if self.rest.peek() != Some(&'{') => self.text.push_str(r"(?-u:\b)"),
            'b' | 'B' | '<' | '>' => return Err(format!("has `\\{symbol}`, which is not carried over")),
            other => {
                self.text.push('\\');
                self.text.push(other);
            }
        }
        Ok(())
    }

    /// A set of characters, up to its end.
    fn class(&mut self) -> Result<(), String> {
        self.text.push('[');
        for sign in ['^', ']'] {
            if self.rest.next_if_eq(&sign).is_some() {
                // A bracket that comes first is one of the characters.
                self.text.push_str(if sign == ']' { r"\]" } else { "^" });
            }
        }
        let mut last = None;
        while let Some(symbol) = self.rest.next() {
            match symbol {
                ']' => {
                    self.text.push(']');
                    return Ok(());
                }
                '\\' => self.escape_in_class()?,
                '[' if self.rest.peek() == Some(&':') => self.text.push('['),
                '[' => self.text.push_str(r"\["),
                '&' | '~' if last == Some(symbol) => self.text.extend(['\\', symbol]),
                '-' if last == Some('-') => return Err("has `--` in a set, which is not carried over: write `\\-`".to_owned()),
                ':' if self.rest.peek() == Some(&']') && self.text.contains("[:") => {
                    // The end of a named class such as `[:alpha:]`.
                    self.text.push_str(":]");
                    self.rest.next();
                }
                other => self.text.push(other),
            }
            last = Some(symbol);
        }
        Err("has a set without its end".to_owned())
    }

    fn escape_in_class(&mut self) -> Result<(), String> {
        let Some(symbol) = self.rest.next() else { return Err("ends with `\\`".to_owned()) };
        match symbol {
            'd' => self.text.push_str("0-9"),
            's' => self.text.push_str(r"\t\n\f\r "),
            'w' => self.text.push_str("0-9A-Za-z_"),
            'D' | 'S' | 'W' | 'b' | 'B' => return Err(format!("has `\\{symbol}` in a set, which is not carried over")),
            other => {
                self.text.push('\\');
                self.text.push(other);
            }
        }
        Ok(())
    }

    /// The flags of a group are those that Go knows.
    fn group(&mut self) -> Result<(), String> {
        self.text.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.text.push('?');
        while let Some(flag) = self.rest.next_if(|symbol| symbol.is_ascii_alphabetic() || *symbol == '-') {
            // `P` and `<` begin the name of a group.
            if !"imsUP-".contains(flag) {
                return Err(format!("has the flag `{flag}`, which is not carried over"));
            }
            self.text.push(flag);
            if flag == 'P' {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(expression: &str, text: &str) -> bool {
        Pattern::regex(&anywhere(expression).unwrap()).unwrap().matches(text)
    }

    #[test]
    fn expressions_match_anywhere_as_go_has_it() {
        for (expression, text, expected) in [
            ("example", "https://example.com", true),
            ("^https://example$", "https://example.com", false),
            ("^https://[a-z.]+/$", "https://a.example/", true),
            ("a|b", "xbx", true),
            ("(?i)^ABC$", "abc", true),
            ("(?P<name>a)b", "ab", true),
            (r"^\d+$", "12", true),
            (r"^\d+$", "١٢", false),
            (r"^\w+$", "aä", false),
            (r"^[\w.-]+$", "a.b-c_1", true),
            (r"^[\w.-]+$", "ä", false),
            (r"\bab\b", "x ab y", true),
            (r"\bab\b", "xab", false),
            // Two ampersands are one of the characters there; here they would be an operator.
            (r"^https://github\.com/example/[^/&&?]+$", "https://github.com/example/app/x", false),
            (r"^https://github\.com/example/[^/&&?]+$", "https://github.com/example/app", true),
            ("^[a~~b]+$", "~", true),
            ("^[]a]+$", "]a", true),
            ("^[^]a]+$", "b", true),
            ("^[^]a]+$", "]", false),
            ("^[a[b]$", "[", true),
            ("^[[:alpha:]_]+$", "ab_", true),
            ("^[[:alpha:]]$", ":", false),
            ("^[a-c:]+$", "a:", true),
        ] {
            assert_eq!(matches(expression, text), expected, "{expression} {text}");
        }
    }

    #[test]
    fn what_the_languages_read_differently_is_refused() {
        for expression in [
            r"\<https",
            r"\>",
            r"\b{start}",
            r"\B",
            "a{,2}",
            "[a--b]",
            r"[\W]",
            "[a",
            "\\",
            "[\\",
            "(?x)a b",
            "(?-u)a",
            "x)|(?:",
            "(",
            "",
            r"\Qa\E",
            r"\C",
        ] {
            assert!(anywhere(expression).is_err(), "{expression}");
        }
    }
}
