//! Checkpoints: signed notes over the size and the root of a log (C2SP `signed-note`, `tlog-checkpoint`; Rekor v1 and v2).
//!
//! The reader of the crate `sigstore-types` splits at the first blank line and trims lines, so it is not used.

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use verimage_crypto::{KeyKind, PublicKey, SignatureError};

use super::encoding::{base64_bytes, decimal};
use super::logs::Log;
use super::merkle::TreeHash;

/// A checkpoint with sixteen cosignatures has four thousand bytes.
const MAX_LENGTH: usize = 64 * 1024;
const MAX_SIGNATURES: usize = 16;
const HINT_LENGTH: usize = 4;

/// A checkpoint, its signatures not yet verified.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
    /// What is signed: up to and with the line break before the last blank line.
    text: &'a str,
    pub(crate) origin: &'a str,
    pub(crate) size: u64,
    pub(crate) root: TreeHash,
    signatures: Vec<NoteSignature<'a>>,
}

#[derive(Debug)]
struct NoteSignature<'a> {
    name: &'a str,
    hint: Vec<u8>,
    signature: Vec<u8>,
}

/// The two protocols of Rekor, told apart by what the log signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// The origin ends with the number of the shard.
    One,
    /// The origin is the host of the log.
    Two,
}

/// Why a checkpoint does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum CheckpointError {
    #[error("the checkpoint: {0}")]
    Malformed(&'static str),
    #[error("the checkpoint is of `{origin}`, not of the log at `{base_url}`")]
    Origin { origin: String, base_url: String },
    #[error("the checkpoint has no signature of the log's key")]
    Unsigned,
    #[error("the checkpoint: {0}")]
    Signature(#[from] SignatureError),
}

impl<'a> Checkpoint<'a> {
    /// Reads a checkpoint strictly.
    pub(crate) fn parse(note: &'a str) -> Result<Self, CheckpointError> {
        use CheckpointError::Malformed;
        if note.len() > MAX_LENGTH || note.chars().any(|symbol| symbol.is_control() && symbol != '\n') {
            return Err(Malformed("it is too long, or holds control characters"));
        }
        let (body, signatures) = note.rsplit_once("\n\n").ok_or(Malformed("it has no blank line before its signatures"))?;
        let text = note.get(..body.len().saturating_add(1)).unwrap_or_default();
        let mut lines = body.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(Malformed("it has no origin"))?;
        let size = lines.next().and_then(decimal).ok_or(Malformed("its second line is no size"))?;
        let root = lines.next().and_then(base64_bytes).and_then(|bytes| TreeHash::try_from(bytes.as_slice()).ok());
        let root = root.ok_or(Malformed("its third line is no root hash"))?;
        if lines.any(str::is_empty) {
            return Err(Malformed("an extension line is empty"));
        }
        Ok(Self { text, origin, size, root, signatures: note_signatures(signatures)? })
    }

    /// Verifies that the log signed it: at least one line names the log's key, and all that name it verify.
    /// Lines of other keys are those of witnesses, or of keys to come.
    pub(super) fn verify(&self, log: &Log) -> Result<Generation, CheckpointError> {
        let (generation, name) = self.signer(&log.description.base_url)?;
        let hint = hint(log, generation, name);
        let mut signed = false;
        for line in self.signatures.iter().filter(|line| line.name == name && line.hint == hint) {
            log.verify(self.text.as_bytes(), &line.signature)?;
            signed = true;
        }
        if signed { Ok(generation) } else { Err(CheckpointError::Unsigned) }
    }

    /// The name under which the log signs: of Rekor v1 the origin without the shard, of v2 the origin, which is the host.
    fn signer(&self, base_url: &str) -> Result<(Generation, &'a str), CheckpointError> {
        if let Some((host, shard)) = self.origin.rsplit_once(" - ")
            && !shard.is_empty()
            && shard.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Ok((Generation::One, host));
        }
        if is_origin_of(self.origin, base_url) {
            return Ok((Generation::Two, self.origin));
        }
        let (origin, base_url) = (self.origin.escape_debug().to_string(), base_url.escape_debug().to_string());
        Err(CheckpointError::Origin { origin, base_url })
    }
}

/// The four bytes by which signature lines name the log's key: the root may say them.
fn hint(log: &Log, generation: Generation, name: &str) -> Vec<u8> {
    let said = log.description.checkpoint_key_id.clone();
    said.unwrap_or_else(|| key_id(generation, name, log.key())).into_iter().take(HINT_LENGTH).collect()
}

/// The origin is the URL of the log without its scheme, or the host of that URL alone.
fn is_origin_of(origin: &str, base_url: &str) -> bool {
    let address = base_url.split_once("://").map_or(base_url, |(_, address)| address).trim_end_matches('/');
    let host = address.split('/').next().unwrap_or_default();
    !host.is_empty() && (origin == address || origin == host)
}

/// The identifier of which a signature line carries the first four bytes.
fn key_id(generation: Generation, name: &str, key: &PublicKey) -> Vec<u8> {
    let named = || Sha256::new().chain_update(name).chain_update(b"\n");
    match (generation, key.kind()) {
        (Generation::Two, KeyKind::Ed25519) => named().chain_update([0x01]).chain_update(key.subject_public_key()).finalize().to_vec(),
        (Generation::Two, KeyKind::Rsa { .. }) => {
            let padding = b"PKIX-RSA-PKCS#1v1.5";
            named().chain_update([0xff]).chain_update(padding).chain_update(key.spki_der()).finalize().to_vec()
        }
        _ => key.fingerprint().as_bytes().to_vec(),
    }
}

fn note_signatures(text: &str) -> Result<Vec<NoteSignature<'_>>, CheckpointError> {
    let text = text.strip_suffix('\n').ok_or(CheckpointError::Malformed("its last line has no end"))?;
    if text.split('\n').count() > MAX_SIGNATURES {
        return Err(CheckpointError::Malformed("it has more than 16 signatures"));
    }
    text.split('\n').map(note_signature).collect()
}

/// `— name base64`, where the base64 is four bytes of the key's identifier and the signature.
fn note_signature(line: &str) -> Result<NoteSignature<'_>, CheckpointError> {
    let malformed = CheckpointError::Malformed("a signature line is not `— name base64`");
    let Some((name, text)) = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' ')) else { return Err(malformed) };
    let bytes = base64_bytes(text).unwrap_or_default();
    match bytes.split_at_checked(HINT_LENGTH) {
        Some((hint, signature)) if is_name(name) && !signature.is_empty() => {
            Ok(NoteSignature { name, hint: hint.to_vec(), signature: signature.to_vec() })
        }
        _ => Err(malformed),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|symbol| symbol.is_whitespace() || symbol == '+')
}

#[cfg(test)]
mod tests;
