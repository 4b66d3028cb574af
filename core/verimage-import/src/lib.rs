#![doc = include_str!("../docs.md")]

mod cluster_image_policy;
mod connaisseur;
mod containers;
mod detect;
mod document;
mod expression;
mod image_validating;
mod imported;
mod keys;
mod kyverno;
mod native;
mod objects;
mod part;
mod portieris;

use serde_json::Value;
use verimage_core::PolicyError;

pub use containers::import as import_containers;
pub use detect::PolicyFormat;
pub use document::{Document, MAX_POLICY_BYTES};
pub use imported::Imported;
use objects::Objects;

/// Writes the policies of a cluster in native form: those of Kyverno, policy-controller, Connaisseur and Portieris. They may be
/// several, as documents of one file or as a `List`, with the Secrets and ConfigMaps that they name.
///
/// # Errors
/// `policy-invalid` for what the tool itself refuses; `policy-unsupported-field` for what has no native form, and for what the
/// tool accepts and never enforces.
pub fn import_objects(document: &Value) -> Result<Imported, PolicyError> {
    let objects = Objects::of(document)?;
    match PolicyFormat::detect(document) {
        Some(PolicyFormat::Kyverno) => kyverno::import(&objects),
        Some(PolicyFormat::ClusterImagePolicy) => cluster_image_policy::import(&objects),
        Some(PolicyFormat::Connaisseur) => connaisseur::import(&objects),
        Some(PolicyFormat::KyvernoImageValidating) => image_validating::import(&objects),
        Some(PolicyFormat::Portieris) => portieris::import(&objects),
        Some(other) => Err(PolicyError::invalid("", format!("a {other} is no object of a cluster"))),
        None => Err(PolicyError::invalid("", "this is no policy of a known format")),
    }
}
