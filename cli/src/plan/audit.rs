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
    /// The part of the images that is judged.
    pub(crate) shard: Option<Shard>,
}

impl AuditPlan {
    pub(super) fn new(arguments: AuditArguments, environment: &Environment) -> Result<Self, Failure> {
        let AuditArguments { images, lists, manifests, policy, format, output, at, jobs, rate, resume, shard, transport } = arguments;
        let sources = Sources { images, lists, manifests, shard };
        let policy = policy_choice(policy, environment)?;
        Ok(Self { sources, policy, format, output, at, jobs: jobs.get(), rate, resume, transport })
    }
}
