//! Whose signature or attestations fulfil a policy: `authorities`.

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use super::proof::Proofs;
use super::{World, given, key, keyless};
use crate::native::Native;
use crate::part::{Part, refuse};

const MEMBERS: [&str; 9] = ["attestations", "ctlog", "key", "keyless", "name", "rfc3161timestamp", "signatureFormat", "source", "static"];

/// The form of signatures that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Legacy,
    Bundle,
}

impl Format {
    fn of(authority: &Part<'_>) -> Result<Self, PolicyError> {
        match given(authority, "signatureFormat") {
            None => Ok(Self::Legacy),
            Some(format) => match format.text()? {
                "legacy" => Ok(Self::Legacy),
                "bundle" => Ok(Self::Bundle),
                _ => Err(format.invalid("the format is `legacy` or `bundle`")),
            },
        }
    }
}

/// What a rule demands: the value of its field `require` or `attestations`, and what the parts of it stand for.
pub(super) struct Demand<'a> {
    pub(super) field: &'static str,
    pub(super) value: Value,
    pub(super) origins: Vec<(String, Part<'a>)>,
}

/// One authority: what it decides, or who must have signed or attested.
enum Authority<'a> {
    Static(Value),
    Signer(Value),
    Attester { leaf: Value, wanted: Vec<Wanted<'a>> },
}

/// An attestation that an authority must have made.
struct Wanted<'a> {
    part: Part<'a>,
    name: &'a str,
    predicate_type: &'a str,
}

/// What the authorities of a policy demand; one of them is enough.
pub(super) fn demand<'a>(spec: &Part<'a>, world: &World<'a>, native: &mut Native) -> Result<Demand<'a>, PolicyError> {
    let list = spec.get_filled("authorities").ok_or_else(|| {
        let hint = "say whose signature is wanted, or `static: { action: pass }`";
        spec.invalid("a policy without `authorities` is never fulfilled").with_hint(hint)
    })?;
    let parts = list.few_items()?;
    let read = parts.iter().map(|part| authority(part, world, native)).collect::<Result<Vec<_>, _>>()?;
    check_mixture(&parts, &read)?;
    let (mut leaves, mut first) = (Vec::new(), None);
    for (part, authority) in parts.iter().zip(read) {
        match authority {
            Authority::Static(decision) => leaves.push((part, decision)),
            Authority::Signer(leaf) => leaves.push((part, leaf)),
            Authority::Attester { leaf, wanted } => {
                first.get_or_insert(wanted);
                leaves.push((part, leaf));
            }
        }
    }
    let (require, origins) = any_of(&list, &leaves);
    match first {
        None => Ok(Demand { field: "require", value: require, origins: below("/require", &origins) }),
        Some(wanted) => Ok(attestations(&wanted, &require, &origins)),
    }
}

/// A requirement that one of these fulfils, and what its parts stand for. One stands for itself.
fn any_of<'a>(list: &Part<'a>, leaves: &[(&Part<'a>, Value)]) -> (Value, Vec<(String, Part<'a>)>) {
    let mut origins = vec![(String::new(), list.clone())];
    for (index, (part, _)) in leaves.iter().enumerate() {
        let place = if leaves.len() == 1 { String::new() } else { format!("/anyOf/{index}") };
        let signer = ["key", "keyless"].into_iter().filter_map(|kind| Some((format!("{place}/cosign/{kind}"), part.get(kind)?)));
        origins.extend(signer);
        origins.push((place, (*part).clone()));
    }
    let values: Vec<_> = leaves.iter().map(|(_, leaf)| leaf.clone()).collect();
    match values.as_slice() {
        [only] => (only.clone(), origins),
        several => (json!({"anyOf": several}), origins),
    }
}

fn below<'a>(place: &str, origins: &[(String, Part<'a>)]) -> Vec<(String, Part<'a>)> {
    origins.iter().map(|(part, of)| (format!("{place}{part}"), of.clone())).collect()
}

/// With attestations the signature of the image itself is not looked at, as there.
fn attestations<'a>(wanted: &[Wanted<'a>], require: &Value, inner: &[(String, Part<'a>)]) -> Demand<'a> {
    let (mut list, mut origins) = (Vec::new(), Vec::new());
    for (index, one) in wanted.iter().enumerate() {
        list.push(json!({"name": one.name, "predicateType": one.predicate_type, "require": require, "statements": "any"}));
        let place = format!("/attestations/{index}");
        origins.extend(below(&format!("{place}/require"), inner));
        origins.extend(one.part.get("predicateType").map(|kind| (format!("{place}/predicateType"), kind)));
        origins.push((place, one.part.clone()));
    }
    Demand { field: "attestations", value: list.into(), origins }
}

/// One of several authorities is enough, and a native rule can say so only of the same kind.
fn check_mixture(parts: &[Part<'_>], read: &[Authority<'_>]) -> Result<(), PolicyError> {
    let types = |authority: &Authority<'_>| match authority {
        Authority::Attester { wanted, .. } => wanted.iter().map(|one| one.predicate_type.to_owned()).collect(),
        _ => Vec::new(),
    };
    let of_first = read.first().map(types).unwrap_or_default();
    for (part, authority) in parts.iter().zip(read).filter(|_| parts.len() > 1) {
        match authority {
            Authority::Static(decision) => {
                let effect = if decision.get("allow").is_some() { "no other authority has an effect" } else { "this one has no effect" };
                return Err(part.unsupported(
                    format!("one authority is enough, so with `static` beside others {effect}"),
                    "remove the one or the others",
                ));
            }
            Authority::Attester { wanted, .. } if wanted.len() > 1 => {
                let message = "each authority would have to make all of its attestations, and a native rule demands them one by one";
                return Err(part.unsupported(message, "demand one attestation of several authorities, or several of one"));
            }
            other if types(other) != of_first => {
                let message =
                    "one authority is enough, and a native rule cannot say so of signatures and attestations, or of different ones";
                return Err(part.unsupported(message, "let all authorities of a policy prove the same"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn authority<'a>(part: &Part<'a>, world: &World<'a>, native: &mut Native) -> Result<Authority<'a>, PolicyError> {
    part.check_members(&MEMBERS)?;
    given(part, "name").map_or(Ok(""), |name| name.text())?;
    let kinds: Vec<_> = ["key", "keyless", "static"].into_iter().filter_map(|kind| Some((kind, part.get(kind)?))).collect();
    let [(kind, body)] = kinds.as_slice() else {
        return Err(part.invalid("an authority is exactly one of `key`, `keyless` and `static`"));
    };
    if *kind == "static" {
        return decision(part, body).map(Authority::Static);
    }
    let format = Format::of(part)?;
    let mut leaf = match *kind {
        "key" => Map::from_iter([("key".to_owned(), key::anchor(body, world, native)?.into())]),
        _ => keyless::signer(body, world, native)?,
    };
    leaf.extend(Proofs::of(part, format)?.members(world, native)?);
    let wanted = wanted(part)?;
    match format {
        Format::Bundle => drop(leaf.insert("format".to_owned(), "bundle".into())),
        Format::Legacy if wanted.is_empty() => drop(leaf.insert("format".to_owned(), "simpleSigning".into())),
        Format::Legacy => {}
    }
    leaf.extend(store(part, format, world, native)?.map(|name| ("stores".to_owned(), json!([name]))));
    let leaf = json!({"cosign": leaf});
    Ok(if wanted.is_empty() { Authority::Signer(leaf) } else { Authority::Attester { leaf, wanted } })
}

fn decision(part: &Part<'_>, body: &Part<'_>) -> Result<Value, PolicyError> {
    body.check_members(&["action", "message"])?;
    for member in ["attestations", "ctlog", "source"].iter().filter_map(|name| part.get(name)) {
        if !member.value.as_array().is_some_and(Vec::is_empty) {
            return Err(member.invalid("`static` looks at no signature, so this cannot stand beside it"));
        }
    }
    if let Some(member) = ["rfc3161timestamp", "signatureFormat"].iter().find_map(|name| given(part, name)) {
        return Err(member.unsupported("policy-controller accepts this beside `static` and never enforces it", "remove it"));
    }
    let message = given(body, "message").map(|message| message.text()).transpose()?.filter(|text| !text.trim().is_empty());
    let action = body.need("action")?;
    match action.text()? {
        "pass" => Ok(json!({"allow": {"reason": message.unwrap_or("the policy passes every image that it matches")}})),
        "fail" => Ok(json!({"deny": {"reason": message.unwrap_or("the policy refuses every image that it matches")}})),
        _ => Err(action.invalid("the action is `pass` or `fail`")),
    }
}

fn wanted<'a>(authority: &Part<'a>) -> Result<Vec<Wanted<'a>>, PolicyError> {
    let list = authority.get("attestations").map_or(Ok(Vec::new()), |list| list.few_items())?;
    let read = |part: &Part<'a>| {
        part.check_members(&["name", "policy", "predicateType"])?;
        if let Some(policy) = part.get("policy") {
            let message = "`policy`: CUE and Rego are not evaluated";
            return Err(policy.unsupported(message, "leave it out, or write `conditions` of an attestation in a native policy"));
        }
        let (name, predicate_type) = (part.need("name")?.text()?, part.need("predicateType")?.text()?);
        Ok(Wanted { part: part.clone(), name, predicate_type })
    };
    list.iter().map(read).collect()
}

/// Where the signatures are, as a store of the native policy.
fn store(authority: &Part<'_>, format: Format, world: &World<'_>, native: &mut Native) -> Result<Option<String>, PolicyError> {
    let sources = authority.get("source").map_or(Ok(Vec::new()), |list| list.items())?;
    let source = match sources.as_slice() {
        [] => None,
        [source] => Some(source),
        [_, second, ..] => return Err(second.invalid("an authority has at most one source")),
    };
    let kind = match (format, world.settings.referrers) {
        (Format::Bundle, _) => "referrers",
        (Format::Legacy, true) => "auto",
        (Format::Legacy, false) => "tag",
    };
    let mut store = Map::from_iter([("type".to_owned(), json!(kind))]);
    let Some(source) = source else {
        return Ok((format == Format::Legacy).then(|| native.store(store.into(), authority)));
    };
    source.check_members(&["oci", "signaturePullSecrets", "tagPrefix"])?;
    let (message, hint) = ("credentials do not belong to a policy here", "leave it out, and log in where the check runs");
    refuse(source, &[("signaturePullSecrets", message, hint)])?;
    let (repository, prefix) = (given(source, "oci"), given(source, "tagPrefix"));
    if repository.is_none() && prefix.is_none() {
        return Err(source.invalid("a source is `oci`, `tagPrefix` or both"));
    }
    let repository = repository.map(|repository| repository.text()).transpose()?;
    store.extend(repository.map(|repository| ("repository".to_owned(), repository.into())));
    match prefix {
        Some(prefix) if kind != "tag" => {
            Err(prefix.unsupported("what is found among referrers has no tag", "leave it out, or look for tags alone"))
        }
        prefix => {
            let prefix = prefix.map(|prefix| prefix.text()).transpose()?;
            store.extend(prefix.map(|prefix| ("tagPrefix".to_owned(), prefix.into())));
            Ok(Some(native.store(store.into(), source)))
        }
    }
}
