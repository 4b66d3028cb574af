//! `trustpolicy.json` as a native policy (trust store and trust policy specification, "Trust Policy").

use std::collections::BTreeMap;

use notation_rs::TrustedIdentity;
use notation_rs::trust_policy::{
    Action, BlobDocument, OciDocument, PolicyError as Refusal, Statement, StoreReference, TrustedIdentities, VerificationType,
    VerifyTimestamp,
};
use serde_json::{Map, Value, json};
use verimage_core::policy::{PolicyError, Scope, read_config};
use verimage_core::{Code, Repository};
use verimage_import::Imported;

/// The scope of everything else, in the source and in native form.
const EVERYTHING: (&str, &str) = ("*", "**/**");

/// Reads a trust policy for images as the specification has it, and writes it in native form: each statement becomes a rule
/// of its name, each trust store `TYPE:NAME` an anchor `TYPE.NAME`, and the level `skip` an `allow`.
///
/// # Errors
/// `policy-invalid` with the reference's text for the first rule of the specification that is broken;
/// `policy-unsupported-field` for identities that only plugins know, scopes without a registry, and trust policies for files.
pub fn import(text: &str) -> Result<Imported, PolicyError> {
    let document = OciDocument::parse(text.as_bytes()).map_err(|refusal| refused(&refusal, text))?;
    let mut trust = Map::new();
    let mut rules = Vec::new();
    let mut origins = BTreeMap::new();
    for (index, statement) in document.statements().iter().enumerate() {
        let source = format!("/trustPolicies/{index}");
        for (position, store) in statement.trust_stores.iter().enumerate() {
            let name = anchor(store);
            origins.entry(format!("/trust/{name}")).or_insert_with(|| format!("{source}/trustStores/{position}"));
            trust.insert(name, json!({"x509": {"trustStore": store.name.as_str(), "type": store.store_type.as_str()}}));
        }
        rules.push(json!({"name": statement.name, "images": scopes(statement, &source)?, "require": requirement(statement, &source)?}));
        let rule = format!("/rules/{index}");
        for (part, of) in [("/images", "/registryScopes"), ("/require/notation/stores", "/trustStores")] {
            origins.insert(format!("{rule}{part}"), format!("{source}{of}"));
        }
        origins.insert(rule, source);
    }
    let native = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust, "rules": rules});
    Ok(Imported::new(read_config(&native, "")?, origins))
}

fn anchor(store: &StoreReference) -> String {
    format!("{}.{}", store.store_type, store.name)
}

/// The scopes as patterns. Repositories are matched exactly, as there; the host in whatever case, and Docker Hub by any of
/// its names, because those are the same repository.
fn scopes(statement: &Statement, source: &str) -> Result<Vec<String>, PolicyError> {
    let scope = |(index, scope): (usize, &String)| match scope.as_str() {
        everything if everything == EVERYTHING.0 => Ok(EVERYTHING.1.to_owned()),
        repository => pattern(repository).map_err(|message| {
            PolicyError::new(Code::PolicyUnsupportedField, format!("{source}/registryScopes/{index}"), message)
                .with_hint("images of a layout are judged by the name that `--as` gives them: use one with a registry, here and there")
        }),
    };
    statement.registry_scopes.iter().enumerate().map(scope).collect()
}

/// A repository without registry would silently be one of Docker Hub.
fn pattern(repository: &str) -> Result<String, String> {
    let meant = Repository::parse(repository).map_err(|error| error.to_string())?;
    if repository.split_once('/').is_none_or(|(host, _)| host != meant.host()) {
        return Err(format!("`{repository}` names no registry; an image of that name is `{meant}`"));
    }
    Scope::parse(&meant.to_string()).map(|scope| scope.to_string())
}

fn requirement(statement: &Statement, source: &str) -> Result<Value, PolicyError> {
    if statement.level.is_skip() {
        let reason = format!("the trust policy statement \"{}\" skips verification", statement.name);
        return Ok(json!({"allow": {"reason": reason}}));
    }
    let verify_timestamp = match statement.verify_timestamp {
        VerifyTimestamp::Always => "always",
        VerifyTimestamp::AfterCertExpiry => "afterCertExpiry",
    };
    Ok(json!({"notation": {
        "stores": statement.trust_stores.iter().map(anchor).collect::<Vec<_>>(),
        "identities": identities(&statement.trusted_identities, source)?,
        "level": level(statement),
        "verifyTimestamp": verify_timestamp,
    }}))
}

/// The level by its name; with overrides, what each check that is not enforced does.
fn level(statement: &Statement) -> Value {
    if statement.level.name() == statement.level.base().as_str() {
        return json!(statement.level.name());
    }
    let actions = VerificationType::ALL.map(|check| (check.as_str().to_owned(), statement.level.action(check)));
    let lax = actions.into_iter().filter(|(_, action)| *action != Action::Enforce);
    let lax: Map<_, _> = lax.map(|(check, action)| (check, json!(action.as_str()))).collect();
    if lax.is_empty() { json!("strict") } else { Value::Object(lax) }
}

fn identities(identities: &TrustedIdentities, source: &str) -> Result<Vec<String>, PolicyError> {
    let TrustedIdentities::AnyOf(identities) = identities else { return Ok(vec!["*".to_owned()]) };
    let identity = |(index, identity): (usize, &TrustedIdentity)| match identity {
        TrustedIdentity::X509Subject(_) => Ok(identity.to_string()),
        _ => {
            let message = format!("only a plugin knows the identity `{identity}`, and plugins are not run");
            Err(PolicyError::new(Code::PolicyUnsupportedField, format!("{source}/trustedIdentities/{index}"), message)
                .with_hint("trust the signing profile's certificate by `x509.subject:`, or verify these images with the plugin's own tool"))
        }
    };
    identities.iter().enumerate().map(identity).collect()
}

/// A refusal at the member or the statement that it is about.
fn refused(refusal: &Refusal, text: &str) -> PolicyError {
    if BlobDocument::parse(text.as_bytes()).is_ok() {
        let message = "this is a trust policy for files (`globalPolicy` or no `registryScopes`), not for images";
        return PolicyError::new(Code::PolicyUnsupportedField, "", message).with_hint("images are judged by trustpolicy.oci.json");
    }
    let path = match refusal {
        Refusal::Member { path, .. } | Refusal::UnknownMember { path } => path.clone(),
        _ => refusal.statement().map(|name| place_of(name, text)).unwrap_or_default(),
    };
    PolicyError::invalid(path, refusal.to_string())
}

/// Where the first statement of a name stands.
fn place_of(name: &str, text: &str) -> String {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let statements = document.get("trustPolicies").and_then(Value::as_array);
    let position = statements.and_then(|all| all.iter().position(|statement| statement.get("name").and_then(Value::as_str) == Some(name)));
    position.map_or_else(String::new, |index| format!("/trustPolicies/{index}"))
}

#[cfg(test)]
mod tests;
