//! Who reads the registries for the pods of an object: what they name as pull secrets, and their service accounts.

use std::collections::BTreeSet;

use serde_json::Value;
use verimage_core::is_dns_subdomain;

use crate::extractor::{Extractor, follow};
use crate::images::Places;
use crate::review::Review;

/// The most names that are looked at.
const MAX_NAMES: usize = 64;
/// The account of pods that name none.
const DEFAULT_ACCOUNT: &str = "default";

/// Names in the namespace of the object. What is no name of Kubernetes is left out: nothing can be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PullSecrets {
    /// Secrets that pods name, in their order.
    pub secrets: Vec<String>,
    /// Service accounts of the pods, which may name more.
    pub accounts: BTreeSet<String>,
}

impl PullSecrets {
    /// What the pods of this object name.
    pub fn of(review: &Review, extractors: &[Extractor]) -> Self {
        let mut found = Self::default();
        let (Some(object), Ok(places)) = (&review.object, Places::of(&review.kind, extractors)) else { return found };
        for (_, spec) in places.pod_specs.iter().flat_map(|path| follow(object, path)) {
            let secrets = follow(spec, "/imagePullSecrets/*/name").into_iter().filter_map(|(_, name)| name.as_str());
            for name in secrets.filter(|name| is_dns_subdomain(name)).take(MAX_NAMES) {
                if !found.secrets.iter().any(|known| known == name) && found.secrets.len() < MAX_NAMES {
                    found.secrets.push(name.to_owned());
                }
            }
            let account = spec.get("serviceAccountName").and_then(Value::as_str).unwrap_or_default();
            let account = if account.is_empty() { DEFAULT_ACCOUNT } else { account };
            if is_dns_subdomain(account) && found.accounts.len() < MAX_NAMES {
                found.accounts.insert(account.to_owned());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: (&str, &str), object: &Value) -> PullSecrets {
        let (group, kind) = kind;
        let request = json!({"uid": "u", "operation": "CREATE", "kind": {"group": group, "version": "v1", "kind": kind}, "object": object});
        let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        PullSecrets::of(&Review::parse(body.to_string().as_bytes()).unwrap(), &[])
    }

    #[test]
    fn pods_name_secrets_and_accounts() {
        let spec = json!({"imagePullSecrets": [{"name": "one"}, {"name": "two"}, {"name": "one"}, {}], "serviceAccountName": "robot"});
        let found = of(("", "Pod"), &json!({"spec": spec}));
        assert_eq!((found.secrets, found.accounts), (vec!["one".to_owned(), "two".to_owned()], BTreeSet::from(["robot".to_owned()])));
        let job = json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "a"}]}}}}}});
        let found = of(("batch", "CronJob"), &job);
        assert_eq!((found.secrets, found.accounts), (vec!["a".to_owned()], BTreeSet::from(["default".to_owned()])));
        assert_eq!(of(("", "ConfigMap"), &json!({})), PullSecrets::default());
    }

    #[test]
    fn what_is_no_name_leads_nowhere() {
        for name in ["", "..", "a/../b", "A", "a/b", "a?b", "-a", "a%2e", &"a".repeat(254)] {
            let spec = json!({"imagePullSecrets": [{"name": name}], "serviceAccountName": name});
            let found = of(("", "Pod"), &json!({"spec": spec}));
            assert!(found.secrets.is_empty(), "{name}");
            assert!(found.accounts.is_empty() || name.is_empty(), "{name}");
        }
    }
}
