//! Loads the policy of a plan.

use std::fs;
use std::path::Path;

use verimage::core::Timestamp;
use verimage::core::policy::Remark;
use verimage::{FolderMaterial, Policy, PolicyLoader};

use crate::failure::Failure;
use crate::plan::{PolicyChoice, PolicyFile};

/// The source of policies that are not files, as verdicts name it.
pub(crate) const COMMAND_LINE: &str = "command line";
/// The largest policy that is shown or quoted, in bytes.
const MAX_QUOTED_BYTES: u64 = 16 << 20;

/// Whether anybody may be asked for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    FromAnywhere,
    Offline,
}

pub(crate) async fn policy(choice: &PolicyChoice, keys: Keys) -> Result<Policy, Failure> {
    let loader = PolicyLoader::new();
    match choice {
        PolicyChoice::File(PolicyFile { path, trust_stores }) => {
            let loader = trust_stores.iter().fold(loader, |loader, folder| loader.trust_stores(folder.clone()));
            let loaded = if keys == Keys::Offline { loader.load(path) } else { loader.load_async(path).await };
            loaded.map_err(|error| Failure::policy(error, text_of(path)))
        }
        PolicyChoice::CommandLine(_) => {
            let (text, files) = (text(choice)?, FolderMaterial::default());
            let loaded = match keys {
                Keys::Offline => loader.load_text(&text, COMMAND_LINE, &files),
                Keys::FromAnywhere => loader.load_text_async(&text, COMMAND_LINE, &files).await,
            };
            loaded.map_err(|error| Failure::policy(error, None))
        }
    }
}

/// A policy file, and what its author may not have meant.
pub(crate) async fn linted(file: &PolicyFile, at: Timestamp) -> Result<(Policy, Vec<Remark>), Failure> {
    let PolicyFile { path, trust_stores } = file;
    let loader = trust_stores.iter().fold(PolicyLoader::new(), |loader, folder| loader.trust_stores(folder.clone()));
    loader.lint(path, at).await.map_err(|error| Failure::policy(error, text_of(path)))
}

/// The policy as it is written.
pub(crate) fn text(choice: &PolicyChoice) -> Result<String, Failure> {
    match choice {
        PolicyChoice::File(PolicyFile { path, .. }) => file_text(path),
        PolicyChoice::CommandLine(text) => Ok(text.clone()),
    }
}

/// The text of a policy file.
pub(crate) fn file_text(path: &Path) -> Result<String, Failure> {
    text_of(path).ok_or_else(|| Failure::usage(format!("`{}` cannot be read", path.display())))
}

/// The text of a regular file of a reasonable size.
fn text_of(path: &Path) -> Option<String> {
    let facts = fs::metadata(path).ok()?;
    if !facts.is_file() || facts.len() > MAX_QUOTED_BYTES {
        return None;
    }
    fs::read_to_string(path).ok()
}
