//! The images of what runs in a cluster, as its API server lists it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use verimage::core::json;
use verimage::keys::{KeyResolverError, KubernetesApi};
use verimage::{Code, CodeClass};

use crate::commands::audit::inventory::Inventory;
use crate::commands::audit::manifests;
use crate::failure::Failure;
use crate::plan::ClusterChoice;

/// How many objects are asked for at once.
const PAGE: &str = "250";
/// The most pages of one kind: two million objects.
const MAX_PAGES: usize = 8_000;
/// What runs, and what makes it run: version, kind, and the path of its list.
const LISTS: [(&str, &str, &[&str]); 9] = [
    ("v1", "Pod", &["api", "v1", "pods"]),
    ("v1", "PodTemplate", &["api", "v1", "podtemplates"]),
    ("v1", "ReplicationController", &["api", "v1", "replicationcontrollers"]),
    ("apps/v1", "DaemonSet", &["apis", "apps", "v1", "daemonsets"]),
    ("apps/v1", "Deployment", &["apis", "apps", "v1", "deployments"]),
    ("apps/v1", "ReplicaSet", &["apis", "apps", "v1", "replicasets"]),
    ("apps/v1", "StatefulSet", &["apis", "apps", "v1", "statefulsets"]),
    ("batch/v1", "CronJob", &["apis", "batch", "v1", "cronjobs"]),
    ("batch/v1", "Job", &["apis", "batch", "v1", "jobs"]),
];

/// One page of a list.
#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    /// Null where there is none.
    items: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// Adds the images of a cluster.
pub(super) async fn read(choice: &ClusterChoice, inventory: &mut Inventory) -> Result<(), Failure> {
    let api = KubernetesApi::of(choice.kubeconfig.clone());
    let (api, name) = match &choice.context {
        Some(context) => (api.context(context), format!("context {context}")),
        None => (api, "current context".to_owned()),
    };
    let name = Arc::from(name);
    for (api_version, kind, path) in LISTS {
        let mut next: Option<String> = None;
        for page in 1.. {
            let Page { metadata, items } = self::page(&api, path, next.as_deref()).await?;
            let mut items = items.unwrap_or_default();
            items.retain(|item| kind == "Pod" || !is_controlled(item));
            manifests::add_listed(items, api_version, kind, &name, inventory)?;
            next = metadata.next.filter(|next| !next.is_empty());
            if next.is_none() {
                break;
            }
            if page == MAX_PAGES {
                return Err(Failure::usage(format!("the cluster lists more than {MAX_PAGES} pages of {kind}")));
            }
        }
    }
    Ok(())
}

/// Whether an object that is listed itself makes and keeps this one, and so has its images: the sets of a deployment, the
/// jobs of a schedule.
fn is_controlled(object: &Value) -> bool {
    let listed = |owner: &Value| {
        let is = |member: &str, text: &str| owner.get(member).and_then(Value::as_str) == Some(text);
        LISTS.iter().any(|(api_version, kind, _)| is("apiVersion", api_version) && is("kind", kind))
    };
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    owners.iter().any(|owner| owner.get("controller") == Some(&Value::Bool(true)) && listed(owner))
}

async fn page(api: &KubernetesApi, path: &[&str], next: Option<&str>) -> Result<Page, Failure> {
    let query: Vec<(&str, &str)> = [("limit", PAGE)].into_iter().chain(next.map(|next| ("continue", next))).collect();
    let answer = api.list(path, &query).await.map_err(|error| unanswered(path, error))?;
    json::from_slice(&answer).map_err(|error| {
        let message = format!("the cluster's list of {} cannot be read: {error}", path.last().unwrap_or(&""));
        Failure::Unknown { code: Code::StoreUnavailable, message, hint: Code::StoreUnavailable.remedy().to_owned() }
    })
}

fn unanswered(path: &[&str], error: KeyResolverError) -> Failure {
    let message = format!("the cluster does not list {}: {}", path.last().unwrap_or(&""), error.message);
    let hint = match error.code {
        Code::StoreUnauthorized => "the right to `list` it in every namespace is needed",
        _ => "name a kubeconfig with `--kubeconfig`, or give what `kubectl get --output json` prints to `--manifests -`",
    };
    if error.code.class() == CodeClass::Inconclusive {
        return Failure::Unknown { code: error.code, message, hint: hint.to_owned() };
    }
    Failure::usage_with_hint(message, hint)
}
