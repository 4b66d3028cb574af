//! The logs of a trusted root, their keys loaded once.

use verimage_crypto::{Algorithm, CryptoSet, PublicKey, SignatureError, VerifyingKey};

use super::error::LogError;
use crate::trust_root::{LogKey, TransparencyLog};

/// The logs of one kind of a trusted root.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logs(Vec<Known>);

/// A log, or why it cannot be asked.
#[derive(Clone, Debug)]
struct Known {
    id: Vec<u8>,
    log: Result<Log, String>,
}

impl Logs {
    /// Prepares logs of a root. A key that cannot be used fails those entries alone that need it.
    pub(crate) fn load(logs: &[TransparencyLog], crypto: &CryptoSet) -> Self {
        let known = |log: &TransparencyLog| Known { id: log.id.clone(), log: Log::load(log, crypto) };
        Self(logs.iter().map(known).collect())
    }

    /// How many logs there are, usable or not.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The log with this identifier.
    pub(crate) fn find(&self, id: &[u8]) -> Result<&Log, LogError> {
        let known = self.0.iter().find(|known| known.id == id).ok_or_else(|| LogError::UnknownLog { id: hex::encode(id) })?;
        known.log.as_ref().map_err(|reason| LogError::UnusableLog { id: hex::encode(id), reason: reason.clone() })
    }
}

/// A log whose key is loaded.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) description: TransparencyLog,
    key: VerifyingKey,
    algorithm: Algorithm,
}

impl Log {
    fn load(description: &TransparencyLog, crypto: &CryptoSet) -> Result<Self, String> {
        match &description.key {
            LogKey::Unusable { reason } => Err(reason.clone()),
            LogKey::Usable { key, algorithm } => {
                let key = crypto.load(key).map_err(|error| error.to_string())?;
                Ok(Self { description: description.clone(), key, algorithm: *algorithm })
            }
        }
    }

    pub(super) fn key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// Verifies that the log signed `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.key.verify(self.algorithm, message, signature)
    }
}
