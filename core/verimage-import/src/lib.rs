#![doc = include_str!("../docs.md")]

mod detect;
mod document;
mod imported;
pub mod kyverno;
mod native;
mod part;

pub use detect::PolicyFormat;
pub use document::{Document, MAX_POLICY_BYTES};
pub use imported::Imported;
