//! A policy in native form, and where each part of it came from.

use std::collections::BTreeMap;

use verimage_core::PolicyError;
use verimage_core::policy::{PolicyDocument, Remark};

/// A policy in native form.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// The native form.
    pub policy: PolicyDocument,
    /// What is remarkable about the source, with places in it.
    pub remarks: Vec<Remark>,
    /// For parts of the native form, as JSON pointers, the parts of the source that they stand for; nothing if it is its own
    /// source.
    origins: Option<BTreeMap<String, String>>,
}

impl Imported {
    /// A native form with the origins of its parts.
    pub fn new(policy: PolicyDocument, origins: BTreeMap<String, String>) -> Self {
        Self { policy, remarks: Vec::new(), origins: Some(origins) }
    }

    /// A remark about the native form as one about the source.
    #[must_use]
    pub fn remark_on_source(&self, remark: Remark) -> Remark {
        let mut remark = remark;
        if let Some(origin) = self.origin(&remark.pointer) {
            remark.pointer = origin.to_owned();
        }
        remark
    }

    /// An error about the native form as one about the source: people look for it in what they wrote.
    #[must_use]
    pub fn blame_source(&self, error: PolicyError) -> PolicyError {
        let pointer = self.origin(&error.pointer).unwrap_or(&error.pointer).to_owned();
        PolicyError { pointer, ..error }
    }

    /// The part of the source that this very part stands for; the whole for the whole. Nothing if it is not known, or if the
    /// policy is its own source.
    pub fn source_of(&self, pointer: &str) -> Option<&str> {
        let origins = self.origins.as_ref()?;
        if pointer.is_empty() { Some("") } else { origins.get(pointer).map(String::as_str) }
    }

    /// The part of the source that the smallest known part around `pointer` stands for; the whole if there is none. Nothing
    /// for a policy that is its own source.
    fn origin(&self, pointer: &str) -> Option<&str> {
        let mut part = pointer;
        loop {
            if let Some(origin) = self.origins.as_ref()?.get(part) {
                return Some(origin);
            }
            let Some((around, _)) = part.rsplit_once('/') else { return Some("") };
            part = around;
        }
    }
}

/// A policy that was native already.
impl From<PolicyDocument> for Imported {
    fn from(policy: PolicyDocument) -> Self {
        Self { policy, remarks: Vec::new(), origins: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use verimage_core::policy::read_config;

    use super::*;

    #[test]
    fn errors_point_at_the_smallest_part_of_the_source_that_is_known() {
        let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": []});
        let origins = [("/rules/0", "/statements/3"), ("/rules/0/images", "/statements/3/scopes")];
        let origins = origins.map(|(part, origin)| (part.to_owned(), origin.to_owned())).into();
        let imported = Imported::new(read_config(&policy, "").unwrap(), origins);
        for (pointer, expected) in
            [("/rules/0/images/1", "/statements/3/scopes"), ("/rules/0/require/notation", "/statements/3"), ("/rules/01", ""), ("", "")]
        {
            assert_eq!(imported.blame_source(PolicyError::invalid(pointer, "wrong")).pointer, expected, "{pointer}");
        }
    }
}
