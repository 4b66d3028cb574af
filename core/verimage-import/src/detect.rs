//! Whose policy file is it?

use std::fmt;

use serde_json::Value;

use crate::objects;

/// The formats of policy files in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyFormat {
    /// `apiVersion: verimage/v1`.
    Native,
    /// containers `policy.json` (podman, skopeo, CRI-O).
    Containers,
    /// Notary Project `trustpolicy.json`.
    Notation,
    /// Kyverno `ClusterPolicy` or `Policy`.
    Kyverno,
    /// Kyverno `ImageValidatingPolicy`.
    KyvernoImageValidating,
    /// sigstore policy-controller `ClusterImagePolicy` or `TrustRoot`.
    ClusterImagePolicy,
    /// Connaisseur Helm values.
    Connaisseur,
    /// Portieris `ImagePolicy` or `ClusterImagePolicy`.
    Portieris,
}

impl PolicyFormat {
    /// Recognises a document; `None` if it is nobody's. Of several objects the first policy counts.
    pub fn detect(document: &Value) -> Option<Self> {
        if objects::is_several(document) {
            return objects::format_of_several(document);
        }
        let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
        let group = text("apiVersion").split('/').next().unwrap_or_default();
        match (group, text("kind")) {
            ("verimage", _) => Some(Self::Native),
            ("kyverno.io", "ClusterPolicy" | "Policy") => Some(Self::Kyverno),
            ("policies.kyverno.io", _) => Some(Self::KyvernoImageValidating),
            ("policy.sigstore.dev", _) => Some(Self::ClusterImagePolicy),
            ("portieris.cloud.ibm.com", _) => Some(Self::Portieris),
            _ => Self::detect_by_fields(document),
        }
    }

    fn detect_by_fields(document: &Value) -> Option<Self> {
        let has = |pointer: &str| document.pointer(pointer).is_some();
        match () {
            () if has("/application/validators") || (has("/validators") && has("/policy")) => Some(Self::Connaisseur),
            () if has("/trustPolicies") => Some(Self::Notation),
            () if has("/default") && (has("/transports") || document.get("default").is_some_and(Value::is_array)) => Some(Self::Containers),
            () if has("/rules") && has("/kind") => Some(Self::Native),
            () => None,
        }
    }
}

impl fmt::Display for PolicyFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Native => "verimage ImagePolicy",
            Self::Containers => "containers policy.json",
            Self::Notation => "notation trustpolicy.json",
            Self::Kyverno => "Kyverno policy",
            Self::KyvernoImageValidating => "Kyverno ImageValidatingPolicy",
            Self::ClusterImagePolicy => "sigstore ClusterImagePolicy",
            Self::Connaisseur => "Connaisseur configuration",
            Self::Portieris => "Portieris policy",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    #[test]
    fn recognises_each_format() {
        for (text, expected) in [
            ("apiVersion: verimage/v1\nkind: ImagePolicy", Some(PolicyFormat::Native)),
            (r#"{"default":[{"type":"reject"}]}"#, Some(PolicyFormat::Containers)),
            (r#"{"version":"1.0","trustPolicies":[]}"#, Some(PolicyFormat::Notation)),
            ("apiVersion: kyverno.io/v1\nkind: ClusterPolicy", Some(PolicyFormat::Kyverno)),
            ("apiVersion: policies.kyverno.io/v1beta1\nkind: ImageValidatingPolicy", Some(PolicyFormat::KyvernoImageValidating)),
            ("apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy", Some(PolicyFormat::ClusterImagePolicy)),
            ("application: {validators: [], policy: []}", Some(PolicyFormat::Connaisseur)),
            ("apiVersion: portieris.cloud.ibm.com/v1\nkind: ImagePolicy", Some(PolicyFormat::Portieris)),
            ("a: 1", None),
            ("[]", None),
        ] {
            assert_eq!(PolicyFormat::detect(Document::parse(text).unwrap().value()), expected, "{text}");
        }
    }
}
