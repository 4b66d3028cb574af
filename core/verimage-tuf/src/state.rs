//! What is remembered of a collection, so that old data are recognised.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use verimage_core::json;

use crate::{Gun, RoleName, document::Root, envelope::Envelope};

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
}

const FORMAT: u32 = 1;

impl From<TrustState> for StateFile {
    fn from(state: TrustState) -> Self {
        let versions = state.versions.iter().map(|(role, version)| (role.to_string(), *version)).collect();
        Self { format: FORMAT, gun: state.gun.to_string(), anchor: state.anchor, root: STANDARD.encode(&state.root), versions }
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
        Ok(Self { gun: Gun::new(&file.gun).map_err(|error| fault(&error))?, anchor: file.anchor, root: root.into(), versions })
    }
}
