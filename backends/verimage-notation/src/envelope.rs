//! From the outcome of `notation-rs` to evidence.

use notation_rs::Warning;
use notation_rs::envelope::SignerInfo;
use notation_rs::revocation::{Answer as Reply, Method, Request};
use notation_rs::trust_policy::{Action, VerificationType};
use notation_rs::verify::{CheckKind, CheckResult, Outcome};
use verimage_core::{Answer, Code, Digest, Evidence, Failure, HttpMethod, Origin, Place, Signer, Subject, VerifiedTime, Want, What};

use crate::failure;

/// What a final outcome is worth.
pub(crate) fn evidence(outcome: &Outcome, subject: &Subject, unreachable: bool) -> Result<Evidence, Failure> {
    if let Some(error) = outcome.failure() {
        return Err(failure::of_check(error, unreachable));
    }
    let proven = || Failure::new(Code::SignatureInvalid, "nothing about the signature is proven");
    let (info, target) = outcome.signer.as_ref().zip(outcome.target.as_ref()).ok_or_else(proven)?;
    let named = Digest::parse(&target.digest).map_err(|error| failure::malformed(error.to_string()))?;
    if named != *subject.digest() {
        return Err(Failure::new(Code::SubjectMismatch, format!("the signature is for {named}, not {}", subject.digest())));
    }
    let mut evidence = Evidence::new(named, signer(info)?);
    evidence.trusted = outcome.is_trusted();
    evidence.warnings = outcome.warnings.iter().map(warning).chain(lapses(outcome)).collect();
    evidence.signed_at.extend(outcome.timestamp.as_ref().map(|stamp| VerifiedTime { time: stamp.time, source: "tsa".to_owned() }));
    // An authority's word counts once the authority is trusted, and what it says can be true.
    let passed = |check| outcome.result(CheckKind::Type(check)) == Some(&CheckResult::Passed);
    if passed(VerificationType::Authenticity) && passed(VerificationType::AuthenticTimestamp) {
        let attested = info.authentic_signing_time.map(|time| VerifiedTime { time, source: "signingAuthority".to_owned() });
        evidence.signed_at.extend(attested);
    }
    evidence = evidence.with_fact("signingScheme", info.signing_scheme.as_str()).with_fact("level", outcome.level);
    if let Some(expiry) = info.expiry {
        evidence = evidence.with_fact("expiry", expiry.to_string());
    }
    Ok(target.annotations.iter().fold(evidence, |evidence, (key, value)| evidence.with_fact(&format!("metadata.{key}"), value)))
}

/// The subject of the leaf below its root; the key, so that one signer under two names is one.
fn signer(info: &SignerInfo) -> Result<Signer, Failure> {
    let (Some(leaf), Some(root)) = (info.leaf(), info.certificate_chain.last()) else {
        return Err(failure::malformed("the signature has no certificate"));
    };
    let name = format!("certificate:{} ({})", leaf.subject(), root.subject());
    Ok(Signer::named(name).with_key(Digest::sha256(leaf.spki_der())))
}

/// Checks that failed and are only told.
fn lapses(outcome: &Outcome) -> impl Iterator<Item = String> {
    outcome.failures().filter(|(check, _)| check.action == Action::Log).map(|(check, _)| format!("notation-{}-failed", kebab(check.kind)))
}

fn kebab(kind: CheckKind) -> String {
    let mut text = String::new();
    for symbol in kind.to_string().chars() {
        if symbol.is_ascii_uppercase() {
            text.push('-');
        }
        text.push(symbol.to_ascii_lowercase());
    }
    text
}

/// A stable word for each warning; what varies stands in the outcome's own text.
fn warning(warning: &Warning) -> String {
    match warning {
        Warning::CriticalExtension { .. } => "notation-critical-extension-not-evaluated".to_owned(),
        Warning::ImprintHash { .. } => "notation-timestamp-hash-differs".to_owned(),
        Warning::NoRevocationSource { .. } => "notation-no-revocation-source".to_owned(),
        Warning::ResponderNotChecked { .. } => "notation-responder-not-checked".to_owned(),
        other => other.to_string(),
    }
}

/// A question about revocation as a want. The address stands in a certificate, so it is remote data.
pub(crate) fn want(request: &Request) -> Want {
    let method = if request.method == Method::Post { HttpMethod::Post } else { HttpMethod::Get };
    let what = What::Http {
        method,
        url: request.url.clone(),
        body: request.body.clone(),
        content_type: request.content_type.map(str::to_owned),
        origin: Origin::RemoteData,
    };
    Want { place: Place::Store("web".to_owned()), what, max_bytes: request.purpose.max_bytes() as u64 }
}

/// What came back, and whether nobody answered.
pub(crate) fn reply(answer: Option<&Answer>) -> (Reply, bool) {
    match answer.map(|answer| &answer.result) {
        Some(Ok(blobs)) => {
            let body = blobs.first().map(|blob| blob.bytes().to_vec()).unwrap_or_default();
            (Reply::Response { status: 200, body }, false)
        }
        Some(Err(error)) => (Reply::Failed { reason: error.to_string() }, true),
        None => (Reply::Failed { reason: "there is no answer".to_owned() }, true),
    }
}
