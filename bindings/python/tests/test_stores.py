"""Stores and key resolvers written in Python."""

import asyncio
import base64
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import verimage
from support import DIGEST, FIXTURES, Layout, NAME, POLICY, SIGNED, by_key, native, registry

LAYOUT = FIXTURES / "cosign/layouts/p256"
IMAGE = "registry.example/demo/app:v1"


def judge(store: Any) -> verimage.Verdict:
    with verimage.Verimage(POLICY, registry=store, offline=True) as engine:
        return engine.verify(IMAGE)


def test_a_registry_of_ones_own() -> None:
    verdict = judge(Layout(LAYOUT))
    assert verdict.allowed and verdict.digest == DIGEST


def test_a_verdict_is_kept_for_a_digest_and_tags_are_asked_for() -> None:
    class Counting(Layout):
        asked: list[str] = []

        def fetch(self, image: str, want: verimage.Want, /) -> bytes:
            self.asked.append(want.kind)
            return super().fetch(image, want)

    store = Counting(LAYOUT)
    with verimage.Verimage(POLICY, registry=store, offline=True) as engine:
        first = engine.verify(IMAGE)
        store.asked.clear()
        assert engine.verify(IMAGE) == first == asyncio.run(engine.averify(IMAGE))
        assert store.asked == ["resolve", "resolve"]
        pinned = f"{IMAGE}@{first.digest}"
        assert engine.verify(pinned).allowed and asyncio.run(engine.averify(pinned)).allowed
        assert len(store.asked) == 2
        store.tag = "nothing"
        assert engine.verify(IMAGE).code == "image-not-found"
    with verimage.Verimage(POLICY, registry=store, offline=True, keep_verdicts=0) as engine:
        store.asked.clear()
        assert engine.verify(pinned).allowed and engine.verify(pinned).allowed
        assert len(store.asked) > 2


def test_many_threads_do_not_wait_for_each_other() -> None:
    barrier = threading.Barrier(4, timeout=20)

    class Slow(Layout):
        def fetch(self, image: str, want: verimage.Want, /) -> bytes:
            if want.kind == "resolve":
                barrier.wait()
            return super().fetch(image, want)

    images = [f"registry.example/demo/app-{at}:v1" for at in range(4)]
    with verimage.Verimage(POLICY, registry=Slow(LAYOUT), offline=True) as engine, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(engine.verify, images))


def test_equal_questions_are_asked_once() -> None:
    asked: list[str] = []
    pool = ThreadPoolExecutor(8)

    class Slow(Layout):
        def fetch(self, image: str, want: verimage.Want, /) -> bytes:
            asked.append(want.kind)
            return super().fetch(image, want)

    with verimage.Verimage(POLICY, registry=Slow(LAYOUT), offline=True) as engine, pool:
        assert all(pool.map(engine.verify, [f"{IMAGE}@{DIGEST}"] * 100))
    assert len(asked) == len(set(asked))


def test_a_store_may_verify_as_well() -> None:
    class Nested(Layout):
        def fetch(self, image: str, want: verimage.Want, /) -> bytes:
            assert verimage.verify(SIGNED, POLICY, name=NAME).allowed
            return super().fetch(image, want)

    assert judge(Nested(LAYOUT)).allowed


def test_what_it_brings_is_hashed_again() -> None:
    class Lying(Layout):
        def blob(self, digest: str) -> bytes:
            return super().blob(digest) + b" "

    verdict = judge(Lying(LAYOUT))
    assert not verdict.allowed


@pytest.mark.parametrize("answer", [None, "text", 1, [1], {"a": b""}, ["text"], object()])
def test_a_wrong_answer_is_no_absence(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Wrong:
        def fetch(self, image: str, want: verimage.Want, /) -> Any:
            return answer

    verdict = judge(Wrong())
    assert (verdict.decision, verdict.code) == ("inconclusive", "store-unavailable")


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(1), KeyboardInterrupt(), StopIteration(), RecursionError()])
def test_an_exception_is_logged_and_no_absence(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def fetch(self, image: str, want: verimage.Want, /) -> bytes:
            raise error

    with caplog.at_level(logging.ERROR, "verimage"):
        verdict = judge(Broken())
    assert (verdict.decision, verdict.code) == ("inconclusive", "store-unavailable")
    assert type(error).__name__ in verdict.message
    record = caplog.records[0]
    assert record.name == "verimage" and record.exc_info is not None and record.exc_info[1] is error


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("not-found", "image-not-found"),
        ("unauthorized", "store-unauthorized"),
        ("rate-limited", "store-rate-limited"),
        ("too-large", "limit-exceeded"),
        ("deadline-exceeded", "deadline-exceeded"),
        ("unavailable", "store-unavailable"),
        ("something else", "store-unavailable"),
    ],
)
def test_each_reason_has_its_code(reason: Any, code: str) -> None:
    class Refusing:
        def fetch(self, image: str, want: verimage.Want, /) -> bytes:
            raise verimage.StoreError(reason, "said so")

    verdict = judge(Refusing())
    assert (verdict.code, verdict.decision) == (code, "inconclusive")


def test_more_than_was_asked_for_is_refused() -> None:
    class Endless:
        def fetch(self, image: str, want: verimage.Want, /) -> list[bytes]:
            return [b"x" * want.max_bytes, b"x"]

    assert judge(Endless()).code == "limit-exceeded"


def test_signatures_in_a_repository_of_their_own() -> None:
    wants: list[verimage.Want] = []

    class Watched(Layout):
        def fetch(self, image: str, want: verimage.Want, /) -> bytes:
            wants.append(want)
            return super().fetch(image, want)

    policy = by_key()
    policy["stores"] = {"mine": {"type": "tag", "repository": "registry.example/signatures"}}
    policy["rules"][0]["require"]["cosign"]["stores"] = ["mine"]
    repositories = {"registry.example/signatures": Watched(LAYOUT)}
    with verimage.Verimage(policy, repositories=repositories, offline=True) as engine:
        assert engine.verify(SIGNED, name=NAME).allowed
    assert {want.kind for want in wants} == {"manifest-by-tag", "blob"}
    assert {(want.place, want.place_name) for want in wants} == {("repository", "registry.example/signatures")}
    assert wants[0].tag == DIGEST.replace(":", "-") + ".sig"
    assert wants[0] == wants[0] and len({wants[0], wants[0]}) == 1 and "manifest-by-tag" in repr(wants[0])


def test_credentials_are_shown_to_whom_they_are_for() -> None:
    with registry() as server:
        server.password = "Basic " + base64.b64encode(b"reader:secret").decode()
        image = f"{server.host}/demo/app:v1"
        for user, code in (("reader", None), ("stranger", "store-unauthorized")):
            with verimage.Verimage(by_key(), credentials={f"{server.host}/demo": (user, "secret")}) as engine:
                verdict = engine.verify(image)
            assert verdict.code == code, verdict.message
            assert "secret" not in verdict.to_json()
        assert verimage.verify(image, by_key()).decision == "inconclusive"


class Vault:
    schemes = ("hashivault",)

    def resolve(self, reference: str, /) -> bytes:
        if reference != "hashivault://p256":
            raise verimage.StoreError("unauthorized", "the vault is closed")
        return (FIXTURES / "cosign/keys/p256.pub").read_bytes()


def by_reference(reference: str) -> dict[str, Any]:
    rule = {"require": {"cosign": {"key": "key", "transparency": "none"}}}
    return native(rule, key={"publicKey": {"ref": reference}})


def test_keys_from_a_vault() -> None:
    with verimage.Verimage(by_reference("hashivault://p256"), key_resolvers=[Vault()], offline=False) as engine:
        assert engine.verify(SIGNED, name=NAME).allowed
    policy = verimage.Policy.from_dict(by_reference("hashivault://p256"), key_resolvers=[Vault()])
    assert verimage.verify(SIGNED, policy, name=NAME).allowed


def test_a_vault_that_is_closed() -> None:
    with pytest.raises(verimage.PolicyError) as raised:
        verimage.Policy.from_dict(by_reference("hashivault://other"), key_resolvers=[Vault()])
    assert raised.value.code == "store-unauthorized"
    with pytest.raises(verimage.PolicyError):
        verimage.Policy.from_dict(by_reference("hashivault://p256"), key_resolvers=[Vault()], offline=True)
    with pytest.raises(verimage.PolicyError):
        verimage.Policy.from_dict(by_reference("hashivault://p256"))


def test_a_vault_that_breaks() -> None:
    class Broken(Vault):
        def resolve(self, reference: str, /) -> Any:
            return "text"

    with pytest.raises(verimage.PolicyError) as raised:
        verimage.Policy.from_dict(by_reference("hashivault://p256"), key_resolvers=[Broken()])
    assert raised.value.code == "store-unavailable"
