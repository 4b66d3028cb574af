"""The step of `action.yml`: asks `verimage` once, and tells the workflow in its own words.

Nothing is decided here: whether the step fails is the exit code of `verimage`.
"""

import json
import os
import subprocess
import sys


def say(kind: str, text: str) -> None:
    """An annotation of the run; nothing in a text can begin another command."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{kind}::{escaped}")


def main() -> int:
    images = os.environ["IMAGES"].split()
    command = ["verimage", "verify", "--format", "jsonl", "--policy", os.environ["POLICY"], "--", *images]
    asked = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    pinned = []
    # Verdicts come as they are made; annotations have one order.
    for verdict in sorted(map(json.loads, asked.stdout.splitlines()), key=lambda verdict: verdict["image"]):
        if verdict.get("admitted") is True and verdict["digest"]:
            say("notice", f"{verdict['image']} is {verdict['digest']}")
            pinned.append(f"{verdict['image'].split('@')[0]}@{verdict['digest']}")
        else:
            say("error", verdict.get("message") or f"{verdict['image']} is refused")
    if asked.returncode == 0:
        with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as outputs:
            outputs.write("pinned<<END\n" + "".join(f"{image}\n" for image in pinned) + "END\n")
    return asked.returncode


sys.exit(main())
