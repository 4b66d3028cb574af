"""Keyless signatures in each form, under a trusted root of one's own."""

from typing import Any

import pytest
import verimage
from support import FIXTURES, NAME, native

SUBJECT = "https://github.com/example/app/.github/workflows/release.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"


def judge(form: str, identity: dict[str, Any]) -> verimage.Verdict:
    root = {"trustedRoot": {"file": str(FIXTURES / "keyless/trusted_root.json")}}
    rule = {"require": {"cosign": {"keyless": {"root": "instance", "identities": [identity]}}}}
    with verimage.Verimage(native(rule, instance=root), offline=True) as engine:
        return engine.verify(f"oci:{FIXTURES}/keyless/{form}:v1", name=NAME, at="2026-04-01T00:00:00Z")


@pytest.mark.parametrize(("form", "source"), [("legacy", "rekor"), ("bundle", "rekor"), ("tiles", "tsa")])
def test_the_workflow_is_admitted(form: str, source: str) -> None:
    verdict = judge(form, {"issuer": ISSUER, "subject": SUBJECT})
    assert verdict.allowed, verdict.message
    report = next(report for report in verdict.reports if report.outcome == "pass")
    assert report.signer == f"certificate:{SUBJECT} ({ISSUER})"
    assert report.signed_at[0][1] == source
    assert (report.facts["issuer"], report.facts["subject"]) == (ISSUER, SUBJECT)
    assert verdict.warnings == ()


@pytest.mark.parametrize("form", ["legacy", "bundle", "tiles"])
def test_another_workflow_is_not(form: str) -> None:
    verdict = judge(form, {"issuer": ISSUER, "subject": SUBJECT.replace("main", "other")})
    assert (verdict.decision, verdict.code) == ("deny", "identity-mismatch")


def test_the_unsigned_image_is_not() -> None:
    verdict = judge("unsigned", {"issuer": ISSUER, "subject": SUBJECT})
    assert (verdict.decision, verdict.code) == ("deny", "signature-not-found")
