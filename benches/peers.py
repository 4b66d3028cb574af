#!/usr/bin/env python3
"""Whole processes beside those of the peers: the same images, the same evidence, the same checks, one registry on the loopback interface.

    . tests/tools/env.sh && python3 benches/peers.py [RUNS]

The tools take turns, so that all see the same machine. For each: the shortest and the median wall time, the largest resident set, and
how often the registry was asked. Tools that are absent are skipped aloud.
"""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "tests/fixtures"
VERIMAGE = os.environ.get("VERIMAGE", str(ROOT / "target/release/verimage"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Registry:
    """docker-registry over layouts of the fixtures; its log says what it was asked."""

    def __init__(self, work, images):
        storage, self.host = work / "storage", f"127.0.0.1:{free_port()}"
        for name, layout in images.items():
            subprocess.run([sys.executable, ROOT / "tests/tools/fill_registry.py", storage, FIXTURES / layout, name], check=True)
        config = work / "registry.yaml"
        config.write_text(
            f"version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {storage} }} }}\nhttp: {{ addr: '{self.host}' }}\n"
        )
        self.log = work / "registry.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=subprocess.STDOUT)
        while True:
            try:
                urllib.request.urlopen(f"http://{self.host}/v2/").close()
                return
            except OSError:
                time.sleep(0.02)

    def requests(self):
        """How many requests stand in the log; those of the access log begin with an address."""
        return len(re.findall(r'"(?:GET|HEAD) /v2/', self.log.read_text()))


def digest_of(layout):
    for entry in json.loads((FIXTURES / layout / "index.json").read_text())["manifests"]:
        if entry["annotations"]["org.opencontainers.image.ref.name"] == "v1":
            return entry["digest"]
    raise SystemExit(f"{layout} has no v1")


def seconds(command, environment):
    """How long a process takes; one that fails ends the comparison."""
    begin = time.perf_counter()
    process = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    took = time.perf_counter() - begin
    if process.returncode != 0:
        raise SystemExit(f"{command}: exit {process.returncode}: {process.stderr.decode(errors='replace')[-1500:]}")
    return took


def megabytes(command, environment, work):
    """The largest resident set of a process, as time(1) tells it: a child of this one would begin with its size."""
    seconds(["/usr/bin/time", "-f", "%M", "-o", str(work / "memory"), *command], environment)
    return int((work / "memory").read_text()) / 1024


def cosign(work, registry):
    image = f"{registry.host}/cosign@{digest_of('cosign/layouts/p256')}"
    key = str(FIXTURES / "cosign/keys/p256.pub")
    yield "verimage", [VERIMAGE, "verify", image, "--key", key, "--insecure-ignore-tlog"]
    # The bundle that cosign 3 looks for first is not there; told so, it asks less.
    for name, more in (("COSIGN2", []), ("COSIGN3", ["--new-bundle-format=false"])):
        if os.environ.get(name):
            yield f"cosign {name[-1]}", [os.environ[name], "verify", "--key", key, "--insecure-ignore-tlog", *more, image]


def notation(work, registry):
    config = work / "config/notation"
    store = config / "truststore/x509/ca/acme"
    store.mkdir(parents=True)
    shutil.copy(FIXTURES / "notation/certificates/root.pem", store)
    level = {"level": "strict", "verifyTimestamp": "afterCertExpiry"}
    policy = {"name": "all", "registryScopes": ["*"], "signatureVerification": level, "trustStores": ["ca:acme"], "trustedIdentities": ["*"]}
    (config / "trustpolicy.json").write_text(json.dumps({"version": "1.0", "trustPolicies": [policy]}))
    for name, layout in (("jws", "jws-rsa3072"), ("cose", "cose-p256")):
        image = f"{registry.host}/notation-{name}@{digest_of(f'notation/layouts/{layout}')}"
        own = [VERIMAGE, "verify", image, "--policy", str(config / "trustpolicy.json"), "--trust-store", str(config / "truststore")]
        yield f"verimage, {name}", own
        if os.environ.get("NOTATION"):
            yield f"notation, {name}", [os.environ["NOTATION"], "verify", "--insecure-registry", image]


def simple_signing(work, registry):
    image = f"{registry.host}/demo/rsa2048@{digest_of('simple-signing/images')}"
    places = work / "registries.d"
    places.mkdir()
    (places / "default.yaml").write_text(f"default-docker: {{ lookaside: 'file://{FIXTURES}/simple-signing/lookaside' }}\n")
    identity = {"type": "remapIdentity", "prefix": registry.host, "signedPrefix": "registry.example"}
    requirement = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(FIXTURES / "simple-signing/keys/rsa2048.gpg"), "signedIdentity": identity}
    policy = work / "policy.json"
    policy.write_text(json.dumps({"default": [{"type": "reject"}], "transports": {"docker": {"": [requirement]}}}))
    yield "verimage", [VERIMAGE, "verify", image, "--policy", str(policy), "--registries-d", str(places)]
    if os.environ.get("SKOPEO"):
        target = work / "copy"
        skopeo = [os.environ["SKOPEO"], "--policy", policy, "--registries.d", places, "copy", "--src-tls-verify=false"]
        yield "skopeo", [*map(str, skopeo), f"docker://{image}", f"dir:{target}"]


SCENES = {
    "cosign, a P-256 key, log ignored": cosign,
    "Notary Project": notation,
    "simple signing, RSA-2048 (skopeo copies the image as well)": simple_signing,
}
IMAGES = {
    "cosign": "cosign/layouts/p256",
    "notation-jws": "notation/layouts/jws-rsa3072",
    "notation-cose": "notation/layouts/cose-p256",
    "demo/rsa2048": "simple-signing/images",
}


def compare(title, commands, environment, registry, work, runs):
    print(f"\n{title}")
    own, requests, memories = None, {}, {}
    for name, command in commands:
        asked = registry.requests()
        memories[name] = megabytes(command, environment, work)
        requests[name] = registry.requests() - asked
    kept = {name: [] for name, _ in commands}
    for _ in range(runs):
        for name, command in commands:
            kept[name].append(seconds(command, environment))
    for name, times in kept.items():
        memory = memories[name]
        line = f"  {name:<16} {min(times) * 1e3:8.1f} ms, median {statistics.median(times) * 1e3:8.1f} ms, {memory:6.1f} MiB, {requests[name]} requests"
        if name.startswith("verimage"):
            own = (min(times), memory)
        else:
            line += f"; {min(times) / own[0]:.1f} times the time, {memory / own[1]:.1f} times the memory"
        print(line)


def main():
    runs = int(sys.argv[1]) if sys.argv[1:] else 20
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        registry = Registry(work, IMAGES)
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "XDG_CONFIG_HOME": str(work / "config"), "XDG_RUNTIME_DIR": folder}
        try:
            for title, scene in SCENES.items():
                compare(title, list(scene(work, registry)), environment, registry, work, runs)
            begin = [seconds([VERIMAGE, "--version"], environment) for _ in range(runs)]
            print(f"\nverimage --version: {min(begin) * 1e3:.1f} ms; the binary has {Path(VERIMAGE).stat().st_size / 1e6:.1f} MB")
        finally:
            registry.process.kill()
            registry.process.wait()


main()
