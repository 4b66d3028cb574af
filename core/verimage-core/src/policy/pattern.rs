//! Patterns over whole texts: exact, regular expressions, globs.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// The largest compiled expression, in bytes.
const MAX_COMPILED: usize = 1 << 20;
/// The longest expression that is read.
const MAX_LENGTH: usize = 4096;

/// A pattern that matches a text as a whole or not at all.
///
/// An expression that matches a part would let `https://issuer.example.evil` pass for `https://issuer.example`.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact,
    Regex(Regex),
}

impl Pattern {
    /// This text alone.
    ///
    /// # Errors
    /// A sentence, if the text is empty.
    pub fn exact(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("is empty".to_owned()) } else { Ok(Self { text: text.to_owned(), matcher: Matcher::Exact }) }
    }

    /// A regular expression, in linear time, that must match the whole text.
    ///
    /// # Errors
    /// A sentence, if the text is no regular expression or a costly one.
    pub fn regex(text: &str) -> Result<Self, String> {
        let compile = |expression: &str| RegexBuilder::new(expression).size_limit(MAX_COMPILED).build();
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(format!("has not 1 to {MAX_LENGTH} characters"));
        }
        // Alone first: what is no expression of its own could close the group around it.
        let whole = compile(text).and_then(|_| compile(&format!(r"\A(?:{text})\z"))).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), matcher: Matcher::Regex(whole) })
    }

    /// A glob: `*` stands for any run of characters, `?` for any one of them.
    ///
    /// # Errors
    /// A sentence, if the text is empty or too long.
    pub fn glob(text: &str) -> Result<Self, String> {
        let expression: String = text
            .chars()
            .map(|symbol| match symbol {
                '*' => "(?s:.*)".to_owned(),
                '?' => "(?s:.)".to_owned(),
                other => regex::escape(other.encode_utf8(&mut [0; 4])),
            })
            .collect();
        Ok(Self { text: text.to_owned(), ..Self::regex(&expression)? })
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Exact => self.text == text,
            Matcher::Regex(regex) => regex.is_match(text),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_the_whole_text() {
        let regex = Pattern::regex("https://(a|b).example/.+").unwrap();
        assert!(regex.matches("https://a.example/x"));
        for other in ["xhttps://a.example/x", "https://a.example/", "https://a.example/x\n", "\nhttps://a.example/x"] {
            assert!(!regex.matches(other), "{other:?}");
        }
        let either = Pattern::regex("good|better").unwrap();
        assert!(either.matches("better") && !either.matches("good one") && !either.matches("not better"));
        let lines = Pattern::regex("(?m)^a$").unwrap();
        assert!(lines.matches("a") && !lines.matches("b\na") && !lines.matches("a\nb"));
    }

    #[test]
    fn globs_are_literal_but_for_their_two_signs() {
        let glob = Pattern::glob("https://github.com/org/*@refs/heads/ma?n").unwrap();
        assert!(glob.matches("https://github.com/org/a/b.yml@refs/heads/main"));
        assert!(!glob.matches("https://githubxcom/org/a@refs/heads/main") && !glob.matches("https://github.com/org/a@refs/heads/maiin"));
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for text in ["", "(", "a)|(?:b", "(?x)a # )", "(a{1000}){1000}"] {
            assert!(Pattern::regex(text).is_err(), "{text}");
        }
        assert!(Pattern::regex(&"a".repeat(4097)).is_err() && Pattern::exact("").is_err() && Pattern::glob("").is_err());
    }
}
