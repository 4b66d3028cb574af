"""Every example in Python of the README, the book and the package's README runs as it stands, against a registry of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import DIGEST, REPOSITORY, by_key, registry

PAGES = [REPOSITORY / "README.md", REPOSITORY / "bindings/python/README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {f"{page.relative_to(REPOSITORY)}-{number}": text for page in PAGES for number, text in enumerate(BLOCK.findall(page.read_text()), 1)}

# What examples leave to their reader, and the words in which they await.
RUNNER = """
import ast, asyncio, inspect, sys, verimage

def start(digest): print("start", digest)
def refuse(code, message, hint): print("refuse", code, message, hint)

images = ["registry.example/app:v1"]
world = {"verimage": verimage, "start": start, "refuse": refuse, "images": images}
running = eval(compile(sys.argv[1], "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), world)
if inspect.iscoroutine(running):
    asyncio.run(running)
"""


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_runs(name: str, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(REPOSITORY / "tests")
    (tmp_path / "policy.yaml").write_text(json.dumps(by_key()))
    with registry() as server:
        places = f'[[registry]]\nprefix = "registry.example"\nlocation = "{server.host}/demo"\n'
        (tmp_path / "registries.conf").write_text(places)
        environment = {**os.environ, "CONTAINERS_REGISTRIES_CONF": str(tmp_path / "registries.conf")}
        command = [sys.executable, "-c", RUNNER, EXAMPLES[name]]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    # Whatever asks about an image tells that it may run.
    assert "verify" not in EXAMPLES[name] or DIGEST in done.stdout or "allow" in done.stdout, done.stdout
