//! Manifests that tags named when they were last asked for, so that asking again costs the head of an answer.

use std::fmt;

use moka::sync::Cache;
use verimage_core::{Bytes, Digest};

/// How much memory they take, about, in bytes.
const MAX_BYTES: u64 = 16 << 20;
/// What one costs beside its bytes.
const OVERHEAD: usize = 512;

/// A manifest, and its digest as the registry announces it.
#[derive(Clone)]
pub(crate) struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
}

pub(crate) struct Tagged(Cache<String, Manifest>);

impl Default for Tagged {
    fn default() -> Self {
        let weigh = |name: &String, manifest: &Manifest| {
            u32::try_from(name.len().saturating_add(manifest.bytes.len()).saturating_add(OVERHEAD)).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).build())
    }
}

impl Tagged {
    pub(crate) fn get(&self, name: &str) -> Option<Manifest> {
        self.0.get(name)
    }

    pub(crate) fn keep(&self, name: String, manifest: Manifest) {
        self.0.insert(name, manifest);
    }
}

impl fmt::Debug for Tagged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tagged").field("count", &self.0.entry_count()).finish()
    }
}
