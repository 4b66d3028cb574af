//! A file: what is signed, and the signatures (specification section 2).

use jiff::Timestamp;
use serde_json::Value;
use verimage_core::json;

use crate::{
    canonical::canonical,
    failure::{Check, Malformed},
    members::Members,
};

/// A file as it was read. What is signed stays a JSON value, so that members that nobody knows stay signed.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) signed: Value,
    /// The canonical JSON of what is signed.
    pub(crate) message: Vec<u8>,
    pub(crate) signatures: Vec<Signature>,
}

/// One signature.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) key_id: String,
    /// In small letters.
    pub(crate) method: String,
    pub(crate) bytes: Vec<u8>,
}

impl Envelope {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let structure = |detail: String| Malformed::new(Check::Structure, detail);
        let document = json::strict_value(bytes).map_err(|error| structure(format!("not strict JSON: {error}")))?;
        let members = Members::of(&document, "the file")?;
        let signatures = members.list_or_empty("signatures")?.iter().map(Signature::read).collect::<Result<Vec<_>, _>>()?;
        if signatures.is_empty() {
            return Err(Malformed::new(Check::Signatures, "the file has no signatures"));
        }
        members.required("signed")?;
        let signed = match document {
            Value::Object(mut document) => document.remove("signed").unwrap_or_default(),
            _ => Value::Null,
        };
        let message = canonical(&signed).map_err(|error| structure(error.to_string()))?;
        Ok(Self { signed, message, signatures })
    }
}

impl Signature {
    fn read(value: &Value) -> Result<Self, Malformed> {
        let members = Members::of(value, "a signature")?;
        Ok(Self {
            key_id: members.text("keyid")?.to_owned(),
            method: members.text("method")?.to_ascii_lowercase(),
            bytes: members.base64("sig")?,
        })
    }
}

/// What every role says about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) version: u64,
    pub(crate) expires: Timestamp,
}

impl Header {
    /// C4 and C5.
    pub(crate) fn read(signed: &Members<'_>, kind: &'static str) -> Result<Self, Malformed> {
        match signed.text("_type")? {
            found if found == kind => {}
            found => return Err(Malformed::new(Check::Type, format!("`_type` is {found:?}, expected {kind:?}"))),
        }
        let version = signed.integer("version").map_err(|fault| Malformed { check: Check::Version, ..fault })?;
        let version = u64::try_from(version).ok().filter(|version| *version > 0);
        let version = version.ok_or_else(|| Malformed::new(Check::Version, "`version` is below 1"))?;
        let expires = signed.text("expires")?;
        let expires =
            moment(expires).ok_or_else(|| Malformed::new(Check::Structure, format!("`expires` is {expires:?}, expected RFC 3339")))?;
        Ok(Self { version, expires })
    }
}

/// RFC 3339 with at most nine digits of a fraction and any offset. The parser knows more forms, so the form is checked first.
fn moment(text: &str) -> Option<Timestamp> {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let (clock, rest) = text.split_at_checked(SHAPE.len())?;
    let fits = |(byte, shape): (u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == *shape };
    if !clock.bytes().zip(SHAPE).all(fits) || clock.ends_with("60") {
        return None;
    }
    let digits = rest.strip_prefix('.').map(|rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let offset = match digits {
        Some(count @ 1..=9) => rest.get(count.saturating_add(1)..)?,
        Some(_) => return None,
        None => rest,
    };
    let is_offset = offset == "Z"
        || matches!(offset.as_bytes(), [b'+' | b'-', a, b, b':', c, d] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()));
    if is_offset { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339_and_nothing_else() {
        for (text, expected) in [
            ("2036-11-18T23:19:46.242633519Z", "2036-11-18T23:19:46.242633519Z"),
            ("2116-01-11T16:58:57.194192511-08:00", "2116-01-12T00:58:57.194192511Z"),
            ("2026-11-22T00:00:00+05:30", "2026-11-21T18:30:00Z"),
        ] {
            assert_eq!(moment(text), Some(expected.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            "2036-11-18",
            "2036-11-18 23:19:46Z",
            "2036-11-18t23:19:46z",
            "2036-11-18T23:19:46",
            "2036-11-18T23:19:46.Z",
            "2036-11-18T23:19:46.1234567890Z",
            "2036-11-18T23:19:46Z[UTC]",
            "2036-11-18T23:19:46+0200",
            "2036-13-18T23:19:46Z",
            "2036-11-18T23:19:60Z",
            "2036-11-18T24:00:00Z",
            "+002036-11-18T23:19:46Z",
            "2036-11-18T23:19:46Zx",
            "2036-11-18T23:19:46é",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
