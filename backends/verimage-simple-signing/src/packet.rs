//! Packets of OpenPGP (RFC 9580, section 4.2): cut apart here, so that every byte belongs to a packet that somebody looked at.

use std::borrow::Cow;

use pgp::packet::{PacketHeader, Signature};
use pgp::types::{PacketHeaderVersion, PacketLength, Tag};

pub(crate) const SIGNATURE: u8 = 2;
pub(crate) const ONE_PASS_SIGNATURE: u8 = 4;
pub(crate) const SECRET_KEY: u8 = 5;
pub(crate) const PUBLIC_KEY: u8 = 6;
pub(crate) const SECRET_SUBKEY: u8 = 7;
pub(crate) const COMPRESSED: u8 = 8;
pub(crate) const MARKER: u8 = 10;
pub(crate) const LITERAL: u8 = 11;
pub(crate) const TRUST: u8 = 12;
pub(crate) const USER_ID: u8 = 13;
pub(crate) const PUBLIC_SUBKEY: u8 = 14;
pub(crate) const USER_ATTRIBUTE: u8 = 17;
pub(crate) const PADDING: u8 = 21;

/// Kinds of packet whose length need not be known at the beginning (section 4.2.1.4).
const DATA: [u8; 4] = [COMPRESSED, 9, LITERAL, 18];

/// One packet: its kind and what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) tag: u8,
    pub(crate) body: Cow<'a, [u8]>,
}

impl Packet<'_> {
    /// The packet as `T`, with nothing left over.
    pub(crate) fn read<T>(&self, parse: impl FnOnce(PacketHeader, &mut &[u8]) -> pgp::errors::Result<T>) -> Result<T, String> {
        let length = u32::try_from(self.body.len()).map_err(|_| "a packet is too long".to_owned())?;
        let header = PacketHeader::from_parts(PacketHeaderVersion::New, Tag::from(self.tag), PacketLength::Fixed(length))
            .map_err(|error| error.to_string())?;
        let mut rest = self.body.as_ref();
        let value = parse(header, &mut rest).map_err(|error| error.to_string())?;
        if rest.is_empty() { Ok(value) } else { Err(format!("a packet of type {} has bytes behind its end", self.tag)) }
    }

    pub(crate) fn signature(&self) -> Result<Signature, String> {
        self.read(|header, rest| Signature::try_from_reader(header, rest))
    }
}

/// Cuts `bytes` into packets, at most `limit` of them, with nothing left over.
pub(crate) fn split(bytes: &[u8], limit: usize) -> Result<Vec<Packet<'_>>, String> {
    let mut reader = Reader(bytes);
    let mut packets = Vec::new();
    while !reader.0.is_empty() {
        if packets.len() == limit {
            return Err(format!("there are more than {limit} packets"));
        }
        packets.push(reader.packet()?);
    }
    Ok(packets)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn packet(&mut self) -> Result<Packet<'a>, String> {
        let first = self.byte()?;
        match first >> 6 {
            0b11 => self.new_packet(first & 0x3f),
            0b10 => self.old_packet((first >> 2) & 0x0f, first & 0x03),
            _ => Err(format!("0x{first:02x} begins no packet")),
        }
    }

    fn old_packet(&mut self, tag: u8, length_type: u8) -> Result<Packet<'a>, String> {
        let length = match length_type {
            0 => self.number(1)?,
            1 => self.number(2)?,
            2 => self.number(4)?,
            _ if DATA.contains(&tag) => self.0.len(),
            _ => return Err(format!("a packet of type {tag} does not say how long it is")),
        };
        Ok(Packet { tag, body: Cow::Borrowed(self.take(length)?) })
    }

    fn new_packet(&mut self, tag: u8) -> Result<Packet<'a>, String> {
        let mut parts = Vec::new();
        loop {
            match self.new_length()? {
                Length::Whole(length) if parts.is_empty() => return Ok(Packet { tag, body: Cow::Borrowed(self.take(length)?) }),
                Length::Whole(length) => {
                    parts.extend_from_slice(self.take(length)?);
                    return Ok(Packet { tag, body: Cow::Owned(parts) });
                }
                Length::Part(_) if !DATA.contains(&tag) => return Err(format!("a packet of type {tag} comes in parts")),
                Length::Part(length) => parts.extend_from_slice(self.take(length)?),
            }
        }
    }

    fn new_length(&mut self) -> Result<Length, String> {
        let first = usize::from(self.byte()?);
        Ok(match first {
            0..192 => Length::Whole(first),
            192..224 => Length::Whole(((first - 192) << 8) + self.number(1)? + 192),
            224..255 => Length::Part(1 << (first & 0x1f)),
            _ => Length::Whole(self.number(4)?),
        })
    }

    fn number(&mut self, bytes: usize) -> Result<usize, String> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.take(1).map(|bytes| bytes.first().copied().unwrap_or_default())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| "a packet is cut off".to_owned())?;
        self.0 = rest;
        Ok(taken)
    }
}

enum Length {
    Whole(usize),
    Part(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, String> {
        Ok(split(bytes, 3)?.into_iter().map(|packet| (packet.tag, packet.body.into_owned())).collect())
    }

    #[test]
    fn every_form_of_length() {
        assert_eq!(bodies(&[0x88, 1, 7, 0xc2, 1, 8]), Ok(vec![(2, vec![7]), (2, vec![8])]));
        assert_eq!(bodies(&[0x89, 0, 1, 7]), Ok(vec![(2, vec![7])]));
        assert_eq!(bodies(&[0x8a, 0, 0, 0, 1, 7]), Ok(vec![(2, vec![7])]));
        assert_eq!(bodies(&[0xa3, 7, 8]), Ok(vec![(8, vec![7, 8])]));
        assert_eq!(bodies(&[0xc2, 0xff, 0, 0, 0, 1, 7]), Ok(vec![(2, vec![7])]));
        assert_eq!(bodies(&[0xcb, 0xe1, 1, 2, 0xe0, 3, 1, 4]), Ok(vec![(11, vec![1, 2, 3, 4])]));
        assert_eq!(bodies(&[&[0xc2, 0xc0, 0][..], &[9; 192]].concat()), Ok(vec![(2, vec![9; 192])]));
    }

    #[test]
    fn refuses_what_is_cut_off_in_parts_or_behind_the_end() {
        for bad in
            [&[0x88][..], &[0x88, 2, 7], &[0x8b, 7], &[0xc2, 0xe0, 7, 0], &[0xcb, 0xe0, 7], &[0xc2, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x01]]
        {
            assert!(bodies(bad).is_err(), "{bad:x?}");
        }
        assert!(bodies(&[0x88, 0, 0]).is_err());
        assert!(bodies(&[0x88, 0].repeat(4)).unwrap_err().contains("more than 3"));
    }
}
