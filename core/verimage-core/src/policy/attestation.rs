//! What a rule demands of attestations about an image.

use super::PolicyError;
use super::condition::Condition;
use super::document::{AttestationDocument, Statements};

/// An attestation that is demanded, ready to judge with. A leaf proves who attested; this says what, and how much of it.
#[derive(Clone, Debug)]
pub struct Attestation {
    name: String,
    predicate_type: String,
    statements: Statements,
    conditions: Option<Condition>,
}

/// The short names of predicate types (cosign, `--type`).
const SHORT_NAMES: [(&str, &str); 10] = [
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("link", "https://in-toto.io/Link/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
];

impl Attestation {
    pub(super) fn read(document: &AttestationDocument, pointer: &str) -> Result<Self, PolicyError> {
        let AttestationDocument { name, predicate_type, statements, conditions, .. } = document;
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(PolicyError::invalid(format!("{pointer}/name"), "an attestation has a printable name"));
        }
        let conditions = conditions.as_ref().map(|document| Condition::read(document, &format!("{pointer}/conditions"))).transpose()?;
        let predicate_type = full_type(predicate_type).ok_or_else(|| {
            let short: Vec<_> = SHORT_NAMES.iter().map(|(short, _)| format!("`{short}`")).collect();
            let message = format!("`{predicate_type}` is neither a URI nor one of {}", short.join(", "));
            PolicyError::invalid(format!("{pointer}/predicateType"), message)
        })?;
        Ok(Self { name: name.clone(), predicate_type, statements: *statements, conditions })
    }

    /// The name, as messages print it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type that the predicate must have, written in full.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// Which of several statements must fulfil the conditions.
    pub fn statements(&self) -> Statements {
        self.statements
    }

    /// What the predicate must say.
    pub fn conditions(&self) -> Option<&Condition> {
        self.conditions.as_ref()
    }
}

/// A short name written in full; another text if it has a scheme, as an absolute URI has, or a host before a path: cosign 1
/// wrote its own types so.
fn full_type(text: &str) -> Option<String> {
    if let Some((_, full)) = SHORT_NAMES.iter().find(|(short, _)| *short == text) {
        return Some((*full).to_owned());
    }
    let is_named = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|symbol| symbol.is_ascii_alphanumeric() || "+-.".contains(symbol))
    };
    let has_scheme = text.split_once(':').is_some_and(|(scheme, rest)| is_named(scheme) && !rest.is_empty());
    let has_host = text.split_once('/').is_some_and(|(host, path)| is_named(host) && host.contains('.') && !path.is_empty());
    ((has_scheme || has_host) && !text.contains(char::is_whitespace)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_those_of_cosign_and_others_are_uris() {
        assert_eq!(full_type("vuln").as_deref(), Some("https://cosign.sigstore.dev/attestation/vuln/v1"));
        assert_eq!(full_type("https://example.com/x").as_deref(), Some("https://example.com/x"));
        assert_eq!(full_type("cosign.sigstore.dev/attestation/v1").as_deref(), Some("cosign.sigstore.dev/attestation/v1"));
        for text in ["", "slsa", "no scheme", "://x", "a:", "https://a b", "a/b", "a.b", "a.b/", "/a.b/c"] {
            assert_eq!(full_type(text), None, "{text}");
        }
    }
}
