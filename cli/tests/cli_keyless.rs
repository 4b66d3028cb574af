//! Keyless signatures through the binary: from the flags of cosign to the exit code, with files alone.
//!
//! The images are those of `tests/fixtures/keyless`, whose README says where they come from.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

// Snapshots and registries are for the other binary of tests.
#[allow(dead_code)]
mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use support::run;

const SUBJECT: &str = "https://github.com/example/app/.github/workflows/release.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const ROOT: [&str; 2] = ["--trusted-root", "tests/fixtures/keyless/trusted_root.json"];
const AT: &str = "2026-04-01T00:00:00Z";
const FORMS: [&str; 3] = ["legacy", "bundle", "tiles"];

fn identity<'a>(subject: &'a str, issuer: &'a str) -> [&'a str; 4] {
    ["--certificate-identity", subject, "--certificate-oidc-issuer", issuer]
}

/// Exit code and verdict of `verimage verify` about the image in one of the forms.
fn verify(form: &str, more: &[&[&str]]) -> (i32, Value) {
    let image = format!("oci:tests/fixtures/keyless/{form}:v1");
    let mut arguments = vec!["verify", &image, "--offline", "--format", "json"];
    arguments.extend(more.concat());
    let output = run(&arguments, &[]);
    let verdict = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), verdict)
}

#[track_caller]
fn denied(form: &str, code: &str, more: &[&[&str]]) {
    let (exit, verdict) = verify(form, more);
    assert_eq!((exit, verdict["code"].as_str(), verdict["digest"].is_null()), (1, Some(code), false), "{form}: {verdict:#}");
    assert_eq!(verdict["admitted"], false);
}

#[test]
fn the_right_identity_is_admitted_in_every_form() {
    for form in FORMS {
        let (exit, verdict) = verify(form, &[&identity(SUBJECT, ISSUER), &ROOT, &["--at", AT]]);
        assert_eq!((exit, verdict["decision"].as_str()), (0, Some("allow")), "{form}: {verdict:#}");
        let report = verdict["reports"].as_array().unwrap().iter().find(|report| report["outcome"] == "pass").unwrap();
        assert_eq!(report["signer"], format!("certificate:{SUBJECT} ({ISSUER})"), "{form}");
        let expected = if form == "tiles" { "tsa" } else { "rekor" };
        assert_eq!(report["signedAt"][0]["source"], expected, "{form}");
        assert_eq!((&report["facts"]["issuer"], &report["facts"]["subject"]), (&ISSUER.into(), &SUBJECT.into()), "{form}");
        assert_eq!(verdict["warnings"], Value::Array(Vec::new()), "{form}: nothing is waived");
    }
}

#[test]
fn expressions_match_anywhere_as_those_of_cosign() {
    for form in FORMS {
        let anywhere = ["--certificate-identity-regexp", "example/app/", "--certificate-oidc-issuer-regexp", r"actions\."];
        assert_eq!(verify(form, &[&anywhere, &ROOT, &["--at", AT]]).0, 0, "{form}");
        let nowhere = ["--certificate-identity-regexp", "^example/app/", "--certificate-oidc-issuer-regexp", r"actions\."];
        denied(form, "identity-mismatch", &[&nowhere, &ROOT, &["--at", AT]]);
    }
}

#[test]
fn another_identity_is_denied() {
    for form in FORMS {
        denied(form, "identity-mismatch", &[&identity("https://github.com/example/app", ISSUER), &ROOT, &["--at", AT]]);
        denied(form, "identity-mismatch", &[&identity(SUBJECT, "https://accounts.google.com"), &ROOT, &["--at", AT]]);
    }
}

/// Without `--trusted-root` the public instance must vouch: its logs, and where they are not asked its authorities.
#[test]
fn the_public_instance_does_not_vouch_for_another() {
    for (form, without_log) in [("legacy", "certificate-untrusted"), ("bundle", "certificate-untrusted"), ("tiles", "timestamp-invalid")] {
        denied(form, "log-missing", &[&identity(SUBJECT, ISSUER), &["--at", AT]]);
        let waived = ["--insecure-ignore-tlog", "--insecure-ignore-sct", "--at", "2026-01-01T00:05:00Z"];
        denied(form, without_log, &[&identity(SUBJECT, ISSUER), &waived]);
    }
}

/// The certificate was valid for ten minutes: without the log nothing says that it signed within them.
#[test]
fn without_the_log_the_certificate_has_expired() {
    let waived = ["--insecure-ignore-tlog", "--at", AT];
    denied("legacy", "certificate-expired", &[&identity(SUBJECT, ISSUER), &ROOT, &waived]);
    let then = ["--insecure-ignore-tlog", "--at", "2026-01-01T00:05:00Z"];
    let (exit, verdict) = verify("legacy", &[&identity(SUBJECT, ISSUER), &ROOT, &then]);
    assert_eq!((exit, &verdict["warnings"]), (0, &serde_json::json!(["log-not-required"])), "{verdict:#}");
}

#[test]
fn an_unsigned_image_is_denied() {
    denied("unsigned", "signature-not-found", &[&identity(SUBJECT, ISSUER), &ROOT, &["--at", AT]]);
}

/// What was recorded is judged again without the layout, and by another identity otherwise.
#[test]
fn a_record_is_judged_again() {
    let folder = own_folder("keyless-record");
    let record = folder.join("record.json");
    let path = record.to_str().unwrap();
    assert_eq!(verify("bundle", &[&identity(SUBJECT, ISSUER), &ROOT, &["--at", AT, "--record", path]]).0, 0);
    for (subject, expected) in [(SUBJECT, 0), ("https://github.com/example/other", 1)] {
        let arguments = [&["verify", "--replay", path][..], &identity(subject, ISSUER), &ROOT].concat();
        let output = run(&arguments, &[]);
        assert_eq!(output.status.code(), Some(expected), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fs::remove_dir_all(folder).unwrap();
}

/// A folder of this process.
fn own_folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("verimage-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}
