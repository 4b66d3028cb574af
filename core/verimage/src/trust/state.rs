//! What an update leaves behind: the trust root, and the metadata below which no later update may go.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The version of this form.
const VERSION: u32 = 1;

/// What is kept of one mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) mirror: String,
    /// SHA-256 of the root metadata that the first update began with.
    pub(crate) start: String,
    pub(crate) updated: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) trusted_root: String,
    /// `root.json`, `timestamp.json`, `snapshot.json` and `targets.json`.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// The file, with a digest of everything it says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    version: u32,
    sha256: String,
    mirror: String,
    start: String,
    updated: Timestamp,
    expires: Timestamp,
    trusted_root: String,
    metadata: BTreeMap<String, String>,
}

impl State {
    /// Reads what [`write`](Self::write) wrote. A file that was cut or changed is told, not believed.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if document.version != VERSION {
            return Err(format!("it has version {}, this program reads version {VERSION}", document.version));
        }
        let Document { sha256, mirror, start, updated, expires, trusted_root, metadata, .. } = document;
        let state = Self { mirror, start, updated, expires, trusted_root, metadata };
        if state.digest() != sha256 {
            return Err("its content does not have the digest that it names".to_owned());
        }
        Ok(state)
    }

    #[cfg(feature = "trust-update")]
    pub(crate) fn write(self) -> serde_json::Result<Vec<u8>> {
        let sha256 = self.digest();
        let Self { mirror, start, updated, expires, trusted_root, metadata } = self;
        serde_json::to_vec_pretty(&Document { version: VERSION, sha256, mirror, start, updated, expires, trusted_root, metadata })
    }

    /// A digest of every field, each behind its length.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        [&self.mirror, &self.start, &self.updated.to_string(), &self.expires.to_string(), &self.trusted_root]
            .into_iter()
            .for_each(|text| add(text));
        for (name, text) in &self.metadata {
            add(name);
            add(text);
        }
        hex::encode(hash.finalize())
    }
}

#[cfg(any(test, feature = "trust-update"))]
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(all(test, feature = "trust-update"))]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            mirror: "https://mirror.example/".to_owned(),
            start: sha256(b"root"),
            updated: Timestamp::UNIX_EPOCH,
            expires: Timestamp::MAX,
            trusted_root: "{}\n".to_owned(),
            metadata: BTreeMap::from([("root.json".to_owned(), "{\"ö\": 1}".to_owned())]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(State::read(&state().write().unwrap()).unwrap(), state());
    }

    #[test]
    fn what_was_cut_or_changed_is_told() {
        let written = String::from_utf8(state().write().unwrap()).unwrap();
        for changed in [
            written.replace("{}\\n", "{ }\\n"),
            written.replace("1970", "1971"),
            written.replace("9999", "9998"),
            written.replace("root.json", "toor.json"),
            written.replace("mirror.example", "m.example"),
            written.replace("\"version\": 1", "\"version\": 2"),
            written.replace("\"version\"", "\"more\": 0, \"version\""),
            written[..written.len() - 2].to_owned(),
            String::new(),
        ] {
            assert_ne!(changed, written);
            assert!(State::read(changed.as_bytes()).is_err(), "{changed}");
        }
    }
}
