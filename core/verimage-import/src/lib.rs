#![doc = include_str!("../docs.md")]

mod containers;
mod detect;
mod document;
mod imported;
pub mod kyverno;
mod native;
mod part;

pub use containers::import as import_containers;
pub use detect::PolicyFormat;
pub use document::{Document, MAX_POLICY_BYTES};
pub use imported::Imported;
