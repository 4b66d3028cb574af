//! The part of CBOR (RFC 8949) that COSE needs, read strictly: definite lengths, no label twice, nothing behind the value,
//! bounded in depth and number of values.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::value::{DEEPEST, Label, MOST_VALUES, Value};

/// Why bytes are not strict CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CborError {
    /// Lists, maps and tags stand inside each other more often than is read.
    #[error("more than {DEEPEST} levels deep")]
    Depth,
    /// A label stands twice in one map.
    #[error("label `{label}` stands twice in a map")]
    DuplicateLabel {
        /// The label.
        label: Label,
    },
    /// A string, list or map whose length is not given in front.
    #[error("indefinite length")]
    Indefinite,
    /// A label that is neither a number nor a text.
    #[error("label is neither an integer nor a text")]
    LabelType,
    /// More values than are read.
    #[error("more than {MOST_VALUES} values")]
    TooMany,
    /// Bytes follow the value.
    #[error("bytes follow the value")]
    Trailing,
    /// The bytes end inside a value.
    #[error("value is cut off")]
    Truncated,
    /// A kind of value that the envelope never holds, or that is reserved.
    #[error("unsupported initial byte 0x{byte:02x}")]
    Unsupported {
        /// The first byte of the value.
        byte: u8,
    },
    /// A text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
}

type Result<T> = std::result::Result<T, CborError>;

/// Reads one value that takes all the bytes.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value> {
    let mut reader = Reader { rest: bytes, left: MOST_VALUES };
    let value = reader.value(0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(CborError::Trailing) }
}

/// Writes a byte string, its length in the fewest bytes.
pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    const BYTE_STRING: u8 = 2 << 5;
    match bytes.len() {
        length @ 0..24 => out.push(BYTE_STRING | u8::try_from(length).unwrap_or_default()),
        length @ 24..0x100 => out.extend([BYTE_STRING | 24, u8::try_from(length).unwrap_or_default()]),
        length @ 0x100..0x1_0000 => {
            out.push(BYTE_STRING | 25);
            out.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
        }
        length => {
            out.push(BYTE_STRING | 26);
            out.extend(u32::try_from(length).unwrap_or_default().to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

struct Reader<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value> {
        self.left = self.left.checked_sub(1).ok_or(CborError::TooMany)?;
        let [byte] = self.array()?;
        let inside = || if depth < DEEPEST { Ok(depth.saturating_add(1)) } else { Err(CborError::Depth) };
        match byte >> 5 {
            0 => Ok(Value::Integer(self.argument(byte)?.into())),
            1 => Ok(Value::Integer(negative(self.argument(byte)?))),
            2 => Ok(Value::Bytes(self.string(byte)?.to_vec())),
            3 => std::str::from_utf8(self.string(byte)?).map(|text| Value::Text(text.to_owned())).map_err(|_| CborError::Utf8),
            4 => self.list(byte, inside()?),
            5 => self.map(byte, inside()?),
            6 => Ok(Value::Tagged(self.argument(byte)?, Box::new(self.value(inside()?)?))),
            _ => self.simple(byte),
        }
    }

    fn list(&mut self, byte: u8, depth: usize) -> Result<Value> {
        let mut list = Vec::new();
        for _ in 0..self.count(byte)? {
            list.push(self.value(depth)?);
        }
        Ok(Value::List(list))
    }

    fn map(&mut self, byte: u8, depth: usize) -> Result<Value> {
        let mut map = BTreeMap::new();
        for _ in 0..self.count(byte)? {
            let label = match self.value(depth)? {
                Value::Integer(number) => Label::Integer(number),
                Value::Text(text) => Label::Text(text),
                _ => return Err(CborError::LabelType),
            };
            let value = self.value(depth)?;
            if map.insert(label.clone(), value).is_some() {
                return Err(CborError::DuplicateLabel { label });
            }
        }
        Ok(Value::Map(map))
    }

    fn simple(&mut self, byte: u8) -> Result<Value> {
        match byte {
            0xf4 => Ok(Value::Bool(false)),
            0xf5 => Ok(Value::Bool(true)),
            0xf6 => Ok(Value::Null),
            0xf9 => Ok(Value::Float(half(u16::from_be_bytes(self.array()?)))),
            0xfa => Ok(Value::Float(f32::from_be_bytes(self.array()?).into())),
            0xfb => Ok(Value::Float(f64::from_be_bytes(self.array()?))),
            0xff => Err(CborError::Indefinite),
            _ => Err(CborError::Unsupported { byte }),
        }
    }

    /// RFC 8949, section 3: the argument, in the initial byte or behind it.
    fn argument(&mut self, byte: u8) -> Result<u64> {
        match byte & 0x1f {
            small @ 0..24 => Ok(small.into()),
            24 => self.array::<1>().map(|[byte]| byte.into()),
            25 => self.array().map(|bytes| u16::from_be_bytes(bytes).into()),
            26 => self.array().map(|bytes| u32::from_be_bytes(bytes).into()),
            27 => self.array().map(u64::from_be_bytes),
            31 => Err(CborError::Indefinite),
            _ => Err(CborError::Unsupported { byte }),
        }
    }

    /// A number of values: each takes a byte at least.
    fn count(&mut self, byte: u8) -> Result<usize> {
        let count = usize::try_from(self.argument(byte)?).map_err(|_| CborError::Truncated)?;
        if count > self.rest.len() { Err(CborError::Truncated) } else { Ok(count) }
    }

    fn string(&mut self, byte: u8) -> Result<&'a [u8]> {
        let length = usize::try_from(self.argument(byte)?).map_err(|_| CborError::Truncated)?;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(string)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

fn negative(argument: u64) -> i128 {
    i128::from(argument).saturating_neg().saturating_sub(1)
}

/// RFC 8949, appendix D.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (fraction + 1024.0) * 2_f64.powi(i32::from(exponent).saturating_sub(25)),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        hex::decode(text.replace(' ', "")).expect("hexadecimal")
    }

    fn map<const N: usize>(members: [(Label, Value); N]) -> Value {
        Value::Map(BTreeMap::from(members))
    }

    #[test]
    fn examples_of_the_specification() {
        // RFC 8949, appendix A.
        for (bytes, expected) in [
            ("00", Value::Integer(0)),
            ("1b ffffffffffffffff", Value::Integer(u64::MAX.into())),
            ("3b ffffffffffffffff", Value::Integer(-18_446_744_073_709_551_616)),
            ("38 63", Value::Integer(-100)),
            ("f9 3c00", Value::Float(1.0)),
            ("f9 0001", Value::Float(5.960_464_477_539_063e-8)),
            ("f9 c400", Value::Float(-4.0)),
            ("fa 47c35000", Value::Float(100_000.0)),
            ("fb 3ff199999999999a", Value::Float(1.1)),
            ("f9 fc00", Value::Float(f64::NEG_INFINITY)),
            ("f4", Value::Bool(false)),
            ("f6", Value::Null),
            ("c1 1a 514b67b0", Value::Tagged(1, Box::new(Value::Integer(1_363_896_240)))),
            ("44 01020304", Value::Bytes(vec![1, 2, 3, 4])),
            ("64 49455446", Value::Text("IETF".to_owned())),
            ("83 01 02 03", Value::List([1, 2, 3].map(Value::Integer).into())),
            ("a1 61 61 01", map([(Label::from("a"), Value::Integer(1))])),
            ("a1 20 80", map([(Label::Integer(-1), Value::List(Vec::new()))])),
        ] {
            assert_eq!(parse(&hex(bytes)), Ok(expected), "{bytes}");
        }
        assert!(matches!(parse(&hex("f9 7e00")), Ok(Value::Float(number)) if number.is_nan()));
    }

    #[test]
    fn lengths_are_definite() {
        for bytes in ["5f 41 00 ff", "7f 61 61 ff", "9f 01 ff", "bf 61 61 01 ff", "ff", "1f", "df 01"] {
            assert_eq!(parse(&hex(bytes)), Err(CborError::Indefinite), "{bytes}");
        }
    }

    #[test]
    fn labels_stand_once_however_they_are_written() {
        for bytes in ["a2 01 00 01 00", "a2 01 00 1801 00", "a2 61 61 00 7801 61 00", "a1 00 a2 01 00 01 00"] {
            assert!(matches!(parse(&hex(bytes)), Err(CborError::DuplicateLabel { .. })), "{bytes}");
        }
        assert!(parse(&hex("a2 01 00 20 00")).is_ok());
        assert_eq!(parse(&hex("a1 40 00")), Err(CborError::LabelType));
    }

    #[test]
    fn what_is_cut_off_or_followed_is_refused() {
        for bytes in ["", "18", "19 01", "41", "5b ffffffffffffffff", "81", "9b ffffffffffffffff", "bb 7fffffffffffffff 00", "c1", "a1 01"]
        {
            assert_eq!(parse(&hex(bytes)), Err(CborError::Truncated), "{bytes}");
        }
        assert_eq!(parse(&hex("00 00")), Err(CborError::Trailing));
        assert_eq!(parse(&hex("61 ff")), Err(CborError::Utf8));
        for bytes in ["f7", "f8 20", "e0", "1c", "fc"] {
            assert!(matches!(parse(&hex(bytes)), Err(CborError::Unsupported { .. })), "{bytes}");
        }
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |depth: usize| [vec![0x81; depth], vec![0]].concat();
        assert!(parse(&nested(DEEPEST)).is_ok());
        assert_eq!(parse(&nested(DEEPEST + 1)), Err(CborError::Depth));
        assert_eq!(parse(&vec![0xc1; 1 << 20]), Err(CborError::Depth));
        let many = [&[0x9a, 0, 1, 0, 0][..], &[0; 65_536]].concat();
        assert_eq!(parse(&many), Err(CborError::TooMany));
    }

    #[test]
    fn byte_strings_are_written_as_short_as_they_can_be() {
        for length in [0, 23, 24, 255, 256, 65_535, 65_536] {
            let mut out = Vec::new();
            write_bytes(&mut out, &vec![7; length]);
            assert_eq!(parse(&out), Ok(Value::Bytes(vec![7; length])));
            let head = out.len() - length;
            assert_eq!(head, [1, 2, 3, 5][[24, 256, 65_536].iter().filter(|least| length >= **least).count()], "{length}");
        }
    }
}
