#![doc = include_str!("../docs.md")]

mod connaisseur;
mod containers;
mod detect;
mod document;
mod expression;
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

/// Writes the policies of a cluster in native form: those of Kyverno, Connaisseur and Portieris. They may be several, as documents
/// of one file or as a `List`, with the Secrets and ConfigMaps that they name.
///
/// # Errors
/// `policy-invalid` for what the tool itself refuses; `policy-unsupported-field` for what has no native form, and for what the
/// tool accepts and never enforces.
pub fn import_objects(document: &Value) -> Result<Imported, PolicyError> {
    let objects = Objects::of(document)?;
    match PolicyFormat::detect(document) {
        Some(PolicyFormat::Kyverno) => kyverno::import(&objects),
        Some(PolicyFormat::Connaisseur) => connaisseur::import(&objects),
        Some(PolicyFormat::Portieris) => portieris::import(&objects),
        Some(PolicyFormat::KyvernoImageValidating) => {
            let message = "an ImageValidatingPolicy decides by CEL expressions, which are not evaluated";
            Err(unsupported(
                &objects,
                "/spec/validations",
                message,
                "write it as a ClusterPolicy with `verifyImages`, or as a native policy",
            ))
        }
        Some(other) => {
            let message = format!("this is a {other}, which this version of verimage cannot load");
            Err(unsupported(&objects, "", &message, "write it as a native policy; `verimage policy init` begins one"))
        }
        None => Err(PolicyError::invalid("", "this is no policy of a known format")),
    }
}

fn unsupported(objects: &Objects<'_>, below: &str, message: &str, hint: &str) -> PolicyError {
    let first = objects.policies.first().map_or("", |policy| policy.pointer.as_str());
    PolicyError::new(verimage_core::Code::PolicyUnsupportedField, format!("{first}{below}"), message).with_hint(hint)
}
