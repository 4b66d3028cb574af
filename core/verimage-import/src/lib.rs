#![doc = include_str!("../docs.md")]

mod detect;
mod document;

pub use detect::PolicyFormat;
pub use document::{Document, MAX_POLICY_BYTES};
