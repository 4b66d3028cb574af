//! The tree of a transparency log, grown as RFC 9162 writes it (sections 2.1.1 and 2.1.3.1).

use sha2::{Digest, Sha256};

/// A hash of the tree.
pub type Node = [u8; 32];

/// The hash of an entry.
pub fn leaf(entry: &[u8]) -> Node {
    Sha256::new_with_prefix([0]).chain_update(entry).finalize().into()
}

fn parent(left: &Node, right: &Node) -> Node {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

fn split(leaves: &[Node]) -> (&[Node], &[Node]) {
    leaves.split_at(leaves.len().next_power_of_two() / 2)
}

/// The root over these leaves, of which there is at least one.
pub fn root(leaves: &[Node]) -> Node {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = split(leaves);
    parent(&root(left), &root(right))
}

/// The hashes that lead from a leaf to the root.
pub fn path(index: usize, leaves: &[Node]) -> Vec<Node> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = split(leaves);
    if index < left.len() {
        [path(index, left), vec![root(right)]].concat()
    } else {
        [path(index - left.len(), right), vec![root(left)]].concat()
    }
}
