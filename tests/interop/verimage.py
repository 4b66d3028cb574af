"""The binary under test."""

import json
from dataclasses import dataclass
from pathlib import Path

from comparison import Answer
from signing import run


@dataclass(frozen=True)
class Verimage:
    """The command line, asked in a nearly empty environment."""

    executable: str
    directory: Path

    def ask(self, reference, arguments, environment, digest):
        """Verifies and checks that an allowed image is the one that was asked for."""
        command = [self.executable, "verify", reference, *arguments, "--format", "json"]
        finished = run(command, self.directory, environment)
        status = finished.returncode
        if status == 2 and finished.stderr.startswith(b"error: key-unsupported"):
            return Answer(False, status)
        if status not in (0, 1, 3):
            return Answer(False, status, f"exit {status}: {finished.stderr.decode(errors='replace').strip()[-200:]}")
        if status == 0 and named_digest(finished.stdout) != digest:
            return Answer(True, status, f"does not name the digest {digest}")
        return Answer(status == 0, status)


def named_digest(output):
    """The digest that a verdict names, if the output is a verdict."""
    try:
        return json.loads(output)["digest"]
    except (ValueError, KeyError, TypeError):
        return None
