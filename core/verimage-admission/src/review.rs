//! What an API server asks (`k8s.io/api/admission/v1`).

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use verimage_core::json;

/// The largest review that is read, in bytes. Objects are smaller than 1.5 MiB, and an update has two of them.
pub const MAX_REVIEW_BYTES: usize = 4 << 20;
const API_VERSION: &str = "admission.k8s.io/v1";

/// A question whether an object may be stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Review {
    /// The identifier of the question, which the answer repeats.
    pub uid: String,
    /// What is done to the object.
    pub operation: Operation,
    /// What it is, as it was sent.
    pub kind: GroupVersionKind,
    /// The part of the object that is changed, such as `ephemeralcontainers`.
    pub sub_resource: Option<String>,
    /// Its namespace; nothing for objects of the cluster.
    pub namespace: Option<String>,
    /// Its name; empty while the server still has to choose one.
    pub name: String,
    /// Whether nothing is stored whatever the answer.
    pub dry_run: bool,
    /// The object as it shall be; nothing when it is deleted.
    pub object: Option<Value>,
    /// The object as it is.
    pub old_object: Option<Value>,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
    /// It is connected to.
    Connect,
}

/// What an object is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
pub struct GroupVersionKind {
    /// The group; empty for the core.
    #[serde(default)]
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind.
    pub kind: String,
}

impl GroupVersionKind {
    /// What an object says that it is, by its `apiVersion` and `kind`.
    pub fn of_object(object: &Value) -> Option<Self> {
        let text = |member: &str| object.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (group, version) = text("apiVersion").map(|version| version.rsplit_once('/').unwrap_or(("", version)))?;
        Some(Self { group: group.to_owned(), version: version.to_owned(), kind: text("kind")?.to_owned() })
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, version, kind } = self;
        if group.is_empty() { write!(formatter, "{version} {kind}") } else { write!(formatter, "{group}/{version} {kind}") }
    }
}

/// Why a body is no review. There is nobody to answer to then: the server says HTTP 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// The body is too long.
    #[error("the review is larger than {MAX_REVIEW_BYTES} bytes")]
    TooLarge,
    /// The body is no JSON, or not of this shape.
    #[error("this is no review that can be read: {0}")]
    Malformed(String),
    /// Another kind of object, or another version.
    #[error("this is a {kind} of {api_version}, which is not asked here")]
    Other {
        /// The version that was sent.
        api_version: String,
        /// The kind that was sent.
        kind: String,
    },
    /// A review without a question.
    #[error("this review has no request")]
    NoRequest,
}

/// The member of an object of this version and kind, of which nothing stands twice.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], api_version: &str, kind: &str, member: &str) -> Result<T, ReviewError> {
    if body.len() > MAX_REVIEW_BYTES {
        return Err(ReviewError::TooLarge);
    }
    let malformed = |error: serde_json::Error| ReviewError::Malformed(error.to_string());
    let mut value = json::strict_value(body).map_err(malformed)?;
    let mut take = |member: &str| value.get_mut(member).map(Value::take).filter(|member| !member.is_null());
    let mut text = |member: &str| match take(member) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(ReviewError::Malformed(format!("its `{member}` is no text"))),
    };
    let (sent, sent_kind) = (text("apiVersion")?, text("kind")?);
    if sent != api_version || sent_kind != kind {
        return Err(ReviewError::Other { api_version: sent, kind: sent_kind });
    }
    serde_json::from_value(take(member).ok_or(ReviewError::NoRequest)?).map_err(malformed)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    operation: Operation,
    kind: GroupVersionKind,
    sub_resource: Option<String>,
    namespace: Option<String>,
    #[serde(default)]
    name: String,
    dry_run: Option<bool>,
    object: Option<Value>,
    old_object: Option<Value>,
}

impl Review {
    /// Reads a review. Members that this version does not know are passed over, as API servers of later versions send some; a
    /// member that stands twice is refused.
    ///
    /// # Errors
    /// [`ReviewError`].
    pub fn parse(body: &[u8]) -> Result<Self, ReviewError> {
        let request: Request = read(body, API_VERSION, "AdmissionReview", "request")?;
        if request.uid.is_empty() || request.uid.len() > 256 {
            return Err(ReviewError::Malformed("its `uid` has 1 to 256 characters".to_owned()));
        }
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            uid: request.uid,
            operation: request.operation,
            kind: request.kind,
            sub_resource: given(request.sub_resource),
            namespace: given(request.namespace),
            name: request.name,
            dry_run: request.dry_run.unwrap_or(false),
            object: request.object,
            old_object: request.old_object,
        })
    }

    /// Whether the object is one that was marked for removal before this change. A mark that comes with it says nothing: who
    /// makes an object could set it.
    pub(crate) fn is_being_removed(&self) -> bool {
        let mark = self.old_object.as_ref().and_then(|object| object.pointer("/metadata/deletionTimestamp"));
        self.operation == Operation::Update && mark.is_some_and(|mark| !mark.is_null())
    }

    /// Whether fewer pods than before are wanted.
    pub(crate) fn is_scaled_down(&self) -> bool {
        let replicas = |object: &Option<Value>| object.as_ref()?.pointer("/spec/replicas")?.as_u64();
        let fewer = replicas(&self.object).zip(replicas(&self.old_object)).is_some_and(|(now, before)| now < before);
        self.operation == Operation::Update && fewer
    }

    /// Whether a change leaves the text at this place as it is.
    pub(crate) fn leaves(&self, pointer: &str, text: &str) -> bool {
        let before = self.old_object.as_ref().and_then(|object| object.pointer(pointer)).and_then(Value::as_str);
        self.operation == Operation::Update && before == Some(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn review(request: Value) -> Value {
        json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "request": request})
    }

    fn request() -> Value {
        json!({"uid": "u", "operation": "CREATE", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": {"a": 1}})
    }

    fn parse(value: &Value) -> Result<Review, ReviewError> {
        Review::parse(value.to_string().as_bytes())
    }

    #[test]
    fn reads_what_counts_and_passes_over_the_rest() {
        let mut asked = request();
        asked["userInfo"] = json!({"username": "a"});
        asked["subResource"] = json!("");
        asked["dryRun"] = json!(true);
        let read = parse(&review(asked)).unwrap();
        assert_eq!((read.uid.as_str(), read.operation, read.kind.to_string().as_str()), ("u", Operation::Create, "v1 Pod"));
        assert_eq!((read.sub_resource, read.namespace, read.dry_run, read.object), (None, None, true, Some(json!({"a": 1}))));
    }

    #[test]
    fn what_is_no_review_is_said() {
        assert_eq!(parse(&review(Value::Null)).unwrap_err(), ReviewError::NoRequest);
        assert!(matches!(
            parse(&json!({"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"})),
            Err(ReviewError::Other { .. })
        ));
        assert!(matches!(parse(&json!({"apiVersion": "v1", "kind": "Pod", "request": request()})), Err(ReviewError::Other { .. })));
        for (member, value) in [("uid", json!("")), ("uid", Value::Null), ("operation", json!("PATCH")), ("kind", json!("Pod"))] {
            let mut asked = request();
            asked[member] = value;
            assert!(matches!(parse(&review(asked)), Err(ReviewError::Malformed(_))), "{member}");
        }
        for body in [
            "",
            "null",
            "[]",
            "{\"apiVersion\":\"admission.k8s.io/v1\",\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\"}",
        ] {
            assert!(Review::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(Review::parse(&vec![b' '; MAX_REVIEW_BYTES + 1]).unwrap_err(), ReviewError::TooLarge);
        assert!(Review::parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn only_an_object_that_was_marked_before_is_being_removed() {
        let marked = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        let is_removed = |operation: &str, object: &Value, old: &Value| {
            let mut asked = request();
            asked["operation"] = operation.into();
            asked["object"] = object.clone();
            asked["oldObject"] = old.clone();
            parse(&review(asked)).unwrap().is_being_removed()
        };
        assert!(is_removed("UPDATE", &marked, &marked));
        assert!(!is_removed("UPDATE", &marked, &json!({"metadata": {}})));
        assert!(!is_removed("UPDATE", &marked, &json!({"metadata": {"deletionTimestamp": null}})));
        assert!(!is_removed("CREATE", &marked, &marked));
    }
}
