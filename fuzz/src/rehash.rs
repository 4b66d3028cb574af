//! Beneath the hash check: whoever writes to a registry gives what he changed its own digest, and so does this, because no mutation
//! would find it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use verimage::Digest;

use crate::descriptors;

/// More changes than a mutation makes, and a bound for lists that go round.
const MOST: usize = 32;

/// The transcript with every blob below its digest, and with that digest in the questions and manifests that named it otherwise.
pub fn rehash(data: &[u8]) -> Option<Vec<u8>> {
    let mut transcript: Value = serde_json::from_slice(data).ok()?;
    for _ in 0..MOST {
        let Some((old, bytes)) = wrong(transcript.get("blobs")?.as_object()?) else { break };
        let new = Digest::sha256(&bytes).to_string();
        let blobs = transcript.get_mut("blobs")?.as_object_mut()?;
        let text = blobs.remove(&old)?;
        relink_all(blobs, &old, &new, bytes.len());
        blobs.insert(new.clone(), text);
        // Tags are made of digests with another separator.
        let (old, new) = (old.strip_prefix("sha256:").filter(|hex| hex.len() == 64)?, new.strip_prefix("sha256:")?);
        let answers = transcript.get("answers")?.to_string().replace(old, new);
        *transcript.get_mut("answers")? = serde_json::from_str(&answers).ok()?;
    }
    Some(transcript.to_string().into_bytes())
}

/// A blob that is not below its digest.
fn wrong(blobs: &Map<String, Value>) -> Option<(String, Vec<u8>)> {
    let decoded = blobs.iter().filter_map(|(name, text)| Some((name, STANDARD.decode(text.as_str()?).ok()?)));
    let mut wrong = decoded.filter(|(name, bytes)| Digest::sha256(bytes).to_string() != **name);
    wrong.next().map(|(name, bytes)| (name.clone(), bytes))
}

/// Puts the new digest into the descriptors of manifests, which have wrong digests then themselves.
fn relink_all(blobs: &mut Map<String, Value>, old: &str, new: &str, size: usize) {
    for text in blobs.values_mut() {
        let manifest = text.as_str().and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(mut manifest) = manifest.filter(|manifest: &Value| manifest.get("schemaVersion").is_some()) else { continue };
        if descriptors::rename(&mut manifest, old, new, size) {
            *text = STANDARD.encode(manifest.to_string()).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verimage::Transcript;

    /// What is right stays, and what was changed is right again, up to the list that names the manifest that names it.
    #[test]
    fn changed_blobs_have_their_digests() {
        for (name, seed) in crate::seeds("session") {
            let transcript = Transcript::parse(&seed).unwrap();
            assert_eq!(Transcript::parse(&rehash(&seed).unwrap()).unwrap(), transcript, "{name}");
            let mut changed: Value = serde_json::from_slice(&seed).unwrap();
            for text in changed["blobs"].as_object_mut().unwrap().values_mut() {
                let mut bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
                let last = bytes.len() - 1;
                bytes[last] = if bytes[last] == b'}' { b' ' } else { bytes[last] ^ 1 };
                *text = STANDARD.encode(bytes).into();
            }
            let rehashed = Transcript::parse(&rehash(changed.to_string().as_bytes()).unwrap()).unwrap();
            assert!(rehashed.replay().is_ok() && rehashed != transcript, "{name}");
        }
    }
}
