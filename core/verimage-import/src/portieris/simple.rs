//! GPG signatures: `simple`.

use serde_json::{Map, Value, json};
use verimage_core::PolicyError;

use super::{Demand, NEVER_ENFORCED, Realm};
use crate::native::Native;
use crate::part::{Part, refuse};

/// The members of an identity that say more than its type.
const MORE: [&str; 4] = ["dockerReference", "dockerRepository", "prefix", "signedPrefix"];

pub(super) fn demand(simple: &Part<'_>, realm: &Realm<'_>, native: &mut Native) -> Result<Demand, PolicyError> {
    simple.check_members(&["requirements", "storeSecret", "storeURL"])?;
    let hint = "leave it out, and put credentials of the store into this machine's `registries.d`";
    refuse(simple, &[("storeSecret", "credentials do not belong to a policy here", hint)])?;
    let Some(requirements) = simple.get_filled("requirements") else {
        refuse(simple, &[("storeURL", NEVER_ENFORCED, "add `requirements`, or remove it")])?;
        return Ok(Demand::None);
    };
    let store = simple.get("storeURL").filter(|url| url.value.as_str() != Some(""));
    let (mut leaves, mut rejects) = (Vec::new(), false);
    for requirement in requirements.items()? {
        requirement.check_members(&["keySecret", "keySecretNamespace", "signedIdentity", "type"])?;
        let kind = requirement.need("type")?;
        match kind.text()? {
            "signedBy" => leaves.push(signed_by(&requirement, store.as_ref(), realm, native)?),
            "reject" => {
                refuse_unheeded(&requirement)?;
                rejects = true;
            }
            "insecureAcceptAnything" => refuse_unheeded(&requirement)?,
            _ => return Err(kind.invalid("the type is `signedBy`, `insecureAcceptAnything` or `reject`")),
        }
    }
    if rejects && !leaves.is_empty() {
        let message = "`reject` decides on its own, so the requirements beside it have no effect";
        return Err(requirements.unsupported(message, "keep `reject` alone, or remove it"));
    }
    if let (true, Some(store)) = (leaves.is_empty(), &store) {
        return Err(store.unsupported(format!("`storeURL`: {NEVER_ENFORCED}"), "remove it: no signature is looked for"));
    }
    Ok(match leaves.is_empty() {
        _ if rejects => Demand::Refusal,
        true => Demand::None,
        false => Demand::All(leaves),
    })
}

fn refuse_unheeded(requirement: &Part<'_>) -> Result<(), PolicyError> {
    let unheeded = ["keySecret", "keySecretNamespace", "signedIdentity"];
    refuse(requirement, &unheeded.map(|name| (name, NEVER_ENFORCED, "remove it, or write `type: signedBy`")))
}

fn signed_by(requirement: &Part<'_>, store: Option<&Part<'_>>, realm: &Realm<'_>, native: &mut Native) -> Result<Value, PolicyError> {
    let name = requirement.need("keySecret")?;
    let namespace = requirement.get("keySecretNamespace").map(|namespace| namespace.text()).transpose()?;
    let (armor, origin) = realm.secret(&name, namespace.filter(|namespace| !namespace.is_empty()), name.text()?)?.text("key")?;
    let mut leaf = Map::from_iter([
        ("keys".to_owned(), json!([native.anchor("key", json!({"openpgp": {"armor": armor}}), &origin)])),
        ("signedIdentity".to_owned(), requirement.get("signedIdentity").map_or(Ok(json!("matchRepoDigestOrExact")), |id| identity(&id))?),
    ]);
    if let Some(store) = store {
        let url = store.text()?;
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(store.invalid("a store of signatures is at `https://…` or `http://…`"));
        }
        leaf.insert("stores".to_owned(), json!([native.store(json!({"type": "lookaside", "url": url}), store)]));
    }
    Ok(json!({"simpleSigning": leaf}))
}

/// Which reference a signature must name; with the words of Portieris, and those of the library below it.
fn identity(identity: &Part<'_>) -> Result<Value, PolicyError> {
    identity.check_members(&[&["type"], MORE.as_slice()].concat())?;
    let kind = identity.get("type").map_or(Ok(""), |kind| kind.text())?;
    let needs = |name: &str| identity.need(name)?.text().map(str::to_owned);
    let (native, needed): (Value, &[&str]) = match kind {
        "" | "matchRepoDigestOrExact" => (json!("matchRepoDigestOrExact"), &[]),
        "matchExact" | "matchRepository" => (json!(kind), &[]),
        "matchExactReference" | "exactReference" => (json!({"exactReference": needs("dockerReference")?}), &["dockerReference"]),
        "matchExactRepository" | "exactRepository" => (json!({"exactRepository": needs("dockerRepository")?}), &["dockerRepository"]),
        "remapIdentity" => {
            let remap = json!({"prefix": needs("prefix")?, "signedPrefix": needs("signedPrefix")?});
            (json!({"remapIdentity": remap}), &["prefix", "signedPrefix"])
        }
        _ => return Err(identity.need("type")?.invalid("this type of identities is not known")),
    };
    let unheeded: Vec<_> = MORE.into_iter().filter(|name| !needed.contains(name)).collect();
    let hint = "remove it, or choose the `type` that heeds it";
    refuse(identity, &unheeded.iter().map(|name| (*name, NEVER_ENFORCED, hint)).collect::<Vec<_>>())?;
    Ok(native)
}
