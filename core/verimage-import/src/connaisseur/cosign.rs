//! What a validator of the type `cosign` demands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use super::validator::{TrustRoot, Validator, With, wrap};
use super::{check_members, flag, member};
use crate::expression::anywhere;
use crate::keys;
use crate::native::Native;
use crate::objects::Resources;
use crate::part::Part;

/// The log of sigstore's public instance, whose key is known.
const PUBLIC_LOG: &str = "rekor.sigstore.dev";
/// The trusted root of that instance.
const PUBLIC_ROOT: &str = "sigstore-public-good";

/// How many of the trust roots, and which, must have signed. Connaisseur counts trust roots, and once counted signatures; here
/// two roots with one key are one signer.
pub(super) fn requirement(
    validator: &Validator<'_>,
    with: &With<'_, '_>,
    resources: &Resources<'_>,
    native: &mut Native,
) -> Result<Value, PolicyError> {
    let instance = Instance::read(validator, with)?;
    let mut leaves =
        |roots: &[&TrustRoot<'_>]| roots.iter().map(|root| instance.leaf(root, resources, native)).collect::<Result<Vec<_>, PolicyError>>();
    let threshold = threshold(with)?;
    if !with.all {
        return leaves(&with.roots).map(|leaves| wrap("allOf", leaves));
    }
    let counted = match threshold {
        Some(count) if count > with.required.len() => Some(count),
        _ => None,
    };
    let mut demanded = leaves(&with.required)?;
    match counted {
        None if demanded.is_empty() => demanded = leaves(&with.roots)?,
        None => {}
        Some(1) => demanded.push(wrap("anyOf", leaves(&with.roots)?)),
        Some(count) => demanded.push(json!({"threshold": {"k": count, "distinct": "signer", "of": leaves(&with.roots)?}})),
    }
    Ok(wrap("allOf", demanded))
}

/// How many trust roots are enough; nothing if the rule does not say it.
fn threshold(with: &With<'_, '_>) -> Result<Option<usize>, PolicyError> {
    let options = with.part();
    let given = [options.get("threshold").filter(|number| number.value.as_u64() != Some(0)), options.get_filled("required")];
    if let (false, Some(unheeded)) = (with.all, given.iter().flatten().next()) {
        let message = "this has an effect only over all trust roots of the validator";
        return Err(unheeded.unsupported(message, "say `trustRoot: \"*\"`, or remove it"));
    }
    let Some(part) = &given[0] else { return Ok(None) };
    let count = part.value.as_u64().and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or_else(|| part.invalid("a number of trust roots is needed here"))?;
    if count > with.roots.len() {
        let message = format!("{count} of {} trust roots cannot have signed, so nothing would be allowed", with.roots.len());
        return Err(part.unsupported(message, "several signatures of one trust root count once"));
    }
    Ok(Some(count))
}

/// The instance of sigstore that a validator names, and what a rule wants proven by it.
struct Instance<'a> {
    log: Option<Part<'a>>,
    log_key: Option<Part<'a>>,
    authority: Option<Part<'a>>,
    certificate_log: Option<Part<'a>>,
    in_log: bool,
    in_certificate_log: bool,
}

impl<'a> Instance<'a> {
    fn read(validator: &Validator<'a>, with: &With<'_, 'a>) -> Result<Self, PolicyError> {
        let options = with.part();
        let mut instance = Self {
            log: None,
            log_key: None,
            authority: None,
            certificate_log: None,
            in_log: flag(options, "verifyInTransparencyLog", true)?,
            in_certificate_log: flag(options, "verifySCT", true)?,
        };
        let Some(host) = member(&validator.part, "host")? else { return Ok(instance) };
        if host.value.is_string() {
            instance.log = Some(host);
            return Ok(instance);
        }
        check_members(&host, &["ctLogPubkey", "fulcioCert", "rekor", "rekorPubkey"])?;
        instance.log = member(&host, "rekor")?;
        instance.log_key = member(&host, "rekorPubkey")?;
        instance.authority = member(&host, "fulcioCert")?;
        instance.certificate_log = member(&host, "ctLogPubkey")?;
        Ok(instance)
    }

    fn leaf(&self, root: &TrustRoot<'_>, resources: &Resources<'_>, native: &mut Native) -> Result<Value, PolicyError> {
        let mut leaf = Map::new();
        match (member(&root.part, "key")?, member(&root.part, "keyless")?) {
            (Some(key), None) => leaf.insert("key".to_owned(), anchor(&key, resources, native)?.into()),
            (None, Some(keyless)) => {
                let mut signers = Map::from_iter([("identities".to_owned(), json!([identity(&keyless, native)?]))]);
                if let Some(root) = self.trusted_root(native)? {
                    signers.insert("root".to_owned(), root.into());
                }
                if !self.in_certificate_log {
                    leaf.insert("sct".to_owned(), "none".into());
                }
                leaf.insert("keyless".to_owned(), signers.into())
            }
            _ => return Err(root.part.invalid("a trust root is exactly one of `key` and `keyless`")),
        };
        let of_own_authority = leaf.contains_key("keyless") && self.authority.is_some();
        leaf.insert("transparency".to_owned(), self.transparency(of_own_authority, native)?);
        leaf.insert("format".to_owned(), "simpleSigning".into());
        leaf.insert("stores".to_owned(), json!([native.store(json!({"type": "tag"}), &root.part)]));
        Ok(json!({"cosign": leaf}))
    }

    /// Whether and which log must prove the signature. The log itself is never asked, so its key must be known.
    fn transparency(&self, of_own_authority: bool, native: &mut Native) -> Result<Value, PolicyError> {
        if !self.in_log {
            return Ok("none".into());
        }
        let host = self.log.as_ref().map(Part::text).transpose()?;
        let host = host.map(|url| url.strip_prefix("https://").unwrap_or(url).trim_end_matches('/'));
        match (&self.log_key, &self.log) {
            (Some(key), _) => {
                let host = host.unwrap_or(PUBLIC_LOG);
                let url = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
                Ok(json!({"root": keys::log_root(key, key.text()?, &url, native)?}))
            }
            (None, Some(log)) if host != Some(PUBLIC_LOG) => {
                let message = "the key of this log is not known, and the log is not asked for it";
                Err(log.unsupported(message, "give it as `rekorPubkey`; or `verifyInTransparencyLog: false`, if no log is needed"))
            }
            _ if of_own_authority => Ok(json!({"root": PUBLIC_ROOT})),
            _ => Ok("required".into()),
        }
    }

    /// The trusted root of an authority of one's own; nothing for sigstore's. Its certificates are anchors each, and may stand
    /// between.
    fn trusted_root(&self, native: &mut Native) -> Result<Option<String>, PolicyError> {
        let certificate_log = self.certificate_log.as_ref().filter(|_| self.in_certificate_log);
        let authority = match (&self.authority, certificate_log) {
            (None, None) => return Ok(None),
            (None, Some(log)) => {
                let message = "sigstore's own authority with another certificate transparency log has no native form";
                return Err(log.unsupported(message, "give the authority as `fulcioCert`, or remove it"));
            }
            (Some(authority), None) if self.in_certificate_log => {
                let message = "a certificate transparency log must know the certificates of this authority, and its key is not known";
                return Err(authority.unsupported(message, "give it as `ctLogPubkey`; or `verifySCT: false`, if no such log is needed"));
            }
            (Some(authority), _) => authority,
        };
        let blocks = keys::pem_blocks(authority.text()?).ok_or_else(|| authority.invalid("PEM certificates are needed here"))?;
        let bodies: Vec<String> = blocks.iter().map(|block| keys::pem_body(block)).collect();
        if bodies.is_empty() || bodies.iter().any(|body| STANDARD.decode(body).is_err()) {
            return Err(authority.invalid("PEM certificates are needed here"));
        }
        let chain = |anchor: &String| {
            let others = bodies.iter().filter(|body| *body != anchor).chain([anchor]);
            let certificates: Vec<Value> = others.map(|body| json!({"rawBytes": body})).collect();
            json!({"certChain": {"certificates": certificates}, "validFor": {"start": "1970-01-01T00:00:00Z"}})
        };
        let authorities = bodies.iter().map(chain).collect::<Vec<_>>();
        let mut root = Map::from_iter([("certificateAuthorities".to_owned(), authorities.into())]);
        if let Some(log) = certificate_log {
            root.insert("ctlogs".to_owned(), json!([keys::log(log, log.text()?, "https://ctlog.invalid")?]));
        }
        Ok(Some(keys::trusted_root("instance", root, authority, native)))
    }
}

fn anchor(key: &Part<'_>, resources: &Resources<'_>, native: &mut Native) -> Result<String, PolicyError> {
    match keys::of_text(key, key.text()?, None, resources, native)?.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(key.unsupported("Connaisseur looks at the first of these keys alone", "write a trust root for each, and name it")),
    }
}

/// Connaisseur's expressions match anywhere, native ones the whole name.
fn identity(keyless: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    check_members(keyless, &["issuer", "issuerRegex", "subject", "subjectRegex"])?;
    let mut identity = Map::new();
    for field in ["issuer", "subject"] {
        let expression = format!("{field}Regex");
        match (member(keyless, field)?, member(keyless, &expression)?) {
            (Some(name), None) => identity.insert(field.to_owned(), name.text()?.into()),
            (None, Some(part)) => identity.insert(expression, anywhere(&part, part.text()?, native)?.into()),
            (Some(_), Some(both)) => return Err(both.invalid(format!("`{field}` and `{expression}` exclude each other"))),
            (None, None) => return Err(keyless.invalid(format!("`{field}` or `{expression}` is missing"))),
        };
    }
    Ok(identity.into())
}
