//! Verification summaries (SLSA, verification_summary/v1) as in-toto statements. Nobody signs them here.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verimage::ImageSource;

use crate::failure::Failure;
use crate::render::json::compact;
use crate::render::report::sarif::uri;
use crate::render::report::{Entry, Judge, Outcome};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/verification_summary/v1";
/// Who summarises: this program. Whoever signs the statement says on whose behalf.
const VERIFIER: &str = concat!("pkg:cargo/", env!("CARGO_PKG_NAME"), "@", env!("CARGO_PKG_VERSION"));

/// The statement about an image whose digest is known and that was allowed or denied. Audit mode passes nothing here: what
/// is denied has failed.
pub(crate) fn statement(judge: &Judge, entry: &Entry) -> Result<Option<String>, Failure> {
    let (result, level) = match entry.outcome {
        Outcome::Allowed => ("PASSED", "SLSA_BUILD_LEVEL_UNEVALUATED"),
        Outcome::Denied | Outcome::DeniedInAudit => ("FAILED", "FAILED"),
        Outcome::Unknown | Outcome::UnknownInAudit | Outcome::Unasked => return Ok(None),
    };
    let Some(digest) = entry.digest.as_deref().and_then(digest_set) else { return Ok(None) };
    let statement = json!({
        "_type": STATEMENT,
        "subject": [{"name": entry.image, "digest": digest}],
        "predicateType": PREDICATE,
        "predicate": {
            "verifier": {"id": VERIFIER, "version": {"verimage": env!("CARGO_PKG_VERSION")}},
            "timeVerified": entry.at,
            "resourceUri": resource(&entry.image),
            "policy": {"uri": uri(&judge.policy), "digest": digest_set(&judge.digest)},
            "verificationResult": result,
            "verifiedLevels": [level],
        },
    });
    compact(&statement).map(Some)
}

/// Where the image is: a reference has no character that a URI may not have, a path may.
fn resource(image: &str) -> String {
    match ImageSource::parse(image) {
        Ok(ImageSource::Registry(_)) => format!("docker://{image}"),
        _ => uri(image),
    }
}

/// `sha256:…` as in-toto writes it.
fn digest_set(digest: &str) -> Option<Value> {
    digest.split_once(':').map(|(algorithm, hash)| json!(BTreeMap::from([(algorithm, hash)])))
}
