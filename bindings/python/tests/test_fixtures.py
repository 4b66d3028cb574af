"""The fixture folders that every frontend runs: cosign by keys and certificates, and notation, as layouts."""

from pathlib import Path
from typing import Any

import pytest
import verimage
from support import FIXTURES, json_of, summary

SIGNATURES = "registry.example/demo/signatures"
AT = "2026-01-01T00:00:00Z"
# Fewer means that this looks in the wrong place.
AT_LEAST = {"cosign": 195, "cosign-certificates": 150, "notation": 183}


def judge(root: Path, folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    repositories = {SIGNATURES: root / case["signatures"]} if case.get("signatures") else {}
    with verimage.Verimage(offline=True, repositories=repositories) as engine:
        try:
            verdict = engine.verify(
                case["image"].replace("oci:", f"oci:{root}/"),
                folder / "policy.yaml",
                name=case["as"],
                platform=case.get("platform"),
                at=case.get("at") or AT,
            )
        except verimage.PolicyError as error:
            assert error.file == str(folder / "policy.yaml")
            return {"decision": "load-error", "code": error.code, "digest": None}
        except verimage.VerimageError as error:
            return {"decision": "error", "code": error.code, "digest": None}
    found = summary(verdict)
    if "trusted" in case["expect"]:
        found["trusted"] = all(leaf.trusted for leaf in verdict.leaves)
    return found


@pytest.mark.parametrize("name", AT_LEAST)
def test_every_case_has_its_answer(name: str) -> None:
    root = FIXTURES / name
    folders = sorted((root / "cases").iterdir())
    assert len(folders) >= AT_LEAST[name]
    wrong = []
    for folder in folders:
        case = json_of(folder / "case.json")
        found = judge(root, folder, case)
        if found != case["expect"]:
            wrong.append(f"{folder.name} ({case['why']}): expected {case['expect']}, found {found}")
    assert not wrong, "\n".join(wrong)
