//! The one shape of a CEL expression that says whose signatures an image needs:
//!
//! `images.containers.map(image, verifyImageSignatures(image, [attestors.a, attestors.b])).all(e, e > 0)`
//!
//! or with `all` alone, with `verifyAttestationSignatures`, over several lists, and several of these joined by `&&`. This
//! recognises it and evaluates nothing.

use std::iter::Peekable;
use std::vec::IntoIter;

/// A demand: that so many of some attestors signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// The attestation that they made; the image itself, if none.
    pub(super) attestation: Option<String>,
    pub(super) attestors: Vec<String>,
    /// How many of them; at least one, at most all.
    pub(super) count: usize,
}

/// The demands of an expression, each of which must be fulfilled. Nothing if it has another shape.
pub(super) fn demands(text: &str) -> Option<Vec<Demand>> {
    let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable() };
    let mut demands = vec![reader.demand()?];
    while reader.tokens.peek().is_some() {
        reader.expect("&&")?;
        demands.push(reader.demand()?);
    }
    Some(demands)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Number(usize),
    Sign(&'static str),
}

const SIGNS: [&str; 14] = ["&&", ">=", "==", "<=", "!=", ".", ",", "(", ")", "[", "]", ">", "<", "+"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = match first {
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let (name, behind) = split_while(rest, |symbol| symbol.is_ascii_alphanumeric() || symbol == '_');
                (Token::Name(name.to_owned()), behind)
            }
            _ if first.is_ascii_digit() => {
                let (digits, behind) = split_while(rest, |symbol| symbol.is_ascii_alphanumeric());
                (Token::Number(digits.parse().ok()?), behind)
            }
            '"' | '\'' => {
                let (text, behind) = rest.get(1..)?.split_once(first)?;
                (Token::Text(text.to_owned()).filter_escapes()?, behind)
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign))?;
                (Token::Sign(sign), rest.strip_prefix(sign)?)
            }
        };
        tokens.push(token);
        rest = behind.trim_start();
    }
    Some(tokens)
}

fn split_while(text: &str, is_part: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|symbol| !is_part(symbol)).unwrap_or(text.len());
    text.split_at(end)
}

impl Token {
    /// Texts with escapes are none of the names that may stand here.
    fn filter_escapes(self) -> Option<Self> {
        match &self {
            Self::Text(text) if text.contains(['\\', '\n']) => None,
            _ => Some(self),
        }
    }
}

struct Reader {
    tokens: Peekable<IntoIter<Token>>,
}

impl Reader {
    fn expect(&mut self, sign: &'static str) -> Option<()> {
        self.tokens.next_if_eq(&Token::Sign(sign)).map(drop)
    }

    fn has(&mut self, sign: &'static str) -> bool {
        self.expect(sign).is_some()
    }

    fn name(&mut self) -> Option<String> {
        match self.tokens.next()? {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The name of a loop's variable; one that hides what is asked about means something else.
    fn variable(&mut self) -> Option<String> {
        self.name().filter(|name| !["attestations", "attestors", "images"].contains(&name.as_str()))
    }

    fn word(&mut self, word: &str) -> Option<()> {
        (self.name()? == word).then_some(())
    }

    fn number(&mut self) -> Option<usize> {
        match self.tokens.next()? {
            Token::Number(number) => Some(number),
            _ => None,
        }
    }

    /// `LISTS.map(i, CALL).all(e, e > 0)`, or `LISTS.all(i, CALL > 0)`.
    fn demand(&mut self) -> Option<Demand> {
        self.lists()?;
        self.expect(".")?;
        let method = self.name()?;
        self.expect("(")?;
        let image = self.variable()?;
        self.expect(",")?;
        let (attestation, attestors) = self.call(&image)?;
        if method == "map" {
            self.expect(")")?;
            self.expect(".")?;
            self.word("all")?;
            self.expect("(")?;
            let count = self.variable()?;
            self.expect(",")?;
            self.word(&count)?;
        } else if method != "all" {
            return None;
        }
        let count = self.comparison(attestors.len())?;
        self.expect(")")?;
        Some(Demand { attestation, attestors, count })
    }

    /// `images.containers`, or several of them as a sum in parentheses.
    fn lists(&mut self) -> Option<()> {
        if !self.has("(") {
            return self.list();
        }
        self.list()?;
        while self.has("+") {
            self.list()?;
        }
        self.expect(")")
    }

    fn list(&mut self) -> Option<()> {
        let name = self.member("images")?;
        matches!(name.as_str(), "containers" | "initContainers" | "ephemeralContainers").then_some(())
    }

    /// `verifyImageSignatures(i, [attestors.a])`, or `verifyAttestationSignatures(i, attestations.x, [attestors.a])`.
    fn call(&mut self, image: &str) -> Option<(Option<String>, Vec<String>)> {
        let function = self.name()?;
        self.expect("(")?;
        self.word(image)?;
        self.expect(",")?;
        let attestation = match function.as_str() {
            "verifyImageSignatures" => None,
            "verifyAttestationSignatures" => {
                let name = self.member("attestations")?;
                self.expect(",")?;
                Some(name)
            }
            _ => return None,
        };
        self.expect("[")?;
        let mut attestors = vec![self.member("attestors")?];
        while self.has(",") {
            attestors.push(self.member("attestors")?);
        }
        self.expect("]")?;
        self.expect(")")?;
        Some((attestation, attestors))
    }

    /// `map.name` or `map["name"]`.
    fn member(&mut self, map: &str) -> Option<String> {
        self.word(map)?;
        if self.has(".") {
            return self.name();
        }
        self.expect("[")?;
        let Token::Text(name) = self.tokens.next()? else { return None };
        self.expect("]")?;
        Some(name)
    }

    /// How many of `all` are demanded. Who demands exactly some of them refuses an image for a signature too many, which
    /// whoever serves the signatures could hide.
    fn comparison(&mut self, all: usize) -> Option<usize> {
        let Token::Sign(sign) = self.tokens.next()? else { return None };
        let number = self.number()?;
        let count = match sign {
            ">" => number.checked_add(1)?,
            ">=" => number,
            "==" if number == all => number,
            _ => return None,
        };
        (1..=all).contains(&count).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(attestation: Option<&str>, attestors: &[&str], count: usize) -> Demand {
        let attestors = attestors.iter().map(|name| (*name).to_owned()).collect();
        Demand { attestation: attestation.map(str::to_owned), attestors, count }
    }

    #[test]
    fn reads_the_shapes_that_people_write() {
        for (text, expected) in [
            (
                "images.containers.map(image, verifyImageSignatures(image, [attestors.notary])).all(e ,e > 0)",
                vec![demand(None, &["notary"], 1)],
            ),
            ("images.containers.all(i, verifyImageSignatures(i,[attestors.a,attestors.b])>0)", vec![demand(None, &["a", "b"], 1)]),
            ("images.containers.all(i, verifyImageSignatures(i, [attestors.a, attestors.b]) == 2)", vec![demand(None, &["a", "b"], 2)]),
            (
                "images.containers.all(i, verifyImageSignatures(i, [attestors.a, attestors.b, attestors.c]) >= 2)",
                vec![demand(None, &["a", "b", "c"], 2)],
            ),
            (
                "(images.containers + images.initContainers).map(i, verifyAttestationSignatures(i, attestations.sbom, [attestors[\"a-b\"]])).all(n, n >= 1)",
                vec![demand(Some("sbom"), &["a-b"], 1)],
            ),
            (
                "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0) &&\n images.containers.all(i, verifyAttestationSignatures(i, attestations['x'], [attestors.a]) > 0)",
                vec![demand(None, &["a"], 1), demand(Some("x"), &["a"], 1)],
            ),
        ] {
            assert_eq!(demands(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn knows_no_other_shape() {
        for text in [
            "",
            "true",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).exists(e, e > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0) || true",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) >= 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) == 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a, attestors.b]) == 1)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 1)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) != 0)",
            "images.containers.all(i, verifyImageSignatures(i, []) > 0)",
            "images.containers.all(i, verifyImageSignatures(j, [attestors.a]) > 0)",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, f > 0)",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, e > 0) && true",
            "images.containers.all(attestors, verifyImageSignatures(attestors, [attestors.a]) > 0)",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(images, images > 0)",
            "images.custom.all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
            "images.containers.all(i, verifyImageSignatures(\"r.example/a\", [attestors.a]) > 0)",
            "!images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0x0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors['a\\n']]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0) // comment",
        ] {
            assert_eq!(demands(text), None, "{text}");
        }
    }
}
