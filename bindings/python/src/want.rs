//! `Want`: what a store is asked for.

use pyo3::prelude::*;
use verimage::core::{HttpMethod, Origin, Place, RoleVersion, What};

/// What a signature store is asked for. `kind` says which of the other attributes are there.
#[pyclass(frozen, eq, hash, module = "verimage")]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Want {
    pub(crate) want: verimage::core::Want,
}

#[pymethods]
impl Want {
    /// What it is.
    #[getter]
    fn kind(&self) -> &'static str {
        match &self.want.what {
            What::Resolve => "resolve",
            What::ManifestByTag(_) => "manifest-by-tag",
            What::Manifest(_) => "manifest",
            What::Referrers { .. } => "referrers",
            What::Blob(_) => "blob",
            What::Http { .. } => "http",
            What::Role { .. } => "role",
            What::TrustState { .. } => "trust-state",
            What::Lookaside { .. } => "lookaside",
            What::SignatureList(_) => "signature-list",
            _ => "other",
        }
    }

    /// Where to look: `image`, `repository` or `store`.
    #[getter]
    fn place(&self) -> &'static str {
        match &self.want.place {
            Place::Image => "image",
            Place::Repository(_) => "repository",
            _ => "store",
        }
    }

    /// The name of the repository or store.
    #[getter]
    fn place_name(&self) -> Option<String> {
        match &self.want.place {
            Place::Repository(repository) => Some(repository.to_string()),
            Place::Store(name) => Some(name.clone()),
            _ => None,
        }
    }

    /// Upper bound for the bytes of the answer.
    #[getter]
    fn max_bytes(&self) -> u64 {
        self.want.max_bytes
    }

    #[getter]
    fn tag(&self) -> Option<String> {
        match &self.want.what {
            What::ManifestByTag(tag) => Some(tag.to_string()),
            _ => None,
        }
    }

    #[getter]
    fn digest(&self) -> Option<String> {
        match &self.want.what {
            What::Manifest(digest) | What::Blob(digest) | What::SignatureList(digest) => Some(digest.to_string()),
            What::Referrers { subject, .. } => Some(subject.to_string()),
            What::Lookaside { digest, .. } => Some(digest.to_string()),
            _ => None,
        }
    }

    #[getter]
    fn artifact_type(&self) -> Option<&str> {
        match &self.want.what {
            What::Referrers { artifact_type, .. } => artifact_type.as_deref(),
            _ => None,
        }
    }

    /// The position in a lookaside, from 1.
    #[getter]
    fn index(&self) -> Option<u32> {
        match &self.want.what {
            What::Lookaside { index, .. } => Some(*index),
            _ => None,
        }
    }

    #[getter]
    fn url(&self) -> Option<&str> {
        match &self.want.what {
            What::Http { url, .. } => Some(url),
            _ => None,
        }
    }

    /// `GET` or `POST`.
    #[getter]
    fn method(&self) -> Option<&'static str> {
        match &self.want.what {
            What::Http { method: HttpMethod::Post, .. } => Some("POST"),
            What::Http { .. } => Some("GET"),
            _ => None,
        }
    }

    /// What is sent with the question.
    #[getter]
    fn body(&self) -> Option<&[u8]> {
        match &self.want.what {
            What::Http { body, .. } => Some(body),
            _ => None,
        }
    }

    #[getter]
    fn content_type(&self) -> Option<&str> {
        match &self.want.what {
            What::Http { content_type, .. } => content_type.as_deref(),
            _ => None,
        }
    }

    /// Whether the address was named by something that was fetched, not by the policy: private addresses are then out of reach.
    #[getter]
    fn remote_origin(&self) -> bool {
        !matches!(&self.want.what, What::Http { origin: Origin::Policy, .. }) && self.kind() == "http"
    }

    #[getter]
    fn collection(&self) -> Option<&str> {
        match &self.want.what {
            What::Role { collection, .. } | What::TrustState { collection } => Some(collection),
            _ => None,
        }
    }

    #[getter]
    fn role(&self) -> Option<&str> {
        match &self.want.what {
            What::Role { role, .. } => Some(role),
            _ => None,
        }
    }

    /// The version of the role's file; none for the newest, or if `sha256` says which.
    #[getter]
    fn version(&self) -> Option<u64> {
        match &self.want.what {
            What::Role { version: RoleVersion::Number(number), .. } => Some(*number),
            _ => None,
        }
    }

    /// The SHA-256 of the role's file, in hexadecimal digits.
    #[getter]
    fn sha256(&self) -> Option<&str> {
        match &self.want.what {
            What::Role { version: RoleVersion::Sha256(digits), .. } => Some(digits),
            _ => None,
        }
    }

    fn __repr__(&self) -> String {
        format!("<verimage.Want {} at {}>", self.kind(), self.place_name().unwrap_or_else(|| self.place().to_owned()))
    }
}
