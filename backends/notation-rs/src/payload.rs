//! The signed payload: which artifact the signature is about.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    Label, Value,
    json::{self, JsonError},
};

/// The only media type of a payload.
pub const PAYLOAD_MEDIA_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

const TARGET: &str = "targetArtifact";
const MEDIA_TYPE: &str = "mediaType";
const DIGEST: &str = "digest";
const SIZE: &str = "size";
const ANNOTATIONS: &str = "annotations";

/// Why bytes are not a payload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// A name that differs from a known one in case only: others would take it for that.
    #[error("payload member `{found}` differs from `{known}` in case only")]
    CaseVariant {
        /// The name.
        found: String,
        /// The known one.
        known: &'static str,
    },
    /// The bytes are not one strict JSON object.
    #[error("payload is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// A member is missing or of the wrong kind.
    #[error("payload member `{name}` should be {expected}")]
    Member {
        /// The member.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// What a signature is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetArtifact {
    /// The media type of the artifact.
    pub media_type: String,
    /// The digest of the artifact, with its algorithm in front.
    pub digest: String,
    /// The size of the artifact in bytes.
    pub size: u64,
    /// The user metadata.
    pub annotations: BTreeMap<String, String>,
}

impl TargetArtifact {
    /// Reads a payload. Members that do not count for the identity of the artifact are passed over.
    ///
    /// # Errors
    /// [`PayloadError`] with the first rule that is broken.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let payload = json::parse_object(payload)?;
        check_names(&payload, &[TARGET])?;
        let target = payload.get(&TARGET.into()).and_then(Value::as_map);
        let target = target.ok_or(PayloadError::Member { name: TARGET, expected: "an object" })?;
        check_names(target, &[MEDIA_TYPE, DIGEST, SIZE, ANNOTATIONS])?;
        Ok(Self {
            media_type: text(target, MEDIA_TYPE)?,
            digest: text(target, DIGEST)?,
            size: size(target)?,
            annotations: target.get(&ANNOTATIONS.into()).map_or_else(|| Ok(BTreeMap::new()), annotations)?,
        })
    }
}

fn check_names(map: &BTreeMap<Label, Value>, known: &[&'static str]) -> Result<(), PayloadError> {
    for found in map.keys().filter_map(Label::as_text) {
        if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(found) && **known != found) {
            return Err(PayloadError::CaseVariant { found: found.to_owned(), known });
        }
    }
    Ok(())
}

fn text(target: &BTreeMap<Label, Value>, name: &'static str) -> Result<String, PayloadError> {
    let text = target.get(&name.into()).and_then(Value::as_text).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(PayloadError::Member { name, expected: "a text" })
}

fn size(target: &BTreeMap<Label, Value>) -> Result<u64, PayloadError> {
    let size = match target.get(&SIZE.into()) {
        Some(Value::Integer(size)) => u64::try_from(*size).ok(),
        _ => None,
    };
    size.ok_or(PayloadError::Member { name: SIZE, expected: "a whole number that is not negative" })
}

fn annotations(value: &Value) -> Result<BTreeMap<String, String>, PayloadError> {
    let wrong = PayloadError::Member { name: ANNOTATIONS, expected: "an object of texts" };
    let pair = |(label, value): (&Label, &Value)| Some((label.as_text()?.to_owned(), value.as_text()?.to_owned()));
    match value {
        // Go writes a map that is not there as null.
        Value::Null => Ok(BTreeMap::new()),
        Value::Map(map) => map.iter().map(pair).collect::<Option<_>>().ok_or(wrong),
        _ => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"targetArtifact":{"digest":"sha256:00","mediaType":"a/b","size":7,"annotations":{"k":"v"},"urls":[]},"x":1}"#;

    #[test]
    fn what_counts_is_read() {
        let target = TargetArtifact::parse(GOOD.as_bytes()).expect("a good payload");
        assert_eq!((target.media_type.as_str(), target.digest.as_str(), target.size), ("a/b", "sha256:00", 7));
        assert_eq!(target.annotations, BTreeMap::from([("k".to_owned(), "v".to_owned())]));
    }

    #[test]
    fn attack_payloads_that_others_read_in_another_way() {
        for (from, to) in [
            (r#""x":1"#, r#""targetArtifact":{"digest":"sha256:11","mediaType":"a/b","size":7}"#),
            (r#""x":1"#, r#""TARGETARTIFACT":{"digest":"sha256:11","mediaType":"a/b","size":7}"#),
            (r#""size":7"#, r#""size":7,"Digest":"sha256:11""#),
            (r#""size":7"#, r#""size":7,"size":7"#),
            (r#""k":"v""#, r#""k":"v","k":"w""#),
            (r#""x":1}"#, r#""x":1} {}"#),
            (r#""size":7"#, r#""size":7.0"#),
            (r#""size":7"#, r#""size":7e0"#),
            (r#""size":7"#, r#""size":-7"#),
            (r#""size":7"#, r#""size":"7""#),
            (r#""size":7,"#, ""),
            (r#""digest":"sha256:00","#, ""),
            (r#""mediaType":"a/b","#, r#""mediaType":"","#),
            (r#""k":"v""#, r#""k":1"#),
        ] {
            let changed = GOOD.replacen(from, to, 1);
            assert_ne!(changed, GOOD);
            assert!(TargetArtifact::parse(changed.as_bytes()).is_err(), "{changed}");
        }
        for bad in ["", "[]", "{}", r#"{"targetArtifact":[]}"#, "null"] {
            assert!(TargetArtifact::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
