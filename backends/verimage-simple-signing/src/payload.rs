//! What was signed: the payload of simple signing (specification section 1.3).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use verimage_core::Digest;

const TYPE: &str = "atomic container signature";
/// How deep a payload may be nested.
const MAX_DEPTH: usize = 128;

/// What a signer says about an image.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Payload {
    /// The digest of the manifest.
    pub digest: Digest,
    /// What the signer calls the image; any text.
    pub docker_reference: String,
    /// The program that signed, as it says.
    pub creator: Option<String>,
    /// When it signed, as it says, in seconds since 1970.
    pub timestamp: Option<i64>,
}

/// Why bytes are no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadError(String);

impl fmt::Display for PayloadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for PayloadError {}

impl From<String> for PayloadError {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

impl Payload {
    /// Reads a payload strictly: exact keys, none twice, none unknown but for `optional`, whose unknown members are left alone.
    ///
    /// # Errors
    /// [`PayloadError`] says what does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        check_depth(text)?;
        let whole = Object::read(text, "the payload")?.only(["critical", "optional"])?;
        let [critical, optional] = whole;
        let [kind, image, identity] = Object::read(critical, "critical")?.only(["type", "image", "identity"])?;
        let [digest] = Object::read(image, "critical.image")?.only(["docker-manifest-digest"])?;
        let [reference] = Object::read(identity, "critical.identity")?.only(["docker-reference"])?;
        let kind: String = read(kind, "critical.type")?;
        if kind != TYPE {
            return Err(format!("Unrecognized signature type {}", kind.escape_debug()).into());
        }
        let digest: String = read(digest, "docker-manifest-digest")?;
        let invalid = |error| format!("invalid docker-manifest-digest value \"{}\": {error}", digest.escape_debug());
        let optional = Object::read(optional, "optional")?;
        Ok(Self {
            digest: Digest::parse(&digest).map_err(invalid)?,
            docker_reference: read(reference, "docker-reference")?,
            creator: optional.get("creator").map(|raw| read::<Option<String>>(raw, "optional.creator")).transpose()?.flatten(),
            timestamp: optional.get("timestamp").map(timestamp).transpose()?.flatten(),
        })
    }
}

fn read<'a, T: Deserialize<'a>>(raw: &'a str, name: &str) -> Result<T, PayloadError> {
    serde_json::from_str(raw).map_err(|error| PayloadError(format!("{name}: {error}")))
}

/// An integer, however it is written; none for `null`, as signers' own tools read it.
fn timestamp(raw: &str) -> Result<Option<i64>, PayloadError> {
    /// 2^63, the first number that is too great.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if raw == "null" {
        return Ok(None);
    }
    let is_number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let number = raw.parse::<f64>().ok().filter(|number| is_number && number.fract() == 0.0 && (-BEYOND..BEYOND).contains(number));
    #[allow(clippy::cast_possible_truncation, reason = "the number is an integer within the range")]
    number.map(|number| Some(number as i64)).ok_or_else(|| PayloadError("Field optional.timestamp is not an integer".to_owned()))
}

/// Parsers of signers and verifiers must not run out of their stacks at different depths.
fn check_depth(text: &str) -> Result<(), PayloadError> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth = depth.saturating_add(1),
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("the payload is nested more than {MAX_DEPTH} deep").into());
        }
    }
    Ok(())
}

/// The members of a JSON object with their values as they are written; nothing else is an object, and no name stands twice.
struct Object<'a> {
    name: &'static str,
    members: Vec<(String, &'a str)>,
}

impl<'a> Object<'a> {
    fn read(raw: &'a str, name: &'static str) -> Result<Self, PayloadError> {
        let Members(members) = serde_json::from_str(raw).map_err(|error| PayloadError(format!("{name}: {error}")))?;
        Ok(Self { name, members })
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.members.iter().find(|(key, _)| key == name).map(|(_, raw)| *raw)
    }

    /// The values of exactly these members.
    fn only<const N: usize>(self, names: [&str; N]) -> Result<[&'a str; N], PayloadError> {
        if let Some((unknown, _)) = self.members.iter().find(|(key, _)| !names.contains(&key.as_str())) {
            return Err(format!("{}: Unknown key \"{}\"", self.name, unknown.escape_debug()).into());
        }
        if let Some(missing) = names.iter().find(|name| self.get(name).is_none()) {
            return Err(format!("{}: Key \"{missing}\" missing in a JSON object", self.name).into());
        }
        Ok(names.map(|name| self.get(name).unwrap_or_default()))
    }
}

struct Members<'a>(Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members<'de>, A::Error> {
        let mut members: Vec<(String, &str)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value: &RawValue = entries.next_value()?;
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("Duplicate key \"{}\"", key.escape_debug())));
            }
            members.push((key, value.get()));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn payload() -> String {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"r.example/a:1"}},"image":{{"docker-manifest-digest":"{DIGEST}"}},"type":"{TYPE}"}},"optional":{{"creator":"c 1","timestamp":1700000000}}}}"#
        )
    }

    fn with(from: &str, to: &str) -> Result<Payload, PayloadError> {
        let changed = payload().replace(from, to);
        assert_ne!(changed, payload(), "{from}");
        Payload::parse(changed.as_bytes())
    }

    #[test]
    fn reads_what_signers_write() {
        let read = Payload::parse(payload().as_bytes()).unwrap();
        assert_eq!((read.digest.to_string().as_str(), read.docker_reference.as_str()), (DIGEST, "r.example/a:1"));
        assert_eq!((read.creator.as_deref(), read.timestamp), (Some("c 1"), Some(1_700_000_000)));
    }

    /// Specification section 1.3: what may differ.
    #[test]
    fn leaves_room_where_signers_may_differ() {
        for (from, to) in [
            ("\"c 1\"", "null"),
            ("1700000000", "null"),
            ("1700000000", "1.7e9"),
            ("1700000000", "1700000000.0"),
            ("1700000000", "-1"),
            ("1700000000", "-0"),
            ("1700000000", "-9223372036854775808"),
            ("\"creator\":\"c 1\",\"timestamp\":1700000000", ""),
            ("\"creator\"", "\"x\":{\"a\":1,\"a\":[2]},\"creator\""),
            ("r.example/a:1", ""),
            ("r.example/a:1", "r.example\\/a:1"),
            ("\"critical\"", "\"crit\\u0069cal\""),
            (":{", " :\n\t{ "),
        ] {
            with(from, to).unwrap_or_else(|error| panic!("{to}: {error}"));
        }
    }

    /// Specification section 1.3: what may not.
    #[test]
    fn refuses_every_other_shape() {
        for (from, to) in [
            (TYPE, "atomic container Signature"),
            (TYPE, "atomic container signature "),
            (TYPE, "cosign container image signature"),
            ("\"critical\"", "\"Critical\""),
            ("\"critical\":", "\"critical\":{},\"crit\\u0069cal\":"),
            ("\"image\":{", "\"image\":{\"x\":1,"),
            ("\"identity\":{", "\"identity\":{\"docker-reference\":\"x\","),
            ("\"docker-reference\":\"r.example/a:1\"", ""),
            (",\"optional\":{\"creator\":\"c 1\",\"timestamp\":1700000000}", ""),
            ("{\"creator\":\"c 1\",\"timestamp\":1700000000}", "null"),
            ("{\"creator\":\"c 1\",\"timestamp\":1700000000}", "[]"),
            ("{\"creator\":\"c 1\",\"timestamp\":1700000000}", "[\"c 1\",1]"),
            ("{\"docker-reference\":\"r.example/a:1\"}", "[\"r.example/a:1\"]"),
            ("\"optional\":", "\"x\":1,\"optional\":"),
            ("\"creator\":\"c 1\"", "\"creator\":\"c 1\",\"creator\":\"c 1\""),
            ("\"creator\":\"c 1\"", "\"x\":1,\"\\u0078\":1"),
            ("\"c 1\"", "1"),
            ("\"c 1\"", "\"\\ud800\""),
            ("1700000000", "\"1700000000\""),
            ("1700000000", "true"),
            ("1700000000", "0.5"),
            ("1700000000", "1e30"),
            ("1700000000", "9223372036854775808"),
            ("1700000000", "1e400"),
            ("1700000000", "NaN"),
            ("1700000000", "infinity"),
            ("1700000000", "01"),
            ("\"r.example/a:1\"", "null"),
            ("sha256:2cf2", "SHA256:2cf2"),
            ("sha256:2cf2", "sha256:2CF2"),
            (DIGEST, "sha256:../.."),
            (DIGEST, "md5:b9891e20ac52ad3bdacc8a7ddfafa992"),
            (DIGEST, ""),
            ("\"timestamp\":1700000000", "\"timestamp\":1700000000,"),
            ("c 1", "c\n1"),
        ] {
            assert!(with(from, to).is_err(), "{to}");
        }
        for text in [
            format!("\u{feff}{}", payload()),
            format!("{}{}", payload(), payload()),
            format!("{}\0", payload()),
            format!("[{}]", payload()),
        ] {
            assert!(Payload::parse(text.as_bytes()).is_err(), "{text}");
        }
        for bytes in [&b""[..], b"null", b"\"x\"", b"{}", b"\xff"] {
            assert!(Payload::parse(bytes).is_err(), "{bytes:?}");
        }
        assert!(Payload::parse(&payload().replace("c 1", "c \u{1}").into_bytes()).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("\"x\":{}{},\"creator\"", "[".repeat(depth), "]".repeat(depth));
        assert!(with("\"creator\"", &nested(120)).is_ok());
        assert!(with("\"creator\"", &nested(20_000)).is_err());
        assert!(with("c 1", &"[{\\\"".repeat(500)).is_ok());
    }
}
