//! What `audit` is to do.

use std::path::PathBuf;

use verimage::core::Timestamp;

use crate::args::{AuditArguments, AuditFormat, ImageArgument, Rate, Shard, TransportArguments};
use crate::failure::Failure;
use crate::plan::{Environment, PolicyChoice, policy_choice};

#[derive(Debug)]
pub(crate) struct AuditPlan {
    pub(crate) sources: Sources,
    pub(crate) policy: PolicyChoice,
    pub(crate) format: AuditFormat,
    pub(crate) output: Option<PathBuf>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) jobs: usize,
    pub(crate) rate: Option<Rate>,
    pub(crate) resume: Option<PathBuf>,
    pub(crate) transport: TransportArguments,
}

/// Where images are named.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) images: Vec<ImageArgument>,
    pub(crate) lists: Vec<PathBuf>,
    pub(crate) manifests: Vec<PathBuf>,
    pub(crate) cluster: Option<ClusterChoice>,
    /// The part of the images that is judged.
    pub(crate) shard: Option<Shard>,
}

/// A cluster that is asked what runs in it.
#[derive(Debug)]
pub(crate) struct ClusterChoice {
    /// A context of the kubeconfig; the current one, if none is named.
    pub(crate) context: Option<String>,
    /// The kubeconfig; as for `kubectl`, if none is named.
    pub(crate) kubeconfig: Option<PathBuf>,
}

impl AuditPlan {
    pub(super) fn new(arguments: AuditArguments, environment: &Environment) -> Result<Self, Failure> {
        let AuditArguments { images, lists, manifests, context, kubeconfig, shard, .. } = arguments;
        let AuditArguments { policy, format, output, at, jobs, rate, resume, transport, .. } = arguments;
        let asks_cluster = context.is_some() || kubeconfig.is_some();
        if asks_cluster && transport.offline {
            return Err(Failure::usage_with_hint("a cluster cannot be asked with `--offline`", "give its objects with `--manifests`"));
        }
        let cluster = asks_cluster.then_some(ClusterChoice { context, kubeconfig });
        let sources = Sources { images, lists, manifests, cluster, shard };
        let policy = policy_choice(policy, environment)?;
        Ok(Self { sources, policy, format, output, at, jobs: jobs.get(), rate, resume, transport })
    }
}
