//! What is remembered of a collection, so that old data are recognised.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use verimage_core::json;

use crate::{
    DelegationName, Gun, RoleName,
    document::{Authority, Root},
    envelope::Envelope,
};

/// What is remembered of one collection on one server: the trusted root, and the highest version seen of each role.
///
/// It is security state: without it, a server can serve last year's data for as long as they are valid. It comes out of every
/// verification whose chain of roles holds, whether or not the tag was found, and goes into the next.
///
/// ```
/// # fn keep(state: &verimage_tuf::TrustState) -> Result<(), verimage_tuf::StateError> {
/// let kept = state.to_json();
/// assert_eq!(&verimage_tuf::TrustState::from_json(&kept)?, state);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StateFile", into = "StateFile")]
pub struct TrustState {
    pub(crate) gun: Gun,
    /// Under which pins the root was established.
    pub(crate) anchor: String,
    pub(crate) root: Bytes,
    pub(crate) versions: BTreeMap<RoleName, u64>,
    /// The IDs of the keys that delegations had with these versions.
    pub(crate) keys: DelegationKeys,
}

pub(crate) type DelegationKeys = BTreeMap<DelegationName, BTreeSet<String>>;

/// Most keys of a delegation that are remembered. Of one with more nothing is, so that its versions never begin anew.
const MOST_KEYS: usize = 16;

/// Remembers the keys of a delegation.
pub(crate) fn note_keys(keys: &mut DelegationKeys, name: &DelegationName, authority: &Authority) {
    let is_usual = |id: &String| id.len() == 64;
    if authority.key_ids.len() <= MOST_KEYS && authority.key_ids.iter().all(is_usual) {
        keys.insert(name.clone(), authority.key_ids.clone());
    } else {
        keys.remove(name);
    }
}

/// Why kept bytes are no state. They must not be taken for a first contact.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the kept trust state cannot be used: {0}")]
pub struct StateError(String);

impl TrustState {
    /// The collection.
    #[must_use]
    pub fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The highest version seen of each role.
    #[must_use]
    pub fn versions(&self) -> &BTreeMap<RoleName, u64> {
        &self.versions
    }

    /// The trusted root as it was received.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// Reads what [`to_json`](Self::to_json) wrote, strictly.
    ///
    /// # Errors
    /// [`StateError`] for everything else.
    pub fn from_json(bytes: &[u8]) -> Result<Self, StateError> {
        let value = json::strict_value(bytes).map_err(|error| StateError(error.to_string()))?;
        if !value.is_object() {
            return Err(StateError("it is not an object".to_owned()));
        }
        serde_json::from_value(value).map_err(|error| StateError(error.to_string()))
    }

    /// The state as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of texts and numbers has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What is known if two verifications ended with these states: the newer root, and the highest version of each role. Of
    /// roles whose keys were replaced in between, what was seen last counts: of timestamp and snapshot under the newer root, of
    /// a delegation under the newer of the roles above it.
    ///
    /// Nothing if they cannot both be true: they are of other collections, or have other roots of one version.
    #[must_use]
    pub fn merge(self, other: Self) -> Option<Self> {
        if self.gun != other.gun {
            return None;
        }
        let (older, newer) = match self.version(&RoleName::Root).cmp(&other.version(&RoleName::Root)) {
            Ordering::Greater => (other, self),
            Ordering::Equal if self.root != other.root => return None,
            Ordering::Less | Ordering::Equal => (self, other),
        };
        let roots = [&older, &newer].map(TrustState::document);
        let mut merged = newer.clone();
        for (role, version) in &older.versions {
            match role {
                RoleName::Delegation(name) => merged.merge_delegation(name, &older, &newer),
                _ if matches!(&roots, [Some(older), Some(newer)] if older.is_renewed(role, newer)) => {}
                _ => merged.raise(role, *version),
            }
        }
        Some(merged)
    }

    fn merge_delegation(&mut self, name: &DelegationName, older: &Self, newer: &Self) {
        let role = RoleName::Delegation(name.clone());
        let above = name.parent().map_or(RoleName::Targets, RoleName::Delegation);
        match (older.keys.get(name), newer.keys.get(name)) {
            (Some(before), Some(after)) if before.is_disjoint(after) => {
                if older.version(&above) > newer.version(&above) {
                    self.versions.insert(role.clone(), older.version(&role));
                    self.keys.insert(name.clone(), before.clone());
                }
            }
            (before, after) => {
                self.raise(&role, older.version(&role));
                if before.or(after).is_some() {
                    self.keys.insert(name.clone(), before.into_iter().chain(after).flatten().cloned().collect());
                }
            }
        }
    }

    fn raise(&mut self, role: &RoleName, version: u64) {
        let known = self.versions.entry(role.clone()).or_default();
        *known = version.max(*known);
    }

    /// The root, which was read before the state was made.
    fn document(&self) -> Option<Root> {
        Envelope::parse(&self.root).and_then(|envelope| Root::read(&envelope)).ok()
    }

    /// Whether a delegation has none of the keys that it had.
    pub(crate) fn is_replaced(&self, name: &DelegationName, authority: &Authority) -> bool {
        let known = self.keys.get(name).filter(|known| !known.is_empty());
        known.is_some_and(|known| !authority.key_ids.is_empty() && known.is_disjoint(&authority.key_ids))
    }

    pub(crate) fn check_gun(&self, gun: &Gun) -> Result<(), StateError> {
        if self.gun == *gun { Ok(()) } else { Err(StateError(format!("it is that of {}, expected {gun}", self.gun))) }
    }

    pub(crate) fn version(&self, role: &RoleName) -> u64 {
        self.versions.get(role).copied().unwrap_or(0)
    }
}

/// The form that is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    format: u32,
    gun: String,
    anchor: String,
    root: String,
    versions: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    keys: BTreeMap<String, BTreeSet<String>>,
}

const FORMAT: u32 = 1;

impl From<TrustState> for StateFile {
    fn from(state: TrustState) -> Self {
        let versions = state.versions.iter().map(|(role, version)| (role.to_string(), *version)).collect();
        let keys = state.keys.into_iter().map(|(name, keys)| (name.to_string(), keys)).collect();
        Self { format: FORMAT, gun: state.gun.to_string(), anchor: state.anchor, root: STANDARD.encode(&state.root), versions, keys }
    }
}

impl TryFrom<StateFile> for TrustState {
    type Error = StateError;

    fn try_from(file: StateFile) -> Result<Self, StateError> {
        if file.format != FORMAT {
            return Err(StateError(format!("its format is {}, expected {FORMAT}", file.format)));
        }
        let fault = |error: &dyn std::fmt::Display| StateError(error.to_string());
        let root = STANDARD.decode(&file.root).map_err(|error| fault(&error))?;
        let document = Envelope::parse(&root).and_then(|envelope| Root::read(&envelope)).map_err(|error| fault(&error))?;
        let role = |(role, version): (String, u64)| Ok((RoleName::parse(&role).map_err(|error| fault(&error))?, version));
        let versions = file.versions.into_iter().map(role).collect::<Result<BTreeMap<_, _>, StateError>>()?;
        if versions.get(&RoleName::Root) != Some(&document.header.version) {
            return Err(StateError("its root has another version than it says".to_owned()));
        }
        let delegation = |(name, keys): (String, _)| Ok((DelegationName::new(&name).map_err(|error| fault(&error))?, keys));
        let keys = file.keys.into_iter().map(delegation).collect::<Result<_, StateError>>()?;
        Ok(Self { gun: Gun::new(&file.gun).map_err(|error| fault(&error))?, anchor: file.anchor, root: root.into(), versions, keys })
    }
}
