"""Docker Content Trust: a Notary server and a registry written in Python, with what is kept between verifications."""

from pathlib import Path
from typing import Any

import verimage
from support import FIXTURES, Layout, json_of, native, summary

ROOT = FIXTURES / "notary-v1"


class Server:
    """A Notary server that holds one collection."""

    def __init__(self, case: dict[str, Any], collection: str | None) -> None:
        self.gun = case["gun"]
        self.padded: dict[str, int] = case.get("padded", {})
        self.folder = ROOT / "collections" / collection if collection else None

    def fetch(self, image: str, want: verimage.Want, /) -> bytes:
        assert (want.kind, want.place_name) == ("role", "https://notary.example")
        file = f"{want.version}.{want.role}.json" if want.version else f"{want.role}.json"
        if self.folder is None or want.collection != self.gun or not (self.folder / file).is_file():
            raise verimage.StoreError("not-found", "the server does not have it")
        return (self.folder / file).read_bytes().ljust(self.padded.get(file, 0))


def policy(case: dict[str, Any]) -> dict[str, Any]:
    trust: dict[str, Any] = {}
    leaf: dict[str, Any] = {"server": "https://notary.example"}
    for kind, value in case["pin"].items():
        if kind in ("publicKey", "certificate"):
            trust["root"] = {"tufRoot": {"file": str(ROOT / value)}}
            leaf["root"] = "root"
        elif kind == "authority":
            trust["authority"] = {"x509": {"file": str(ROOT / value), "type": "ca"}}
            leaf["authority"] = "authority"
        else:
            leaf |= {"keyId": {"keyIds": [value]}, "rootBinding": {kind: value}, "firstUse": {"insecureTrustOnFirstUse": True}}[kind]
    if case.get("delegations"):
        leaf["delegations"] = case["delegations"]
    require: dict[str, Any] = {"notaryV1": leaf}
    if case.get("byRegistry"):
        trust["other"] = {"publicKey": {"file": str(FIXTURES / "cosign/keys/p256.pub")}}
        require = {"anyOf": [require, {"cosign": {"key": "other", "transparency": "none"}}]}
    return native({"require": require}, **trust)


def judge(case: dict[str, Any], collection: str | None, state: Path) -> verimage.Verdict:
    images = Layout(ROOT / "images")
    with verimage.Verimage(policy(case), registry=images, notary=Server(case, collection), state_dir=state, offline=True) as engine:
        return engine.verify(case["image"], at=case["at"])


def test_every_case_has_its_answer(tmp_path: Path) -> None:
    cases = json_of(ROOT / "cases.json")
    assert len(cases) >= 200
    wrong = []
    for case in cases:
        state = tmp_path / case["name"]
        if case.get("after"):
            judge(case, case["after"], state)
            assert list(state.iterdir()), f"{case['name']}: {case['after']} was not accepted"
        verdict = judge(case, case["collection"], state)
        if summary(verdict) != case["expect"]:
            wrong.append(f"{case['name']} ({case['why']}): expected {case['expect']}, found {summary(verdict)}: {verdict.message}")
    assert not wrong, "\n".join(wrong)
