"""Forks, threads, signals, the end of the interpreter, and many calls."""

import asyncio
import gc
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import verimage
from support import DIGEST, NAME, POLICY, SIGNED, UNSIGNED, by_key, native, registry


def script(text: str, *arguments: str, **options: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(text), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, timeout=options.get("timeout", 60))


def test_threads_share_an_engine() -> None:
    with verimage.Verimage(POLICY, offline=True) as engine, ThreadPoolExecutor(16) as pool:
        verdicts = list(pool.map(lambda _: engine.verify(SIGNED, name=NAME, at="2026-01-01T00:00:00Z"), range(200)))
    assert len(set(verdicts)) == 1 and verdicts[0].allowed


def test_other_threads_run_meanwhile() -> None:
    with registry() as server:
        server.open.clear()
        with verimage.Verimage(by_key(), timeout=0.5) as engine:
            thread = threading.Thread(target=engine.verify, args=(f"{server.host}/demo/app:v1",))
            thread.start()
            count = 0
            while thread.is_alive():
                count += 1
                time.sleep(0.001)
            assert count > 20, "the interpreter was held up"


def test_children_work_after_a_fork() -> None:
    with registry() as server:
        done = script(
            """
            import os, sys
            import verimage
            from support import NAME, POLICY, SIGNED, by_key

            image = sys.argv[1]
            engine = verimage.Verimage(by_key())
            assert engine.verify(image).allowed and verimage.verify(SIGNED, POLICY, name=NAME).allowed
            for _ in range(8):
                child = os.fork()
                if child == 0:
                    good = engine.verify(image).allowed and verimage.verify(SIGNED, POLICY, name=NAME).allowed
                    engine.close()
                    sys.exit(0 if good else 1)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert engine.verify(image).allowed
            """,
            f"{server.host}/demo/app:v1",
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_multiprocessing_sends_verdicts_back() -> None:
    done = script(
        """
        import multiprocessing
        import verimage
        from support import NAME, POLICY, SIGNED

        def judge(_):
            return verimage.verify(SIGNED, POLICY, name=NAME, at="2026-01-01T00:00:00Z")

        if __name__ == "__main__":
            here = judge(0)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                assert pool.map(judge, range(8)) == [here] * 8
        """
    )
    assert done.returncode == 0, done.stderr


def test_the_interpreter_ends_while_work_is_under_way() -> None:
    done = script(
        """
        import threading, time
        import verimage
        from support import Layout, FIXTURES, by_key

        entered = threading.Event()

        class Slow(Layout):
            def fetch(self, image, want, /):
                entered.set()
                time.sleep(0.2)
                return super().fetch(image, want)

        engine = verimage.Verimage(by_key(), registry=Slow(FIXTURES / "cosign/layouts/p256"), offline=True)
        verdicts = engine.verify_many(["registry.example/demo/app:v1"] * 50, jobs=20)
        assert next(verdicts).allowed
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_interpreter_ends_while_a_daemon_waits() -> None:
    with registry() as server:
        server.open.clear()
        done = script(
            """
            import sys, threading, time
            import verimage
            from support import by_key

            engine = verimage.Verimage(by_key())
            threading.Thread(target=engine.verify, args=(sys.argv[1],), daemon=True).start()
            time.sleep(0.3)
            """,
            f"{server.host}/demo/app:v1",
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_ends_a_call() -> None:
    # Whoever runs the tests in the background may have it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupt_a_call()
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt_a_call() -> None:
    with registry() as server:
        server.open.clear()
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            verimage.verify(f"{server.host}/demo/app:v1", by_key())
        assert time.monotonic() - begin < 5
        assert server.left.wait(10), "the connection was kept"


def test_many_images_in_order() -> None:
    images = [SIGNED, UNSIGNED] * 10
    with verimage.Verimage(POLICY, offline=True) as engine:
        verdicts = list(engine.verify_many(iter(images), jobs=3))
    assert all(verdict.image.startswith("layout.invalid/") for verdict in verdicts) and len(verdicts) == 20
    kinds = [verdict.digest for verdict in verimage.verify_many([], POLICY)]
    assert kinds == []


def test_many_images_lazily() -> None:
    taken = []

    def endless() -> "verimage.PolicyLike":  # type: ignore[misc]
        while True:
            taken.append(1)
            yield SIGNED

    with verimage.Verimage(POLICY, offline=True) as engine:
        verdicts = engine.verify_many(endless(), jobs=4)  # type: ignore[arg-type]
        next(verdicts)
        assert len(taken) <= 5
        verdicts.close()  # type: ignore[attr-defined]


def test_an_image_that_cannot_be_read_raises_in_its_place() -> None:
    with verimage.Verimage(POLICY, offline=True) as engine:
        verdicts = engine.verify_many([SIGNED, "a b", SIGNED], jobs=8)
        assert next(verdicts).decision == "deny"
        with pytest.raises(verimage.ImageReferenceError):
            next(verdicts)
        with pytest.raises(verimage.ConfigurationError):
            engine.verify_many([SIGNED], jobs=0)
        with pytest.raises(TypeError):
            engine.verify_many(SIGNED)


def resident() -> int:
    """The memory of this process, in bytes."""
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def test_10_000_calls_leave_nothing_behind() -> None:
    with verimage.Verimage(by_key(), offline=True) as engine:

        def judge(calls: int) -> None:
            for index in range(calls):
                verdict = engine.verify(SIGNED if index % 2 else UNSIGNED, name=NAME)
                assert verdict.allowed == bool(index % 2)
                verdict.to_dict()
                assert verdict.leaves and hash(verdict)

        judge(2_000)
        before = resident()
        judge(10_000)
        grown = resident() - before
    assert grown < 4 << 20, f"{grown} bytes more"


def test_10_000_asyncio_calls_leave_nothing_behind() -> None:
    forbidden = native({"require": {"deny": {"reason": "a test"}}})

    async def judge(engine: verimage.Verimage, calls: int) -> None:
        for _ in range(calls // 50):
            await asyncio.gather(*(engine.averify(f"registry.example/app@{DIGEST}") for _ in range(46)))
            assert all(await asyncio.gather(*(engine.averify(SIGNED, by_key(), name=NAME) for _ in range(4))))

    with verimage.Verimage(forbidden, offline=True) as engine:
        asyncio.run(judge(engine, 2_000))
        before = resident()
        asyncio.run(judge(engine, 10_000))
        grown = resident() - before
    assert grown < 4 << 20, f"{grown} bytes more"
