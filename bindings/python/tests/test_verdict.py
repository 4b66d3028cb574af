"""Verdicts as values."""

import json
import pickle
from pathlib import Path

import verimage
from support import DIGEST, NAME, POLICY, REPOSITORY, SIGNED, UNSIGNED, native

AT = "2026-01-01T00:00:00Z"


def judge(image: str = SIGNED, at: str = AT) -> verimage.Verdict:
    return verimage.verify(image, POLICY, name=NAME, at=at)


def test_what_it_says() -> None:
    verdict = judge()
    assert (verdict.allowed, verdict.admitted, verdict.decision, verdict.mode) == (True, True, "allow", "enforce")
    assert (verdict.image, verdict.digest, verdict.kind, verdict.platform) == (NAME, DIGEST, "manifest", None)
    assert (verdict.rule, verdict.code, verdict.hint, verdict.at) == ("demo", None, None, AT)
    assert (verdict.policy_source, verdict.warnings) == (str(POLICY), ("log-not-required",))
    assert verdict.policy_digest == verimage.Policy.load(POLICY).digest
    [rule], [leaf], [report] = verdict.rules, verdict.leaves, verdict.reports
    assert (rule.name, rule.mode, rule.decision, rule.code) == ("demo", "enforce", "allow", None)
    assert (leaf.requirement, leaf.decision, leaf.trusted, leaf.subject) == ("/rules/0/require/cosign", "allow", True, DIGEST)
    assert (report.verifier, report.outcome, report.trusted, report.code) == ("cosign", "pass", True, None)
    assert report.signer is not None and report.signer.startswith("key:SHA256:")


def test_it_is_true_only_if_it_allows() -> None:
    assert judge() and not judge(UNSIGNED)


def test_equal_verdicts_are_equal() -> None:
    assert judge() == judge() and hash(judge()) == hash(judge())
    assert judge() != judge(UNSIGNED) and judge() != judge(at="2026-01-02T00:00:00Z")
    assert judge() != "allow"
    assert judge().reports == judge().reports and len({*judge().leaves, *judge().leaves}) == 1
    assert judge().rules == judge().rules


def test_its_json_form_is_that_of_the_command_line() -> None:
    document = judge(UNSIGNED).to_dict()
    assert document == json.loads(judge(UNSIGNED).to_json())
    assert (document["version"], document["admitted"], document["code"]) == (1, False, "signature-not-found")


def test_it_can_be_pickled() -> None:
    for verdict in (judge(), judge(UNSIGNED)):
        assert pickle.loads(pickle.dumps(verdict)) == verdict


def test_it_shows_itself() -> None:
    assert repr(judge()) == f'<verimage.Verdict allow "{NAME}" {DIGEST}>'
    assert repr(judge(UNSIGNED)) == f'<verimage.Verdict deny: signature-not-found "{NAME}" {DIGEST}>'
    assert "pass" in repr(judge().reports[0]) and "allow" in repr(judge().leaves[0]) and "demo" in repr(judge().rules[0])


def test_its_html_is_escaped() -> None:
    reason = "<script>alert('\"&')</script>"
    verdict = verimage.verify(SIGNED, native({"require": {"deny": {"reason": reason}}}), name=NAME)
    html = verdict._repr_html_()
    assert reason in verdict.message
    assert "<script>" not in html and "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)" in html and "✗" in html
    assert "✓" in judge()._repr_html_()


def test_audit_admits_and_says_so() -> None:
    policy = native({"mode": "audit", "require": {"deny": {"reason": "a test"}}})
    verdict = verimage.verify(SIGNED, policy, name=NAME)
    assert (verdict.allowed, verdict.decision, verdict.mode) == (True, "deny", "audit")
    assert "audit" in verdict._repr_html_()


def test_policies_in_every_way(tmp_path: Path) -> None:
    text = POLICY.read_text()
    for policy in (str(POLICY), POLICY, verimage.Policy.load(POLICY), verimage.Policy.from_text(text, base=POLICY.parent)):
        assert verimage.verify(SIGNED, policy, name=NAME).allowed
    assert verimage.Policy.from_text(text, base=POLICY.parent, source="mine").source == "mine"
    assert "mine" in repr(verimage.Policy.from_text(text, base=POLICY.parent, source="mine"))


def test_policies_of_other_tools() -> None:
    kyverno = verimage.Policy.load(REPOSITORY / "examples/cosign-signature-repository/kyverno.yaml", offline=True)
    assert kyverno.digest.startswith("sha256:") and kyverno.material_digest.startswith("sha256:")


def test_codes_are_those_of_the_table() -> None:
    lines = (REPOSITORY / "docs/codes.md").read_text().splitlines()
    rows = [[cell.strip().replace("\\|", "|") for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    ours = [[f"`{code.code}`", code.class_, str(code.rank), code.meaning, code.remedy] for code in verimage.codes()]
    assert ours == rows and len(rows) > 40
