#!/usr/bin/env python3
"""Verifications in one process beside the libraries of the peers: the same evidence in memory, the same checks, nothing asked of anybody.

    . tests/tools/env.sh && python3 benches/peers/libraries.py [ROUNDS]

Each program loads keys, roots and policies, verifies COUNT times to warm up, sees that evidence about another image is refused, and
prints the shortest of RUNS runs of COUNT, in microseconds a verification. The programs take turns, ROUNDS times; the shortest counts.
What each checks stands in its source. Programs that are absent are skipped aloud.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True

from evidence import FIXTURES, ROOT, image_digest, signature

HERE = Path(__file__).resolve().parent
COUNT, RUNS = "3", "300"
KEYLESS = FIXTURES / "keyless"
SIGNER = ("https://github.com/example/app/.github/workflows/release.yml@refs/heads/main", "https://token.actions.githubusercontent.com")

# The files that `tests/tools/install.sh peers` makes, and with what each is run.
PROGRAMS = {
    "go": ["{}/go/beside"],
    "rust": ["{}/rust/bin/beside"],
    "python": ["{}/python/bin/python", str(HERE / "python/beside.py")],
    "node": ["node", "{}/node/beside.mjs"],
}


@dataclass
class Library:
    """One library: what it is called, the program that asks it, the case there, and what to know of the answer."""

    package: str
    program: str
    case: str
    remark: str = ""

    @property
    def name(self):
        """With the version that is pinned."""
        pins = {"go": "go.mod", "rust": "Cargo.toml", "python": "requirements.txt", "node": "package.json"}
        text = (HERE / self.program / pins[self.program]).read_text()
        version = re.search(rf"^\W*{re.escape(self.package)}\W.*?(\d+\.\d+\.\d+)", text, re.MULTILINE)[1]
        return f"{self.package.removeprefix('github.com/')} {version}"

    def command(self, arguments):
        """The command for a case; nothing where its program is absent."""
        words = [word.format(os.environ.get("PEERS", "")) for word in PROGRAMS[self.program]]
        if not all(Path(word).exists() for word in words if "/" in word):
            return None
        return [*words, COUNT, RUNS, self.case, *arguments]


SIGSTORE_GO, COSIGN = "github.com/sigstore/sigstore-go", "github.com/sigstore/cosign/v3"
NOTATION_GO = "github.com/notaryproject/notation-go"
# What these do less than the others. In the fixture the intermediate is signed with P-384, the slowest check of all.
ANCHORS = "does not check the intermediate certificate of the trusted root"
LESS = f"{ANCHORS}, no inclusion proof, no checkpoint, no promise"
BUNDLES = [
    Library("sigstore-verify", "rust", "bundle", ANCHORS),
    Library(SIGSTORE_GO, "go", "bundle"),
    Library("@sigstore/verify", "node", "bundle"),
    Library("sigstore", "python", "bundle", ANCHORS),
]


def bundle(form):
    """A keyless bundle of the fixture."""
    layout = KEYLESS / form
    return [KEYLESS / "trusted_root.json", signature(layout)[1], image_digest(layout), *SIGNER]


def simple_signing(layout, *trust):
    """A payload in the layer of a manifest."""
    return [*trust, *signature(layout), image_digest(layout)]


def envelope(certificate, layout):
    """A Notary Project signature in a layout."""
    return [certificate, layout, image_digest(layout)]


# By scenario of `make bench-ratios`: a title, what the programs get, and the libraries.
CASES = {
    "keyless-bundle": (
        "keyless, bundle with an entry of Rekor v1",
        bundle("bundle"),
        [*BUNDLES, Library("sigstore", "rust", "sigstore-bundle", LESS)],
    ),
    "keyless-tiles": ("keyless, bundle with Rekor v2 and a timestamp", bundle("tiles"), BUNDLES),
    "keyless-legacy": (
        "keyless, annotations as cosign 2 writes them",
        [*simple_signing(KEYLESS / "legacy", KEYLESS / "trusted_root.json"), *SIGNER],
        [Library(COSIGN, "go", "legacy")],
    ),
    "cosign-p256": (
        "cosign, P-256, log ignored",
        simple_signing(FIXTURES / "cosign/layouts/p256", FIXTURES / "cosign/keys/p256.pub"),
        [Library(COSIGN, "go", "key"), Library("sigstore", "rust", "sigstore-key")],
    ),
    "notation-jws-rsa3072": (
        "Notary Project, JWS, RSA-3072, three certificates",
        envelope(ROOT / "benches/fixtures/jws-rsa3072/root.pem", ROOT / "benches/fixtures/jws-rsa3072/layout"),
        [Library(NOTATION_GO, "go", "notation")],
    ),
    "notation-cose-p256": (
        "Notary Project, COSE, P-256, two certificates",
        envelope(FIXTURES / "notation/certificates/root.pem", FIXTURES / "notation/layouts/cose-p256"),
        [Library(NOTATION_GO, "go", "notation")],
    ),
}


def microseconds(command):
    """What a program prints; one that fails ends the comparison."""
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"{command}: exit {finished.returncode}: {(finished.stderr or finished.stdout)[-1500:]}")
    return float(finished.stdout)


def compare(scenario, title, arguments, libraries, rounds):
    print(f"\n{title}")
    own = os.environ.get("BESIDE", str(ROOT / "target/release/beside"))
    commands = {f"verimage, {name}": [own, COUNT, RUNS, f"{name}/{scenario}"] for name in ("aws-lc", "rustcrypto")}
    remarks = {}
    for library in libraries:
        command = library.command(arguments)
        if command:
            name = f"{library.name} ({library.program})"
            commands[name], remarks[name] = command, library.remark
        else:
            print(f"  SKIPPED: {library.name} ({library.program}): its program is not there")
    least = dict.fromkeys(commands, float("inf"))
    for _ in range(rounds):
        for name, command in commands.items():
            least[name] = min(least[name], microseconds(command))
    first = next(iter(least.values()))
    for name, time in least.items():
        print(f"  {name:<40} {time:9.1f} µs, {time / first:6.2f} times{'; ' + remarks[name] if remarks.get(name) else ''}")


def main():
    rounds = int(sys.argv[1]) if sys.argv[1:] else 10
    for scenario, (title, arguments, libraries) in CASES.items():
        compare(scenario, title, [str(argument) for argument in arguments], libraries, rounds)


main()
