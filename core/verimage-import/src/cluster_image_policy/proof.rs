//! What must prove a signature beside the signer: `ctlog` and `rfc3161timestamp`.

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use super::authority::Format;
use super::trust_root::Section;
use super::{World, given};
use crate::native::Native;
use crate::part::Part;

/// The log of sigstore's public instance, whose key is known.
const PUBLIC_LOG: &str = "https://rekor.sigstore.dev";
/// The trusted root of that instance, which native policies may name.
const PUBLIC_ROOT: &str = "sigstore-public-good";

/// What an authority says about proofs.
pub(super) struct Proofs<'a> {
    ctlog: Option<Part<'a>>,
    timestamp: Option<Part<'a>>,
    /// Whether certificates sign, and whose TrustRoot they are of.
    keyless: Option<Option<Part<'a>>>,
    format: Format,
}

impl<'a> Proofs<'a> {
    pub(super) fn of(authority: &Part<'a>, format: Format) -> Result<Self, PolicyError> {
        let (ctlog, timestamp) = (authority.get("ctlog"), authority.get("rfc3161timestamp"));
        ctlog.as_ref().map_or(Ok(()), |log| log.check_members(&["trustRootRef", "url"]))?;
        timestamp.as_ref().map_or(Ok(()), |stamp| stamp.check_members(&["trustRootRef"]))?;
        let keyless = authority.get("keyless").map(|keyless| given(&keyless, "trustRootRef"));
        let proofs = Self { ctlog, timestamp, keyless, format };
        proofs.check_one_root_for_bundles()?;
        proofs.check_log_beside_timestamp()?;
        Ok(proofs)
    }

    /// The members of a native leaf. Where certificates sign, time stamps count only if they are asked for, as there.
    pub(super) fn members(&self, world: &World<'_>, native: &mut Native) -> Result<Map<String, Value>, PolicyError> {
        let mut members = Map::from_iter([("transparency".to_owned(), self.transparency(world, native)?)]);
        let timestamp = match &self.timestamp {
            Some(timestamp) => Some(json!({"tsa": self.stamps(timestamp, world, native)?})),
            None => self.keyless.is_some().then(|| json!("none")),
        };
        members.extend(timestamp.map(|rule| ("timestamp".to_owned(), rule)));
        Ok(members)
    }

    /// Whether policy-controller judges by the trusted root of the certificates alone.
    fn is_by_one_root(&self) -> bool {
        self.format == Format::Bundle && self.keyless.is_some()
    }

    /// policy-controller's `IgnoreTlog`, written out: the log is off unless something below switches it on.
    fn transparency(&self, world: &World<'_>, native: &mut Native) -> Result<Value, PolicyError> {
        let own_root = self.keyless.as_ref().is_some_and(Option::is_some);
        if self.is_by_one_root() {
            self.ctlog.as_ref().map_or(Ok(false), |log| is_public(log, own_root))?;
            return Ok("required".into());
        }
        let Some(ctlog) = &self.ctlog else {
            let by_default = self.keyless.is_some() && !own_root && self.timestamp.is_none();
            return Ok(if by_default { "required" } else { "none" }.into());
        };
        match given(ctlog, "trustRootRef") {
            Some(root) => Ok(json!({"root": world.roots.anchor(&root, Section::Logs, native)?})),
            None if !is_public(ctlog, false)? => Ok("none".into()),
            None if own_root => Ok(json!({"root": PUBLIC_ROOT})),
            None => Ok("required".into()),
        }
    }

    fn stamps(&self, timestamp: &Part<'_>, world: &World<'_>, native: &mut Native) -> Result<String, PolicyError> {
        match given(timestamp, "trustRootRef") {
            Some(root) => world.roots.anchor(&root, Section::TimestampAuthorities, native),
            None if self.is_by_one_root() => Ok(PUBLIC_ROOT.to_owned()),
            None => {
                let message = "without `trustRootRef` policy-controller passes over this";
                Err(timestamp.unsupported(message, "name a TrustRoot with `timestampAuthorities`, or remove it"))
            }
        }
    }

    fn check_one_root_for_bundles(&self) -> Result<(), PolicyError> {
        let Some(own) = self.keyless.as_ref().filter(|_| self.is_by_one_root()) else { return Ok(()) };
        for part in [&self.ctlog, &self.timestamp].into_iter().flatten() {
            if given(part, "trustRootRef").map(|root| root.value) != own.as_ref().map(|root| root.value) {
                return Err(part.invalid("for bundles, this has the `trustRootRef` of `keyless`"));
            }
        }
        Ok(())
    }

    /// With timestamps policy-controller switches the log off, whatever is said about it.
    fn check_log_beside_timestamp(&self) -> Result<(), PolicyError> {
        match (&self.ctlog, &self.timestamp) {
            (Some(ctlog), Some(_)) if given(ctlog, "url").or_else(|| given(ctlog, "trustRootRef")).is_some() => {
                let message = "beside `rfc3161timestamp` policy-controller asks no log, so this is never enforced";
                Err(ctlog.unsupported(message, "remove one of them; a native policy can demand both"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the log is that of the public instance, and not none. The key of another one must be known.
fn is_public(ctlog: &Part<'_>, is_known: bool) -> Result<bool, PolicyError> {
    match given(ctlog, "url") {
        None => Ok(false),
        Some(url) if is_known || url.text()?.trim_end_matches('/') == PUBLIC_LOG => Ok(true),
        Some(url) => {
            let message = "the key of this log is not known, and the log is not asked for it";
            Err(url.unsupported(message, "put it into a TrustRoot as `tLogs`, and name that as `trustRootRef`"))
        }
    }
}
