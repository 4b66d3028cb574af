//! Beneath the hash check: what an attacker who writes to the registry does after a change.

use std::collections::VecDeque;

use serde_json::Value;
use verimage::Digest;
use verimage::core::{Answer, Blob, What};
use verimage_tests::descriptors;

/// Puts other bytes in the place of a blob. Questions and manifests that named its digest name the new one, so that every
/// hash fits again; what is signed stays as it is.
pub fn replace(answers: &[Answer], place: (usize, usize), bytes: Vec<u8>) -> Vec<Answer> {
    let mut answers = answers.to_vec();
    let mut open = VecDeque::from([put(&mut answers, place, bytes)]);
    // A manifest names only what is below it, so this ends.
    while let Some((old, new, size)) = open.pop_front() {
        rename(&mut answers, &old, &new);
        for place in manifests(&answers) {
            let Some(changed) = relinked(blob(&answers, place), &old, &new, size) else { continue };
            open.push_back(put(&mut answers, place, changed));
        }
    }
    answers
}

/// A digest, the one that it became, and how many bytes have it.
type Change = (Digest, Digest, usize);

/// Puts other bytes in the place of a blob, and nothing else.
pub fn put(answers: &mut [Answer], (answer, at): (usize, usize), bytes: Vec<u8>) -> Change {
    let blobs = answers[answer].result.as_mut().expect("an answer");
    let change = (Digest::sha256(blobs[at].bytes()), Digest::sha256(&bytes), bytes.len());
    blobs[at] = Blob::new(bytes);
    change
}

/// The bytes at a place.
pub fn blob(answers: &[Answer], (answer, at): (usize, usize)) -> &[u8] {
    answers[answer].result.as_ref().expect("an answer")[at].bytes()
}

/// Whether it comes from this machine: what was kept of collections is none of the world's answers.
pub fn is_own(answer: &Answer) -> bool {
    matches!(answer.want.what, What::TrustState { .. })
}

/// Questions by the digest, by a tag made of it, for its referrers, in a lookaside.
fn rename(answers: &mut [Answer], old: &Digest, new: &Digest) {
    for answer in answers {
        let text = serde_json::to_string(&answer.want).expect("a want");
        if text.contains(&old.hex()) {
            answer.want = serde_json::from_str(&text.replace(&old.hex(), &new.hex())).expect("a want");
        }
    }
}

/// Where the manifests and lists are.
fn manifests(answers: &[Answer]) -> Vec<(usize, usize)> {
    let is_manifest = |what: &What| matches!(what, What::Resolve | What::ManifestByTag(_) | What::Manifest(_) | What::Referrers { .. });
    let blobs = |answer: &Answer| answer.result.as_ref().map_or(0, Vec::len);
    let all = answers.iter().enumerate().filter(|(_, answer)| is_manifest(&answer.want.what));
    all.flat_map(|(at, answer)| (0..blobs(answer)).map(move |blob| (at, blob))).collect()
}

/// The manifest with another digest in its descriptors, if it has the old one.
fn relinked(bytes: &[u8], old: &Digest, new: &Digest, size: usize) -> Option<Vec<u8>> {
    let mut manifest: Value = serde_json::from_slice(bytes).ok()?;
    descriptors::rename(&mut manifest, &old.to_string(), &new.to_string(), size).then(|| manifest.to_string().into_bytes())
}
