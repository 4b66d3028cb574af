//! Reports over many images, in the forms that other tools read.

pub(crate) mod entry;
pub(crate) mod html;
pub(crate) mod junit;
pub(crate) mod policy_report;
pub(crate) mod sarif;
pub(crate) mod table;
pub(crate) mod vsa;

use verimage::Policy;

pub(crate) use entry::{Entry, Mention, Object, Outcome};

/// What judged every image of a report.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    /// The policy: a file, or how it was given.
    pub(crate) policy: String,
    /// The digest of its text.
    pub(crate) digest: String,
    /// The digest over its keys and roots.
    pub(crate) material: String,
}

impl Judge {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self { policy: policy.source().to_owned(), digest: policy.digest().to_string(), material: policy.material_digest().to_string() }
    }
}
