"""What is attested in the fixtures and the live suite: small predicates of the usual types."""

import json

FINISHED = "2025-12-31T10:05:00Z"

PROVENANCE = {
    "buildDefinition": {
        "buildType": "https://build.example/workflow/v1",
        "externalParameters": {"ref": "refs/heads/main", "attempt": 2},
        "resolvedDependencies": [{"uri": "git+https://git.example/demo/app", "digest": {"gitCommit": "6d" * 20}}],
    },
    "runDetails": {
        "builder": {"id": "https://build.example/runner/v1"},
        "metadata": {"startedOn": "2025-12-31T10:00:00Z", "finishedOn": FINISHED},
    },
}

CONTENTS = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "dataLicense": "CC0-1.0",
    "name": "demo",
    "documentNamespace": "https://registry.example/spdx/demo",
    "creationInfo": {"created": "2025-12-31T09:00:00Z", "creators": ["Tool: example-1.0"]},
    "packages": [{"SPDXID": "SPDXRef-hello", "name": "hello", "downloadLocation": "NOASSERTION"}],
}

APPROVAL = {"approved": True, "by": "core"}


def scan(critical):
    """A scan for vulnerabilities that found so many critical ones."""
    return {
        "invocation": {"parameters": None, "uri": "https://scan.example/runs/9", "event_id": "9", "builder.id": "scan"},
        "scanner": {
            "uri": "pkg:generic/scanner@1.0",
            "version": "1.0",
            "db": {"uri": "https://scan.example/db", "version": "20251231"},
            "result": {"critical": critical, "high": 2},
        },
        "metadata": {"scanStartedOn": "2025-12-31T12:00:00Z", "scanFinishedOn": "2025-12-31T12:01:00Z"},
    }


def content(predicate):
    """A predicate as the file that cosign reads."""
    return json.dumps(predicate).encode()
