"""What does not fit is a typed error, and never a crash or an answer."""

import asyncio
import pickle
from datetime import datetime, timezone
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
import verimage
from support import FIXTURES, NAME, POLICY, SIGNED, UNSIGNED, by_key, native


@pytest.mark.parametrize("policy", [None, 1, 1.5, b"policy.yaml", ["policy.yaml"], object(), POLICY.open])
def test_a_policy_of_a_wrong_type(policy: Any) -> None:
    with pytest.raises((TypeError, verimage.ConfigurationError)):
        verimage.verify(SIGNED, policy, name=NAME)


@pytest.mark.parametrize("image", [None, 1, b"nginx", Path("nginx"), ["nginx"]])
def test_an_image_of_a_wrong_type(image: Any) -> None:
    with pytest.raises(TypeError):
        verimage.verify(image, POLICY)
    with pytest.raises(TypeError):
        asyncio.run(verimage.averify(image, POLICY))


@pytest.mark.parametrize("image", ["", "a b", "registry.example/UPPER", "oci:", "docker-archive:x", "nginx@sha256:1", "\0", "\udcff"])
def test_an_image_that_cannot_be_read(image: str) -> None:
    with pytest.raises((verimage.ImageReferenceError, UnicodeEncodeError)) as raised:
        verimage.verify(image, POLICY)
    if isinstance(raised.value, verimage.ImageReferenceError):
        assert raised.value.code == "usage"


def test_a_policy_error_says_where(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.read_text().replace("rules:", "rulez:"))
    with pytest.raises(verimage.PolicyError) as raised:
        verimage.verify(SIGNED, file, name=NAME)
    error = raised.value
    assert (error.code, error.pointer, error.file) == ("policy-invalid", "/rulez", str(file))
    assert error.line is not None and error.column is not None
    assert str(file) in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert vars(again) == vars(error) and str(again) == str(error)


def test_a_policy_error_has_a_hint() -> None:
    with pytest.raises(verimage.PolicyError) as raised:
        verimage.Policy.from_text("a: 1")
    assert raised.value.hint and raised.value.file is None


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ({}, "policy-invalid"),
        ({"a": {"b": None}}, "policy-invalid"),
        (native({"require": {"cosign": {"key": "missing", "transparency": "none"}}}), "policy-undefined-name"),
        (native({"pin": True}), "policy-unsupported-field"),
        (native({"require": {"nothing": {}}}), "policy-invalid"),
    ],
)
def test_a_policy_that_is_none(policy: dict[str, Any], code: str) -> None:
    with pytest.raises(verimage.PolicyError) as raised:
        verimage.verify(SIGNED, policy, name=NAME)
    assert raised.value.code == code


def test_a_dict_has_no_folder() -> None:
    policy = by_key()
    policy["trust"]["key"]["publicKey"]["file"] = "keys/p256.pub"
    with pytest.raises(verimage.PolicyError, match="relative"):
        verimage.verify(SIGNED, policy, name=NAME)
    loaded = verimage.Policy.from_dict(policy, base=FIXTURES / "cosign")
    assert verimage.verify(SIGNED, loaded, name=NAME).allowed


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}, b"x"])
def test_a_dict_that_is_not_json(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        verimage.verify(SIGNED, {"apiVersion": value}, name=NAME)


def test_a_dict_that_holds_itself() -> None:
    policy: dict[str, Any] = {}
    policy["self"] = policy
    with pytest.raises((ValueError, RecursionError)):
        verimage.verify(SIGNED, policy, name=NAME)


def test_a_dict_that_is_very_deep() -> None:
    policy: dict[str, Any] = {}
    for _ in range(900):
        policy = {"a": policy}
    with pytest.raises((verimage.PolicyError, RecursionError)):
        verimage.verify(SIGNED, policy, name=NAME)


def test_a_layout_that_is_not_there_is_inconclusive() -> None:
    verdict = verimage.verify("oci:no/such/layout:v1", POLICY, name=NAME)
    assert (verdict.decision, verdict.code, verdict.allowed) == ("inconclusive", "store-unavailable", False)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"limits": {"manifest_bytes": -1}},
        {"limits": {"manifests": 1}},
        {"repositories": {"a b": "folder"}},
        {"repositories": {"registry.example/app": "no/such/folder"}},
        {"ca_files": ["no/such/file.pem"]},
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any]) -> None:
    with pytest.raises(verimage.ConfigurationError) as raised:
        verimage.Verimage(**options)
    assert raised.value.code == "configuration"


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": "1"},
        {"limits": {"manifest_bytes": "1"}},
        {"plain_http": "registry.example"},
        {"registry": object()},
        {"stores": {"name": lambda: None}},
        {"key_resolvers": [object()]},
        {"credentials": {"registry.example": "secret"}},
        {"unknown": 1},
    ],
)
def test_options_of_a_wrong_type(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        verimage.Verimage(**options)


@pytest.mark.parametrize("options", [{"at": "yesterday"}, {"at": datetime(2026, 1, 1)}, {"platform": "/"}, {"name": "a b"}])
def test_a_question_that_does_not_fit(options: dict[str, Any]) -> None:
    with pytest.raises(verimage.ConfigurationError):
        verimage.verify(SIGNED, POLICY, **{"name": NAME, **options})


def test_a_name_is_for_layouts() -> None:
    with pytest.raises(verimage.ImageReferenceError):
        verimage.verify("registry.example/app:v1", POLICY, name=NAME)


def test_a_time_with_a_zone() -> None:
    verdict = verimage.verify(SIGNED, POLICY, name=NAME, at=datetime(2026, 1, 1, 12, tzinfo=timezone.utc))
    assert verdict.at == "2026-01-01T12:00:00Z"


def test_there_is_no_default_policy() -> None:
    with verimage.Verimage(offline=True) as engine, pytest.raises(verimage.ConfigurationError):
        engine.verify(SIGNED, name=NAME)


def test_a_closed_engine() -> None:
    engine = verimage.Verimage(POLICY, offline=True)
    with engine:
        assert engine.policy is not None
    with pytest.raises(verimage.ConfigurationError):
        engine.verify(SIGNED, name=NAME)
    with pytest.raises(verimage.ConfigurationError):
        asyncio.run(engine.averify(SIGNED, name=NAME))
    engine.close()


def test_a_narrow_limit_is_told() -> None:
    with verimage.Verimage(POLICY, offline=True, limits={"manifest_bytes": 10}) as engine:
        verdict = engine.verify(SIGNED, name=NAME)
    assert (verdict.decision, verdict.code) == ("inconclusive", "limit-exceeded")


def test_require_raises_what_happened() -> None:
    assert verimage.verify(SIGNED, POLICY, name=NAME).require().allowed
    with pytest.raises(verimage.Denied) as denied:
        verimage.verify(UNSIGNED, POLICY, name=NAME).require()
    assert type(denied.value) is verimage.Denied
    assert denied.value.code == "signature-not-found"
    assert pickle.loads(pickle.dumps(denied.value)).verdict == denied.value.verdict
    with pytest.raises(verimage.Inconclusive) as inconclusive:
        verimage.verify("oci:no/such/layout:v1", POLICY, name=NAME).require()
    assert inconclusive.value.code == "store-unavailable"


def test_every_error_is_one_of_ours() -> None:
    for error in (verimage.PolicyError, verimage.ImageReferenceError, verimage.ConfigurationError, verimage.InternalError, verimage.Denied):
        assert issubclass(error, verimage.VerimageError)
    assert issubclass(verimage.Inconclusive, verimage.Denied)


def test_native_objects_cannot_be_made_or_changed() -> None:
    verdict = verimage.verify(UNSIGNED, POLICY, name=NAME)
    with pytest.raises(TypeError):
        verimage.Verdict()
    with pytest.raises(AttributeError):
        verdict.allowed = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        type("Mine", (verimage.Verdict,), {})
    with pytest.raises(ValueError):
        verimage.Verdict._from_json("{}")


@pytest.mark.skipif(not hasattr(verimage._native, "_defect"), reason="this build has no defect to show")
def test_a_defect_is_an_error_like_others(capfd: pytest.CaptureFixture[str]) -> None:
    defect: Any = getattr(verimage._native, "_defect")
    told: Queue[tuple[object, BaseException]] = Queue()
    for options in ({}, {"waiting": True}):
        with pytest.raises(verimage.InternalError, match="a defect") as raised:
            defect(**options)
        assert raised.value.code == "internal"
    defect(lambda result, error: told.put((result, error)))
    result, error = told.get(timeout=10)
    assert result is None and isinstance(error, verimage.InternalError)
    assert verimage.verify(SIGNED, POLICY, name=NAME).allowed
