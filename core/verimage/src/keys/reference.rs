//! Key references: which resolver is asked, and for what.

use std::fmt;

/// The longest reference, in bytes.
const MAX_LENGTH: usize = 2048;
/// The scheme that is written without `//` (RFC 7512).
const OPAQUE: &str = "pkcs11";

/// A key reference such as `gitlab://group/project`: a scheme, and what its resolver understands.
///
/// It never holds a user name or a password. What is printed of it ends before a query.
///
/// ```
/// let reference = verimage::KeyReference::parse("k8s://tenants/release-key")?;
/// assert_eq!((reference.scheme(), reference.rest()), ("k8s", "tenants/release-key"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyReference {
    scheme: String,
    rest: String,
}

impl KeyReference {
    /// Reads a reference.
    ///
    /// # Errors
    /// A sentence that does not repeat what may be secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH || text.chars().any(|symbol| symbol.is_control() || symbol.is_whitespace()) {
            return Err(format!("a key reference has at most {MAX_LENGTH} characters, and none of them is blank"));
        }
        let (scheme, rest) = split(text).ok_or("a key reference has the form `env://NAME`; for a file write `file`")?;
        let reference = Self { scheme: scheme.to_ascii_lowercase(), rest: rest.to_owned() };
        if !is_scheme(scheme) {
            return Err("what stands before `://` is no scheme".to_owned());
        }
        if rest.is_empty() {
            return Err(format!("behind `{scheme}:` stands nothing"));
        }
        if reference.names_a_user() {
            return Err("a key reference holds no user name and no password".to_owned());
        }
        if rest.contains('#') {
            return Err("a key reference has no part behind `#`; which key it must be stands in `sha256`".to_owned());
        }
        Ok(reference)
    }

    /// The scheme in small letters.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What stands behind `://`.
    pub fn rest(&self) -> &str {
        &self.rest
    }

    /// Whether a text that may be a path is meant as a reference.
    pub fn is_meant_by(text: &str) -> bool {
        text.contains("://") || text.strip_prefix(OPAQUE).is_some_and(|rest| rest.starts_with(':'))
    }

    /// Whether whoever can write to the place chooses the key, and nobody was asked for the right to read it.
    pub(crate) fn is_web_address(&self) -> bool {
        matches!(self.scheme.as_str(), "http" | "https")
    }

    /// All of it. A query may be secret, so this is not for messages.
    pub fn text(&self) -> String {
        format!("{}{}", self.head(), self.rest)
    }

    fn head(&self) -> String {
        format!("{}:{}", self.scheme, if self.scheme == OPAQUE { "" } else { "//" })
    }

    /// RFC 3986, section 3.2.1. Readers of web addresses pass over slashes of any number and kind before the host.
    fn names_a_user(&self) -> bool {
        let authority = self.rest.trim_start_matches(['/', '\\']);
        let authority = authority.split(['/', '\\', '?']).next().unwrap_or_default();
        self.scheme != OPAQUE && authority.contains('@')
    }
}

fn split(text: &str) -> Option<(&str, &str)> {
    match text.split_once(':')? {
        (scheme, rest) if scheme.eq_ignore_ascii_case(OPAQUE) => Some((scheme, rest)),
        (scheme, rest) => Some((scheme, rest.strip_prefix("//")?)),
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(good)
}

impl fmt::Display for KeyReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, hidden) = self.rest.split_once('?').map_or((self.rest.as_str(), ""), |(shown, _)| (shown, "?…"));
        write!(formatter, "{}{shown}{hidden}", self.head())
    }
}

impl fmt::Debug for KeyReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyReference({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_scheme_and_a_rest() {
        for (text, scheme, rest) in [
            ("env://NAME", "env", "NAME"),
            ("HTTPS://Keys.example/A.pub", "https", "Keys.example/A.pub"),
            ("awskms:///alias/a", "awskms", "/alias/a"),
            ("https://a.example/@scope/key", "https", "a.example/@scope/key"),
            ("pkcs11:object=a@b", "pkcs11", "object=a@b"),
        ] {
            let reference = KeyReference::parse(text).unwrap();
            assert_eq!((reference.scheme(), reference.rest()), (scheme, rest));
            assert!(reference.text().eq_ignore_ascii_case(text) && KeyReference::is_meant_by(text), "{text}");
        }
        assert!(!KeyReference::is_meant_by("keys/cosign.pub"));
    }

    #[test]
    fn what_is_no_reference_is_refused_without_being_repeated() {
        for text in [
            "cosign.pub",
            "env:NAME",
            "://x",
            "1a://x",
            "a_b://x",
            "env://",
            "pkcs11:",
            "env://A B",
            "env://A\nB",
            "https://user:secret@a.example/k",
            "https://secret@a.example",
            "https:///user:secret@a.example/k",
            "https://\\user:secret@a.example/k",
            "https://a\\@secret.example/k",
            "https://secret@a.example?x",
            "https://a.example/k#secret",
        ] {
            let refusal = KeyReference::parse(text);
            assert!(refusal.as_ref().is_err_and(|message| !message.contains("secret")) || text.contains("\\@"), "{text}: {refusal:?}");
        }
        assert!(KeyReference::parse(&format!("env://{}", "A".repeat(MAX_LENGTH))).is_err());
    }

    #[test]
    fn a_query_is_not_shown() {
        let reference = KeyReference::parse("https://a.example/k?token=secret").unwrap();
        assert_eq!((reference.to_string().as_str(), reference.text().contains("secret")), ("https://a.example/k?…", true));
        assert!(!format!("{reference:?}").contains("secret"));
    }
}
