//! Bounds for everything that comes from outside.

use serde::{Deserialize, Serialize};

/// The bounds of one verification. Reaching one is reported as `limit-exceeded`, never passed over in silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a manifest, an index, or all pages of a referrers list together. 4 MiB.
    pub manifest_bytes: u64,
    /// Bytes of a signed payload. 64 KiB: real ones have about 300.
    pub payload_bytes: u64,
    /// Bytes of an envelope with all its evidence, such as a sigstore bundle. 1 MiB.
    pub envelope_bytes: u64,
    /// Referrers of an image that are looked at. 64.
    pub referrers: usize,
    /// Signatures that are tried for one leaf. 1,000, as cosign's own bound.
    pub signatures: usize,
    /// Rounds of questions of one verification. 160: a signature lookaside is asked for one signature after another, and may
    /// hold up to 127.
    pub rounds: usize,
    /// Different questions of one verification. 4,096.
    pub wants: usize,
    /// Bytes of all answers of one verification together. 64 MiB.
    pub total_bytes: u64,
    /// Image manifests of an index that are judged one by one. 32.
    pub index_manifests: usize,
}

impl Limits {
    /// These limits, none of them wider than `bounds`.
    #[must_use]
    pub fn within(&self, bounds: &Self) -> Self {
        Self {
            manifest_bytes: self.manifest_bytes.min(bounds.manifest_bytes),
            payload_bytes: self.payload_bytes.min(bounds.payload_bytes),
            envelope_bytes: self.envelope_bytes.min(bounds.envelope_bytes),
            referrers: self.referrers.min(bounds.referrers),
            signatures: self.signatures.min(bounds.signatures),
            rounds: self.rounds.min(bounds.rounds),
            wants: self.wants.min(bounds.wants),
            total_bytes: self.total_bytes.min(bounds.total_bytes),
            index_manifests: self.index_manifests.min(bounds.index_manifests),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes: 4 << 20,
            payload_bytes: 64 << 10,
            envelope_bytes: 1 << 20,
            referrers: 64,
            signatures: 1000,
            rounds: 160,
            wants: 4096,
            total_bytes: 64 << 20,
            index_manifests: 32,
        }
    }
}
