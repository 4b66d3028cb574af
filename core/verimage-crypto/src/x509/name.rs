//! Distinguished names and alternative names.

use std::fmt;

use const_oid::ObjectIdentifier;

use super::oid;
use crate::asn1::{Element, Fault, Result, oid as read_oid, tag};

/// Longest distinguished name in DER.
const LONGEST_NAME: usize = 4 * 1024;
const MOST_RDNS: usize = 64;
const MOST_ATTRIBUTES: usize = 16;

/// A distinguished name (RFC 5280, section 4.1.2.4).
///
/// Names are compared by [`matches`](Self::matches), which folds case and white space, or by their
/// [`der`](Self::der), byte by byte. Which is right is the knowledge of a signature scheme.
#[derive(Clone)]
pub struct Name {
    der: Vec<u8>,
    parts: Vec<Vec<Attribute>>,
    folded: Vec<Vec<u8>>,
}

impl Name {
    /// The name as it stands in the certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The relative distinguished names, the most general first. Each has one attribute, seldom more.
    #[must_use]
    pub fn parts(&self) -> &[Vec<Attribute>] {
        &self.parts
    }

    /// Whether there is no attribute at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether two names are the same after RFC 5280, section 7.1: texts are compared whatever their string type, without
    /// regard to case and to white space at the ends and repeated inside.
    ///
    /// Characters are not normalised: names that differ in that are different.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.folded == other.folded
    }

    /// Whether the name lies in the subtree of a directory name (RFC 5280, section 4.2.1.10).
    pub(crate) fn is_within(&self, subtree: &Self) -> bool {
        self.folded.starts_with(&subtree.folded)
    }

    pub(crate) fn read(value: Element<'_>) -> Result<Self> {
        let value = value.expect(tag::SEQUENCE)?;
        if value.whole.len() > LONGEST_NAME {
            return Err(Fault::TooMany);
        }
        let parts = value.list_or_empty(MOST_RDNS)?.into_iter().map(read_rdn).collect::<Result<Vec<_>>>()?;
        let folded = parts.iter().map(|part| fold_rdn(part)).collect();
        Ok(Self { der: value.whole.to_vec(), parts, folded })
    }

    /// This name with one more part; the part is the content of a `RelativeDistinguishedName`.
    pub(crate) fn joined(&self, part: Element<'_>) -> Result<Self> {
        let mut name = self.clone();
        let attributes = part.list(MOST_ATTRIBUTES)?.into_iter().map(Attribute::read).collect::<Result<Vec<_>>>()?;
        name.folded.push(fold_rdn(&attributes));
        name.parts.push(attributes);
        Ok(name)
    }

    /// The values of one attribute type that are text.
    pub(crate) fn texts(&self, kind: ObjectIdentifier) -> impl Iterator<Item = &str> {
        self.parts.iter().flatten().filter(move |attribute| attribute.kind == kind).filter_map(Attribute::text)
    }
}

/// In the manner of RFC 4514: the most specific part first.
impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().rev().enumerate() {
            out.write_str(if index == 0 { "" } else { "," })?;
            for (index, attribute) in part.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { "+" })?;
                attribute.fmt(out)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Name({self})")
    }
}

/// One attribute of a name: its type and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    kind: ObjectIdentifier,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    Other(Vec<u8>),
}

impl Attribute {
    /// The attribute type, such as 2.5.4.3 for the common name.
    #[must_use]
    pub fn kind(&self) -> ObjectIdentifier {
        self.kind
    }

    /// The short name of the attribute type after RFC 4514, such as `CN`, if it has one.
    #[must_use]
    pub fn kind_name(&self) -> Option<&'static str> {
        oid::ATTRIBUTE_TYPES.iter().find(|(kind, _)| *kind == self.kind).map(|(_, name)| *name)
    }

    /// The value, if it is a string of a type that Unicode covers.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Other(_) => None,
        }
    }

    fn read(value: Element<'_>) -> Result<Self> {
        value.expect(tag::SEQUENCE)?.read(|reader| {
            let kind = reader.any()?.oid()?;
            let value = reader.any()?;
            let value = text(value)?.map_or_else(|| Value::Other(value.whole.to_vec()), Value::Text);
            Ok(Self { kind, value })
        })
    }

    fn folded(&self) -> Vec<u8> {
        let (mark, value) = match &self.value {
            Value::Text(text) => (b't', fold(text).into_bytes()),
            Value::Other(der) => (b'o', der.clone()),
        };
        framed([self.kind.as_bytes(), &[mark], &value])
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind_name() {
            Some(name) => write!(out, "{name}=")?,
            None => write!(out, "{}=", self.kind)?,
        }
        match &self.value {
            Value::Text(text) => text.chars().try_for_each(|character| write_escaped(out, character)),
            Value::Other(der) => {
                out.write_str("#")?;
                der.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
        }
    }
}

fn write_escaped(out: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match character {
        ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#' => write!(out, "\\{character}"),
        _ if character.is_control() => character.to_string().bytes().try_for_each(|byte| write!(out, "\\{byte:02X}")),
        _ => write!(out, "{character}"),
    }
}

fn read_rdn(value: Element<'_>) -> Result<Vec<Attribute>> {
    value.expect(tag::SET)?.list(MOST_ATTRIBUTES)?.into_iter().map(Attribute::read).collect()
}

/// The attributes of one part in an order of their own, so that the order in the certificate is of no matter.
fn fold_rdn(part: &[Attribute]) -> Vec<u8> {
    let mut attributes: Vec<_> = part.iter().map(Attribute::folded).collect();
    attributes.sort_unstable();
    framed(attributes.iter().map(Vec::as_slice))
}

/// Each piece behind its length, so that no two lists give the same bytes.
fn framed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    pieces.into_iter().flat_map(|piece| [&piece.len().to_be_bytes(), piece].concat()).collect()
}

fn fold(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The text of a string whose characters are Unicode's; nothing for other types, such as T.61.
fn text(value: Element<'_>) -> Result<Option<String>> {
    let bytes = value.content;
    let text = match value.tag {
        tag::UTF8_STRING => std::str::from_utf8(bytes).ok().map(str::to_owned),
        tag::PRINTABLE_STRING | tag::IA5_STRING => std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii()).map(str::to_owned),
        tag::BMP_STRING => bmp(bytes),
        tag::UNIVERSAL_STRING => universal(bytes),
        _ => return Ok(None),
    };
    text.map(Some).ok_or(Fault::Malformed)
}

fn bmp(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let characters = pairs.iter().map(|pair| char::from_u32(u32::from(u16::from_be_bytes(*pair))));
    rest.is_empty().then(|| characters.collect()).flatten()
}

fn universal(bytes: &[u8]) -> Option<String> {
    let (quads, rest) = bytes.as_chunks::<4>();
    let characters = quads.iter().map(|quad| char::from_u32(u32::from_be_bytes(*quad)));
    rest.is_empty().then(|| characters.collect()).flatten()
}

/// An alternative name (RFC 5280, section 4.2.1.6).
///
/// The kind belongs to the name: an email address and a name of another kind with the same text are different people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum GeneralName {
    /// `directoryName`.
    Directory(Name),
    /// `dNSName`.
    Dns(String),
    /// `rfc822Name`.
    Email(String),
    /// `iPAddress`: 4 or 16 bytes; in a name constraint, 8 or 32.
    Ip(Vec<u8>),
    /// `otherName`.
    Other {
        /// What kind of name it is.
        kind: ObjectIdentifier,
        /// The value in DER.
        value: Vec<u8>,
    },
    /// `registeredID`.
    RegisteredId(ObjectIdentifier),
    /// A kind that is not read: `x400Address` or `ediPartyName`.
    Unread {
        /// Its number in the choice.
        number: u8,
    },
    /// `uniformResourceIdentifier`.
    Uri(String),
}

impl GeneralName {
    /// The text of an `otherName` of this kind, if its value is a UTF-8 string.
    #[must_use]
    pub fn other_text(&self, wanted: ObjectIdentifier) -> Option<&str> {
        let Self::Other { kind, value } = self else { return None };
        let value = Element::only(value).ok()?;
        let text = std::str::from_utf8(value.content).ok()?;
        (*kind == wanted && value.tag == tag::UTF8_STRING).then_some(text)
    }

    /// A name of somebody.
    pub(crate) fn read(value: Element<'_>) -> Result<Self> {
        let name = Self::read_loosely(value)?;
        let good = match &name {
            Self::Email(text) | Self::Dns(text) | Self::Uri(text) => !text.is_empty(),
            Self::Ip(bytes) => matches!(bytes.len(), 4 | 16),
            _ => true,
        };
        if good { Ok(name) } else { Err(Fault::Malformed) }
    }

    /// A name as the base of a subtree.
    pub(crate) fn read_base(value: Element<'_>) -> Result<Self> {
        let name = Self::read_loosely(value)?;
        match &name {
            Self::Ip(bytes) if !matches!(bytes.len(), 8 | 32) => Err(Fault::Malformed),
            _ => Ok(name),
        }
    }

    fn read_loosely(value: Element<'_>) -> Result<Self> {
        const OTHER: u8 = tag::constructed(0);
        const EMAIL: u8 = tag::context(1);
        const DNS: u8 = tag::context(2);
        const X400: u8 = tag::constructed(3);
        const DIRECTORY: u8 = tag::constructed(4);
        const EDI_PARTY: u8 = tag::constructed(5);
        const URI: u8 = tag::context(6);
        const IP: u8 = tag::context(7);
        const REGISTERED_ID: u8 = tag::context(8);
        match value.tag {
            OTHER => read_other(value),
            EMAIL => ia5(value.content).map(Self::Email),
            DNS => ia5(value.content).map(Self::Dns),
            DIRECTORY => value.read(|reader| Name::read(reader.any()?)).map(Self::Directory),
            URI => ia5(value.content).map(Self::Uri),
            IP => Ok(Self::Ip(value.content.to_vec())),
            REGISTERED_ID => read_oid(value.content).map(Self::RegisteredId),
            X400 => Ok(Self::Unread { number: 3 }),
            EDI_PARTY => Ok(Self::Unread { number: 5 }),
            _ => Err(Fault::Malformed),
        }
    }
}

fn read_other(value: Element<'_>) -> Result<GeneralName> {
    value.read(|reader| {
        let kind = reader.any()?.oid()?;
        let value = reader.expect(tag::constructed(0))?.content;
        Element::only(value)?;
        Ok(GeneralName::Other { kind, value: value.to_vec() })
    })
}

/// Printable ASCII: a NUL has ended names early elsewhere.
fn ia5(bytes: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Malformed)?;
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if printable { Ok(text.to_owned()) } else { Err(Fault::Malformed) }
}
