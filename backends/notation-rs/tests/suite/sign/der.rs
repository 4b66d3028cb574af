//! DER, byte by byte.

use verimage_crypto::x509::ObjectIdentifier;

pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = body.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let head = if body.len() < 0x80 { vec![tag, length[0]] } else { [&[tag, 0x80 | length.len() as u8], length].concat() };
    [head, body].concat()
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

pub fn oid(text: &str) -> Vec<u8> {
    tlv(6, &[text.parse::<ObjectIdentifier>().unwrap().as_bytes()])
}

pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, &[bytes])
}

pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes])
}

/// A positive number.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1)..];
    let zero: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
    tlv(2, &[zero, bytes])
}

/// `GeneralizedTime`, written as in `20250101000000Z`.
pub fn time(text: &str) -> Vec<u8> {
    tlv(0x18, &[text.as_bytes()])
}

pub fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&oid(id), critical, &octets(value)])
}

/// A list behind an explicit tag; nothing if it is empty.
pub fn tagged_list(tag: u8, items: &[Vec<u8>]) -> Vec<u8> {
    if items.is_empty() { Vec::new() } else { tlv(tag, &[&sequence(&[&items.concat()])]) }
}

pub const SHA256: &[u8] = &[0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
