//! `merkle-*`: proofs of a transparency log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use verimage_cosign::log::merkle::{MerkleError, TreeHash, verify_consistency, verify_inclusion};

use crate::{Answer, Case, path, read, text};

pub(crate) fn merkle(case: &Case) -> Result<Answer, String> {
    let vector: Map<String, Value> = serde_json::from_slice(&read(&path(case, "vector")?)?).map_err(|error| error.to_string())?;
    let number = |key: &str| vector.get(key).and_then(Value::as_u64).ok_or_else(|| format!("`{key}` is missing"));
    let hashes = |key: &str| bytes(text(&vector, key)?);
    let proof = proof(&vector)?;
    let outcome = match case.kind.as_str() {
        "merkle-inclusion" => inclusion(number("leafIdx")?, number("treeSize")?, &hashes("leafHash")?, &proof, &hashes("root")?),
        _ => consistency(number("size1")?, number("size2")?, &proof, &hashes("root1")?, &hashes("root2")?),
    };
    Ok(outcome.map_or_else(|error| Answer::reject("log-proof-invalid", error), |()| Answer::accept()))
}

fn inclusion(index: u64, size: u64, leaf: &[u8], proof: &[Vec<u8>], root: &[u8]) -> Result<(), MerkleError> {
    verify_inclusion(index, size, &TreeHash::try_from(leaf)?, &tree_hashes(proof)?, &TreeHash::try_from(root)?)
}

fn consistency(first: u64, second: u64, proof: &[Vec<u8>], first_root: &[u8], second_root: &[u8]) -> Result<(), MerkleError> {
    verify_consistency(first, second, &tree_hashes(proof)?, &TreeHash::try_from(first_root)?, &TreeHash::try_from(second_root)?)
}

fn tree_hashes(proof: &[Vec<u8>]) -> Result<Vec<TreeHash>, MerkleError> {
    proof.iter().map(|hash| TreeHash::try_from(hash.as_slice())).collect()
}

/// Absent and null are an empty proof.
fn proof(vector: &Map<String, Value>) -> Result<Vec<Vec<u8>>, String> {
    let hashes = vector.get("proof").and_then(Value::as_array);
    hashes.into_iter().flatten().map(|hash| bytes(hash.as_str().ok_or("a hash is no text")?)).collect()
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| error.to_string())
}
