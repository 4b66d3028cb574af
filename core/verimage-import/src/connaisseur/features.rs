//! Where a configuration stands in its file, and the settings beside it.

use verimage_core::PolicyError;

use super::{check_members, flag, member};
use crate::part::Part;

const FEATURES: [&str; 6] =
    ["automaticChildApproval", "automaticUnchangedApproval", "cache", "detectionMode", "namespacedValidation", "resourceValidationMode"];

/// The part with `validators` and `policy`, and the mode of its rules.
pub(super) fn read<'a>(document: &Part<'a>) -> Result<(Part<'a>, &'static str), PolicyError> {
    let (configuration, mode) = match document.get("application") {
        Some(application) => {
            check_members(document, &["alerting", "application", "global", "kubernetes"])?;
            check_members(&application, &["features", "logFormat", "logLevel", "policy", "validators"])?;
            let mode = member(&application, "features")?.map_or(Ok("enforce"), |features| {
                check_members(&features, &FEATURES)?;
                mode(&features)
            })?;
            (application, mode)
        }
        // In version 2 all of it stood at the top.
        None => {
            let members = ["alerting", "debug", "deployment", "logLevel", "policy", "service", "validators"];
            check_members(document, &[members.as_slice(), &FEATURES].concat())?;
            (document.clone(), mode(document)?)
        }
    };
    check_alerting(document)?;
    Ok((configuration, mode))
}

/// What the features make of a refusal. The others say when Connaisseur asks again and about which objects it asks.
fn mode(features: &Part<'_>) -> Result<&'static str, PolicyError> {
    flag(features, "automaticChildApproval", true)?;
    if let Some(unchanged) = member(features, "automaticUnchangedApproval")?
        && unchanged.flag()?
    {
        let message = "`automaticUnchangedApproval: true` admits images that nobody verified, because an object had them before";
        return Err(unchanged.unsupported(message, "leave it out: every image is judged each time"));
    }
    if let Some(cache) = member(features, "cache")? {
        check_members(&cache, &["cacheErrors", "expirySeconds"])?;
        flag(&cache, "cacheErrors", true)?;
        if let Some(expiry) = member(&cache, "expirySeconds")? {
            expiry.value.as_u64().ok_or_else(|| expiry.invalid("a number of seconds is needed here"))?;
        }
    }
    if let Some(namespaces) = member(features, "namespacedValidation")? {
        check_members(&namespaces, &["enabled", "mode"])?;
        one_of(&namespaces, "mode", &["ignore", "validate"])?;
    }
    one_of(features, "resourceValidationMode", &["all", "podsOnly"])?;
    Ok(if flag(features, "detectionMode", false)? { "audit" } else { "enforce" })
}

/// Alerts are not sent from here, so they cannot fail either.
fn check_alerting(document: &Part<'_>) -> Result<(), PolicyError> {
    let Some(alerting) = member(document, "alerting")? else { return Ok(()) };
    for event in ["admitRequest", "rejectRequest"] {
        let Some(event) = member(&alerting, event)? else { continue };
        let receivers = member(&event, "receivers")?.map_or(Ok(Vec::new()), |receivers| receivers.items())?;
        for receiver in receivers {
            if let Some(fails) = member(&receiver, "failIfAlertSendingFails")?
                && fails.flag()?
            {
                let message = "no alerts are sent, so what depends on their delivery cannot be honoured";
                return Err(fails.unsupported(message, "leave it out, and alert on verdicts where the check runs"));
            }
        }
    }
    Ok(())
}

/// The word under a name, which must be one of these.
pub(super) fn one_of<'a>(part: &Part<'a>, name: &str, words: &[&str]) -> Result<Option<&'a str>, PolicyError> {
    let Some(found) = member(part, name)? else { return Ok(None) };
    let word = found.text()?;
    if words.contains(&word) {
        return Ok(Some(word));
    }
    let known: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    Err(found.invalid(format!("`{name}` cannot be `{word}`")).with_hint(format!("it is one of {}", known.join(", "))))
}
