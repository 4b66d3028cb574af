"""GPG simple signing: lookasides in folders, `dir:` images, `policy.json`, and a registry written in Python."""

import json
from pathlib import Path
from typing import Any

import verimage
from support import FIXTURES, Layout, json_of, native, summary

ROOT = FIXTURES / "simple-signing"


def identity(given: dict[str, str]) -> Any:
    """The native form of what `policy.json` says."""
    kind = given["type"]
    return {
        "exactReference": {"exactReference": given.get("dockerReference")},
        "exactRepository": {"exactRepository": given.get("dockerRepository")},
        "remapIdentity": {"remapIdentity": {"prefix": given.get("prefix"), "signedPrefix": given.get("signedPrefix")}},
    }.get(kind, kind)


def load(case: dict[str, Any]) -> verimage.Policy:
    if "policy" in case:
        return verimage.Policy.load(ROOT / case["policy"])
    trust = {f"key-{index}": {"openpgp": {"file": key}} for index, key in enumerate(case["keys"])}
    leaf: dict[str, Any] = {"keys": list(trust)}
    if "signedIdentity" in case:
        leaf["signedIdentity"] = identity(case["signedIdentity"])
    rule = {"subject": case.get("subject", "platform"), "require": {"simpleSigning": leaf}}
    return verimage.Policy.from_dict(native(rule, **trust), base=ROOT)


def lookaside(case: dict[str, Any], folder: Path) -> Path:
    """The lookaside, changed as the case says."""
    if "repeated" not in case and "padded" not in case:
        return ROOT / "lookaside"
    place = Path(case["signatures"][0]).parent
    (folder / place).mkdir(parents=True)
    numbers = [1] * case["repeated"] + [2] if "repeated" in case else [1, 2]
    for index, number in enumerate(numbers, start=1):
        original = ROOT / place / f"signature-{number}"
        if original.is_file():
            copy = folder / place / f"signature-{index}"
            copy.write_bytes(original.read_bytes().ljust(case.get("padded", {}).get(copy.name, 0)))
    return folder / "lookaside"


def registries(case: dict[str, Any], folder: Path) -> Path:
    """The map of registries, in a folder of its own."""
    place = lookaside(case, folder)
    made = folder / "registries.d"
    made.mkdir(parents=True)
    if "registriesD" not in case:
        (made / "default.yaml").write_text(json.dumps({"default-docker": {"lookaside": f"file://{place}"}}))
        return made
    for file in (ROOT / case["registriesD"]).iterdir():
        (made / file.name).write_text(file.read_text().replace("@FIXTURES@", str(ROOT)))
    return made


def judge(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    try:
        policy = load(case)
    except verimage.PolicyError as error:
        return {"decision": "error", "code": error.code, "digest": None}
    images = Layout(ROOT / "images", case["served"])
    with verimage.Verimage(policy, registry=images, registries_d=registries(case, folder)) as engine:
        image = case["image"].replace("dir:", f"dir:{ROOT}/")
        return summary(engine.verify(image, platform=case.get("platform"), at=case["at"]))


def test_every_case_has_its_answer(tmp_path: Path) -> None:
    cases = json_of(ROOT / "cases.json")
    assert len(cases) >= 350
    wrong = []
    for case in cases:
        found = judge(case, tmp_path / case["name"])
        if found != case["expect"]:
            wrong.append(f"{case['name']} ({case['why']}): expected {case['expect']}, found {found}")
    assert not wrong, "\n".join(wrong)
