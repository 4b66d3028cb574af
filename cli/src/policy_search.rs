//! Where a policy is looked for when none is named. Never the working directory: who can write there must not choose
//! what may run.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::plan::Environment;

const SYSTEM_POLICY: &str = "/etc/verimage/policy.yaml";

/// The policy of this user or machine.
pub(crate) fn find(environment: &Environment) -> Result<PathBuf, Failure> {
    if let Some(named) = &environment.policy {
        return Ok(named.clone());
    }
    let places = places(environment);
    match places.iter().find(|path| is_there(path)) {
        Some(found) => Ok(found.clone()),
        None => Err(nothing_found(&places, environment)),
    }
}

fn places(environment: &Environment) -> Vec<PathBuf> {
    let user = environment.config_directory.as_ref().map(|directory| directory.join("verimage/policy.yaml"));
    user.into_iter().chain([PathBuf::from(SYSTEM_POLICY)]).collect()
}

/// A file that cannot be looked at counts as there: reading it will say why, and no weaker policy takes its place. Below
/// a home that is no directory there is nothing.
fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap_or_else(|error| error.kind() != ErrorKind::NotADirectory)
}

fn nothing_found(places: &[PathBuf], environment: &Environment) -> Failure {
    let mut notes = vec!["looked at".to_owned(), "  $VERIMAGE_POLICY (not set)".to_owned()];
    notes.extend(places.iter().map(|path| format!("  {} (not there)", path.display())));
    let trust_policies = there(environment, &["notation/trustpolicy.oci.json", "notation/trustpolicy.json"]);
    if let Some(path) = trust_policies.first() {
        notes.push("a trust policy of notation on this machine can be used as it is".to_owned());
        notes.push(format!("  --policy {}", path.display()));
    }
    let others = there(environment, &["containers/policy.json"]);
    if !others.is_empty() {
        notes.push("policies of other tools on this machine, which this version cannot load yet".to_owned());
        notes.extend(others.iter().map(|path| format!("  {}", path.display())));
    }
    let hint = "name one with `--policy FILE`, begin one with `verimage policy init`, or give a key with `--cosign-key FILE`";
    Failure::Usage { message: "no policy is given, and none is found".to_owned(), notes, hint: Some(hint.to_owned()) }
}

/// Those of the files that are there, the user's before the machine's.
fn there(environment: &Environment, files: &[&str]) -> Vec<PathBuf> {
    let folders = environment.config_directory.iter().cloned().chain([PathBuf::from("/etc")]);
    folders.flat_map(|folder| files.iter().map(move |file| folder.join(file))).filter(|path| path.is_file()).collect()
}

/// The user's configuration directory. A relative one would depend on the working directory and counts as not set.
pub(crate) fn config_directory(configured: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(configured).or_else(|| absolute(home).map(|home| home.join(".config")))
}
