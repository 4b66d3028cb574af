//! Merkle proofs of a transparency log (RFC 9162, section 2.1), of exactly the length that the tree's shape demands.
//!
//! The crate `sigstore-merkle` says the same, but hashes through a process-wide provider and panics where none is installed.

use std::fmt;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Bytes of a hash.
const LENGTH: usize = 32;

/// A node of the tree: SHA-256 over a leaf, or over two nodes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHash([u8; LENGTH]);

impl TreeHash {
    /// The root of a tree without leaves.
    #[must_use]
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of an entry.
    #[must_use]
    pub fn leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }

    /// The hash of two nodes.
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for TreeHash {
    type Error = MerkleError;

    fn try_from(bytes: &[u8]) -> Result<Self, MerkleError> {
        bytes.try_into().map(Self).map_err(|_| MerkleError::HashLength { found: bytes.len() })
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MerkleError {
    /// A hash is not SHA-256.
    #[error("a hash has {found} bytes, expected {LENGTH}")]
    HashLength {
        /// Its length.
        found: usize,
    },
    /// There is no such leaf.
    #[error("leaf {index} lies outside a tree of {size}")]
    IndexOutOfRange {
        /// The leaf.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// More hashes than levels.
    #[error("the proof is longer than the tree is high")]
    ProofTooLong,
    /// Fewer hashes than levels.
    #[error("the proof ends below the root")]
    ProofTooShort,
    /// The hashes lead to another root.
    #[error("the proof leads to another root of the tree of {size}")]
    RootMismatch {
        /// Leaves of the tree whose root differs.
        size: u64,
    },
    /// The later tree is the smaller one.
    #[error("the tree shrinks from {first} to {second}")]
    SizeDecreased {
        /// Leaves of the earlier tree.
        first: u64,
        /// Leaves of the later tree.
        second: u64,
    },
}

/// Verifies that `leaf` is the entry number `index` of the tree with `size` entries and this root (RFC 9162, 2.1.3.2).
///
/// ```
/// use verimage_cosign::log::merkle::{TreeHash, verify_inclusion};
///
/// let (left, right) = (TreeHash::leaf(b"a"), TreeHash::leaf(b"b"));
/// let root = TreeHash::node(&left, &right);
/// assert!(verify_inclusion(1, 2, &right, &[left], &root).is_ok());
/// assert!(verify_inclusion(0, 2, &right, &[left], &root).is_err());
/// ```
///
/// # Errors
/// [`MerkleError`] says what does not fit.
pub fn verify_inclusion(index: u64, size: u64, leaf: &TreeHash, proof: &[TreeHash], root: &TreeHash) -> Result<(), MerkleError> {
    if index >= size {
        return Err(MerkleError::IndexOutOfRange { index, size });
    }
    let mut position = Position { node: index, last: size - 1 };
    let mut hash = *leaf;
    for sibling in proof {
        hash = if position.begin_step()? { TreeHash::node(sibling, &hash) } else { TreeHash::node(&hash, sibling) };
        position.climb();
    }
    position.finish()?;
    same_root(&hash, root, size)
}

/// Verifies that the tree of `second` entries continues the tree of `first` entries (RFC 9162, 2.1.4.2).
///
/// # Errors
/// [`MerkleError`] says what does not fit.
pub fn verify_consistency(
    first: u64,
    second: u64,
    proof: &[TreeHash],
    first_root: &TreeHash,
    second_root: &TreeHash,
) -> Result<(), MerkleError> {
    if first > second {
        return Err(MerkleError::SizeDecreased { first, second });
    }
    if first == 0 {
        no_proof(proof)?;
        same_root(&TreeHash::empty(), first_root, 0)?;
    }
    if first == second {
        no_proof(proof)?;
        return same_root(first_root, second_root, second);
    }
    if first == 0 { Ok(()) } else { verify_growth(first, second, proof, first_root, second_root) }
}

/// The case 0 < `first` < `second`.
fn verify_growth(first: u64, second: u64, proof: &[TreeHash], first_root: &TreeHash, second_root: &TreeHash) -> Result<(), MerkleError> {
    let mut position = Position { node: first - 1, last: second - 1 };
    position.rise(position.node.trailing_ones());
    let (seed, rest) = match proof.split_first() {
        None => return Err(MerkleError::ProofTooShort),
        Some(_) if first.is_power_of_two() => (first_root, proof),
        Some((seed, rest)) => (seed, rest),
    };
    let (mut old, mut new) = (*seed, *seed);
    for sibling in rest {
        if position.begin_step()? {
            old = TreeHash::node(sibling, &old);
            new = TreeHash::node(sibling, &new);
        } else {
            new = TreeHash::node(&new, sibling);
        }
        position.climb();
    }
    position.finish()?;
    same_root(&old, first_root, first)?;
    same_root(&new, second_root, second)
}

fn no_proof(proof: &[TreeHash]) -> Result<(), MerkleError> {
    if proof.is_empty() { Ok(()) } else { Err(MerkleError::ProofTooLong) }
}

fn same_root(found: &TreeHash, expected: &TreeHash, size: u64) -> Result<(), MerkleError> {
    if found == expected { Ok(()) } else { Err(MerkleError::RootMismatch { size }) }
}

/// A node within its level of the tree (RFC 9162: `fn`), and the last node of that level (`sn`).
struct Position {
    node: u64,
    last: u64,
}

impl Position {
    /// Whether the sibling stands on the left. There is none above the root.
    fn begin_step(&self) -> Result<bool, MerkleError> {
        if self.last == 0 { Err(MerkleError::ProofTooLong) } else { Ok(self.node % 2 == 1 || self.node == self.last) }
    }

    /// To the parent; the last node of a level first rises past the levels on which it has no sibling.
    fn climb(&mut self) {
        if self.node == self.last {
            self.rise(self.node.trailing_zeros());
        }
        self.rise(1);
    }

    fn rise(&mut self, levels: u32) {
        self.node = self.node.checked_shr(levels).unwrap_or(0);
        self.last = self.last.checked_shr(levels).unwrap_or(0);
    }

    /// A proof ends at the root, not below it.
    fn finish(&self) -> Result<(), MerkleError> {
        if self.last == 0 { Ok(()) } else { Err(MerkleError::ProofTooShort) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<TreeHash> {
        (0..count).map(|number| TreeHash::leaf(&[number as u8])).collect()
    }

    /// RFC 9162, 2.1.1, as it is written.
    fn root(leaves: &[TreeHash]) -> TreeHash {
        match leaves {
            [] => TreeHash::empty(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                TreeHash::node(&root(left), &root(right))
            }
        }
    }

    /// RFC 9162, 2.1.3.1.
    fn path(index: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        if index < left.len() {
            [path(index, left), vec![root(right)]].concat()
        } else {
            [path(index - left.len(), right), vec![root(left)]].concat()
        }
    }

    /// RFC 9162, 2.1.4.1: SUBPROOF.
    fn growth(first: usize, leaves: &[TreeHash], whole: bool) -> Vec<TreeHash> {
        if first == leaves.len() {
            return if whole { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        if first <= left.len() {
            [growth(first, left, whole), vec![root(right)]].concat()
        } else {
            [growth(first - left.len(), right, false), vec![root(left)]].concat()
        }
    }

    #[test]
    fn every_leaf_of_small_trees_has_one_proof() {
        for size in 1..=33_usize {
            let leaves = leaves(size);
            let root = root(&leaves);
            for index in 0..size {
                let proof = path(index, &leaves);
                let verify = |at: usize, proof: &[TreeHash]| verify_inclusion(at as u64, size as u64, &leaves[index], proof, &root);
                assert_eq!(verify(index, &proof), Ok(()), "{index} of {size}");
                let longer = [proof.clone(), vec![root]].concat();
                assert_eq!(verify(index, &longer), Err(MerkleError::ProofTooLong));
                if let Some((_, shorter)) = proof.split_last() {
                    assert_eq!(verify(index, shorter), Err(MerkleError::ProofTooShort));
                }
                assert!((0..size).all(|other| other == index || verify(other, &proof).is_err()));
            }
        }
    }

    #[test]
    fn every_growth_of_small_trees_has_one_proof() {
        for second in 1..=33_usize {
            let leaves = leaves(second);
            for first in 1..second {
                let proof = growth(first, &leaves, true);
                let (old, new) = (root(&leaves[..first]), root(&leaves));
                let verify = |proof: &[TreeHash]| verify_consistency(first as u64, second as u64, proof, &old, &new);
                assert_eq!(verify(&proof), Ok(()), "{first} to {second}");
                assert_eq!(verify(&[proof.clone(), vec![new]].concat()), Err(MerkleError::ProofTooLong));
                assert!(verify(&proof[..proof.len() - 1]).is_err());
                assert!(verify_consistency(first as u64, second as u64, &proof, &new, &new).is_err());
                assert!(verify_consistency(first as u64, second as u64, &proof, &old, &old).is_err());
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_hold() {
        let (empty, leaf) = (TreeHash::empty(), TreeHash::leaf(b"a"));
        assert_eq!(verify_inclusion(0, 0, &leaf, &[], &leaf), Err(MerkleError::IndexOutOfRange { index: 0, size: 0 }));
        assert_eq!(verify_inclusion(u64::MAX - 1, u64::MAX, &leaf, &[leaf; 64], &leaf), Err(MerkleError::ProofTooLong));
        assert_eq!(verify_inclusion(0, u64::MAX, &leaf, &[leaf; 64], &leaf), Err(MerkleError::RootMismatch { size: u64::MAX }));
        assert_eq!(verify_consistency(0, 0, &[], &empty, &empty), Ok(()));
        assert_eq!(verify_consistency(0, 1, &[], &empty, &leaf), Ok(()));
        assert_eq!(verify_consistency(0, 1, &[], &leaf, &leaf), Err(MerkleError::RootMismatch { size: 0 }));
        assert_eq!(verify_consistency(0, 1, &[leaf], &empty, &leaf), Err(MerkleError::ProofTooLong));
        assert_eq!(verify_consistency(2, 1, &[], &leaf, &leaf), Err(MerkleError::SizeDecreased { first: 2, second: 1 }));
        assert_eq!(verify_consistency(1, u64::MAX, &[], &leaf, &leaf), Err(MerkleError::ProofTooShort));
        assert!(verify_consistency(u64::MAX - 1, u64::MAX, &[leaf; 70], &leaf, &leaf).is_err());
    }

    #[test]
    fn a_leaf_is_no_node() {
        let (left, right) = (TreeHash::leaf(b"a"), TreeHash::leaf(b"b"));
        let joined = [left.as_bytes(), right.as_bytes()].concat();
        assert_ne!(TreeHash::leaf(&joined), TreeHash::node(&left, &right));
        assert_eq!(TreeHash::try_from(&joined[..31]), Err(MerkleError::HashLength { found: 31 }));
    }
}
