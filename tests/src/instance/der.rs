//! DER, written byte by byte, so that wrong documents can be written too.

/// Tags that occur here.
pub mod tag {
    /// BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING.
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// OBJECT IDENTIFIER.
    pub const OID: u8 = 0x06;
    /// UTF8String.
    pub const UTF8_STRING: u8 = 0x0c;
    /// IA5String.
    pub const IA5_STRING: u8 = 0x16;
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: u8 = 0x18;
    /// UTCTime.
    pub const UTC_TIME: u8 = 0x17;
    /// SEQUENCE.
    pub const SEQUENCE: u8 = 0x30;
    /// SET.
    pub const SET: u8 = 0x31;
}

/// Tag, length, and the parts one after the other.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = body.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let head = if body.len() < 0x80 { vec![tag, length[0]] } else { [&[tag, 0x80 | length.len() as u8], length].concat() };
    [head, body].concat()
}

/// A SEQUENCE of parts.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(tag::SEQUENCE, parts)
}

/// A SET with its members in the order of DER.
pub fn set(members: &[Vec<u8>]) -> Vec<u8> {
    let mut members = members.to_vec();
    members.sort();
    tlv(tag::SET, &[&members.concat()])
}

/// An object identifier in dotted form.
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().expect("an arc")).collect();
    let mut body = base128(arcs[0] * 40 + arcs[1]);
    body.extend(arcs[2..].iter().flat_map(|arc| base128(*arc)));
    tlv(tag::OID, &[&body])
}

fn base128(arc: u64) -> Vec<u8> {
    let mut bytes = vec![(arc & 0x7f) as u8];
    let mut rest = arc >> 7;
    while rest > 0 {
        bytes.insert(0, 0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes
}

/// A positive integer from its bytes, big-endian.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    let bytes = &bytes[start..];
    let sign: &[u8] = if bytes.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    tlv(tag::INTEGER, &[sign, bytes])
}

/// A small integer.
pub fn integer(value: u64) -> Vec<u8> {
    unsigned(&value.to_be_bytes())
}

/// Bytes.
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(tag::OCTET_STRING, &[bytes])
}

/// Whole bytes as a BIT STRING.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(tag::BIT_STRING, &[&[0], bytes])
}

/// Text as UTF8String.
pub fn utf8(text: &str) -> Vec<u8> {
    tlv(tag::UTF8_STRING, &[text.as_bytes()])
}

/// A name with one common name; an empty name for an empty text.
pub fn name(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return sequence(&[]);
    }
    sequence(&[&tlv(tag::SET, &[&sequence(&[&oid("2.5.4.3"), &utf8(common_name)])])])
}

/// Seconds since 1970 as GeneralizedTime.
pub fn generalized_time(seconds: i64) -> Vec<u8> {
    let text = moment(seconds).strftime("%Y%m%d%H%M%SZ").to_string();
    tlv(tag::GENERALIZED_TIME, &[text.as_bytes()])
}

/// Seconds since 1970 as certificates write them (RFC 5280, section 4.1.2.5): UTCTime before 2050.
pub fn certificate_time(seconds: i64) -> Vec<u8> {
    let moment = moment(seconds);
    if moment.strftime("%Y").to_string().as_str() >= "2050" {
        return generalized_time(seconds);
    }
    tlv(tag::UTC_TIME, &[moment.strftime("%y%m%d%H%M%SZ").to_string().as_bytes()])
}

/// Seconds since 1970 in the form of RFC 3339.
pub fn rfc3339(seconds: i64) -> String {
    moment(seconds).to_string()
}

fn moment(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).expect("a time")
}
