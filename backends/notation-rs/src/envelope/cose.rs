//! `COSE_Sign1` (RFC 9052, section 4.2), as the signature specification restricts it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    EnvelopeError,
    headers::{self, Parts, name},
    time,
};
use crate::{Label, SignatureAlgorithm, Value, cbor};

const ALGORITHM: Label = Label::Integer(1);
const CRITICAL: Label = Label::Integer(2);
const CONTENT_TYPE: Label = Label::Integer(3);
const CHAIN: Label = Label::Integer(33);

/// RFC 9052, section 3.1: the labels that every reader understands, so they are never listed as critical.
const BASIC: std::ops::RangeInclusive<i128> = 0..=8;

type Map = BTreeMap<Label, Value>;

pub(super) fn read(bytes: &[u8]) -> Result<Parts, EnvelopeError> {
    let [protected, unprotected, payload, signature] = parts(bytes)?;
    let (Value::Bytes(protected), Value::Map(unprotected)) = (protected, unprotected) else {
        return Err(EnvelopeError::Structure { what: "headers should be a byte string and a map" });
    };
    let payload = string(payload, "payload")?;
    let signature = string(signature, "signature")?;
    let message = message(&protected, &payload);
    let protected = protected_map(&protected)?;
    check(&protected, &unprotected)?;
    Ok(Parts {
        algorithm: algorithm(&protected)?,
        content_type: content_type(&protected)?,
        critical: critical(&protected)?,
        chain: chain(&unprotected)?,
        timestamp: unprotected.get(&name::TIMESTAMP.into()).map(timestamp).transpose()?,
        agent: headers::agent(&unprotected)?,
        attributes: headers::Attributes {
            map: protected,
            own: BTreeSet::from([ALGORITHM, CRITICAL, CONTENT_TYPE]),
            time: time::from_tag,
            expected: "a date and time: only Tag `1` Datetime CBOR object is supported",
        },
        payload,
        signature,
        message,
    })
}

/// The tag is written in its shortest form, and so is the length of the array.
fn parts(bytes: &[u8]) -> Result<[Value; 4], EnvelopeError> {
    const START: [u8; 2] = [0xd2, 0x84];
    if !bytes.starts_with(&START) {
        return Err(EnvelopeError::Structure { what: "not a tagged COSE_Sign1 message" });
    }
    let Value::Tagged(_, message) = cbor::parse(bytes)? else {
        return Err(EnvelopeError::Structure { what: "not a tagged COSE_Sign1 message" });
    };
    match *message {
        Value::List(parts) => parts.try_into().map_err(|_| EnvelopeError::Structure { what: "not four parts" }),
        _ => Err(EnvelopeError::Structure { what: "not a list" }),
    }
}

/// RFC 9052, section 4.4: the protected bytes as they were received.
fn message(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut message = b"\x84\x6aSignature1".to_vec();
    cbor::write_bytes(&mut message, protected);
    cbor::write_bytes(&mut message, b"");
    cbor::write_bytes(&mut message, payload);
    message
}

/// RFC 9052, section 3: no headers may be written as no bytes.
fn protected_map(bytes: &[u8]) -> Result<Map, EnvelopeError> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match cbor::parse(bytes)? {
        Value::Map(map) => Ok(map),
        _ => Err(EnvelopeError::Structure { what: "protected headers should be a map" }),
    }
}

/// Tags stand on the three times only; no label is in both maps.
fn check(protected: &Map, unprotected: &Map) -> Result<(), EnvelopeError> {
    let times = [name::SIGNING_TIME, name::AUTHENTIC_SIGNING_TIME, name::EXPIRY].map(Label::from);
    let inner = |value: &Value| if let Value::Tagged(1, inner) = value { inner.has_tag() } else { value.has_tag() };
    let tagged = |(label, value): &(&Label, &Value)| if times.contains(label) { inner(value) } else { value.has_tag() };
    if let Some((label, _)) = protected.iter().find(tagged) {
        let text_time = times.contains(label);
        return Err(if text_time { time_error(label) } else { EnvelopeError::Tag { label: label.clone() } });
    }
    if let Some((label, _)) = unprotected.iter().find(|(_, value)| value.has_tag()) {
        return Err(EnvelopeError::Tag { label: label.clone() });
    }
    match unprotected.keys().find(|label| protected.contains_key(label)) {
        Some(label) => Err(EnvelopeError::Disjoint { label: label.clone() }),
        None => Ok(()),
    }
}

fn time_error(label: &Label) -> EnvelopeError {
    let names = [name::SIGNING_TIME, name::AUTHENTIC_SIGNING_TIME, name::EXPIRY];
    let name = names.into_iter().find(|name| label.as_text() == Some(name)).unwrap_or_default();
    EnvelopeError::Header { name, expected: "a date and time: only Tag `1` Datetime CBOR object is supported" }
}

fn algorithm(protected: &Map) -> Result<SignatureAlgorithm, EnvelopeError> {
    match protected.get(&ALGORITHM) {
        Some(Value::Integer(number)) => {
            SignatureAlgorithm::from_cose(*number).ok_or_else(|| EnvelopeError::Algorithm { found: number.to_string() })
        }
        Some(_) => Err(EnvelopeError::Header { name: "alg", expected: "an integer" }),
        None => Err(EnvelopeError::MissingHeader { name: "alg" }),
    }
}

fn content_type(protected: &Map) -> Result<String, EnvelopeError> {
    match protected.get(&CONTENT_TYPE) {
        Some(Value::Text(text)) => Ok(text.clone()),
        Some(_) => Err(EnvelopeError::Header { name: "content type", expected: "of 'tstr' type" }),
        None => Err(EnvelopeError::MissingHeader { name: "content type" }),
    }
}

fn critical(protected: &Map) -> Result<Vec<Label>, EnvelopeError> {
    let list = protected.get(&CRITICAL).ok_or(EnvelopeError::CriticalMissing)?.as_list();
    let labels = list.into_iter().flatten().map(|label| match label {
        Value::Integer(number) if BASIC.contains(number) => Err(EnvelopeError::CriticalForbidden { label: Label::Integer(*number) }),
        Value::Integer(number) => Ok(Label::Integer(*number)),
        Value::Text(text) => Ok(Label::Text(text.clone())),
        _ => Err(EnvelopeError::CriticalMalformed),
    });
    labels.collect()
}

/// RFC 9360, section 2, but always a list, and never among the signed headers.
fn chain(unprotected: &Map) -> Result<Vec<Vec<u8>>, EnvelopeError> {
    let chain = unprotected.get(&CHAIN).ok_or(EnvelopeError::CertificateChainMissing)?;
    let malformed = EnvelopeError::Header { name: "x5chain", expected: "an array of byte strings" };
    let Some(chain) = chain.as_list() else { return Err(malformed) };
    headers::check_chain_length(chain.len())?;
    let bytes = |certificate: &Value| if let Value::Bytes(der) = certificate { Some(der.clone()) } else { None };
    chain.iter().map(bytes).collect::<Option<_>>().ok_or(malformed)
}

fn timestamp(value: &Value) -> Result<Vec<u8>, EnvelopeError> {
    match value {
        Value::Bytes(token) => Ok(token.clone()),
        _ => Err(EnvelopeError::Header { name: name::TIMESTAMP, expected: "a byte string" }),
    }
}

/// A part that is there: a detached payload is nothing, and an empty one proves nothing.
fn string(value: Value, member: &'static str) -> Result<Vec<u8>, EnvelopeError> {
    match value {
        Value::Bytes(bytes) if !bytes.is_empty() => Ok(bytes),
        Value::Bytes(_) | Value::Null => Err(EnvelopeError::MissingMember { member, format: "cose" }),
        _ => Err(EnvelopeError::Header { name: member, expected: "a byte string" }),
    }
}
