//! Transparency logs: entries of Rekor, their proofs, and what they must have in common with a signature.
//!
//! An entry counts if the log's key signed it (a promise, or a checkpoint with an inclusion proof) *and* every field of
//! its body fits the signature that it is to prove. Both, on every path. A time counts only if a promise signs it: an
//! inclusion proof says that an entry is in the log, not since when.
//!
//! The crates `sigstore-merkle`, `sigstore-rekor` and `sigstore-trust-root` all stand on `sigstore-crypto`, which keeps
//! its provider in a process-wide variable and brings an older generation of the ASN.1 crates; so these small pieces are
//! our own, checked with the same vectors.

pub(crate) mod body;
pub mod canonical;
pub(crate) mod checkpoint;
pub(crate) mod encoding;
pub(crate) mod entry;
pub(crate) mod error;
pub(crate) mod logs;
pub mod merkle;
pub(crate) mod set;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
pub(crate) mod testing;
