//! A reader of DER (ITU-T X.690) that gives back the original bytes of everything that it reads.
//!
//! Signatures are made over bytes, so nothing here is ever written again to be hashed. Lengths are definite and minimal,
//! tags are below 31, integers have no bytes to spare: what BER permits beside is refused.

use const_oid::ObjectIdentifier;

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They are not what stands in the grammar.
    Malformed,
    /// A list is longer than any honest one.
    TooMany,
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// Tags, with class and form.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const UNIVERSAL_STRING: u8 = 0x1c;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]`, primitive.
    pub(crate) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]`, constructed.
    pub(crate) const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// One value: its tag, its content and all its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// Tag, length and content.
    pub(crate) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads one value that takes all the bytes.
    pub(crate) fn only(bytes: &'a [u8]) -> Result<Self> {
        read_all(bytes, |reader| reader.any())
    }

    /// The value if it has this tag.
    pub(crate) fn expect(self, tag: u8) -> Result<Self> {
        if self.tag == tag { Ok(self) } else { Err(Fault::Malformed) }
    }

    /// Reads the whole content.
    pub(crate) fn read<T>(self, read: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<T> {
        read_all(self.content, read)
    }

    /// The values in the content; at least one, at most `limit`.
    pub(crate) fn list(self, limit: usize) -> Result<Vec<Element<'a>>> {
        let values = self.list_or_empty(limit)?;
        if values.is_empty() { Err(Fault::Malformed) } else { Ok(values) }
    }

    /// The values in the content, at most `limit`.
    pub(crate) fn list_or_empty(self, limit: usize) -> Result<Vec<Element<'a>>> {
        self.read(|reader| {
            let mut values = Vec::new();
            while !reader.is_empty() {
                if values.len() == limit {
                    return Err(Fault::TooMany);
                }
                values.push(reader.any()?);
            }
            Ok(values)
        })
    }

    pub(crate) fn boolean(self) -> Result<bool> {
        match self.expect(tag::BOOLEAN)?.content {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(Fault::Malformed),
        }
    }

    /// The two's complement bytes of an integer, without bytes to spare.
    pub(crate) fn integer(self) -> Result<&'a [u8]> {
        integer(self.expect(tag::INTEGER)?.content)
    }

    /// A non-negative integer that fits.
    pub(crate) fn small(self) -> Result<u64> {
        small(self.integer()?)
    }

    pub(crate) fn oid(self) -> Result<ObjectIdentifier> {
        oid(self.expect(tag::OBJECT_IDENTIFIER)?.content)
    }

    /// The bytes of a bit string whose length is a multiple of eight.
    pub(crate) fn octets_of_bits(self) -> Result<&'a [u8]> {
        match self.expect(tag::BIT_STRING)?.content {
            [0, octets @ ..] => Ok(octets),
            _ => Err(Fault::Malformed),
        }
    }
}

/// Reads values one after the other.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes that have not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn any(&mut self) -> Result<Element<'a>> {
        let start = self.rest;
        let (&[tag, first], after) = start.split_first_chunk::<2>().ok_or(Fault::Malformed)?;
        if tag & 0x1f == 0x1f {
            return Err(Fault::Malformed);
        }
        let (length, after) = length(first, after)?;
        let (content, rest) = after.split_at_checked(length).ok_or(Fault::Malformed)?;
        let used = start.len().checked_sub(rest.len()).ok_or(Fault::Malformed)?;
        let whole = start.get(..used).ok_or(Fault::Malformed)?;
        self.rest = rest;
        Ok(Element { tag, content, whole })
    }

    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>> {
        self.any()?.expect(tag)
    }

    /// The next value, if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>> {
        if self.rest.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }
}

/// Reads all the bytes.
pub(crate) fn read_all<'a, T>(bytes: &'a [u8], read: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<T> {
    let mut reader = Reader { rest: bytes };
    let value = read(&mut reader)?;
    if reader.is_empty() { Ok(value) } else { Err(Fault::Malformed) }
}

/// Reads one value from the front; gives the rest, too.
pub(crate) fn read_first(bytes: &[u8]) -> Result<(Element<'_>, &[u8])> {
    let mut reader = Reader { rest: bytes };
    let value = reader.any()?;
    Ok((value, reader.rest()))
}

/// Writes a value. As lengths have one form only, what was read is written again as it was.
pub(crate) fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut written = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => written.push(short),
        _ => {
            let length: Vec<_> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            written.push(0x80 | u8::try_from(length.len()).unwrap_or(u8::MAX));
            written.extend(length);
        }
    }
    written.extend_from_slice(content);
    written
}

/// X.690, section 8.3.2, of content without its tag.
pub(crate) fn integer(content: &[u8]) -> Result<&[u8]> {
    match content {
        [] => Err(Fault::Malformed),
        [0, next, ..] if next & 0x80 == 0 => Err(Fault::Malformed),
        [0xff, next, ..] if next & 0x80 != 0 => Err(Fault::Malformed),
        bytes => Ok(bytes),
    }
}

/// A non-negative integer of at most 63 bits, from content without its tag.
pub(crate) fn small(content: &[u8]) -> Result<u64> {
    let bytes = integer(content)?;
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    if negative || bytes.len() > size_of::<u64>() {
        return Err(Fault::Malformed);
    }
    Ok(bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}

/// An object identifier from content without its tag.
pub(crate) fn oid(content: &[u8]) -> Result<ObjectIdentifier> {
    ObjectIdentifier::from_bytes(content).map_err(|_| Fault::Malformed)
}

/// The bits of a named bit list, the first as the lowest; at most sixteen.
pub(crate) fn named_bits(content: &[u8]) -> Result<u16> {
    let (unused, bytes) = content.split_first().ok_or(Fault::Malformed)?;
    let spare = bytes.last().copied().unwrap_or(0).checked_shl(u32::from(8_u8.saturating_sub(*unused))).unwrap_or(0);
    if bytes.len() > 2 || *unused > 7 || (bytes.is_empty() && *unused != 0) || spare != 0 {
        return Err(Fault::Malformed);
    }
    let bits = |index: usize| u16::from(bytes.get(index).copied().unwrap_or(0).reverse_bits());
    Ok(bits(0) | (bits(1) << 8))
}

/// X.690, section 10.1: definite, in the fewest bytes.
fn length(first: u8, after: &[u8]) -> Result<(usize, &[u8])> {
    const LONGEST: usize = 4;
    let count = usize::from(first & 0x7f);
    if first & 0x80 == 0 {
        return Ok((count, after));
    }
    if count == 0 || count > LONGEST {
        return Err(Fault::Malformed);
    }
    let (bytes, after) = after.split_at_checked(count).ok_or(Fault::Malformed)?;
    let length = bytes.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    if bytes.first() == Some(&0) || length < 0x80 {
        return Err(Fault::Malformed);
    }
    Ok((usize::try_from(length).map_err(|_| Fault::Malformed)?, after))
}

/// Moments in time (RFC 5280, section 4.1.2.5; RFC 3161, section 2.4.2), as seconds since 1970.
#[allow(clippy::arithmetic_side_effects)] // years have four digits
pub(crate) mod time {
    use super::{Element, Fault, Result, tag};

    /// `UTCTime` or `GeneralizedTime`, in UTC, with seconds and nothing finer.
    pub(crate) fn read(value: Element<'_>) -> Result<i64> {
        match (value.tag, value.content) {
            (tag::UTC_TIME, [year @ .., _, _, _, _, _, _, _, _, _, _, b'Z']) if year.len() == 2 => {
                let short = number(year)?;
                let century = if short < 50 { 2000 } else { 1900 };
                seconds(century + short, value.content.get(2..).unwrap_or_default())
            }
            (tag::GENERALIZED_TIME, [year @ .., _, _, _, _, _, _, _, _, _, _, b'Z']) if year.len() == 4 => {
                seconds(number(year)?, value.content.get(4..).unwrap_or_default())
            }
            _ => Err(Fault::Malformed),
        }
    }

    /// `GeneralizedTime` in UTC, perhaps with a fraction of a second, which is given in nanoseconds.
    pub(crate) fn read_fine(value: Element<'_>) -> Result<(i64, u32)> {
        const WHOLE: usize = "YYYYMMDDHHMMSS".len();
        let text = value.expect(tag::GENERALIZED_TIME)?.content;
        let (whole, end) = text.split_at_checked(WHOLE).ok_or(Fault::Malformed)?;
        let (year, rest) = whole.split_at_checked(4).ok_or(Fault::Malformed)?;
        let seconds = seconds(number(year)?, &[rest, b"Z"].concat())?;
        match end {
            b"Z" => Ok((seconds, 0)),
            [b'.', digits @ .., b'Z'] => Ok((seconds, nanoseconds(digits)?)),
            _ => Err(Fault::Malformed),
        }
    }

    /// X.690, section 11.7.3: no zeros at the end. Digits below a nanosecond are dropped.
    fn nanoseconds(digits: &[u8]) -> Result<u32> {
        const LONGEST: usize = 18;
        if digits.is_empty() || digits.len() > LONGEST || digits.last() == Some(&b'0') || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Fault::Malformed);
        }
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        Ok(padded.fold(0, |value: u32, digit| value.saturating_mul(10).saturating_add(u32::from(digit.saturating_sub(b'0')))))
    }

    /// `rest` is `MMDDHHMMSSZ`.
    fn seconds(year: i64, rest: &[u8]) -> Result<i64> {
        let field = |start: usize| rest.get(start..start.saturating_add(2)).ok_or(Fault::Malformed).and_then(number);
        let (month, day, hour, minute, second) = (field(0)?, field(2)?, field(4)?, field(6)?, field(8)?);
        let good = (1..=12).contains(&month) && day >= 1 && day <= days_of(year, month) && hour < 24 && minute < 60 && second < 60;
        if !good {
            return Err(Fault::Malformed);
        }
        Ok(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    fn number(digits: &[u8]) -> Result<i64> {
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(Fault::Malformed);
        }
        Ok(digits.iter().fold(0, |value: i64, digit| value * 10 + i64::from(digit - b'0')))
    }

    fn days_of(year: i64, month: i64) -> i64 {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        }
    }

    /// Days from 1970-01-01 in the proleptic Gregorian calendar; years are counted from March.
    fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_definite_and_minimal() {
        assert_eq!(Element::only(&[4, 1, 7]).expect("good").content, [7]);
        let long = [&[4, 0x81, 0x80][..], &[0; 0x80]].concat();
        assert_eq!(Element::only(&long).expect("good").whole, long);
        for bad in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 1, 7],
            &[4, 0x82, 0, 0x80],
            &[4, 0x85, 0, 0, 0, 0, 1],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[4, 0xff],
            &[0x1f, 1, 7],
            &[4, 1, 7, 0],
        ] {
            assert_eq!(Element::only(bad), Err(Fault::Malformed), "{bad:x?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let content = vec![7; length];
            let written = write(tag::OCTET_STRING, &content);
            assert_eq!(Element::only(&written).expect("good").content, content);
        }
    }

    #[test]
    fn lists_are_counted_before_they_are_read() {
        let list = |count: u8| [&[0x30, 2 * count][..], &[5, 0].repeat(count.into())].concat();
        let read = |bytes: &[u8]| Element::only(bytes).and_then(|value| value.list(2)).map(|list| list.len());
        assert_eq!(read(&list(0)), Err(Fault::Malformed));
        assert_eq!(read(&list(2)), Ok(2));
        assert_eq!(read(&list(3)), Err(Fault::TooMany));
    }

    #[test]
    fn integers_have_no_bytes_to_spare() {
        for good in [&[0][..], &[0x7f], &[0, 0x80], &[0xff], &[0xff, 0x7f]] {
            assert_eq!(integer(good), Ok(good));
        }
        for bad in [&[][..], &[0, 0x7f], &[0xff, 0x80]] {
            assert_eq!(integer(bad), Err(Fault::Malformed));
        }
        assert_eq!(small(&[0, 0xff]), Ok(255));
        assert_eq!(small(&[0x80]), Err(Fault::Malformed));
        assert_eq!(small(&[1; 9]), Err(Fault::Malformed));
    }

    #[test]
    fn booleans_and_bits_have_one_form() {
        let boolean = |byte| Element::only(&[1, 1, byte]).and_then(Element::boolean);
        assert_eq!([boolean(0), boolean(0xff), boolean(1)], [Ok(false), Ok(true), Err(Fault::Malformed)]);
        assert_eq!(named_bits(&[7, 0x80]), Ok(1));
        assert_eq!(named_bits(&[7, 0, 0x80]), Ok(1 << 8));
        assert_eq!(named_bits(&[1, 6]), Ok((1 << 5) | (1 << 6)));
        assert_eq!(named_bits(&[0]), Ok(0));
        for bad in [&[][..], &[8, 0], &[7, 0xc0], &[1], &[0, 1, 2, 3]] {
            assert_eq!(named_bits(bad), Err(Fault::Malformed), "{bad:x?}");
        }
    }

    fn utc(text: &str) -> Result<i64> {
        time::read(Element { tag: tag::UTC_TIME, content: text.as_bytes(), whole: &[] })
    }

    fn general(text: &str) -> Result<i64> {
        time::read(Element { tag: tag::GENERALIZED_TIME, content: text.as_bytes(), whole: &[] })
    }

    fn fine(text: &str) -> Result<(i64, u32)> {
        time::read_fine(Element { tag: tag::GENERALIZED_TIME, content: text.as_bytes(), whole: &[] })
    }

    #[test]
    fn times_are_in_utc_with_seconds() {
        assert_eq!(utc("700101000000Z"), Ok(0));
        assert_eq!(utc("500101000000Z"), Ok(-631_152_000));
        assert_eq!(utc("491231235959Z"), Ok(2_524_607_999));
        assert_eq!(general("20240229120000Z"), Ok(1_709_208_000));
        assert_eq!(general("20000301000000Z"), Ok(951_868_800));
        assert_eq!(general("99991231235959Z"), Ok(253_402_300_799));
        for bad in
            ["", "7001010000Z", "700101000000", "700101000000+0000", "701301000000Z", "700132000000Z", "700101240000Z", "70010100000-Z"]
        {
            assert_eq!(utc(bad), Err(Fault::Malformed), "{bad}");
        }
        for bad in ["20230229000000Z", "21000229000000Z", "20230101000060Z", "20230101000000.5Z", "2023010100000Z", "+0230101000000Z"] {
            assert_eq!(general(bad), Err(Fault::Malformed), "{bad}");
        }
    }

    #[test]
    fn fractions_end_without_zeros() {
        assert_eq!(fine("19700101000001Z"), Ok((1, 0)));
        assert_eq!(fine("19700101000001.05Z"), Ok((1, 50_000_000)));
        assert_eq!(fine("19700101000001.1234567891Z"), Ok((1, 123_456_789)));
        for bad in
            ["19700101000001.Z", "19700101000001.50Z", "19700101000001.5", "19700101000001,5Z", "19700101000001.-5Z", "197001010000Z"]
        {
            assert_eq!(fine(bad), Err(Fault::Malformed), "{bad}");
        }
    }
}
