#![doc = include_str!("../docs.md")]

mod dir;
mod file;
mod registries_d;
mod store;

pub use dir::DirStore;
pub use registries_d::{RegistriesD, RegistriesDError};
pub use store::LookasideStore;
