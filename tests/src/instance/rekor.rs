//! Transparency logs for signatures: Rekor v1 (signed promises, sharded trees) and v2 (tiles, witnesses, no promises).

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::key::{Hash, Key, Kind, base64};
use super::merkle;

/// A log.
#[derive(Clone, Debug)]
pub struct Rekor {
    /// Where it is served.
    pub host: String,
    /// Its key: ECDSA for v1, Ed25519 for v2.
    pub key: Key,
    /// The number of the tree, for v1 alone.
    pub tree: Option<u64>,
    /// The identifier that its entries state; that of the key, if none.
    pub id: Option<Vec<u8>>,
    /// How many entries stand before the one that is made.
    pub before: usize,
    /// How many come after it, until the checkpoint.
    pub after: usize,
    /// What is added to the number in the tree: entries of earlier shards. For v1 alone.
    pub offset: u64,
    /// Further lines below the root hash of a checkpoint, which are signed, too.
    pub lines: Vec<String>,
    /// Whoever else signs the checkpoints: name and key.
    pub witnesses: Vec<(String, Key)>,
}

/// An entry with everything that proves it. Each part can be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The identifier of the log.
    pub log_id: Vec<u8>,
    /// What the kind is said to be.
    pub kind: String,
    /// What the version of the kind is said to be.
    pub version: String,
    /// The entry itself, in canonical JSON.
    pub body: Vec<u8>,
    /// When it was made, in seconds since 1970; 0 for none.
    pub time: i64,
    /// Its number in the log.
    pub index: i64,
    /// The log's signature over all of the above.
    pub promise: Option<Vec<u8>>,
    /// That it is in the tree.
    pub proof: Option<Proof>,
}

/// That an entry is in the tree of which a checkpoint speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The number in the tree.
    pub index: i64,
    /// The root hash.
    pub root: Vec<u8>,
    /// How many entries the tree has.
    pub size: i64,
    /// From the leaf to the root.
    pub hashes: Vec<Vec<u8>>,
    /// The signed note.
    pub checkpoint: String,
}

impl Rekor {
    /// A log of the first generation.
    pub fn v1(host: &str, key: Key) -> Self {
        let (tree, offset) = (Some(2_605_736_670_972_794_746), 4_163_431);
        let (id, before, after, lines, witnesses) = (None, 3, 4, Vec::new(), Vec::new());
        Self { host: host.to_owned(), key, tree, id, before, after, offset, lines, witnesses }
    }

    /// A log of the second generation.
    pub fn v2(host: &str, key: Key) -> Self {
        let witnesses = vec![("witness.example".to_owned(), Key::new(Kind::Ed25519, "witness"))];
        Self { tree: None, offset: 0, witnesses, ..Self::v1(host, key) }
    }

    /// Whether it is of the second generation.
    pub fn is_v2(&self) -> bool {
        self.tree.is_none()
    }

    /// The origin of its checkpoints.
    pub fn origin(&self) -> String {
        self.tree.map_or_else(|| self.host.clone(), |tree| format!("{} - {tree}", self.host))
    }

    /// Its identifier: v1 hashes the public key, v2 names the key as signed notes do, but in full.
    pub fn log_id(&self) -> Vec<u8> {
        let own = || if self.is_v2() { note_key_id(&self.origin(), &self.key) } else { self.key.id() };
        self.id.clone().unwrap_or_else(own)
    }

    /// Makes an entry.
    pub fn enter(&self, (kind, version): (&str, &str), body: &Value, time: i64) -> Entry {
        let body = serde_json_canonicalizer::to_vec(body).expect("JSON");
        let mut entry = Entry {
            log_id: self.log_id(),
            kind: kind.to_owned(),
            version: version.to_owned(),
            proof: Some(self.prove(&body)),
            body,
            time: if self.is_v2() { 0 } else { time },
            index: i64::try_from(self.before).expect("few entries") + i64::try_from(self.offset).expect("few entries"),
            promise: None,
        };
        if !self.is_v2() {
            entry.promise = Some(self.promise(&entry));
        }
        entry
    }

    /// The log's signature over an entry: what v1 calls the signed entry timestamp.
    pub fn promise(&self, entry: &Entry) -> Vec<u8> {
        let signed = json!({
            "body": base64(&entry.body),
            "integratedTime": entry.time,
            "logID": hex::encode(&entry.log_id),
            "logIndex": entry.index,
        });
        self.key.sign(&serde_json_canonicalizer::to_vec(&signed).expect("JSON"))
    }

    /// The tree with this entry in its place.
    pub fn prove(&self, body: &[u8]) -> Proof {
        let neighbour = |number: usize| merkle::leaf(format!("{} {number}", self.host).as_bytes());
        let before = (0..self.before).map(neighbour);
        let after = (0..self.after).map(|number| neighbour(number + self.before + 1));
        let leaves: Vec<_> = before.chain([merkle::leaf(body)]).chain(after).collect();
        let root = merkle::root(&leaves);
        Proof {
            index: i64::try_from(self.before).expect("few entries"),
            root: root.to_vec(),
            size: i64::try_from(leaves.len()).expect("few entries"),
            hashes: merkle::path(self.before, &leaves).iter().map(|node| node.to_vec()).collect(),
            checkpoint: self.checkpoint(leaves.len() as u64, &root),
        }
    }

    /// A signed note about a tree of this size with this root.
    pub fn checkpoint(&self, size: u64, root: &[u8]) -> String {
        let text = self.note(&self.origin(), size, root);
        let own = signature_line(&self.host, &self.key_hint(), &self.key.sign(text.as_bytes()));
        let witnesses = self.witnesses.iter().map(|(name, key)| cosignature_line(name, key, &text));
        let lines: Vec<String> = [own].into_iter().chain(witnesses).collect();
        format!("{text}\n{}", lines.concat())
    }

    /// The text of a note.
    pub fn note(&self, origin: &str, size: u64, root: &[u8]) -> String {
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        format!("{origin}\n{size}\n{}\n{lines}", base64(root))
    }

    /// The four bytes by which notes name the key.
    pub fn key_hint(&self) -> Vec<u8> {
        let id = if self.key.kind() == Kind::Ed25519 { note_key_id(&self.host, &self.key) } else { self.key.id() };
        id[..4].to_vec()
    }
}

/// A line with a signature below a note.
pub fn signature_line(name: &str, hint: &[u8], signature: &[u8]) -> String {
    format!("\u{2014} {name} {}\n", base64(&[hint, signature].concat()))
}

/// The line of a witness (c2sp.org/tlog-cosignature): it signs the note and its own time.
fn cosignature_line(name: &str, key: &Key, note: &str) -> String {
    const TIME: u64 = 1_767_225_700;
    let id = Sha256::digest([name.as_bytes(), b"\n\x04", &key.raw()].concat());
    let signature = key.sign(format!("cosignature/v1\ntime {TIME}\n{note}").as_bytes());
    signature_line(name, &id[..4], &[&TIME.to_be_bytes()[..], &signature].concat())
}

/// The identifier of an Ed25519 key in a signed note, in full (c2sp.org/signed-note).
fn note_key_id(name: &str, key: &Key) -> Vec<u8> {
    Hash::Sha256.of(&[name.as_bytes(), b"\n\x01", &key.raw()].concat())
}
