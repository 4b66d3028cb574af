//! Trusted identities: `x509.subject` names (RFC 4514), compared attribute by attribute with the subject of the leaf.

use std::{collections::BTreeMap, fmt};

use thiserror::Error;
use verimage_crypto::x509::{Attribute, Name, ObjectIdentifier};

use crate::trust_policy::IdentityError;

const X509_SUBJECT: &str = "x509.subject";

/// Attribute types with a short name, and their identifiers.
const TYPES: [(&str, ObjectIdentifier); 9] = [
    ("C", ObjectIdentifier::new_unwrap("2.5.4.6")),
    ("ST", ObjectIdentifier::new_unwrap("2.5.4.8")),
    ("L", ObjectIdentifier::new_unwrap("2.5.4.7")),
    ("O", ObjectIdentifier::new_unwrap("2.5.4.10")),
    ("OU", ObjectIdentifier::new_unwrap("2.5.4.11")),
    ("CN", ObjectIdentifier::new_unwrap("2.5.4.3")),
    ("STREET", ObjectIdentifier::new_unwrap("2.5.4.9")),
    ("POSTALCODE", ObjectIdentifier::new_unwrap("2.5.4.17")),
    ("SERIALNUMBER", ObjectIdentifier::new_unwrap("2.5.4.5")),
];

const MANDATORY: [&str; 3] = ["C", "ST", "O"];

/// An identity that a statement trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustedIdentity {
    /// `x509.subject:` and a name.
    X509Subject(DistinguishedName),
    /// Anything else, which only plugins understand.
    Other(String),
}

impl TrustedIdentity {
    /// Reads an identity.
    ///
    /// # Errors
    /// [`IdentityError`] names what is wrong with it.
    pub fn parse(identity: &str) -> Result<Self, IdentityError> {
        let value = || identity.to_owned();
        if identity.is_empty() {
            return Err(IdentityError::Empty);
        }
        match identity.split_once(':') {
            None => Err(IdentityError::NoSeparator { value: value() }),
            Some((X509_SUBJECT, name)) if name.trim().is_empty() => Err(IdentityError::NoValue { value: value() }),
            Some((X509_SUBJECT, name)) => match DistinguishedName::parse(name) {
                Ok(name) => Ok(Self::X509Subject(name)),
                Err(error) => Err(IdentityError::Name { value: value(), error }),
            },
            Some(_) => Ok(Self::Other(value())),
        }
    }

    /// The name, if that is what it is.
    #[must_use]
    pub fn x509_subject(&self) -> Option<&DistinguishedName> {
        match self {
            Self::X509Subject(name) => Some(name),
            Self::Other(_) => None,
        }
    }

    /// Whether whoever matches the other matches this one, too.
    pub(crate) fn is_implied_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::X509Subject(name), Self::X509Subject(other)) => name.is_subset_of(other),
            _ => false,
        }
    }
}

/// As a trust policy writes it.
impl fmt::Display for TrustedIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X509Subject(name) => write!(out, "{X509_SUBJECT}:{name}"),
            Self::Other(text) => out.write_str(text),
        }
    }
}

/// Why a text is not a name that a trust policy may use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs)] // `name` is the text, `kind` the attribute type
pub enum DnError {
    /// An attribute type stands twice.
    #[error("distinguished name (DN) \"{name}\" has duplicate RDN attribute for \"{kind}\", DN can only have unique RDN attributes")]
    Duplicate { name: String, kind: String },
    /// A value in hexadecimal: decoding it was an attack once (CVE-2023-25656).
    #[error("unsupported distinguished name (DN) \"{name}\": notation does not support x509.subject identities containing \"=#\"")]
    HexValue { name: String },
    /// Not the form of RFC 4514.
    #[error("parsing distinguished name (DN) \"{name}\" failed with err: {what}")]
    Malformed { name: String, what: &'static str },
    /// An attribute that every identity must have is missing.
    #[error(
        "distinguished name (DN) \"{name}\" has no mandatory RDN attribute for \"{kind}\", it must contain 'C', 'ST' or 'S', and 'O' RDN attributes at a minimum"
    )]
    Mandatory { name: String, kind: &'static str },
    /// Two attributes in one part.
    #[error(
        "distinguished name (DN) \"{name}\" has multi-valued RDN attributes, remove multi-valued RDN attributes as they are not supported"
    )]
    MultiValued { name: String },
    /// Longer than any honest name.
    #[error("distinguished name (DN) has more than {limit} bytes")]
    TooLong { limit: usize },
}

/// A name in a trust policy: attribute types, each with one value. Their order is of no matter.
#[derive(Clone, Debug)]
pub struct DistinguishedName {
    text: String,
    attributes: BTreeMap<String, String>,
}

impl DistinguishedName {
    /// Longest text that is read, in bytes.
    pub const MAX_SIZE: usize = 4 * 1024;

    /// Reads a name (RFC 4514, section 3), as trust policies restrict it.
    ///
    /// # Errors
    /// [`DnError`] with the first rule that is broken.
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let name = || text.to_owned();
        if text.len() > Self::MAX_SIZE {
            return Err(DnError::TooLong { limit: Self::MAX_SIZE });
        }
        if text.contains("=#") {
            return Err(DnError::HexValue { name: name() });
        }
        let mut attributes = BTreeMap::new();
        for (kind, value) in split(text)? {
            if attributes.insert(kind.clone(), value).is_some() {
                return Err(DnError::Duplicate { name: name(), kind });
            }
        }
        match MANDATORY.into_iter().find(|kind| !attributes.contains_key(*kind)) {
            Some(kind) => Err(DnError::Mandatory { name: name(), kind }),
            None => Ok(Self { text: name(), attributes }),
        }
    }

    /// The attributes: short names or identifiers, and values.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(kind, value)| (kind.as_str(), value.as_str()))
    }

    /// Whether the subject of a certificate has every attribute, with exactly this value.
    ///
    /// An attribute type that stands in the subject twice, or shares its part with another, matches nothing.
    #[must_use]
    pub fn matches(&self, subject: &Name) -> bool {
        self.attributes.iter().all(|(kind, value)| identifier(kind).and_then(|id| only_text(subject, id)) == Some(value))
    }

    fn is_subset_of(&self, other: &Self) -> bool {
        self.attributes.iter().all(|(kind, value)| other.attributes.get(kind) == Some(value))
    }
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.attributes == other.attributes
    }
}

impl Eq for DistinguishedName {}

/// As it was written.
impl fmt::Display for DistinguishedName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(out)
    }
}

fn identifier(kind: &str) -> Option<ObjectIdentifier> {
    let known = TYPES.iter().find(|(name, _)| *name == kind).map(|(_, id)| *id);
    known.or_else(|| ObjectIdentifier::new(kind).ok())
}

/// The value of an attribute that stands once and alone, if it is text that can be shown.
fn only_text(subject: &Name, id: ObjectIdentifier) -> Option<&str> {
    let mut parts = subject.parts().iter().filter(|part| part.iter().any(|attribute| attribute.kind() == id));
    let (Some([attribute]), None) = (parts.next().map(Vec::as_slice), parts.next()) else { return None };
    Attribute::text(attribute).filter(|text| !text.contains(char::is_control))
}

/// The attributes in their order. Commas and semicolons stand between parts.
fn split(text: &str) -> Result<Vec<(String, String)>, DnError> {
    let malformed = |what| DnError::Malformed { name: text.to_owned(), what };
    let mut attributes = Vec::new();
    let mut rest = text;
    loop {
        let (kind, after) = rest.split_once('=').ok_or_else(|| malformed("attribute without a value"))?;
        let kind = kind.trim_matches(' ');
        if !is_type(kind) {
            return Err(malformed("attribute type is not a name or an identifier"));
        }
        let value = Unescaped::read(after).map_err(malformed)?;
        attributes.push((canonical(kind), value.text));
        rest = match value.end {
            None => return Ok(attributes),
            Some('+') => return Err(DnError::MultiValued { name: text.to_owned() }),
            Some(_) => value.rest,
        };
    }
}

/// RFC 4512, section 1.4: a name, or numbers with dots between.
fn is_type(kind: &str) -> bool {
    let named = kind.starts_with(|first: char| first.is_ascii_alphabetic());
    let letters = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (named && letters) || ObjectIdentifier::new(kind).is_ok()
}

/// One name for each attribute type.
fn canonical(kind: &str) -> String {
    let by_identifier = || TYPES.iter().find(|(_, id)| ObjectIdentifier::new(kind).as_ref() == Ok(id)).map(|(name, _)| *name);
    if kind == "S" { "ST".to_owned() } else { by_identifier().unwrap_or(kind).to_owned() }
}

/// A value without its escapes, what ended it, and what follows.
struct Unescaped<'a> {
    text: String,
    end: Option<char>,
    rest: &'a str,
}

impl<'a> Unescaped<'a> {
    fn read(text: &'a str) -> Result<Self, &'static str> {
        let mut bytes = Vec::new();
        // Spaces that are not escaped do not count at the end.
        let mut counted = 0;
        let mut rest = text.trim_start_matches(' ');
        if rest.starts_with('#') {
            return Err("values in hexadecimal are not supported");
        }
        let end = loop {
            let mut characters = rest.chars();
            let next = characters.next();
            rest = characters.as_str();
            match next {
                None => break None,
                Some(end @ (',' | ';' | '+')) => break Some(end),
                Some('"') => return Err("quotation mark that is not escaped"),
                Some('\\') => {
                    rest = escaped(rest, &mut bytes)?;
                    counted = bytes.len();
                }
                Some(character) => {
                    bytes.extend(character.encode_utf8(&mut [0; 4]).bytes());
                    counted = if character == ' ' { counted } else { bytes.len() };
                }
            }
        };
        bytes.truncate(counted);
        let text = String::from_utf8(bytes).map_err(|_| "escapes are not UTF-8")?;
        match text.is_empty() || text.contains(char::is_control) {
            true => Err("value is empty or has control characters"),
            false => Ok(Self { text, end, rest }),
        }
    }
}

/// What follows a backslash: a special character, or two hexadecimal digits.
fn escaped<'a>(rest: &'a str, bytes: &mut Vec<u8>) -> Result<&'a str, &'static str> {
    let wrong = "backslash before a character that needs none";
    if let Some(special) = rest.chars().next().filter(|next| ",;\\\" +<>=#".contains(*next)) {
        bytes.push(u8::try_from(special).map_err(|_| wrong)?);
        return rest.get(1..).ok_or(wrong);
    }
    let (pair, rest) = rest.split_at_checked(2).ok_or(wrong)?;
    let mut byte = [0];
    hex::decode_to_slice(pair, &mut byte).map_err(|_| wrong)?;
    bytes.extend(byte);
    Ok(rest)
}

#[cfg(test)]
mod tests;
