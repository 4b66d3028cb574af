//! Credential helpers: `docker-credential-NAME get`, the protocol of docker's credential stores.

use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use verimage_core::StoreError;

use crate::credentials::Credential;

/// Bytes of a helper's answer that are read.
const MAX_ANSWER: u64 = 64 << 10;
/// What helpers print when they know of nothing; the protocol has no status of its own for that.
const NOT_FOUND: &str = "credentials not found in native keychain";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper for the credential of a server. Whoever stops waiting ends the helper.
pub(crate) async fn ask(name: &str, directories: &[PathBuf], server: &str) -> Result<Option<Credential>, StoreError> {
    let failed = |what: &str| StoreError::unavailable(format!("{server}: the credential helper {name:?} {what}"));
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(harmless) {
        return Err(failed("has no proper name"));
    }
    let mut child = start(name, directories).map_err(|_| failed("cannot be started"))?;
    let answer = talk(&mut child, server).await.map_err(|_| failed("broke off"))?;
    let status = child.wait().await.map_err(|_| failed("broke off"))?;
    if !status.success() {
        let unknown = String::from_utf8_lossy(&answer).trim() == NOT_FOUND;
        return if unknown { Ok(None) } else { Err(failed(&format!("failed: {status}"))) };
    }
    let Answer { username, secret } = serde_json::from_slice(&answer).map_err(|_| failed("gave an answer that is not readable"))?;
    Ok(Some(if username == "<token>" { Credential::IdentityToken(secret) } else { Credential::basic(username, secret) }))
}

fn start(name: &str, directories: &[PathBuf]) -> std::io::Result<Child> {
    let program = format!("docker-credential-{name}");
    let found = directories.iter().map(|directory| directory.join(&program)).find(|path| path.is_file());
    Command::new(found.unwrap_or_else(|| program.into()))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

async fn talk(child: &mut Child, server: &str) -> std::io::Result<Vec<u8>> {
    if let Some(mut input) = child.stdin.take() {
        // A helper that answers without reading has closed its end.
        let _ = input.write_all(format!("{server}\n").as_bytes()).await;
    }
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    }
    Ok(answer)
}
