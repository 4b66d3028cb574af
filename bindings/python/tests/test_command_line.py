"""The console script is the command line."""

import json
import subprocess
import sys
from pathlib import Path

import verimage
from support import NAME, POLICY, SIGNED, UNSIGNED

SCRIPT = Path(sys.executable).with_name("verimage")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=60)


def test_it_says_its_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"verimage {verimage.__version__}\n")


def test_it_judges_as_the_package_does() -> None:
    common = ("--as", NAME, "--policy", str(POLICY), "--offline", "--at", "2026-01-01T00:00:00Z", "--format", "json")
    for image, exit_code in ((SIGNED, 0), (UNSIGNED, 1)):
        done = run("verify", image, *common)
        verdict = verimage.verify(image, POLICY, name=NAME, at="2026-01-01T00:00:00Z")
        assert (done.returncode, json.loads(done.stdout)) == (exit_code, verdict.to_dict())


def test_wrong_usage_has_its_exit_code() -> None:
    assert run("verify").returncode == 2
    done = run("verify", "nginx", "--policy", "no/such/policy.yaml")
    assert done.returncode == 2 and done.stdout == "" and "no/such/policy.yaml" in done.stderr


def test_it_can_be_run_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "verimage", "codes", "--format", "json"], capture_output=True, text=True, timeout=60)
    assert [row["code"] for row in json.loads(done.stdout)] == [code.code for code in verimage.codes()]
