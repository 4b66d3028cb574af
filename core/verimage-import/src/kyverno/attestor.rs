//! Who must have signed: `attestors`.

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use super::proof::{self, Certified};
use super::{plain, refuse};
use crate::expression::{any_identity, anywhere};
use crate::keys;
use crate::native::Native;
use crate::objects::Resources;
use crate::part::Part;

/// The extensions of Fulcio's certificates that Kyverno compares.
const EXTENSIONS: [&str; 5] =
    ["githubWorkflowName", "githubWorkflowRef", "githubWorkflowRepository", "githubWorkflowSha", "githubWorkflowTrigger"];
const NEVER_ENFORCED: &str = "Kyverno accepts this here and never enforces it";

/// The kind of signatures that an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Cosign,
    Bundle,
    Notary,
}

impl Scheme {
    pub(super) fn read(part: &Part<'_>) -> Result<Self, PolicyError> {
        match plain(part)? {
            "Cosign" => Ok(Self::Cosign),
            "SigstoreBundle" => Ok(Self::Bundle),
            "Notary" => Ok(Self::Notary),
            _ => Err(part.invalid("the type is `Cosign`, `SigstoreBundle` or `Notary`")),
        }
    }
}

/// What an entry says about all of its attestors.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) scheme: Scheme,
    repository: Option<Part<'a>>,
    referrers: bool,
    resources: &'a Resources<'a>,
}

impl<'a> Setting<'a> {
    pub(super) fn of(entry: &Part<'a>, scheme: Scheme, resources: &'a Resources<'a>) -> Result<Self, PolicyError> {
        let repository = entry.get("repository");
        let referrers = entry.get("cosignOCI11").map_or(Ok(false), |flag| flag.flag())?;
        if scheme != Scheme::Cosign {
            refuse(entry, &[("repository", NEVER_ENFORCED, "remove it: the signatures are beside the image")])?;
        }
        Ok(Self { scheme, repository, referrers, resources })
    }

    /// Where signatures are, as stores of the native policy.
    fn stores(&self, entry: &Part<'a>, native: &mut Native) -> Result<Vec<String>, PolicyError> {
        if self.scheme != Scheme::Cosign {
            return Ok(Vec::new());
        }
        let given = entry.get("repository").or_else(|| self.repository.clone());
        let mut store = Map::from_iter([("type".to_owned(), json!(if self.referrers { "auto" } else { "tag" }))]);
        if let Some(repository) = &given {
            store.insert("repository".to_owned(), plain(repository)?.into());
        }
        Ok(vec![native.store(store.into(), given.as_ref().unwrap_or(entry))])
    }
}

/// What is proven by a signature: the image, or an attestation about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Image,
    Attestation,
}

/// The requirement for the image itself, if the entry has one.
pub(super) fn image_requirement(entry: &Part<'_>, setting: &Setting<'_>, native: &mut Native) -> Result<Option<Value>, PolicyError> {
    match (entry.get_filled("attestors"), entry.get("key")) {
        (Some(attestors), None) => requirement(&attestors, About::Image, setting, native).map(Some),
        (None, Some(_)) if setting.scheme == Scheme::Notary => Err(entry.invalid("signatures of the Notary Project are by certificates")),
        (None, Some(key)) => {
            let leaf = Leaf { entry, about: About::Image, setting };
            let anchors = keys::of_text(&key, plain(&key)?, None, setting.resources, native)?;
            let leaves = anchors.into_iter().map(|name| leaf.cosign(&[("key", name.into())], proof::of_keys(entry, native)?, native));
            all_of(leaves.collect::<Result<_, _>>()?, entry).map(Some)
        }
        (Some(_), Some(key)) => Err(key.invalid("`key` is the old form of `attestors`; both together mean nothing")),
        (None, None) => Ok(None),
    }
}

/// A list of sets of attestors, each of which must be fulfilled.
pub(super) fn requirement(sets: &Part<'_>, about: About, setting: &Setting<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    let sets = sets.items()?.iter().map(|set| read_set(set, about, setting, native)).collect::<Result<Vec<_>, _>>()?;
    Ok(wrap("allOf", sets))
}

/// One requirement stands for itself.
fn wrap(node: &str, mut children: Vec<Value>) -> Value {
    if children.len() == 1 { children.remove(0) } else { json!({node: children}) }
}

fn all_of(children: Vec<Value>, part: &Part<'_>) -> Result<Value, PolicyError> {
    if children.is_empty() { Err(part.invalid("nobody is named here")) } else { Ok(wrap("allOf", children)) }
}

/// As many of the entries as `count` says; all, if it says nothing.
fn read_set(set: &Part<'_>, about: About, setting: &Setting<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    set.check_members(&["count", "entries"])?;
    let mut children = Vec::new();
    for entry in set.filled_list("entries")? {
        children.extend(read_attestor(&entry, about, setting, native)?);
    }
    let Some(count) = set.get("count") else { return all_of(children, set) };
    let wanted = count.value.as_u64().and_then(|count| usize::try_from(count).ok());
    let wanted = wanted.filter(|wanted| (1..=children.len()).contains(wanted));
    match wanted.ok_or_else(|| count.invalid(format!("`count` is a number from 1 to {}, the number of entries", children.len())))? {
        1 => Ok(wrap("anyOf", children)),
        all if all == children.len() => Ok(wrap("allOf", children)),
        some => Ok(json!({"threshold": {"k": some, "distinct": "entry", "of": children}})),
    }
}

/// One attestor; several, if it is several keys.
fn read_attestor(entry: &Part<'_>, about: About, setting: &Setting<'_>, native: &mut Native) -> Result<Vec<Value>, PolicyError> {
    entry.check_members(&["annotations", "attestor", "certificates", "keyless", "keys", "repository"])?;
    let kinds: Vec<_> =
        ["attestor", "certificates", "keyless", "keys"].into_iter().filter_map(|kind| Some((kind, entry.get(kind)?))).collect();
    let [(kind, body)] = kinds.as_slice() else {
        return Err(entry.invalid("an attestor is exactly one of `keys`, `certificates`, `keyless` and `attestor`"));
    };
    if *kind == "attestor" || setting.scheme != Scheme::Cosign {
        let hint = "remove it, or use the type `Cosign` with attestors that are not nested";
        refuse(entry, &["annotations", "repository"].map(|name| (name, NEVER_ENFORCED, hint)))?;
    }
    let leaf = Leaf { entry, about, setting };
    if *kind == "attestor" && about == About::Attestation {
        return Err(body.unsupported("Kyverno looks at no nested attestors of an attestation", "write their entries beside the others"));
    }
    match (*kind, setting.scheme) {
        ("attestor", _) => Ok(vec![read_set(body, about, setting, native)?]),
        ("certificates", Scheme::Notary) => leaf.notary(body, native).map(|leaf| vec![leaf]),
        (_, Scheme::Notary) => Err(body.invalid("signatures of the Notary Project are by `certificates`")),
        ("certificates", Scheme::Bundle) => Err(body.unsupported(NEVER_ENFORCED, "use `keys` or `keyless`, or the type `Cosign`")),
        ("certificates", _) => leaf.certificates(body, native).map(|leaf| vec![leaf]),
        ("keyless", _) => leaf.keyless(body, native).map(|leaf| vec![leaf]),
        _ => leaf.keys(body, native),
    }
}

/// One leaf of the native policy while it is written.
struct Leaf<'a> {
    entry: &'a Part<'a>,
    about: About,
    setting: &'a Setting<'a>,
}

impl Leaf<'_> {
    fn cosign(&self, signer: &[(&str, Value)], proofs: Map<String, Value>, native: &mut Native) -> Result<Value, PolicyError> {
        let mut leaf = Map::from_iter(signer.iter().map(|(field, value)| ((*field).to_owned(), value.clone())));
        leaf.extend(proofs);
        match (self.setting.scheme, self.about) {
            (Scheme::Bundle, _) => leaf.insert("format".to_owned(), "bundle".into()),
            (_, About::Image) => leaf.insert("format".to_owned(), "simpleSigning".into()),
            (_, About::Attestation) => None,
        };
        if let Some(annotations) = self.entry.get_filled("annotations") {
            leaf.insert("annotations".to_owned(), self.annotations(&annotations)?);
        }
        let stores = self.setting.stores(self.entry, native)?;
        if !stores.is_empty() {
            leaf.insert("stores".to_owned(), stores.into());
        }
        Ok(json!({"cosign": leaf}))
    }

    fn annotations(&self, annotations: &Part<'_>) -> Result<Value, PolicyError> {
        if self.about == About::Attestation {
            return Err(annotations.unsupported("an attestation has no annotations", "write `conditions` of the attestation"));
        }
        let entries = annotations.entries()?;
        entries.iter().map(|(name, value)| Ok(((*name).to_owned(), json!(plain(value)?)))).collect()
    }

    fn keys(&self, keys: &Part<'_>, native: &mut Native) -> Result<Vec<Value>, PolicyError> {
        keys.check_members(&["ctlog", "kms", "publicKeys", "rekor", "secret", "signatureAlgorithm"])?;
        self.refuse_unused_by_bundles(keys)?;
        let hash = keys.get("signatureAlgorithm").map(|hash| keys::hash_named(&hash, plain(&hash)?)).transpose()?;
        let kinds: Vec<_> = ["kms", "publicKeys", "secret"].into_iter().filter_map(|kind| Some((kind, keys.get(kind)?))).collect();
        let anchors = match kinds.as_slice() {
            [("publicKeys", text)] => keys::of_text(text, plain(text)?, hash, self.setting.resources, native)?,
            [("secret", secret)] => secret_anchors(secret, hash, self.setting.resources, native)?,
            [(_, kms)] => vec![keys::at_place(kms, plain(kms)?, hash, native)?],
            _ => return Err(keys.invalid("keys are exactly one of `publicKeys`, `secret` and `kms`")),
        };
        if self.about == About::Attestation && anchors.len() > 1 {
            let message = "for attestations Kyverno looks at the first of several keys alone";
            return Err(keys.unsupported(message, "write an entry for each key"));
        }
        anchors.into_iter().map(|name| self.cosign(&[("key", name.into())], proof::of_keys(keys, native)?, native)).collect()
    }

    fn keyless(&self, keyless: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
        let members = ["additionalExtensions", "ctlog", "issuer", "issuerRegExp", "rekor", "roots", "subject", "subjectRegExp"];
        keyless.check_members(&members)?;
        self.refuse_unused_by_bundles(keyless)?;
        if keyless.get("rekor").is_none() && keyless.get("roots").is_none() {
            return Err(keyless.invalid("keyless signatures need `rekor` or `roots`"));
        }
        let mut identity = Map::from_iter([name(keyless, "issuer", native)?, name(keyless, "subject", native)?]);
        if let Some(extensions) = keyless.get_filled("additionalExtensions") {
            identity.insert("extensions".to_owned(), read_extensions(&extensions)?);
        }
        match keyless.get("roots") {
            None => {
                let proofs = proof::of_certificates(keyless, Certified::ByFulcio, native)?;
                self.cosign(&[("keyless", json!({"identities": [identity]}))], proofs, native)
            }
            Some(roots) => {
                let chain = native.anchor("authority", authority(&roots)?, &roots);
                let proofs = proof::of_certificates(keyless, Certified::ByOwnAuthority, native)?;
                self.cosign(&[("certificate", json!({"chain": chain, "identity": [identity]}))], proofs, native)
            }
        }
    }

    fn certificates(&self, certificates: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
        certificates.check_members(&["cert", "certChain", "ctlog", "rekor"])?;
        let (leaf, chain) = (certificates.get("cert"), certificates.get("certChain"));
        let mut signer = Map::new();
        if let Some(leaf) = &leaf {
            signer.insert("leaf".to_owned(), native.anchor("certificate", authority(leaf)?, leaf).into());
        }
        if let Some(chain) = &chain {
            signer.insert("chain".to_owned(), native.anchor("authority", authority(chain)?, chain).into());
            signer.insert("identity".to_owned(), "any".into());
        }
        if signer.is_empty() {
            return Err(certificates.invalid("`cert`, `certChain` or both are needed"));
        }
        let proofs = match chain {
            None => proof::of_keys(certificates, native)?,
            Some(_) => proof::of_certificates(certificates, Certified::ByOwnAuthority, native)?,
        };
        self.cosign(&[("certificate", signer.into())], proofs, native)
    }

    /// All certificates are one trust store there, and whoever they issued to is trusted.
    fn notary(&self, certificates: &Part<'_>, native: &mut Native) -> Result<Value, PolicyError> {
        certificates.check_members(&["cert", "certChain", "ctlog", "rekor"])?;
        refuse(certificates, &["ctlog", "rekor"].map(|name| (name, NEVER_ENFORCED, "remove it: these signatures have no log")))?;
        let given: Vec<_> = ["cert", "certChain"].into_iter().filter_map(|name| certificates.get(name)).collect();
        let texts = given.iter().map(|part| plain(part).map(str::trim)).collect::<Result<Vec<_>, _>>()?;
        let first = given.first().ok_or_else(|| certificates.invalid("`cert`, `certChain` or both are needed"))?;
        let store = native.anchor("authority", json!({"x509": {"pem": texts.join("\n") + "\n", "type": "ca"}}), first);
        Ok(json!({"notation": {"stores": [store], "identities": ["*"], "level": "strict"}}))
    }

    fn refuse_unused_by_bundles(&self, part: &Part<'_>) -> Result<(), PolicyError> {
        if self.setting.scheme != Scheme::Bundle {
            return Ok(());
        }
        let hint = "remove it, or use the type `Cosign`";
        refuse(part, &["additionalExtensions", "roots"].map(|name| (name, NEVER_ENFORCED, hint)))?;
        let of = |block: &str, names: &[&str]| {
            let refusals: Vec<_> = names.iter().map(|name| (*name, NEVER_ENFORCED, hint)).collect();
            part.get(block).map_or(Ok(()), |block| refuse(&block, &refusals))
        };
        of("rekor", &["pubkey"])?;
        of("ctlog", &["pubkey", "tsaCertChain"])
    }
}

/// A name of a signer as a member of a native identity. Kyverno's expressions match anywhere, native ones the whole name.
fn name(keyless: &Part<'_>, field: &str, native: &mut Native) -> Result<(String, Value), PolicyError> {
    let expression = keyless.get(&format!("{field}RegExp"));
    match (keyless.get(field), expression) {
        (Some(name), None) => match plain(&name)? {
            text if text.contains(['*', '?']) => {
                if text.bytes().all(|symbol| symbol == b'*') {
                    any_identity(&name, text, native);
                }
                Ok((format!("{field}Glob"), text.into()))
            }
            text => Ok((field.to_owned(), text.into())),
        },
        (None, Some(expression)) => Ok((format!("{field}Regex"), anywhere(&expression, plain(&expression)?, native)?.into())),
        (Some(_), Some(both)) => {
            Err(both.unsupported(format!("`{field}` and `{field}RegExp` cannot both be demanded"), "keep the narrower one"))
        }
        (None, None) => {
            let message = format!("`{field}` is missing, so any would do, and a native policy wants to know whom it trusts");
            Err(keyless.unsupported(message, format!("say it with `{field}` or `{field}RegExp`; `{field}: \"*\"` is anybody")))
        }
    }
}

fn read_extensions(extensions: &Part<'_>) -> Result<Value, PolicyError> {
    let read = |(name, value): &(&str, Part<'_>)| {
        if !EXTENSIONS.contains(name) {
            let hint = format!("the extensions are {}; write the issuer as `issuer`", EXTENSIONS.join(", "));
            return Err(value.unsupported(format!("`{name}` is no extension that Kyverno compares"), hint));
        }
        let text = plain(value)?;
        Ok(((*name).to_owned(), if text.contains(['*', '?']) { json!({"glob": text}) } else { json!(text) }))
    };
    extensions.entries()?.iter().map(read).collect()
}

fn authority(part: &Part<'_>) -> Result<Value, PolicyError> {
    Ok(json!({"x509": {"pem": plain(part)?, "type": "ca"}}))
}

fn secret_anchors(
    secret: &Part<'_>,
    hash: Option<&str>,
    resources: &Resources<'_>,
    native: &mut Native,
) -> Result<Vec<String>, PolicyError> {
    secret.check_members(&["name", "namespace"])?;
    let (namespace, name) = (secret.need("namespace")?, secret.need("name")?);
    let (namespace, name) = (plain(&namespace)?, plain(&name)?);
    match resources.secret(namespace, name) {
        Some(secret) => keys::in_secret(secret, hash, native),
        None => Ok(vec![keys::at_place(secret, &format!("k8s://{namespace}/{name}"), hash, native)?]),
    }
}
