//! Docker Content Trust: `trust`.
//!
//! Portieris pins no root: it trusts the one that it meets first. What it pins are keys of delegations, its signers.

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use super::{NEVER_ENFORCED, Realm};
use crate::keys;
use crate::native::Native;
use crate::part::{Part, refuse};

/// The Notary servers of registries, where a policy names none.
const SERVERS: [(&str, &str); 2] = [("docker.io", "https://notary.docker.io"), ("quay.io", "https://quay.io:443")];

/// What was released must be there, and every signer must have signed the same digest.
pub(super) fn leaves(trust: &Part<'_>, pattern: &Part<'_>, realm: &Realm<'_>, native: &mut Native) -> Result<Vec<Value>, PolicyError> {
    trust.check_members(&["enabled", "signerSecrets", "trustServer"])?;
    if !trust.get("enabled").map_or(Ok(false), |enabled| enabled.flag())? {
        let hint = "say `enabled: true`, or remove it";
        refuse(trust, &["signerSecrets", "trustServer"].map(|name| (name, NEVER_ENFORCED, hint)))?;
        return Ok(Vec::new());
    }
    let mut released = Map::from_iter([("insecureTrustOnFirstUse".to_owned(), true.into())]);
    released.insert("server".to_owned(), server(trust, pattern)?.into());
    let mut leaves = vec![json!({"notaryV1": released})];
    if let Some(secrets) = trust.get_filled("signerSecrets") {
        let mut signed = released;
        let keys = signers(&secrets, realm, native)?;
        signed.insert("delegations".to_owned(), keys.keys().cloned().collect());
        signed.insert("delegationKeys".to_owned(), keys.into());
        leaves.push(json!({"notaryV1": signed}));
    }
    Ok(leaves)
}

fn server(trust: &Part<'_>, pattern: &Part<'_>) -> Result<String, PolicyError> {
    if let Some(server) = trust.get("trustServer").filter(|server| server.value.as_str() != Some("")) {
        return server.text().map(str::to_owned);
    }
    let host = pattern.text()?.split_once('/').map(|(host, _)| host);
    let known = SERVERS.iter().find(|(registry, _)| host == Some(registry));
    known.map(|(_, server)| (*server).to_owned()).ok_or_else(|| {
        let message = "no Notary server is named, and none is known for the images of this pattern";
        trust.unsupported(message, "name it: `trustServer: https://…`")
    })
}

/// The keys of the signers, by delegation.
fn signers(secrets: &Part<'_>, realm: &Realm<'_>, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
    let mut keys = Map::new();
    for item in secrets.items()? {
        item.check_members(&["name"])?;
        let name = item.need("name")?;
        let secret = realm.secret(&name, None, name.text()?)?;
        let ((signer, at), (pem, origin)) = (secret.text("name")?, secret.text("publicKey")?);
        let [pem] = keys::pem_blocks(&pem)
            .and_then(|blocks| <[String; 1]>::try_from(blocks).ok())
            .ok_or_else(|| origin.invalid("one PEM public key is needed here"))?;
        let signer = signer.trim();
        if signer.is_empty() || keys.contains_key(signer) {
            return Err(at.invalid("each signer has a name of its own"));
        }
        keys.insert(signer.to_owned(), native.anchor("key", json!({"publicKey": {"pem": pem}}), &origin).into());
    }
    Ok(keys)
}
