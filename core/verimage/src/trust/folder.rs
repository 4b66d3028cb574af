//! Where updated trust roots are kept.

use std::env;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use verimage_core::Code;

use crate::trust::state::State;
use crate::trust::{Origin, TrustError, TrustMaterial};

/// The file of the public instance.
pub(crate) const PUBLIC_GOOD_FILE: &str = "sigstore-public-good.json";
/// The largest such file, in bytes: all metadata and the target at their limits, each byte escaped.
const MAX_STATE_BYTES: u64 = 32 << 20;

/// A folder with one file for each mirror that was asked. The file is replaced in one step, so that readers need no lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustFolder(Option<PathBuf>);

impl TrustFolder {
    /// This folder. It need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(Some(path.into()))
    }

    /// No folder: embedded material only, and no updates.
    pub fn none() -> Self {
        Self(None)
    }

    /// The user's: `verimage/trust` in `$XDG_DATA_HOME`, or in `.local/share` of `$HOME`. Relative ones would depend on
    /// the working directory and count as not set; without either there is no folder.
    pub fn of_user() -> Self {
        let directory = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let data = directory("XDG_DATA_HOME").or_else(|| directory("HOME").map(|home| home.join(".local/share")));
        Self(data.map(|data| data.join("verimage/trust")))
    }

    /// Where it is.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// The trust root of a mirror, from its file; `None` if there is no such file.
    pub(crate) fn read(&self, name: &str, mirror: &str) -> Result<Option<TrustMaterial>, TrustError> {
        let Some(path) = self.path().map(|folder| folder.join(name)) else { return Ok(None) };
        Ok(self.state(name, mirror)?.map(|state| TrustMaterial {
            origin: Origin::Updated { mirror: state.mirror, path },
            dated: state.updated,
            expires: Some(state.expires),
            bytes: state.trusted_root.into_bytes(),
        }))
    }

    /// What an earlier update from a mirror left in its file. The file of another mirror under this name is refused.
    pub(crate) fn state(&self, name: &str, mirror: &str) -> Result<Option<State>, TrustError> {
        let Some(path) = self.path().map(|folder| folder.join(name)) else { return Ok(None) };
        let unreadable = |why: String| TrustError::new(Code::TrustStateUnreadable, format!("{}: {why}", path.display()));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let mut bytes = Vec::new();
        file.take(MAX_STATE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
        if bytes.len() as u64 > MAX_STATE_BYTES {
            return Err(unreadable(format!("it is larger than {MAX_STATE_BYTES} bytes")));
        }
        let state = State::read(&bytes).map_err(unreadable)?;
        if state.mirror != mirror {
            return Err(unreadable(format!("it is of the mirror `{}`", state.mirror)));
        }
        Ok(Some(state))
    }
}
