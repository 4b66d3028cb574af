//! The rules for statements, in the order of the reference, so that the first error is the same.

use std::collections::BTreeSet;

use super::{
    Action, IdentityError, Kind, Leniency, Level, LevelError, LevelName, PolicyError, Reading, Statement, StoreReference,
    StoreReferenceError, TrustedIdentities, VerificationType, VerifyTimestamp,
    document::{Document, Written},
    scope,
};
use crate::{StoreName, StoreType, TrustedIdentity};

const EVERYTHING: &str = "*";

/// Trust store and trust policy specification, "Trust policy validation".
pub(super) fn statements(kind: Kind, document: Document, reading: Reading) -> Result<Vec<Statement>, PolicyError> {
    match document.version.as_str() {
        "1.0" => {}
        "" => return Err(PolicyError::VersionEmpty { kind }),
        _ => return Err(PolicyError::VersionUnsupported { kind, value: document.version }),
    }
    if document.statements.is_empty() {
        return Err(PolicyError::NoStatements { kind });
    }
    let mut names = BTreeSet::new();
    let mut statements = Vec::new();
    for written in document.statements {
        if !names.insert(written.name.clone()) {
            return Err(PolicyError::DuplicateName { kind, statement: written.name });
        }
        statements.push(statement(kind, written)?);
    }
    match kind {
        Kind::Oci => check_scopes(&statements, reading)?,
        Kind::Blob => check_global(&statements)?,
    }
    Ok(statements)
}

fn statement(kind: Kind, written: Written) -> Result<Statement, PolicyError> {
    if written.name.is_empty() {
        return Err(PolicyError::NameEmpty { kind });
    }
    let name = || written.name.clone();
    let invalid = |error| PolicyError::SignatureVerification { kind, statement: name(), error };
    let level = level(&written).map_err(invalid)?;
    let verify_timestamp = verify_timestamp(&written.verify_timestamp).map_err(invalid)?;
    let (stores, identities) = (!written.trust_stores.is_empty(), !written.trusted_identities.is_empty());
    match level.is_skip() {
        true if stores || identities => return Err(PolicyError::SkipWithTrust { kind, statement: name() }),
        false if !stores || !identities => return Err(PolicyError::TrustMissing { kind, statement: name() }),
        _ => {}
    }
    let store = |value: &String| store(&written.name, value).map_err(|error| PolicyError::TrustStore { kind, error });
    let wrong = |error| PolicyError::Identity { kind, statement: name(), error };
    Ok(Statement {
        trust_stores: written.trust_stores.iter().map(store).collect::<Result<_, _>>()?,
        trusted_identities: self::identities(&written.trusted_identities).map_err(wrong)?,
        level,
        verify_timestamp,
        name: name(),
        registry_scopes: written.registry_scopes,
        is_global: written.global,
    })
}

fn level(written: &Written) -> Result<Level, LevelError> {
    if written.level.is_empty() {
        return Err(LevelError::Missing);
    }
    let named = LevelName::ALL.into_iter().find(|level| level.as_str() == written.level);
    let mut level = Level::new(named.ok_or_else(|| LevelError::Unknown { value: written.level.clone() })?);
    if level.is_skip() && !written.overrides.is_empty() {
        return Err(LevelError::OverrideOfSkip);
    }
    for (check, action) in &written.overrides {
        let known = VerificationType::ALL.into_iter().find(|known| known.as_str() == check);
        let check = known.ok_or_else(|| LevelError::UnknownType { value: check.clone() })?;
        let known = Action::ALL.into_iter().find(|known| known.as_str() == action);
        let action = known.ok_or_else(|| LevelError::UnknownAction { value: action.clone() })?;
        match (check, action) {
            (VerificationType::Integrity, _) => return Err(LevelError::OverrideOfIntegrity),
            (VerificationType::Revocation, _) | (_, Action::Enforce | Action::Log) => level.set(check, action),
            (_, Action::Skip) => return Err(LevelError::SkipOfOther { check: check.as_str() }),
        }
    }
    Ok(level)
}

fn verify_timestamp(value: &str) -> Result<VerifyTimestamp, LevelError> {
    match value {
        "" | "always" => Ok(VerifyTimestamp::Always),
        "afterCertExpiry" => Ok(VerifyTimestamp::AfterCertExpiry),
        other => Err(LevelError::VerifyTimestamp { value: other.to_owned() }),
    }
}

fn store(statement: &str, value: &str) -> Result<StoreReference, StoreReferenceError> {
    let (statement, value) = (statement.to_owned(), value.to_owned());
    let Some((store_type, name)) = value.split_once(':') else { return Err(StoreReferenceError::Malformed { statement, value }) };
    let (store_type, name) = (StoreType::from_name(store_type).ok_or_else(|| store_type.to_owned()), StoreName::new(name));
    match (store_type, name) {
        (Err(store_type), _) => Err(StoreReferenceError::Type { statement, store_type, value }),
        (_, Err(error)) => Err(StoreReferenceError::Name { statement, value, error }),
        (Ok(store_type), Ok(name)) => Ok(StoreReference { store_type, name }),
    }
}

fn identities(written: &[String]) -> Result<TrustedIdentities, IdentityError> {
    if written.iter().any(|identity| identity == EVERYTHING) {
        return if written.len() > 1 { Err(IdentityError::WildcardBesideOthers) } else { Ok(TrustedIdentities::Any) };
    }
    let identities = written.iter().map(|identity| TrustedIdentity::parse(identity)).collect::<Result<Vec<_>, _>>()?;
    for (index, identity) in identities.iter().enumerate() {
        let others = identities.iter().enumerate().filter(|(other, _)| *other != index);
        if let Some((_, other)) = others.into_iter().find(|(_, other)| identity.is_implied_by(other)) {
            return Err(IdentityError::Overlap { value: identity.to_string(), other: other.to_string() });
        }
    }
    Ok(TrustedIdentities::AnyOf(identities))
}

fn check_scopes(statements: &[Statement], reading: Reading) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for Statement { name, registry_scopes: scopes, level, .. } in statements {
        let statement = || name.clone();
        if scopes.is_empty() {
            return Err(PolicyError::NoScopes { statement: statement() });
        }
        let is_global = scopes.iter().any(|scope| scope == EVERYTHING);
        if is_global && scopes.len() > 1 {
            return Err(PolicyError::WildcardScopeBesideOthers { statement: statement() });
        }
        for scope in scopes {
            check_scope(scope)?;
            if !seen.insert(scope) {
                return Err(PolicyError::DuplicateScope { value: scope.clone() });
            }
        }
        if is_global && level.is_skip() && reading.global_skip == Leniency::Refuse {
            return Err(PolicyError::GlobalScopeSkips { statement: statement() });
        }
    }
    Ok(())
}

fn check_scope(text: &str) -> Result<(), PolicyError> {
    let value = text.to_owned();
    match text {
        EVERYTHING => Ok(()),
        _ if text.contains('*') => Err(PolicyError::ScopeWildcard { value }),
        _ if scope::is_repository(text) => Ok(()),
        _ => Err(PolicyError::ScopeMalformed { value }),
    }
}

fn check_global(statements: &[Statement]) -> Result<(), PolicyError> {
    let mut global = statements.iter().filter(|statement| statement.is_global);
    match (global.next(), global.next()) {
        (Some(_), Some(_)) => Err(PolicyError::MultipleGlobal),
        (Some(statement), None) if statement.level.is_skip() => Err(PolicyError::GlobalSkips),
        _ => Ok(()),
    }
}
