//! `WWW-Authenticate` (RFC 9110, section 11.6.1): what a registry wants to see.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// Bytes of a header that are looked at.
const MAX_HEADER: usize = 8 << 10;

/// The challenges that are understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenges {
    pub(crate) bearer: Option<BearerChallenge>,
    pub(crate) basic: bool,
}

/// Distribution, "Token Authentication Specification": where a token is to be had.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct BearerChallenge {
    pub(crate) realm: String,
    pub(crate) service: Option<String>,
}

enum Part<'a> {
    Scheme(&'a str),
    Parameter(&'a str, String),
}

impl Challenges {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for value in headers.get_all(WWW_AUTHENTICATE) {
            if let Some(text) = value.to_str().ok().filter(|text| text.len() <= MAX_HEADER) {
                found.add(text);
            }
        }
        found.bearer = found.bearer.filter(|bearer| !bearer.realm.is_empty());
        found
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bearer.is_none() && !self.basic
    }

    fn add(&mut self, text: &str) {
        let mut in_bearer = false;
        for part in Parts(text) {
            match part {
                Part::Scheme(name) => {
                    in_bearer = name.eq_ignore_ascii_case("bearer") && self.bearer.is_none();
                    self.basic |= name.eq_ignore_ascii_case("basic");
                    if in_bearer {
                        self.bearer = Some(BearerChallenge::default());
                    }
                }
                Part::Parameter(name, value) => match self.bearer.as_mut().filter(|_| in_bearer) {
                    Some(bearer) if name.eq_ignore_ascii_case("realm") => bearer.realm = value,
                    Some(bearer) if name.eq_ignore_ascii_case("service") => bearer.service = Some(value),
                    _ => {}
                },
            }
        }
    }
}

/// Splits a header value: a word with `=` behind it is a parameter, any other a scheme.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let rest = self.0.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, rest) = rest.split_at_checked(end).filter(|(word, _)| !word.is_empty())?;
        let Some(value) = rest.trim_start_matches([' ', '\t']).strip_prefix('=') else {
            self.0 = rest;
            return Some(Part::Scheme(word));
        };
        let (value, rest) = split_value(value.trim_start_matches([' ', '\t']));
        self.0 = rest;
        Some(Part::Parameter(word, value))
    }
}

fn split_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut symbols = quoted.char_indices();
    while let Some((at, symbol)) = symbols.next() {
        match symbol {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(symbols.next().map(|(_, symbol)| symbol)),
            _ => value.push(symbol),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&'static str]) -> Challenges {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, reqwest::header::HeaderValue::from_static(value));
        }
        Challenges::of(&headers)
    }

    #[test]
    fn finds_the_realm_whatever_stands_around_it() {
        let expected = Some(BearerChallenge { realm: "https://a.example/t?x=1,2".to_owned(), service: Some("s\"1".to_owned()) });
        for header in [
            r#"Bearer realm="https://a.example/t?x=1,2",service="s\"1",scope="repository:a/b:pull""#,
            r#"bearer  service = "s\"1" , Realm="https://a.example/t?x=1,2""#,
            r#"Negotiate, Bearer realm="https://a.example/t?x=1,2", service="s\"1""#,
        ] {
            assert_eq!(parse(&[header]).bearer, expected, "{header}");
        }
    }

    #[test]
    fn keeps_schemes_apart() {
        let both = parse(&[r#"Basic realm="x""#, "Bearer realm=https://a.example/t"]);
        assert!(both.basic && both.bearer.is_some_and(|bearer| bearer.realm == "https://a.example/t"));
        assert_eq!(parse(&[r#"Bearer service="s", Basic realm="x""#]), Challenges { bearer: None, basic: true });
        for nothing in ["", ",,,", "=", "\"", "Digest realm=\"x\"", "Bearer realm=\"\"", "Bearer realm"] {
            assert!(parse(&[nothing]).is_empty(), "{nothing}");
        }
    }
}
