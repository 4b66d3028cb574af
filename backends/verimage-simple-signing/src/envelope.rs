//! From the bytes of a signature to a signed message (specification section 1).

use std::io::Read;

use pgp::packet::{Decompressor, OnePassSignature, Signature};

use crate::packet::{self, COMPRESSED, LITERAL, ONE_PASS_SIGNATURE, SIGNATURE};

/// The longest message, inflated or not, in bytes. Payloads have a few hundred.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// How often a message may be compressed.
const MAX_COMPRESSIONS: usize = 2;
/// How many packets of a message are looked at, to say how many signatures it has.
const MAX_PACKETS: usize = 16;

/// What a file of signatures says it is by its first bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// An OpenPGP message.
    SimpleSigning(&'a [u8]),
    /// A signature of another scheme, which is none of ours.
    Foreign,
}

impl<'a> Form<'a> {
    /// Tells the forms apart as container tools do, before anything is parsed.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, String> {
        match bytes.split_first() {
            None => Err("empty signature blob".to_owned()),
            Some((0xa0..=0xa3 | 0xc8 | 0x90..=0x93 | 0xc4 | 0x88..=0x8b | 0xc2, _)) => Ok(Self::SimpleSigning(bytes)),
            Some((0, tagged)) => Self::of_tagged(tagged),
            Some((first, _)) => Err(format!("unrecognized signature format, starting with binary 0x{first:02x}")),
        }
    }

    /// The name of the form, a line feed, and the signature.
    fn of_tagged(bytes: &'a [u8]) -> Result<Self, String> {
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("invalid signature format, missing newline")?;
        let (name, body) = (bytes.get(..end).unwrap_or_default(), bytes.get(end.saturating_add(1)..).unwrap_or_default());
        match name {
            b"simple-signing" => Ok(Self::SimpleSigning(body)),
            b"sigstore-json" => Ok(Self::Foreign),
            name => Err(format!("unrecognized signature format \"{}\"", name.escape_ascii())),
        }
    }
}

/// One signature and the bytes that it is over: nothing else is in the message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) signature: Signature,
    pub(crate) content: Vec<u8>,
}

/// Why bytes are no signed message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MessageError {
    TooLarge,
    Malformed(String),
}

impl From<String> for MessageError {
    fn from(reason: String) -> Self {
        Self::Malformed(reason)
    }
}

impl Message {
    /// Reads an inline-signed message: compressed or not, the signature announced before the content or standing there.
    /// Every byte belongs to it, so nothing unsigned can be beside the content.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut inflated: Option<Vec<u8>> = None;
        for _ in 0..=MAX_COMPRESSIONS {
            let bytes = inflated.as_deref().unwrap_or(bytes);
            if bytes.len() > MAX_MESSAGE_BYTES {
                return Err(MessageError::TooLarge);
            }
            let packets = packet::split(bytes, MAX_PACKETS)?;
            let [packet] = packets.as_slice() else { return Self::of_packets(&packets) };
            if packet.tag != COMPRESSED {
                return Self::of_packets(&packets);
            }
            inflated = Some(inflate(&packet.body)?);
        }
        Err(MessageError::Malformed(format!("it is compressed more than {MAX_COMPRESSIONS} times")))
    }

    fn of_packets(packets: &[packet::Packet<'_>]) -> Result<Self, MessageError> {
        let tags: Vec<u8> = packets.iter().map(|packet| packet.tag).collect();
        let (announced, literal, signature) = match (tags.as_slice(), packets) {
            ([ONE_PASS_SIGNATURE, LITERAL, SIGNATURE], [announced, literal, signature]) => (Some(announced), literal, signature),
            ([SIGNATURE, LITERAL], [signature, literal]) => (None, literal, signature),
            _ => {
                let signatures = tags.iter().filter(|tag| **tag == SIGNATURE).count();
                return Err(MessageError::Malformed(format!(
                    "Unexpected GPG signature count {signatures}, or a message of another form: packets of types {tags:?}"
                )));
            }
        };
        let signature = signature.signature()?;
        if let Some(announced) = announced {
            let announced = announced.read(|header, rest| OnePassSignature::try_from_reader(header, rest))?;
            check_announcement(&announced, &signature)?;
        }
        Ok(Self { signature, content: content(&literal.body)? })
    }
}

/// A signature is the one that was announced.
fn check_announcement(announced: &OnePassSignature, signature: &Signature) -> Result<(), MessageError> {
    let found = signature.config().map(|config| (config.typ, config.hash_alg, config.pub_alg));
    let expected = (announced.typ(), announced.hash_algorithm(), announced.public_key_algorithm());
    if found == Some(expected) { Ok(()) } else { Err(MessageError::Malformed("its signature is another one than it announces".to_owned())) }
}

/// What a literal packet holds behind mode, file name and date, which nobody signed (RFC 9580, section 5.9).
fn content(literal: &[u8]) -> Result<Vec<u8>, MessageError> {
    let name_length = usize::from(*literal.get(1).ok_or_else(|| "its content is cut off".to_owned())?);
    let begin = name_length.saturating_add(6);
    literal.get(begin..).map(<[u8]>::to_vec).ok_or_else(|| MessageError::Malformed("its content is cut off".to_owned()))
}

/// Inflates the whole of a compressed packet.
fn inflate(body: &[u8]) -> Result<Vec<u8>, MessageError> {
    let refused = |error: std::io::Error| MessageError::Malformed(format!("it cannot be decompressed: {error}"));
    let mut decompressor = Decompressor::from_reader(body).map_err(refused)?;
    let mut bytes = Vec::new();
    decompressor.by_ref().take(MAX_MESSAGE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(refused)?;
    match decompressor.get_ref() {
        _ if bytes.len() > MAX_MESSAGE_BYTES => Err(MessageError::TooLarge),
        [] => Ok(bytes),
        rest => Err(MessageError::Malformed(format!("{} bytes stand behind the end of the compressed data", rest.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart_by_their_first_byte() {
        for first in [0xa0, 0xa3, 0xc8, 0x90, 0x93, 0xc4, 0x88, 0x8b, 0xc2] {
            assert_eq!(Form::of(&[first, 1]), Ok(Form::SimpleSigning(&[first, 1])));
        }
        for first in [b'-', b'<', b'{', 0x3d, 0x84, 0x8c, 0xc1, 0xca, 0xcb, 0xac] {
            assert!(Form::of(&[first]).unwrap_err().contains(&format!("0x{first:02x}")));
        }
        assert_eq!(Form::of(b"\0simple-signing\n\xa3"), Ok(Form::SimpleSigning(b"\xa3")));
        assert_eq!(Form::of(b"\0sigstore-json\n{}"), Ok(Form::Foreign));
        for bad in [&b""[..], b"\0simple-signing", b"\0other\n", b"\0\n", b"\0simple-signing \n"] {
            assert!(Form::of(bad).is_err(), "{bad:?}");
        }
    }
}
