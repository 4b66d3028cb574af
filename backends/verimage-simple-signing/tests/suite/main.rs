//! The scheme over signatures and keys made here with rPGP: keys, attacks, and the leaf as policies write it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod attacks;
mod keys;
mod leaf;
mod messages;
mod signer;
