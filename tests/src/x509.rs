//! `x509-path`: certificate paths by RFC 5280, under every crypto set, which must agree.

use serde_json::{Map, Value};
use verimage_crypto::CryptoSet;
use verimage_crypto::KeyError;
use verimage_crypto::x509::{
    Certificate, CertificateError, Leaf, ObjectIdentifier, PathError, PathFault, PathRules, PolicyRules, RevocationList,
};

use crate::{Answer, Case, moment, path, paths, read};

/// Params that change nothing, or that are read here.
const KNOWN_PARAMS: [&str; 7] = ["check_revocation", "needs", "path_length", "policy_inputs", "scope", "section", "time"];

pub(crate) fn path_of(case: &Case) -> Result<Answer, String> {
    if let Some(unknown) = case.params.keys().find(|key| !KNOWN_PARAMS.contains(&key.as_str())) {
        return Ok(Answer::unsupported(format!("param `{unknown}`")));
    }
    let time = moment(case)?;
    let roots = match certificates(case, "roots")? {
        Ok(roots) => roots,
        Err(error) => return Ok(malformed(&error)),
    };
    let intermediates = readable_certificates(case, "intermediates")?;
    let lists = lists(case)?;
    let leaf = match Certificate::all_from_file(&read(&path(case, "leaf")?)?).as_deref() {
        Ok([leaf]) => leaf.clone(),
        Ok(several) => return Ok(malformed(&CertificateError::Count { found: several.len() })),
        Err(error) => return Ok(malformed(error)),
    };
    let mut rules = PathRules::new(&roots, &intermediates, time).leaf(Leaf::Any).policies(policies(case)?);
    if case.params.get("check_revocation") == Some(&Value::Bool(true)) {
        rules = rules.revocation(&lists);
    }
    judge(&rules, &leaf)
}

fn judge(rules: &PathRules<'_>, leaf: &Certificate) -> Result<Answer, String> {
    let mut outcomes: Vec<_> = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].iter().map(|set| rules.find(leaf, set)).collect();
    outcomes.dedup();
    match outcomes.as_slice() {
        [Ok(_)] => Ok(Answer::accept()),
        [Err(error)] if needs_another_algorithm(error) => Ok(Answer::unsupported(error)),
        [Err(error)] => Ok(Answer::reject(code(error.fault()), error)),
        _ => Err(format!("the crypto sets disagree: {outcomes:?}")),
    }
}

/// DSA is not offered.
fn needs_another_algorithm(error: &PathError) -> bool {
    let is_dsa = |oid: &str| oid.starts_with("1.2.840.10040.4.") || oid.starts_with("2.16.840.1.101.3.4.3.");
    match error.fault() {
        PathFault::Signature { error: CertificateError::SignatureAlgorithm { oid } } => is_dsa(&oid.to_string()),
        PathFault::Signature { error: CertificateError::IssuerKey { error: KeyError::UnsupportedAlgorithm { oid } } } => is_dsa(oid),
        _ => false,
    }
}

fn code(fault: &PathFault) -> &'static str {
    match fault {
        PathFault::Budget { .. } => "limit-exceeded",
        PathFault::Expired { .. } | PathFault::NotYetValid { .. } => "certificate-expired",
        PathFault::Revoked { .. } => "certificate-revoked",
        PathFault::RevocationUnknown => "revocation-unknown",
        _ => "certificate-untrusted",
    }
}

fn malformed(error: &CertificateError) -> Answer {
    Answer::reject("certificate-malformed", error)
}

pub(crate) fn certificates(case: &Case, role: &str) -> Result<Result<Vec<Certificate>, CertificateError>, String> {
    let mut certificates = Vec::new();
    for path in paths(case, role) {
        match Certificate::all_from_file(&read(&path)?) {
            Ok(found) => certificates.extend(found),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(certificates))
}

/// Helpers that cannot be read help nobody.
pub(crate) fn readable_certificates(case: &Case, role: &str) -> Result<Vec<Certificate>, String> {
    let mut certificates = Vec::new();
    for path in paths(case, role) {
        certificates.extend(Certificate::all_from_file(&read(&path)?).into_iter().flatten());
    }
    Ok(certificates)
}

/// A list that cannot be read says nothing, as if it were not there.
fn lists(case: &Case) -> Result<Vec<RevocationList>, String> {
    let mut lists = Vec::new();
    for path in paths(case, "crls") {
        lists.extend(RevocationList::from_der(&read(&path)?));
    }
    Ok(lists)
}

fn policies(case: &Case) -> Result<PolicyRules, String> {
    let none = Map::new();
    let inputs = case.params.get("policy_inputs").and_then(Value::as_object).unwrap_or(&none);
    let mut rules = PolicyRules::default();
    for (key, value) in inputs {
        rules = match (key.as_str(), value) {
            (_, Value::Bool(false)) => rules,
            ("initial_explicit_policy", Value::Bool(true)) => rules.require_explicit(),
            ("initial_policy_mapping_inhibit", Value::Bool(true)) => rules.inhibit_mapping(),
            ("initial_any_policy_inhibit", Value::Bool(true)) => rules.inhibit_any(),
            ("user_initial_policy_set", Value::Array(policies)) => rules.acceptable(policies.iter().filter_map(oid).collect()),
            _ => return Err(format!("policy input `{key}` is not known")),
        };
    }
    Ok(rules)
}

fn oid(value: &Value) -> Option<ObjectIdentifier> {
    ObjectIdentifier::new(value.as_str()?).ok()
}
