//! The two values in DER (ITU-T X.690) that stand inside extensions.

pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const UTF8_STRING: u8 = 0x0c;

/// The content of a value with this tag that takes all the bytes; its length stands in the fewest bytes, at most three.
pub(crate) fn content(tag: u8, value: &[u8]) -> Option<&[u8]> {
    let (found, rest) = value.split_first()?;
    let (length, content) = match rest {
        [short, content @ ..] if *short < 0x80 => (usize::from(*short), content),
        [0x81, length, content @ ..] if *length >= 0x80 => (usize::from(*length), content),
        [0x82, high, low, content @ ..] if *high > 0 => (usize::from(u16::from_be_bytes([*high, *low])), content),
        _ => return None,
    };
    (*found == tag && content.len() == length).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_strict() {
        assert_eq!(content(UTF8_STRING, b"\x0c\x02ab"), Some(&b"ab"[..]));
        for bad in [&b"\x0c\x02a"[..], b"\x0c\x02abc", b"\x13\x02ab", b"\x0c\x81\x02ab", b"\x0c\x82\x00\x02ab", b"\x0c", b""] {
            assert_eq!(content(UTF8_STRING, bad), None, "{bad:02x?}");
        }
        for (header, length) in [(&[0x04, 0x81, 0x80][..], 128), (&[0x04, 0x82, 0x01, 0x00][..], 256)] {
            let long = [header, &vec![b'a'; length]].concat();
            assert_eq!(content(OCTET_STRING, &long).map(<[u8]>::len), Some(length));
            assert_eq!(content(OCTET_STRING, &long[..long.len() - 1]), None);
        }
    }
}
