"""The binary under test."""

import json
from dataclasses import dataclass
from pathlib import Path

from comparison import Answer
from signing import run, run_or_fail

# What it ends with: allowed, denied, inconclusive.
STATUSES = (0, 1, 3)


@dataclass(frozen=True)
class Verimage:
    """The command line, asked in a nearly empty environment."""

    executable: str
    directory: Path

    def knows(self, option):
        """Whether it has an option for verifying."""
        return option.encode() in run([self.executable, "verify", "--help"], self.directory).stdout

    def converted(self, policy):
        """The native form of a policy, in a file beside it."""
        native = Path(f"{policy}.native.yaml")
        native.write_bytes(run_or_fail([self.executable, "policy", "convert", policy], self.directory))
        return native

    def verdict(self, reference, words, environment=None):
        """Exit status, digest and code of a verdict; or its words of complaint."""
        finished = run([self.executable, "verify", reference, *words, "--format", "json"], self.directory, environment)
        if finished.returncode not in STATUSES:
            return finished.returncode, None, finished.stderr.decode(errors="replace").strip()[-200:]
        verdict = json.loads(finished.stdout)
        return finished.returncode, verdict.get("digest"), verdict.get("code")

    def ask(self, reference, arguments, environment, digest):
        """Verifies and checks that an allowed image is the one that was asked for."""
        command = [self.executable, "verify", reference, *arguments, "--format", "json"]
        finished = run(command, self.directory, environment)
        status = finished.returncode
        if status == 2 and finished.stderr.startswith(b"error: key-unsupported"):
            return Answer(False, status)
        if status not in STATUSES:
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
