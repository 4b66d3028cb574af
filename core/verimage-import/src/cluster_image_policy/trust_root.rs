//! `TrustRoot` as a trusted root of sigstore (`policy.sigstore.dev/v1alpha1`).

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use verimage_core::{Code, PolicyError, json::strict_value};

use super::{check_object, given};
use crate::keys::{self, pem_blocks};
use crate::native::Native;
use crate::objects::decoded;
use crate::part::Part;

const VERSIONS: [&str; 1] = ["policy.sigstore.dev/v1alpha1"];
const FORMS: [&str; 4] = ["remote", "repository", "sigstoreKeys", "trustedRootJSON"];

/// What a trusted root is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Authorities,
    CertificateLogs,
    Logs,
    TimestampAuthorities,
}

impl Section {
    /// Its names in a TrustRoot and in a trusted root.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Authorities => ("certificateAuthorities", "certificateAuthorities"),
            Self::CertificateLogs => ("ctLogs", "ctlogs"),
            Self::Logs => ("tLogs", "tlogs"),
            Self::TimestampAuthorities => ("timestampAuthorities", "timestampAuthorities"),
        }
    }
}

/// The TrustRoots of a file, by name.
#[derive(Debug)]
pub(super) struct TrustRoots<'a> {
    by_name: BTreeMap<&'a str, Root<'a>>,
}

#[derive(Debug)]
struct Root<'a> {
    document: Value,
    origin: Part<'a>,
    /// The name of the native anchor, once there is one.
    anchor: OnceCell<String>,
}

impl<'a> Root<'a> {
    fn new(document: Value, origin: Part<'a>) -> Self {
        Self { document, origin, anchor: OnceCell::new() }
    }
}

impl<'a> TrustRoots<'a> {
    /// Reads each, whether a policy names it or not.
    pub(super) fn read(objects: &[&Part<'a>]) -> Result<Self, PolicyError> {
        let mut by_name = BTreeMap::new();
        for object in objects {
            check_object(object, &VERSIONS)?;
            let name = object.need("metadata")?.need("name")?;
            let root = read(&object.need("spec")?)?;
            if by_name.insert(name.text()?, root).is_some() {
                return Err(name.invalid("a TrustRoot of this name is in the file already"));
            }
        }
        Ok(Self { by_name })
    }

    /// The name of the TrustRoot as a native anchor. It must have something of this kind.
    pub(super) fn anchor(&self, reference: &Part<'_>, section: Section, native: &mut Native) -> Result<String, PolicyError> {
        if !self.has(reference, section)? {
            return Err(reference.invalid(format!("this TrustRoot has no `{}`", section.names().0)));
        }
        let root = self.find(reference)?;
        let define = || native.anchor("root", json!({"trustedRoot": {"json": root.document.to_string()}}), &root.origin);
        Ok(root.anchor.get_or_init(define).clone())
    }

    /// Whether the TrustRoot has something of this kind.
    pub(super) fn has(&self, reference: &Part<'_>, section: Section) -> Result<bool, PolicyError> {
        let list = self.find(reference)?.document.get(section.names().1);
        Ok(list.and_then(Value::as_array).is_some_and(|list| !list.is_empty()))
    }

    fn find(&self, reference: &Part<'_>) -> Result<&Root<'a>, PolicyError> {
        let name = reference.text()?;
        self.by_name.get(name).ok_or_else(|| {
            let message = format!("the TrustRoot `{name}` is not in this file, and there is no cluster to ask");
            PolicyError::new(Code::PolicyUndefinedName, reference.pointer.as_str(), message)
                .with_hint("put the TrustRoot into the file as a document of its own")
        })
    }
}

fn read<'a>(spec: &Part<'a>) -> Result<Root<'a>, PolicyError> {
    spec.check_members(&FORMS)?;
    if let Some(tuf) = spec.get("remote").or_else(|| spec.get("repository")) {
        let hint = "write the instance's `trusted_root.json` as `trustedRootJSON`; without `trustRootRef` the public instance counts, kept up by `verimage trust update`";
        return Err(tuf.unsupported("a repository of TUF metadata is not followed while a policy is loaded", hint));
    }
    match (spec.get("sigstoreKeys"), given(spec, "trustedRootJSON")) {
        (Some(keys), None) => Ok(Root::new(of_keys(&keys)?, keys)),
        (None, Some(text)) => {
            let document = strict_value(text.text()?.as_bytes()).map_err(|error| text.invalid(format!("this is no JSON: {error}")))?;
            Ok(Root::new(document, text))
        }
        _ => Err(spec.invalid("a TrustRoot is exactly one of `sigstoreKeys`, `trustedRootJSON`, `remote` and `repository`")),
    }
}

fn of_keys(keys: &Part<'_>) -> Result<Value, PolicyError> {
    let sections = [Section::Authorities, Section::Logs, Section::CertificateLogs, Section::TimestampAuthorities];
    keys.check_members(&sections.map(|section| section.names().0))?;
    if ["certificateAuthorities", "timestampAuthorities"].iter().all(|name| keys.get_filled(name).is_none()) {
        return Err(keys.invalid("`certificateAuthorities` or `timestampAuthorities` are needed here"));
    }
    let list = |section: Section| -> Result<(String, Value), PolicyError> {
        let is_log = matches!(section, Section::Logs | Section::CertificateLogs);
        let items = keys.get(section.names().0).map_or(Ok(Vec::new()), |list| list.items())?;
        let read = |item| if is_log { log(item) } else { authority(item) };
        Ok((section.names().1.to_owned(), items.iter().map(read).collect::<Result<_, _>>()?))
    };
    Ok(keys::root_document(sections.into_iter().map(list).collect::<Result<_, _>>()?))
}

/// The keys are valid from ever and for ever, as they are there.
fn log(log: &Part<'_>) -> Result<Value, PolicyError> {
    log.check_members(&["baseURL", "hashAlgorithm", "logID", "publicKey"])?;
    if let Some(identifier) = given(log, "logID") {
        return Err(identifier.unsupported("policy-controller takes the hash of the key for it, whatever stands here", "remove it"));
    }
    let hash = log.need("hashAlgorithm")?;
    if !matches!(hash.text()?.to_ascii_lowercase().as_str(), "sha256" | "sha-256") {
        return Err(hash.unsupported("the trees of logs are hashed with SHA-256 here", "write `sha-256`"));
    }
    let key = log.need("publicKey")?;
    let pem = decoded(&key)?;
    if pem_blocks(&pem).is_none_or(|blocks| blocks.len() != 1) {
        return Err(key.invalid("this is not base64 of one PEM public key"));
    }
    keys::log(&key, &pem, log.need("baseURL")?.text()?)
}

fn authority(authority: &Part<'_>) -> Result<Value, PolicyError> {
    authority.check_members(&["certChain", "subject", "uri"])?;
    let subject = authority.need("subject")?;
    subject.check_members(&["commonName", "organization"])?;
    let named = |name: &str| Ok((name.to_owned(), Value::from(subject.need(name)?.text()?)));
    let subject = [named("organization")?, named("commonName")?].into_iter().collect::<Map<_, _>>();
    let chain = authority.need("certChain")?;
    let certificates = certificates(&decoded(&chain)?).ok_or_else(|| chain.invalid("this is not base64 of PEM certificates"))?;
    Ok(json!({"subject": subject, "uri": authority.need("uri")?.text()?, "certChain": {"certificates": certificates}}))
}

/// The certificates of a chain, in its order: the last one is the root.
fn certificates(text: &str) -> Option<Vec<Value>> {
    let blocks = pem_blocks(text).filter(|blocks| !blocks.is_empty())?;
    let certificate = |block: &String| {
        let body = block.strip_prefix("-----BEGIN CERTIFICATE-----\n")?.strip_suffix("-----END CERTIFICATE-----\n")?;
        Some(json!({"rawBytes": body.replace('\n', "")}))
    };
    blocks.iter().map(certificate).collect()
}
