//! How answers look. Nothing here changes what they are.

pub(crate) mod failure;
pub(crate) mod json;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod trust;
