"""What a warm call costs beyond the library's own work: `python overhead.py [CALLS]`.

A verdict that is kept, and a rule that forbids an image of a known digest, leave the library next to nothing to do, so the time of
such a call is an upper bound for the cost of the binding. The same image signed and in a layout shows what it is compared with.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import verimage

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support import Layout  # noqa: E402

FIXTURES = Path(__file__).parents[3] / "tests/fixtures/cosign"
DIGEST = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136"
FORBIDDEN = {
    "apiVersion": "verimage/v1",
    "kind": "ImagePolicy",
    "rules": [{"name": "none", "images": ["**/**"], "require": {"deny": {"reason": "a measurement"}}}],
}


def report(label: str, times: list[float]) -> None:
    deciles = statistics.quantiles(times, n=10)
    print(f"{label:<44} median {deciles[4] * 1e6:8.1f} µs   90 % {deciles[8] * 1e6:8.1f} µs")


def measure(calls: int, call: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return times[calls // 10 :]


async def measure_async(calls: int, engine: verimage.Verimage, image: str) -> list[float]:
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        await engine.averify(image)
        times.append(time.perf_counter() - begin)
    return times[calls // 10 :]


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    image = f"registry.example/app@{DIGEST}"
    store = Layout(FIXTURES / "layouts/p256")
    with verimage.Verimage(FIXTURES / "cases/p256/policy.yaml", offline=True, registry=store) as engine:
        kept = f"registry.example/demo/app@{DIGEST}"
        engine.verify(kept).require()
        report("verify, a kept verdict", measure(calls, lambda: engine.verify(kept)))
        report("averify, a kept verdict", asyncio.run(measure_async(calls, engine, kept)))
    with verimage.Verimage(FORBIDDEN, offline=True) as engine:
        report("verify, nothing to do", measure(calls, lambda: engine.verify(image)))
        report("averify, nothing to do", asyncio.run(measure_async(calls, engine, image)))
    with verimage.Verimage(FIXTURES / "cases/p256/policy.yaml", offline=True) as engine:
        layout, name = f"oci:{FIXTURES}/layouts/p256:v1", "registry.example/demo/app:v1"
        report("verify, a signed image in a layout", measure(calls // 10, lambda: engine.verify(layout, name=name)))
        verdict = engine.verify(layout, name=name)
        report("verdict.to_dict", measure(calls, verdict.to_dict))
        report("verdict.reports", measure(calls, lambda: verdict.reports))


if __name__ == "__main__":
    main()
