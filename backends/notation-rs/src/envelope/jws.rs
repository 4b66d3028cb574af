//! JWS in the flattened JSON serialization (RFC 7515, section 7.2.2), as the signature specification restricts it.

use std::collections::{BTreeMap, BTreeSet};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::{
    EnvelopeError,
    headers::{self, Parts, name},
    time,
};
use crate::{Label, SignatureAlgorithm, Value, json, value::brief};

const PAYLOAD: &str = "payload";
const PROTECTED: &str = "protected";
const HEADER: &str = "header";
const SIGNATURE: &str = "signature";
const MEMBERS: [&str; 4] = [PAYLOAD, PROTECTED, HEADER, SIGNATURE];

const ALGORITHM: &str = "alg";
const CONTENT_TYPE: &str = "cty";
const CRITICAL: &str = "crit";
const CHAIN: &str = "x5c";
/// RFC 7797: it would change what the signature is over.
const UNENCODED: &str = "b64";

/// Names that Go's decoder would also find in another case.
const SIGNED: [&str; 10] = [
    ALGORITHM,
    CONTENT_TYPE,
    CRITICAL,
    UNENCODED,
    name::SIGNING_SCHEME,
    name::SIGNING_TIME,
    name::AUTHENTIC_SIGNING_TIME,
    name::EXPIRY,
    name::PLUGIN,
    name::PLUGIN_MIN_VERSION,
];
const UNSIGNED: [&str; 3] = [CHAIN, name::TIMESTAMP, name::SIGNING_AGENT];

type Map = BTreeMap<Label, Value>;

pub(super) fn read(bytes: &[u8]) -> Result<Parts, EnvelopeError> {
    let members = json::parse_object(bytes)?;
    let is_known = |label: &&Label| label.as_text().is_some_and(|name| MEMBERS.contains(&name));
    if let Some(unknown) = members.keys().find(|label| !is_known(label)) {
        return Err(EnvelopeError::UnknownMember { name: unknown.to_string() });
    }
    let signature = decode(&members, SIGNATURE)?;
    let payload = decode(&members, PAYLOAD)?;
    let protected = json::parse_object(&decode(&members, PROTECTED)?)?;
    let header = members.get(&HEADER.into()).ok_or_else(|| missing(HEADER))?;
    let header = header.as_map().ok_or(EnvelopeError::Header { name: HEADER, expected: "an object" })?;
    check_names(&protected, header)?;
    let message = [text(&members, PROTECTED)?, ".", text(&members, PAYLOAD)?].concat().into_bytes();
    Ok(Parts {
        algorithm: algorithm(&protected)?,
        content_type: required_text(&protected, CONTENT_TYPE)?,
        critical: critical(&protected)?,
        chain: chain(header)?,
        timestamp: header.get(&name::TIMESTAMP.into()).map(|value| standard(value, name::TIMESTAMP)).transpose()?,
        agent: headers::agent(header)?,
        attributes: headers::Attributes { map: protected, own: own_labels(), time: time::from_text, expected: "an RFC 3339 date and time" },
        payload,
        signature,
        message,
    })
}

/// The signed headers that have their meaning from the format.
fn own_labels() -> BTreeSet<Label> {
    BTreeSet::from([ALGORITHM, CONTENT_TYPE, CRITICAL].map(Label::from))
}

fn check_names(protected: &Map, header: &Map) -> Result<(), EnvelopeError> {
    for (map, known) in [(protected, &SIGNED[..]), (header, &UNSIGNED[..])] {
        for found in map.keys().filter_map(Label::as_text) {
            if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(found) && **known != found) {
                return Err(EnvelopeError::CaseVariant { found: found.to_owned(), known });
            }
        }
    }
    if protected.contains_key(&UNENCODED.into()) {
        return Err(EnvelopeError::Forbidden { label: UNENCODED.into() });
    }
    // RFC 7515, section 4: the names are disjoint.
    match header.keys().find(|label| protected.contains_key(label)) {
        Some(label) => Err(EnvelopeError::Disjoint { label: label.clone() }),
        None => Ok(()),
    }
}

fn algorithm(protected: &Map) -> Result<SignatureAlgorithm, EnvelopeError> {
    let found = required_text(protected, ALGORITHM)?;
    SignatureAlgorithm::from_jws(&found).ok_or_else(|| EnvelopeError::Algorithm { found: brief(&found) })
}

fn critical(protected: &Map) -> Result<Vec<Label>, EnvelopeError> {
    let value = protected.get(&CRITICAL.into()).ok_or(EnvelopeError::CriticalMissing)?;
    let names = value.as_list().ok_or(EnvelopeError::CriticalMalformed)?;
    let names = names.iter().map(|name| name.as_text().map(Label::from)).collect::<Option<Vec<_>>>();
    names.ok_or(EnvelopeError::CriticalMalformed)
}

/// RFC 7515, section 4.1.6: base64 with padding, not base64url.
fn chain(header: &Map) -> Result<Vec<Vec<u8>>, EnvelopeError> {
    let chain = header.get(&CHAIN.into()).ok_or(EnvelopeError::CertificateChainMissing)?;
    let chain = chain.as_list().ok_or(EnvelopeError::Header { name: CHAIN, expected: "an array of base64 texts" })?;
    headers::check_chain_length(chain.len())?;
    chain.iter().map(|certificate| standard(certificate, CHAIN)).collect()
}

fn standard(value: &Value, member: &'static str) -> Result<Vec<u8>, EnvelopeError> {
    let text = value.as_text().ok_or(EnvelopeError::Header { name: member, expected: "a base64 text" })?;
    STANDARD.decode(text).map_err(|_| EnvelopeError::Base64 { member })
}

fn required_text(map: &Map, name: &'static str) -> Result<String, EnvelopeError> {
    let value = map.get(&name.into()).ok_or(EnvelopeError::MissingHeader { name })?;
    value.as_text().map(str::to_owned).ok_or(EnvelopeError::Header { name, expected: "a text" })
}

fn text<'a>(members: &'a Map, member: &'static str) -> Result<&'a str, EnvelopeError> {
    let value = members.get(&member.into()).ok_or_else(|| missing(member))?;
    let text = value.as_text().ok_or(EnvelopeError::Header { name: member, expected: "a text" })?;
    if text.is_empty() { Err(missing(member)) } else { Ok(text) }
}

/// Base64url without padding, white space or bits to spare: only one text stands for the bytes.
fn decode(members: &Map, member: &'static str) -> Result<Vec<u8>, EnvelopeError> {
    URL_SAFE_NO_PAD.decode(text(members, member)?).map_err(|_| EnvelopeError::Base64 { member })
}

fn missing(member: &'static str) -> EnvelopeError {
    EnvelopeError::MissingMember { member, format: "jws-json" }
}
