//! What must prove a signature beside the signer's key: `rekor` and `ctlog`.

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use super::{plain, refuse};
use crate::keys;
use crate::native::Native;
use crate::part::Part;

/// The log of sigstore's public instance, whose key is known.
const PUBLIC_LOG: &str = "https://rekor.sigstore.dev";

/// Who issued the certificates of the signers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certified {
    ByFulcio,
    ByOwnAuthority,
}

/// The proofs of signatures by a key, or by a certificate that stands for its key.
pub(super) fn of_keys(signer: &Part<'_>, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
    if let Some(ctlog) = signer.get("ctlog") {
        refuse(&ctlog, &[("pubkey", "a key has no certificate that a log could know", "remove it")])?;
    }
    let mut proofs = Map::from_iter([("transparency".to_owned(), transparency(signer, native)?)]);
    certificate_log(signer)?;
    proofs.extend(timestamp(signer, native)?);
    Ok(proofs)
}

/// The proofs of signatures by short-lived certificates, or by those of an authority.
pub(super) fn of_certificates(signer: &Part<'_>, issuer: Certified, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
    let ctlog = signer.get("ctlog");
    if let Some(ctlog) = &ctlog {
        let hint = "write a native policy whose trusted root holds this key, or the public instance's";
        refuse(ctlog, &[("pubkey", "a certificate transparency log of your own has no native form here", hint)])?;
    }
    let mut proofs = Map::from_iter([("transparency".to_owned(), transparency(signer, native)?)]);
    match (certificate_log(signer)?, issuer) {
        (true, Certified::ByFulcio) => {}
        (false, Certified::ByFulcio) => drop(proofs.insert("sct".to_owned(), "none".into())),
        (false, Certified::ByOwnAuthority) => {}
        (true, Certified::ByOwnAuthority) => {
            let message = "a public certificate transparency log is asked for, and it does not know the certificates of your own authority";
            return Err(ctlog.as_ref().unwrap_or(signer).unsupported(message, "say `ctlog: { ignoreSCT: true }`"));
        }
    }
    proofs.extend(timestamp(signer, native)?);
    Ok(proofs)
}

/// Whether a certificate transparency log must know the certificate.
fn certificate_log(signer: &Part<'_>) -> Result<bool, PolicyError> {
    let Some(ctlog) = signer.get("ctlog") else { return Ok(true) };
    ctlog.check_members(&["ignoreSCT", "pubkey", "tsaCertChain"])?;
    ctlog.get("ignoreSCT").map_or(Ok(true), |ignore| Ok(!ignore.flag()?))
}

fn timestamp(signer: &Part<'_>, native: &mut Native) -> Result<Option<(String, Value)>, PolicyError> {
    let Some(chain) = signer.get("ctlog").and_then(|ctlog| ctlog.get("tsaCertChain")) else { return Ok(None) };
    let name = native.anchor("timestamps", json!({"x509": {"pem": plain(&chain)?, "type": "tsa"}}), &chain);
    Ok(Some(("timestamp".to_owned(), json!({"tsa": name}))))
}

/// Whether and which log must prove the signature. The log itself is never asked, so its key must be known.
fn transparency(signer: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    let Some(rekor) = signer.get("rekor") else { return Ok("required".into()) };
    rekor.check_members(&["ignoreTlog", "pubkey", "url"])?;
    let url = rekor.get("url").map(|url| plain(&url)).transpose()?;
    if rekor.get("ignoreTlog").map_or(Ok(false), |ignore| ignore.flag())? {
        refuse(&rekor, &[("pubkey", "with `ignoreTlog: true` no log is needed, so this is never enforced", "remove one of them")])?;
        return Ok("none".into());
    }
    match (rekor.get("pubkey"), url.map(|url| url.trim_end_matches('/'))) {
        (Some(key), url) => Ok(json!({"root": keys::log_root(&key, plain(&key)?, url.unwrap_or(PUBLIC_LOG), native)?})),
        (None, None | Some(PUBLIC_LOG)) => Ok("required".into()),
        (None, Some(_)) => {
            let message = "the key of this log is not known, and the log is not asked for it";
            Err(rekor.unsupported(message, "give it as `pubkey`; or `ignoreTlog: true`, if no log is needed"))
        }
    }
}
