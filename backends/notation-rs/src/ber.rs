//! Timestamp tokens that are written in BER: some authorities leave lengths open and cut strings into pieces.
//!
//! The same values are written again as DER. What is signed of a token is inside strings, or is defined to be DER.

const OCTET_STRING: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const DEEPEST: usize = 32;

/// Writes a token in DER. Nothing if it is no single value, is too deep, or is no token but a response around one.
pub(crate) fn token_to_der(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0)?;
    let mut out = Vec::with_capacity(bytes.len());
    value.write(&mut out);
    let is_token = value.tag == SEQUENCE && matches!(&value.content, Content::Values(values) if values.first()?.tag == OBJECT_IDENTIFIER);
    (reader.rest.is_empty() && is_token).then_some(out)
}

struct Value<'a> {
    tag: u8,
    content: Content<'a>,
}

enum Content<'a> {
    Bytes(&'a [u8]),
    Values(Vec<Value<'a>>),
}

impl Value<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let mut content = Vec::new();
        let mut tag = self.tag;
        if tag == OCTET_STRING | CONSTRUCTED {
            tag = OCTET_STRING;
            self.append_pieces(&mut content);
        } else {
            match &self.content {
                Content::Bytes(bytes) => content.extend_from_slice(bytes),
                Content::Values(values) => values.iter().for_each(|value| value.write(&mut content)),
            }
        }
        out.push(tag);
        write_length(content.len(), out);
        out.append(&mut content);
    }

    fn append_pieces(&self, out: &mut Vec<u8>) {
        match &self.content {
            Content::Bytes(bytes) => out.extend_from_slice(bytes),
            Content::Values(values) => values.iter().for_each(|value| value.append_pieces(out)),
        }
    }
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes: Vec<_> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            out.extend(bytes);
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        const LONG_TAG: u8 = 0x1f;
        let [tag, first] = self.array()?;
        if depth > DEEPEST || tag & LONG_TAG == LONG_TAG {
            return None;
        }
        let is_constructed = tag & CONSTRUCTED != 0;
        let content = match first {
            0x80 if is_constructed => Content::Values(self.until_end(depth)?),
            0x80 => return None,
            _ => {
                let length = self.length(first)?;
                let (bytes, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                if is_constructed { Content::Values(values(bytes, depth)?) } else { Content::Bytes(bytes) }
            }
        };
        Some(Value { tag, content })
    }

    /// X.690, section 8.1.5: two zeros end a value whose length is open.
    fn until_end(&mut self, depth: usize) -> Option<Vec<Value<'a>>> {
        let mut values = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix(&[0, 0]) {
                self.rest = rest;
                return Some(values);
            }
            values.push(self.value(depth.checked_add(1)?)?);
        }
    }

    fn length(&mut self, first: u8) -> Option<usize> {
        const MOST_BYTES: usize = 4;
        let count = usize::from(first & 0x7f);
        if first & 0x80 == 0 {
            return Some(count);
        }
        let (bytes, rest) = self.rest.split_at_checked(count).filter(|_| count <= MOST_BYTES)?;
        self.rest = rest;
        usize::try_from(bytes.iter().fold(0_u64, |length, byte| (length << 8) | u64::from(*byte))).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*array)
    }
}

fn values(bytes: &[u8], depth: usize) -> Option<Vec<Value<'_>>> {
    let mut reader = Reader { rest: bytes };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        values.push(reader.value(depth.checked_add(1)?)?);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_lengths_and_pieces_become_der() {
        let token = [&[0x30, 0x80, 6, 1, 0x2a, 0x24, 0x80, 4, 1, 7, 0x24, 3, 4, 1, 8, 0, 0, 0x04, 0x81, 1, 9, 0, 0][..]].concat();
        assert_eq!(token_to_der(&token), Some(vec![0x30, 10, 6, 1, 0x2a, 4, 2, 7, 8, 4, 1, 9]));
        let der = [0x30, 3, 6, 1, 0x2a];
        assert_eq!(token_to_der(&der).as_deref(), Some(&der[..]));
    }

    #[test]
    fn what_is_cut_off_followed_or_too_deep_is_refused() {
        let deep = [[0x30, 0x80].repeat(1 << 16), vec![0, 0]].concat();
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 0x80, 6, 1, 0x2a],
            &[0x30, 3, 6, 1],
            &[0x30, 3, 6, 1, 0x2a, 0],
            &[0x30, 3, 6, 0x80, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 5],
            &[0x30, 0],
            &[0x30, 2, 0x30, 0],
            &deep,
        ] {
            assert_eq!(token_to_der(bad), None, "{:?}", &bad[..bad.len().min(16)]);
        }
    }
}
