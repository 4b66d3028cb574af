//! What headers mean, the same for both formats (signature specification, "Signed Attributes").

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use semver::Version;
use verimage_crypto::x509::Certificate;

use super::{Envelope, EnvelopeError, ExtendedAttribute, Format, PluginAttributes, SignerInfo, SigningScheme};
use crate::{Label, PAYLOAD_MEDIA_TYPE, SignatureAlgorithm, Value, value::brief};

/// Names of headers.
pub(super) mod name {
    pub(crate) const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
    pub(crate) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
    pub(crate) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
    pub(crate) const EXPIRY: &str = "io.cncf.notary.expiry";
    pub(crate) const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
    pub(crate) const PLUGIN_MIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
    pub(crate) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
    pub(crate) const SIGNING_AGENT: &str = "io.cncf.notary.signingAgent";
}

/// All names with a meaning of their own.
const DEFINED: [&str; 6] =
    [name::SIGNING_SCHEME, name::SIGNING_TIME, name::AUTHENTIC_SIGNING_TIME, name::EXPIRY, name::PLUGIN, name::PLUGIN_MIN_VERSION];

/// Names that are listed as critical wherever they stand.
const ALWAYS_CRITICAL: [&str; 5] =
    [name::SIGNING_SCHEME, name::AUTHENTIC_SIGNING_TIME, name::EXPIRY, name::PLUGIN, name::PLUGIN_MIN_VERSION];

/// Longest version of a plugin that is read, in bytes.
const LONGEST_VERSION: usize = 100;

/// An envelope taken apart by its format.
pub(super) struct Parts {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) content_type: String,
    pub(super) critical: Vec<Label>,
    pub(super) attributes: Attributes,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) timestamp: Option<Vec<u8>>,
    pub(super) agent: Option<String>,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The bytes that were signed.
    pub(super) message: Vec<u8>,
}

/// The signed headers.
pub(super) struct Attributes {
    pub(super) map: BTreeMap<Label, Value>,
    /// Those that have their meaning from the format.
    pub(super) own: BTreeSet<Label>,
    /// How the format writes times.
    pub(super) time: fn(&Value) -> Option<Timestamp>,
    /// The same, in words.
    pub(super) expected: &'static str,
}

/// Checks every rule for headers that both formats share.
pub(super) fn interpret(format: Format, parts: Parts) -> Result<SignerInfo, EnvelopeError> {
    let attributes = &parts.attributes;
    let critical = check_critical(&parts.critical, attributes)?;
    let signing_scheme = scheme(attributes)?;
    let (signing_time, authentic_signing_time) = times(attributes, signing_scheme)?;
    let expiry = attributes.moment(name::EXPIRY)?;
    if expiry.is_some_and(|expiry| signing_time.or(authentic_signing_time).is_none_or(|signed| expiry <= signed)) {
        return Err(EnvelopeError::Expiry);
    }
    let plugin = plugin(attributes)?;
    let extended_attributes = extended(attributes, &critical);
    let unknown = extended_attributes.iter().find(|attribute| attribute.critical);
    if let (None, Some(unknown)) = (&plugin, unknown) {
        return Err(EnvelopeError::UnknownCritical { label: unknown.label.clone() });
    }
    if parts.content_type != PAYLOAD_MEDIA_TYPE {
        return Err(EnvelopeError::ContentType { found: brief(&parts.content_type) });
    }
    Ok(SignerInfo {
        format,
        algorithm: parts.algorithm,
        content_type: parts.content_type,
        signing_scheme,
        signing_time,
        authentic_signing_time,
        expiry,
        plugin,
        extended_attributes,
        certificate_chain: certificates(&parts.chain)?,
        payload: parts.payload,
        signature: parts.signature,
        timestamp_signature: parts.timestamp,
        signing_agent: parts.agent,
    })
}

impl Attributes {
    fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(&name.into())
    }

    fn text<'a>(&'a self, name: &'static str) -> Result<Option<&'a str>, EnvelopeError> {
        let text = |value: &'a Value| value.as_text().ok_or(EnvelopeError::Header { name, expected: "a text" });
        self.get(name).map(text).transpose()
    }

    fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, EnvelopeError> {
        let moment = |value| (self.time)(value).ok_or(EnvelopeError::Header { name, expected: self.expected });
        self.get(name).map(moment).transpose()
    }
}

/// RFC 7515, section 4.1.11, and RFC 9052, section 3.1, and the list of the specification.
fn check_critical(listed: &[Label], attributes: &Attributes) -> Result<BTreeSet<Label>, EnvelopeError> {
    if listed.is_empty() {
        return Err(EnvelopeError::CriticalMalformed);
    }
    let mut critical = BTreeSet::new();
    for label in listed {
        if attributes.own.contains(label) {
            return Err(EnvelopeError::CriticalForbidden { label: label.clone() });
        }
        if !attributes.map.contains_key(label) {
            return Err(EnvelopeError::CriticalNotPresent { label: label.clone() });
        }
        if !critical.insert(label.clone()) {
            return Err(EnvelopeError::CriticalTwice { label: label.clone() });
        }
    }
    let names: Vec<_> =
        ALWAYS_CRITICAL.into_iter().filter(|name| attributes.get(name).is_some() && !critical.contains(&(*name).into())).collect();
    if names.is_empty() { Ok(critical) } else { Err(EnvelopeError::NotCritical { names }) }
}

fn scheme(attributes: &Attributes) -> Result<SigningScheme, EnvelopeError> {
    let found = attributes.text(name::SIGNING_SCHEME)?.ok_or(EnvelopeError::MissingHeader { name: name::SIGNING_SCHEME })?;
    [SigningScheme::X509, SigningScheme::X509SigningAuthority]
        .into_iter()
        .find(|scheme| scheme.as_str() == found)
        .ok_or_else(|| EnvelopeError::SigningScheme { found: brief(found) })
}

/// Each scheme has its own time and must not have the other's.
fn times(attributes: &Attributes, scheme: SigningScheme) -> Result<(Option<Timestamp>, Option<Timestamp>), EnvelopeError> {
    let (own, other) = match scheme {
        SigningScheme::X509 => (name::SIGNING_TIME, name::AUTHENTIC_SIGNING_TIME),
        SigningScheme::X509SigningAuthority => (name::AUTHENTIC_SIGNING_TIME, name::SIGNING_TIME),
    };
    if attributes.get(other).is_some() {
        return Err(EnvelopeError::TimeOfOtherScheme { name: other, scheme: scheme.as_str() });
    }
    let time = attributes.moment(own)?.ok_or(EnvelopeError::SigningTimeMissing)?;
    Ok(match scheme {
        SigningScheme::X509 => (Some(time), None),
        SigningScheme::X509SigningAuthority => (None, Some(time)),
    })
}

/// Plugin specification, "Verification plugin attributes".
fn plugin(attributes: &Attributes) -> Result<Option<PluginAttributes>, EnvelopeError> {
    let texts = (attributes.text(name::PLUGIN)?, attributes.text(name::PLUGIN_MIN_VERSION)?);
    for (name, text) in [(name::PLUGIN, texts.0), (name::PLUGIN_MIN_VERSION, texts.1)] {
        if text.is_some_and(|text| text.trim().is_empty()) {
            return Err(EnvelopeError::PluginAttributeEmpty { name });
        }
    }
    let version = |text: &str| {
        let version = if text.len() > LONGEST_VERSION { None } else { Version::parse(text).ok() };
        version.ok_or_else(|| EnvelopeError::PluginVersion { found: brief(text) })
    };
    match texts {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(EnvelopeError::PluginMissing),
        (Some(name), least) => Ok(Some(PluginAttributes { name: name.to_owned(), min_version: least.map(version).transpose()? })),
    }
}

fn extended(attributes: &Attributes, critical: &BTreeSet<Label>) -> Vec<ExtendedAttribute> {
    let is_defined = |label: &Label| attributes.own.contains(label) || label.as_text().is_some_and(|name| DEFINED.contains(&name));
    let others = attributes.map.iter().filter(|(label, _)| !is_defined(label));
    others
        .map(|(label, value)| ExtendedAttribute { label: label.clone(), critical: critical.contains(label), value: value.clone() })
        .collect()
}

fn certificates(chain: &[Vec<u8>]) -> Result<Vec<Certificate>, EnvelopeError> {
    let read = |(index, der): (usize, &Vec<u8>)| Certificate::from_der(der).map_err(|error| EnvelopeError::Certificate { index, error });
    chain.iter().enumerate().map(read).collect()
}

/// Checked before a certificate is decoded.
pub(super) fn check_chain_length(found: usize) -> Result<(), EnvelopeError> {
    match found {
        0 => Err(EnvelopeError::CertificateChainMissing),
        _ if found > Envelope::MAX_CERTIFICATES => Err(EnvelopeError::TooManyCertificates { found, limit: Envelope::MAX_CERTIFICATES }),
        _ => Ok(()),
    }
}

/// The signing agent is told, never judged.
pub(super) fn agent(header: &BTreeMap<Label, Value>) -> Result<Option<String>, EnvelopeError> {
    let text =
        |value: &Value| value.as_text().map(str::to_owned).ok_or(EnvelopeError::Header { name: name::SIGNING_AGENT, expected: "a text" });
    header.get(&name::SIGNING_AGENT.into()).map(text).transpose()
}
