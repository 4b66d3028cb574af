//! Who a certificate must name, and whose authority issued it: `keyless`.

use serde_json::{Map, Value};
use verimage_core::PolicyError;

use super::trust_root::Section;
use super::{World, given};
use crate::expression::anywhere;
use crate::native::Native;
use crate::part::Part;

/// The authority of sigstore's public instance.
const PUBLIC_AUTHORITY: &str = "https://fulcio.sigstore.dev";

/// The members of a native leaf that say who signed.
pub(super) fn signer(keyless: &Part<'_>, world: &World<'_>, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
    keyless.check_members(&["ca-cert", "identities", "insecureIgnoreSCT", "trustRootRef", "url"])?;
    let root = given(keyless, "trustRootRef");
    check_authority(keyless, root.as_ref())?;
    let identities = identities(keyless, native)?;
    let ignores_sct = keyless.get("insecureIgnoreSCT").map_or(Ok(false), |ignore| ignore.flag())?;
    let mut own = Map::from_iter([("identities".to_owned(), identities)]);
    if let Some(root) = root {
        let name = world.roots.anchor(&root, Section::Authorities, native)?;
        if !ignores_sct && !world.roots.has(&root, Section::CertificateLogs)? {
            let message = "this TrustRoot has no `ctLogs`, so no certificate could be proven to be known to one";
            return Err(root.unsupported(message, "add them, or say `insecureIgnoreSCT: true`"));
        }
        own.insert("root".to_owned(), name.into());
    }
    let mut leaf = Map::from_iter([("keyless".to_owned(), own.into())]);
    if ignores_sct {
        leaf.insert("sct".to_owned(), "none".into());
    }
    Ok(leaf)
}

/// policy-controller never asks the authority; only a TrustRoot changes whose certificates count.
fn check_authority(keyless: &Part<'_>, root: Option<&Part<'_>>) -> Result<(), PolicyError> {
    let hint = "put the authority into a TrustRoot as `sigstoreKeys`, and name it as `trustRootRef`";
    if let Some(certificate) = keyless.get("ca-cert") {
        return Err(certificate.unsupported("`ca-cert`: policy-controller accepts this and then fails every signature", hint));
    }
    match (given(keyless, "url"), root) {
        (Some(url), None) if url.text()?.trim_end_matches('/') != PUBLIC_AUTHORITY => {
            let message = "an authority of your own is named, and without `trustRootRef` the public instance's certificates count";
            Err(url.unsupported(message, hint))
        }
        (Some(url), _) => url.text().map(drop),
        (None, _) => Ok(()),
    }
}

fn identities(keyless: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    let identities = keyless.get_filled("identities").ok_or_else(|| {
        let message = "`identities` is missing, so anybody would do, and a native policy wants to know whom it trusts";
        keyless.unsupported(message, "say who may have signed")
    })?;
    identities.items()?.iter().map(|part| identity(part, native)).collect()
}

fn identity(identity: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    identity.check_members(&["issuer", "issuerRegExp", "subject", "subjectRegExp"])?;
    Ok(Map::from_iter([name(identity, "issuer", native)?, name(identity, "subject", native)?]).into())
}

/// A name of a signer as a member of a native identity.
fn name(identity: &Part<'_>, field: &str, native: &mut Native) -> Result<(String, Value), PolicyError> {
    match (given(identity, field), given(identity, &format!("{field}RegExp"))) {
        (Some(name), None) => Ok((field.to_owned(), name.text()?.into())),
        (None, Some(expression)) => Ok((format!("{field}Regex"), anywhere(&expression, expression.text()?, native)?.into())),
        (Some(_), Some(both)) => Err(both.invalid(format!("`{field}` and `{field}RegExp` cannot both be given"))),
        (None, None) => {
            let message = format!("`{field}` is missing, so any would do, and a native policy wants to know whom it trusts");
            Err(identity.unsupported(message, format!("say it with `{field}` or `{field}RegExp`; `{field}RegExp: \".*\"` is anybody")))
        }
    }
}
