"""The examples do what they say."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from support import DIGEST, REPOSITORY, by_key, registry

PACKAGE = Path(__file__).parents[1]
EXAMPLES = PACKAGE / "examples"


def test_the_readme_begins_with_a_script_that_works() -> None:
    script = re.search(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert script is not None
    done = subprocess.run([sys.executable, "-c", script[1]], capture_output=True, text=True, cwd=REPOSITORY, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"True {DIGEST} None registry.example/demo/app:v1 is allowed by rule `demo`")


def test_the_dependency_for_fastapi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="FastAPI is not installed")
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("POLICY", policy_file(tmp_path))
    import fastapi_gate

    async def ask(images: list[str]) -> list[tuple[int, Any]]:
        async with fastapi_gate.lifespan(fastapi_gate.app):
            return [await post(fastapi_gate.app, "/start", {"image": image}) for image in images]

    with registry() as signed, registry("unsigned") as unsigned:
        images = [f"{signed.host}/demo/app:v1", f"{unsigned.host}/demo/app:v1", "127.0.0.1:1/demo/app:v1", "a b"]
        [started, denied, unknown, unreadable] = asyncio.run(ask(images))
    assert started == (200, {"started": DIGEST})
    assert (denied[0], denied[1]["detail"]["code"]) == (403, "signature-not-found")
    assert (unknown[0], unknown[1]["detail"]["code"]) == (503, "store-unavailable")
    assert (unreadable[0], unreadable[1]["detail"]["code"]) == (422, "usage")


async def post(app: Any, path: str, query: dict[str, str]) -> tuple[int, Any]:
    """One request to an ASGI application, without a server."""
    scope = {"type": "http", "method": "POST", "path": path, "query_string": urlencode(query).encode(), "headers": []}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def test_the_assertions_for_pytest(tmp_path: Path) -> None:
    with registry() as signed, registry("unsigned") as unsigned:
        images = " ".join(f"{server.host}/demo/app:v1" for server in (signed, unsigned))
        environment = {**os.environ, "POLICY": policy_file(tmp_path), "IMAGES": images}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(EXAMPLES / "test_images.py")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout and "AssertionError: signature-not-found: " in done.stdout


def policy_file(folder: Path) -> str:
    """A policy by its path."""
    file = folder / "policy.json"
    file.write_text(json.dumps(by_key()))
    return str(file)
