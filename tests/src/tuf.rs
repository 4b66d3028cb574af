//! `tuf-*`: repositories of TUF 1.0, as sigstore publishes its trust root.

use jiff::Timestamp;
use verimage::trust::{Client, FolderMirror, TrustError, verify_metadata};

use crate::{Answer, Case, path, read, text};

/// The whole client workflow. `roles`, delegated roles of a case without a target, are not asked for by name: the client
/// loads a delegated role when it looks for a target.
pub(crate) fn client(case: &Case) -> Result<Answer, String> {
    let metadata = path(case, "metadata")?;
    let targets = path(case, "targets").unwrap_or_else(|_| metadata.clone());
    let root = read(&path(case, "initial_root")?)?;
    let now: Timestamp = text(&case.params, "time")?.parse().map_err(|error| format!("`time`: {error}"))?;
    let target = text(&case.params, "target").ok();
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    Ok(answer(runtime.block_on(follow(FolderMirror::new(metadata, targets), &root, target, now))))
}

async fn follow(mirror: FolderMirror, root: &[u8], target: Option<&str>, now: Timestamp) -> Result<(), TrustError> {
    let mut client = Client::new(mirror, root)?;
    client.refresh(now).await?;
    match target {
        Some(name) => client.target(name, now).await.map(drop),
        None => Ok(()),
    }
}

pub(crate) fn metadata_signature(case: &Case) -> Result<Answer, String> {
    let (root, metadata) = (read(&path(case, "root")?)?, read(&path(case, "metadata")?)?);
    Ok(answer(verify_metadata(&root, &metadata, text(&case.params, "role")?)))
}

fn answer(result: Result<(), TrustError>) -> Answer {
    result.map_or_else(|error| Answer::reject(error.code(), &error), |()| Answer::accept())
}
