"""Calls from asyncio: many at a time, cancelled ones, and loops that are gone."""

import asyncio
import time
from collections.abc import Iterator

import pytest
import verimage
from support import DIGEST, NAME, POLICY, SIGNED, Registry, by_key, registry


@pytest.fixture
def silent() -> Iterator[Registry]:
    """A registry that takes questions and does not answer."""
    with registry() as server:
        server.open.clear()
        yield server


def test_one_image() -> None:
    verdict = asyncio.run(verimage.averify(SIGNED, POLICY, name=NAME))
    assert verdict.allowed and verdict.digest == DIGEST


async def judge_all(images: list[str]) -> list[verimage.Verdict]:
    async with verimage.Verimage(by_key()) as engine:
        return await asyncio.gather(*(engine.averify(image, at="2026-01-01T00:00:00Z") for image in images))


def test_64_at_a_time_agree() -> None:
    with registry() as server:
        verdicts = asyncio.run(judge_all([f"{server.host}/demo/app:v1"] * 64))
        # Equal questions at the same time are asked once.
        assert server.connections <= 16 and len(server.requests) < 64
    assert len(set(verdicts)) == 1
    assert verdicts[0].allowed and verdicts[0].digest == DIGEST


def test_64_at_a_time_share_connections() -> None:
    with registry() as server:
        verdicts = asyncio.run(judge_all([f"{server.host}/demo/app-{number}:v1" for number in range(64)]))
        assert len(server.requests) >= 64 * 2
        # Eight for one host are kept and used again; a few more may open while one of them is handed back.
        assert server.connections <= 16, server.connections
    assert all(verdict.allowed and verdict.digest == DIGEST for verdict in verdicts)


def test_a_cancelled_call_hangs_up(silent: Registry) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(verimage.averify(f"{silent.host}/demo/app:v1", by_key()))
        assert await asyncio.to_thread(silent.asked.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(silent.left.wait, 10), "the connection was kept"

    asyncio.run(cancel())


def test_a_timeout_hangs_up(silent: Registry) -> None:
    async def wait() -> None:
        begin = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(verimage.averify(f"{silent.host}/demo/app:v1", by_key()), 0.3)
        assert time.monotonic() - begin < 5
        assert await asyncio.to_thread(silent.left.wait, 10), "the connection was kept"

    asyncio.run(wait())


def test_the_own_timeout_is_inconclusive(silent: Registry) -> None:
    with verimage.Verimage(by_key(), timeout=0.3) as engine:
        verdict = engine.verify(f"{silent.host}/demo/app:v1")
    assert (verdict.decision, verdict.code) == ("inconclusive", "deadline-exceeded")


def test_a_loop_that_was_closed_is_not_told(silent: Registry) -> None:
    engine = verimage.Verimage(by_key(), timeout=0.5)
    loop = asyncio.new_event_loop()
    task = loop.create_task(engine.averify(f"{silent.host}/demo/app:v1"))
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.close()
    # The verdict comes when nobody waits; what it raised would fail this test.
    assert silent.left.wait(10)
    time.sleep(0.1)
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    assert asyncio.run(engine.averify(SIGNED, POLICY, name=NAME)).allowed


def test_errors_are_raised_where_the_call_is_awaited() -> None:
    with pytest.raises(verimage.PolicyError) as raised:
        asyncio.run(verimage.averify(SIGNED, "no/such/policy.yaml", name=NAME))
    assert raised.value.code == "policy-invalid"
    with pytest.raises(verimage.ImageReferenceError):
        asyncio.run(verimage.averify("a b", POLICY))


def test_engines_serve_one_loop_after_another() -> None:
    engine = verimage.Verimage(POLICY, offline=True)
    for _ in range(3):
        assert asyncio.run(engine.averify(SIGNED, name=NAME)).allowed


def test_a_store_may_use_the_loop_that_waits() -> None:
    class Store:
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self.loop = loop

        def fetch(self, image: str, want: verimage.Want, /) -> bytes:
            return asyncio.run_coroutine_threadsafe(self.absent(), self.loop).result(10)

        async def absent(self) -> bytes:
            await asyncio.sleep(0)
            raise verimage.StoreError("not-found", "nothing here")

    async def judge() -> verimage.Verdict:
        async with verimage.Verimage(by_key(), registry=Store(asyncio.get_running_loop()), offline=True) as engine:
            return await engine.averify("registry.example/app:v1")

    assert asyncio.run(judge()).code == "image-not-found"
