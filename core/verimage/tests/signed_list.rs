//! The example `signed_list` allows what stands on a signed list, and says why it allows nothing else.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../examples/signed_list.rs"]
mod example;

use verimage::{Code, Decision};

/// `an image of the release team`, and one that somebody wrote below the signed list.
const LISTED: &str = "sha256:d4c9b752ad23f9cba4f7d187ba92323340ba32b66aaa5b8de5050db41d66a47a";
const APPENDED: &str = "sha256:210277cb6266afe7c6cc4227ff3e9efc818f55234a7d7fbf033ab602440f2437";

#[tokio::test]
async fn lists_are_judged() {
    for (image, decision, code) in [
        (format!("registry.example/app@{LISTED}"), Decision::Allow, None),
        (format!("registry.example/app@{APPENDED}"), Decision::Deny, Some(Code::SubjectMismatch)),
        (format!("registry.example/appended@{APPENDED}"), Decision::Deny, Some(Code::SignatureInvalid)),
        (format!("registry.example/appended@{LISTED}"), Decision::Deny, Some(Code::SignatureInvalid)),
        (format!("registry.example/unknown@{LISTED}"), Decision::Deny, Some(Code::SignatureNotFound)),
        ("registry.example/app:v1".to_owned(), Decision::Inconclusive, Some(Code::StoreUnavailable)),
    ] {
        let verdict = example::judged(&image).await.unwrap();
        assert_eq!(
            (verdict.decision, verdict.code.as_deref(), verdict.allowed()),
            (decision, code.map(Code::as_str), code.is_none()),
            "{image}"
        );
    }
}
