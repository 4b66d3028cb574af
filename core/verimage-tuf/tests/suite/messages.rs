//! What a newcomer reads: which collection, which role, what is wrong, and what to do.

use verimage_tuf::FailureKind;

use crate::{Ask, at, pinned, repository::Repository};

#[test]
fn the_usual_failures_are_told_apart() {
    let server = Repository::default().publish();
    let mut unreachable = server.clone();
    unreachable.unreachable.push("timestamp.json");
    let later = Ask { now: at("2031-01-01T00:00:00Z"), ..Ask::default() };
    let cases = [
        (
            later.failure(&server),
            FailureKind::MetadataExpired,
            "role root: expired at 2030-01-01T00:00:00Z, it is 2031-01-01T00:00:00Z",
            "clock",
        ),
        (
            Ask::default().failure(&unreachable),
            FailureKind::StoreUnavailable,
            "role timestamp: timestamp.json could not be fetched",
            "network",
        ),
        (Ask::tag("v9").failure(&server), FailureKind::SignatureNotFound, "tag `v9` is not signed in targets", "docker trust sign"),
        (
            Ask { pins: pinned("other"), ..Ask::default() }.failure(&server),
            FailureKind::CertificateUntrusted,
            "role root: no key of the root is the one that is pinned; expected SHA256:",
            "pin",
        ),
        (
            Ask::default().failure(&server.clone().without("root.json")),
            FailureKind::SignatureNotFound,
            "is not signed: the server has no trust data for it",
            "name",
        ),
    ];
    for (failure, kind, text, hint) in cases {
        assert_eq!(failure.kind(), kind);
        let line = failure.to_string();
        assert!(line.starts_with("registry.example.com/team/app: ") && line.contains(text) && !line.contains('\n'), "{line}");
        assert!(failure.hint().contains(hint), "{}", failure.hint());
    }
}

/// Names of others stand in messages; they must not change the line that they stand in.
#[test]
fn foreign_texts_are_escaped() {
    let line = Ask::tag("v9\n\u{1b}[31m").failure(&Repository::default().publish()).to_string();
    assert!(line.contains("v9\\n\\u{1b}[31m"), "{line}");
}
