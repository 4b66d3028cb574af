//! What Fulcio writes into certificates (fulcio `docs/oid-info.md`).

use std::collections::BTreeMap;

use verimage_crypto::x509::{Certificate, GeneralName, ObjectIdentifier};

use crate::der;

/// Below it are Fulcio's extensions.
const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
/// The kind of `otherName` that holds a user's name at a private issuer.
const USER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
const ISSUER: u32 = 1;
const ISSUER_2: u32 = 8;
/// The extensions up to this number hold their text as it is; later ones hold a UTF-8 string in DER.
const LAST_RAW: u32 = 6;

/// The names of the extensions, as policies and facts write them.
const NAMES: [(u32, &str); 21] = [
    (2, "githubWorkflowTrigger"),
    (3, "githubWorkflowSha"),
    (4, "githubWorkflowName"),
    (5, "githubWorkflowRepository"),
    (6, "githubWorkflowRef"),
    (9, "buildSignerUri"),
    (10, "buildSignerDigest"),
    (11, "runnerEnvironment"),
    (12, "sourceRepositoryUri"),
    (13, "sourceRepositoryDigest"),
    (14, "sourceRepositoryRef"),
    (15, "sourceRepositoryIdentifier"),
    (16, "sourceRepositoryOwnerUri"),
    (17, "sourceRepositoryOwnerIdentifier"),
    (18, "buildConfigUri"),
    (19, "buildConfigDigest"),
    (20, "buildTrigger"),
    (21, "runInvocationUri"),
    (22, "sourceRepositoryVisibilityAtSigning"),
    (23, "deploymentEnvironment"),
    (24, "tokenSubject"),
];

/// The number of an extension by its name, or by its object identifier.
pub(crate) fn extension_number(name: &str) -> Option<u32> {
    if let Some((number, _)) = NAMES.iter().find(|(_, known)| *known == name) {
        return Some(*number);
    }
    let number = name.strip_prefix("1.3.6.1.4.1.57264.1.")?;
    let parsed = number.parse().ok().filter(|parsed: &u32| parsed.to_string() == number)?;
    (matches!(parsed, ISSUER | ISSUER_2) || NAMES.iter().any(|(known, _)| *known == parsed)).then_some(parsed)
}

/// The name of an extension; its object identifier if it has none.
pub(crate) fn extension_name(number: u32) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("1.3.6.1.4.1.57264.1.{number}"), |(_, name)| (*name).to_owned())
}

/// What a certificate says about its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    /// Who vouched for the identity, if the certificate says it.
    pub(crate) issuer: Option<String>,
    /// The names, with their kinds.
    pub(crate) subjects: Vec<(SubjectKind, String)>,
    /// The other extensions by number.
    pub(crate) extensions: BTreeMap<u32, String>,
}

/// The kind of a name: an address and a user name of the same text are two people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SubjectKind {
    /// `rfc822Name`.
    Email,
    /// `uniformResourceIdentifier`.
    Uri,
    /// `dNSName`.
    Dns,
    /// `otherName` of Fulcio's kind.
    OtherName,
}

impl Claims {
    /// Reads a certificate. An issuer that is written in both ways must be the same, lest two readers believe two issuers.
    pub(crate) fn read(certificate: &Certificate) -> Result<Self, String> {
        let mut extensions = BTreeMap::new();
        for number in (ISSUER..=LAST_RAW).chain(ISSUER_2..=NAMES.last().map_or(ISSUER_2, |(last, _)| *last)) {
            if let Some(text) = extension(certificate, number)? {
                extensions.insert(number, text);
            }
        }
        let issuer = match (extensions.remove(&ISSUER), extensions.remove(&ISSUER_2)) {
            (Some(old), Some(new)) if old != new => return Err("its two issuer extensions differ".to_owned()),
            (old, new) => new.or(old),
        };
        Ok(Self { issuer, subjects: subjects(certificate), extensions })
    }

    /// The issuer, also by the number of its extensions.
    pub(crate) fn extension(&self, number: u32) -> Option<&str> {
        if matches!(number, ISSUER | ISSUER_2) { self.issuer.as_deref() } else { self.extensions.get(&number).map(String::as_str) }
    }

    /// The names, for a message.
    pub(crate) fn names(&self) -> String {
        let names = self.subjects.iter().take(3).map(|(_, name)| format!("`{}`", name.escape_debug()));
        names.collect::<Vec<_>>().join(", ")
    }
}

fn extension(certificate: &Certificate, number: u32) -> Result<Option<String>, String> {
    let Some(extension) = FULCIO.push_arc(number).ok().and_then(|id| certificate.extension(id)) else { return Ok(None) };
    let text = if number <= LAST_RAW { Some(extension.value()) } else { der::content(der::UTF8_STRING, extension.value()) };
    let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok()).filter(|text| !text.is_empty());
    text.map(|text| Some(text.to_owned())).ok_or_else(|| format!("its extension `{}` is malformed", extension_name(number)))
}

fn subjects(certificate: &Certificate) -> Vec<(SubjectKind, String)> {
    let read = |name: &GeneralName| match name {
        GeneralName::Email(text) => Some((SubjectKind::Email, text.clone())),
        GeneralName::Uri(text) => Some((SubjectKind::Uri, text.clone())),
        GeneralName::Dns(text) => Some((SubjectKind::Dns, text.clone())),
        other => other.other_text(USER_NAME).filter(is_printable).map(|text| (SubjectKind::OtherName, text.to_owned())),
    };
    certificate.alternative_names().iter().filter_map(read).collect()
}

/// A line break or a NUL in a name makes two readers see two names; in the other kinds there is none.
fn is_printable(text: &&str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_have_one_name_each() {
        assert_eq!(extension_number("buildTrigger"), Some(20));
        assert_eq!(extension_number("1.3.6.1.4.1.57264.1.20"), Some(20));
        assert_eq!((extension_number("1.3.6.1.4.1.57264.1.1"), extension_number("1.3.6.1.4.1.57264.1.8")), (Some(1), Some(8)));
        for name in ["", "buildtrigger", "1.3.6.1.4.1.57264.1.7", "1.3.6.1.4.1.57264.1.25", "1.3.6.1.4.1.57264.1.020", "20"] {
            assert_eq!(extension_number(name), None, "{name}");
        }
        assert_eq!((extension_name(20).as_str(), extension_name(8).as_str()), ("buildTrigger", "1.3.6.1.4.1.57264.1.8"));
    }
}
