//! What a store is asked for, in the words of JavaScript.

use serde_json::{Value, json};
use verimage::core::{HttpMethod, Origin, Place, RoleVersion, Want, What};

/// A want as JSON; `kind` says which of the other parts are there.
pub(crate) fn to_json(want: &Want) -> String {
    let mut parts = what_of(&want.what);
    let (place, name) = match &want.place {
        Place::Image => ("image", None),
        Place::Repository(repository) => ("repository", Some(repository.to_string())),
        Place::Store(name) => ("store", Some(name.clone())),
        _ => ("store", None),
    };
    if let Some(parts) = parts.as_object_mut() {
        parts.insert("place".to_owned(), place.into());
        parts.insert("placeName".to_owned(), name.into());
        parts.insert("maxBytes".to_owned(), want.max_bytes.into());
    }
    parts.to_string()
}

fn what_of(what: &What) -> Value {
    match what {
        What::Resolve => json!({"kind": "resolve"}),
        What::ManifestByTag(tag) => json!({"kind": "manifest-by-tag", "tag": tag.to_string()}),
        What::Manifest(digest) => json!({"kind": "manifest", "digest": digest.to_string()}),
        What::Referrers { subject, artifact_type } => {
            json!({"kind": "referrers", "digest": subject.to_string(), "artifactType": artifact_type})
        }
        What::Blob(digest) => json!({"kind": "blob", "digest": digest.to_string()}),
        What::Http { method, url, body, content_type, origin } => {
            let method = if *method == HttpMethod::Post { "POST" } else { "GET" };
            let remote = *origin != Origin::Policy;
            json!({"kind": "http", "method": method, "url": url, "body": body, "contentType": content_type, "remoteOrigin": remote})
        }
        What::Role { collection, role, version } => {
            let (number, sha256) = match version {
                RoleVersion::Number(number) => (Some(number), None),
                RoleVersion::Sha256(digits) => (None, Some(digits)),
                _ => (None, None),
            };
            json!({"kind": "role", "collection": collection, "role": role, "version": number, "sha256": sha256})
        }
        What::TrustState { collection } => json!({"kind": "trust-state", "collection": collection}),
        What::Lookaside { digest, index } => json!({"kind": "lookaside", "digest": digest.to_string(), "index": index}),
        What::SignatureList(digest) => json!({"kind": "signature-list", "digest": digest.to_string()}),
        What::Other { kind, key } => json!({"kind": "other", "otherKind": kind, "key": key}),
        _ => json!({"kind": "unknown"}),
    }
}
